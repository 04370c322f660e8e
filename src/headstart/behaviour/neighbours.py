"""Item neighbours: of what is chosen together, the nearest few of each item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

NEAREST = 100
"""Neighbours of an item that are kept (plain choice)."""
SHRINK = 10.0
"""Added to the product of the lengths, so that two items chosen once each are not the nearest of
all: the shrinkage of Bell & Koren (2007), "Scalable collaborative filtering with jointly derived
neighborhood interpolation weights", ICDM, section 4.3; its size is a plain choice."""
PART = 100
"""Items whose neighbours are found at a time: the most popular of 50,000 meet nearly all others,
and with 1,000 of them at a time nine million choices took 1.7 GB instead of 0.7, and longer."""


@dataclass(frozen=True)
class Neighbours:
    """Cosine similarities of items, as the rows of a sparse matrix.

    Attributes
    ----------
    data : ndarray of float32
    indices, indptr : ndarray of int
        Of a CSR array of shape (n_items, n_offered): what an item of a history adds to each other.
    offered : ndarray of int, shape (1,)
        Number of columns.
    """

    data: NDArray[np.float32]
    indices: NDArray[np.integer]
    indptr: NDArray[np.integer]
    offered: NDArray[np.integer]

    def matrix(self) -> csr_array:
        """Return them as a sparse array."""
        from scipy.sparse import csr_array

        shape = len(self.indptr) - 1, int(self.offered[0])
        return csr_array((self.data, self.indices, self.indptr), shape)

    def scores(self, histories: csr_array) -> NDArray[np.float32]:
        """Score the items that may be recommended: the similarities to a history, in sum."""
        return (histories @ self.matrix()).toarray()

    def reasons(self, history: csr_array, item: int) -> NDArray[np.float32]:
        """Say how much each entry of one history, of shape (1, n_items), adds to an item."""
        return history.data * self.matrix()[history.indices][:, [item]].toarray().ravel()


def fit(X: csr_array, offered: int) -> Neighbours:
    """Find the neighbours of each item, in memory of ``NEAREST`` an item.

    Parameters
    ----------
    X : csr_array of float32, shape (n_users, n_items)
    offered : int
        So many of the first items may be recommended.

    References
    ----------
    Deshpande & Karypis (2004), "Item-based top-N recommendation algorithms", ACM TOIS 22, eq. 1.
    """
    from scipy.sparse import csr_array, vstack

    columns = X.tocsc()
    length = np.sqrt(np.asarray(X.multiply(X).sum(axis=0)).ravel())
    parts = []
    for start in range(0, offered, PART):
        end = min(start + PART, offered)
        together = (columns[:, start:end].T @ columns).tocsr()
        rows = np.repeat(np.arange(start, end), np.diff(together.indptr))
        others = together.indices
        similar = together.data / (length[rows] * length[others] + SHRINK)
        similar[others == rows] = 0
        parts.append(_nearest(csr_array((similar, others, together.indptr), together.shape)))
    found = vstack(parts).T.tocsr().astype(np.float32) if parts else csr_array((X.shape[1], 0))
    return Neighbours(found.data, found.indices, found.indptr, np.array([offered]))


def _nearest(similar: csr_array) -> csr_array:
    """Keep the nearest few of each row."""
    from scipy.sparse import csr_array

    kept = []
    for row in range(similar.shape[0]):
        place = np.arange(similar.indptr[row], similar.indptr[row + 1])
        if len(place) > NEAREST:
            far = len(place) - NEAREST
            place = np.sort(place[np.argpartition(similar.data[place], far)[far:]])
        kept.append(place)
    places = np.concatenate(kept)
    ends = np.cumsum([0, *map(len, kept)])
    return csr_array((similar.data[places], similar.indices[places], ends), similar.shape)
