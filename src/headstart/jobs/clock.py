"""Seconds of the parts of a job."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def timed(clock: dict[str, float], name: str) -> Iterator[None]:
    """Note the seconds of a block."""
    mark = time.perf_counter()
    yield
    clock[name] = time.perf_counter() - mark
