"""Whether the domains differ in more than how frequent the classes are.

Where only the shares of the classes changed, the plain classifier is right as it is, and every
method that gives both domains the same moments makes it worse: it takes a target full of daisies
for a shifted copy of all flowers. So the source is reweighted to the target's shares first; what a
domain classifier still finds is a shift that adaptation can mend.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.adaptation.domains import Domains
from headstart.adaptation.shift import auc_interval
from headstart.adaptation.standard import Standard, principal
from headstart.adaptation.trials import Trial
from headstart.judge.intervals import Interval
from headstart.tasks.metrics import confusion
from headstart.tasks.splits import pairs, stratified_folds
from headstart.transfer.logistic import Floats

MOST = 2000
"""Rows of a domain that are looked at."""

AXES = 64
"""Principal axes the classifier sees."""

RIDGE = 0.1
"""Penalty in units of the mean variance of an axis."""

FOLDS = 5

STRETCH = 1.3
"""On the interval's standard error: folds overlap (see ``shift.find_shift``)."""


@dataclass(frozen=True)
class Residual:
    """How well the domains are told apart when the class shares are made equal.

    Attributes
    ----------
    auc : float, 0..1
        0.5 where nothing is left of the shift.
    auc_ci95 : (float, float)
    shares : ndarray of shape (K,)
        Class shares of the target, if only they had changed.
    """

    auc: float
    auc_ci95: Interval
    shares: Floats

    @property
    def found(self) -> bool:
        """Whether the interval lies above 0.5."""
        return self.auc_ci95[0] > 0.5


def residual_shift(domains: Domains, plain: Trial) -> Residual:
    """Weigh the source's classes as the target's seem to be, and tell the domains apart.

    Parameters
    ----------
    domains : Domains
    plain : Trial
        "no adaptation": its answers for held-out source and for the target.

    Notes
    -----
    Rows of the source weigh ``q_k / p_k``: q solves ``C q = a`` for non-negative shares, where
    ``C[j, k]`` is how often class k is answered j on held-out source, and ``a`` are the shares of
    the target's answers. A ridge classifier on 64 principal axes, cross-fitted in five folds, then
    tells the weighted source from the target; the interval counts as many source rows as the
    weights are worth, ``(sum w)² / sum w²``.

    References
    ----------
    Lipton, Wang & Smola (2018), "Detecting and correcting for label shift with black box
    predictors", ICML, section 4; the domain classifier as in Lopez-Paz & Oquab (2017),
    arXiv:1610.06545.
    """
    shares = label_shift(plain, domains.n_classes)
    prior = np.bincount(domains.y, minlength=domains.n_classes) / len(domains.y)
    rng = np.random.default_rng([domains.seed, 82])
    of_s, of_t = (
        np.sort(rng.permutation(n)[:MOST]) for n in (len(domains.source), len(domains.target))
    )
    weight = (shares / np.maximum(prior, 1e-12))[domains.y[of_s]]
    if min(len(of_s), len(of_t)) < 2 or not weight.any():
        return Residual(0.5, (0.0, 1.0), shares)
    auc = _told_apart(domains.source[of_s], domains.target[of_t], weight, rng)
    worth = max(1, round(float(weight.sum() ** 2 / np.square(weight).sum())))
    return Residual(auc, auc_interval(auc, worth, len(of_t), stretch=STRETCH), shares)


def label_shift(plain: Trial, n_classes: int) -> Floats:
    """Solve for the target's class shares (K,), were the shares all that changed."""
    from scipy.optimize import nnls

    counts = confusion(plain.held_y, plain.held.argmax(axis=1), n_classes).T.astype(np.float64)
    unseen = counts.sum(axis=0) == 0
    counts[unseen, unseen] = 1.0  # a class without held-out rows: taken to be answered rightly
    rates = counts / counts.sum(axis=0)  # (answer, class)
    answered = np.bincount(plain.answers, minlength=n_classes) / len(plain.answers)
    heavy = 10.0  # on the row that asks for a sum of one
    system = np.vstack([rates, np.full((1, n_classes), heavy)])
    shares, _ = nnls(system, np.append(answered, heavy))
    return np.asarray(shares / max(float(shares.sum()), 1e-12), np.float64)


def _told_apart(source: Floats, target: Floats, weight: Floats, rng: np.random.Generator) -> float:
    """Cross-fitted area under the ROC curve, source rows weighted: the mean over folds."""
    from sklearn.linear_model import Ridge
    from sklearn.metrics import roc_auc_score

    standard = Standard.fit(np.concatenate([source, target]))
    S, T = standard(source), standard(target)
    Z = np.concatenate([S, T]) @ principal(S, T, AXES)
    is_target = np.repeat([0, 1], [len(S), len(T)]).astype(np.int64)
    w = np.concatenate([weight / weight.sum(), np.full(len(T), 1 / len(T))]) * len(Z) / 2
    k = max(2, min(FOLDS, len(S), len(T)))
    areas = []
    for train, held in pairs(stratified_folds(is_target, None, k, rng)):
        if not w[held][is_target[held] == 0].any() or not w[train][is_target[train] == 0].any():
            continue  # no source row of weight on one side
        alpha = RIDGE * float(Z[train].var(axis=0).mean()) * float(w[train].sum())
        model = Ridge(alpha).fit(Z[train], 2.0 * is_target[train] - 1, sample_weight=w[train])
        areas.append(roc_auc_score(is_target[held], model.predict(Z[held]), sample_weight=w[held]))
    return float(np.mean(areas)) if areas else 0.5
