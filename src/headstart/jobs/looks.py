"""Where the network looked, in what a run got most wrong or was least sure of."""

from __future__ import annotations

from typing import Any

from headstart.errors import HeadstartError
from headstart.features.engines import Kitchen
from headstart.judge.estimate import Judgement
from headstart.judge.explain import choose, explain, integrity
from headstart.judge.maps import Mapper, embedder, mapper, mapper_of
from headstart.machine import Machine
from headstart.methods.kept import Kept
from headstart.prepare.source import Prepared


def explanations(
    prepared: Prepared, judgement: Judgement, kept: Kept, machine: Machine
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Show what spoke for the answer that an example was given while it was held out.

    Returns
    -------
    list of dict
        As ``report.shown.collect`` takes them; none for networks without maps, for models of
        several layers, and where examples have several labels.
    dict or None
        The test of whether the maps mark what counts, as ``metrics.json`` has it.
    """
    if kept.layers is not None:
        return [], None
    if prepared.dataset.modality.show is None or prepared.dataset.several:
        return [], None
    network: Mapper | None
    if kept.network is not None:
        network = mapper_of(kept.network.backbone)
    else:
        kitchen = Kitchen(machine.cache, machine.workers)
        network = mapper(prepared.ref, prepared.engine, kitchen)
    asked = network or embedder(prepared.engine, machine.workers)
    dataset, y = prepared.dataset, prepared.labels.y[judgement.rows]
    picks = choose(judgement.proba, y)
    rows = [int(judgement.rows[i]) for i, _ in picks]
    said = judgement.proba.argmax(axis=1)
    try:
        found = explain(
            dataset.examples, rows, kept.model, asked, targets=[int(said[i]) for i, _ in picks]
        )
        tested = integrity(found, kept.model, asked, dataset.modality, prepared.labels.seed)
    except HeadstartError:  # a file that went away meanwhile: no reason to lose the run
        return [], None
    place, show = dict(zip(rows, picks, strict=True)), dataset.modality.show
    assert show is not None
    shown = []
    for e in found:
        i, kind = place[e.row]
        shown.append(
            {
                "path": dataset.refs[e.row],
                "label": dataset.classes[y[i]],
                "predicted": dataset.classes[said[i]],
                "confidence": float(judgement.proba[i].max()),
                "kind": kind,
                **show.marked(e.seen, e.weight),
            }
        )
    return shown, tested
