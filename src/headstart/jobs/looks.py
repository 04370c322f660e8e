"""Where the network looked, in what a run got most wrong or was least sure of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart.backbones import ALL
from headstart.errors import HeadstartError
from headstart.features.engines import Kitchen
from headstart.judge.estimate import Judgement
from headstart.judge.explain import choose, explain, few_parts, integrity
from headstart.judge.maps import Embedder, Mapper, embedder, embedder_of, mapper, mapper_of
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
    dataset, y = prepared.dataset, prepared.labels.y[judgement.rows]
    picks = choose(judgement.proba, y)
    rows = [int(judgement.rows[i]) for i, _ in picks]
    said = judgement.proba.argmax(axis=1)
    try:
        asked = _network(prepared, kept, machine, rows)
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


def _network(
    prepared: Prepared, kept: Kept, machine: Machine, rows: Sequence[int]
) -> Mapper | Embedder:
    """Take what the model stands on: with maps, where parts are too many to be left out."""
    engine, trained = prepared.engine, kept.network and kept.network.backbone
    if few_parts(prepared.dataset.examples, rows, engine.card.look):
        return embedder_of(trained) if trained else embedder(engine, machine.workers)
    if prepared.layer == ALL:  # maps of several sizes: none shares the score out
        return embedder(engine, machine.workers)
    network = (
        mapper_of(trained)
        if trained
        else mapper(prepared.source, engine, Kitchen(machine.cache, machine.workers))
    )
    return network or embedder(engine, machine.workers)
