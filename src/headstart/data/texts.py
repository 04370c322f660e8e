"""Columns of texts in a table: which they are, by what is in them, and the cells they give.

Whether a cell is an example is for the modalities to say; here only whether a column is worth
asking about: filled, and different from row to row.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import PurePath

from headstart.data.formats import Table
from headstart.data.items import Cells
from headstart.data.numbers import MISSING, holds_numbers
from headstart.errors import DataError
from headstart.findings import Finding
from headstart.modalities import reads_cells, recognised
from headstart.said import N_, _, commas

LOOKED_AT = 100
"""Cells of a column that are looked at, spread over all."""
SURE = 0.6
"""How sure a modality must be of them (plain choice: words with nothing around them are 0.4)."""
DIFFERENT, FILLED = 0.5, 0.8
"""Shares of different cells, and of cells with anything in them, from which on a column may hold
texts: classes come again, remarks are rare (plain choice)."""
WIDE = 15
"""The least mean width of texts, in places of which a Chinese character takes two (plain choice:
names of people and places are shorter)."""
_CONTROL = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")
_HALF = re.compile("[\ud800-\udfff]")
CLEANED = N_("{table}: control characters or halves of characters in {rows}; they were replaced.")


def columns_of_texts(table: Table, taken: Collection[str | None] = ()) -> list[str]:
    """List the columns that hold texts, the longest first."""
    width = {
        name: _mean_width(table.cells[name])
        for name in table.cells
        if name not in taken and holds_texts(table, name)
    }
    wide = (name for name in width if width[name] >= WIDE)
    return sorted(wide, key=lambda name: -width[name])


def holds_texts(table: Table, column: str) -> bool:
    """Whether most cells of a column are texts, hardly two of them the same."""
    cells = table.cells[column]
    filled = [cell for cell in cells if cell.casefold() not in MISSING]
    if len(filled) < FILLED * len(cells) or len(set(filled)) < DIFFERENT * len(filled):
        return False
    return not holds_numbers(table, column) and not names_files(filled) and _read(filled) >= SURE


def names_files(cells: Sequence[str]) -> bool:
    """Whether most cells look like the names of files that are examples."""
    looked = _some(cells)
    seen = sum(
        bool(PurePath(cell).suffix) and len(cell) < 256 and recognised(PurePath(cell).name)
        for cell in looked
    )
    return 2 * seen > len(looked)


def label_beside(table: Table, taken: Collection[str | None]) -> str | None:
    """Guess the labels beside texts: the one column whose values come again."""
    again = [
        name
        for name, cells in table.cells.items()
        if name not in taken and 1 < len(set(cells)) <= len(cells) / 2
    ]
    return again[0] if len(again) == 1 else None


def read_texts(table: Table, column: str) -> tuple[Cells, list[Finding]]:
    """Take the cells of a column, without what no text holds; say so once."""
    cleaned = [clean(cell) for cell in table.cells[column]]
    found = [
        (number, "")
        for number, cell, text in zip(table.numbers, table.cells[column], cleaned, strict=True)
        if cell != text
    ]
    cells = Cells(tuple(map(str.strip, cleaned)), column)
    if not found:
        return cells, []
    message = _(CLEANED, table=table.name, rows=table.listed(found))
    return cells, [Finding("note", "info", message, {"count": len(found)})]


def clean(text: str) -> str:
    r"""Replace control characters by spaces, and halves of characters, which UTF-8 cannot write.

    Examples
    --------
    >>> clean("a\0b"), clean("half: \ud83d"), clean("two halves: \ud83d\ude00")
    ('a b', 'half: \ufffd', 'two halves: \U0001f600')
    """
    text = _CONTROL.sub(" ", text)
    if _HALF.search(text):
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def refuse_numbers(table: Table, column: str, many: str) -> None:
    """Raise ``DataError`` for a column of numbers where texts or the like are meant."""
    if not holds_numbers(table, column):
        return
    seen = [cell for cell in table.cells[column] if cell][:3]
    texts = columns_of_texts(table, (column,))
    raise DataError(
        _(
            "{table}: column {column!r} holds numbers ({cells}, ...), not {many}.",
            table=table.name,
            column=column,
            cells=commas(seen),
            many=many,
        ),
        _("Name a column of texts, {option}.", option=f"--x {texts[0]!r}")
        if texts
        else _("Its columns are {columns}.", columns=commas(table.cells)),
    )


def _read(cells: Sequence[str]) -> float:
    return reads_cells(_some(cells))


def _some(cells: Sequence[str]) -> Sequence[str]:
    return cells[:: max(1, len(cells) // LOOKED_AT)]


def _mean_width(cells: Sequence[str]) -> float:
    looked = [cell for cell in _some(cells) if cell]
    wide = sum(unicodedata.east_asian_width(c) in "WF" for cell in looked for c in cell[:1000])
    return (sum(min(len(cell), 1000) for cell in looked) + wide) / max(len(looked), 1)
