"""Nested cross-validation: nothing that scores a fold has seen it, the choice of head included."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from headstart.tasks.labels import Labels
from headstart.transfer.choosing import choose
from headstart.transfer.logistic import softmax
from headstart.transfer.mix import MixChoice
from headstart.transfer.pair import Pair
from headstart.transfer.probe import Choice, fit_temperature

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]
Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome:
    """One model judged on held-out rows, fold by fold.

    Attributes
    ----------
    proba : list of ndarray of shape (n_held, n_outputs)
        Answers for each fold's held-out rows, as the task scores them: calibrated probabilities.
    inner : list of float
        The accuracy inside the training part that the choice was made by.
    right : list of ndarray of shape (n_inner,)
        Row by row what ``inner`` is the mean of: 1 where the chosen head was right about an inner
        held-out row, times the row's weight. The rows (``Labels.inner_rows``) depend on the fold
        alone, so outcomes of one ``judge_folds`` are paired. Empty where no head was chosen.
    choices : list of Choice or MixChoice
        What was chosen in each fold. Empty where nothing was.
    """

    proba: Sequence[Floats]
    inner: Sequence[float]
    right: Sequence[Floats] = ()
    choices: Sequence[Choice | MixChoice] = ()


def judge_folds(
    spaces: Mapping[str, Floats | csr_array | Pair],
    labels: Labels,
    folds: list[tuple[Ints, Ints]],
    *,
    workers: int,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Outcome]:
    """Choose, fit and predict in every fold for every feature space, and for the floor of the task.

    Parameters
    ----------
    spaces : dict of str to ndarray of shape (n, dim), csr_array of counts, or Pair of both
    labels : Labels
    folds : list of (train rows, held-out rows)
        May cover the rows several times (repeats) or only once (a fixed test set).
    tick : callable
        Told how many folds are done, and of how many.
    """
    every = {name: [name] * len(folds) for name in spaces}
    return judge_picks(spaces, labels, folds, every, workers=workers, tick=tick)


def judge_picks(
    spaces: Mapping[str, Floats | csr_array | Pair],
    labels: Labels,
    folds: list[tuple[Ints, Ints]],
    picks: Mapping[str, Sequence[str]],
    *,
    workers: int,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Outcome]:
    """Judge several ways to pick a feature space for every fold, and the floor of the task.

    Honest only if each pick was made without the fold's held-out rows. What two ways pick alike is
    fitted once. The other parameters are those of ``judge_folds``.

    Parameters
    ----------
    picks : dict of str to sequence of str
        By the name of a way, the space of each fold.
    """
    pairs = ((own[f], f) for f in range(len(folds)) for own in picks.values())
    jobs = list(dict.fromkeys(pairs))

    def run(job: tuple[str, int]) -> _Fold:
        name, f = job
        return _one_fold(spaces[name], labels, *folds[f], f)

    results = in_threads(run, jobs, workers if len(labels.y) >= 300 else 1, tick)
    found = dict(zip(jobs, results, strict=True))
    outcomes = {
        way: _outcome([found[name, f] for f, name in enumerate(own)]) for way, own in picks.items()
    }
    outcomes[labels.task.floor_name] = _floor(labels, folds)
    return outcomes


def in_threads(
    run: Callable[[Job], Result],
    jobs: Sequence[Job],
    threads: int,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> list[Result]:
    """Run jobs in threads that keep to one core each, in order.

    One matrix product spread over all cores waits for the slowest at every step, and collapses on
    a busy machine; independent single-threaded jobs only lose their share.
    """
    results: list[Result] = []
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        for result in pool.map(run, jobs):
            results.append(result)
            tick(len(results), len(jobs))
    return results


_Fold = tuple[Floats, Choice | MixChoice]
"""Of one fold: held-out probabilities, what was chosen inside."""


def _one_fold(X: Any, labels: Labels, train: Ints, held: Ints, fold: int) -> _Fold:
    rows, inner = labels.inside(train, fold)
    choice = choose(X, labels, rows, inner)
    head: Any = choice.head
    if head is None or len(rows) < len(train):
        head = choice.fit(X[train], labels.y[train], labels.n_classes)
    return choice.answers(head, X[held]), choice


def _floor(labels: Labels, folds: list[tuple[Ints, Ints]]) -> Outcome:
    proba, inner = [], []
    for train, held in folds:
        y = labels.y[train]
        proba.append(labels.task.floor(y, len(held)))
        inner.append(float(labels.task.score(y, labels.task.floor(y, len(y))).mean()))
    return Outcome(proba, inner)


def _outcome(results: list[_Fold]) -> Outcome:
    choices = [choice for _, choice in results]
    light = [replace(c, head=None) for c in choices]  # of counts a head is large
    inner, right = [c.accuracy for c in choices], [c.right for c in choices]
    return Outcome([proba for proba, _ in results], inner, right, light)


def calibrated(logits: Sequence[Floats], held: Sequence[Ints], y: Ints) -> list[Floats]:
    """Turn held-out logits into probabilities, fold by fold, without a look at the fold itself.

    The temperature of a fold is fitted to the held-out logits of the others (of a single fold: of
    its other half), so nothing that is scored has calibrated itself.

    Parameters
    ----------
    logits : sequence of ndarray of shape (n_held, K)
    held : sequence of ndarray of int64
        The rows of each.
    y : ndarray of int64, shape (n,)
    """
    if len(logits) == 1:
        half = np.arange(len(held[0])) % 2 == 0
        parts = [
            calibrated([logits[0][m], logits[0][~m]], [held[0][m], held[0][~m]], y)[0]
            for m in (half, ~half)
        ]
        proba = np.empty(logits[0].shape)
        proba[half], proba[~half] = parts
        return [proba]
    found = []
    for f, own in enumerate(logits):
        others = [g for g in range(len(logits)) if g != f]
        z, rows = (np.concatenate([part[g] for g in others]) for part in (logits, held))
        found.append(softmax(own.astype(np.float64) / fit_temperature(z, y[rows])))
    return found


def best_of(outcomes: dict[str, Outcome], names: list[str]) -> tuple[Outcome, str]:
    """Combine several models into the one an honest person would have picked in every fold.

    The pick uses only the inner accuracy, so taking the best of several costs no bias: the
    comparison is with the procedure "try them all, keep the best".

    Returns
    -------
    outcome : Outcome
    name : str
        The model picked most often.
    """
    n_folds = len(outcomes[names[0]].proba)
    picks = [max(names, key=lambda name: outcomes[name].inner[f]) for f in range(n_folds)]
    return picked(outcomes, picks), max(names, key=picks.count)


def picked(outcomes: dict[str, Outcome], picks: Sequence[str]) -> Outcome:
    """Return the outcome of using, in every fold, the model picked there.

    Honest only if each pick was made without the fold's held-out rows.
    """
    kept = [outcomes[name] for name in picks]
    return Outcome(
        [own.proba[f] for f, own in enumerate(kept)],
        [own.inner[f] for f, own in enumerate(kept)],
        [own.right[f] for f, own in enumerate(kept)] if all(own.right for own in kept) else (),
    )
