"""A model with all that is said of it: score, verdict, what to doubt it for, its reasons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from headstart.events import Event
from headstart.findings import Finding
from headstart.jobs.doubts import Doubts, doubt
from headstart.jobs.looks import explanations
from headstart.jobs.rank import Picked
from headstart.judge.crossval import judge_folds
from headstart.judge.curve import learning_curve
from headstart.judge.estimate import TRANSFER, Judgement, assess
from headstart.judge.order import check_order
from headstart.judge.shortcuts import Shortcut, caution, find_shortcuts, names_alike
from headstart.judge.shortcuts import finding as shortcut_finding
from headstart.machine import Machine
from headstart.methods.kept import Kept
from headstart.prepare.config import Config
from headstart.prepare.source import Prepared, baseline_spaces
from headstart.transfer.probe import Choice


@dataclass(frozen=True)
class Judged:
    """What a method left, with all that is said of it: what a run folder is written from.

    Attributes
    ----------
    choice : Choice
        Of the probe's head.
    kept : Kept
        Its model has learned when to give no answer.
    picked : Picked or None
        Where the backbone was chosen among several.
    shown, tested
        See :func:`headstart.jobs.looks.explanations`.
    """

    config: Config
    prepared: Prepared
    choice: Choice
    kept: Kept
    picked: Picked | None
    judgement: Judgement
    findings: list[Finding]
    curve: list[dict[str, Any]]
    doubts: Doubts
    shown: list[dict[str, Any]]
    tested: dict[str, Any] | None


def judge_model(
    config: Config,
    prepared: Prepared,
    choice: Choice,
    kept: Kept,
    machine: Machine,
    picked: Picked | None = None,
) -> Judged:
    """Judge what was kept in every respect: score, verdict, what to doubt it for, its reasons."""
    judgement = estimate(prepared, kept, machine, picked)
    shortcuts = shortcuts_in(prepared, judgement)
    if judgement.verdict is not None:
        judgement = replace(
            judgement, verdict=replace(judgement.verdict, caution=caution(shortcuts))
        )
    findings = shortcut_findings(prepared, shortcuts, judgement)
    findings += [*prepared.dataset.findings, *order_findings(prepared, choice, machine)]
    findings += picked.doubts(prepared, kept) if picked else []
    curve = learning_curve(*prepared.training(), choice, workers=machine.workers)
    machine.on_event(Event("looking for doubts"))
    doubts = doubt(config, prepared, judgement, choice, kept, machine)
    kept = replace(kept, model=replace(kept.model, abstain=doubts.abstention.threshold))
    shown, tested = explanations(prepared, judgement, kept, machine)
    return Judged(
        config=config,
        prepared=prepared,
        choice=choice,
        kept=kept,
        picked=picked,
        judgement=judgement,
        findings=[*findings, *kept.findings],
        curve=curve,
        doubts=doubts,
        shown=shown,
        tested=tested,
    )


def estimate(
    prepared: Prepared, kept: Kept, machine: Machine, picked: Picked | None = None
) -> Judgement:
    """Estimate the score on held-out examples and judge transfer against the baselines.

    Where the backbone was picked, the estimate is that of picking one anew in every fold.
    """
    labels, classes = prepared.labels, prepared.dataset.classes
    own = kept.outcome
    spaces = baseline_spaces(prepared)
    if own is None and picked is not None:
        own = picked.outcome(prepared, kept.plan)
    if own is None:
        spaces[TRANSFER] = prepared.features.vectors[0]
    tick = machine.ticker("judging on held-out folds")
    outcomes = judge_folds(spaces, labels, kept.plan.folds, workers=machine.workers, tick=tick)
    own = own or outcomes.pop(TRANSFER)
    baselines = {**outcomes, **kept.baselines}
    judgement = assess(own, baselines, labels, kept.plan, classes=classes)
    if not prepared.engine.card.learned:  # nothing is transferred, so there is nothing to judge
        return replace(judgement, verdict=None)
    if kept.pretrained is not None:
        # Nothing was transferred into this model; the verdict is still about transfer.
        transferred = assess(kept.pretrained, baselines, labels, kept.plan, classes=classes)
        return replace(judgement, verdict=transferred.verdict)
    return judgement


def shortcuts_in(prepared: Prepared, judgement: Judgement | None = None) -> list[Shortcut]:
    """Find circumstances of the training examples that tell their classes without a look."""
    train, dataset = prepared.train, prepared.dataset
    modality, examples = dataset.modality, dataset.examples.take(train)
    told: list[dict[str, Any]] = [
        dict(modality.circumstances(prepared.features.digests[i])) for i in train
    ]
    labels = prepared.labels.of(train)
    if examples.items.kind == "file":
        named = names_alike(examples.refs, dataset.classes, labels.y)
        told = [{**one, "file name": name} for one, name in zip(told, named, strict=True)]
    model = 1.0 if judgement is None else judgement.estimate["balanced_accuracy"]
    return find_shortcuts(told, labels, model, of_content=modality.of_content)


def shortcut_findings(
    prepared: Prepared, found: list[Shortcut], judgement: Judgement | None = None
) -> list[Finding]:
    """Word them, if there are any."""
    model = None if judgement is None else judgement.estimate["balanced_accuracy"]
    unit = prepared.dataset.modality.unit
    return [shortcut_finding(found, prepared.labels, unit, model)] if found else []


def order_findings(prepared: Prepared, choice: Choice, machine: Machine) -> list[Finding]:
    """Check whether neighbours in the list help each other; pointless where groups are given."""
    if prepared.dataset.groups is not None:
        return []
    examples = prepared.dataset.examples
    machine.on_event(Event(f"checking the order of {examples.listed.many}"))
    X, labels = prepared.training()
    position = prepared.dataset.position[prepared.train]
    found = check_order(X, position, labels, choice, workers=machine.workers)
    if found is None:
        text = (
            f"Whether the order of {examples.listed.many} matters cannot be told: a class lies in "
            "one stretch of the list, and with that held out there is nothing to learn it from."
        )
        return [Finding("order", "info", text)]
    return [found.finding(examples.modality.unit, examples.listed)]
