"""Logistic regression on counts, of words for example: TF-IDF, then a path of strengths.

What is counted lies in a sparse matrix of plain counts, one row an example. Everything that is
learned from other rows (which columns are kept, how rare each is) is learned where the regression
is, from its training rows alone. Of few rows the problem is solved in their span, as of embeddings;
of many by L-BFGS, from where the stronger penalty left it.

References
----------
.. [1] Salton & Buckley (1988), "Term-weighting approaches in automatic text retrieval",
       Information Processing & Management 24: counts weighed by how rare they are.
.. [2] Manning, Raghavan & Schütze (2008), "Introduction to information retrieval", section 6.4.1:
       ``1 + log tf``; the smoothed idf is that of scikit-learn's ``TfidfTransformer``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from headstart.transfer.logistic import (
    FITTED,
    Floats,
    Ints,
    LogisticPath,
    eigen,
    row_weights,
    sigmoid,
    softmax,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_array

COUNT_STRENGTHS = np.logspace(-1.5, 2.5, 9)
"""Values of C tried, weak models first. Rows have length 1, so it takes more than for embeddings;
the optimum lay in 1..30 on the three sets of benchmarks/text.py."""
FEWEST_ROWS = 2
"""Training rows that a column must occur in: what is there once tells nothing of others, and is
most of what there is (of the characters of 7,800 Chinese reviews two thirds)."""
MOST_STEPS = 300
FEW = 600
"""Rows up to which the products of all rows with each other are the shorter way: 190 rows are
judged in a quarter of the time, 1,000 would take as long as by L-BFGS."""


def is_counts(X: Any) -> TypeGuard[csr_array]:
    """Tell counts, a sparse matrix, from vectors; without waking scipy for vectors."""
    return not isinstance(X, np.ndarray)


@dataclass(frozen=True)
class TfIdf:
    """Counts weighed by how rare they are among training rows; rows of length 1.

    ``(1 + log count) idf``, ``idf = 1 + log((1 + n) / (1 + rows with it))``.

    Attributes
    ----------
    columns : ndarray of int64, shape (m,)
        Those that are kept, ascending.
    idf : ndarray of float64, shape (m,), >= 1
    """

    columns: NDArray[np.int64]
    idf: Floats

    @classmethod
    def fit(cls, counts: csr_array, fewest: int = FEWEST_ROWS) -> TfIdf:
        """Learn from training rows which columns occur, and in how many rows."""
        columns, rows = np.unique(counts.indices[counts.data > 0], return_counts=True)
        kept = rows >= fewest
        if not kept.any():  # a handful of rows that share nothing
            kept[:] = True
        idf = 1 + np.log((1 + counts.shape[0]) / (1 + rows[kept]))
        return cls(columns[kept].astype(np.int64), idf)

    def __call__(self, counts: csr_array) -> csr_array:
        """Weigh rows: (n, width) -> (n, m), float64; one without any known column stays zero."""
        from scipy.sparse import csr_array

        n, m = counts.shape[0], len(self.columns)
        if not m:
            return csr_array((n, 0))
        at = np.minimum(np.searchsorted(self.columns, counts.indices), m - 1)
        known = (self.columns[at] == counts.indices) & (counts.data > 0)
        at, row = at[known], np.repeat(np.arange(n), np.diff(counts.indptr))[known]
        value = (1 + np.log(counts.data[known].astype(np.float64))) * self.idf[at]
        length = np.sqrt(np.bincount(row, value**2, minlength=n))
        ends = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n))])
        return csr_array((value / length[row], at, ends), shape=(n, m))


@dataclass(frozen=True)
class Span:
    """TF-IDF of training rows, and the principal axes of their span: what ``Rotation`` is for them.

    The axes are combinations of the centred training rows, so all that is needed of any row are
    its products with these. Nothing is divided by its deviation: idf is the scale of a column.

    Attributes
    ----------
    weigh : TfIdf
    Z : csr_array of shape (n_train, m)
    mean : ndarray of shape (m,)
    basis : ndarray of shape (n_train, r)
        An axis in each column, by what it takes of each training row.
    power : ndarray of shape (r,), > 0
        Variance along each axis, ascending.
    """

    weigh: TfIdf
    Z: csr_array
    mean: Floats
    basis: Floats
    power: Floats

    @classmethod
    def fit(cls, counts: csr_array, weight: Floats) -> Span:
        """Find the axes of counts (n, width) under row weights (n,) that sum to one."""
        weigh = TfIdf.fit(counts)
        Z = weigh(counts)
        mean = np.asarray(Z.T @ weight, np.float64)
        root = np.sqrt(weight.astype(np.float64))
        power, U = eigen(root[:, None] * _products(Z, Z, mean) * root)
        return cls(weigh, Z, mean, root[:, None] * U / np.sqrt(power), power)

    def __call__(self, counts: csr_array, out: Floats) -> None:
        """Rotate counts: (n, width) -> (n, r), into ``out``."""
        out[:] = _products(self.weigh(counts), self.Z, self.mean) @ self.basis

    def undo(self, A: Floats, b: Floats) -> tuple[Any, ...]:
        """Express a linear map on rotated rows as one on TF-IDF: see ``fit_counts``."""
        taken = self.basis @ A  # (n_train, K)
        W = self.Z.T @ taken - np.outer(self.mean, taken.sum(axis=0))
        return self.weigh.columns, self.weigh.idf, W, b - self.mean @ W


def _products(X: csr_array, Z: csr_array, mean: Floats) -> Floats:
    """Return the products of the rows of both, less the mean: (n_x, m), (n_z, m) -> (n_x, n_z)."""
    cross = (X @ Z.T).toarray()
    return np.asarray(cross - (X @ mean)[:, None] - (Z @ mean) + mean @ mean)


class SmallCountsPath(LogisticPath):
    """``LogisticPath`` on the TF-IDF of few rows, learned from the training rows of each fold."""

    strengths = COUNT_STRENGTHS

    @staticmethod
    def _taken(X: Any, dtype: type[np.floating]) -> Any:
        return X

    @staticmethod
    def _shared(n: int) -> bool:
        return False  # what is rare among the training rows is for them to say

    @staticmethod
    def _rotation(X: Any, rows: Ints, weight: Floats) -> Any:
        return Span.fit(X[rows], weight)


def counts_path(
    X: csr_array, y: Ints, n_classes: int, folds: Sequence[Ints], *, balanced: bool = False
) -> CountsPath | SmallCountsPath:
    """Begin a path on counts, by the way that is short for so many rows."""
    if X.shape[0] <= FEW:
        return SmallCountsPath(X, y, n_classes, folds, balanced=balanced, dtype=np.float64)
    return CountsPath(X, y, n_classes, folds, balanced=balanced)


class CountsPath:
    """One logistic regression on TF-IDF per fold, each walked from strong to weak regularisation.

    Parameters
    ----------
    X : csr_array of shape (n, width)
        Counts, >= 0.
    y : ndarray of shape (n,), int in 0..K-1; or of shape (n, K), bool
        Of shape (n, K): one regression per column, against all rows without it.
    n_classes : int
    folds : list of ndarray of int
        Training rows of each problem, from which alone its TF-IDF is learned.
    balanced : bool, default=False
        Weigh rows so that every class counts the same.

    Attributes
    ----------
    A : list of ndarray of shape (m + 1, K)
        Where each path stands: weights of TF-IDF, and intercepts in the last row.
    """

    def __init__(
        self,
        X: csr_array,
        y: Ints,
        n_classes: int,
        folds: Sequence[Ints],
        *,
        balanced: bool = False,
    ) -> None:
        self.weighing = [TfIdf.fit(X[rows]) for rows in folds]
        self.Z = [weigh(X) for weigh in self.weighing]  # TF-IDF of all rows, as each fold sees them
        self.training = [Z[rows] for Z, rows in zip(self.Z, folds, strict=True)]
        self.several = y.ndim == 2
        Y = y.astype(np.float64) if self.several else np.eye(n_classes)[y]
        self.Y = [Y[rows] for rows in folds]
        self.weight = [row_weights(y[rows], n_classes, balanced) for rows in folds]
        self.A = [np.zeros((Z.shape[1] + 1, n_classes)) for Z in self.Z]

    def advance(self, C: float, *, tolerance: float = 1e-3) -> list[Floats]:
        """Solve for this C from where the path stands; return logits (n, K) of all rows by fold."""
        self.A = [self._solve(f, C, A, tolerance) for f, A in enumerate(self.A)]
        return [Z @ A[:-1] + A[-1] for Z, A in zip(self.Z, self.A, strict=True)]

    def walk_to(self, C: float, tolerance: float) -> None:
        """Solve for C, by way of all stronger penalties."""
        for strength in COUNT_STRENGTHS[COUNT_STRENGTHS < C]:
            self.advance(strength, tolerance=1e-2)
        self.advance(C, tolerance=tolerance)

    def settle(self, fold: int, C: float, start: Floats) -> tuple[Any, ...]:
        """Solve one problem for C to the precision of a fit: ``coefficients`` of it."""
        self.A[fold] = self._solve(fold, C, start, FITTED)
        return self.coefficients(fold)

    def coefficients(self, fold: int) -> tuple[Any, ...]:
        """Columns (m,), idf (m,), weights ``(m, K)`` and intercepts ``(K,)``."""
        weigh, A = self.weighing[fold], self.A[fold]
        return weigh.columns, weigh.idf, A[:-1], A[-1]

    def _solve(self, f: int, C: float, start: Floats, tolerance: float) -> Floats:
        Z, weight, Y = self.training[f], self.weight[f][:, None], self.Y[f]
        penalty = 1 / (C * len(Y))
        return solve_counts(Z, Y, weight, penalty, start, tolerance=tolerance, several=self.several)


def solve_counts(
    Z: csr_array,
    Y: Floats,
    weight: Floats,
    penalty: float,
    start: Floats,
    *,
    tolerance: float,
    several: bool = False,
) -> Floats:
    """Minimise ``sum_i w_i CE(W' z_i + b, y_i) + penalty |W|² / 2``.

    With ``several`` every column of Y is a problem of two classes by itself, as of ``solve``.

    Parameters
    ----------
    Z : csr_array of shape (n, m)
    Y : ndarray of shape (n, K)
        One-hot labels; with ``several`` any number of ones in a row.
    weight : ndarray of shape (n, 1)
        Row weights, which sum to one.
    penalty : float
        1 / (C n) in scikit-learn's terms.
    start : ndarray of shape (m + 1, K)
        The solution for a stronger penalty is a good one; intercepts in the last row.
    tolerance : float
        Stop when the gradient is smaller than this in every coordinate, as a share of what the
        penalty and the rows of a class weigh: ``tolerance / sqrt(K n)``.

    References
    ----------
    Liu & Nocedal (1989), "On the limited memory BFGS method for large scale optimization".
    """
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    back = Z.T.tocsr()
    scale = np.ones((len(start), 1))
    scale[:-1, 0] = np.sqrt(back.power(2) @ weight[:, 0] / (4 if several else 2) + penalty)

    def loss(flat: Floats) -> tuple[float, Floats]:
        A = flat.reshape(start.shape) / scale
        logits = Z @ A[:-1] + A[-1]
        whole = np.logaddexp(0, logits).sum(axis=1) if several else logsumexp(logits, axis=1)
        value = weight[:, 0] @ (whole - (logits * Y).sum(axis=1))
        residual = weight * ((sigmoid if several else softmax)(logits) - Y)
        slope = np.concatenate([back @ residual + penalty * A[:-1], residual.sum(axis=0)[None]])
        return float(value + penalty / 2 * np.square(A[:-1]).sum()), (slope / scale).ravel()

    options = {"gtol": tolerance, "ftol": 0.0, "maxiter": MOST_STEPS}
    u = (start * scale).ravel()
    found = minimize(loss, u, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x).reshape(start.shape) / scale


def fit_counts(
    X: csr_array, y: Ints, n_classes: int, C: float, *, balanced: bool = False, exact: bool = True
) -> tuple[Any, ...]:
    """Fit one regression on the counts of all rows given.

    Returns
    -------
    columns : ndarray of int64, shape (m,)
    idf : ndarray of shape (m,)
    W : ndarray of shape (m, K), float64
    b : ndarray of shape (K,), float64
    """
    path = counts_path(X, y, n_classes, [np.arange(len(y))], balanced=balanced)
    path.walk_to(C, 1e-6 if exact else FITTED)
    return path.coefficients(0)
