"""The exact sign test: whether of two alternatives one came up too often."""

from __future__ import annotations

from scipy.special import bdtr


def sign_test(wins: int, n: int) -> float:
    """Return the two-sided p value of ``wins`` in ``n`` fair trials; 1 where there were none.

    Without a binomial test of any share, for which scipy.stats would take half a second to load.

    References
    ----------
    Conover (1999), "Practical nonparametric statistics", section 3.4; of pairs on which two models
    differ it is McNemar's exact test.

    Examples
    --------
    >>> sign_test(1, 6), sign_test(3, 6), sign_test(0, 0)
    (0.21875, 1.0, 1.0)
    """
    if n == 0:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(wins, n - wins), n, 0.5)))
