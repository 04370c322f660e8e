"""What is hidden to be found again: the last choice of a user, in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.behaviour.log import Log

Ints = NDArray[np.integer]


@dataclass(frozen=True)
class History:
    """The interactions of each user, the earliest first.

    Attributes
    ----------
    order : ndarray of int, shape (n,)
        Rows of the log, by user and then by time. Those of one moment, or all where the log has no
        times, in an order drawn by chance.
    start : ndarray of int, shape (n_users + 1,)
        Those of user ``u`` are ``order[start[u]:start[u + 1]]``.
    """

    order: Ints
    start: Ints

    @classmethod
    def of(cls, log: Log, rng: np.random.Generator) -> History:
        """Order a log."""
        time = np.zeros(len(log)) if log.time is None else log.time
        order = np.lexsort((rng.random(len(log)), time, log.user))
        return cls(order, np.searchsorted(log.user[order], np.arange(len(log.users) + 1)))

    @property
    def counts(self) -> Ints:
        """How many interactions each user has."""
        return np.diff(self.start)

    def back(self, users: Ints, steps: int = 1) -> Ints:
        """Return the row of each user's last interaction (1), the one before it (2), ...

        Every one of ``users`` must have as many.
        """
        return self.order[self.start[users + 1] - steps]

    def before(self, users: Ints, k: int) -> Ints:
        """Return the rows of the last ``k`` interactions before the last one, of all ``users``."""
        ends = self.start[users + 1] - 1
        starts = np.maximum(self.start[users], ends - k)
        pieces = [self.order[a:b] for a, b in zip(starts, ends, strict=True)]
        return np.concatenate(pieces) if pieces else np.array([], int)


def known_before(target: Log, source: Log) -> NDArray[np.bool_]:
    """Tell what of a source was known when the target's last choices were made.

    Of a user whom both know, nothing from the moment of his last choice in the target on; of the
    others, nothing after the target's end. Both logs name users alike (``Union``). Without times
    all counts as known.
    """
    if target.time is None or source.time is None or not len(target):
        return np.ones(len(source), bool)
    last = np.full(len(target.users), -np.inf)
    np.maximum.at(last, target.user, target.time)
    last[np.isinf(last)] = target.time.max()
    return source.time < last[source.user]


def told_by(target: Log, source: Log) -> NDArray[np.bool_]:
    """Tell what of a source the target has as well: hidden in one, it would stand in the other.

    Both logs name users and items alike (``Union``).
    """
    n = len(target.items)
    return np.isin(
        source.user.astype(np.int64) * n + source.item,
        target.user.astype(np.int64) * n + target.item,
    )
