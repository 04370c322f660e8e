"""Marks of examples, by which is told whether inputs are still those that they were.

What lies in a table or in memory is marked by its bytes. A file is marked by its path, size and
time of change, as ``rsync`` and ``make`` do: to read 50,000 files only to see that they are the
same takes minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from headstart.data.items import Items, times_of

ABSENT = "absent"
"""Of a file that is not there, or may not be looked at: it may come."""


def marks(source: str, refs: Sequence[str], items: Items) -> Iterator[bytes]:
    """Give the marks of some examples, one after the other, to be hashed.

    Parameters
    ----------
    source : str
        What they are called after.
    refs : sequence of str
        How each is shown.
    items : Items of the same length
    """
    for row, ref in enumerate(refs):
        path = items.path(row)
        told = repr((source, ref, times_of(items, row), None if path is None else _state(path)))
        yield told.encode("utf-8", "backslashreplace")
        if path is None:
            data = items.data(row)
            yield len(data).to_bytes(8, "big") + data


def _state(path: Path) -> tuple[str, int, int] | str:
    try:
        found = path.stat()
    except (OSError, ValueError):  # a name that no file can have
        return ABSENT
    return str(path.resolve()), found.st_size, found.st_mtime_ns
