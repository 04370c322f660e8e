"""Alignment: move the source's features onto the target's by their first two moments.

From nothing at all to a full linear map; every method ends in a linear head per domain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from headstart.adaptation.domains import Adapted, Domains
from headstart.adaptation.linear import fit_source
from headstart.adaptation.standard import AXES, Shared
from headstart.said import N_
from headstart.transfer.heads import LinearHead
from headstart.transfer.logistic import Floats, fit_logistic

RIDGE = 1.0
"""Added to the variance along every axis, in units of one standardised feature (Sun et al. 2016,
algorithm 1, add the identity): with fewer examples than features covariances are singular."""


@dataclass(frozen=True)
class NoAdaptation:
    """The plain head of the source, for both domains: what every other method must beat."""

    name: str = "no adaptation"
    summary: str = N_("The model of the source as it is.")
    reference: str = N_("logistic regression on the source alone")

    def fit(self, domains: Domains) -> Adapted:
        """Fit the source; the target is not looked at."""
        head = LinearHead(
            *fit_logistic(
                domains.source,
                domains.y,
                domains.n_classes,
                domains.C,
                balanced=domains.balanced,
                exact=False,
            )
        )
        return Adapted(head, head)


@dataclass(frozen=True)
class Standardisation:
    """Each domain by its own mean and spread: batch statistics re-estimated, on the embedding.

    It undoes shifts and scalings of single features. It assumes that both domains hold about the
    same mix of classes: where that differs the means differ for good reason.
    """

    name: str = "standardisation"
    summary: str = N_("Each feature is measured against its own domain's mean and spread.")
    reference: str = N_(
        "Li et al. (2016), Revisiting batch normalization for practical domain adaptation (AdaBN), "
        "arXiv:1603.04779, algorithm 1; small targets: Schneider et al. (2020), arXiv:2006.16971, "
        "eq. 2"
    )
    axes: int = AXES

    def fit(self, domains: Domains) -> Adapted:
        """Fit on the standardised source, answer for the standardised target."""
        shared = Shared.fit(domains, self.axes)
        return _mapped(shared, np.eye(shared.basis.shape[1]), domains)


@dataclass(frozen=True)
class Coral:
    """Whiten the source, give it the target's covariance, learn there."""

    name: str = "CORAL"
    summary: str = N_("The source's features are given the target's correlations.")
    reference: str = N_(
        "Sun, Feng & Saenko (2016), Return of frustratingly easy domain adaptation, "
        "arXiv:1511.05547, algorithm 1"
    )
    ridge: float = RIDGE
    axes: int = AXES

    def fit(self, domains: Domains) -> Adapted:
        """Map by ``Cs^-1/2 Ct^1/2``."""
        return _recoloured(domains, recolouring, self.ridge, self.axes)


@dataclass(frozen=True)
class GaussianTransport:
    """The linear map that carries one Gaussian onto the other with the least motion."""

    name: str = "Gaussian transport"
    summary: str = N_(
        "The least motion that gives the source's features the target's correlations."
    )
    reference: str = N_(
        "Flamary et al. (2019), Concentration bounds for linear Monge mapping estimation and "
        "optimal transport domain adaptation, arXiv:1905.10155, eq. 4"
    )
    ridge: float = RIDGE
    axes: int = AXES

    def fit(self, domains: Domains) -> Adapted:
        """Map by ``Cs^-1/2 (Cs^1/2 Ct Cs^1/2)^1/2 Cs^-1/2``."""
        return _recoloured(domains, monge_map, self.ridge, self.axes)


@dataclass(frozen=True)
class SubspaceAlignment:
    """Turn the source's principal axes onto the target's."""

    name: str = "subspace alignment"
    summary: str = N_("The source's main directions are turned onto the target's.")
    reference: str = N_(
        "Fernando et al. (2013), Unsupervised visual domain adaptation using subspace alignment, "
        "ICCV, algorithm 1"
    )
    dimensions: int = 50
    axes: int = AXES

    def fit(self, domains: Domains) -> Adapted:
        """Learn on ``Xs Ps Ps'Pt``, answer for ``Xt Pt``."""
        shared = Shared.fit(domains, self.axes)
        d = min(self.dimensions, *shared.source.shape, *shared.target.shape)
        Ps, Pt = leading_axes(shared.source, d), leading_axes(shared.target, d)
        M = Ps @ (Ps.T @ Pt)  # (r, d)
        W, b = fit_source(shared.source @ M, domains)
        return Adapted(shared.source_head(M @ W, b), shared.target_head(Pt @ W, b))


def covariance(X: Floats, ridge: float = 0.0) -> Floats:
    """Return the covariance ``(dim, dim)`` of rows ``(n, dim)``, divided by n, plus a ridge."""
    Z = X - X.mean(axis=0)
    return Z.T @ Z / len(Z) + ridge * np.eye(X.shape[1])


def power(C: Floats, exponent: float) -> Floats:
    """Raise a symmetric matrix ``(dim, dim)`` to a power; it must be definite for negative ones."""
    values, V = eigh(C)
    return (V * np.maximum(values, 0) ** exponent) @ V.T


def recolouring(Cs: Floats, Ct: Floats) -> Floats:
    """Return A ``(dim, dim)`` that whitens and recolours: ``A' Cs A = Ct``; Cs must be definite."""
    return power(Cs, -0.5) @ power(Ct, 0.5)


def monge_map(Cs: Floats, Ct: Floats) -> Floats:
    """Return the symmetric A ``(dim, dim)`` with ``A Cs A = Ct``; Cs must be definite."""
    root, inverse = power(Cs, 0.5), power(Cs, -0.5)
    return inverse @ power(root @ Ct @ root, 0.5) @ inverse


def leading_axes(X: Floats, d: int) -> Floats:
    """Return the d principal axes ``(dim, d)`` of rows ``(n, dim)``, the widest first."""
    dim = X.shape[1]
    return eigh(covariance(X), subset_by_index=(dim - d, dim - 1))[1][:, ::-1]


def _recoloured(
    domains: Domains, mapping: Callable[[Floats, Floats], Floats], ridge: float, axes: int
) -> Adapted:
    """Learn on the source moved by a map made of the two covariances."""
    shared = Shared.fit(domains, axes)
    Cs, Ct = (covariance(Z, ridge) for Z in (shared.source, shared.target))
    return _mapped(shared, mapping(Cs, Ct), domains)


def _mapped(shared: Shared, A: Floats, domains: Domains) -> Adapted:
    """Learn on the source moved by A ``(r, r)``; the target stays where it is."""
    W, b = fit_source(shared.source @ A, domains)
    return Adapted(shared.source_head(A @ W, b), shared.target_head(W, b))
