"""Items of the table that stand in no log: placed by their content, if that is worth anything."""

from __future__ import annotations

from typing import Any

import numpy as np

from headstart.behaviour.cold import judge, named
from headstart.behaviour.content import features, fit, of
from headstart.behaviour.items import ItemTable
from headstart.behaviour.new_items import NewItems
from headstart.behaviour.union import Union
from headstart.events import Event, OnEvent
from headstart.findings import Finding
from headstart.jobs.item_texts import text_vectors
from headstart.machine import Machine
from headstart.said import _, _n


def find_new_items(
    table: ItemTable | None, union: Union, weight: float, seed: int, on_event: OnEvent
) -> tuple[NewItems | None, dict[str, Any] | None, list[Finding]]:
    """Learn to tell items that nobody has chosen, and judge how well that goes.

    Parameters
    ----------
    weight : float
        What the source counts.

    Returns
    -------
    new : NewItems or None
        None where no item is new, or where their content tells no more than chance does.
    found : dict or None
        The ``cold_items`` of ``metrics.json``; None where nothing was judged.
    findings : list of Finding
    """
    place = {name: column for column, name in enumerate(union.items)}
    cold = [row for row, name in enumerate(table.ids) if name not in place] if table else []
    if table is None or not cold:
        return None, None, []
    warm = [row for row, name in enumerate(table.ids) if name in place]
    rows, split = [*warm, *cold], len(warm)
    on_event(Event(_("telling new items by their content")))
    machine = Machine.here(on_event=on_event)
    vectors, findings = text_vectors([table.text[row] for row in rows], machine)
    blocks = features(table, rows, vectors)
    known, others = of(blocks, np.arange(split)), of(blocks, np.arange(split, len(rows)))
    X, columns = union.matrix(weight), np.array([place[table.ids[row]] for row in warm])
    judged, content = judge(X, known, columns, seed), fit(X, known, columns, seed)
    if judged is None or content is None:
        return None, None, [*findings, _nothing(len(cold))]
    found = {"n": len(cold), "way": named(content.way), **judged}
    if judged["gain"]["decision"] != "helps":
        return None, found, findings
    ids, titles = (tuple(names[row] for row in cold) for names in (table.ids, table.titles))
    return NewItems.of(content, others, ids, titles), found, findings


def _nothing(n: int) -> Finding:
    message = _n(
        "{n:,} item of the table stands in no log, and cannot be recommended: too little is known "
        "of those that do.",
        "{n:,} items of the table stand in no log, and cannot be recommended: too little is known "
        "of those that do.",
        n,
    )
    return Finding("note", "info", message, {"items": n})
