"""Open-set identification: "nobody I know" is an answer too, from a threshold on.

Everyone is a stranger once: with their own examples out of the gallery, the best of the others is
what a stranger scores. Everyone is known once: against all of their examples but the group of the
one that is asked about.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.recognition.similarity import Floats, Ints, mean_by

FOLDS = 5


@dataclass(frozen=True)
class OpenSet:
    """Scores of everyone as one who is known, and as a stranger.

    Attributes
    ----------
    own : ndarray of shape (n,)
        Mean similarity to the own identity; NaN where nothing of it is left to compare with.
    other : ndarray of shape (n,)
        That to the most similar of all other identities.
    rival : ndarray of int64, shape (n,)
        Which that is.
    y : ndarray of int64, shape (n,)
    """

    own: Floats
    other: Floats
    rival: Ints
    y: Ints

    @classmethod
    def of(cls, S: Floats, y: Ints, groups: Ints | None) -> OpenSet:
        """Score every example against all identities but its own, and against its own."""
        n, rows = int(y.max()) + 1, np.arange(len(y))
        means = mean_by(S, y, n)
        means[:, np.bincount(y, minlength=n) == 0] = -np.inf
        means[rows, y] = -np.inf
        key = rows if groups is None else np.unique(np.stack([y, groups]), axis=1,
                                                    return_inverse=True)[1].ravel()  # fmt: skip
        own = np.full(len(y), np.nan)
        for c in range(n):
            mine = np.flatnonzero(y == c)
            if not len(mine):
                continue
            apart = key[mine][:, None] != key[mine][None]
            count = apart.sum(axis=1)
            total = (S[np.ix_(mine, mine)] * apart).sum(axis=1, dtype=np.float64)
            own[mine] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return cls(own, means.max(axis=1), means.argmax(axis=1), y)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which examples can be asked about as known."""
        return np.isfinite(self.own)

    def threshold_at(self, accepted: float, rows: NDArray[np.bool_] | None = None) -> float:
        """Return the lowest threshold at which so small a share of strangers is taken for someone.

        Parameters
        ----------
        accepted : float, 0 to 1
        rows : ndarray of bool, shape (n,), optional
            By whom it is set; default: everyone.
        """
        other = np.sort(self.other if rows is None else self.other[rows])
        allowed = int(np.floor(accepted * len(other) + 1e-9))
        return float(np.nextafter(other[len(other) - 1 - allowed], np.inf))

    def threshold_keeping(self, rejected: float) -> float:
        """Return the highest threshold at which so small a share of known ones is rejected."""
        best = np.sort(np.maximum(self.own, self.other)[self.known])
        return float(best[int(np.floor(rejected * len(best) + 1e-9))])

    def held_out_thresholds(self, accepted: float, seed: int) -> Floats:
        """Return for each example the threshold that identities of other folds set: (n,)."""
        present = np.unique(self.y)
        dealt = np.random.default_rng(seed).permutation(len(present)) % min(FOLDS, len(present))
        fold = dealt[np.searchsorted(present, self.y)]
        found = np.empty(len(self.y))
        for k in np.unique(fold):
            found[fold == k] = self.threshold_at(accepted, fold != k)
        return found

    def answers(self, threshold: Floats | float) -> dict[str, Floats]:
        """Return what becomes of each example at a threshold, as 0 and 1: (n,), NaN for none.

        ``accepted``: as a stranger, it is taken for someone. As a known one it is ``right``,
        ``misnamed`` or ``rejected``, which are one in sum.
        """
        named = np.maximum(self.own, self.other) >= threshold
        own = self.own > self.other

        def of_known(what: NDArray[np.bool_]) -> Floats:
            return np.where(self.known, what, np.nan)

        return {
            "accepted": (self.other >= threshold).astype(np.float64),
            "right": of_known(named & own),
            "misnamed": of_known(named & ~own),
            "rejected": of_known(~named),
        }
