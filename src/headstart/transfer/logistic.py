"""Multinomial logistic regression along a path of regularisation strengths, fast on small data.

The solver works in the eigenbasis of the (standardised) training data, where the Böhning-Lindsay
bound on the Hessian is diagonal: each step divides the gradient by that bound, coordinate by
coordinate, so no line search is needed and ill-conditioned features cost nothing. With fewer rows
than features the basis has one direction per row; for an L2 penalty that is exact, since the
optimum lies in the span of the rows. Several folds are solved at once, as a stack; many rows are
shared by the folds, which then differ only in how much each row counts.

References
----------
.. [1] Böhning (1992), "Multinomial logistic regression algorithm", Ann. Inst. Stat. Math. 44:
       the Hessian of the softmax loss is at most ``(I - 11'/K)/2 (x) Z'Z``.
.. [2] Nesterov (1983); O'Donoghue & Candès (2015), "Adaptive restart for accelerated gradient
       schemes", section 3.2: restart when the step points uphill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

STRENGTHS = np.logspace(-5, 2, 15)
"""Values of C tried, weak models first: DINOv2 sweeps 1e-6..1e5 and CLIP 1e-6..1e6; on 224-pixel
ImageNet features the optimum lay in 3e-3..1 on every set measured in docs/measurements.md."""

SHARED = 2000
"""Rows from which folds share scale and axes. With few, the rows that a fold holds out shape the
scale they are seen by, and all strengths look better than they are: of 300 solar cells by a log
loss of 0.12, of 1,500 by 0.02, of 2,100 by 0.003."""
PART = 1024
"""Rows that are worked on at a time where a copy of all would take much memory."""
FITTED = 1e-4
"""Tolerance of a fit that is only scored: where accuracy no longer moves."""


def softmax(logits: Floats) -> Floats:
    """Turn logits ``(..., K)`` into probabilities ``(..., K)`` without overflow."""
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(logits: Floats) -> Floats:
    """Turn logits of any shape into probabilities, each by itself, without overflow."""
    e = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, e) / (1 + e)


def standardisation(X: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Mean and scale ``(D,)`` of rows (n, D) under weights (n,) that sum to one.

    The scale is infinite where a feature is constant, so that nothing is concluded from its values
    elsewhere.
    """
    mean, power = np.zeros_like(weight, shape=(2, X.shape[1]))
    for part in parts_of(len(X)):
        mean += weight[part] @ X[part]
    for part in parts_of(len(X)):
        Z = X[part] - mean
        power += np.einsum("n,nd,nd->d", weight[part], Z, Z)
    noise = 4 * np.sqrt(len(X)) * np.finfo(X.dtype).eps * np.abs(mean)  # of the mean itself
    scale = np.sqrt(power)
    scale[scale <= np.maximum(noise, 1e-30)] = np.inf
    return mean, scale


def _standardised(X: Floats, mean: Floats, scale: Floats) -> Floats:
    Z = X - mean
    Z /= scale
    return Z


def parts_of(n: int) -> list[slice]:
    """Cut n rows into parts, so that what is made of a part takes little memory."""
    return [slice(start, start + PART) for start in range(0, n, PART)]


@dataclass(frozen=True)
class Rotation:
    """Standardise on the training rows, then rotate to their principal axes.

    Attributes
    ----------
    mean, scale : ndarray of shape (D,)
        Of the training rows: see ``standardisation``.
    basis : ndarray of shape (D, r)
        Orthonormal; r = min(n_train, D) less numerically empty directions.
    power : ndarray of shape (r,), > 0
        Variance along each axis, ascending.
    """

    mean: Floats
    scale: Floats
    basis: Floats
    power: Floats

    @classmethod
    def fit(cls, X: Floats, weight: Floats) -> Rotation:
        """Find the axes of ``X`` (n, D) under row weights (n,) that sum to one, in their dtype."""
        mean, scale = standardisation(X, weight)
        root = np.sqrt(weight)[:, None]
        basis: Floats
        if len(X) < X.shape[1]:
            Z = _standardised(X, mean, scale) * root
            power, U = eigen(Z @ Z.T)
            basis = Z.T @ (U / np.sqrt(power))
        else:
            gram = np.zeros_like(weight, shape=(X.shape[1], X.shape[1]))
            for part in parts_of(len(X)):
                scaled = _standardised(X[part], mean, scale) * root[part]
                gram += scaled.T @ scaled
            power, basis = eigen(gram)
        return cls(mean, scale, basis.astype(weight.dtype), power.astype(weight.dtype))

    def __call__(self, X: Floats, out: Floats | None = None) -> Floats:
        """Rotate rows: (n, D) -> (n, r); into ``out`` where it is given."""
        out = np.empty((len(X), len(self.power)), self.basis.dtype) if out is None else out
        for part in parts_of(len(X)):
            Z = _standardised(X[part], self.mean, self.scale)
            out[part] = Z.astype(self.basis.dtype, copy=False) @ self.basis
        return out

    def undo(self, A: Floats, b: Floats) -> tuple[Floats, Floats]:
        """Express a linear map on rotated rows as one on raw rows: ``(D, K)`` and ``(K,)``."""
        W = (self.basis.astype(np.float64) @ A) / self.scale[:, None]
        return W, b - self.mean @ W


def eigen(gram: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues (r,) of a Gram matrix and their vectors in columns, without those near zero."""
    power, vectors = np.linalg.eigh(gram)
    keep = power > power[-1] * 1e-6
    return power[keep], vectors[:, keep]


def solve(
    Z: Floats,
    Y: Floats,
    weight: Floats,
    bound: Floats,
    penalty: Floats,
    start: Floats,
    *,
    tolerance: float,
    max_steps: int = 400,
    several: bool = False,
) -> Floats:
    """Minimise ``sum_i w_i CE(A z_i, y_i) + sum_j penalty_j |A_j|² / 2`` for F problems at once.

    An intercept is the weight of a column of ones, without a penalty. With ``several`` every column
    of Y is a problem of two classes by itself (one-vs-rest): CE is then the sum of their losses.


    Parameters
    ----------
    Z : ndarray of shape (G, n, r)
        Rows: of each problem (G = F), or shared by all of them (G = 1).
    Y : ndarray of shape (n, K)
        One-hot labels; with ``several`` any number of ones in a row.
    weight : ndarray of shape (F, n)
        Row weights, each row summing to one; zero leaves a row out.
    bound : ndarray of shape (F, r)
        A diagonal matrix that is at least ``Z' diag(weight) Z``.
    penalty : ndarray of shape (F, r)
        1 / (C n) in scikit-learn's terms.
    start : ndarray of shape (F, K, r)
        The solution for a stronger penalty is a good one.
    tolerance : float
        Stop when every preconditioned gradient is smaller than this in every coordinate.

    Returns
    -------
    ndarray of shape (F, K, r)
    """
    (F, K, r), (G, n, _) = start.shape, Z.shape
    weight = weight.reshape(G, -1, n).transpose(0, 2, 1)[..., None]  # (G, n, F / G, 1)
    penalty = penalty[:, None]
    # The inverse bound on the Hessian, (F, 1, r); that of a logistic loss is at most Z'Z / 4.
    step = 1 / (bound[:, None] / (4 if several else 2) + penalty)
    believe = sigmoid if several else softmax
    root = np.sqrt(step)
    A = ahead = start
    pace = np.ones(F)
    for _ in range(max_steps):
        logits = (Z @ ahead.reshape(G, -1, r).transpose(0, 2, 1)).reshape(G, n, -1, K)
        residual = weight * (believe(logits) - Y[:, None])
        slope = (residual.reshape(G, n, -1).transpose(0, 2, 1) @ Z).reshape(F, K, r)
        slope += penalty * ahead
        A_next = ahead - step * slope
        if np.abs(slope * root).max() < tolerance:
            return A_next
        moved = A_next - A
        uphill = (slope * moved).sum((1, 2)) > 0
        pace = np.where(uphill, 1.0, pace)
        pace_next = (1 + np.sqrt(1 + 4 * pace**2)) / 2
        push = np.where(uphill, 0.0, (pace - 1) / pace_next).astype(Z.dtype)
        A, ahead, pace = A_next, A_next + push[:, None, None] * moved, pace_next
    return A


class LogisticPath:
    """One logistic regression per fold, walked together from strong to weak regularisation.

    Few rows are standardised and rotated for every fold by itself. Of ``SHARED`` rows and more the
    folds share one standardisation and rotation, that of all rows given, and one pass over them.
    The Gram matrix of a fold is then not diagonal, but at most ``excess`` times that of all rows,
    where ``excess`` is how much more a row counts in the fold: 1.25 for five folds.

    Parameters
    ----------
    X : ndarray of shape (n, D)
        The rows to learn from, and no others: from ``SHARED`` on, all folds see the scale of all.
    y : ndarray of shape (n,), int in 0..K-1; or of shape (n, K), bool
        Of shape (n, K): one regression per column, against all rows without it.
    n_classes : int
    folds : list of ndarray of int
        Training rows of each problem.
    balanced : bool, default=False
        Weight rows so that every class counts the same.
    dtype : default=float32
        Of the arithmetic; ``float64`` for the head that is kept.
    weight : ndarray of shape (n,), >= 0, optional
        How much each row counts besides; only ratios matter.

    Attributes
    ----------
    A : ndarray of shape (F, K, r + 1)
        Where the path stands: weights of rotated rows, and of a column of ones.
    """

    strengths = STRENGTHS

    def __init__(
        self,
        X: Floats,
        y: Ints,
        n_classes: int,
        folds: Sequence[Ints],
        *,
        balanced: bool = False,
        dtype: type[np.floating] = np.float32,
        weight: Floats | None = None,
    ) -> None:
        X = self._taken(X, dtype)
        n = X.shape[0]
        every = np.arange(n)

        def share(rows: Ints) -> Floats:
            own = row_weights(y[rows], n_classes, balanced)
            return own if weight is None else own * weight[rows] / (own @ weight[rows])

        self.sizes = np.array([len(rows) for rows in folds])
        self.weight = np.zeros((len(folds), n), dtype)
        for f, rows in enumerate(folds):
            self.weight[f, rows] = share(rows)
        shared = self._shared(n)
        self.rotations = [
            self._rotation(X, rows, share(rows).astype(dtype))
            for rows in ([every] if shared else folds)
        ]
        width = max(len(rotation.power) for rotation in self.rotations)
        self.Z = np.zeros((len(self.rotations), n, width + 1), dtype)  # zeros pad the narrower
        self.Z[:, :, -1] = 1
        power = np.zeros((len(self.rotations), width + 1), dtype)
        power[:, -1] = 1
        for g, rotation in enumerate(self.rotations):
            rotation(X, out=self.Z[g, :, : len(rotation.power)])
            power[g, : len(rotation.power)] = rotation.power
        excess = np.ones(len(folds), dtype)
        if shared:
            base = share(every)
            excess = (self.weight[:, base > 0] / base[base > 0]).max(axis=1)
        self.bound = excess[:, None].astype(dtype) * power
        self.several = y.ndim == 2
        self.Y = y.astype(dtype) if self.several else np.eye(n_classes, dtype=dtype)[y]
        self.A = np.zeros((len(folds), n_classes, width + 1), dtype)

    @staticmethod
    def _taken(X: Any, dtype: type[np.floating]) -> Any:
        """Return rows in float32, which are worked on part by part, in any precision."""
        return X if X.dtype == np.float32 else np.asarray(X, dtype)

    @staticmethod
    def _shared(n: int) -> bool:
        """Whether so many rows share scale and axes."""
        return n >= SHARED

    @staticmethod
    def _rotation(X: Any, rows: Ints, weight: Floats) -> Any:
        """Find scale and axes of rows under weights that sum to one."""
        return Rotation.fit(X[rows], weight)

    def advance(self, C: float, *, tolerance: float = 1e-3) -> Floats:
        """Solve for this C from where the path stands; return logits ``(F, n, K)`` of all rows."""
        self.A = self._solve(slice(None), C, self.A, tolerance)
        return self.Z @ self.A.transpose(0, 2, 1)

    def walk_to(self, C: float, tolerance: float) -> None:
        """Solve for C, by way of all stronger penalties."""
        for strength in self.strengths[self.strengths < C]:
            self.advance(strength, tolerance=1e-2)
        self.advance(C, tolerance=tolerance)

    def settle(self, fold: int, C: float, start: Floats) -> Any:
        """Solve one problem for C to the precision of a fit; weights and intercepts of raw rows.

        Parameters
        ----------
        start : ndarray of shape (K, r + 1)
            Near the solution, as the path had it.
        """
        return self._raw(fold, self._solve(slice(fold, fold + 1), C, start[None], FITTED)[0])

    def coefficients(self, fold: int) -> Any:
        """Weights ``(D, K)`` and intercepts ``(K,)`` on raw features, float64."""
        return self._raw(fold, self.A[fold])

    def _solve(self, folds: slice, C: float, start: Floats, tolerance: float) -> Floats:
        Z = self.Z if len(self.Z) == 1 else self.Z[folds]
        bound, weight = self.bound[folds], self.weight[folds]
        penalty = np.zeros_like(bound)
        penalty[:, :-1] = 1 / (C * self.sizes[folds, None])
        return solve(
            Z, self.Y, weight, bound, penalty, start, tolerance=tolerance, several=self.several
        )

    def _raw(self, fold: int, A: Floats) -> Any:
        rotation = self.rotations[min(fold, len(self.rotations) - 1)]
        A = A.T.astype(np.float64)
        return rotation.undo(A[: len(rotation.power)], A[-1])


def row_weights(y: Ints, n_classes: int, balanced: bool) -> Floats:
    """Weights (n,) that sum to one: equal per row, or equal per class when ``balanced``."""
    if not balanced:
        return np.full(len(y), 1 / len(y))
    counts = np.bincount(y, minlength=n_classes)
    return 1 / (np.count_nonzero(counts) * counts[y])


def fit_logistic(
    X: Floats,
    y: Ints,
    n_classes: int,
    C: float,
    *,
    balanced: bool = False,
    exact: bool = True,
    weight: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Fit one regression.

    Parameters
    ----------
    exact : bool, default=True
        Converge in float64, for the head that is kept. False stops in float32 where accuracy no
        longer moves, for the many that are only scored.
    weight : ndarray of shape (n,), >= 0, optional
        How much each row counts, besides ``balanced``; only ratios matter.

    Returns
    -------
    W : ndarray of shape (D, K), float64
    b : ndarray of shape (K,), float64
    """
    rows = [np.arange(len(y))]
    dtype = np.float64 if exact else np.float32
    path = LogisticPath(X, y, n_classes, rows, balanced=balanced, dtype=dtype, weight=weight)
    path.walk_to(C, 1e-6 if exact else FITTED)
    return path.coefficients(0)


def fit_folds(
    X: Floats, y: Ints, n_classes: int, C: float, folds: Sequence[Ints], *, balanced: bool = False
) -> list[tuple[Floats, Floats]]:
    """Fit one regression to each of several parts of the same rows, as ``fit_logistic`` would.

    Parts of more than half of the rows are fitted together, which of many rows finds scale and axes
    once. They are those of all rows then, so give rows to learn from, and no others.

    Parameters
    ----------
    folds : sequence of ndarray of int
        Rows of each part.

    Returns
    -------
    list of (W, b)
        ``(D, K)`` and ``(K,)``, float64.
    """
    large = [f for f, rows in enumerate(folds) if 2 * len(rows) > len(X)]
    fitted: dict[int, tuple[Floats, Floats]] = {}
    if large:
        path = LogisticPath(X, y, n_classes, [folds[f] for f in large], balanced=balanced)
        path.walk_to(C, FITTED)
        fitted = {f: path.coefficients(k) for k, f in enumerate(large)}
    for f in set(range(len(folds))) - set(large):
        rows = folds[f]
        fitted[f] = fit_logistic(X[rows], y[rows], n_classes, C, balanced=balanced, exact=False)
    return [fitted[f] for f in range(len(folds))]
