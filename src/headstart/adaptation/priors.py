"""How often does each class occur in the target? Estimated from answers, without its labels.

Both estimates are right when the shares alone have changed between the domains (label shift). Under
any other shift they are an indication.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from headstart.said import _, commas, sentences

Floats = NDArray[np.float64]
Beliefs = NDArray[np.floating]
Ints = NDArray[np.integer]

RESAMPLES = 200
HUGE = 3.0
"""A class share that is less than a third or more than three times the source's is suspicious: the
range the guards of a choice use as well."""
ROUNDS = 500
STREAM = 41
NAMED = 3
"""Classes that a sentence names."""
TINY = 1e-12


@dataclass(frozen=True)
class Priors:
    """Class shares of the target, estimated in two ways.

    Attributes
    ----------
    source : ndarray of float64, shape (K,)
        Shares of the classes in the source.
    target : ndarray of float64, shape (K,)
        By black-box shift estimation; sums to one.
    target_ci95 : ndarray of float64, shape (K, 2)
    by_em : ndarray of float64, shape (K,)
        By expectation-maximisation; sums to one.
    by_em_ci95 : ndarray of float64, shape (K, 2)
    """

    source: Floats
    target: Floats
    target_ci95: Floats
    by_em: Floats
    by_em_ci95: Floats

    @property
    def changed(self) -> NDArray[np.bool_]:
        """Classes (K,) whose share is certainly beyond a third to three times the source's.

        Both intervals must lie outside that range, on the same side.
        """
        return self._beyond(HUGE)

    @property
    def differ(self) -> NDArray[np.bool_]:
        """Classes (K,) whose share is surely another than in the source, by both estimates."""
        return self._beyond(1.0)

    def _beyond(self, times: float) -> NDArray[np.bool_]:
        low = np.minimum(self.target_ci95[:, 0], self.by_em_ci95[:, 0])
        high = np.maximum(self.target_ci95[:, 1], self.by_em_ci95[:, 1])
        return np.asarray((low > times * self.source) | (high < self.source / times))

    @property
    def huge(self) -> bool:
        """Whether any class has changed so much."""
        return bool(self.changed.any())

    def sentence(self, classes: Sequence[str]) -> str:
        """Say it in words."""
        return sentences(
            self._compared(classes),
            _(
                "This is valid when only the class shares changed, and an indication otherwise: "
                "answers that are wrong for other reasons change it too."
            ),
        )

    def _compared(self, classes: Sequence[str]) -> str:
        """Name the classes whose shares changed so much."""
        rows = np.flatnonzero(self.changed).tolist()
        if not rows:
            return _("No class share is clearly beyond a third to three times the source's.")
        told = self.told(rows, classes)
        if len(rows) <= NAMED:
            return _("The class shares seem to differ greatly: {told}.", told=told)
        return _(
            "The class shares seem to differ greatly: {told}, and {more} more.",
            told=told,
            more=len(rows) - NAMED,
        )

    def told(self, rows: Sequence[int], classes: Sequence[str]) -> str:
        """List the first of some classes with their shares, before and now."""
        return commas(
            _(
                "'{name}' {source:.0f} % of the source and about {target:.0f} % of the target "
                "({low:.0f} to {high:.0f})",
                name=classes[c],
                source=100 * float(self.source[c]),
                target=100 * float(self.target[c]),
                low=100 * float(self.target_ci95[c, 0]),
                high=100 * float(self.target_ci95[c, 1]),
            )
            for c in rows[:NAMED]
        )

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return the numbers, ready for ``metrics.json``."""
        return {
            "sentence": self.sentence(classes),
            "huge": self.huge,
            "classes": [
                {
                    "class": name,
                    "source": float(self.source[c]),
                    "target": float(self.target[c]),
                    "target_ci95": [float(end) for end in self.target_ci95[c]],
                    "by_em": float(self.by_em[c]),
                    "changed": bool(self.changed[c]),
                }
                for c, name in enumerate(classes)
            ],
        }


def find_priors(
    y: Ints, held_y: Ints, held_proba: Beliefs, target_proba: Beliefs, *, seed: int = 0
) -> Priors:
    """Estimate the class shares of the target with bootstrap intervals.

    Parameters
    ----------
    y : ndarray of int, shape (n_s,)
        All labels of the source: its shares.
    held_y : ndarray of int, shape (m,)
        Labels of source rows that the model has not seen, every class if possible.
    held_proba : ndarray of shape (m, K)
        Calibrated beliefs about them, by the source head of the adaptation that was chosen.
    target_proba : ndarray of shape (n_t, K)
        Beliefs about the target, by its target head.
    seed : int, default=0

    Returns
    -------
    Priors

    Notes
    -----
    Percentile intervals of 200 resamples; held-out rows are drawn within their class, target rows
    from all. A class without held-out rows is taken to be always recognised.

    Under a shift of the examples the answers of an unadapted model call the shares hugely changed
    where they are not: in 11 of 15 pairs of real domains, against none with the adaptation
    "prototypes". So the model to ask is the adapted one, and where none was adapted although the
    domains differ the warning is no more than a reason to look.
    """
    rng = np.random.default_rng([seed, STREAM])
    n_classes = target_proba.shape[1]
    source = np.bincount(y, minlength=n_classes) / len(y)
    answers, held = target_proba.argmax(axis=1), held_proba.argmax(axis=1)
    counts = np.zeros((n_classes, n_classes))  # true class, answer
    np.add.at(counts, (held_y, held), 1.0)
    given = np.bincount(answers, minlength=n_classes) / len(answers)
    n = len(answers)
    drawn = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES) / n  # (R, n): how often each row
    seen = drawn @ np.eye(n_classes)[answers]
    matching = np.array([black_box(_resampled(counts, rng), share) for share in seen])
    fitted = _maximised(target_proba, source, drawn, ROUNDS // 5)
    return Priors(
        source,
        black_box(counts, given),
        _percentiles(matching),
        expectation_maximisation(target_proba, source),
        _percentiles(fitted),
    )


def black_box(counts: Floats, given: Floats) -> Floats:
    """Find the class shares that explain the answers: ``(K, K)`` and ``(K,)`` -> ``(K,)``.

    Parameters
    ----------
    counts : ndarray of shape (K, K)
        Held-out source rows by true class (row) and answer (column).
    given : ndarray of shape (K,)
        Share of each answer on the target.

    Notes
    -----
    The shares p >= 0 with sum one that minimise ``|A' p - given|²``, where ``A[c, k]`` is the share
    of answer k among held-out rows of class c. Where A is invertible and the solution has no
    negative entry it is ``A'^-1 given``.

    References
    ----------
    Lipton, Wang & Smola (2018), "Detecting and correcting for label shift with black box
    predictors", arXiv:1802.03916, eq. 2; the simplex as in Saerens et al. (2002), section 2.3.
    """
    size = counts.sum(axis=1, keepdims=True)
    rates = np.where(size > 0, counts / np.maximum(size, 1), np.eye(len(counts)))
    firm = 1e3  # weight of the row that makes the shares sum to one
    system = np.vstack([rates.T, np.full((1, len(counts)), firm)])
    shares, _ = nnls(system, np.append(given, firm))
    return np.asarray(shares / max(shares.sum(), TINY), np.float64)


def expectation_maximisation(proba: Beliefs, source: Floats, *, rounds: int = ROUNDS) -> Floats:
    """Find the class shares under which the beliefs, corrected for them, average to them.

    Parameters
    ----------
    proba : ndarray of shape (n, K)
        Calibrated beliefs of a model of the source.
    source : ndarray of shape (K,)
        Class shares of the source; a class without rows keeps a share of zero.
    rounds : int, default=500
        At most; it stops where no share moves by 1e-6.

    Notes
    -----
    ``p_c <- mean_i (p_c / s_c) q_ic / sum_k (p_k / s_k) q_ik``, started from the source's shares s.

    References
    ----------
    Saerens, Latinne & Decaestecker (2002), "Adjusting the outputs of a classifier to new a priori
    probabilities", Neural Computation 14, eq. 2.9.
    """
    even = np.full((1, len(proba)), 1 / len(proba))
    return _maximised(proba, source, even, rounds)[0]


def _maximised(proba: Beliefs, source: Floats, weight: Floats, rounds: int) -> Floats:
    """Run EM under several row weights (R, n), each summing to one, at once: ``(R, K)``."""
    ratio = np.where(source > 0, proba / np.maximum(source, TINY), 0.0)  # (n, K)
    shares = np.tile(np.asarray(source, np.float64), (len(weight), 1))
    for _round in range(rounds):
        pull = weight / np.maximum(shares @ ratio.T, TINY)  # (R, n)
        following = shares * (pull @ ratio)
        following /= np.maximum(following.sum(axis=1, keepdims=True), TINY)
        done = np.abs(following - shares).max() < 1e-6
        shares = following
        if done:
            break
    return shares


def _resampled(counts: Floats, rng: np.random.Generator) -> Floats:
    """Draw held-out rows anew within every true class."""
    found = np.zeros_like(counts)
    for c, row in enumerate(counts):
        if row.sum() > 0:
            found[c] = rng.multinomial(int(row.sum()), row / row.sum())
    return found


def _percentiles(drawn: Floats) -> Floats:
    return np.quantile(drawn, (0.025, 0.975), axis=0).T
