"""The command ``adapt``: from a labelled source and an unlabelled target to a run folder.

Read in order: the source is prepared as for any run, the target embedded beside it, the shift
between them seen, methods fitted and one chosen without target labels, a run folder written.
Labels of the target, where the user has some to show, are revealed when all that is over.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from headstart.adaptation.align import NoAdaptation
from headstart.adaptation.domains import Adapter, Domains
from headstart.adaptation.families import AUTO, adapters_of
from headstart.adaptation.labelling import Labelled, learn
from headstart.adaptation.sealed import TargetLabels
from headstart.adaptation.select import PLAIN, Selection, select
from headstart.adaptation.shift import find_shift
from headstart.data.items import Examples, written
from headstart.data.unlabelled import STANDS_FOR, open_unlabelled, read_weights
from headstart.errors import ConfigError, DataError
from headstart.events import Event, OnEvent, ignore
from headstart.folder.files import whole_folder, write_rows
from headstart.folder.place import destination
from headstart.jobs.adapt.from_run import adapt_run, is_run
from headstart.jobs.adapt.section import describe, proposals
from headstart.jobs.adapt.target import (
    UNLABELLED,
    answers,
    encode,
    labels_told,
    model_for,
    shared_images,
)
from headstart.jobs.adapt.truth import compare_with_truth
from headstart.jobs.clock import timed
from headstart.jobs.judged import Judged, judge_model
from headstart.jobs.record import write_run
from headstart.judge.crossval import Outcome, calibrated, in_threads
from headstart.judge.estimate import Plan, plan
from headstart.machine import cache_folder, worker_count
from headstart.methods.kept import Kept
from headstart.methods.probe import fit
from headstart.prepare.config import PROBE, configure, taken
from headstart.prepare.refusals import changed, job, refuse_for_run
from headstart.prepare.source import Prepared, prepare, read_source
from headstart.prepare.target import Target, embed_target
from headstart.report import render
from headstart.report.shown import collect_adaptation
from headstart.run import Run
from headstart.transfer import FittedModel
from headstart.transfer.probe import Choice, fit_temperature

PROPOSED = ("predicted", STANDS_FOR, "why")


@job
def adapt(
    source: str | Path,
    target: str | Path,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    methods: str = "auto",
    networks: bool = False,
    target_labels: str | Path | None = None,
    label_budget: int | None = None,
    labelled: str | Path | None = None,
    backbone: str | None = None,
    size: int | None = None,
    seed: int = 0,
    device: str = "auto",
    balanced: bool = False,
    strict: bool = False,
    x: str | None = None,
    y: str | None = None,
    groups: str | None = None,
    groups_from: str | None = None,
    encoding: str = "utf-8",
    modality: str | None = None,
    on_event: OnEvent = ignore,
) -> Run:
    """Take what a labelled source teaches to a target that looks different.

    Parameters
    ----------
    source : str or Path
        Labelled data, as :func:`headstart.train` takes it; or a run folder.
    target : str or Path
        Images without labels: a folder, a table of paths, an archive, ``builtin:NAME``. Labels in
        it are not read.
    out, overwrite, on_event
        As in :func:`headstart.train`; the default folder is ``runs/SOURCE-to-TARGET``.
    methods : str
        Names of methods with commas, or ``"auto"``. Not adapting always competes, and wins unless
        there is evidence against it.
    networks : bool, default=False
        Also fine-tune the last layers on both domains.
    target_labels : str or Path, optional
        Labels of the target to score the finished result with; they decide nothing.
    label_budget : int, optional
        Propose so many images of the target to be labelled.
    labelled : path, optional
        A table of the target's images some of which have a label: learned from.
    backbone, size, seed, device, balanced, strict
        As in :func:`headstart.train`; of ``backbone`` one.
    x, y, groups, groups_from, encoding, modality
        As there; ``x`` and ``encoding`` also for a table of the target.

    Returns
    -------
    Run
        Its model is for images like the target's.

    Raises
    ------
    DataError, ConfigError, UnknownNameError, BackboneError
        Before anything is written.
    """
    given = locals()  # of all that follows nothing yet: the options alone
    start = time.perf_counter()
    asked = {
        "target": _name(target),
        "methods": methods,
        "networks": networks,
        "target_labels": _name(target_labels),
        "label_budget": label_budget,
        "labelled": _name(labelled),
    }
    config = configure(source, {**taken("adapt", given), "method": PROBE})
    if is_run(source):
        refuse_for_run(changed(adapt, given))
        return adapt_run(
            source, target, config,
            out=out, overwrite=overwrite, target_labels=target_labels, on_event=on_event,
        )  # fmt: skip
    if networks and labelled is not None:
        raise ConfigError(
            "--networks and --labelled: labels choose among models on features, not networks.",
            "Leave one of the two out.",
        )
    if label_budget is not None and label_budget < 1:
        raise ConfigError(f"--label-budget {label_budget} asks for nothing.", "Try 30.")
    adapters = adapters_of(methods)
    if networks:
        from headstart.jobs.adapt.networks import Networks, kept_network, network_methods

        trained_by = network_methods(None if methods == AUTO else adapters)
    labels = (target_labels, labelled)
    folder = destination(config.data, out, overwrite, target=str(target), labels=labels)
    dataset = read_source(config, on_event)
    listed = open_unlabelled(
        target,
        dataset.modality,
        columns=dataset.examples.items.columns,
        x=config.x,
        encoding=config.encoding,
        cache_dir=cache_folder(),
        on_event=on_event,
    )
    told = labels_told(config, listed, target_labels, "--target-labels")
    few = labels_told(config, listed, labelled, "--labelled")
    told = {place: label for place, label in told.items() if place not in few}
    if target_labels is not None and not told:
        raise ConfigError(
            "--target-labels names no image but those that --labelled learns from: a score on "
            "them would flatter.",
            "Give labels of other images, or leave --target-labels out.",
        )
    prepared = prepare(config, dataset, baseline=True, on_event=on_event)
    _refuse_strangers(few, prepared.dataset.classes)
    goal = embed_target(config, prepared.engine, listed, on_event)
    found = [*goal.findings, *shared_images(prepared, goal)]
    prepared = replace(prepared, dataset=prepared.dataset.noting(*found))
    clock = {"embed_s": prepared.features.seconds + goal.features.seconds}
    clock["prepare_s"] = prepared.backbone_seconds
    clock["read_s"] = time.perf_counter() - start - sum(clock.values())

    with timed(clock, "fit_s"):
        # kNN and class means, where they fit the source better, are lost on another domain.
        model, choice = fit(prepared, on_event, rivals=False)
    with timed(clock, "adapt_s"), threadpool_limits(1):  # see judge.crossval.in_threads
        domains = domains_of(prepared, goal, choice)
        on_event(Event("looking for a shift"))
        shift = find_shift(domains) if len(goal.data) > 1 else None
        networked = None
        if networks:
            networked = Networks.of(config, prepared, goal, trained_by, on_event)
        selection = select(
            domains,
            (NoAdaptation(), *adapters),
            shift_found=shift is not None and shift.found,
            groups=prepared.training()[1].groups,
            classes=prepared.dataset.classes,
            others=networked.trials if networked else None,
            workers=worker_count(),
            tick=partial(_tick, on_event, "adapting"),
        )
        weights = (
            read_weights(labelled, listed.examples, encoding=config.encoding) if labelled else {}
        )
        learned = _learn(domains, selection, few, weights, goal, prepared.dataset.classes)
        network = networked.whole(selection.chosen) if networked else None
    with timed(clock, "judge_s"), threadpool_limits(1):
        if network is not None:
            kept, chosen = kept_network(network, selection, prepared, model.classes)
        else:
            kept, chosen = keep(prepared, domains, adapters, selection, learned, model, on_event)
        assert kept.model is not None
        judged = judge_model(config, prepared, kept.model, choice, chosen, kept, None, on_event)
        seen = goal if network is None else goal.embedded(network.target_features)
        judged = for_target(judged, seen, selection, learned)
        section = describe(prepared, seen, domains, selection, shift, judged.model, learned)
    if label_budget is not None:
        section["proposals"] = proposals(domains, seen, judged.model, label_budget)
    if told:
        sealed = TargetLabels(encode(told, goal, prepared.dataset.classes))
        trials = [c.trial for c in selection.candidates if not c.trial.failure]
        answered = {t.name: t.answers for t in trials}
        said = judged.model.predict_proba(seen.X).argmax(axis=1)
        plain = model.predict_proba(goal.X).argmax(axis=1)
        section |= compare_with_truth(sealed.reveal(selection), section, answered, said, plain)

    with whole_folder(folder) as beside:
        on_event(Event("writing the run folder"))
        shown = collect_adaptation(goal.data.examples, section)
        write_run(
            beside, judged, clock, start,
            sections={"adaptation": section}, pictures={"adaptation": shown},
            asked={"adaptation": asked},
        )  # fmt: skip
        write_rows(answers(listed, seen, judged.model), beside / "target_predictions.csv")
        if section["proposals"]:
            write_rows(_to_label(section["proposals"], goal.data.examples), beside / "to_label.csv")
        render(beside, name=folder.name)
    return Run(folder)


def domains_of(prepared: Prepared, goal: Target, choice: Choice) -> Domains:
    """Put the training rows of the source beside the target."""
    X, labels = prepared.training()
    return Domains(
        X.astype(np.float64), labels.y, goal.X.astype(np.float64), labels.n_classes,
        choice.C, labels.balanced, labels.seed,
    )  # fmt: skip


def keep(
    prepared: Prepared,
    domains: Domains,
    adapters: Sequence[Adapter],
    selection: Selection,
    learned: Labelled | None,
    model: FittedModel,
    on_event: OnEvent,
) -> tuple[Kept, Plan]:
    """Return what was chosen as it answers for the source, with its held-out answers there.

    What learned from labels of the target is not judged on the source: the plain model is.
    """
    own = learned is None or learned.name == selection.chosen
    adapter = next((a for a in adapters if own and a.name == selection.chosen), NoAdaptation())
    head = (selection.adapted if own else selection.plain).source
    costly = adapter.name != PLAIN
    chosen = plan(prepared.labels, prepared.dataset.is_test, costly=costly)
    outcome, temperature = judge_adapter(adapter, domains, prepared, chosen, on_event)
    at_source = replace(model, head=head, temperature=temperature)
    return Kept([], "", outcome, model=at_source), chosen


def for_target(
    judged: Judged, goal: Target, selection: Selection, learned: Labelled | None
) -> Judged:
    """Give what was judged on the source the head for the target, and what is familiar there."""
    head = learned.head if learned is not None else selection.adapted.target
    if judged.kept is not None and judged.kept.backbone is not None:
        head = judged.model.head  # a network's, for its own embeddings
    name = learned.name if learned is not None else selection.chosen
    if name == PLAIN:
        return judged
    temperature = judged.model.temperature if name == selection.chosen else 1.0
    model, unfamiliar = model_for(goal, judged.model, head, temperature)
    kept = judged.kept or Kept([], "", model=model)
    doubts = replace(judged.doubts, unfamiliar=unfamiliar)
    return replace(judged, model=model, doubts=doubts, kept=replace(kept, model=model))


def judge_adapter(
    adapter: Adapter, domains: Domains, prepared: Prepared, chosen: Plan, on_event: OnEvent
) -> tuple[Outcome, float]:
    """Judge a method on the source: in every fold it adapts anew, without the held-out rows.

    Returns
    -------
    Outcome
    temperature : float
        Of the held-out logits.
    """
    X, y = prepared.features.vectors[0].astype(np.float64), prepared.labels.y

    def run(fold: tuple[NDArray[np.int64], NDArray[np.int64]]) -> NDArray[np.floating]:
        train, held = fold
        part = replace(domains, source=X[train], y=y[train])
        return adapter.fit(part).source.logits(X[held])

    tick = partial(_tick, on_event, "judging the adaptation")
    logits = in_threads(run, chosen.folds, worker_count(), tick)
    held = [rows for _, rows in chosen.folds]
    outcome = Outcome(calibrated(logits, held, y), [0.0] * len(held))
    return outcome, fit_temperature(np.concatenate(logits), y[np.concatenate(held)])


def _learn(
    domains: Domains,
    selection: Selection,
    few: dict[int, str],
    weights: dict[int, float],
    goal: Target,
    classes: Sequence[str],
) -> Labelled | None:
    """Learn from the labels of the target that the user gave for it."""
    if not few:
        return None
    codes = encode(few, goal, classes)
    rows = np.flatnonzero(codes != UNLABELLED)
    ready = {selection.chosen: selection.adapted.target, PLAIN: selection.plain.target}
    places = goal.kept[rows].tolist()
    drawn = all(place in weights for place in places)
    stands_for = np.array([weights[place] for place in places]) if drawn else None
    return learn(domains, ready, rows, codes[rows], stands_for=stands_for)


def _refuse_strangers(few: Mapping[int, str], classes: Sequence[str]) -> None:
    strange = sorted(set(few.values()) - set(classes))
    if strange:
        raise DataError(
            f"--labelled names classes that the source does not have: {', '.join(strange[:5])}.",
            f"The source has {', '.join(classes)}. Correct them, or leave those rows empty.",
        )


def _to_label(proposed: Sequence[Mapping[str, Any]], target: Examples) -> list[dict[str, Any]]:
    """Make a table to fill in; its paths are whole, so that it may be moved.

    What lies in a table itself is written out: the columns of a row, the text of a cell.
    """
    row_of = {ref: row for row, ref in enumerate(target.refs)}
    return [
        {**written(target, row_of[p["path"]]), "label": "", **{k: p[k] for k in PROPOSED}}
        for p in proposed
    ]


def _name(data: str | Path | None) -> str | None:
    """Return the last part of a path: what stands before may hold a user's name."""
    return None if data is None else Path(data).name


def _tick(on_event: OnEvent, stage: str, done: int, total: int) -> None:
    on_event(Event(stage, done, total, "fits"))
