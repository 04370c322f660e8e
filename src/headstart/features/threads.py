"""Independent threads over numbered work: the next number to whoever is free."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeVar

from headstart.features.engines import Forward

Item = TypeVar("Item", covariant=True)


class Work(Protocol[Item]):
    """What threads do: each has its own forward passes."""

    def replicas(self) -> list[Forward | None]:
        """Return the forward passes of the calling thread."""

    def __call__(self, row: int, forwards: list[Forward | None], /) -> Item:
        """Do one piece of work."""


def parallel(
    work: Work[Item],
    n: int,
    workers: int,
    quiet: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Generator[Item]:
    """Run ``work`` over 0..n-1 in threads; yield results as they come, in any order.

    At most a few results wait at a time, so memory does not grow with ``n``. An error in a worker,
    or Ctrl-C while the caller waits, stops all workers before it travels on; for what comes in
    between, the caller closes the generator. ``quiet`` makes a context for the calling thread,
    around all of it: filters of warnings belong to the whole process.
    """
    rows = itertools.count()
    results: queue.Queue[Any] = queue.Queue(maxsize=8 * workers)
    stop = threading.Event()

    def worker() -> None:
        try:
            forwards = work.replicas()
            while not stop.is_set() and (row := next(rows)) < n:
                _offer(results, work(row, forwards), stop)
        except BaseException as cause:
            _offer(results, cause, stop)
        _offer(results, None, stop)

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(min(workers, n) or 1)]
    with quiet():
        for thread in threads:
            thread.start()
        try:
            running = len(threads)
            while running:
                item = results.get()
                if item is None:
                    running -= 1
                elif isinstance(item, BaseException):
                    raise item
                else:
                    yield item
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def _offer(results: queue.Queue[Any], item: Any, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            results.put(item, timeout=0.1)
            return
        except queue.Full:
            continue
