"""Labels that stand in several columns of 0 and 1: refused, with the mend."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from headstart.data.formats import Table
from headstart.data.walk import first
from headstart.errors import DataError
from headstart.said import _

_BITS = {
    **dict.fromkeys(("1", "1.0", "true"), 1),
    **dict.fromkeys(("0", "0.0", "false", ""), 0),
}


def refuse_columns_of_labels(table: Table, taken: Collection[str | None]) -> None:
    """Raise ``DataError`` where the classes are columns, of which a row ticks one or several.

    Parameters
    ----------
    taken : collection of str
        Columns that are known to hold something else.
    """
    ticked = [n for n in table.cells if n not in taken and _is_ticked(table.cells[n])]
    if len(ticked) < 2:
        return
    rows = zip(*([_BITS[c.casefold()] for c in table.cells[n]] for n in ticked), strict=True)
    sums = [sum(row) for row in rows]
    shown = first([*map(repr, ticked)], 5)
    if max(sums) < 2:
        raise _one_in_each(table.name, ticked, shown, sums)
    raise DataError(
        _(
            "{table}: {several} of {all} rows have several labels, by a 1 in {n} columns: "
            "{columns}. Several labels for one example are not supported.",
            table=table.name,
            several=sum(n > 1 for n in sums),
            all=len(sums),
            n=len(ticked),
            columns=shown,
        ),
        _("Train one model for each: {option}.", option=f"--y {ticked[0]}"),
    )


def _one_in_each(name: str, ticked: Sequence[str], shown: str, sums: Sequence[int]) -> DataError:
    """Tell of columns of which a row ticks one, or none."""
    quoted = f"[{', '.join(map(repr, ticked))}]"
    code = f'df["label"] = df[{quoted}].idxmax(axis=1)'
    if none := sum(not n for n in sums):
        code = f"df = df[df[{quoted}].any(axis=1)]; {code}"
        message = _(
            "{table} has no column of labels; a 1 in one of {n} columns says the class (in {none} "
            "of {all} none does): {columns}.",
            table=name,
            n=len(ticked),
            none=none,
            all=len(sums),
            columns=shown,
        )
    else:
        message = _(
            "{table} has no column of labels; a 1 in one of {n} columns says the class: {columns}.",
            table=name,
            n=len(ticked),
            columns=shown,
        )
    return DataError(message, _("Make one column of them, with pandas: {code}.", code=code))


def _is_ticked(cells: list[str]) -> bool:
    return {*map(str.casefold, cells)} <= _BITS.keys() and any(_BITS[c.casefold()] for c in cells)
