"""Augmentation of images: which views of them training learns from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from headstart.events import OnEvent
from headstart.modalities.image.look import Preprocessing
from headstart.modalities.image.read import Picture
from headstart.modalities.image.views import COUNTS, Views, views

if TYPE_CHECKING:
    from headstart.modalities.image.fresh import Pictures


class Augmentation:
    """Augmentation of images: fixed views whose activations are kept, or fresh ones."""

    kinds: Mapping[str, int] = {**COUNTS, "pad": 0, "colour": 0, "randaugment": 0}

    def fixed(self, kind: str, count: int | None = None, seed: int = 0) -> Views:
        """Choose fixed views."""
        return views(kind, count, seed)

    def fresh(
        self,
        read: Callable[[int], Picture],
        n: int,
        look: Preprocessing,
        kind: str,
        *,
        workers: int,
        on_event: OnEvent,
    ) -> Pictures:
        """Read ``n`` images to be augmented anew every time they are seen."""
        from headstart.modalities.image.fresh import Pictures  # imports torch

        return Pictures.read(read, n, look, kind, workers=workers, on_event=on_event)
