"""Recordings for training a whole network: read once, varied anew every time they are heard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.events import Event, OnEvent, ignore
from headstart.modalities import Fed
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.views import varied
from headstart.said import _

Rows = NDArray[np.int64]
MAX_BYTES = 2**30
"""Samples kept in memory, 4 hours and a half at 16 kHz; what is beyond is read every epoch."""


@dataclass(frozen=True)
class Recordings:
    """Recordings by row, as a network takes them.

    Attributes
    ----------
    read_one : callable
        Row -> Clip.
    look : Mels or Waves
    kind : str
        The augmentation.
    workers : int
        Threads that read and prepare.
    kept : dict of int to Clip
        Those that are in memory.
    known : dict of int to int
        Sizes as the network takes them, by row.
    """

    read_one: Callable[[int], Clip]
    look: Any
    kind: str
    workers: int
    kept: dict[int, Clip] = field(default_factory=dict)
    known: dict[int, int] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        read: Callable[[int], Clip],
        n: int,
        look: Any,
        kind: str,
        *,
        workers: int,
        on_event: OnEvent = ignore,
    ) -> Recordings:
        """Read all recordings, and keep as many as fit in memory."""
        found, room = cls(read, look, kind, workers), MAX_BYTES
        with ThreadPoolExecutor(workers) as pool:
            for row, (clip, size) in enumerate(pool.map(found._measured, range(n))):
                found.known[row] = size
                if clip.samples.nbytes <= room:
                    found.kept[row] = clip
                    room -= clip.samples.nbytes
                on_event(Event(_("reading recordings"), row + 1, n, _("recordings")))
        return found

    def plain(self, rows: Rows) -> Fed:
        """Return recordings as prediction hears them."""
        return self._prepared(rows, (None for _row in rows))

    def varied(self, rows: Rows, rng: np.random.Generator) -> Fed:
        """Return recordings as augmentation lets them be heard this once."""
        return self._prepared(rows, rng.spawn(len(rows)))

    def sizes(self, rows: Rows) -> Rows:
        """Return how large each is, so that like ones come together."""
        return np.array([self.known[int(row)] for row in rows], np.int64)

    def _prepared(self, rows: Rows, draws: Iterable[np.random.Generator | None]) -> Fed:
        def prepare(row: int, rng: np.random.Generator | None) -> Fed:
            clip = self.kept[row] if row in self.kept else self.read_one(row)
            fed: Fed = self.look(clip) if rng is None else varied(clip, self.look, self.kind, rng)
            return fed

        with ThreadPoolExecutor(self.workers) as pool:
            made: Iterator[Fed] = pool.map(prepare, map(int, rows), draws)
            batch: Fed = self.look.batch(list(made))
        return batch

    def _measured(self, row: int) -> tuple[Clip, int]:
        clip = self.read_one(row)
        return clip, int(self.look(clip).size)
