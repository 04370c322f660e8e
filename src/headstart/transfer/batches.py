"""How rows are dealt into the batches of an epoch: equal ones, balanced ones, ones of like size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from headstart.transfer.parts import Rows

Ints = NDArray[np.int64]
MEGA = 50
"""Batches that are sorted by size together: so many are shuffled enough (fairseq and the library
transformers take 50, too)."""


def equal(rows: Rows, size: int, rng: np.random.Generator, sizes: Ints | None = None) -> list[Rows]:
    """Deal rows into batches that differ by one row at most: there is no short last one.

    Parameters
    ----------
    rows : ndarray of int64
    size : int
        Rows of a batch, at most.
    sizes : ndarray of int64, shape (len(rows),), optional
        How large each example is. Those of a batch are then of like size, so that little is padded:
        sorted within so many batches at a time, which come in any order.
    """
    order = rng.permutation(len(rows))
    count = math.ceil(len(rows) / size)
    if sizes is None:
        return np.array_split(rows[order], count)
    megas = np.array_split(order, math.ceil(count / MEGA))
    order = np.concatenate([mega[np.argsort(sizes[mega], kind="stable")] for mega in megas])
    batches = np.array_split(rows[order], count)
    return [batches[i] for i in rng.permutation(count)]


def balanced(rows: Rows, y: Ints, size: int, seen: int, rng: np.random.Generator) -> list[Rows]:
    """Deal batches for pairs: as many rows of every class, several of a class in every batch.

    Parameters
    ----------
    rows : ndarray of int64
    y : ndarray of int64, shape (len(rows),)
    size : int
        Rows of a batch, at most.
    seen : int
        Rows in all, about. Classes with few rows repeat them.

    Notes
    -----
    With K classes each gives ``size / K`` rows to a batch. Where that is less than two, a batch
    holds two rows each of some classes (Hermans, Beyer & Leibe 2017, "In defense of the triplet
    loss", arXiv:1703.07737, section 2: P classes, K rows of each).
    """
    classes = np.unique(y)
    hand = max(2, size // len(classes))  # rows of a class in a batch
    each = max(2, math.ceil(seen / len(classes)))  # of a class in the epoch
    dealt = [_dealt(rows[y == k], each, hand, rng) for k in classes]
    rounds = [
        hands[r]
        for r in range(len(dealt[0]))
        for hands in (dealt[k] for k in rng.permutation(len(dealt)))
    ]
    order = np.concatenate(rounds)
    return np.array_split(order, math.ceil(len(order) / size))


def _dealt(rows: Rows, n: int, hand: int, rng: np.random.Generator) -> list[Rows]:
    """Deal ``n`` rows of one class, all of them before any again, into hands."""
    again = math.ceil(n / len(rows))
    order = np.concatenate([rng.permutation(rows) for _ in range(again)])[:n]
    return np.array_split(order, math.ceil(n / hand))
