"""Verification, "are these two the same?": every pair of examples, and the errors by threshold.

Terms are those of ISO/IEC 19795-1: a false accept takes two for one, a false reject one for two;
the equal error rate is where both are as frequent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from headstart.judge.intervals import Interval
from headstart.recognition.resampling import ends, weights
from headstart.recognition.similarity import Floats, Ints

THRESHOLDS = 256
"""At which errors are counted for intervals and curves."""
MOST_DRAWN = 200
"""Identities drawn one by one; beyond, several are drawn together, which widens intervals."""


@dataclass(frozen=True)
class Pairs:
    """All pairs of examples that may be compared.

    Attributes
    ----------
    score : ndarray of shape (m,)
    first, second : ndarray of int64, shape (m,)
        Rows of the two examples.
    y : ndarray of int64, shape (n,)
        Identity of each row.
    """

    score: Floats
    first: Ints
    second: Ints
    y: Ints

    @classmethod
    def of(cls, S: Floats, y: Ints, groups: Ints | None = None) -> Pairs:
        """Collect pairs; two of one identity and one group (a burst, copies) are left out.

        Parameters
        ----------
        S : ndarray of shape (n, n)
        y, groups : ndarray of int64, shape (n,)
        """
        first, second = np.triu_indices(len(y), 1)
        if groups is not None:
            keep = (y[first] != y[second]) | (groups[first] != groups[second])
            first, second = first[keep], second[keep]
        return cls(S[first, second].astype(np.float64), first, second, y)

    @cached_property
    def is_same(self) -> NDArray[np.bool_]:
        """Which pairs are of one identity."""
        return self.y[self.first] == self.y[self.second]

    @cached_property
    def same(self) -> Floats:
        """Scores of pairs of one identity, sorted."""
        return np.sort(self.score[self.is_same])

    @cached_property
    def different(self) -> Floats:
        """Scores of pairs of two, sorted."""
        return np.sort(self.score[~self.is_same])

    def threshold_at(self, false_accepts: float) -> float:
        """Return the lowest threshold that accepts at most this share of different pairs."""
        allowed = int(np.floor(false_accepts * len(self.different) + 1e-9))
        return float(np.nextafter(self.different[len(self.different) - 1 - allowed], np.inf))

    def accepted(self, threshold: float) -> float:
        """Return the share of same pairs at or above a threshold."""
        return 1 - np.searchsorted(self.same, threshold) / len(self.same)

    def equal_error(self) -> tuple[float, float]:
        """Return the equal error rate, and the threshold where it is."""
        at = np.unique(np.concatenate([self.same, self.different]))
        rejects = np.searchsorted(self.same, at) / len(self.same)
        accepts = 1 - np.searchsorted(self.different, at) / len(self.different)
        k = int(np.argmin(np.abs(rejects - accepts)))
        return float(rejects[k] + accepts[k]) / 2, float(at[k])

    @cached_property
    def thresholds(self) -> Floats:
        """Thresholds between the scores: dense where different pairs are rare, as that counts."""
        half = THRESHOLDS // 2
        tail = 1 - np.geomspace(1 / max(len(self.different), 2), 1, half)
        parts = [np.quantile(self.different, np.maximum(tail, 0))]
        if len(self.same):
            parts.append(np.quantile(self.same, np.linspace(0, 1, half)))
        return np.unique(np.concatenate(parts))

    def errors(self) -> tuple[Floats, Floats]:
        """Return the shares of false accepts and of false rejects at ``thresholds``."""
        accepts = 1 - np.searchsorted(self.different, self.thresholds) / len(self.different)
        return accepts, np.searchsorted(self.same, self.thresholds) / len(self.same)

    def intervals(
        self, false_accepts: tuple[float, ...], seed: int
    ) -> tuple[Interval | None, list[Interval | None]]:
        """Return 95 % intervals by identity: of the equal error rate, of accepts at each rate."""
        accepts, taken = self._drawn(seed)
        gap = np.abs(accepts - (1 - taken))
        k = gap.argmin(axis=1)
        rows = np.arange(len(k))
        equal = (accepts[rows, k] + 1 - taken[rows, k]) / 2
        at = [
            np.where(accepts <= rate, taken, -1).max(axis=1) for rate in false_accepts
        ]  # the lowest threshold that holds the rate accepts most
        return ends(equal), [ends(np.where(one < 0, np.nan, one)) for one in at]

    def _drawn(self, seed: int) -> tuple[Floats, Floats]:
        """Return false and true accepts at ``thresholds`` where identities are drawn: (draws, T).

        A pair of two identities counts as often as both together were drawn: their product.
        """
        member = np.unique(self.y, return_inverse=True)[1] % MOST_DRAWN
        n, T = int(member.max()) + 1, len(self.thresholds)
        place = np.searchsorted(self.thresholds, self.score, side="right")  # accepted at so many
        a, b = member[self.first], member[self.second]
        same = _table(a[self.is_same], place[self.is_same], n, T)
        cells = a[~self.is_same] * n + b[~self.is_same]
        other = _table(cells, place[~self.is_same], n * n, T).reshape(n, n, T + 1)
        W = weights(n, seed)
        taken = W @ same
        falsely = np.stack([((W @ other[:, :, t]) * W).sum(axis=1) for t in range(T + 1)], axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return falsely[:, 1:] / falsely[:, :1], taken[:, 1:] / taken[:, :1]


def _table(row: Ints, place: Ints, n: int, T: int) -> Floats:
    """Count by row how many pairs are accepted at each threshold: (n, T + 1), first all of them."""
    counts = np.bincount(row * (T + 1) + place, minlength=n * (T + 1)).reshape(n, T + 1)
    at_least = counts[:, ::-1].cumsum(axis=1)[:, ::-1]  # accepted at k thresholds or more
    return at_least.astype(np.float64)
