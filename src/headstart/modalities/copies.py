"""Copies: which examples are the same thing twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Copies:
    """Which examples are the same thing.

    Attributes
    ----------
    component : ndarray of int, shape (n,)
        Equal numbers for copies of one thing, turned ones included, directly or through others.
    exact : ndarray of int, shape (n,)
        Equal numbers for identical bytes.
    upright : ndarray of int, shape (n,), or None
        As ``component``, without those that are turned, whose labels may differ; None where there
        are none.
    """

    component: NDArray[np.int64]
    exact: NDArray[np.int64]
    upright: NDArray[np.int64] | None = None

    @property
    def unturned(self) -> NDArray[np.int64]:
        """Equal numbers for copies that are the same way up, as (n,)."""
        return self.component if self.upright is None else self.upright

    def clusters(self) -> list[NDArray[np.int64]]:
        """Rows of everything that occurs more than once."""
        order = np.argsort(self.component, kind="stable")
        ends = np.cumsum(np.unique(self.component, return_counts=True)[1])[:-1]
        return [rows for rows in np.split(order, ends) if len(rows) > 1]


def exact_copies(hashes: Sequence[str]) -> Copies:
    """Find what is equal to the byte, by hash."""
    exact = np.unique(list(hashes), return_inverse=True)[1].astype(np.int64)
    return Copies(exact, exact)


def linked(links: list[NDArray[np.int64]], n: int) -> NDArray[np.int64]:
    """Give equal numbers (n,) to what links, each (2, m), join."""
    rows, columns = np.concatenate(links, axis=1)
    if (rows == columns).all():  # most sets have no copies
        return np.arange(n)
    from scipy.sparse import coo_array  # a tenth of a second, which nothing else here needs
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)
