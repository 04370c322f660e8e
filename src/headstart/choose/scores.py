"""Transferability scores: how well features suit labels, without training a head.

They rank backbones in a fraction of a second. None of them is an accuracy, and none knows how sure
it is: the ranking goes by the cross-validated accuracy of the probe, and uses LogME only to break
ties. Use them alone where even a probe would be too dear.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

ITERATIONS = 11
"""Of LogME's fixed point: the number its authors use (You et al. 2021, section 4.3); it usually
settles in two or three."""
LEAST_NOISE = 1e-5
"""Floor on LogME's mean squared residual, of targets 0 and 1. With fewer rows than features a
linear model fits any labels, and the noise it believes in would go to zero. A plain choice."""
TEMPERATURE = 0.07
"""Of kNN votes: Caron et al. (2021), arXiv:2104.14294, appendix F.1."""


def logme(X: Floats, y: Ints) -> float:
    """Score features by the evidence of Bayesian linear regression of the labels, per example.

    Higher is better; values are comparable between feature spaces on the same labels only. For
    every class the target is 1 for its rows and 0 for the others, the prior of the weights
    ``N(0, I / alpha)``, the noise ``N(0, 1 / beta)``; ``alpha`` and ``beta`` maximise

    ``(d ln a + n ln b - ln|aI + bF'F| - b|Fm - y|^2 - a|m|^2 - n ln 2 pi) / 2n``,

    where ``m`` is the posterior mean. The score is the mean over the classes.

    Parameters
    ----------
    X : ndarray of shape (n, dim)
        Not centred, as in the paper; its overall scale does not matter.
    y : ndarray of int, shape (n,); or of bool, shape (n, K)
        Where examples have several labels, every label is a target.

    Returns
    -------
    float

    References
    ----------
    You et al. (2021), "LogME: practical assessment of pre-trained models for transfer learning",
    ICML, arXiv:2102.11005, equation 2 and algorithm 1.
    """
    n = len(X)
    F = np.asarray(X, np.float64)
    F = F / max(float(np.sqrt(np.square(F).mean())), 1e-150)
    power, U = _axes(F)  # (r,), (n, r)
    Y = (y if y.ndim == 2 else y[:, None] == np.unique(y)).astype(np.float64)  # (n, C)
    Z = np.square(U.T @ Y)  # (r, C), of each target along each axis
    outside = np.maximum(Y.sum(axis=0) - Z.sum(axis=0), 0)  # (C,), of |y|^2
    s, floor = power[:, None], LEAST_NOISE * n
    alpha, beta = np.ones(Y.shape[1]), np.ones(Y.shape[1])
    for _ in range(ITERATIONS):
        known = (s / (s + alpha / beta)).sum(axis=0)  # how many directions the data decide
        residual, weights = _posterior(s, Z, outside, alpha / beta)
        ratio = alpha / beta
        alpha = np.maximum(known, 1e-12) / np.maximum(weights, 1e-12)
        beta = np.maximum(n - known, 1e-12) / np.maximum(residual, floor)
        if (np.abs(alpha / beta - ratio) <= 1e-3 * ratio).all():
            break
    residual, weights = _posterior(s, Z, outside, alpha / beta)
    evidence = (
        len(power) * np.log(alpha)  # the other dim - r directions cancel against the determinant
        + n * np.log(beta)
        - np.log(alpha + beta * s).sum(axis=0)
        - beta * np.maximum(residual, floor)
        - alpha * weights
        - n * np.log(2 * np.pi)
    )
    return float(evidence.mean() / (2 * n))


def _posterior(s: Floats, Z: Floats, outside: Floats, ratio: Floats) -> tuple[Floats, Floats]:
    """Squared residual and squared length of the posterior mean: (C,) each."""
    shrunk = s + ratio  # (r, C)
    residual = outside + (Z * np.square(ratio / shrunk)).sum(axis=0)
    return residual, (s * Z / np.square(shrunk)).sum(axis=0)


def h_score(X: Floats, y: Ints) -> float:
    """Score features by how much of their variance tells the classes apart.

    ``H = tr(S^-1 (1 - a) S_between)`` with the shrunk covariance
    ``S = (1 - a) S_total + a tr(S_total) / dim I``, where ``a`` is the Ledoit-Wolf shrinkage.
    Without shrinkage and with fewer rows than features, H would be at its maximum for any labels.

    Parameters
    ----------
    X : ndarray of shape (n, dim)
    y : ndarray of int, shape (n,)

    Returns
    -------
    float, from 0 (class means all equal) to C - 1

    References
    ----------
    Bao et al. (2019), "An information-theoretic approach to transferability in task transfer
    learning", ICIP, definition 2; Ibrahim, Ponomareva & Mazumder (2021), "Newer is not always
    better", arXiv:2110.06893, section 4 (the shrunk form); Ledoit & Wolf (2004), "A
    well-conditioned estimator for large-dimensional covariance matrices".
    """
    F = np.asarray(X, np.float64)
    F = F - F.mean(axis=0)
    power, U = _axes(F)
    shrink = _ledoit_wolf(F, power)
    member = (y[:, None] == np.unique(y)).astype(np.float64)  # (n, C)
    between = U.T @ (member / np.sqrt(member.sum(axis=0)))  # (r, C), of the class means
    own = (1 - shrink) * power
    share = own / np.maximum(own + shrink * power.sum() / F.shape[1], 1e-300)
    return float(share @ np.square(between).sum(axis=1))


def _ledoit_wolf(F: Floats, power: Floats) -> float:
    """Return the shrinkage (0..1) of centred rows whose Gram matrix has these eigenvalues.

    The same number as scikit-learn's ``ledoit_wolf_shrinkage``, which needs two matrices of
    (dim, dim) where the eigenvalues, already there, are enough.
    """
    n, dim = F.shape
    variances = power / n
    mean = variances.sum() / dim
    apart = (np.square(variances).sum() - dim * mean**2) / dim
    noise = (np.square(np.square(F).sum(axis=1)).sum() / n - np.square(variances).sum()) / n / dim
    return float(min(noise, apart) / apart) if apart > 1e-12 * mean**2 else 0.0


def _axes(F: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues (r,) of ``F F'`` and its eigenvectors (n, r), without the empty ones.

    From the smaller of the two Gram matrices.
    """
    n, dim = F.shape
    power, V = np.linalg.eigh(F @ F.T if n <= dim else F.T @ F)
    keep = power > max(float(power[-1]), 0) * max(n, dim) * np.finfo(F.dtype).eps
    power, V = power[keep], V[:, keep]
    return power, V if n <= dim else F @ V / np.sqrt(power)


def knn_accuracy(X: Floats, y: Ints, groups: Ints | None = None, k: int = 20) -> float:
    """Return the leave-one-out accuracy of k nearest neighbours, by cosine on centred features.

    The k most similar other rows vote with weight ``exp(cosine / 0.07)``, as the kNN head does; a
    draw goes to the class that comes first.

    Parameters
    ----------
    X : ndarray of shape (n, dim)
    y : ndarray of int, shape (n,)
    groups : ndarray of int, shape (n,), optional
        Rows of one group (copies of one example, a patient) are not neighbours of each other.
    k : int, default=20
        As in the source; fewer where the largest class has fewer than twice as many rows.

    Returns
    -------
    float, 0..1

    References
    ----------
    Caron et al. (2021), "Emerging properties in self-supervised vision transformers",
    arXiv:2104.14294, appendix F.1.
    """
    classes, code = np.unique(y, return_inverse=True)
    Z = np.asarray(X, np.float32)
    Z = Z - Z.mean(axis=0)
    Z /= np.maximum(np.linalg.norm(Z, axis=1, keepdims=True), 1e-12)
    apart = np.arange(len(Z)) if groups is None else groups
    k = int(min(k, max(3, np.bincount(code).max() // 2), len(Z) - 1))
    right = 0
    for start in range(0, len(Z), 512):  # so that memory grows with n, not with its square
        rows = slice(start, start + 512)
        similar = Z[rows] @ Z.T  # (512, n)
        similar[apart[rows, None] == apart] = -np.inf
        near = np.argpartition(-similar, k - 1, axis=1)[:, :k]
        votes = np.exp((np.take_along_axis(similar, near, axis=1) - 1) / TEMPERATURE)
        tally = (votes[:, :, None] * (code[near][:, :, None] == np.arange(len(classes)))).sum(
            axis=1
        )
        right += int((tally.argmax(axis=1) == code[rows]).sum())
    return right / len(Z)
