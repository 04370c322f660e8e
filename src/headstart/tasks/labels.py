"""Labels and what must stay together: all that folds depend on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.tasks import Task
from headstart.tasks.splits import pairs, stratified_folds

Ints = NDArray[np.int64]
INNER_FOLDS, INNER_FOLDS_LARGE, LARGE = 5, 3, 1000


@dataclass(frozen=True)
class Labels:
    """Labels and what must stay together: all that folds depend on.

    Attributes
    ----------
    y : ndarray of int64, shape (n,)
    task : Task
        What the numbers mean, and how right an answer is.
    groups : ndarray of int64, shape (n,), or None
    balanced : bool
        Weight classes equally.
    seed : int
    grouped : bool
        Whether the user gave groups; otherwise ``groups`` only links copies of one picture.
    """

    y: Ints
    task: Task
    groups: Ints | None
    balanced: bool
    seed: int
    grouped: bool = False

    @property
    def n_classes(self) -> int:
        """Columns of an answer."""
        return self.task.n_outputs

    def folds(self, rows: Ints, k: int, *stream: int) -> list[tuple[Ints, Ints]]:
        """Deal rows into k folds; ``stream`` tells apart the places that ask."""
        rng = np.random.default_rng([self.seed, *stream])
        groups = None if self.groups is None else self.groups[rows]
        return pairs(stratified_folds(self.y[rows], groups, k, rng))

    def choosing(self, rows: Ints, *stream: int) -> tuple[Ints, list[tuple[Ints, Ints]]]:
        """Return the rows a head is chosen on, at most ``ENOUGH``, and their inner folds."""
        if len(rows) > ENOUGH:
            rng = np.random.default_rng([self.seed, *stream])
            rows = np.sort(rng.choice(rows, ENOUGH, replace=False))
        k = INNER_FOLDS if len(rows) < LARGE else INNER_FOLDS_LARGE
        return rows, self.folds(rows, k, *stream)

    def inside(self, train: Ints, fold: int) -> tuple[Ints, list[tuple[Ints, Ints]]]:
        """Return what ``judge_folds`` chooses the head of a fold on, as ``choosing`` does."""
        return self.choosing(train, 1, fold)

    def inner_rows(self, train: Ints, fold: int) -> Ints:
        """Return the inner held-out rows of a fold in the order of ``Outcome.right``."""
        rows, inner = self.inside(train, fold)
        return rows[np.concatenate([held for _, held in inner])]


ENOUGH = 4000
"""Rows a choice is made on; more would only cost time and memory. kNN, which keeps its training
set, is offered below this number."""
