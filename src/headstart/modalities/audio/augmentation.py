"""Augmentation of recordings: which views of them training learns from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headstart.events import OnEvent
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.fresh import Recordings
from headstart.modalities.audio.views import COUNTS, SoundViews


class SoundAugmentation:
    """Augmentation of recordings: fixed views whose activations are kept, or fresh ones."""

    kinds: Mapping[str, int] = COUNTS

    def fixed(self, kind: str, count: int | None = None, seed: int = 0) -> SoundViews:
        """Choose fixed views."""
        return SoundViews(kind, COUNTS.get(kind, 1) if count is None else count, seed)

    def fresh(
        self,
        read: Callable[[int], Clip],
        n: int,
        look: Any,
        kind: str,
        *,
        workers: int,
        on_event: OnEvent,
    ) -> Recordings:
        """Read ``n`` recordings, to be varied anew every time they are heard."""
        return Recordings.read(read, n, look, kind, workers=workers, on_event=on_event)
