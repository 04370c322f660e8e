"""Folds: stratified by class, groups kept whole, the same for the same seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def stratified_folds(y: Ints, groups: Ints | None, k: int, rng: np.random.Generator) -> Ints:
    """Deal examples into k folds so that every fold has its share of every class.

    Groups with several members are dealt first, largest first, each to the fold where its classes
    are rarest; single examples then fill the gaps, class by class.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    groups : ndarray of int, shape (n,), or None
        Rows of one number stay together.
    k : int, >= 2
    rng : numpy Generator

    Returns
    -------
    ndarray of int64, shape (n,)
        The fold of each row, 0..k-1.
    """
    fold = np.full(len(y), -1, dtype=np.int64)
    counts = np.zeros((k, int(y.max()) + 1), dtype=np.int64)
    for rows in _several(groups, rng):
        share = np.bincount(y[rows], minlength=counts.shape[1])
        # Fewest of these classes first, then fewest in all; random ties.
        order = np.lexsort((rng.random(k), counts.sum(1), counts @ share))
        fold[rows] = order[0]
        counts[order[0]] += share
    for c in np.unique(y):
        rows = rng.permutation(np.flatnonzero((y == c) & (fold < 0)))
        for row in rows:
            lowest = np.flatnonzero(counts[:, c] == counts[:, c].min())
            chosen = lowest[np.argmin(counts[lowest].sum(1))]
            fold[row] = chosen
            counts[chosen, c] += 1
    return fold


def _several(groups: Ints | None, rng: np.random.Generator) -> list[Ints]:
    """Rows of each group with more than one member, largest first, random within a size."""
    if groups is None:
        return []
    _, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    members = np.split(order, np.cumsum(sizes)[:-1])
    several = [rows for rows in members if len(rows) > 1]
    rng.shuffle(several)
    return sorted(several, key=len, reverse=True)


def block_folds(position: NDArray[np.float64], k: int) -> Ints:
    """Cut the file order into k contiguous blocks of (nearly) equal length."""
    return np.minimum((position * k).astype(np.int64), k - 1)


def pairs(fold: Ints) -> list[tuple[Ints, Ints]]:
    """Turn fold numbers into (train rows, held-out rows), skipping folds without members."""
    return [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in np.unique(fold)]
