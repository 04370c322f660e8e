"""The estimate: which examples are held out, what the model scores on them, how sure that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.judge import metrics
from headstart.judge.baselines import MAJORITY
from headstart.judge.crossval import Outcome, Task, best_of, judge_folds
from headstart.judge.intervals import Interval, corrected_interval, wider, wilson
from headstart.judge.verdict import Verdict, from_folds, from_test_set

SMALL, LARGE = 200, 20_000
IMBALANCED = 1.5
"""Largest class over smallest above which folds are compared by balanced accuracy."""

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


def plan(task: Task, is_test: NDArray[np.bool_], *, costly: bool = False) -> Plan:
    """Choose the protocol: the given test set once; else cross-validation by size.

    ``costly`` methods, that train a network in every fold, deal small sets once instead of ten
    times.
    """
    train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    if len(test):
        return Plan(f"test set of {len(test)} examples, used once", [(train, test)], 0)
    n, grouped = len(train), "grouped " if task.grouped else ""
    if n > LARGE:
        folds = task.folds(train, 5, 0, 0)[:1]
        return Plan(f"{grouped}held-out fifth of {n} examples, used once", folds, 0)
    repeats = 10 if n < SMALL and not costly else 1
    k = min(5, n)
    folds = [pair for r in range(repeats) for pair in task.folds(train, k, 0, r)]
    times = f"{repeats} x " if repeats > 1 else ""
    name = f"nested {grouped}stratified cross-validation, {times}{k} folds"
    return Plan(name, folds, repeats)


TRANSFER = "transfer"


def judge(
    features: Floats,
    baselines: dict[str, Floats],
    task: Task,
    chosen: Plan,
    *,
    workers: int = 1,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Judgement:
    """Score the probe on held-out rows, compare it with the best baseline on the same rows.

    Parameters
    ----------
    features : ndarray of shape (n, dim)
        Of the pretrained backbone.
    baselines : dict of str to ndarray
        Feature spaces without transfer. Empty: no verdict.
    """
    spaces = {TRANSFER: features, **baselines}
    outcomes = judge_folds(spaces, task, chosen.folds, workers=workers, tick=tick)
    return assess(outcomes.pop(TRANSFER), outcomes, task, chosen)


def assess(transfer: Outcome, baselines: dict[str, Outcome], task: Task, chosen: Plan) -> Judgement:
    """Score a method's held-out answers, however it made them, against those without transfer.

    Parameters
    ----------
    transfer : Outcome
        Of the same folds as ``chosen``.
    baselines : dict of str to Outcome
        With the majority class alone: no verdict.
    """
    proba, rows, fold = _first_repeat(transfer, chosen)
    names = list(baselines)
    rivals = [
        {"name": n, "accuracy": a, "accuracy_ci95": list(ci)}
        for n in names
        for a, ci in [_accuracy(baselines[n], task, chosen)]
    ]
    verdict = None
    if names != [MAJORITY]:
        verdict = _verdict(transfer, *best_of(baselines, names), task, chosen)
    return Judgement(
        chosen.protocol,
        rows,
        proba,
        fold,
        _estimate(transfer, task, chosen),
        sorted(rivals, key=lambda b: -float(b["accuracy"])),
        verdict,
    )


def scores(y: Ints, proba: Floats) -> dict[str, float]:
    """All scores of probabilities against labels, as ``estimate`` has them."""
    predicted = proba.argmax(axis=1)
    return {
        "accuracy": metrics.accuracy(y, predicted),
        "balanced_accuracy": metrics.balanced_accuracy(y, predicted),
        "macro_f1": metrics.macro_f1(y, predicted),
        "log_loss": metrics.log_loss(y, proba),
        "ece": metrics.expected_calibration_error(y, proba),
    }


def _pooled(outcome: Outcome, task: Task, chosen: Plan, part: slice) -> tuple[Ints, Floats]:
    """Labels and probabilities of all held-out rows of some folds."""
    rows = np.concatenate([held for _, held in chosen.folds[part]])
    return task.y[rows], np.concatenate(outcome.proba[part])


def _estimate(outcome: Outcome, task: Task, chosen: Plan) -> dict[str, Any]:
    accuracy, interval = _accuracy(outcome, task, chosen)
    k = len(chosen.folds) // max(chosen.repeats, 1)
    repeats = range(0, len(chosen.folds), k)
    found = [scores(*_pooled(outcome, task, chosen, slice(r, r + k))) for r in repeats]
    return {
        "protocol": chosen.protocol,
        **{name: float(np.mean([s[name] for s in found])) for name in found[0]},
        "accuracy": accuracy,
        "accuracy_ci95": list(interval),
    }


def _accuracy(outcome: Outcome, task: Task, chosen: Plan) -> tuple[float, Interval]:
    """Accuracy over all held-out rows (and repeats), with an interval that is never too short.

    Cross-validation: the wider of Wilson's interval, as if the n predictions came from one model,
    and the corrected t-interval over folds, which also knows that training sets differ.
    """
    per_fold = _fold_scores(outcome, task, chosen, metrics.accuracy)
    sizes = np.array([len(held) for _, held in chosen.folds])
    accuracy = float((per_fold * sizes).sum() / sizes.sum())
    n = int(sizes.sum() / max(chosen.repeats, 1))
    if task.grouped and task.groups is not None:
        # Rows of one group are right or wrong together: count groups, which is on the safe side.
        held = np.unique(np.concatenate([rows for _, rows in chosen.folds]))
        n = len(np.unique(task.groups[held]))
    interval = wilson(accuracy * n, n)
    if chosen.repeats:
        interval = wider(interval, corrected_interval(per_fold, _test_share(chosen)))
    return accuracy, interval


def _verdict(transfer: Outcome, baseline: Outcome, name: str, task: Task, chosen: Plan) -> Verdict:
    if not chosen.repeats:
        y = task.y[chosen.folds[0][1]]
        return from_test_set(
            transfer.proba[0].argmax(axis=1) == y, baseline.proba[0].argmax(axis=1) == y, name
        )
    counts = np.bincount(task.y)
    unequal = counts.max() > IMBALANCED * counts[counts > 0].min()
    score = metrics.balanced_accuracy if unequal else metrics.accuracy
    return from_folds(
        _fold_scores(transfer, task, chosen, score),
        _fold_scores(baseline, task, chosen, score),
        _test_share(chosen),
        name,
        score.__name__,
        n=len(np.unique(np.concatenate([held for _, held in chosen.folds]))),
    )


def _fold_scores(
    outcome: Outcome, task: Task, chosen: Plan, score: Callable[[Ints, Ints], float]
) -> Floats:
    return np.array(
        [
            score(task.y[held], p.argmax(axis=1))
            for p, (_, held) in zip(outcome.proba, chosen.folds, strict=True)
        ]
    )


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
