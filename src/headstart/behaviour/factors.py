"""Factors: users and items as points of a few dimensions, by ``implicit``'s ALS.

For logs with more items than EASE's square matrix could hold, and as rivals on smaller ones. Users
are not kept: whoever asks is placed by his history, also one who was not there in training.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headstart.machine import worker_count

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SIZE = 64
CONFIDENCE = 5.0
"""Added to the confidence of 1 where something was chosen: α of Hu et al., whose 40 was for counts
of minutes watched; 5 and the penalty were found on the last but one choices of MovieLens 100k."""
PENALTY = 30.0
ROUNDS = 15
"""Of ALS, as Hu et al. found enough."""
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Factors:
    """Items as points; a user is placed among them by weighted least squares.

    Attributes
    ----------
    V : ndarray of float32, shape (n_items, d)
    offered : ndarray of int, shape (1,)
        So many of the first items may be recommended.
    confidence, penalty : ndarray of float32, shape (1,)
        Of the least squares.
    """

    V: Floats
    offered: NDArray[np.integer]
    confidence: Floats
    penalty: Floats

    def scores(self, histories: csr_array) -> Floats:
        """Score the items that may be recommended, (n_users, n_offered)."""
        placed = np.zeros((histories.shape[0], self.V.shape[1]), np.float32)
        for row in range(len(placed)):
            history = histories[[row]]
            if history.nnz:
                system, counts = self._system(history)
                own = self.V[history.indices]
                placed[row] = np.linalg.solve(system, own.T @ counts)
        return placed @ self.V[: int(self.offered[0])].T

    def reasons(self, history: csr_array, item: int) -> Floats:
        """Say how much each entry of one history adds to an item: Hu et al. (2008), eq. 7."""
        if not history.nnz:
            return np.zeros(0, np.float32)
        system, counts = self._system(history)
        return self.V[history.indices] @ np.linalg.solve(system, self.V[item]) * counts

    @cached_property
    def _gram(self) -> Floats:
        return self.V.T @ self.V + self.penalty * np.eye(self.V.shape[1], dtype=np.float32)

    def _system(self, history: csr_array) -> tuple[Floats, Floats]:
        """Return ``V'V + V'(C - I)V + λI`` and the confidences C of what was chosen, eq. 4."""
        own, more = self.V[history.indices], self.confidence * history.data
        return self._gram + (own * more[:, None]).T @ own, 1 + more


def is_installed() -> bool:
    """Tell whether the extra ``recommend`` is there."""
    return find_spec("implicit") is not None


def fit(X: csr_array, offered: int, seed: int = 0) -> Factors:
    """Fit factors by alternating least squares.

    Parameters
    ----------
    X : csr_array of float32, shape (n_users, n_items)
        1 where chosen, less where it counts less.

    References
    ----------
    Hu, Koren & Volinsky (2008), "Collaborative filtering for implicit feedback datasets", ICDM.
    """
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix
    from threadpoolctl import threadpool_limits

    weighed = csr_matrix(X)
    weighed.data = 1 + CONFIDENCE * weighed.data
    with threadpool_limits(1, "blas"):  # its own threads would wait for those
        model = AlternatingLeastSquares(
            factors=SIZE,
            regularization=PENALTY,
            iterations=ROUNDS,
            num_threads=worker_count(),  # each row is solved by one: the same numbers with any
            random_state=seed,
        )
        model.fit(weighed, show_progress=False)
    return Factors(model.item_factors, np.array([offered]), _one(CONFIDENCE), _one(PENALTY))


def _one(value: float) -> Floats:
    return np.array([value], np.float32)
