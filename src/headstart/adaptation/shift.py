"""Seeing a shift: whether there is one, which examples are farthest out, and a map of both domains.

A classifier that tries to tell the two domains apart answers: how well it does on examples it has
not seen measures the shift, and its scores order the target examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm, rankdata
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from headstart.adaptation.domains import Domains
from headstart.judge.intervals import Interval
from headstart.judge.tsne import tsne
from headstart.modalities import EXAMPLE, Unit
from headstart.said import N_, _, sentences
from headstart.tasks.splits import pairs, stratified_folds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
AnyInts = NDArray[np.integer]

MOST = 2000
"""Rows of a domain that the classifier learns from: with so many the interval is a hair."""
AXES = 64
"""Principal axes it sees; in simulations with 10 to 400 rows a side 16 found fewer shifts."""
RIDGE = 0.1
"""Penalty in units of the mean variance of an axis; 0.1 and 1 did alike."""
FOLDS = 5
SHUFFLES = 100
"""Shuffles of the domain labels that the interval's width is checked against."""
SHOWN = 12
POINTS = 600
"""Points of a domain on the map; 1,200 in all take t-SNE three seconds of one core."""
STREAM = 31

CLEAR = N_(
    "The two sets clearly differ: shown one {one} of each, a classifier picks the one from the "
    "target {times:.0f} times in 100 (95 % interval {low:.0f} to {high:.0f}; 50 is chance)."
)
SOME = N_(
    "The two sets somewhat differ: shown one {one} of each, a classifier picks the one from the "
    "target {times:.0f} times in 100 (95 % interval {low:.0f} to {high:.0f}; 50 is chance)."
)
NONE = N_(
    "No shift was found: shown one {one} of each set, a classifier picks the one from the target "
    "{times:.0f} times in 100 (95 % interval {low:.0f} to {high:.0f}; 50 is chance)."
)


@dataclass(frozen=True)
class Shift:
    """How well a classifier tells the domains apart, on examples it has not seen.

    Attributes
    ----------
    auc : float, 0..1
        Chance that of one source and one target example the target one gets the higher score; 0.5
        is no difference.
    auc_ci95 : (float, float)
    scores : ndarray of float64, shape (n_t,), 0..1
        How sure the classifier is that each target example is one, if both were as likely.
    source_points, target_points : ndarray of int64, shape (m, 2), 0..1000
        A map of both domains (t-SNE; neighbours are alike, distances between groups say little).
    source_rows, target_rows : ndarray of int64, shape (m,)
        The examples that are on the map.
    unit : Unit
        What sentences call an example.
    """

    auc: float
    auc_ci95: Interval
    scores: Floats
    source_points: Ints
    target_points: Ints
    source_rows: Ints
    target_rows: Ints
    unit: Unit = EXAMPLE

    @property
    def found(self) -> bool:
        """Whether the interval lies above 0.5: two halves of one set do so 2 to 5 times in 100."""
        return self.auc_ci95[0] > 0.5

    @property
    def sentence(self) -> str:
        """Say it in words."""
        low, high = (100 * end for end in self.auc_ci95)
        message = (CLEAR if low > 75 else SOME) if self.found else NONE
        told = _(message, one=self.unit.one, times=100 * self.auc, low=low, high=high)
        few = _(
            "So few {many} could hide a shift of any size but the largest.", many=self.unit.many
        )
        return told if self.found or high < 75 else sentences(told, few)

    def least_like_source(self, most: int = SHOWN) -> Ints:
        """Return the target rows that look least like the source, the farthest first."""
        return np.argsort(-self.scores, kind="stable")[:most].astype(np.int64)

    def to_json(
        self, paths: Sequence[str], y: AnyInts, predicted: AnyInts, classes: Sequence[str]
    ) -> dict[str, Any]:
        """Return the numbers, ready for ``metrics.json``.

        Parameters
        ----------
        paths : sequence of str, n_t
            Of the target examples.
        y : ndarray of int, shape (n_s,)
            Classes of the source examples.
        predicted : ndarray of int, shape (n_t,)
            The answers on the target.
        classes : sequence of str
        """
        farthest = [
            {
                "path": paths[row],
                "score": float(self.scores[row]),
                "predicted": classes[int(predicted[row])],
            }
            for row in self.least_like_source()
        ]
        return {
            "auc": self.auc,
            "auc_ci95": list(self.auc_ci95),
            "found": self.found,
            "sentence": self.sentence,
            "least_like": farthest,
            "map": {
                "source": _drawn(self.source_points, y[self.source_rows]),
                "target": _drawn(self.target_points, predicted[self.target_rows]),
            },
        }


def find_shift(domains: Domains) -> Shift:
    """Train classifiers to tell the domains apart and see how well they do on held-out examples.

    Labels of the source are not looked at. A shift that is found says that the domains differ, not
    that it harms the answers.

    Parameters
    ----------
    domains : Domains
        At least two rows a side; at most 2,000 rows a side, drawn at random, are learned from.

    Notes
    -----
    The classifier is a ridge-penalised linear discriminant on the leading 64 principal axes of all
    rows (found without a look at the domain), cross-fitted in five folds; the AUC is the mean over
    folds. Its interval is Newcombe's method 5 (Hanley and McNeil's variance in a score-type
    interval), which keeps a sensible width at an AUC of 1 and with 10 rows a side. But it takes
    the scores as given, and classifiers of overlapping folds err together: on two halves of one
    set a tenth of such intervals lay above 0.5. So the standard error is stretched by what 100
    shuffles of the domain labels, within folds, show beyond it (a factor of about 1.3). Then 1 to
    5 in 100 lie above 0.5, with 10 to 400 rows a side of four real sets.

    References
    ----------
    Ben-David et al. (2010), "A theory of learning from different domains", Machine Learning 79,
    section 4 (a domain classifier as the measure); Lopez-Paz & Oquab (2017), "Revisiting classifier
    two-sample tests", arXiv:1610.06545; Hanley & McNeil (1982), Radiology 143; Newcombe (2006),
    Statistics in Medicine 25:559, method 5.
    """
    rng = np.random.default_rng([domains.seed, STREAM])
    rows_s, rows_t = (_some(len(side), MOST, rng) for side in (domains.source, domains.target))
    with threadpool_limits(1):  # sums in one order: the same numbers on every machine
        view = _Axes.fit(np.vstack([domains.source[rows_s], domains.target[rows_t]]), domains.seed)
        is_target = np.repeat([0, 1], [len(rows_s), len(rows_t)]).astype(np.int64)
        auc, interval, seen, unseen = _told_apart(view.rows, is_target, view(domains.target), rng)
        margins = unseen
        margins[rows_t] = seen[is_target == 1]  # the rest no classifier has learned from
        scores = _calibrated(seen, is_target, margins)
        on_map = [rng.permutation(np.arange(n))[:POINTS] for n in (len(rows_s), len(rows_t))]
        picked = np.concatenate([np.sort(on_map[0]), len(rows_s) + np.sort(on_map[1])])
        points = _map(view.rows[picked])
    n = len(on_map[0])
    return Shift(
        auc, interval, scores, points[:n], points[n:],
        rows_s[np.sort(on_map[0])], rows_t[np.sort(on_map[1])], domains.unit,
    )  # fmt: skip


def auc_interval(auc: float, m: int, n: int, *, stretch: float = 1.0) -> Interval:
    """Interval of an area under the ROC curve by inverting a score test.

    Parameters
    ----------
    auc : float, 0..1
    m, n : int, >= 1
        Rows of either side.
    stretch : float, default=1
        Factor on the standard error.

    Notes
    -----
    The ends are the values t with ``|auc - t| = 1.96 stretch sqrt(V(t))``, where ``V(t) = t (1 - t)
    (1 + (N - 1) ((1 - t) / (2 - t) + t / (1 + t))) / (m n)`` and ``N = (m + n) / 2``.

    References
    ----------
    Newcombe (2006), Statistics in Medicine 25:559, method 5; V is Hanley & McNeil (1982), eq. 1
    with equal sizes in the second term.
    """
    z = float(norm.ppf(0.975)) * stretch

    def gap(t: float) -> float:
        return (auc - t) ** 2 - z * z * _variance(t, m, n)

    tiny = 1e-9
    low = brentq(gap, 0, auc - tiny) if auc > tiny and gap(auc - tiny) < 0 < gap(0) else 0.0
    high = brentq(gap, auc + tiny, 1) if auc < 1 - tiny and gap(auc + tiny) < 0 < gap(1) else 1.0
    return float(low), float(high)


def _variance(t: float, m: int, n: int) -> float:
    """Hanley and McNeil's variance of an AUC of ``t``, in Newcombe's symmetric form."""
    return t * (1 - t) * (1 + ((m + n) / 2 - 1) * ((1 - t) / (2 - t) + t / (1 + t))) / (m * n)


@dataclass(frozen=True)
class _Axes:
    """Standardise on all rows, then project on their principal axes."""

    mean: Floats
    scale: Floats
    pca: PCA
    rows: Floats  # (n, r), of the rows it was fitted on

    @classmethod
    def fit(cls, X: Floats, seed: int) -> _Axes:
        mean, scale = X.mean(axis=0), X.std(axis=0)
        scale = np.where(scale > 1e-9 * np.maximum(np.abs(mean), 1e-9), scale, np.inf)
        Z = (X - mean) / scale
        pca = PCA(min(AXES, len(X) - 1, X.shape[1]), random_state=seed).fit(Z)
        return cls(mean, scale, pca, pca.transform(Z))

    def __call__(self, X: NDArray[np.floating]) -> Floats:
        return self.pca.transform((X - self.mean) / self.scale)


def _told_apart(
    Z: Floats, is_target: Ints, target: Floats, rng: np.random.Generator
) -> tuple[float, Interval, Floats, Floats]:
    """Cross-fit the classifiers: AUC, interval, held-out margins of Z, mean margins of target."""
    n, m = len(Z), int((is_target == 0).sum())
    k = max(2, min(FOLDS, m, n - m))
    folds = pairs(stratified_folds(is_target, None, k, rng))
    labels = np.tile(is_target, (SHUFFLES + 1, 1))  # first the true ones
    for _train, held in folds:
        labels[1:, held] = rng.permuted(labels[1:, held], axis=1)
    areas, margins, beyond = np.zeros(SHUFFLES + 1), np.empty(n), np.zeros(len(target))
    for train, held in folds:
        slopes, offsets = _discriminants(Z[train], labels[:, train])
        scores = Z[held] @ slopes + offsets  # (n_held, 1 + SHUFFLES)
        areas += _areas(scores, labels[:, held].T) * len(held) / n
        margins[held] = scores[:, 0]
        beyond += (target @ slopes[:, 0] + offsets[0]) / len(folds)
    auc = float(areas[0])
    spread = float(np.square(areas[1:] - 0.5).mean())
    stretch = max(1.0, float(np.sqrt(spread / _variance(0.5, m, n - m))))
    return auc, auc_interval(auc, m, n - m, stretch=stretch), margins, beyond


def _discriminants(Z: Floats, labels: Ints) -> tuple[Floats, Floats]:
    """Least squares of -1/+1 on rows, one for each labelling (P, n): ``(r, P)`` and ``(P,)``.

    Up to scale the direction of Fisher's discriminant with a ridge on the covariance.
    """
    mean, signs = Z.mean(axis=0), 2.0 * labels.T - 1  # (n, P)
    R = Z - mean
    gram = R.T @ R
    power = max(float(np.trace(gram)) / len(gram), 1e-12)
    gram[np.diag_indices_from(gram)] += RIDGE * power
    slopes = np.linalg.solve(gram, R.T @ (signs - signs.mean(axis=0)))
    return slopes, signs.mean(axis=0) - mean @ slopes


def _areas(scores: Floats, labels: Ints) -> Floats:
    """AUC of every column: scores (n, P), labels (n, P) of 0 and 1 -> (P,)."""
    ranks = rankdata(scores, axis=0)
    n_target = labels.sum(axis=0)
    n_pairs = n_target * (len(labels) - n_target)
    return np.asarray(((ranks * labels).sum(axis=0) - n_target * (n_target + 1) / 2) / n_pairs)


def _calibrated(seen: Floats, is_target: Ints, margins: Floats) -> Floats:
    """Turn margins into probabilities, with the domains weighed equally (Platt scaling)."""
    scale = max(float(seen.std()), 1e-12)
    model = LogisticRegression(class_weight="balanced").fit(seen[:, None] / scale, is_target)
    return np.asarray(model.predict_proba(margins[:, None] / scale)[:, 1], np.float64)


def _some(n: int, most: int, rng: np.random.Generator) -> Ints:
    return np.sort(rng.permutation(n)[:most]).astype(np.int64)


def _map(Z: Floats) -> Ints:
    """Lay rows out in the plane: t-SNE, or the first two axes of very few rows; 0..1000."""
    flat = Z[:, :2] if Z.shape[1] > 1 else np.column_stack([Z[:, 0], np.zeros(len(Z))])
    if len(Z) >= 10 and Z.std() > 0:
        flat = tsne(Z[:, :30], flat, perplexity=min(30.0, (len(Z) - 1) / 3))
    low, width = flat.min(axis=0), np.ptp(flat, axis=0).max()
    return np.rint(1000 * (flat - low) / max(float(width), 1e-12)).astype(np.int64)


def _drawn(points: Ints, colour: AnyInts) -> list[list[int]]:
    return [[int(x), int(y), int(c)] for (x, y), c in zip(points, colour, strict=True)]
