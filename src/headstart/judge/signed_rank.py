"""The exact signed-rank test: whether differences are larger upwards than downwards."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def signed_rank(differences: NDArray[np.floating]) -> float:
    """Return the one-sided p value of differences (n,) that should be symmetric around zero.

    The sums of ranks that all 2^n patterns of signs give are counted one difference at a time, so
    ties are exact too; differences of zero are left out. scipy.stats takes a second to load.

    References
    ----------
    Wilcoxon (1945), Biometrics Bulletin 1; Conover (1999), "Practical nonparametric statistics",
    section 5.7.

    Examples
    --------
    >>> signed_rank(np.array([1.0, 2.0, 3.0])), signed_rank(np.array([-1.0, 0.0]))
    (0.125, 1.0)
    """
    kept = differences[differences != 0]
    _, which, count = np.unique(np.abs(kept), return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    doubled = (2 * last - count + 1)[which]  # twice the mean rank: whole where there are ties too
    patterns = np.ones(1)
    for rank in doubled:
        grown = np.pad(patterns, (0, int(rank)))
        grown[int(rank) :] += patterns
        patterns = grown / 2
    return float(patterns[int(doubled[kept > 0].sum()) :].sum())
