"""Optimal transport: carry source examples onto the target's, classes kept together."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from headstart.adaptation.domains import Adapted, Domains
from headstart.adaptation.linear import class_weights, fit_linear, one_hot
from headstart.adaptation.standard import AXES, Shared
from headstart.said import N_
from headstart.transfer.logistic import Floats, Ints

ENOUGH = 1500
"""Rows of a domain that are coupled: a plan has the product of the two numbers in entries."""

FARTHEST = 25.0
"""Medians of the squared distance: beyond, the kernel of an outlier is zero in floating point."""

ROUNDS = 5
"""Linearisations of the class penalty; POT's own loop, which cannot be told to be silent, does
the same."""

TINY = 1e-3
"""Keeps the slope of the penalty finite where a target row receives nothing from a class."""


@dataclass(frozen=True)
class OptimalTransport:
    """Sinkhorn transport with class regularisation, then a head on the transported source.

    Every example of the target receives its share of the source: a class that is much more frequent
    in one domain is torn apart. The plan is for these examples only; new examples of the source are
    answered, for the honest check, by the same head after standardisation.
    """

    name: str = "optimal transport"
    summary: str = N_("Source {many} are carried onto the target's with the least effort.")
    reference: str = N_(
        "Courty et al. (2017), Optimal transport for domain adaptation, arXiv:1507.00504, eqs. 12 "
        "(class regularisation) and 14 (barycentric map)"
    )
    entropy: float = 0.1
    classes: float = 0.1
    axes: int = AXES

    def fit(self, domains: Domains) -> Adapted:
        """Couple, map to barycentres, learn there."""
        shared = Shared.fit(domains, self.axes)
        rng = np.random.default_rng([domains.seed, *shared.source.shape, len(shared.target)])
        of_s = np.sort(rng.permutation(len(shared.source))[:ENOUGH])
        of_t = np.sort(rng.permutation(len(shared.target))[:ENOUGH])
        y = domains.y[of_s]
        T = shared.target[of_t]
        moved = barycentres(shared.source[of_s], y, T, self.entropy, self.classes)
        weight = class_weights(y, domains.n_classes, domains.balanced)
        W, b = fit_linear(moved, one_hot(y, domains.n_classes), domains.C, weight)
        return Adapted(shared.source_head(W, b), shared.target_head(W, b))


def barycentres(S: Floats, y: Ints, T: Floats, entropy: float, classes: float) -> Floats:
    """Carry every source row to the mean of the target rows that the plan couples it with.

    Parameters
    ----------
    S : ndarray of shape (n_s, r)
    y : ndarray of int, shape (n_s,)
    T : ndarray of shape (n_t, r)
    entropy : float, > 0
        Weight of the entropy, in units of the median squared distance.
    classes : float, >= 0
        Weight of the penalty on a target row that receives from several classes.

    Returns
    -------
    ndarray of shape (n_s, r), float64
    """
    for backend in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW"):  # else imported wherever installed
        os.environ.setdefault(f"POT_BACKEND_DISABLE_{backend}", "1")
    import ot

    cost = ot.dist(S, T)  # squared distances (n_s, n_t)
    cost /= max(float(np.median(cost)), 1e-12)
    cost = np.minimum(cost, FARTHEST)
    even = np.full(len(S), 1 / len(S)), np.full(len(T), 1 / len(T))
    member = np.eye(int(y.max()) + 1)[y]  # (n_s, K)
    penalty = np.zeros(cost.shape)
    for _ in range(ROUNDS):
        # A plan that is nearly balanced serves: each row's barycentre is normalised below.
        plan = ot.sinkhorn(*even, cost + classes * penalty, entropy, numItermax=50, warn=False)
        # The penalty sqrt(mass a target row receives from a class), linearised at the present plan.
        penalty = 0.5 / np.sqrt(member @ (member.T @ plan) + TINY)
    return plan @ T / np.maximum(plan.sum(axis=1, keepdims=True), 1e-300)
