"""Labels that stand in several columns of 0 and 1, one column a label."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from headstart.data.formats import Table
from headstart.said import N_, _
from headstart.tasks.multilabel import together

_BITS = {
    **dict.fromkeys(("1", "1.0", "true"), True),
    **dict.fromkeys(("0", "0.0", "false", ""), False),
}


def columns_of_labels(table: Table, taken: Collection[str | None]) -> list[str]:
    """Find columns of which a row ticks one or several: two or more, or none.

    Parameters
    ----------
    taken : collection of str
        Columns that are known to hold something else.
    """
    ticked = [n for n in table.cells if n not in taken and is_ticked(table.cells[n])]
    return ticked if len(ticked) > 1 else []


def is_ticked(cells: Sequence[str]) -> bool:
    """Whether a column holds nothing but 0 and 1, and some 1."""
    return {*map(str.casefold, cells)} <= _BITS.keys() and any(_BITS[c.casefold()] for c in cells)


def ticked(table: Table, names: Sequence[str]) -> list[str]:
    """Name the columns that each row ticks, several with ``;`` between them.

    Raises
    ------
    DataError
        A cell that holds neither 0 nor 1.
    """
    for name in names:
        table.refuse(
            N_("{table}: neither 0 nor 1 in column {column!r} in {rows}."),
            [
                (number, repr(cell))
                for number, cell in zip(table.numbers, table.cells[name], strict=True)
                if cell.casefold() not in _BITS
            ],
            _("Of several columns of labels each holds 1 where its label applies, else 0."),
            column=name,
        )
    rows = zip(*(table.cells[name] for name in names), strict=True)
    return [
        together(n for n, cell in zip(names, row, strict=True) if _BITS[cell.casefold()])
        for row in rows
    ]
