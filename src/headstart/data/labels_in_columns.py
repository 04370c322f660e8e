"""Labels that stand in several columns of 0 and 1: refused, with the mend."""

from __future__ import annotations

from collections.abc import Collection

from headstart.data.formats import Table
from headstart.errors import DataError

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
    shown = ", ".join(map(repr, ticked[:5])) + (", ..." if len(ticked) > 5 else "")
    if max(sums) < 2:
        none = sum(not n for n in sums)
        but = f" (in {none} of {len(sums)} none does)" if none else ""
        listed = f"[{', '.join(map(repr, ticked))}]"
        unticked = f"df = df[df[{listed}].any(axis=1)]; " if none else ""
        raise DataError(
            f"{table.name} has no column of labels; a 1 in one of {len(ticked)} columns says the "
            f"class{but}: {shown}.",
            f'Make one column of them, with pandas: {unticked}df["label"] = '
            f"df[{listed}].idxmax(axis=1).",
        )
    raise DataError(
        f"{table.name}: {sum(n > 1 for n in sums)} of {len(sums)} rows have several labels, by a 1 "
        f"in {len(ticked)} columns: {shown}. Several labels for one example are not supported.",
        f"Train one model for each: --y {ticked[0]}.",
    )


def _is_ticked(cells: list[str]) -> bool:
    return {*map(str.casefold, cells)} <= _BITS.keys() and any(_BITS[c.casefold()] for c in cells)
