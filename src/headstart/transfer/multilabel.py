"""The probe for several labels an example: a logistic regression per label, a threshold for each.

The regressions (one-vs-rest) share features and strength, and are solved at once. Each is
calibrated by a temperature of its own, with which its weights are divided: a head for several
labels says probabilities without more ado. From which probability a label is given is chosen on the
same held-out answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from headstart.tasks import Encoded
from headstart.tasks.multilabel import jaccard, log_losses
from headstart.transfer import FittedModel
from headstart.transfer.counts import COUNT_STRENGTHS, counts_path, fit_counts, is_counts
from headstart.transfer.familiar import fit_familiar
from headstart.transfer.heads import CountsHead, Head, LinearHead
from headstart.transfer.logistic import (
    STRENGTHS,
    Floats,
    Ints,
    LogisticPath,
    fit_folds,
    fit_logistic,
    sigmoid,
)
from headstart.transfer.probe import (
    Choice,
    Folds,
    Scored,
    fit_temperature,
    one_standard_error,
    scored_by,
    walk,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Bools = NDArray[np.bool_]
Linear = TypeVar("Linear", LinearHead, CountsHead)
OWN = 20
"""Held-out examples that have a label, and that lack it, from which on it may have a threshold of
its own (plain choice)."""
GRID = np.arange(0.02, 0.99, 0.02)
"""Thresholds tried for all labels together."""


@dataclass(frozen=True)
class LabelChoice(Choice):
    """A strength, temperatures and thresholds chosen on folds, before the refit on all rows.

    Attributes
    ----------
    kind, C, candidates, right, head
        As those of a :class:`~headstart.transfer.probe.Choice`; ``accuracy`` and ``right`` are of
        the score of the task.
    temperature : float
        1: heads come calibrated.
    temperatures : ndarray of shape (K,), > 0
        What the logits of each label are divided by.
    thresholds : ndarray of shape (K,), 0 to 1
        Probability from which each label is given.
    """

    temperatures: Floats = field(default_factory=lambda: np.ones(0), compare=False, repr=False)
    thresholds: Floats = field(default_factory=lambda: np.ones(0), compare=False, repr=False)

    def answers(self, head: Head, X: Floats) -> Floats:
        """Answer for rows: probabilities of all labels, then which are given, ``(n, 2 K)``."""
        p = sigmoid(head.logits(X))
        return np.concatenate([p, p >= self.thresholds], axis=1)

    def fit(self, X: Floats, y: Encoded, n_classes: int, *, exact: bool = False) -> Head:
        """Refit on all given rows; ``exact`` for the head that is kept."""
        if is_counts(X):
            return self._calibrated(CountsHead(*fit_counts(X, y, n_classes, self.C, exact=exact)))
        return self._calibrated(LinearHead(*fit_logistic(X, y, n_classes, self.C, exact=exact)))

    def fit_folds(self, X: Floats, y: Encoded, n_classes: int, folds: Sequence[Ints]) -> list[Head]:
        """Refit on several parts of the rows: faster together than one by one."""
        fitted = fit_folds(X, y, n_classes, self.C, folds)
        return [self._calibrated(LinearHead(W, b)) for W, b in fitted]

    def _calibrated(self, head: Linear) -> Linear:
        return replace(head, W=head.W / self.temperatures, b=head.b / self.temperatures)


def choose_labels(X: Floats | csr_array, y: Encoded, folds: Folds) -> LabelChoice:
    """Choose strength, temperatures and thresholds on folds.

    One strength serves all labels, by the one-standard-error rule on the mean log loss.

    Parameters
    ----------
    X : ndarray of shape (n, dim), or csr_array of counts
    y : ndarray of bool, shape (n, K)
    folds : list of (train rows, held-out rows)
    """
    held, n_labels = np.concatenate([out for _, out in folds]), y.shape[1]
    regression: Any = LogisticPath
    linear: Any = LinearHead
    strengths = STRENGTHS
    if is_counts(X):
        regression, linear, strengths = counts_path, CountsHead, COUNT_STRENGTHS
    path = regression(X, y, n_labels, [*(a for a, _ in folds), np.arange(len(y))])
    starts: dict[float, Floats] = {}

    def advance(C: float) -> Sequence[Floats]:
        logits: Sequence[Floats] = path.advance(C)
        starts[C] = path.A[-1]
        return logits[:-1]

    ones = np.ones(len(held))
    scored = walk(advance, y, folds, ones, score_labels, kind=linear.kind, strengths=strengths)
    best = one_standard_error(scored)
    temperatures = np.array(
        [_temperature(z, t) for z, t in zip(best.logits.T, y[held].T, strict=True)]
    )
    p = sigmoid(best.logits / temperatures)
    thresholds = choose_thresholds(p, y[held])
    right = jaccard(y[held], p >= thresholds)
    choice = LabelChoice(
        linear.kind,
        best.C,
        float(right.mean()),
        1.0,
        [s.row() for s in scored],
        right=right,
        temperatures=temperatures,
        thresholds=thresholds,
    )
    head = linear(*path.settle(len(folds), best.C, starts[best.C]))
    return replace(choice, head=choice._calibrated(head))


def fit_labels(
    X: Floats,
    y: Bools,
    classes: tuple[str, ...],
    folds: Folds,
    *,
    rows: Ints | None = None,
    groups: Ints | None = None,
    widths: Sequence[int] = (),
) -> tuple[FittedModel, LabelChoice]:
    """Choose on the folds, refit on all rows; parameters as :func:`fit_probe` takes them."""
    rows = np.arange(len(X)) if rows is None else rows
    choice = choose_labels(X[rows], y[rows], folds)
    with ThreadPoolExecutor(1) as beside:
        alike = np.zeros(len(X), np.int64)  # examples are no classes that could lie apart
        familiar = beside.submit(fit_familiar, X, alike, 1, widths, groups=groups)
        head = choice.fit(X, y, len(classes), exact=True)
    thresholds = tuple(map(float, choice.thresholds))
    model = FittedModel("probe", head, 1.0, classes, familiar.result(), thresholds=thresholds)
    return model, choice


def score_labels(
    kind: str, C: float, logits: Floats, y: Bools, folds: Folds, weight: Floats
) -> Scored:
    """Score held-out logits (n_held, K) of all folds, joined, at the best shared threshold."""
    del weight
    p = sigmoid(logits)
    right = jaccard(y, p >= shared_threshold(p, y))
    return scored_by(kind, C, logits, right, log_losses(y, p), folds)


def choose_thresholds(p: Floats, y: Bools) -> Floats:
    """Choose from which probability each label is given.

    One threshold that serves all labels is found first, by the score of whole rows. A label gets
    one of its own, that maximises its F1, where this pays and costs nothing: where there are
    ``OWN`` examples with and without it; where thresholds found on one half of the rows have a
    higher F1 on the other than the shared one has, and clearly higher than giving the label always;
    and where rows do not score worse by it, but for one standard error of the difference.

    Parameters
    ----------
    p : ndarray of shape (n, K)
        Held-out probabilities.
    y : ndarray of bool, shape (n, K)

    Returns
    -------
    ndarray of shape (K,)

    Notes
    -----
    F1 rewards giving a label always where nothing is known of it, however rare it is. So a model
    that knows little would otherwise lose to giving the same labels always, by the score that both
    are compared by: with weak features and 3,000 drawn rows it scored 0.40, no more than that, and
    0.44 with the shared threshold.

    References
    ----------
    Lipton, Elkan & Naryanaswamy (2014), "Optimal thresholding of classifiers to maximize F1
    measure", ECML PKDD, arXiv:1402.1892; section 5 on uninformative classifiers.
    """
    shared = shared_threshold(p, y)
    found = np.full(y.shape[1], shared)
    given_by_all = p >= shared
    before = jaccard(y, given_by_all)
    half = np.arange(len(y)) % 2 == 0
    for k in range(y.shape[1]):
        own, there = p[:, k], y[:, k]
        if min(there.sum(), (~there).sum()) < OWN:
            continue
        if not (there[half].any() and there[~half].any()):
            continue
        given = np.empty(len(y), bool)
        for part in (half, ~half):
            given[part] = own[part] >= best_f1(own[~part], there[~part])
        always = 2 * there.mean() / (1 + there.mean())
        doubt = np.sqrt(always * (1 - always) / there.sum())
        if f1(there, given) <= max(f1(there, own >= shared), always + doubt):
            continue
        with_own = given_by_all.copy()
        with_own[:, k] = given
        gain = jaccard(y, with_own) - before
        if gain.mean() >= -gain.std() / np.sqrt(len(y)):
            found[k] = best_f1(own, there)
    return found


def shared_threshold(p: Floats, y: Bools) -> float:
    """Return the threshold for all labels by which rows score best; of several, the middle one."""
    scores = np.array([jaccard(y, p >= t).mean() for t in GRID])
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    return float(GRID[best[len(best) // 2]])


def best_f1(p: Floats, y: Bools) -> float:
    """Return the threshold of the highest F1, in the middle between two probabilities.

    Examples
    --------
    >>> best_f1(np.array([0.9, 0.6, 0.2, 0.1]), np.array([True, True, False, False]))
    0.4
    """
    order = np.argsort(-p, kind="stable")
    p, hits = p[order], np.cumsum(y[order])
    scores = 2 * hits / (np.arange(1, len(p) + 1) + hits[-1])
    below = np.append(p[1:], 0.0)
    scores[p == below] = -1  # no threshold lies between equal ones
    best = int(scores.argmax())
    return float((p[best] + below[best]) / 2)


def f1(y: Bools, given: Bools) -> float:
    """Return F1 of one label; 0 where it neither occurs nor is given."""
    return float(2 * (y & given).sum() / max(y.sum() + given.sum(), 1))


def _temperature(logits: Floats, y: Bools) -> float:
    """Calibrate one label: logits (n,)."""
    return fit_temperature(np.stack([-logits / 2, logits / 2], axis=1), y.astype(np.int64))
