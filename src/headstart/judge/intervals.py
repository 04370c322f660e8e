"""Intervals: no score is shown without one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri, stdtrit  # scipy.stats takes long to load

Interval = tuple[float, float]


def wilson(right: float, n: float, level: float = 0.95) -> Interval:
    """Score interval for a share of ``right`` out of ``n`` independent trials.

    References
    ----------
    Wilson (1927), JASA 22; recommended for small n by Brown, Cai & DasGupta (2001).
    """
    z = float(ndtri(0.5 + level / 2))
    p = right / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = max(0.0, float(centre - half)), min(1.0, float(centre + half))
    return 0.0 if right == 0 else low, 1.0 if right == n else high  # rounding leaves 2e-17


def corrected_t(
    scores: NDArray[np.floating], test_share: float, level: float = 0.95
) -> tuple[float, float, int]:
    """Mean, standard error and degrees of freedom of repeated cross-validation scores.

    Folds share training data, so their plain standard error is far too small (false positives
    0.62 where 0.05 was asked, docs/measurements.md). The corrected resampled t-test replaces
    ``s²/J`` by ``s² (1/J + n_test/n_train)``.

    Parameters
    ----------
    scores : ndarray of shape (J,)
        One per fold and repeat.
    test_share : float
        ``n_test / n_train``: 1/4 for five folds.

    References
    ----------
    Nadeau & Bengio (2003), "Inference for the generalization error", Machine Learning 52, eq. 9;
    for repeated cross-validation Bouckaert & Frank (2004).
    """
    J = len(scores)
    se = np.sqrt(scores.var(ddof=1) * (1 / J + test_share))
    return float(scores.mean()), float(se), J - 1


def corrected_interval(
    scores: NDArray[np.floating], test_share: float, level: float = 0.95
) -> Interval:
    """Return the corrected resampled t-interval of the mean of fold scores."""
    mean, se, df = corrected_t(scores, test_share)
    half = float(stdtrit(df, 0.5 + level / 2)) * se
    return mean - half, mean + half


def clopper_pearson(hits: int, n: int, level: float = 0.95) -> Interval:
    """Exact interval for a share; the whole range when ``n`` is zero."""
    if n == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(betaincinv(hits, n - hits + 1, tail))
    high = 1.0 if hits == n else float(betaincinv(hits + 1, n - hits, 1 - tail))
    return low, high


def of_mean(shares: Sequence[tuple[float, int]]) -> Interval:
    """Interval for the mean of independent shares, each (mean of its trials, their number).

    The distances from the shares to the ends of their own intervals are added as errors are: the
    square root of the sum of squares ("MOVER").

    References
    ----------
    Zou & Donner (2008), "Construction of confidence limits about effect measures: a general
    approach", Statistics in Medicine 27, eq. 6; with Wilson's intervals as its parts.
    """
    parts = [(p, *wilson(p * n, n)) for p, n in shares]
    mean, K = sum(p for p, _, _ in parts) / len(parts), len(parts)
    down = float(np.sqrt(sum((p - low) ** 2 for p, low, _ in parts))) / K
    up = float(np.sqrt(sum((high - p) ** 2 for p, _, high in parts))) / K
    return max(0.0, mean - down), min(1.0, mean + up)


def effective_count(values: NDArray[np.floating], groups: NDArray[np.integer]) -> float:
    """Count the independent examples that so many examples in groups are worth.

    The number of examples over the design effect ``1 + (m - 1) rho``, which knows how alike those
    of a group are, and corrected for having been estimated from few groups. Never fewer than the
    groups, and as many as the groups where examples of a group are all alike.

    Parameters
    ----------
    values : ndarray of shape (n,)
        How right each example was answered, or how much more right than by another model.
    groups : ndarray of int, shape (n,)
        0 to G - 1.

    Returns
    -------
    float, G to n

    References
    ----------
    Kish (1965), "Survey Sampling", section 5.4; rho by analysis of variance: Donner & Koval (1980),
    Biometrics 36; few groups: Korn & Graubard (1998), Survey Methodology 24, p. 196.
    """
    n, sizes = len(values), np.bincount(groups)
    G = len(sizes)
    if n == G or G == 1:
        return float(G)
    means = np.bincount(groups, values) / sizes
    between = float((sizes * np.square(means - values.mean())).sum() / (G - 1))
    within = float(np.square(values - means[groups]).sum() / (n - G))
    typical = (n - float(np.square(sizes).sum()) / n) / (G - 1)
    spread = between + (typical - 1) * within
    rho = 1.0 if spread <= 0 else max((between - within) / spread, 0.0)
    effect = 1 + (float(np.square(sizes).sum()) / n - 1) * rho
    few = (float(stdtrit(n - 1, 0.975)) / float(stdtrit(G - 1, 0.975))) ** 2
    return float(np.clip(n / effect * few, G, n))


def wider(*intervals: Interval) -> Interval:
    """Return the hull of several intervals, within 0..1."""
    return max(0.0, min(i[0] for i in intervals)), min(1.0, max(i[1] for i in intervals))
