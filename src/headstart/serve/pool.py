"""The pool: threads that compute, each with its own replicas, and the bounded queue before them.

A thread a core, so that no pass waits for another; what comes while all are busy waits its turn,
and what there is no room for is refused at once: a queue without an end makes everybody late.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Generic, TypeVar

Own = TypeVar("Own")
"""What a thread has to itself."""
SLOWEST_WAIT = 60
"""Seconds after which it is worth asking again at the latest."""


class BusyError(Exception):
    """There is no room in the queue; ``retry_after``: when there may be, in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


@dataclass
class Job(Generic[Own]):
    """A piece of work.

    Attributes
    ----------
    size : int
        Examples in it.
    work : callable
        Called in a thread of the pool, with what that thread has to itself.
    future : Future
        Its result.
    """

    size: int
    work: Callable[[Own], Any]
    future: Future[Any] = field(default_factory=Future)


class Pool(Generic[Own]):
    """Threads and their queue.

    Parameters
    ----------
    workers : int
    capacity : int
        Examples that may wait.
    prepare : callable
        Makes what a thread has to itself; called in it, before its first job.
    """

    def __init__(self, workers: int, capacity: int, prepare: Callable[[], Own]) -> None:
        self.capacity = capacity
        self._prepare = prepare
        self._waiting: deque[Job[Own]] = deque()
        self._size = 0
        self._change = threading.Condition()
        self._closed = False
        self._seconds = 0.05  # of an example, on the average of late
        self._started: list[Future[None]] = [Future() for _ in range(workers)]
        self._threads = [
            threading.Thread(target=self._serve, args=(ready,), daemon=True)
            for ready in self._started
        ]

    def start(self) -> None:
        """Start the threads; return once all are prepared, or raise what hindered one."""
        for thread in self._threads:
            thread.start()
        for ready in self._started:
            ready.result()

    @property
    def waiting(self) -> int:
        """Examples in the queue."""
        return self._size

    @property
    def retry_after(self) -> int:
        """Seconds until what is in the queue now may be done."""
        return min(SLOWEST_WAIT, 1 + int(self._seconds * self._size / len(self._threads)))

    def submit(self, jobs: Sequence[Job[Own]]) -> None:
        """Queue jobs, all or none.

        Raises
        ------
        BusyError
            There is no room for all of them.
        """
        size = sum(job.size for job in jobs)
        with self._change:
            if self._closed or self._size + size > self.capacity:
                raise BusyError(self.retry_after)
            self._waiting.extend(jobs)
            self._size += size
            self._change.notify(len(jobs))

    def cancel(self, jobs: Iterable[Job[Own]]) -> None:
        """Take jobs out of the queue whose answers nobody waits for any more."""
        with self._change:
            for job in jobs:
                if job.future.cancel() and job in self._waiting:
                    self._waiting.remove(job)
                    self._size -= job.size

    def close(self) -> None:
        """Finish what is in the queue, take nothing more, and end the threads."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        for thread in self._threads:
            thread.join()

    def _serve(self, ready: Future[None]) -> None:
        try:
            own = self._prepare()
        except BaseException as cause:
            ready.set_exception(cause)
            return
        ready.set_result(None)
        while (job := self._next()) is not None:
            if not job.future.set_running_or_notify_cancel():
                continue
            start = perf_counter()
            try:
                job.future.set_result(job.work(own))
            except BaseException as cause:
                job.future.set_exception(cause)
            each = (perf_counter() - start) / max(job.size, 1)
            self._seconds += 0.05 * (each - self._seconds)

    def _next(self) -> Job[Own] | None:
        with self._change:
            while not self._waiting:
                if self._closed:
                    return None
                self._change.wait()
            job = self._waiting.popleft()
            self._size -= job.size
            return job
