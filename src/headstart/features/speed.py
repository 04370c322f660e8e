"""How fast a backbone is here: measured on this machine, not looked up."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from headstart.features.engines import Engine, Forward
from headstart.features.threads import parallel
from headstart.modalities.image.read import read_again

SECONDS = 1.0
"""What a measurement may take once everything is warm; more would not change an order."""


def seconds_per_1000(
    engine: Engine, files: Sequence[Path] | None = None, workers: int = 1
) -> float:
    """Measure the wall time to read, decode and embed 1,000 images, once all is warm.

    The work is that of an embedding pass, on as many threads, overlapped in the same way; nothing
    is cached or stored. It takes about a second (plus an image or batch for each worker, which
    warms up); on a busy machine the result is as slow as the machine then is.

    Parameters
    ----------
    engine : Engine
    files : sequence of Path, optional
        Readable images, gone through again and again. None (or empty): drawn pixels at the
        network's own size, so that nothing is read or decoded.
    workers : int, default=1
        Threads; one core each.

    Returns
    -------
    float
        Seconds, > 0.

    Raises
    ------
    DataError
        A file that cannot be read.
    """
    side = engine.card.preprocessing.size
    drawn = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    work = _Work(engine, files or (), drawn)
    warm = max(2 * workers, engine.batch_size)
    done, start, seconds = 0, 0.0, 0.0
    items = cast("Generator[NDArray[np.uint8]]", parallel(work, 10**9, workers))
    with closing(items):  # stops the threads
        for count in _embedded(items, engine):
            now = time.perf_counter()
            warm -= count
            if not start:
                start = now if warm <= 0 else 0.0
                continue
            done, seconds = done + count, now - start
            if seconds >= SECONDS:
                break
    return 1000 * seconds / done


@dataclass
class _Work:
    """Read, decode and embed one image; engines that take batches embed in the main thread."""

    engine: Engine
    files: Sequence[Path]
    drawn: NDArray[np.uint8]  # (size, size, 3)

    def replicas(self) -> list[Forward | None]:
        """Return the forward pass of the calling thread."""
        return [self.engine.replica() if self.engine.batch_size == 1 else None]

    def __call__(self, row: int, forwards: list[Forward | None]) -> NDArray[np.uint8]:
        pixels = self._pixels(row)[None]
        if forwards[0] is not None:
            forwards[0](pixels)
        return pixels

    def _pixels(self, row: int) -> NDArray[np.uint8]:
        if not self.files:
            return self.drawn
        look = self.engine.card.preprocessing
        return look(read_again(self.files[row % len(self.files)], look.resize))


def _embedded(items: Iterator[NDArray[np.uint8]], engine: Engine) -> Iterator[int]:
    """Yield the number of images each time some are embedded."""
    if engine.batch_size == 1:
        yield from (1 for _ in items)
        return
    forward = engine.replica()
    while batch := list(itertools.islice(items, engine.batch_size)):
        forward(np.concatenate(batch))
        yield len(batch)
