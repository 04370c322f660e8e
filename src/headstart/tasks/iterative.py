"""Folds for examples with several labels: every label in about the same share of every fold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def iterative_folds(
    y: NDArray[np.bool_], groups: Ints | None, k: int, rng: np.random.Generator
) -> Ints:
    """Deal examples into k folds, the rarest label first.

    Again and again the label with the fewest examples that are not dealt yet is taken, and each of
    those goes to the fold that lacks most of this label; of several such to the one that lacks most
    examples. What has no label comes last. Groups are dealt whole, large ones first.

    Parameters
    ----------
    y : ndarray of bool, shape (n, K)
    groups : ndarray of int, shape (n,), or None
        Rows of one number stay together.
    k : int, >= 2
    rng : numpy Generator
        Breaks ties.

    Returns
    -------
    ndarray of int64, shape (n,)
        The fold of each row, 0..k-1.

    References
    ----------
    Sechidis, Tsoumakas & Vlahavas (2011), "On the stratification of multi-label data", ECML PKDD,
    algorithm 1; with groups in place of examples.
    """
    unit = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    size = np.bincount(unit)
    counts = np.zeros((len(size), y.shape[1]))  # of every label in every group
    np.add.at(counts, unit, y)
    lacking, lacking_of = np.full(k, len(y) / k), np.tile(counts.sum(axis=0) / k, (k, 1))
    fold = np.full(len(size), -1, np.int64)
    order = rng.permutation(len(size))
    order = order[np.argsort(-size[order], kind="stable")]

    def deal(group: int, by: NDArray[np.float64]) -> None:
        most = np.lexsort((rng.random(k), -lacking, -by))[0]
        fold[group] = most
        lacking[most] -= size[group]
        lacking_of[most] -= counts[group]

    left = (counts > 0).sum(axis=0).astype(float)  # groups with the label, not dealt yet
    while (left > 0).any():
        label = int(np.where(left > 0, left, np.inf).argmin())
        having = order[(fold[order] < 0) & (counts[order, label] > 0)]
        for group in having:
            deal(int(group), lacking_of[:, label])
        left -= (counts[having] > 0).sum(axis=0)
    for group in order[fold[order] < 0]:
        deal(int(group), lacking)
    return fold[unit]
