"""A model with all that is said of it: score, verdict, what to doubt it for, its reasons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from headstart.events import Event, OnEvent, ignore
from headstart.findings import Finding
from headstart.jobs.doubts import Doubts, doubt
from headstart.jobs.looks import explanations
from headstart.jobs.rank import Picked
from headstart.judge.crossval import judge_folds
from headstart.judge.curve import learning_curve
from headstart.judge.estimate import TRANSFER, Judgement, Plan, assess
from headstart.judge.order import check_order
from headstart.machine import worker_count
from headstart.prepare.config import Config
from headstart.prepare.source import Prepared, baseline_spaces
from headstart.transfer import FittedModel
from headstart.transfer.probe import Choice

if TYPE_CHECKING:
    from headstart.methods.kept import Kept


@dataclass(frozen=True)
class Judged:
    """A model with all that is said of it: what a run folder is written from."""

    config: Config
    prepared: Prepared
    model: FittedModel
    choice: Choice
    kept: Kept | None
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
    model: FittedModel,
    choice: Choice,
    chosen: Plan,
    kept: Kept | None,
    picked: Picked | None,
    on_event: OnEvent,
) -> Judged:
    """Judge a fitted model in every respect: score, verdict, what to doubt it for, its reasons."""
    judgement = estimate(prepared, chosen, kept, picked, on_event)
    findings = [*prepared.dataset.findings, *order_findings(prepared, choice, on_event)]
    findings += picked.doubts(prepared, kept) if picked else []
    curve = learning_curve(*prepared.training(), choice, workers=worker_count())
    on_event(Event("looking for doubts"))
    doubts = doubt(config, prepared, judgement, model, choice, kept)
    model = replace(model, abstain=doubts.abstention.threshold)
    shown, tested = explanations(prepared, judgement, model, kept)
    return Judged(
        config, prepared, model, choice, kept, picked, judgement, findings, curve, doubts,
        shown, tested,
    )  # fmt: skip


def estimate(
    prepared: Prepared,
    chosen: Plan,
    kept: Kept | None = None,
    picked: Picked | None = None,
    on_event: OnEvent = ignore,
) -> Judgement:
    """Estimate the score on held-out examples and judge transfer against the baselines.

    Where the backbone was picked, the estimate is that of picking one anew in every fold.
    """
    features, labels, classes = prepared.features, prepared.labels, prepared.dataset.classes
    own = kept.outcome if kept else None
    spaces = baseline_spaces(prepared)
    if own is None and picked is not None:
        own = picked.outcome(prepared, chosen)
    if own is None:
        spaces[TRANSFER] = features.vectors[0]
    outcomes = judge_folds(
        spaces, labels, chosen.folds, workers=worker_count(), tick=partial(_tick, on_event)
    )
    own = own or outcomes.pop(TRANSFER)
    baselines = {**outcomes, **(kept.baselines if kept else {})}
    judgement = assess(own, baselines, labels, chosen, classes=classes)
    if kept is not None and kept.probe is not None:
        # Nothing was transferred into this model; the verdict is still about transfer.
        return replace(
            judgement,
            verdict=assess(kept.probe, baselines, labels, chosen, classes=classes).verdict,
        )
    return judgement


def order_findings(prepared: Prepared, choice: Choice, on_event: OnEvent = ignore) -> list[Finding]:
    """Check whether neighbouring files help each other; pointless where groups are given."""
    if prepared.dataset.groups is not None:
        return []
    on_event(Event("checking the order of files"))
    X, labels = prepared.training()
    position = prepared.dataset.position[prepared.train]
    return [check_order(X, position, labels, choice, workers=worker_count()).finding()]


def _tick(on_event: OnEvent, done: int, total: int) -> None:
    on_event(Event("judging on held-out folds", done, total, "fits"))
