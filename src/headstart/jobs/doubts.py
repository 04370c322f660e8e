"""What a run says of its own reliability, beyond the score.

When not to answer (abstention), what it has never seen (unfamiliar inputs), which labels look
wrong: all from answers by models that had not trained on the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from headstart.judge.abstention import Abstention, cross_fitted, transferred
from headstart.judge.calibration import FalseAlarms, false_alarms
from headstart.judge.crossval import judge_folds
from headstart.judge.estimate import TRANSFER, Judgement
from headstart.judge.label_issues import (
    Mending,
    find_label_issues,
    find_set_issues,
    gain_of_mending,
)
from headstart.machine import Machine
from headstart.methods.kept import HeldOut, Kept
from headstart.modalities import Unit
from headstart.prepare.config import Config
from headstart.prepare.source import Prepared
from headstart.said import N_, _, _n
from headstart.tasks.labels import Stream
from headstart.tasks.multilabel import MultiLabel
from headstart.transfer.familiar import KIND
from headstart.transfer.probe import Choice

NO_JUDGE = N_(
    "The model is not clearly better than naming the largest class, so it cannot judge labels."
)
NO_JUDGE_OF_SETS = N_(
    "The model is not clearly better than giving always the most frequent labels, so it cannot "
    "judge labels."
)


@dataclass(frozen=True)
class Unfamiliar:
    """How often ordinary examples are called unfamiliar.

    Attributes
    ----------
    threshold : float
        Of the score below which they are.
    alarms : FalseAlarms
    """

    threshold: float
    alarms: FalseAlarms

    def to_json(self) -> dict[str, Any]:
        """Return ``unfamiliar`` of ``metrics.json``."""
        return {"kind": _(KIND), "threshold": self.threshold, **self.alarms.to_json()}


@dataclass(frozen=True)
class Suspect:
    """A label that held-out answers contradict.

    Attributes
    ----------
    path, label : str
    suggested : str
        The class that is believed in instead.
    confidence, given : float
        Probability of that class, and of the label.
    """

    path: str
    label: str
    suggested: str
    confidence: float
    given: float

    def to_json(self) -> dict[str, Any]:
        """Return a row of ``label_issues.csv``."""
        return asdict(self)


@dataclass(frozen=True)
class SuspectLabels:
    """Labels that look wrong, the most suspicious first.

    Attributes
    ----------
    checked : int
        How many labels were looked at.
    rows : sequence of Suspect
    mending : Mending or None
        What mending them would bring; None where nothing was tried.
    sentence : str
        How many there are, and what to make of them.
    """

    checked: int
    rows: Sequence[Suspect]
    mending: Mending | None
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Return ``label_issues`` of ``metrics.json``."""
        return {
            "checked": self.checked,
            "rows": [row.to_json() for row in self.rows],
            "expected_gain": self.mending and self.mending.gain,
            "expected_gain_ci95": self.mending and list(self.mending.gain_ci95),
            "sentence": self.sentence,
            "trial": self.mending and self.mending.sentence,
        }


@dataclass(frozen=True)
class Doubts:
    """The sections of ``metrics.json`` of these names."""

    abstention: Abstention | None
    unfamiliar: Unfamiliar | None
    label_issues: SuspectLabels

    @property
    def abstains_below(self) -> float | None:
        """Confidence from which the model answers; None: always."""
        return None if self.abstention is None else self.abstention.threshold


def doubt(
    config: Config,
    prepared: Prepared,
    judgement: Judgement,
    choice: Choice,
    kept: Kept,
    machine: Machine,
) -> Doubts:
    """Work out what a finished model should be doubted for."""
    held_out = _held_out(prepared, judgement, kept, machine)
    if prepared.dataset.several:  # each label is given or not: there is no answer to keep
        suspects = suspect_sets(prepared, judgement, held_out)
        return Doubts(None, _unfamiliar(prepared, kept, machine), suspects)
    return Doubts(
        _abstention(config, prepared, judgement, held_out),
        _unfamiliar(prepared, kept, machine),
        _label_issues(prepared, judgement, held_out, choice, machine),
    )


def _held_out(prepared: Prepared, judgement: Judgement, kept: Kept, machine: Machine) -> HeldOut:
    """Find an answer for training rows: those of the estimate, or others inside a training part."""
    if not prepared.dataset.is_test[judgement.rows].any():
        return HeldOut(judgement.rows, judgement.proba, judgement.fold)
    if kept.held_out is not None:
        return kept.held_out
    labels, rows = prepared.labels, prepared.train
    folds = labels.folds(rows, 5, Stream.TRAINING_PART)
    folds = [(rows[a], rows[b]) for a, b in folds]
    spaces = {TRANSFER: prepared.features.vectors[0]}
    outcome = judge_folds(spaces, labels, folds, workers=machine.workers)[TRANSFER]
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


def _unfamiliar(prepared: Prepared, kept: Kept, machine: Machine) -> Unfamiliar | None:
    """Measure how often ordinary examples are called unfamiliar.

    A fine-tuned network has seen all training rows, so of its embeddings the rate is a little low.
    """
    if kept.model.familiar is None:
        return None
    labels, rows, X = prepared.labels, prepared.train, prepared.features.vectors[0]
    if kept.network is not None:
        rows = kept.network.rows
        X = np.zeros((len(labels.y), kept.network.features.shape[1]), np.float32)
        X[rows] = kept.network.features
    folds = [(rows[a], rows[b]) for a, b in labels.folds(rows, 5, Stream.FALSE_ALARMS)]
    kinds, n_kinds = labels.kinds
    alarms = false_alarms(
        X, kinds, n_kinds, folds,
        widths=kept.model.familiar.widths, groups=labels.groups, workers=machine.workers,
    )  # fmt: skip
    return Unfamiliar(kept.model.familiar.threshold, alarms)


def suspect_sets(prepared: Prepared, judgement: Judgement, known: HeldOut) -> SuspectLabels:
    """List sets of labels of which held-out answers contradict one; nothing is tried."""
    dataset, rows, out = prepared.dataset, known.rows, known.proba
    if known.rows is not judgement.rows:
        rows, out = np.concatenate([rows, judgement.rows]), np.concatenate([out, judgement.proba])
    task, y = dataset.task, prepared.labels.y[rows]
    assert isinstance(task, MultiLabel)
    floor = task.score(y, task.floor(y, len(y))).mean()
    if judgement.estimate["accuracy_ci95"][0] <= floor:
        return SuspectLabels(y.size, (), None, _(NO_JUDGE_OF_SETS))
    found = find_set_issues(y, task.probabilities(out))
    suspects = []
    for i, k, given in zip(found.rows, found.suggested, found.given, strict=True):
        mended = y[i].copy()
        mended[k] = ~mended[k]
        suspects.append(
            Suspect(
                path=dataset.refs[rows[i]],
                label=dataset.written[rows[i]],
                suggested=task.decode(mended[None])[0],
                confidence=float(1 - given),
                given=float(given),
            )
        )
    unit = dataset.modality.unit
    return SuspectLabels(y.size, suspects, None, _sentence(len(found), y.size, unit))


def _label_issues(
    prepared: Prepared, judgement: Judgement, known: HeldOut, choice: Choice, machine: Machine
) -> SuspectLabels:
    """List labels that held-out answers contradict; try what mending them would bring."""
    labels, refs, classes = prepared.labels, prepared.dataset.refs, prepared.dataset.classes
    rows, proba = known.rows, known.proba
    if known.rows is not judgement.rows:  # the test set's labels may be wrong, too
        rows = np.concatenate([rows, judgement.rows])
        proba = np.concatenate([proba, judgement.proba])
    unit, found = prepared.dataset.modality.unit, find_label_issues(labels.y[rows], proba)
    majority = float(np.bincount(labels.y[rows]).max() / len(rows))
    if judgement.estimate["accuracy_ci95"][0] <= majority:  # who guesses contradicts labels, too
        return SuspectLabels(found.checked, (), None, _(NO_JUDGE))
    order = np.argsort(known.rows, kind="stable")
    X, training = prepared.training()
    mending = None
    if len(known.rows) == len(X):
        own = find_label_issues(training.y, known.proba[order])
        mending = gain_of_mending(X, training, own, choice, unit=unit, workers=machine.workers)
    columns = (found.rows, found.suggested, found.confidence, found.given)
    suspects = [
        Suspect(
            path=refs[rows[i]],
            label=classes[labels.y[rows[i]]],
            suggested=classes[suggested],
            confidence=float(confidence),
            given=float(given),
        )
        for i, suggested, confidence, given in zip(*columns, strict=True)
    ]
    said = _sentence(len(found), found.checked, unit)
    return SuspectLabels(found.checked, suspects, mending, said)


def _sentence(count: int, checked: int, unit: Unit) -> str:
    if not count:
        return _("No label of {checked} is clearly contradicted by the model.", checked=checked)
    return _n(
        "{n} of {checked} labels is contradicted by models that had not seen them. Some will be "
        "wrong labels, others hard {examples}: look before changing one.",
        "{n} of {checked} labels are contradicted by models that had not seen them. Some will be "
        "wrong labels, others hard {examples}: look before changing one.",
        count,
        checked=checked,
        examples=unit.many,
    )
