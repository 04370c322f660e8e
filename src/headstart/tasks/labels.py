"""Labels and what must stay together: all that folds depend on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from headstart.tasks import Encoded, Task
from headstart.tasks.splits import pairs

Ints = NDArray[np.int64]
FEW_GROUPS = 3
"""Groups of a class up to which a class cannot be told from what sets its groups apart (plain
choice): three speakers of a dialect share more by chance than their dialect."""
INNER_FOLDS, INNER_FOLDS_LARGE, LARGE = 5, 3, 1000


class Stream(IntEnum):
    """Who draws: folds and samples of one seed differ by this number, which never changes."""

    ESTIMATE = 0  # the folds of the estimate, repeat by repeat
    INNER = 1  # inside the training part of such a fold: what its head is chosen on
    ORDER = 2  # the shuffled folds that the order check compares with blocks
    LEARNING_CURVE = 3  # its folds, and the parts of them that it trains on
    MODEL_HEAD = 4  # what the head of the model itself is chosen on: all training rows
    NETWORK_HEAD = 5  # what the head is chosen on that the training of a network starts from
    SCORED_ROWS = NETWORK_HEAD  # the rows that transferability scores look at; no network there
    TRAINING_PART = 6  # answers for training rows, where the estimate is of a test set
    LABEL_CURVE = 7  # the folds of the label curve, repeat by repeat
    FALSE_ALARMS = LABEL_CURVE  # the folds that count false alarms; no label curve there
    LABELLING = 8  # the order in which a label curve gets its labels
    LEARNING_RATE = LABELLING  # the rows that a learning rate is found on; no label curve there
    CURVE_HEAD = 9  # what the head of a point of the label curve is chosen on
    MENDING = 17  # the folds of the mending trial
    SHORTCUTS = 18  # labels dealt anew, to see what shortcuts chance makes


@dataclass(frozen=True)
class Labels:
    """Labels and what must stay together: all that folds depend on.

    Attributes
    ----------
    y : ndarray
        Of int64 and shape (n,); with several labels an example, of bool and shape (n, K).
    task : Task
        What the numbers mean, and how right an answer is.
    groups : ndarray of int64, shape (n,), or None
    balanced : bool
        Weight classes equally.
    seed : int
    grouped : bool
        Whether the user gave groups; otherwise ``groups`` only links copies of one example.
    """

    y: Encoded
    task: Task
    groups: Ints | None
    balanced: bool
    seed: int
    grouped: bool = False

    @property
    def n_classes(self) -> int:
        """What a head scores."""
        return len(self.task.classes)

    @property
    def several(self) -> bool:
        """Whether an example may have several labels, or none."""
        return self.y.ndim == 2

    @property
    def kinds(self) -> tuple[Ints, int]:
        """Kinds of examples that look alike (n,), and how many there are: the classes, if any."""
        if self.several:
            return np.zeros(len(self.y), np.int64), 1
        return self.y, self.n_classes

    def few_groups(self, rows: Ints) -> dict[int, int]:
        """Return the classes that very few of the user's groups have, all for themselves.

        What sets those few apart then looks like the class. Classes that share their groups with
        others are left out: there a class can be told from its group.

        Parameters
        ----------
        rows : ndarray of int64
            Where to count.

        Returns
        -------
        dict of int to int
            Class -> its groups, ``FEW_GROUPS`` at most.
        """
        if not self.grouped or self.groups is None or self.several:
            return {}
        group, of = np.unique(np.stack([self.groups, self.y]), axis=1)
        twice = group[1:][group[1:] == group[:-1]]  # sorted: groups of several classes
        shared = set(of[np.isin(group, twice)].tolist())
        held = np.unique(np.stack([self.groups[rows], self.y[rows]]), axis=1)[1]
        counts = np.bincount(held, minlength=self.n_classes).tolist()
        return {c: n for c, n in enumerate(counts) if 0 < n <= FEW_GROUPS and c not in shared}

    def of(self, rows: Ints) -> Labels:
        """Return those of the chosen rows, in order."""
        groups = None if self.groups is None else self.groups[rows]
        return replace(self, y=self.y[rows], groups=groups)

    def folds(self, rows: Ints, k: int, stream: Stream, *part: int) -> list[tuple[Ints, Ints]]:
        """Deal rows into k folds; ``stream`` tells who asks, ``part`` for which part of it."""
        rng = np.random.default_rng([self.seed, stream, *part])
        groups = None if self.groups is None else self.groups[rows]
        return pairs(self.task.folds(self.y[rows], groups, k, rng))

    def choosing(
        self, rows: Ints, stream: Stream, *part: int, most: int | None = None
    ) -> tuple[Ints, list[tuple[Ints, Ints]]]:
        """Return the rows a head is chosen on, at most ``most``, and their inner folds.

        Where nothing else is said, these are at most ``ENOUGH``. Folds are fewer where rows are
        many, or more than are taken.
        """
        most = most or ENOUGH
        many = len(rows) > min(most, LARGE - 1)
        if len(rows) > most:
            rng = np.random.default_rng([self.seed, stream, *part])
            rows = np.sort(rng.choice(rows, most, replace=False))
        k = INNER_FOLDS_LARGE if many else INNER_FOLDS
        return rows, self.folds(rows, k, stream, *part)

    def inside(self, train: Ints, fold: int) -> tuple[Ints, list[tuple[Ints, Ints]]]:
        """Return what ``judge_folds`` chooses the head of a fold on, as ``choosing`` does."""
        return self.choosing(train, Stream.INNER, fold)

    def inner_rows(self, train: Ints, fold: int) -> Ints:
        """Return the inner held-out rows of a fold in the order of ``Outcome.right``."""
        rows, inner = self.inside(train, fold)
        return rows[np.concatenate([held for _, held in inner])]


ENOUGH = 4000
"""Rows a choice is made on; more would only cost time and memory. kNN, which keeps its training
set, is offered below this number."""
