"""Do the numbers mean what they say? The calibration error, and the rate of false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.judge.crossval import in_threads
from headstart.judge.intervals import Interval, wilson
from headstart.tasks.metrics import calibration_error
from headstart.transfer.familiar import fit_familiar

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

RESAMPLES = 200


def ece_interval(
    y: Ints,
    proba: Floats,
    *,
    groups: Ints | None = None,
    bins: int = 10,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Find a 95 % interval of the expected calibration error by resampling rows.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    proba : ndarray of shape (n, K)
        Held-out probabilities.
    groups : ndarray of int, shape (n,), optional
        Groups are drawn whole.
    bins : int, default=10
    resamples : int, default=200
    seed : int, default=0

    Notes
    -----
    The error is a mean of absolute gaps, so noise only adds to it, and a resample has the noise
    twice: the plain percentile interval lies too high and never reaches zero. This is the
    reflected interval, ``2 e - q(0.975)`` to ``2 e - q(0.025)``, which takes away what resampling
    added, cut at zero. It is widened to hold e itself, which is what a report shows, and to zero
    where chance alone explains e: where e is no larger than 97.5 % of the errors that come out when
    the gap of every row (or group) is given a random sign. In simulations with 60 to 1000 rows it
    held the truth 86 to 98 times in 100; the percentile interval held a true zero never.

    References
    ----------
    Davison & Hinkley (1997), "Bootstrap methods and their application", eq. 5.6; on the bias Kumar,
    Liang & Ma (2019), "Verified uncertainty calibration", arXiv:1909.10155, section 4.2.
    """
    confidence = proba.max(axis=1)[:, None]
    right = (proba.argmax(axis=1) == y)[:, None]
    return calibration_interval(
        confidence, right, groups=groups, bins=bins, resamples=resamples, seed=seed
    )


def calibration_interval(
    stated: Floats,
    right: NDArray[np.bool_],
    *,
    groups: Ints | None = None,
    bins: int = 10,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Find the interval of ``ece_interval`` for whatever probabilities answers state.

    Parameters
    ----------
    stated : ndarray of shape (n, m)
        Probabilities in answers for n rows.
    right : ndarray of bool, shape (n, m)
        What came true.
    groups, bins, resamples, seed
        As there.
    """
    gaps = _gaps(stated, right, bins)  # (n, bins)
    n, each = stated.shape
    unit = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_units = int(unit.max()) + 1
    sums = np.zeros((n_units, bins))
    np.add.at(sums, unit, gaps)
    sizes = each * np.bincount(unit)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_units, np.full(n_units, 1 / n_units), resamples).astype(float)
    errors = np.abs(drawn @ sums).sum(axis=1) / (drawn @ sizes)
    found = calibration_error(stated, right, bins)
    low, high = np.quantile(errors, (0.025, 0.975))
    low, high = max(0.0, min(2 * found - high, found)), min(1.0, max(2 * found - low, found))
    signs = rng.choice((-1.0, 1.0), (resamples, n_units))
    chance = np.abs(signs @ sums).sum(axis=1) / stated.size
    return (0.0 if found <= np.quantile(chance, 0.975) else float(low)), float(high)


def _gaps(stated: Floats, right: NDArray[np.bool_], bins: int) -> Floats:
    """Sum what is stated less what is right, by row and bin: ``(n, bins)``."""
    stated = stated.astype(np.float64)
    which = np.minimum((stated * bins).astype(int), bins - 1)
    gaps = np.zeros((len(stated), bins))
    np.add.at(gaps, (np.arange(len(stated))[:, None], which), stated - right)
    return gaps


@dataclass(frozen=True)
class FalseAlarms:
    """How often ordinary examples were called unfamiliar, by a detector that had not seen them.

    Attributes
    ----------
    flagged, n : int
        So many were flagged, of so many held out.
    rate : float
    rate_ci95 : (float, float)
        Wilson's interval; it counts groups where there are any.
    """

    flagged: int
    n: int
    rate: float
    rate_ci95: Interval

    def to_json(self) -> dict[str, Any]:
        """Return plain types, by the names that ``metrics.json`` has."""
        return {"false_alarm_rate": self.rate, "false_alarm_ci95": list(self.rate_ci95)}


def false_alarms(
    X: Floats,
    y: Ints,
    n_classes: int,
    folds: list[tuple[Ints, Ints]],
    *,
    widths: Sequence[int] = (),
    groups: Ints | None = None,
    workers: int = 1,
) -> FalseAlarms:
    """Fit the detector on the training rows of every fold, count what it flags of the others.

    Parameters
    ----------
    X : ndarray of shape (n, dim)
    y : ndarray of int, shape (n,)
    n_classes : int
    folds : list of (train rows, held-out rows)
        Every row is held out at most once.
    widths : sequence of int, optional
        Features of each of several networks.
    groups : ndarray of int, shape (n,), optional
    workers : int, default=1
        Threads; one core each.
    """

    def count(fold: tuple[Ints, Ints]) -> int:
        train, held = fold
        together = None if groups is None else groups[train]
        detector = fit_familiar(X[train], y[train], n_classes, widths, groups=together)
        return int(detector.is_unfamiliar(X[held]).sum())

    flagged = sum(in_threads(count, folds, workers))
    held_out = np.concatenate([held for _, held in folds])
    n = len(held_out)
    units = n if groups is None else len(np.unique(groups[held_out]))
    rate = flagged / n
    return FalseAlarms(flagged, n, rate, wilson(rate * units, units))
