"""What belongs together although nobody said so: stretches of one recording, a column, names."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from headstart.data.formats import Table
from headstart.data.items import Items, Stretches
from headstart.findings import Finding
from headstart.said import _, _n, commas

GROUP_COLUMNS = (
    *("speaker", "speaker_id", "spk", "spk_id", "client_id", "actor", "actor_id", "singer"),
    *("patient", "patient_id", "subject", "subject_id", "participant", "participant_id"),
    *("person", "person_id", "recording", "recording_id", "session", "session_id"),
    *("说话人", "病人", "患者", "受试者"),
)
"""Usual names of a column that says what belongs together; it is offered, never taken."""


def of_recordings(
    items: Items, refs: Sequence[str], is_test: NDArray[np.bool_]
) -> tuple[NDArray[np.str_] | None, list[Finding]]:
    """Keep stretches of one recording together, where there are enough of them to hold one out."""
    if not isinstance(items, Stretches) or len(set(items.files)) == len(items):
        return None, []
    train = {file for file, test in zip(items.files, is_test, strict=True) if not test}
    n, least = len(train), 2 if is_test.any() else 3
    if n < least:
        text = _n(
            "All stretches to learn from are of {n} recording, so none can be held out and the "
            "rest learned from. They are scored on stretches of recordings that were learned from, "
            "which says nothing about new recordings. Add recordings.",
            "All stretches to learn from are of {n} recordings, so none can be held out and the "
            "rest learned from. They are scored on stretches of recordings that were learned from, "
            "which says nothing about new recordings. Add recordings.",
            n,
        )
        return None, [Finding("groups", "warning", text, {"recordings": n})]
    groups = np.array([ref.rpartition(" [")[0] for ref in refs])
    text = _(
        "The stretches are of {n} recordings; those of one are kept on one side of every split. "
        "Where one speaker has several recordings, say so with --groups.",
        n=len(set(items.files)),
    )
    return groups, [Finding("groups", "info", text, {"recordings": len(set(items.files))})]


def column_offer(table: Table, taken: Collection[str | None]) -> list[Finding]:
    """Say that a column may tell what belongs together, by its name and its values."""
    column = table.guess(GROUP_COLUMNS, taken)
    if column is None:
        return []
    values = [value for value in table.cells[column] if value]
    distinct = list(dict.fromkeys(values))
    if len(distinct) < 2 or 2 * len(distinct) > len(values):
        return []
    message = _(
        "{table}: column {column!r} has {n} values ({values}) for {rows} rows and was not used. If "
        "rows of one value belong together, the score is too good, since some of each are learned "
        "from and others tested on. Then add {option}.",
        table=table.name,
        column=column,
        n=len(distinct),
        values=commas([*map(repr, distinct[:3]), *(["..."] if len(distinct) > 3 else [])]),
        rows=len(values),
        option=f"--groups {column}",
    )
    return [Finding("groups", "warning", message, {"column": column, "values": len(distinct)})]
