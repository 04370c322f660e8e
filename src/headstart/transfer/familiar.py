"""Familiarity: whether an input looks like anything the model was trained on.

A model answers every example, also one of something it has never seen. The features tell: this
module keeps a Gaussian per class with one shared covariance and measures how far away an input is.
Compared with other scores on real data in ``benchmarks/unfamiliar.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.said import N_
from headstart.tasks.splits import pairs, stratified_folds

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
Folds = list[tuple[NDArray[np.int64], NDArray[np.int64]]]

ALARMS = 0.01
"""Share of ordinary examples that may be flagged: alarms that are usually false are ignored."""

RANK = 64
"""Directions kept: with 64 the benchmark's figures are those of the whole covariance, and the
model needs 256 bytes per feature for them."""

ENOUGH = 1000
"""Rows learned from; more would cost time and not move a covariance of rank 64."""

KIND = N_("Mahalanobis distance of the embedding, shared covariance")
"""The score, in words."""

CROSS_FITS = 5
"""Models that score the training rows for the threshold, each without its fold."""

LOWEST = -4.0
"""No score is lower: two unit vectors are at most 2 apart."""

TINY = 1e-12


@dataclass(frozen=True)
class Familiarity:
    """Flags inputs that look like nothing in the training set.

    The score is minus the squared Mahalanobis distance of the feature vector, scaled to unit
    length, to the nearest class mean. All classes share one covariance, shrunk so that it exists
    with fewer examples than features, of which the leading directions are kept and the rest counts
    as noise of equal strength in all directions.

    Not a test of whether an answer is right: a familiar example may well be misread.

    Attributes
    ----------
    centroids : ndarray of float32, shape (K, dim)
        Class means; a class without rows repeats the overall mean.
    basis : ndarray of float32, shape (dim, r), r <= 64
        Leading directions of the spread within classes, orthonormal.
    discount : ndarray of float32, shape (r,), 0 to 1
        Share of the squared distance along each direction that is ordinary spread.
    threshold : float
        Scores below it are unfamiliar.

    Notes
    -----
    With ``d = z - m_c`` for the unit vector z and class mean m_c, the squared distance is ``|d|² -
    sum_j discount_j (b_j·d)²``: ``s d'S⁻¹d`` for a covariance S that has the eigenvalues ``s / (1 -
    discount_j)`` along ``basis`` and s elsewhere.

    The threshold is the k-th smallest score of the training examples, each scored by a model that
    was fitted without its fold, k = 0.01 (n + 1) rounded down but at least 1: among exchangeable
    scores a new one falls below it with probability ``k / (n + 1)``. So about 1 % of ordinary
    inputs are flagged, or one in n + 1 where n < 199 (k = 1). The model that is kept has seen more
    examples than those of the folds, so the true rate tends to be a little lower.

    References
    ----------
    Lee et al. (2018), "A simple unified framework for detecting out-of-distribution samples",
    arXiv:1807.03888, eqs. 1-2; Ledoit & Wolf (2004), J. Multivariate Analysis 88, the shrinkage;
    Tipping & Bishop (1999), JRSS B 61, eq. 8, the noise; Barber et al. (2021), "Predictive
    inference with the jackknife+", Ann. Statist. 49, section 3, the cross-fitted threshold.
    """

    centroids: NDArray[np.float32]
    basis: NDArray[np.float32]
    discount: NDArray[np.float32]
    threshold: float

    @classmethod
    def fit(
        cls,
        X: Floats,
        y: NDArray[np.integer],
        n_classes: int,
        *,
        groups: Ints | None = None,
        seed: int = 0,
    ) -> Familiarity:
        """Learn from training rows.

        Parameters
        ----------
        X : ndarray of shape (n, dim)
            Feature vectors; at most 1000 rows, drawn at random, are used.
        y : ndarray of int, shape (n,), 0..K-1
        n_classes : int
        groups : ndarray of int64, shape (n,), optional
            Rows of one group (copies of one example) are scored by a model without any of them.
        seed : int, default=0
            Of the draw and of the folds that the threshold is found on.
        """
        rows, folds = _rows_and_folds(y, groups, seed)
        Z, labels = _unit(np.asarray(X[rows], np.float64)), y[rows].astype(np.int64)
        scores = _cross_fitted(Z, labels, n_classes, folds)
        return cls(*_gaussian(Z, labels, n_classes), _threshold(scores))

    @property
    def dim(self) -> int:
        """Features of a vector."""
        return int(self.centroids.shape[1])

    @property
    def widths(self) -> tuple[int, ...]:
        """Nothing: it is of one network."""
        return ()

    def scores(self, X: Floats) -> NDArray[np.float64]:
        """Score rows: ``(n, dim)`` -> ``(n,)``, at most 0; larger is more familiar."""
        Z = _unit(np.asarray(X, np.float64))
        along, seen = Z @ self.basis, self.centroids @ self.basis.astype(np.float64)
        best = np.full(len(Z), -np.inf)
        for centre, projected in zip(self.centroids, seen, strict=True):
            squared = np.square(Z - centre).sum(axis=1)
            squared -= np.square(along - projected) @ self.discount
            np.maximum(best, -squared, out=best)
        return np.minimum(best, 0.0)

    def is_unfamiliar(self, X: Floats) -> NDArray[np.bool_]:
        """Flag rows (n, dim) that are farther from every class than training examples are."""
        return np.asarray(self.scores(X) < self.threshold)


@dataclass(frozen=True)
class FamiliarSideBySide:
    """Flags inputs that look like nothing in the training set, by networks side by side.

    Each network has a sense of its own, and its scores count in units of how much they vary among
    ordinary examples. In one distance for all of them the longest vectors would decide, and with
    vectors of one length those that vary with what does not matter here.

    Attributes
    ----------
    parts : tuple of Familiarity
        One for the vectors of each; their own thresholds are not asked.
    scale : ndarray of float64, shape (k,)
        Standard deviation of the scores of each among training examples, each scored by a model
        that was fitted without its fold.
    threshold : float
        Scores below it are unfamiliar; found as that of :class:`Familiarity` is.

    Notes
    -----
    The score is the sum over the networks of ``score_k / scale_k``. Where groups are given, those
    of one are scored together by models without any of them: a network that finds every new
    speaker strange has widely varying scores, and so says little.
    """

    parts: tuple[Familiarity, ...]
    scale: NDArray[np.float64]
    threshold: float

    @classmethod
    def fit(
        cls,
        X: Floats,
        y: NDArray[np.integer],
        n_classes: int,
        widths: Sequence[int],
        *,
        groups: Ints | None = None,
        seed: int = 0,
    ) -> FamiliarSideBySide:
        """Learn from training rows; ``widths`` are the features of each network, in order."""
        rows, folds = _rows_and_folds(y, groups, seed)
        labels, apart = y[rows].astype(np.int64), _apart(np.asarray(X[rows]), widths)
        units = [_unit(np.asarray(own, np.float64)) for own in apart]
        found = [_cross_fitted(Z, labels, n_classes, folds) for Z in units]
        parts = [Familiarity(*_gaussian(Z, labels, n_classes), LOWEST) for Z in units]
        spread = np.array([scores.std() for scores in found])
        scale = np.where(spread > TINY, spread, 1.0)
        together = sum(scores / own for scores, own in zip(found, scale, strict=True))
        return cls(tuple(parts), scale, _threshold(np.asarray(together)))

    @property
    def dim(self) -> int:
        """Features of a vector."""
        return sum(self.widths)

    @property
    def widths(self) -> tuple[int, ...]:
        """Features of each network."""
        return tuple(part.dim for part in self.parts)

    def scores(self, X: Floats) -> NDArray[np.float64]:
        """Score rows: ``(n, dim)`` -> ``(n,)``, at most 0; larger is more familiar."""
        apart = _apart(np.asarray(X), self.widths)
        each = zip(self.parts, apart, self.scale, strict=True)
        return np.asarray(sum(part.scores(own) / scale for part, own, scale in each))

    def is_unfamiliar(self, X: Floats) -> NDArray[np.bool_]:
        """Flag rows (n, dim) that are farther from every class than training examples are."""
        return np.asarray(self.scores(X) < self.threshold)


def fit_familiar(
    X: Floats,
    y: NDArray[np.integer],
    n_classes: int,
    widths: Sequence[int] = (),
    *,
    groups: Ints | None = None,
) -> Familiarity | FamiliarSideBySide:
    """Learn what is familiar, of one network or, where there are several ``widths``, of each."""
    if len(widths) > 1:
        return FamiliarSideBySide.fit(X, y, n_classes, widths, groups=groups)
    return Familiarity.fit(X, y, n_classes, groups=groups)


def _rows_and_folds(
    y: NDArray[np.integer], groups: Ints | None, seed: int
) -> tuple[NDArray[np.int64], Folds]:
    """Draw the rows that are learned from, and deal them into folds; of one group there are none.

    Folds are pairs of rows, counted among those drawn.
    """
    rng = np.random.default_rng([seed, len(y)])
    rows = np.arange(len(y))
    if len(rows) > ENOUGH:
        rows = np.sort(rng.choice(rows, ENOUGH, replace=False))
    labels = y[rows].astype(np.int64)
    together = None if groups is None else groups[rows].astype(np.int64)
    parts = len(labels) if together is None else len(np.unique(together))
    if parts < 2:
        return rows, []
    return rows, pairs(stratified_folds(labels, together, min(CROSS_FITS, parts), rng))


def _cross_fitted(
    Z: Floats, labels: NDArray[np.int64], n_classes: int, folds: Folds
) -> NDArray[np.float64]:
    """Score unit vectors (n, dim), each by a model without its fold: (n,)."""
    scores = np.full(len(labels), LOWEST)
    for train, held in folds:
        model = Familiarity(*_gaussian(Z[train], labels[train], n_classes), LOWEST)
        scores[held] = model.scores(Z[held])
    return scores


def _apart(X: NDArray[Any], widths: Sequence[int]) -> list[NDArray[Any]]:
    """Take vectors of networks side by side apart."""
    return np.split(X, np.cumsum(widths)[:-1], axis=1)


def _threshold(scores: Floats) -> float:
    """Take the score that about ``ALARMS`` of new rows fall below."""
    k = max(1, int(ALARMS * (len(scores) + 1)))
    return float(np.sort(scores)[k - 1])


def _gaussian(
    Z: Floats, y: Ints, n_classes: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Fit class means and the shared covariance: centroids (K, dim), basis (dim, r), discount."""
    n, dim = Z.shape
    member = np.eye(n_classes)[y]  # (n, K)
    count = member.sum(axis=0)
    centroids = member.T @ Z / np.maximum(count, 1)[:, None]
    centroids[count == 0] = Z.mean(axis=0)
    R = Z - centroids[y]
    gram = R @ R.T if n < dim else R.T @ R
    total = float(np.trace(gram) / n)  # the trace of the covariance
    power, basis = _leading(R, gram, max(1, min(RANK, n, dim - 1)))
    shrink = _shrinkage(R, gram) if total > TINY else 1.0
    power = (1 - shrink) * power + shrink * total / dim
    noise = (total - power.sum()) / (dim - len(power)) if len(power) < dim else 0.0
    discount = 1 - noise / np.maximum(power, TINY) if len(power) else power
    return (
        centroids.astype(np.float32),
        basis.astype(np.float32),
        np.clip(discount, 0, 1).astype(np.float32),
    )


def _shrinkage(R: Floats, gram: Floats) -> float:
    """Weight of the scaled identity in the covariance S of centred rows ``R`` (n, dim), 0 to 1.

    Ledoit & Wolf (2004), lemma 3.1 and section 3.3: ``b² / d²`` with ``d² = |S|² - tr(S)² / dim``
    and ``b² = (sum_k |r_k|⁴ / n - |S|²) / n``, at most d². Both norms can be read off the Gram
    matrix of the rows, which is there, where scikit-learn builds the (dim, dim) matrix of S anew
    and takes a second to load.
    """
    n, dim = R.shape
    squared = float(np.square(gram).sum()) / n**2  # |S|²
    spread = squared - float(np.trace(gram) / n) ** 2 / dim
    doubt = (float(np.square(np.square(R).sum(axis=1)).sum()) / n - squared) / n
    return min(1.0, max(0.0, doubt / spread)) if spread > 0 else 1.0


def _leading(R: Floats, gram: Floats, rank: int) -> tuple[Floats, Floats]:
    """Return the largest eigenvalues (r,) of ``R'R / n`` and their vectors (dim, r).

    Directions in which the rows do not vary are left out. ``gram`` is the smaller of ``RR'`` and
    ``R'R``.
    """
    n, dim = R.shape
    power, vectors = np.linalg.eigh(gram)  # all of them: scipy's choice of some holds all threads
    power, vectors = power[-rank:], vectors[:, -rank:]
    keep = power > max(1e-6 * power[-1], TINY)
    power, vectors = power[keep], vectors[:, keep]
    basis = R.T @ (vectors / np.sqrt(power)) if n < dim else vectors
    return power / n, basis


def _unit(X: Floats) -> Floats:
    return X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), TINY)
