"""The estimate: which examples are held out, what the model scores on them, how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.judge.calibration import calibration_interval
from headstart.judge.crossval import Outcome, best_of
from headstart.judge.few_groups import too_few, why_withheld
from headstart.judge.holm import holm
from headstart.judge.intervals import Interval, corrected_interval, effective_count, wider, wilson
from headstart.judge.verdict import (
    LEVEL,
    MAY_TELL,
    ClassGain,
    Comparison,
    Rival,
    Verdict,
    decide,
    from_answers,
    from_test_set,
)
from headstart.said import _, _n
from headstart.tasks.labels import Labels, Stream
from headstart.tasks.multilabel import MultiLabel

SMALL, LARGE = 200, 20_000
IMBALANCED = 1.5
"""Largest class over smallest, among held-out examples, above which models are compared by balanced
accuracy: there a model that always names the largest class should not look good."""

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Judgement:
    """Everything said about a model's quality.

    Attributes
    ----------
    protocol : str
        In words: which examples were held out, and how often.
    rows : ndarray of int64, shape (n_held,)
        The examples with a held-out prediction, once each.
    proba : ndarray of shape (n_held, K)
    fold : ndarray of int64, shape (n_held,)
        In which fold (of the first repeat) each was held out.
    estimate : dict
        As ``metrics.json`` has it.
    baselines : list of dict
        Name, accuracy and its interval, of every model without transfer.
    verdict : Verdict or None
        None where there was nothing to compare with.
    """

    protocol: str
    rows: Ints
    proba: Floats
    fold: Ints
    estimate: dict[str, Any]
    baselines: list[dict[str, Any]]
    verdict: Verdict | None


@dataclass(frozen=True)
class Plan:
    """Which rows train and which are held out, fold by fold.

    Attributes
    ----------
    folds : list of (train rows, held-out rows)
    repeats : int
        How often the folds cover the data; 0 for a fixed test set.
    """

    protocol: str
    folds: list[tuple[Ints, Ints]]
    repeats: int


def plan(labels: Labels, is_test: NDArray[np.bool_], *, costly: bool = False) -> Plan:
    """Choose the protocol: the given test set once; else cross-validation by size.

    ``costly`` methods, that train a network in every fold, deal small sets once instead of ten
    times.
    """
    train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    if len(test):
        text = _n(
            "test set of {n} example, used once", "test set of {n} examples, used once", len(test)
        )
        return Plan(text, [(train, test)], 0)
    n = len(train)
    if n > LARGE:
        text = _("held-out fifth of {n} examples, used once", n=n)
        if labels.grouped:
            text = _("grouped held-out fifth of {n} examples, used once", n=n)
        return Plan(text, labels.folds(train, 5, Stream.ESTIMATE, 0)[:1], 0)
    repeats = 10 if n < SMALL and not costly else 1
    k = min(5, n)
    deals = (labels.folds(train, k, Stream.ESTIMATE, r) for r in range(repeats))
    folds = [pair for deal in deals for pair in deal]
    k = len(folds) // repeats  # fewer where there are fewer groups
    return Plan(_cross_validation(k, repeats, labels.grouped), folds, repeats)


def _cross_validation(k: int, repeats: int, grouped: bool) -> str:
    if grouped and repeats > 1:
        return _(
            "nested grouped stratified cross-validation, {repeats} x {k} folds",
            repeats=repeats,
            k=k,
        )
    if grouped:
        return _("nested grouped stratified cross-validation, {k} folds", k=k)
    if repeats > 1:
        return _("nested stratified cross-validation, {repeats} x {k} folds", repeats=repeats, k=k)
    return _("nested stratified cross-validation, {k} folds", k=k)


TRANSFER = "transfer"


def assess(
    transfer: Outcome,
    baselines: dict[str, Outcome],
    labels: Labels,
    chosen: Plan,
    classes: Sequence[str] | None = None,
) -> Judgement:
    """Score a method's held-out answers, however it made them, against those without transfer.

    Parameters
    ----------
    transfer : Outcome
        Of the same folds as ``chosen``.
    baselines : dict of str to Outcome
        With the floor of the task alone: no verdict.
    classes : sequence of str, optional
        Their names, for the verdict; numbers where none are given.
    """
    proba, rows, fold = _first_repeat(transfer, chosen)
    names = list(baselines)
    rivals = [
        {"name": n, "accuracy": a, "accuracy_ci95": list(ci)}
        for n in names
        for a, ci in [_accuracy(baselines[n], labels, chosen)]
    ]
    verdict = None
    if names != [labels.task.floor_name]:
        verdict = _verdict(transfer, baselines, labels, chosen, classes)
    return Judgement(
        chosen.protocol,
        rows,
        proba,
        fold,
        _estimate(transfer, labels, chosen),
        sorted(rivals, key=lambda b: -float(b["accuracy"])),
        verdict,
    )


def _pooled(outcome: Outcome, labels: Labels, chosen: Plan, part: slice) -> tuple[Ints, Floats]:
    """Labels and probabilities of all held-out rows of some folds."""
    rows = np.concatenate([held for _, held in chosen.folds[part]])
    return labels.y[rows], np.concatenate(outcome.proba[part])


def _estimate(outcome: Outcome, labels: Labels, chosen: Plan) -> dict[str, Any]:
    accuracy, interval = _accuracy(outcome, labels, chosen)
    k = len(chosen.folds) // max(chosen.repeats, 1)
    repeats = [slice(r, r + k) for r in range(0, len(chosen.folds), k)]
    found = [labels.task.scores(*_pooled(outcome, labels, chosen, r)) for r in repeats]
    ends = []
    for r in repeats:
        rows = np.concatenate([held for _, held in chosen.folds[r]])
        together = labels.groups[rows] if labels.grouped and labels.groups is not None else None
        stated = labels.task.stated(*_pooled(outcome, labels, chosen, r))
        ends.append(calibration_interval(*stated, groups=together))
    return {
        "protocol": chosen.protocol,
        **{name: float(np.mean([s[name] for s in found])) for name in found[0]},
        "accuracy": accuracy,
        "accuracy_ci95": list(interval),
        "ece_ci95": [float(end) for end in np.mean(ends, axis=0)],
    }


def _accuracy(outcome: Outcome, labels: Labels, chosen: Plan) -> tuple[float, Interval]:
    """Accuracy over all held-out rows (and repeats), with an interval that is never too short.

    Cross-validation: the wider of Wilson's interval, as if the n predictions came from one model,
    and the corrected t-interval over folds, which also knows that training sets differ.
    """
    per_fold = _fold_scores(outcome, labels, chosen)
    sizes = np.array([len(held) for _, held in chosen.folds])
    accuracy = float((per_fold * sizes).sum() / sizes.sum())
    n = sizes.sum() / max(chosen.repeats, 1)
    if labels.grouped and labels.groups is not None:
        # Rows of one group may be right or wrong together: count what they are worth.
        member = np.unique(labels.groups[_rows(chosen)], return_inverse=True)[1]
        n = effective_count(_scores(outcome, labels, chosen).mean(axis=0), member)
    interval = wilson(accuracy * n, n)
    if chosen.repeats:
        interval = wider(interval, corrected_interval(per_fold, _test_share(chosen)))
    return accuracy, interval


def _verdict(
    transfer: Outcome,
    baselines: dict[str, Outcome],
    labels: Labels,
    chosen: Plan,
    classes: Sequence[str] | None,
) -> Verdict:
    """Judge against the best an honest person would have picked; each baseline and class beside."""
    best, name = best_of(baselines, list(baselines))
    names = classes if classes is not None else [str(c) for c in range(labels.n_classes)]
    few = labels.few_groups(_rows(chosen))
    verdict = Verdict.of(
        compare(transfer, best, labels, chosen),
        name,
        _rivals(transfer, baselines, labels, chosen),
        _per_class(transfer, best, labels, chosen, names),
    )
    return verdict.withhold(why_withheld(few, names)) if too_few(few, len(names)) else verdict


def compare(
    transfer: Outcome,
    baseline: Outcome,
    labels: Labels,
    chosen: Plan,
    *,
    balanced: bool | None = None,
) -> Comparison:
    """Compare two outcomes on the same held-out rows, by the test that fits the protocol.

    Parameters
    ----------
    balanced : bool, optional
        Whether to compare balanced accuracy; by default, where classes are unequal. Of several
        labels an example has, the score of whole rows is compared.
    """
    weight = None if labels.several else _class_weights(labels.y[_rows(chosen)], balanced)
    own, other = (_scores(o, labels, chosen) for o in (transfer, baseline))
    return _paired(own, other, labels, chosen, weight)


def _class_weights(y: Ints, balanced: bool | None) -> Floats | None:
    """Let every class count the same, where they are unequal; None: every row does."""
    counts = np.bincount(y)
    if balanced is None:
        balanced = bool(counts.max() > IMBALANCED * counts[counts > 0].min())
    return 1 / (np.count_nonzero(counts) * counts[y]) if balanced else None


def _paired(
    own: Floats, other: Floats, labels: Labels, chosen: Plan, weight: Floats | None
) -> Comparison:
    """Compare how right both are, (repeats, n_held) each."""
    grouped = labels.grouped and labels.groups is not None
    groups = labels.groups[_rows(chosen)] if grouped and labels.groups is not None else None
    metric = labels.task.metric
    if not chosen.repeats:
        return from_test_set(own[0], other[0], weight=weight, groups=groups, metric=metric)
    k = len(chosen.folds) // chosen.repeats
    return from_answers(own - other, k, weight=weight, groups=groups, metric=metric)


def _rows(chosen: Plan) -> Ints:
    """Return the held-out rows, in order."""
    k = len(chosen.folds) // max(chosen.repeats, 1)
    return np.sort(np.concatenate([held for _, held in chosen.folds[:k]]))


def _scores(outcome: Outcome, labels: Labels, chosen: Plan) -> Floats:
    """Return how right each held-out row was answered, in row order: (repeats, n_held)."""
    return _in_order(_scores_by_fold(outcome, labels, chosen), chosen)


def _given(outcome: Outcome, labels: Labels, chosen: Plan) -> NDArray[np.bool_]:
    """Return whether each held-out row was given each class: (repeats, n_held, K), row order."""
    task, each = labels.task, np.arange(labels.n_classes)
    if isinstance(task, MultiLabel):
        return _in_order([task.given(out) for out in outcome.proba], chosen)
    return _in_order([p.argmax(axis=1)[:, None] == each for p in outcome.proba], chosen)


def _in_order(per_fold: Sequence[NDArray[Any]], chosen: Plan) -> NDArray[Any]:
    """Join what there is of each fold's held-out rows, in row order: (repeats, n_held)."""
    repeats = max(chosen.repeats, 1)
    k = len(chosen.folds) // repeats
    found = []
    for first in range(0, repeats * k, k):
        rows = np.concatenate([held for _, held in chosen.folds[first : first + k]])
        joined = np.concatenate(per_fold[first : first + k])
        found.append(joined[np.argsort(rows, kind="stable")])
    return np.stack(found)


def _rivals(
    transfer: Outcome, baselines: dict[str, Outcome], labels: Labels, chosen: Plan
) -> tuple[Rival, ...]:
    """Compare with every baseline; the decisions know how many there were."""
    compared = {name: compare(transfer, o, labels, chosen) for name, o in baselines.items()}
    adjusted = holm([c.p for c in compared.values()])
    return tuple(
        Rival(name, c.gain, c.gain_ci95, c.p, p, decide(c.gain, p))
        for (name, c), p in zip(compared.items(), adjusted, strict=True)
    )


def _per_class(
    transfer: Outcome, baseline: Outcome, labels: Labels, chosen: Plan, names: Sequence[str]
) -> tuple[ClassGain, ...]:
    """Compare how well each class is told from all others.

    By balanced accuracy of "this class or another", not by the share of its examples that is found:
    who merely names a class less often finds less of it, and errs less elsewhere. Of classes that
    cannot be told at all, a fifth seemed harmed by the share found (docs/measurements.md).
    """
    y = labels.y[_rows(chosen)]
    is_of = y if labels.several else y[:, None] == np.arange(labels.n_classes)
    own, other = (_given(o, labels, chosen) for o in (transfer, baseline))
    counts = is_of.sum(axis=0)
    found: dict[int, Comparison] = {}
    for c in np.flatnonzero(counts):
        of = is_of[:, c]
        weight = np.where(of, 0.5 / of.sum(), 0.5 / max((~of).sum(), 1))
        told, told_by_other = ((a[..., c] == of).astype(np.float64) for a in (own, other))
        found[int(c)] = _paired(told, told_by_other, labels, chosen, weight)
    tested = [c for c in found if counts[c] >= MAY_TELL]
    adjusted = dict(zip(tested, holm([found[c].p for c in tested]), strict=True))
    return tuple(
        ClassGain(
            names[c],
            int(counts[c]),
            f.gain,
            adjusted.get(c),
            f.gain < 0 and adjusted.get(c, 1.0) < LEVEL,
        )
        for c, f in found.items()
    )


def _scores_by_fold(outcome: Outcome, labels: Labels, chosen: Plan) -> list[Floats]:
    """Return how right each held-out row was answered, fold by fold."""
    return [
        labels.task.score(labels.y[held], p)
        for p, (_, held) in zip(outcome.proba, chosen.folds, strict=True)
    ]


def _fold_scores(outcome: Outcome, labels: Labels, chosen: Plan) -> Floats:
    return np.array([float(s.mean()) for s in _scores_by_fold(outcome, labels, chosen)])


def _first_repeat(outcome: Outcome, chosen: Plan) -> tuple[Floats, Ints, Ints]:
    """Held-out probabilities of every row once, in row order."""
    k = len(chosen.folds) // max(chosen.repeats, 1)
    rows = np.concatenate([held for _, held in chosen.folds[:k]])
    proba = np.concatenate(outcome.proba[:k])
    fold = np.repeat(np.arange(k), [len(held) for _, held in chosen.folds[:k]])
    order = np.argsort(rows, kind="stable")
    return proba[order], rows[order], fold[order]


def _test_share(chosen: Plan) -> float:
    train, held = chosen.folds[0]
    return len(held) / len(train)
