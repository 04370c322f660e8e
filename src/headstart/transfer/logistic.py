"""Multinomial logistic regression along a path of regularisation strengths, fast on small data.

The solver works in the eigenbasis of the (standardised) training data, where the Böhning-Lindsay
bound on the Hessian is diagonal: each step divides the gradient by that bound, coordinate by
coordinate, so no line search is needed and ill-conditioned features cost nothing. With fewer rows
than features the basis has one direction per row; for an L2 penalty that is exact, since the
optimum lies in the span of the rows. Several folds are solved at once as one stack of matrices.

References
----------
.. [1] Böhning (1992), "Multinomial logistic regression algorithm", Ann. Inst. Stat. Math. 44:
       the Hessian of the softmax loss is at most ``(I - 11'/K)/2 (x) Z'Z``.
.. [2] Nesterov (1983); O'Donoghue & Candès (2015), "Adaptive restart for accelerated gradient
       schemes", section 3.2: restart when the step points uphill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

STRENGTHS = np.logspace(-5, 2, 15)
"""Values of C tried, weak models first: DINOv2 sweeps 1e-6..1e5 and CLIP 1e-6..1e6; on 224-pixel
ImageNet features the optimum lay in 3e-3..1 on every set measured in docs/measurements.md."""


def softmax(logits: Floats) -> Floats:
    """Turn logits ``(..., K)`` into probabilities ``(..., K)`` without overflow."""
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class Rotation:
    """Standardise on the training rows, then rotate to their principal axes.

    Attributes
    ----------
    mean, scale : ndarray of shape (D,)
        Of the training rows; ``scale`` is infinite where a feature is constant there, so that
        nothing is concluded from its values elsewhere.
    basis : ndarray of shape (D, r)
        Orthonormal; r = min(n_train, D) less numerically empty directions, unless it was given.
    """

    mean: Floats
    scale: Floats
    basis: Floats

    @classmethod
    def fit(
        cls, X: Floats, weight: Floats, basis: Floats | None = None, *, square: bool = False
    ) -> Rotation:
        """Find the axes of ``X`` (n, D) under row weights (n,) that sum to one.

        A ``basis`` given is taken as it is; the mean and scale are still those of these rows.
        ``square`` keeps empty directions, so that other rows may be rotated without loss.
        """
        mean = weight @ X
        Z = X - mean  # (n, D); worked on in place, since it is large
        scale = np.sqrt(np.einsum("n,nd,nd->d", weight, Z, Z))
        noise = 4 * np.sqrt(len(X)) * np.finfo(X.dtype).eps * np.abs(mean)  # of the mean itself
        scale = np.where(scale > np.maximum(noise, 1e-30), scale, np.inf)
        if basis is None:
            Z /= scale
            Z *= np.sqrt(weight)[:, None]
            basis = (_square_axes(Z) if square else _axes(Z)).astype(X.dtype)
        return cls(mean, scale, basis)

    def __call__(self, X: Floats) -> Floats:
        """Rotate rows: (n, D) -> (n, r)."""
        Z = X - self.mean
        Z /= self.scale
        return Z.astype(self.basis.dtype, copy=False) @ self.basis

    def undo(self, A: Floats, b: Floats) -> tuple[Floats, Floats]:
        """Express a linear map on rotated rows as one on raw rows: ``(D, K)`` and ``(K,)``."""
        W = (self.basis.astype(np.float64) @ A) / self.scale[:, None]
        return W, b - self.mean @ W


def _axes(Z: Floats) -> Floats:
    """Orthonormal directions (D, r) that hold all the rows of ``Z`` (n, D)."""
    if len(Z) < Z.shape[1]:
        power, U = np.linalg.eigh(Z @ Z.T)
        keep = power > power[-1] * 1e-6
        return Z.T @ (U[:, keep] / np.sqrt(power[keep]))
    power, V = np.linalg.eigh(Z.T @ Z)
    return V[:, power > power[-1] * 1e-6]


def _square_axes(Z: Floats) -> Floats:
    """Principal axes of the rows of ``Z`` (n, D), all D of them."""
    return np.linalg.eigh(Z.T @ Z)[1]


def solve(
    Z: Floats,
    Y: Floats,
    weight: Floats,
    power: Floats,
    penalty: Floats,
    start: tuple[Floats, Floats],
    *,
    tolerance: float,
    max_steps: int = 400,
) -> tuple[Floats, Floats]:
    """Minimise ``sum_i w_i CE(z_i A + b, y_i) + penalty/2 |A|^2`` for a stack of F problems.

    Parameters
    ----------
    Z : ndarray of shape (F, n, r)
        Rows in the eigenbasis of each problem's weighted data.
    Y : ndarray of shape (n, K)
        One-hot labels, shared by the problems.
    weight : ndarray of shape (F, n)
        Row weights, each row summing to one; zero leaves a row out.
    power : ndarray of shape (F, r)
        A diagonal matrix that is at least ``Z' diag(weight) Z``.
    penalty : ndarray of shape (F,)
        The factor on ``|A|^2 / 2``: 1 / (C n) in scikit-learn's terms.
    start : (A, b)
        ``(F, r, K)`` and ``(F, K)``; the solution for a stronger penalty is a good one.
    tolerance : float
        Stop when every preconditioned gradient is smaller than this in every coordinate.

    Returns
    -------
    A, b : ndarray of shape (F, r, K) and (F, K)
    """
    step = 1 / (power / 2 + penalty[:, None])[:, :, None]  # the inverse bound, (F, r, 1)
    A, b = start
    A_ahead, b_ahead, pace = A, b, np.ones(len(Z))
    Zt = Z.transpose(0, 2, 1)
    for _ in range(max_steps):
        residual = weight[:, :, None] * (softmax(Z @ A_ahead + b_ahead[:, None]) - Y)  # (F, n, K)
        slope = Zt @ residual + penalty[:, None, None] * A_ahead
        slope_b = residual.sum(1)
        A_next, b_next = A_ahead - step * slope, b_ahead - 2 * slope_b  # the bound of b is 1/2
        if max(np.abs(slope * np.sqrt(step)).max(initial=0), np.abs(slope_b).max()) < tolerance:
            return A_next, b_next
        uphill = (slope * (A_next - A)).sum((1, 2)) + (slope_b * (b_next - b)).sum(1) > 0
        pace = np.where(uphill, 1.0, pace)
        pace_next = (1 + np.sqrt(1 + 4 * pace**2)) / 2
        push = np.where(uphill, 0.0, (pace - 1) / pace_next).astype(Z.dtype)
        A_ahead = A_next + push[:, None, None] * (A_next - A)
        b_ahead = b_next + push[:, None] * (b_next - b)
        A, b, pace = A_next, b_next, pace_next
    return A, b


class LogisticPath:
    """The stack of one logistic regression per fold, walked from strong to weak regularisation.

    Parameters
    ----------
    X : ndarray of shape (n, D)
    y : ndarray of shape (n,), int in 0..K-1
    n_classes : int
    folds : list of ndarray of int
        Training rows of each problem.
    balanced : bool, default=False
        Weight rows so that every class counts the same.
    dtype : default=float32
        Of the arithmetic; ``float64`` for the head that is kept.
    weight : ndarray of shape (n,), >= 0, optional
        How much each row counts besides; only ratios matter.
    """

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
        X = np.asarray(X, dtype)
        self.sizes = np.array([len(rows) for rows in folds])
        self.weight = np.zeros((len(folds), len(X)), dtype)
        for f, rows in enumerate(folds):
            share = row_weights(y[rows], n_classes, balanced)
            if weight is not None:
                share = share * weight[rows] / (share @ weight[rows])
            self.weight[f, rows] = share
        # With more rows than features one square basis, found on all rows, serves every fold: a
        # rotation of the whole space leaves the optimum where it is, and saves the costly step.
        shared = None
        if len(folds) > 1 and len(X) >= X.shape[1]:
            shared = Rotation.fit(X, np.full(len(X), 1 / len(X), dtype), square=True).basis
        self.rotations = [
            Rotation.fit(X[rows], self.weight[f, rows], shared) for f, rows in enumerate(folds)
        ]
        width = max(r.basis.shape[1] for r in self.rotations)
        self.Z = np.zeros((len(folds), len(X), width), dtype)  # zero columns pad the narrower
        for f, rotation in enumerate(self.rotations):
            Z = rotation(X)
            self.Z[f, :, : Z.shape[1]] = Z
        self.power = np.einsum("fn,fnr,fnr->fr", self.weight, self.Z, self.Z)
        if shared is not None:
            width = self._drop_empty_axes()
            self.power = self.power * self._stretch()[:, None]
        self.Y = np.eye(n_classes, dtype=dtype)[y]
        self.A = np.zeros((len(folds), width, n_classes), dtype)
        self.b = np.zeros((len(folds), n_classes), dtype)

    def advance(self, C: float, *, tolerance: float = 1e-3) -> Floats:
        """Solve for this C from where the path stands; return logits ``(F, n, K)`` of all rows."""
        penalty = (1 / (C * self.sizes)).astype(self.Z.dtype)
        self.A, self.b = solve(
            self.Z,
            self.Y,
            self.weight,
            self.power,
            penalty,
            (self.A, self.b),
            tolerance=tolerance,
        )
        return self.Z @ self.A + self.b[:, None]

    def _drop_empty_axes(self) -> int:
        """Leave out directions in which a fold's own rows do not vary; return the width left."""
        empty = self.power <= 1e-6 * self.power.max(axis=1, keepdims=True)  # (F, r)
        if not empty.any():
            return empty.shape[1]
        used = np.flatnonzero(~empty.all(axis=0))
        self.Z = np.where(empty[:, None, used], 0, self.Z[:, :, used])
        self.power = np.where(empty, 0, self.power)[:, used]
        self.rotations = [replace(r, basis=r.basis[:, used]) for r in self.rotations]
        return len(used)

    def _stretch(self) -> Floats:
        """Factor (F,) by which ``power`` must grow to bound each fold's Gram matrix.

        In a fold's own basis that matrix is diagonal, in a shared one only nearly so: what counts
        is its largest eigenvalue once its diagonal is scaled to one. Power iteration finds it from
        below; 1.1 covers what 10 steps leave.
        """
        power = self.power
        unit = np.divide(1, np.sqrt(power), out=np.zeros_like(power), where=power > 0)
        start = np.random.default_rng(0).standard_normal((*power.shape, 1))
        v, grown = start.astype(power.dtype), np.ones(len(power), power.dtype)
        for _ in range(10):
            v = v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-30)
            u = self.weight[:, :, None] * (self.Z @ (unit[:, :, None] * v))  # (F, n, 1)
            v = unit[:, :, None] * (self.Z.transpose(0, 2, 1) @ u)
            grown = np.linalg.norm(v, axis=(1, 2))
        return np.maximum(1.1 * grown, 1)

    def coefficients(self, fold: int) -> tuple[Floats, Floats]:
        """Weights ``(D, K)`` and intercepts ``(K,)`` on raw features, float64."""
        rotation = self.rotations[fold]
        A = self.A[fold, : rotation.basis.shape[1]].astype(np.float64)
        return rotation.undo(A, self.b[fold].astype(np.float64))


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
    for strength in STRENGTHS[STRENGTHS < C]:
        path.advance(strength, tolerance=1e-2)
    path.advance(C, tolerance=1e-6 if exact else 1e-4)
    return path.coefficients(0)
