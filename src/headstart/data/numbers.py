"""Columns of numbers in a table: which they are, and the rows they make."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from headstart.data.formats import Table
from headstart.data.items import NumberRows
from headstart.data.walk import first
from headstart.errors import DataError
from headstart.findings import Finding
from headstart.said import N_, _, _n

MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", "?", "-"})
"""How tables write that there is no number."""
COUNTERS = frozenset({"id", "index", "row", "no", "unnamed: 0", "", "编号", "序号"})
"""Names of columns that count the rows: a model would learn the order of the table from them."""
NAMED = 3
"""How many columns a sentence lists."""


def holds_numbers(table: Table, column: str) -> bool:
    """Whether most of what stands in a column is numbers."""
    if column not in table.cells:
        return False
    filled = [cell for cell in table.cells[column] if cell.casefold() not in MISSING]
    return bool(filled) and 2 * sum(_number(cell) is not None for cell in filled) > len(filled)


def is_measured(table: Table, column: str) -> bool:
    """Whether a column holds numbers that do not merely count the rows."""
    return holds_numbers(table, column) and not _counts_rows(table, column)


def columns_of_numbers(
    table: Table, taken: Collection[str | None]
) -> tuple[list[str], list[Finding]]:
    """Choose the columns that make a row: all numbers that are not taken for something else.

    Raises
    ------
    DataError
        Text beside the numbers: whoever made the table has to say what is to be read.
    """
    rest = [name for name in table.cells if name not in taken]
    numbers = [name for name in rest if holds_numbers(table, name)]
    counters = [name for name in numbers if _counts_rows(table, name)]
    numbers = [name for name in numbers if name not in counters]
    text = [name for name in rest if name not in numbers and name not in counters]
    if numbers and text and len(text) <= len(numbers):
        shown = [(name, next(filter(None, table.cells[name]), "")) for name in text]
        more = ",..." if len(numbers) > NAMED else ""
        raise DataError(
            _n(
                "{table}: {n} column holds no numbers: {columns}.",
                "{table}: {n} columns hold no numbers: {columns}.",
                len(text),
                table=table.name,
                columns=first([f"{name!r} ({cell[:30]!r}, ...)" for name, cell in shown], NAMED),
            ),
            _(
                "Name the columns to read, {option}, or write the text as numbers (one column of "
                "0 and 1 for every value).",
                option=f"--x {','.join(numbers[:NAMED])}{more}",
            ),
        )
    if text:
        return [], []
    if not counters:
        return numbers, []
    message = _(
        "{table}: column {column!r} counts the rows and was not read.",
        table=table.name,
        column=counters[0],
    )
    return numbers, [Finding("note", "info", message, {"columns": counters})]


def label_column(table: Table, taken: Collection[str | None]) -> str | None:
    """Guess the labels among numbers: the one column of text whose values come again."""
    text = [name for name in table.cells if name not in taken and not holds_numbers(table, name)]
    if len(text) == len(table.cells):
        return None
    again = [n for n in text if 2 * len(set(table.cells[n])) <= len(table.cells[n])]
    return again[0] if len(again) == 1 else None


def number_rows(table: Table, columns: Sequence[str]) -> NumberRows:
    """Read columns as rows of float64.

    Raises
    ------
    DataError
        Cells without a number, with anything else, or too large for one; with row and column.
    """
    numbers = np.empty((len(table.numbers), len(columns)))
    missing: list[tuple[int, str]] = []
    wrong: list[tuple[int, str]] = []
    for k, column in enumerate(columns):
        for i, (row, cell) in enumerate(zip(table.numbers, table.cells[column], strict=True)):
            value = _number(cell)
            if value is not None and math.isfinite(value):
                numbers[i, k] = value
            elif cell.casefold() in MISSING:
                missing.append((row, _("(column {column!r})", column=column)))
            else:
                said = _("(column {column!r}: {cell!r})", column=column, cell=cell[:30])
                wrong.append((row, said))
    table.refuse(
        N_("{table}: no number in {rows}."),
        wrong,
        _("Correct those cells, or leave the column out with --x A,B,..."),
    )
    table.refuse(
        N_("{table}: a missing value in {rows}."),
        missing,
        _(
            "Fill the gaps, for example with the median of the column, delete those rows, or leave "
            "the column out with --x A,B,..."
        ),
    )
    return NumberRows(numbers, tuple(columns))


def is_number(cell: str) -> bool:
    """Whether a text is a number, and not one that stands for none."""
    return _number(cell) is not None


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return None if math.isnan(value) else value


def _counts_rows(table: Table, column: str) -> bool:
    cells = table.cells[column]
    whole = all(cell.lstrip("-").isdecimal() for cell in cells)
    return column.casefold() in COUNTERS and whole and len(set(cells)) == len(cells)
