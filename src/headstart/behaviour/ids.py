"""Ids of users and items, which a log and a table of items have to write in one way."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.findings import Finding
from headstart.said import _

DROPPED = 0.05
"""Share of rows with blank ids up to which the rest is used (plain choice)."""
WHOLE, POINT = r"^[+-]?\d+(\.0+)?$", r"\.0+$"


def without_points(table: str, column: str, ids: Sequence[str]) -> tuple[list[str], list[Finding]]:
    """Write whole numbers without a point: programs turn ``1`` into ``1.0`` where a cell is blank.

    Ids of which any is no whole number stay as they are; ``""`` is a blank one.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pa.array(ids, pa.string())
    named = values.filter(pc.not_equal(values, ""))
    with_point = pc.match_substring_regex(named, POINT)
    whole = pc.match_substring_regex(named, WHOLE)
    if not pc.any(with_point).as_py() or not pc.all(whole).as_py():
        return list(ids), []
    shown = named.filter(with_point)[0].as_py()
    message = _(
        "{table}: the ids in column {column!r} are whole numbers; {id!r} was read as {plain!r}.",
        table=table,
        column=column,
        id=shown,
        plain=shown.partition(".")[0],
    )
    found = Finding("note", "info", message, {"column": column})
    return pc.replace_substring_regex(values, POINT, "").to_pylist(), [found]
