"""Two domains in one space: each standardised by itself, then reduced to shared axes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import eigh

from headstart.adaptation.domains import Domains
from headstart.transfer.heads import LinearHead
from headstart.transfer.logistic import Floats

FEW = 16
"""Examples of the source's statistics in those of the target: with N examples of its own they count
N / (N + 16), the pseudo-count of Schneider et al. (2020), arXiv:2006.16971, eq. 2, at its value for
small targets."""

AXES = 256
"""Shared axes kept, for speed: with all of them two methods were a point better on twelve pairs of
styles."""

SILENT = 1e-3
"""A feature whose spread in a domain is below this share of the typical one says nothing there."""


@dataclass(frozen=True)
class Standard:
    """Mean and spread of every feature in one domain.

    Attributes
    ----------
    mean : ndarray of shape (dim,), float64
    scale : ndarray of shape (dim,), float64, > 0
        Standard deviations; infinite where a feature hardly varies, so that nothing is concluded
        from it.
    """

    mean: Floats
    scale: Floats

    @classmethod
    def fit(cls, X: Floats, prior: Standard | None = None) -> Standard:
        """Measure rows ``(n, dim)``.

        With a ``prior`` the statistics are those of the mixture in which the rows count n / (n +
        16) and the prior the rest: few rows move little.
        """
        mean, variance = X.mean(axis=0), X.var(axis=0)
        if prior is not None:
            own = len(X) / (len(X) + FEW)
            other = np.where(np.isfinite(prior.scale), prior.scale, 0) ** 2
            gap = np.square(mean - prior.mean)
            mean = own * mean + (1 - own) * prior.mean
            variance = own * variance + (1 - own) * other + own * (1 - own) * gap
        scale = np.sqrt(variance)
        typical = np.sqrt(variance.mean())
        return cls(mean, np.where(scale > max(SILENT * typical, 1e-30), scale, np.inf))

    def __call__(self, X: Floats) -> Floats:
        """Standardise rows: ``(n, dim)`` -> ``(n, dim)``."""
        return (X - self.mean) / self.scale

    def head(self, W: Floats, b: Floats) -> LinearHead:
        """Express a head on standardised rows, ``(dim, K)`` and ``(K,)``, as one on raw rows."""
        raw = np.asarray(W, np.float64) / self.scale[:, None]
        return LinearHead(raw, np.asarray(b, np.float64) - self.mean @ raw)


@dataclass(frozen=True)
class Shared:
    """Both domains on the same few axes.

    Attributes
    ----------
    source, target : ndarray of shape (n_s, r) and (n_t, r), float64
        Standardised by domain and rotated to the ``basis``; the target's rows are sorted, so that
        what is learned from them is the same however the examples were listed.
    at_source, at_target : Standard
        The statistics of the two domains.
    basis : ndarray of shape (dim, r), float64
        Orthonormal: principal axes of all rows of both, the widest last.
    """

    source: Floats
    target: Floats
    at_source: Standard
    at_target: Standard
    basis: Floats

    @classmethod
    @lru_cache(maxsize=2)
    def fit(cls, domains: Domains, axes: int = AXES) -> Shared:
        """Standardise each domain and find the principal axes of both, equally weighed.

        Asked again about the very same object it returns the same answer: the methods of a family
        start from one view, and it is the costliest step of most.
        """
        target = sorted_rows(domains.target)
        at_source = Standard.fit(domains.source)
        at_target = Standard.fit(target, at_source)
        S, T = at_source(domains.source), at_target(target)
        basis = principal(S, T, axes)
        return cls(S @ basis, T @ basis, at_source, at_target, basis)

    def source_head(self, W: Floats, b: Floats) -> LinearHead:
        """Express a head on rows of ``source``, ``(r, K)`` and ``(K,)``, as one on raw rows."""
        return self.at_source.head(self.basis @ W, b)

    def target_head(self, W: Floats, b: Floats) -> LinearHead:
        """Express a head on rows of ``target``, ``(r, K)`` and ``(K,)``, as one on raw rows."""
        return self.at_target.head(self.basis @ W, b)


def principal(S: Floats, T: Floats, axes: int) -> Floats:
    """Return the leading axes ``(dim, r)`` of two standardised domains, each of equal weight.

    r is ``axes``, less where the rows span fewer directions.
    """
    Z = np.concatenate([S / np.sqrt(len(S)), T / np.sqrt(len(T))])  # (n_s + n_t, dim)
    n, dim = Z.shape
    small = n < dim
    gram = Z @ Z.T if small else Z.T @ Z
    first = max(len(gram) - axes, 0)
    power, U = eigh(gram, subset_by_index=(first, len(gram) - 1), overwrite_a=True)
    keep = power > power[-1] * 1e-9
    return Z.T @ (U[:, keep] / np.sqrt(power[keep])) if small else U[:, keep]


def sorted_rows(X: Floats) -> Floats:
    """Sort rows ``(n, dim)`` by their bytes: an order that does not depend on how they came."""
    rows = np.ascontiguousarray(X)
    whole = np.dtype((np.void, rows.itemsize * rows.shape[1]))
    return rows[np.argsort(rows.view(whole)[:, 0], kind="stable")]
