"""Labels that are probably wrong, and what mending them would bring.

Only held-out probabilities are looked at: a model that has trained on a wrong label defends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from headstart.judge.crossval import in_threads
from headstart.judge.intervals import Interval, corrected_interval
from headstart.modalities import EXAMPLE, Unit
from headstart.notation import in_points
from headstart.said import _, sentences
from headstart.tasks.labels import Labels, Stream
from headstart.transfer.heads import Head
from headstart.transfer.logistic import softmax
from headstart.transfer.probe import Choice

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]
Remedy = Literal["relabel", "leave out"]

FOLDS = 5
FEWEST = 30
"""Held-out rows below which a mending trial says nothing."""


@dataclass(frozen=True)
class LabelIssues:
    """Suspected labels, most suspicious first.

    Attributes
    ----------
    checked : int
        How many labels were looked at.
    rows : ndarray of int64, shape (m,)
        Positions in the arrays that were given.
    suggested : ndarray of int64, shape (m,)
        The class that the model believes in.
    confidence : ndarray of float64, shape (m,)
        Probability of the suggested class.
    given : ndarray of float64, shape (m,)
        Probability of the label; the order is by this, ascending.
    """

    checked: int
    rows: Ints
    suggested: Ints
    confidence: NDArray[np.float64]
    given: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)


def find_label_issues(y: Ints, proba: Floats) -> LabelIssues:
    """List the labels that held-out predictions contradict most.

    Confident learning says how many: it counts the rows that reach, for another class than their
    label, the mean confidence that the class's own rows have in it. The so many rows with the
    lowest probability of their label are listed, out of those that are predicted otherwise.

    Not a list of errors: where classes are hard to tell apart the model is the one that errs. Look
    before changing a label.

    Parameters
    ----------
    y : ndarray of int, shape (n,), 0..K-1
    proba : ndarray of shape (n, K)
        Probabilities by models that did not train on the row.

    Notes
    -----
    The same rows as cleanlab 2.9's ``filter_by="low_self_confidence"``, except that here a row must
    also be predicted as another class. With 5 % planted errors it lists a smaller share of sound
    labels than cleanlab's default, and it is a few lines (``benchmarks/planted_labels.py``).

    References
    ----------
    Northcutt, Jiang & Chuang (2021), "Confident learning: estimating uncertainty in dataset
    labels", JAIR 70, eqs. 1-2 (thresholds and confident joint), section 3.2 (self-confidence).
    """
    y = np.asarray(y, np.int64)
    belief: NDArray[np.float64] = np.asarray(proba, np.float64)
    given = belief[np.arange(len(y)), y]
    contradicted = np.flatnonzero(belief.argmax(axis=1) != y)
    ranked = contradicted[np.argsort(given[contradicted], kind="stable")]
    rows = ranked[: _confidently_other(y, belief)]
    suggested = belief[rows].argmax(axis=1).astype(np.int64)
    return LabelIssues(len(y), rows, suggested, belief[rows, suggested], given[rows])


def find_set_issues(y: NDArray[np.bool_], proba: Floats) -> LabelIssues:
    """List where held-out predictions contradict that an example has a label, or lacks it.

    Each label by itself as a class beside its absence; of each example the one that is contradicted
    most. That labels may be missing is the rule where there are many: look before adding one.

    Parameters
    ----------
    y : ndarray of bool, shape (n, K)
    proba : ndarray of shape (n, K)
        How probable each label is, by models that did not train on the row.

    Returns
    -------
    LabelIssues
        ``suggested`` is the label that is added or taken away.

    References
    ----------
    Thyagarajan et al. (2022), "Identifying incorrect annotations in multi-label classification
    data", arXiv:2211.13895, section 3: one label against the rest, rows scored by their worst.
    """
    n, n_labels = y.shape
    worst, which = np.full(n, np.inf), np.zeros(n, np.int64)
    for k in range(n_labels):
        p = np.asarray(proba[:, k], np.float64)
        found = find_label_issues(y[:, k].astype(np.int64), np.stack([1 - p, p], axis=1))
        new = found.rows[found.given < worst[found.rows]]
        given = np.where(y[:, k], p, 1 - p)
        worst[new], which[new] = given[new], k
    rows = np.argsort(worst, kind="stable")[: np.isfinite(worst).sum()]
    return LabelIssues(y.size, rows, which[rows], 1 - worst[rows], worst[rows])


def _confidently_other(y: Ints, proba: NDArray[np.float64]) -> int:
    """Count the rows off the diagonal of the confident joint."""
    n_classes = proba.shape[1]
    threshold = np.array(
        [proba[y == c, c].mean() if (y == c).any() else np.inf for c in range(n_classes)]
    )
    confident = np.where(proba >= threshold, proba, -1.0)
    return int(((confident.max(axis=1) >= 0) & (confident.argmax(axis=1) != y)).sum())


@dataclass(frozen=True)
class Mending:
    """What mending suspected labels brought in a trial on held-out rows.

    Attributes
    ----------
    remedy : {"relabel", "leave out"}
    before, after : float
        Mean accuracy over folds on rows whose labels nobody suspects, without and with mending.
    gain : float
        ``after - before``.
    gain_ci95 : (float, float)
        Corrected resampled t-interval, and never tighter than ±3/n.
    n : int
        Held-out rows that were scored.
    mended : float
        Mean number of training labels changed or left out in a fold.
    """

    remedy: Remedy
    before: float
    after: float
    gain: float
    gain_ci95: Interval
    n: int
    mended: float
    unit: Unit = EXAMPLE

    @property
    def sentence(self) -> str:
        """Say it in words, with what it does not know."""
        tried = _("In a trial, these labels were changed to what is suggested, without looking.")
        if self.remedy == "leave out":
            tried = _("In a trial, these labels were left out of the training, without looking.")
        unknown = _(
            "The doubtful ones are not scored, so this says nothing about hard {examples}, and "
            "labels corrected by a person may bring more.",
            examples=self.unit.many,
        )
        return sentences(tried, self._found(), unknown)

    def _found(self) -> str:
        low, high = self.gain_ci95
        gain = {"gain": in_points(self.gain), "low": in_points(low), "high": in_points(high)}
        if low > 0:
            return _(
                "That makes the model better: {gain} points (95 % interval {low} to {high}) on the "
                "{n} held-out labels that look sound.",
                n=self.n,
                **gain,
            )
        if high < 0:
            return _(
                "That makes the model worse: {gain} points (95 % interval {low} to {high}) on the "
                "{n} held-out labels that look sound.",
                n=self.n,
                **gain,
            )
        return _(
            "That makes no difference that can be seen: {gain} points (95 % interval {low} to "
            "{high}) on the {n} held-out labels that look sound.",
            n=self.n,
            **gain,
        )


def gain_of_mending(
    X: Floats,
    labels: Labels,
    issues: LabelIssues,
    choice: Choice,
    *,
    remedy: Remedy = "relabel",
    repeats: int = 1,
    unit: Unit = EXAMPLE,
    workers: int = 1,
) -> Mending | None:
    """Try what mending brings: fit with and without, score both on held-out rows, paired.

    In every fold the suspects are found anew among its training rows, by cross-validation inside
    them: the list ``issues`` was made by models that had seen the held-out labels. Only which
    held-out rows are scored is taken from ``issues``; a wrong label would count a better model as
    a worse one.

    Parameters
    ----------
    X : ndarray of shape (n, dim)
    labels : Labels
        Labels, groups, seed of the same rows.
    issues : LabelIssues
        Of the same rows.
    choice : Choice
        Head and strength. Chosen once, on the labels as they are and on all rows: both fits share
        it, so it favours neither by having seen a fold, though mended labels may deserve another.
    remedy : {"relabel", "leave out"}, default="relabel"
    repeats : int, default=1
        How often the folds are dealt.
    workers : int, default=1
        Threads; one core each.

    Returns
    -------
    Mending or None
        None where nothing is suspected, or fewer than 30 rows would be scored.

    Notes
    -----
    The bias: rows that the model contradicts are not scored. That raises both accuracies, that of
    the unmended fit more, since the suspects are by construction rows that such a fit got wrong. So
    the gain leans low. The suggestions are the model's, not the truth: changing sound labels to
    what the model believed anyway can make it worse, and the trial then says so.

    References
    ----------
    Nadeau & Bengio (2003), Machine Learning 52, eq. 9, for the interval.
    """
    sound = np.ones(len(labels.y), bool)
    sound[issues.rows] = False
    if not len(issues) or sound.sum() < FEWEST:
        return None
    every = np.arange(len(labels.y))
    deals = (labels.folds(every, FOLDS, Stream.MENDING, r) for r in range(repeats))
    folds = [pair for deal in deals for pair in deal]
    jobs = [(f, train, held[sound[held]]) for f, (train, held) in enumerate(folds)]
    run = partial(_trial, X, labels, choice, remedy)
    trials = in_threads(run, [job for job in jobs if len(job[2])], workers)
    before, after, mended = np.array(trials).T
    train, held = folds[0]
    low, high = corrected_interval(after - before, len(held) / len(train))
    # Folds that agree to the last row would leave no doubt at all: the rule of three leaves some.
    n, gain = int(sound.sum()), float((after - before).mean())
    interval = max(-1.0, min(low, gain - 3 / n)), min(1.0, max(high, gain + 3 / n))
    return Mending(
        remedy,
        float(before.mean()),
        float(after.mean()),
        gain,
        interval,
        n,
        float(mended.mean()),
        unit,
    )


def _trial(
    X: Floats, labels: Labels, choice: Choice, remedy: Remedy, job: tuple[int, Ints, Ints]
) -> tuple[float, float, int]:
    """Return accuracy on held-out rows before and after mending others, and how much was mended."""
    fold, train, held = job
    X_held, y_held, X, own = X[held], labels.y[held], X[train], labels.of(train)
    found, before = _suspects(X, own, choice, fold)
    y, keep = own.y.copy(), np.ones(len(train), bool)
    if remedy == "relabel":
        y[found.rows] = found.suggested
    else:
        keep[found.rows] = False
    after = choice.fit(X[keep], y[keep], own.n_classes)
    first, then = (own.task.score(y_held, h.logits(X_held)).mean() for h in (before, after))
    return float(first), float(then), len(found)


def _suspects(X: Floats, labels: Labels, choice: Choice, fold: int) -> tuple[LabelIssues, Head]:
    """Find suspects by cross-validation; return the head fitted on all labels as they are, too."""
    every = np.arange(len(X))
    folds = labels.folds(every, FOLDS, Stream.MENDING, 1, fold)
    training = [train for train, _ in folds]
    *heads, whole = choice.fit_folds(X, labels.y, labels.n_classes, [*training, every])
    proba = np.zeros((len(X), labels.n_classes))
    for head, (_train, held) in zip(heads, folds, strict=True):
        proba[held] = softmax(head.logits(X[held]) / choice.temperature)
    return find_label_issues(labels.y, proba), whole
