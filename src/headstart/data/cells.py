r"""Cells of a CSV file: no spreadsheet takes one for a formula, and each reads back as it was.

A class may be called ``=HYPERLINK(...)`` and a file ``-1+cmd|...``; a spreadsheet that opens a
table with such a cell runs it. An apostrophe in front makes it a text. Reading takes the apostrophe
off again, and a text that already looks like that gets one more, so that no two are confused.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import IO, Any

_FORMULA = re.compile(r"'*(\s*[=+\-@＝＋－＠]|[\t\r\n])")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


def write_table(
    out: IO[str], columns: Sequence[str], rows: Iterable[Sequence[Any]], *, end: str = "\r\n"
) -> None:
    """Write a table as CSV, its texts guarded.

    Parameters
    ----------
    out : text file
        Opened with ``newline=""``.
    columns : sequence of str
    rows : iterable of sequences
        Numbers are written as they are; None as an empty cell.
    end : str
        Of a line.
    """
    write_lines(out, itertools.chain([columns], rows), end=end)


def write_lines(out: IO[str], rows: Iterable[Sequence[Any]], *, end: str = "\r\n") -> None:
    """Write rows of a table without a header, as ``write_table`` does."""
    table = csv.writer(out, lineterminator=end)
    table.writerows([guarded(c) if isinstance(c, str) else c for c in row] for row in rows)


def write_records(out: IO[str], rows: Iterable[dict[str, Any]], *, end: str = "\r\n") -> None:
    """Write records as they come; the columns are those of the first, or ``path`` alone."""
    coming = iter(rows)
    first = next(coming, None)
    columns = ["path"] if first is None else list(first)
    every = coming if first is None else itertools.chain([first], coming)
    write_table(out, columns, (list(row.values()) for row in every), end=end)


def guarded(text: str) -> str:
    """Put an apostrophe in front of what a spreadsheet would take for a formula.

    Examples
    --------
    >>> guarded("=1+1"), guarded("'=1+1"), guarded("cat"), guarded("-0.5")
    ("'=1+1", "''=1+1", 'cat', '-0.5')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def unguarded(cell: str) -> str:
    """Take off what ``guarded`` put in front.

    Examples
    --------
    >>> unguarded("'=1+1"), unguarded("''=1+1"), unguarded("'n' Sync")
    ('=1+1', "'=1+1", "'n' Sync")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
