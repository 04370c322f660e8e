"""t-SNE of a few hundred rows, exactly: a map on which neighbours stay neighbours.

For so few the sums over all pairs are small matrices: 400 rows take a fifth of a second. The usual
library approximates them by trees, for millions of rows; at this size that is three times slower,
and it takes a second to load (docs/architecture.md).

References
----------
.. [1] van der Maaten & Hinton (2008), "Visualizing data using t-SNE", JMLR 9.
.. [2] Belkina et al. (2019), "Automated optimized parameters for t-SNE", Nature Communications 10,
       5415: the rate of steps is n over the exaggeration, here by four since the four of the
       gradient is in it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

STEPS = 500
"""Steps of gradient descent; 400 rows have settled by then."""
EXAGGERATED = 100
"""Of these so many pull neighbours together ``EXAGGERATION`` times as hard: [1], section 3.4."""
EXAGGERATION = 12.0
BISECTIONS = 40
"""Of the width of a neighbourhood: more than float64 can tell apart."""
LEAST_GAIN, LEAST_RATE = 0.01, 5.0


def tsne(X: NDArray[np.floating], start: NDArray[np.floating], perplexity: float) -> Floats:
    """Lay rows out on a plane.

    Parameters
    ----------
    X : ndarray of shape (n, dim)
    start : ndarray of shape (n, 2)
        Where the rows begin, such as their first principal axes.
    perplexity : float, 1 to n - 1
        How many neighbours of a row matter, about.

    Returns
    -------
    ndarray of float32, shape (n, 2)
        Centred.
    """
    P = neighbourhoods(X, perplexity).astype(np.float32)
    Y = np.asarray(start, np.float32)
    Y = Y / max(float(Y[:, 0].std()), 1e-12) * 1e-4
    rate = np.float32(max(len(Y) / EXAGGERATION / 4, LEAST_RATE))
    velocity, gain = np.zeros_like(Y), np.ones_like(Y)
    for step in range(STEPS):
        early = step < EXAGGERATED
        slope = _slope(P * np.float32(EXAGGERATION) if early else P, Y)
        # Jacobs (1988): faster along what keeps its direction, slower along what turns
        gain = np.where(slope * velocity < 0, gain + 0.2, gain * 0.8).clip(LEAST_GAIN)
        velocity = (0.5 if early else 0.8) * velocity - rate * gain * slope
        Y = Y + velocity
        Y -= Y.mean(axis=0)
    return Y


def neighbourhoods(X: NDArray[np.floating], perplexity: float) -> NDArray[np.float64]:
    """Probability ``p_ij`` (n, n) that a pair are neighbours: symmetric, sums to one.

    ``p_j|i`` falls off as a Gaussian around row i, as wide as gives the perplexity ([1], eqs. 1
    and 3 and section 2); ``p_ij = (p_j|i + p_i|j) / 2n``.
    """
    Z = np.asarray(X, np.float64)
    squares = np.square(Z).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares - 2 * Z @ Z.T, 0)
    np.fill_diagonal(apart, np.inf)
    apart -= apart.min(axis=1, keepdims=True)  # the nearest is at 0: nothing underflows
    scale = max(float(np.median(apart[np.isfinite(apart)])), 1e-12)
    low, high = np.full(len(Z), -40.0), np.full(len(Z), 40.0)  # log2 of the precision, times scale
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        p = _gaussian(apart, np.exp2(middle) / scale)
        wide = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1) > np.log(perplexity)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    p = _gaussian(apart, np.exp2((low + high) / 2) / scale)
    return (p + p.T) / (2 * len(Z))


def _gaussian(apart: NDArray[np.float64], precision: NDArray[np.float64]) -> NDArray[np.float64]:
    p = np.exp(-apart * precision[:, None])
    return p / p.sum(axis=1, keepdims=True)


def _slope(P: Floats, Y: Floats) -> Floats:
    """Gradient of the divergence of the plane's neighbourhoods from ``P``: [1], eq. 5.

    ``4 sum_j (p_ij - q_ij) (y_i - y_j) / (1 + |y_i - y_j|²)``.
    """
    squares = np.square(Y).sum(axis=1)
    near = Y @ Y.T
    near *= -2
    near += squares
    near += squares[:, None]
    near += 1
    np.reciprocal(near, out=near)  # Student's t with one degree of freedom
    np.fill_diagonal(near, 0)
    pull = near * (P - near / near.sum())
    return 4 * (pull.sum(axis=1, keepdims=True) * Y - pull @ Y)
