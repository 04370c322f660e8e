"""Data for stdout, whole or not at all: kept in a file until the last row is there."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from headstart.text import ANY_NAME, to_json

IN_MEMORY = 2**24
"""Bytes from which on it lies on disk."""


@contextmanager
def spool() -> Iterator[IO[str]]:
    """Give a file to write to, which is gone at the end."""
    with tempfile.SpooledTemporaryFile(
        IN_MEMORY, "w+", encoding="utf-8", errors=ANY_NAME, newline=""
    ) as held:
        yield held


def as_document(
    name: str, rows: Iterable[dict[str, Any]], held: IO[str]
) -> Iterator[dict[str, Any]]:
    """Pass rows on, and write them as one JSON document: ``{"NAME": [...]}``."""
    held.write(f"{{{to_json(name)}: [")
    for n, row in enumerate(rows):
        held.write((", " if n else "") + to_json(row))
        yield row
    held.write("]}\n")


def pour(held: IO[str]) -> None:
    """Write it all, and nothing else, to stdout."""
    held.seek(0)
    shutil.copyfileobj(held, sys.stdout)
    sys.stdout.flush()
