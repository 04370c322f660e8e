"""Intervals by identity: all that is one person's is drawn together, or not at all.

Two examples of one person are not two independent trials, and a pair of people is as sure as the
people are few; so whole identities are drawn with replacement (the bootstrap of clusters; Bolle,
Ratha & Pankanti 2004, "Error analysis of pattern recognition systems: the subsets bootstrap").
"""

from __future__ import annotations

import numpy as np

from headstart.judge.intervals import Interval
from headstart.recognition.similarity import Floats, Ints

DRAWS = 1000
ENDS = (2.5, 97.5)


def weights(n: int, seed: int, draws: int = DRAWS) -> Floats:
    """Say how often each of ``n`` identities is drawn: (draws, n)."""
    rng = np.random.default_rng([seed, n])
    return rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)


def ends(drawn: Floats) -> Interval | None:
    """Return the 95 % interval of what was drawn; None where nothing could be."""
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return None
    low, high = np.percentile(drawn, ENDS)
    return float(low), float(high)


def rate(values: Floats, y: Ints, seed: int) -> tuple[float, Interval]:
    """Return the mean of ``values`` (n,), 0 to 1, NaN for none, and its interval by identity.

    Where all or none of n identities succeed, up to 3/n of others may not: the interval is never
    narrower than that (the "rule of three", Hanley & Lippman-Hand 1983).
    """
    there = np.isfinite(values)
    member = np.unique(y[there], return_inverse=True)[1]
    sums, counts = np.bincount(member, values[there]), np.bincount(member)
    W = weights(len(counts), seed)
    mean = float(values[there].mean())
    low, high = ends((W @ sums) / (W @ counts)) or (mean, mean)
    if low == high:
        low, high = mean - 3 / len(counts), mean + 3 / len(counts)
    return mean, (max(low, 0.0), min(high, 1.0))
