"""Moments: what is kept of the training embeddings, so that others can be brought to their scale.

A mean and a standard deviation per feature, the share of every class and whether classes form
groups: enough to adapt a model to new examples long after the ones it was trained on are gone, and
too little to tell what any one of those showed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.transfer.logistic import softmax

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

PRIOR_SIZE = 16
"""Examples that the stored statistics count as: those of n new ones get the weight n / (n + 16).
Schneider et al. (2020) found 8 to 64 best, depending on how far the new examples lie."""
SHARPNESS = 20.0
"""Of beliefs in groups, which are a softmax of cosines times this: the temperature 0.05, found on
PACS and solar cells together; 10 to 30 were alike within 2 points."""
ENOUGH = 2000
"""Rows that are grouped to see whether classes form groups."""
ROUNDS = 5
"""Beliefs and directions in turn; they hardly change after five."""
FLOOR = 1e-3
"""Least standard deviation a feature is divided by, as a share of the mean one."""


def weight_of_new(n: int) -> float:
    """Return the weight of statistics of n new rows beside the stored ones: ``n / (n + 16)``.

    References
    ----------
    Schneider et al. (2020), "Improving robustness against common corruptions by covariate shift
    adaptation", NeurIPS, arXiv:2006.16971, eq. 4.

    Examples
    --------
    >>> weight_of_new(16)
    0.5
    """
    return n / (n + PRIOR_SIZE)


def unit(X: Floats) -> Floats:
    """Scale rows (n, dim) to length one."""
    return X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-12)


def group(
    rows: Floats, beliefs: Floats, *, sharpness: float = SHARPNESS, rounds: int = ROUNDS
) -> Floats:
    """Group rows around one direction per class, starting from beliefs.

    Parameters
    ----------
    rows : ndarray of shape (n, dim)
        Of length one.
    beliefs : ndarray of shape (n, K)

    Returns
    -------
    ndarray of shape (K, dim)
        Directions of length one: means weighted by belief, in turn with beliefs that are a softmax
        of ``sharpness`` times the cosines.

    References
    ----------
    Liang, Hu & Feng (2020), arXiv:2002.08546, eqs. 5 and 6, with soft membership; Banerjee et al.
    (2005), JMLR 6, soft-moVMF with one concentration for all.
    """
    directions = unit(beliefs.T @ rows)
    for _ in range(rounds - 1):
        beliefs = softmax(sharpness * (rows @ directions.T))
        directions = unit(beliefs.T @ rows)
    return directions


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of every feature, and how common every class was.

    Attributes
    ----------
    mean, scale : ndarray of float32, shape (dim,)
    shares : ndarray of float32, shape (K,)
        Shares of the classes among the training rows; they sum to one.
    groups : ndarray of float32, shape (1,), 0 to 1
        Share of the training rows still in the group of their class after grouping that starts
        from their labels and then forgets them (``group``): where it is low, no method that groups
        new examples will find the classes. 0.6 on photos of flowers, 0.97 on photos of PACS.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    shares: NDArray[np.float32]
    groups: NDArray[np.float32]

    @classmethod
    def fit(cls, X: Floats, y: Ints, n_classes: int) -> Moments:
        """Measure training rows (n, dim) of classes y (n,)."""
        X = np.asarray(X, np.float64)
        mean, scale = X.mean(axis=0), X.std(axis=0)
        shares = np.bincount(y, minlength=n_classes) / len(y)
        few = np.random.default_rng(0).permutation(len(X))[:ENOUGH]
        rows = unit((X[few] - mean) / np.maximum(scale, max(FLOOR * float(scale.mean()), 1e-12)))
        directions = group(rows, np.eye(n_classes)[y[few]])
        kept = ((rows @ directions.T).argmax(axis=1) == y[few]).mean()
        values = (mean, scale, shares, np.array([kept]))
        return cls(*(v.astype(np.float32) for v in values))

    def of_others(self, X: Floats) -> tuple[Floats, Floats]:
        """Measure rows of another domain, mixed with these moments as ``weight_of_new`` says.

        Mean is mixed with mean and variance with variance. So few rows move little, and no
        feature that is silent in X is blown up.

        Parameters
        ----------
        X : ndarray of shape (n, dim), n >= 1

        Returns
        -------
        mean, scale : ndarray of shape (dim,), float64
            ``scale`` > 0.
        """
        X = np.asarray(X, np.float64)
        w = weight_of_new(len(X))
        mean = w * X.mean(axis=0) + (1 - w) * self.mean
        scale = np.sqrt(w * X.var(axis=0) + (1 - w) * self.scale.astype(np.float64) ** 2)
        return mean, np.maximum(scale, max(FLOOR * float(scale.mean()), 1e-12))

    def affine(self, X: Floats) -> tuple[Floats, Floats]:
        """Find what brings rows of another domain to these moments: ``x * factor + offset``.

        Parameters
        ----------
        X : ndarray of shape (n, dim), n >= 1

        Returns
        -------
        factor, offset : ndarray of shape (dim,), float64

        Notes
        -----
        ``factor = s / t`` and ``offset = m - u s / t`` for the stored mean m and deviation s, and
        those of X, u and t (``of_others``).

        References
        ----------
        Li et al. (2018), "Adaptive batch normalization for practical domain adaptation", Pattern
        Recognition 80, here for the embedding alone.
        """
        mean, scale = self.of_others(X)
        factor = self.scale / scale
        return factor, self.mean - mean * factor
