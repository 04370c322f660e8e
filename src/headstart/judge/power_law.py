"""The power law of learning: error falls as ``a n^-b + c``, and what more labels would bring.

Good for a look ahead of about twice the labels there are. NOT a promise: curves may stop following
their law, which the interval can only partly know, so it widens with the distance looked ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from headstart.judge.intervals import Interval

Floats = NDArray[np.floating]
Trust = Literal["interpolation", "cautious", "far"]
SLOWEST, FASTEST = 0.02, 2.0
"""Bounds of b. Measured exponents of deep and classical learners lie in 0.07..1 (Hestness et al.
2017, arXiv:1712.00409, section 5); 2 leaves room, 0.02 is flat."""
LEAST_POINTS = 4
"""Three parameters need at least one point more to be held against."""


@dataclass(frozen=True)
class PowerLaw:
    """``error(n) = a n^-b + c``: n labels per class, error in shares, a >= 0, 0 <= c < chance."""

    a: float
    b: float
    c: float

    def __call__(self, n: float) -> float:
        """Return the error at ``n`` labels per class."""
        return self.a * n**-self.b + self.c

    def reach(self, error: float) -> float | None:
        """Return the labels per class at which the error falls to ``error``; None if never."""
        if error <= self.c or self.a <= 0:
            return None
        with np.errstate(over="ignore"):
            n = float(np.float64((error - self.c) / self.a) ** (-1 / self.b))
        return n if np.isfinite(n) else None


def fit_power_law(
    n: Floats, error: Floats, sigma: Floats, chance: float, *, floor: bool = True
) -> PowerLaw:
    """Fit by weighted least squares.

    For a given b the law is linear in a and c, so the fit is a search over b alone, which has no
    wrong minima to fall into (variable projection, Golub & Pereyra 1973).

    Parameters
    ----------
    n : ndarray of shape (P,)
        Labels per class, positive.
    error : ndarray of shape (P,), shares
    sigma : ndarray of shape (P,)
        Standard error of each.
    chance : float
        The error of guessing: c stays below it.
    floor : bool, default=True
        False fixes c at zero: the most hopeful law.

    References
    ----------
    Cortes et al. (1993), "Learning curves: asymptotic values and rate of convergence", NIPS 6,
    eq. 3; Hestness et al. (2017), arXiv:1712.00409, section 2.
    """
    weight = 1 / np.square(sigma)
    most = 0.999 * chance if floor else 0.0

    def at(log_b: float) -> tuple[float, float, float]:
        return _linear(n ** -np.exp(log_b), error, weight, most)

    bounds = (np.log(SLOWEST), np.log(FASTEST))
    grid = np.linspace(*bounds, 12)
    start = int(np.argmin([at(g)[0] for g in grid]))
    around = grid[max(start - 1, 0)], grid[min(start + 1, len(grid) - 1)]
    from scipy.optimize import minimize_scalar  # a tenth of a second: runs forecast nothing

    best = float(minimize_scalar(lambda b: at(b)[0], bounds=around, method="bounded").x)
    _, a, c = at(best)
    return PowerLaw(a, float(np.exp(best)), c)


def _linear(x: Floats, y: Floats, weight: Floats, most: float) -> tuple[float, float, float]:
    """Fit ``y = a x + c`` with a >= 0 and 0 <= c <= most; return loss, a, c."""
    x_mean, y_mean = (weight @ x) / weight.sum(), (weight @ y) / weight.sum()
    spread = weight @ np.square(x - x_mean)
    slope = float(weight @ ((x - x_mean) * (y - y_mean)) / spread) if spread > 0 else 0.0
    tried = [(slope, float(y_mean - slope * x_mean))]
    if slope < 0 or not 0 <= tried[0][1] <= most:
        edges = (0.0, most)
        tried = [(max(0.0, float(weight @ (x * (y - c)) / (weight @ (x * x)))), c) for c in edges]
        tried.append((0.0, float(np.clip(y_mean, *edges))))
    loss = [float(weight @ np.square(y - a * x - c)) for a, c in tried]
    best = int(np.argmin(loss))
    return loss[best], *tried[best]


@dataclass(frozen=True)
class Forecast:
    """An error to expect at ``n`` labels per class, 95 % interval, and how far ahead it looks."""

    n: float
    error: float
    error_ci95: Interval
    trust: Trust


def trust_at(n: float, largest: float) -> Trust:
    """Say how far ahead ``n`` lies of the largest point measured: beyond it, beyond its double."""
    if n <= largest:
        return "interpolation"
    return "cautious" if n <= 2 * largest else "far"


def draws(
    n: Floats, errors: Floats, sigma: Floats, chance: float, at: float, *, times: int, seed: int
) -> Floats:
    """Forecast the error at ``at`` from curves as other data would have given them.

    Curves are drawn around the mean curve: the repeats give how it moves (their deviations, mixed
    at random), and ``sigma`` how unsure each point is in all. Half of the draws assume that the
    error falls to zero in the end (c = 0), since far from the data the floor is what nobody knows.

    Parameters
    ----------
    errors : ndarray of shape (R, P)
        One curve per repeat.
    sigma : ndarray of shape (P,)
        Standard error of the mean curve, what repeats share (held-out rows) included.

    Returns
    -------
    ndarray of shape (times,)
    """
    rng = np.random.default_rng([seed, 5])
    mean = errors.mean(axis=0)
    apart = errors - mean
    spread = np.sqrt(np.square(apart).sum(axis=0) / max(len(errors) - 1, 1))
    apart = np.divide(apart, spread, out=np.zeros_like(apart), where=spread > 0)
    found = np.empty(times)
    for k in range(times):
        mix = rng.standard_normal(len(errors)) / np.sqrt(max(len(errors) - 1, 1))
        curve = np.clip(mean + sigma * (mix @ apart), 0.0, chance)
        found[k] = fit_power_law(n, curve, sigma, chance, floor=k % 2 == 0)(at)
    return found


def forecast(
    n: Floats,
    errors: Floats,
    sigma: Floats,
    chance: float,
    at: float,
    *,
    times: int = 200,
    seed: int = 0,
) -> Forecast:
    """Forecast the error at ``at`` labels per class, with an interval.

    The interval is that of the draws, moved to the fitted law and no shorter than the interval of
    the largest point; beyond it the half-widths grow by a factor ``1 + log2(at / largest)``.

    Parameters
    ----------
    n, errors, sigma, chance
        See :func:`draws`.
    at : float
    times : int, default=200
    seed : int
    """
    law = fit_power_law(n, errors.mean(axis=0), sigma, chance)
    drawn = draws(n, errors, sigma, chance, at, times=times, seed=seed)
    centre = law(at)
    low, high = np.quantile(drawn, [0.025, 0.975])
    least = 1.96 * float(sigma[np.argmax(n)])
    stretch = 1 + max(0.0, float(np.log2(at / n.max())))
    below = stretch * max(centre - float(low), least)
    above = stretch * max(float(high) - centre, least)
    interval = max(0.0, centre - below), min(1.0, centre + above)
    return Forecast(at, centre, interval, trust_at(at, float(n.max())))
