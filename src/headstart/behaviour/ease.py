"""EASE: which items go together, learned in closed form, with the source's customers weighed in.

A log of one's own shop and a log of another are one matrix of all users by all items, in which
what happened in the source counts ``sqrt(weight)`` instead of 1. Where both shops have items in
common, its Gram matrix is ``G_target + weight * G_source``: the source's customers are further
rows. Where they have customers in common, what these did in the source are further columns, from
which the target's items are predicted, the more shrunk the smaller the weight is. So one number
says how much is transferred, and 0 is no transfer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.floating]
PRECISE = 8_000
"""Items up to which the inverse is found in float64; beyond, its memory would be too much."""
SMALL = 500
"""Items below which one thread is quicker than two (measured)."""
PART = 1_000
"""Items whose products are sparse at a time."""


@dataclass(frozen=True)
class Ease:
    """A linear model that says of each item how much those of a history speak for it.

    Attributes
    ----------
    B : ndarray of float32, shape (n_items, n_columns)
        What each item of a history adds to the score of each item that may be recommended; an item
        adds nothing to itself.
    """

    B: NDArray[np.float32]

    def scores(self, histories: csr_array) -> NDArray[np.float32]:
        """Score items, (n_users, n_columns), for histories weighed as the training rows were."""
        return histories @ self.B

    def reasons(self, history: csr_array, item: int) -> NDArray[np.float32]:
        """Say how much each entry of one history, of shape (1, n_columns), adds to an item."""
        return history.data * self.B[history.indices, item]


def fit(X: csr_array, strength: float, columns: NDArray[np.integer] | None = None) -> Ease:
    """Fit EASE: ``B = I - P / diag(P)``, with ``P = (X'X + strength * I)^-1``.

    Takes n_items² memory once (float64 up to ``PRECISE`` items, float32 beyond: 1.6 GB for 20,000)
    and, for few columns, a third of the time of the whole inverse.

    Parameters
    ----------
    X : csr_array, shape (n_users, n_items)
        Of ``Union.matrix``, or of a log by itself.
    strength : float, > 0
        λ, the L2 penalty.
    columns : ndarray of int, optional
        Items that may be recommended; default all.

    References
    ----------
    Steck (2019), "Embarrassingly shallow autoencoders for sparse data", WWW, eq. 8.
    """
    from threadpoolctl import threadpool_limits

    # Threads of a small matrix only wait for each other.
    with threadpool_limits(1 if X.shape[1] < SMALL else None, "blas"):
        return _fit(X, strength, columns)


def _fit(X: csr_array, strength: float, columns: NDArray[np.integer] | None) -> Ease:
    from scipy.linalg import cho_factor, cho_solve

    n = X.shape[1]
    gram = _gram(X)
    gram[np.diag_indices(n)] += strength
    if columns is None or len(columns) > n / 3:
        P = _inverse(gram)
        columns = np.arange(n) if columns is None else np.asarray(columns)
        P = P if len(columns) == n else P[:, columns]
    else:
        unit = np.zeros((n, len(columns)), gram.dtype)
        unit[columns, np.arange(len(columns))] = 1
        P = cho_solve(cho_factor(gram, overwrite_a=True, check_finite=False), unit, True, False)
    own = columns, np.arange(len(columns))
    P /= -P[own]
    P[own] = 0
    return Ease(P.astype(np.float32, copy=False))


def _gram(X: csr_array) -> Floats:
    """Return ``X'X`` as a dense matrix, made in parts: whole, the sparse one is larger than it."""
    n = X.shape[1]
    gram = np.empty((n, n), np.float64 if n <= PRECISE else np.float32, order="F")
    columns = X.tocsc()
    rows = X.T.tocsr()
    for start in range(0, n, PART):
        part = slice(start, start + PART)
        gram[:, part] = (rows @ columns[:, part]).toarray()
    return gram


def _inverse(gram: Floats) -> Floats:
    """Invert a symmetric positive definite matrix in its own place."""
    from scipy.linalg.lapack import get_lapack_funcs

    potrf, potri = get_lapack_funcs(("potrf", "potri"), (gram,))
    factor, failed = potrf(gram, lower=True, overwrite_a=True)
    P, failed_too = potri(factor, lower=True, overwrite_c=True)
    if failed or failed_too:
        raise np.linalg.LinAlgError("not positive definite")
    for start in range(0, len(P), PART):  # potri fills the lower triangle alone
        end = start + PART
        block = P[start:end, start:end]
        block[:] = np.tril(block) + np.tril(block, -1).T
        P[start:end, end:] = P[end:, start:end].T
    return P
