"""How fast a backbone is here: measured on this machine, not looked up."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from typing import cast

import numpy as np

from headstart.data.items import Examples
from headstart.features.engines import Engine, Forward
from headstart.features.threads import parallel
from headstart.modalities import Fed

SECONDS = 1.0
"""What a measurement may take once everything is warm; more would not change an order."""


def seconds_per_1000(engine: Engine, examples: Examples | None = None, workers: int = 1) -> float:
    """Measure the wall time to read, decode and embed 1,000 examples, once all is warm.

    The work is that of an embedding pass, on as many threads, overlapped in the same way; nothing
    is cached or stored. It takes about a second (plus an example or batch for each worker, which
    warms up); on a busy machine the result is as slow as the machine then is.

    Parameters
    ----------
    engine : Engine
    examples : Examples, optional
        Readable, gone through again and again. None (or empty): a made-up one, so that nothing is
        read or decoded.
    workers : int, default=1
        Threads; one core each.

    Returns
    -------
    float
        Seconds, > 0.

    Raises
    ------
    DataError
        An example that cannot be read.
    """
    work = _Work(engine, examples, engine.card.look.drawn(1))
    warm = max(2 * workers, engine.batch_size)
    done, start, seconds = 0, 0.0, 0.0
    items = cast("Generator[Fed]", parallel(work, 10**9, workers, work.quiet))
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
    """Read, decode and embed one example; engines that take batches embed in the main thread."""

    engine: Engine
    examples: Examples | None
    drawn: Fed  # a batch of one

    def replicas(self) -> list[Forward | None]:
        """Return the forward pass of the calling thread."""
        return [self.engine.replica() if self.engine.batch_size == 1 else None]

    def quiet(self) -> AbstractContextManager[None]:
        """Silence remarks of what reads."""
        return self.examples.modality.quiet() if self.examples else nullcontext()

    def __call__(self, row: int, forwards: list[Forward | None]) -> Fed:
        fed = self._fed(row)
        if forwards[0] is not None:
            forwards[0](fed)
        return fed

    def _fed(self, row: int) -> Fed:
        if not self.examples:
            return self.drawn
        look = self.engine.card.look
        return look.batch([look(self.examples.read(row % len(self.examples), look.detail))])


def _embedded(items: Iterator[Fed], engine: Engine) -> Iterator[int]:
    """Yield the number of examples each time some are embedded."""
    if engine.batch_size == 1:
        yield from (1 for _ in items)
        return
    forward = engine.replica()
    while batch := list(itertools.islice(items, engine.batch_size)):
        forward(np.concatenate(batch))
        yield len(batch)
