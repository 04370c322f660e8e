"""How alike two examples are: the cosine of their vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]


def unit(X: Any) -> Any:
    """Scale rows to length one; a row of zeros stays one.

    Parameters
    ----------
    X : ndarray or csr_array of shape (n, d)
    """
    if isinstance(X, np.ndarray):
        lengths = np.linalg.norm(X, axis=1, keepdims=True)
        return X / np.where(lengths > 0, lengths, 1)
    from sklearn.preprocessing import normalize

    return normalize(X)


def cosines(X: Any) -> NDArray[np.float32]:
    """Return the similarity of all pairs of rows: (n, n), -1 to 1, symmetric."""
    U = unit(X)
    S = U @ U.T
    return np.asarray(S if isinstance(S, np.ndarray) else S.toarray(), np.float32)


def mean_by(S: NDArray[np.floating], y: Ints, n: int) -> NDArray[np.float64]:
    """Average the columns of each identity: (rows, n); 0 for one without any."""
    order = np.argsort(y, kind="stable")
    present, first = np.unique(y[order], return_index=True)
    sums = np.zeros((len(S), n))
    sums[:, present] = np.add.reduceat(S[:, order], first, axis=1, dtype=np.float64)
    return sums / np.maximum(np.bincount(y, minlength=n), 1)
