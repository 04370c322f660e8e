"""What a run says of its own reliability, beyond the score.

When not to answer (abstention), what it has never seen (unfamiliar inputs), which labels look
wrong: all from answers by models that had not trained on the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.judge.abstention import Abstention, cross_fitted, transferred
from headstart.judge.calibration import false_alarms
from headstart.judge.crossval import judge_folds
from headstart.judge.estimate import TRANSFER, Judgement
from headstart.judge.label_issues import find_label_issues, gain_of_mending
from headstart.machine import worker_count
from headstart.methods.kept import HeldOut, Kept
from headstart.prepare.config import Config
from headstart.prepare.source import Prepared
from headstart.tasks.labels import Stream
from headstart.transfer import FittedModel
from headstart.transfer.familiar import KIND
from headstart.transfer.probe import Choice


@dataclass(frozen=True)
class Doubts:
    """The sections of ``metrics.json`` of these names."""

    abstention: Abstention
    unfamiliar: dict[str, Any] | None
    label_issues: dict[str, Any]


def doubt(
    config: Config,
    prepared: Prepared,
    judgement: Judgement,
    model: FittedModel,
    choice: Choice,
    kept: Kept | None,
) -> Doubts:
    """Work out what a finished model should be doubted for."""
    held_out = _held_out(prepared, judgement, kept)
    return Doubts(
        _abstention(config, prepared, judgement, held_out),
        _unfamiliar(prepared, judgement, model, kept),
        _label_issues(prepared, judgement, held_out, choice),
    )


def _held_out(prepared: Prepared, judgement: Judgement, kept: Kept | None) -> HeldOut:
    """Find an answer for training rows: those of the estimate, or others inside a training part."""
    if not prepared.dataset.is_test[judgement.rows].any():
        return HeldOut(judgement.rows, judgement.proba, judgement.fold)
    if kept is not None and kept.held_out is not None:
        return kept.held_out
    labels, rows = prepared.labels, prepared.train
    folds = labels.folds(rows, 5, Stream.TRAINING_PART)
    folds = [(rows[a], rows[b]) for a, b in folds]
    spaces = {TRANSFER: prepared.features.vectors[0]}
    outcome = judge_folds(spaces, labels, folds, workers=worker_count())[TRANSFER]
    return HeldOut.of(outcome.proba, [held for _, held in folds])


def _abstention(
    config: Config, prepared: Prepared, judgement: Judgement, known: HeldOut
) -> Abstention:
    """Learn the threshold on training rows; measure it on the rows of the estimate."""
    wanted, task, y = config.abstain, prepared.labels.task, prepared.labels.y
    groups = prepared.labels.groups if prepared.labels.grouped else None
    of = (lambda rows: None) if groups is None else groups.__getitem__
    before, own = (
        (task.score(y[answers.rows], answers.proba), answers.proba.max(axis=1))
        for answers in (known, judgement)
    )
    together = of(judgement.rows)
    if known.rows is judgement.rows or wanted is None:
        return cross_fitted(*own, judgement.fold, wanted, groups=together)
    return transferred(before, own, wanted, groups=together)


def _unfamiliar(
    prepared: Prepared, judgement: Judgement, model: FittedModel, kept: Kept | None
) -> dict[str, Any] | None:
    """Measure how often ordinary images are called unfamiliar.

    A fine-tuned network has seen all training rows, so of its embeddings the rate is a little low.
    """
    if model.familiar is None:
        return None
    labels, rows, X = prepared.labels, prepared.train, prepared.features.vectors[0]
    if kept is not None and kept.features is not None and kept.trained is not None:
        rows = kept.trained
        X = np.zeros((len(labels.y), kept.features.shape[1]), np.float32)
        X[rows] = kept.features
    folds = [(rows[a], rows[b]) for a, b in labels.folds(rows, 5, Stream.FALSE_ALARMS)]
    alarms = false_alarms(
        X, labels.y, labels.n_classes, folds, groups=labels.groups, workers=worker_count()
    )
    return {"kind": KIND, "threshold": model.familiar.threshold, **alarms.to_json()}


def _label_issues(
    prepared: Prepared, judgement: Judgement, known: HeldOut, choice: Choice
) -> dict[str, Any]:
    """List labels that held-out answers contradict; try what mending them would bring."""
    labels, refs, classes = prepared.labels, prepared.dataset.refs, prepared.dataset.classes
    rows, proba = known.rows, known.proba
    if known.rows is not judgement.rows:  # the test set's labels may be wrong, too
        rows = np.concatenate([rows, judgement.rows])
        proba = np.concatenate([proba, judgement.proba])
    found = find_label_issues(labels.y[rows], proba)
    majority = float(np.bincount(labels.y[rows]).max() / len(rows))
    low, _ = judgement.estimate["accuracy_ci95"]
    if low <= majority:  # a model that guesses contradicts labels, too
        return _nothing_said(found.checked)
    order = np.argsort(known.rows, kind="stable")
    X, training = prepared.training()
    mending = None
    if len(known.rows) == len(X):
        own = find_label_issues(training.y, known.proba[order])
        mending = gain_of_mending(X, training, own, choice)
    return {
        "checked": found.checked,
        "rows": [
            {
                "path": refs[rows[i]],
                "label": classes[labels.y[rows[i]]],
                "suggested": classes[suggested],
                "confidence": float(confidence),
                "given": float(given),
            }
            for i, suggested, confidence, given in zip(
                found.rows, found.suggested, found.confidence, found.given, strict=True
            )
        ],
        "expected_gain": mending and mending.gain,
        "expected_gain_ci95": mending and list(mending.gain_ci95),
        "sentence": _sentence(len(found), found.checked)
        + (f" {mending.sentence}" if mending else ""),
    }


def _nothing_said(checked: int) -> dict[str, Any]:
    text = (
        "The model is not clearly better than naming the largest class, so it cannot judge labels."
    )
    return {
        "checked": checked,
        "rows": [],
        "expected_gain": None,
        "expected_gain_ci95": None,
        "sentence": text,
    }


def _sentence(count: int, checked: int) -> str:
    if not count:
        return f"No label of {checked} is clearly contradicted by the model."
    verb = "is" if count == 1 else "are"
    return (
        f"{count} of {checked} labels {verb} contradicted by models that had not seen them. "
        "Some will be wrong labels, others hard images: look before changing one."
    )
