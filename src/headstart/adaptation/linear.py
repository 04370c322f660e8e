"""Logistic regression on rows as they are: no standardising, soft labels, row weights."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

from headstart.adaptation.domains import Domains
from headstart.transfer.logistic import STRENGTHS, Floats, Ints, row_weights, solve


def fit_linear(
    Z: Floats,
    Y: Floats,
    C: float,
    weight: Floats,
    start: tuple[Floats, Floats] | None = None,
) -> tuple[Floats, Floats]:
    """Minimise ``sum_i w_i CE(z_i A + b, y_i) + |A|² / (2 C n)``, the weights scaled to sum one.

    Unlike :func:`~headstart.transfer.logistic.fit_logistic` it leaves the scale of the columns
    alone. On principal axes that matters: standardised, the last of them would count as much as the
    first.

    Parameters
    ----------
    Z : ndarray of shape (n, r)
    Y : ndarray of shape (n, K)
        Beliefs: rows sum to one.
    C : float, > 0
        Inverse regularisation in the terms of scikit-learn, whose loss is summed over rows.
    weight : ndarray of shape (n,), >= 0
        How much each row counts; only ratios matter.
    start : (A, b), optional
        The solution of a similar problem, to save steps.

    Returns
    -------
    A, b : ndarray of shape (r, K) and (K,), float64
    """
    weight = weight / weight.sum()
    mean = weight @ Z
    centred = Z - mean
    spread, V = eigh(np.einsum("n,nr,ns->rs", weight, centred, centred, optimize=True))
    rows, n_classes = np.column_stack([centred @ V, np.ones(len(Z))]), Y.shape[1]
    bound = np.append(np.maximum(spread, 0), 1.0)[None]
    path = [(C, 1e-5)]
    if start is None:  # weak models first, as each is a good start for the next
        path = [(strength, 1e-2) for strength in STRENGTHS[STRENGTHS < C]] + path
        start = np.zeros((V.shape[1], n_classes)), np.zeros(n_classes)
    state = np.column_stack([start[0].T @ V, start[1] + mean @ start[0]])[None]
    for strength, tolerance in path:
        penalty = np.full_like(bound, 1 / (strength * len(Z)))
        penalty[:, -1] = 0
        state = solve(rows[None], Y, weight[None], bound, penalty, state, tolerance=tolerance)
    A, b = V @ state[0, :, :-1].T, state[0, :, -1]
    return A, b - mean @ A


def fit_source(Z: Floats, domains: Domains) -> tuple[Floats, Floats]:
    """Fit rows ``(n_s, r)`` of the source with the settings that cross-validation chose for it."""
    weight = class_weights(domains.y, domains.n_classes, domains.balanced)
    return fit_linear(Z, one_hot(domains.y, domains.n_classes), domains.C, weight)


def one_hot(y: Ints, n_classes: int) -> Floats:
    """Turn labels ``(n,)`` into beliefs ``(n, K)``."""
    return np.eye(n_classes)[y]


def class_weights(y: Ints, n_classes: int, balanced: bool) -> Floats:
    """Return weights ``(n,)`` of mean one: equal per row, or equal per class when ``balanced``."""
    return row_weights(y, n_classes, balanced) * len(y)
