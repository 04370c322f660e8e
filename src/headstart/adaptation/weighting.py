"""Importance weighting: source examples count by how much they look like the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.adaptation.domains import Adapted, Domains
from headstart.adaptation.standard import Standard, principal, sorted_rows
from headstart.said import N_
from headstart.tasks.splits import pairs, stratified_folds
from headstart.transfer.heads import LinearHead
from headstart.transfer.logistic import STRENGTHS, Floats, Ints, LogisticPath, fit_logistic

CLIP = 10.0
"""No weight is larger than this many times the mean: a few rows must not decide alone."""

AXES = 64
"""Principal axes the domain classifier sees; with more it tells nearly any two domains apart, and
the weights say nothing."""

ENOUGH = 2000
"""Rows of a domain that the domain classifier learns from."""

FOLDS = 5


@dataclass(frozen=True)
class ImportanceWeighting:
    """Logistic regression on source rows that count ``p_T(x) / p_S(x)``.

    It helps where the target is a part of the source (covariate shift). Where the two do not
    overlap no weights can mend it.
    """

    name: str = "importance weighting"
    summary: str = N_("Source {many} that look like the target's count more.")
    reference: str = N_(
        "Shimodaira (2000), Improving predictive inference under covariate shift by weighting the "
        "log-likelihood function, J. Stat. Plan. Inference 90, eq. 2.1"
    )

    def fit(self, domains: Domains) -> Adapted:
        """Weigh the rows, fit one head for both domains."""
        weight = density_ratio(domains.source, domains.target, domains.seed)
        W, b = fit_logistic(
            domains.source,
            domains.y,
            domains.n_classes,
            domains.C,
            balanced=domains.balanced,
            exact=False,
            weight=weight,
        )
        head = LinearHead(W, b)
        return Adapted(head, head)


def density_ratio(source: Floats, target: Floats, seed: int = 0) -> Floats:
    """Estimate ``p_T(x) / p_S(x)`` at every source row, by telling the domains apart.

    Parameters
    ----------
    source : ndarray of shape (n_s, dim)
    target : ndarray of shape (n_t, dim)
        Their order does not matter.
    seed : int, default=0
        Of the rows learned from (2,000 a side at most) and of the folds.

    Returns
    -------
    ndarray of shape (n_s,), float64
        Non-negative, mean one, at most 10.

    Notes
    -----
    With a classifier's probability ``d(x)`` that x is of the target, ``w = d / (1 - d) * n_s /
    n_t``. Each row is scored by classifiers that have not seen it: of 5 folds, or of all five where
    it was not drawn. Their strength is the one of the lowest held-out log loss.

    References
    ----------
    Bickel, Brückner & Scheffer (2007), "Discriminative learning for differing training and test
    distributions", ICML, eq. 12; clipping: Cortes, Mansour & Mohri (2010), "Learning bounds for
    importance weighting", NeurIPS, section 5.
    """
    k = min(FOLDS, len(source), len(target))
    if k < 2:  # nothing can be held out
        return np.ones(len(source))
    rng = np.random.default_rng([seed, len(source), len(target)])
    of_s, of_t = _draw(len(source), rng), _draw(len(target), rng)
    seen_s, seen_t = source[of_s], sorted_rows(target)[of_t]
    standard = Standard.fit(np.concatenate([seen_s, seen_t]))
    basis = principal(standard(seen_s), standard(seen_t), AXES)
    S, T = standard(source) @ basis, standard(seen_t) @ basis
    weight = np.exp(np.clip(_domain_logits(S, of_s, T, k, rng), -50, 50))
    weight *= len(of_s) / len(of_t)
    return clipped(weight)


def clipped(weight: Floats) -> Floats:
    """Clip weights ``(n,)`` so that none is more than 10 times the mean of what is left: mean one.

    Clipping lowers the mean, so it is repeated until that no longer moves.
    """
    ceiling = np.inf
    while (lower := CLIP * weight.mean()) < ceiling * (1 - 1e-9):
        ceiling, weight = lower, np.minimum(weight, lower)
    return weight / weight.mean()


def _draw(n: int, rng: np.random.Generator) -> Ints:
    """Draw at most ``ENOUGH`` of n rows."""
    return np.sort(rng.permutation(n)[:ENOUGH])


def _domain_logits(S: Floats, of_s: Ints, T: Floats, k: int, rng: np.random.Generator) -> Floats:
    """Return the log odds ``(n_s,)`` that source rows are of the target, each held out."""
    X = np.concatenate([S[of_s], T])
    y = np.repeat([0, 1], [len(of_s), len(T)])
    fold = stratified_folds(y, None, k, rng)
    path = LogisticPath(X, y, 2, [train for train, _ in pairs(fold)], dtype=np.float64)
    best, answer = np.inf, np.zeros(len(S))
    for C in STRENGTHS:
        margin = path.advance(C) @ np.array([-1.0, 1.0])  # (k, n)
        held = margin[fold, np.arange(len(y))]
        loss = np.logaddexp(0, np.where(y == 1, -held, held)).mean()
        if loss >= best:
            break
        best = loss
        answer = np.mean([_margins(path, f, S) for f in range(k)], axis=0)
        answer[of_s] = held[: len(of_s)]
    return answer


def _margins(path: LogisticPath, fold: int, S: Floats) -> Floats:
    W, b = path.coefficients(fold)
    return S @ (W[:, 1] - W[:, 0]) + b[1] - b[0]
