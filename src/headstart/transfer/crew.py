"""The crew: threads that share a batch, one core each; and other manners towards the machine.

One operation spread over all cores waits for the slowest at every step, and on a busy machine
collapses to a tenth of its speed. Parts of a batch, each worked on by a single-threaded pass, only
lose their share; on an idle machine they are a little faster too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Crew:
    """A pool of threads; without one, work is done in the calling thread."""

    size: int = 1
    pool: ThreadPoolExecutor | None = None

    def map(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> list[Result]:
        """Work on every part; results in order."""
        return list(self.pool.map(work, parts) if self.pool else map(work, parts))


@contextmanager
def crew(workers: int) -> Iterator[Crew]:
    """Give a crew of single-threaded workers, and put torch's own threads back afterwards."""
    if workers < 2:
        yield Crew()
        return
    with (
        one_thread(),
        ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        yield Crew(workers, pool)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch on one thread in the calling one, and put its own number back afterwards."""
    own = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(own)


@contextmanager
def seeded(device: torch.device, seed: int = 0) -> Iterator[None]:
    """Draw from a stream of one's own: the caller's random state is put back afterwards."""
    with torch.random.fork_rng(devices=[] if device.type == "cpu" else [device]):
        torch.manual_seed(seed)
        yield


def out_of_memory(cause: BaseException) -> bool:
    """Whether an error says that memory is short, which torch words in several ways."""
    said = str(cause).lower()
    return isinstance(cause, MemoryError) or "out of memory" in said or "can't allocate" in said
