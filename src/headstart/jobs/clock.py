"""The time of a job: since when it runs, and the seconds of its parts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Runs from when it is made.

    Attributes
    ----------
    began : float
        By ``time.monotonic``: what a budget counts from.
    parts : dict of str to float
        Seconds by name, in the order they were noted.
    moments : dict of str to float
        Seconds from the start to what was reached.
    """

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._start = time.perf_counter()
        self.parts: dict[str, float] = {}
        self.moments: dict[str, float] = {}

    @property
    def total(self) -> float:
        """Seconds so far."""
        return time.perf_counter() - self._start

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note the seconds of a block."""
        mark = time.perf_counter()
        yield
        self.parts[name] = time.perf_counter() - mark

    def reached(self, name: str) -> None:
        """Note the seconds so far."""
        self.moments[name] = self.total

    def rest(self, name: str) -> None:
        """Note the seconds so far that no part has taken."""
        self.parts[name] = self.total - sum(self.parts.values())
