"""The method ``probe``: frozen features, a new head, everything chosen by cross-validation.

Logistic regression is the rule; its strength is chosen by the one-standard-error rule on held-out
log loss. kNN and nearest class mean are rivals scored on the same folds: they replace it only
where they are clearly more accurate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headstart.tasks.labels import ENOUGH
from headstart.transfer import FittedModel, Moments
from headstart.transfer.counts import COUNT_STRENGTHS, counts_path, fit_counts, is_counts
from headstart.transfer.familiar import fit_familiar
from headstart.transfer.heads import CentroidHead, CountsHead, Head, LinearHead, NeighbourHead
from headstart.transfer.logistic import (
    STRENGTHS,
    Floats,
    Ints,
    LogisticPath,
    fit_folds,
    fit_logistic,
    softmax,
)

Folds = Sequence[tuple[Ints, Ints]]
COLDEST, HOTTEST, BISECTIONS = 0.05, 20.0, 23
RIVALS: tuple[type[CentroidHead] | type[NeighbourHead], ...] = (CentroidHead, NeighbourHead)


@dataclass(frozen=True)
class Choice:
    """A head chosen on folds, before it is refitted on all rows.

    Attributes
    ----------
    kind : str
        ``"logistic"``, ``"kNN"`` or ``"centroid"``.
    C : float
        Inverse regularisation of logistic regression, as in scikit-learn: the loss is summed over
        rows. Meaningful for ``kind="logistic"`` only.
    accuracy : float
        Mean over the folds' held-out rows. Optimistic by the choice itself: never reported as the
        estimate.
    temperature : float
    candidates : list of dict
        Every head tried: kind, C, accuracy, log loss, its standard error.
    balanced : bool
        Whether classes were weighed equally.
    right : ndarray of shape (n_held,), float64
        1 where the chosen head is right about a held-out row, 0 where wrong, times the row's weight
        (mean one); rows in the order of the folds. Its mean is ``accuracy``. Choices made on the
        same folds can be compared row by row.
    logits : ndarray of shape (n_held, K)
        Of the chosen head, for the same rows.
    head : Head or None
        Fitted on all rows that it was chosen on; None where it was not chosen on rows.
    """

    kind: str
    C: float
    accuracy: float
    temperature: float
    candidates: list[dict[str, Any]]
    balanced: bool = False
    right: Floats = field(default_factory=lambda: np.empty(0), compare=False, repr=False)
    logits: Floats = field(default_factory=lambda: np.empty(0), compare=False, repr=False)
    head: Head | None = field(default=None, compare=False, repr=False)

    def answers(self, head: Head, X: Floats) -> Floats:
        """Answer for rows, as the task scores it: calibrated probabilities ``(n, K)``."""
        return softmax(head.logits(X) / self.temperature)

    def fit(self, X: Floats, y: Ints, n_classes: int, *, exact: bool = False) -> Head:
        """Refit the chosen head on all given rows; ``exact`` for the head that is kept."""
        if is_counts(X):
            C = self.C if self.kind == CountsHead.kind else float(COUNT_STRENGTHS[0])
            return CountsHead(*fit_counts(X, y, n_classes, C, balanced=self.balanced, exact=exact))
        if self.kind == LinearHead.kind:
            fitted = fit_logistic(X, y, n_classes, self.C, balanced=self.balanced, exact=exact)
            return LinearHead(*fitted)
        return _rival(self.kind).fit(X, y, n_classes)

    def fit_folds(self, X: Floats, y: Ints, n_classes: int, folds: Sequence[Ints]) -> list[Head]:
        """Refit the chosen head on several parts of the rows: faster together than one by one."""
        if self.kind == LinearHead.kind:
            fitted = fit_folds(X, y, n_classes, self.C, folds, balanced=self.balanced)
            return [LinearHead(W, b) for W, b in fitted]
        return [self.fit(X[rows], y[rows], n_classes) for rows in folds]


def choose_head(
    X: Floats,
    y: Ints,
    n_classes: int,
    folds: Folds,
    *,
    balanced: bool = False,
    rivals: bool = True,
) -> Choice:
    """Choose head and strength on folds.

    Parameters
    ----------
    X : ndarray of shape (n, dim), or csr_array of counts
        Of counts the head is logistic regression on their TF-IDF.
    y : ndarray of int, shape (n,)
    n_classes : int
    folds : list of (train rows, held-out rows)
        Their held-out rows cover what the choice is judged on.
    balanced : bool, default=False
        Weight classes equally when fitting and when scoring.
    rivals : bool, default=True
        Also try kNN and nearest class mean.
    """
    held = np.concatenate([out for _, out in folds])
    weight = score_weights(y[held], n_classes, balanced)
    every = np.arange(len(y))  # walked beside the folds: the head that is chosen is then there
    training = [*(a for a, _ in folds), every]
    regression: Any = LogisticPath
    linear: type[LinearHead] | type[CountsHead] = LinearHead
    strengths = STRENGTHS
    if is_counts(X):
        regression, linear, strengths = counts_path, CountsHead, COUNT_STRENGTHS
    path = regression(X, y, n_classes, training, balanced=balanced)
    starts: dict[float, Floats] = {}

    def advance(C: float) -> Sequence[Floats]:
        logits: Sequence[Floats] = path.advance(C)
        starts[C] = path.A[-1]
        return logits[:-1]

    scored = walk(advance, y, folds, weight, kind=linear.kind, strengths=strengths)
    best = one_standard_error(scored)
    if rivals and not is_counts(X):
        for rival in score_rivals(X, y, n_classes, folds, weight):
            scored.append(rival)
            if _clearly_better(rival, best):
                best = rival
    head: Head
    if best.kind == linear.kind:
        head = linear(*path.settle(len(folds), best.C, starts[best.C]))
    else:
        head = _rival(best.kind).fit(X, y, n_classes)
    return Choice(
        best.kind,
        best.C,
        best.accuracy,
        fit_temperature(best.logits, y[held]),
        [s.row() for s in scored],
        balanced,
        best.right,
        best.logits,
        head,
    )


def fit_probe(
    X: Floats,
    y: Ints,
    classes: tuple[str, ...],
    folds: Folds,
    *,
    rows: Ints | None = None,
    balanced: bool = False,
    groups: Ints | None = None,
    widths: Sequence[int] = (),
    rivals: bool = True,
) -> tuple[FittedModel, Choice]:
    """Choose on the folds, refit on all rows, calibrate on the folds' held-out logits.

    Parameters
    ----------
    rows : ndarray of int, optional
        The rows that the folds count in, where those are not all rows.
    groups : ndarray of int64, shape (n,), optional
        Rows that belong together, for what is called unfamiliar.
    widths : sequence of int, optional
        Features of each of several networks, for what is called unfamiliar.
    rivals : bool, default=True
        Also try kNN and nearest class mean.
    """
    rows = np.arange(len(X)) if rows is None else rows
    choice = choose_head(X[rows], y[rows], len(classes), folds, balanced=balanced, rivals=rivals)
    with ThreadPoolExecutor(1) as beside:
        familiar = beside.submit(fit_familiar, X, y, len(classes), widths, groups=groups)
        head = choice.fit(X, y, len(classes), exact=True)
        moments = Moments.fit(X, y, len(classes))
    model = FittedModel(
        "probe", head, choice.temperature, classes, familiar.result(), moments=moments
    )
    return model, choice


def fit_temperature(logits: Floats, y: Ints) -> float:
    """Find the temperature (0.05 to 20) that minimises the log loss of held-out logits, to 1e-6.

    The targets are smoothed as in Platt scaling: with few examples even flawless predictions do
    not justify certainty, and without it the temperature of separable data would go to zero.

    References
    ----------
    Guo et al. (2017), arXiv:1706.04599, section 4.2; Platt (1999), "Probabilistic outputs for
    support vector machines", section 2.2: target ``(N + 1) / (N + 2)`` for a class of N examples.
    """
    n_classes = logits.shape[1]
    doubt = (1 / (np.bincount(y, minlength=n_classes) + 2))[y, None]  # (n, 1)
    target = np.where(np.eye(n_classes)[y] > 0, 1 - doubt, doubt / (n_classes - 1))
    wanted = float((target * logits).sum())
    low, high = COLDEST, HOTTEST
    for _ in range(BISECTIONS):
        middle = float(np.sqrt(low * high))
        # The loss is convex in 1 / T, with slope sum (p - target) z.
        too_sure = float((softmax(logits / middle) * logits).sum()) > wanted
        low, high = (middle, high) if too_sure else (low, middle)
    return float(np.sqrt(low * high))


@dataclass(frozen=True)
class Scored:
    """A head and strength, and what its held-out logits are worth."""

    kind: str
    C: float
    logits: Floats  # (n_held, K)
    right: Floats  # (n_held,) 0 or 1, weighted
    accuracy: float
    log_loss: float
    se: float  # of the log loss, over folds

    def row(self) -> dict[str, Any]:
        """Return the line a run records."""
        return {
            "head": self.kind,
            "C": self.C,
            "accuracy": self.accuracy,
            "log_loss": self.log_loss,
            "log_loss_se": self.se,
        }


def walk(
    advance: Callable[[float], Iterable[Floats]],
    y: Ints,
    folds: Folds,
    weight: Floats,
    score: Callable[..., Scored] | None = None,
    *,
    kind: str = LinearHead.kind,
    strengths: Floats = STRENGTHS,
) -> list[Scored]:
    """Score each strength, weak models first, until the loss has clearly turned up.

    The weakly regularised end is the slow one, and never chosen once the loss rises: stop after
    two strengths in a row that are a standard error worse than the best.

    Parameters
    ----------
    advance : callable
        Strength -> logits (n, K) of all rows, fold by fold.
    weight : ndarray of shape (n_held,)
    kind : str
        Of the head.
    strengths : ndarray
        Values of C, ascending.
    score : callable, default=score_head
    """
    score = score or score_head
    held = np.concatenate([out for _, out in folds])
    scored: list[Scored] = []
    for C in map(float, strengths):
        logits = np.concatenate([z[out] for z, (_, out) in zip(advance(C), folds, strict=True)])
        scored.append(score(kind, C, logits, y[held], folds, weight))
        best = min(scored, key=lambda s: s.log_loss)
        if all(s.log_loss > best.log_loss + best.se for s in scored[-2:]):
            break
    return scored


def one_standard_error(scored: list[Scored]) -> Scored:
    """Return the simplest (smallest C) within one standard error of the best log loss.

    References
    ----------
    Breiman et al. (1984), "Classification and regression trees", section 3.4.3.
    """
    best = min(scored, key=lambda s: s.log_loss)
    return next(s for s in scored if s.log_loss <= best.log_loss + best.se)


def score_rivals(
    X: Floats, y: Ints, n_classes: int, folds: Folds, weight: Floats
) -> Iterator[Scored]:
    """Score what may replace logistic regression: nearest class mean and, of few rows, kNN."""
    held = np.concatenate([out for _, out in folds])
    for rival in RIVALS:
        if rival is NeighbourHead and len(X) >= ENOUGH:
            continue
        logits = np.concatenate(
            [rival.fit(X[rows], y[rows], n_classes).logits(X[out]) for rows, out in folds]
        )
        yield score_head(rival.kind, 0.0, logits, y[held], folds, weight)


def _clearly_better(rival: Scored, best: Scored) -> bool:
    """Whether the rival is right more often by over one standard error of the paired difference."""
    gain = rival.right - best.right
    return bool(gain.mean() > gain.std() / np.sqrt(len(gain)) and gain.mean() > 0)


def score_head(
    kind: str, C: float, logits: Floats, y: Ints, folds: Folds, weight: Floats
) -> Scored:
    """Score the held-out logits of all folds, joined: ``(n_held, K)``, their rows weighted."""
    p = softmax(logits)[np.arange(len(y)), y]
    loss = -np.log(np.maximum(p, 1e-12)) * weight
    right = (logits.argmax(axis=1) == y) * weight
    return scored_by(kind, C, logits, right, loss, folds)


def scored_by(
    kind: str, C: float, logits: Floats, right: Floats, loss: Floats, folds: Folds
) -> Scored:
    """Sum up how right held-out rows were answered and their losses: (n_held,) each."""
    ends = np.cumsum([len(out) for _, out in folds])[:-1]
    per_fold = np.array([part.mean() for part in np.split(loss, ends)])
    se = float(per_fold.std(ddof=1) / np.sqrt(len(per_fold))) if len(per_fold) > 1 else 0.0
    return Scored(kind, C, logits, right, float(right.mean()), float(loss.mean()), se)


def score_weights(y: Ints, n_classes: int, balanced: bool) -> Floats:
    """Weights with mean one: equal, or such that every class counts the same."""
    if not balanced:
        return np.ones(len(y))
    counts = np.bincount(y, minlength=n_classes)
    return len(y) / (np.count_nonzero(counts) * counts[y])


def _rival(kind: str) -> type[CentroidHead] | type[NeighbourHead]:
    return next(r for r in RIVALS if r.kind == kind)
