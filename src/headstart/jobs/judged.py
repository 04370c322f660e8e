"""A model with all that is said of it: score, verdict, what to doubt it for, its reasons."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from threadpoolctl import threadpool_limits

from headstart.events import Event
from headstart.findings import Finding
from headstart.jobs.answer import Answer
from headstart.jobs.doubts import Doubts, doubt
from headstart.jobs.looks import explanations
from headstart.jobs.rank import Picked
from headstart.judge.curve import learning_curve
from headstart.judge.estimate import Judgement
from headstart.judge.order import check_order
from headstart.machine import Machine
from headstart.methods.kept import Kept
from headstart.prepare.config import Config
from headstart.prepare.source import Prepared
from headstart.said import _
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
    answer: Answer,
    picked: Picked | None = None,
) -> Judged:
    """Say what there is to say beyond the answer: what to doubt the model for, its reasons.

    The two do not need each other: the network is run beside the fits, on another core.
    """
    judgement, findings = answer.judgement, [*answer.findings, *prepared.dataset.findings]
    with threadpool_limits(1), ThreadPoolExecutor(1) as beside:
        looks = beside.submit(explanations, prepared, judgement, kept, machine)
        findings += order_findings(prepared, choice, machine)
        findings += picked.doubts(prepared, kept) if picked else []
        machine.on_event(Event(_("measuring the learning curve")))
        curve = learning_curve(*prepared.training(), choice, workers=machine.workers)
        machine.on_event(Event(_("looking for doubts")))
        doubts = doubt(config, prepared, judgement, choice, kept, machine)
        shown, tested = looks.result()
    return Judged(
        config=config,
        prepared=prepared,
        choice=choice,
        kept=replace(kept, model=replace(kept.model, abstain=doubts.abstains_below)),
        picked=picked,
        judgement=judgement,
        findings=[*findings, *kept.findings],
        curve=curve,
        doubts=doubts,
        shown=shown,
        tested=tested,
    )


def order_findings(prepared: Prepared, choice: Choice, machine: Machine) -> list[Finding]:
    """Check whether neighbours in the list help each other; pointless where groups are given."""
    if prepared.dataset.groups is not None:
        return []
    examples = prepared.dataset.examples
    machine.on_event(Event(_("checking the order of {listed}", listed=examples.listed.many)))
    X, labels = prepared.training()
    position = prepared.dataset.position[prepared.train]
    found = check_order(X, position, labels, choice, workers=machine.workers)
    if found is None:
        text = _(
            "Whether the order of {listed} matters cannot be told: a class lies in one stretch of "
            "the list, and with that held out there is nothing to learn it from.",
            listed=examples.listed.many,
        )
        return [Finding("order", "info", text)]
    return [found.finding(examples.modality.unit, examples.listed)]
