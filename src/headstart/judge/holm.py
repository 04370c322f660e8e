"""Several tests at once: p values that keep the chance of any false claim at the level asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p: Sequence[float]) -> list[float]:
    """Adjust p values for having been looked at together, in the order given.

    The smallest is multiplied by their number m, the next by m - 1, and so on; none may fall below
    the one before it, nor rise above one. Needs no independence between the tests.

    References
    ----------
    Holm (1979), "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6.
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return [float(x) for x in adjusted]


def holm_against_best(p: Sequence[float]) -> list[float]:
    """Adjust the p values of all others against the one that came out best.

    That one was picked by the same figures, so every pair counts as looked at, not only its own.
    """
    n = len(p) + 1
    unseen = [1.0] * (n * (n - 1) // 2 - len(p))
    return holm([*p, *unseen])[: len(p)]
