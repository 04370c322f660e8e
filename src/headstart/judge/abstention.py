"""Abstention: answer only where the model is sure, and say how often it is then wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ConfigError
from headstart.judge.intervals import Interval, wilson

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

POINTS = 100
"""Points of a curve that is shown; more cannot be told apart."""


@dataclass(frozen=True)
class Point:
    """What answering from a confidence upwards gives.

    Attributes
    ----------
    threshold : float
        Confidence (probability of the predicted class) from which answers are given.
    coverage : float
        Share of rows that get an answer.
    error : float
        Share of the answers that are wrong.
    """

    threshold: float
    coverage: float
    error: float


@dataclass(frozen=True)
class Abstention:
    """A threshold for a wanted error, and what it does to rows that did not choose it.

    Attributes
    ----------
    wanted_error : float or None
        None: nothing was wanted, only the curve is there.
    threshold : float or None
        Chosen on all rows: what a model ships with. None where no threshold keeps the promise.
    coverage, error : float or None
        Cross-fitted: each fold with the threshold of the others. ``error`` is None where nothing
        was answered.
    coverage_ci95, error_ci95 : (float, float) or None
        Wilson's interval.
    curve : list of Point
        Over all rows, from few answers to all; the threshold would be chosen with hindsight.
    """

    wanted_error: float | None
    threshold: float | None
    coverage: float | None
    coverage_ci95: Interval | None
    error: float | None
    error_ci95: Interval | None
    curve: list[Point]

    def to_json(self) -> dict[str, Any]:
        """Return plain types."""
        return {
            "wanted_error": self.wanted_error,
            "threshold": self.threshold,
            "coverage": self.coverage,
            "coverage_ci95": None if self.coverage_ci95 is None else list(self.coverage_ci95),
            "error": self.error,
            "error_ci95": None if self.error_ci95 is None else list(self.error_ci95),
            "curve": [vars(point) for point in self.curve],
        }


def risk_coverage(y: Ints, proba: Floats, points: int = POINTS) -> list[Point]:
    """Trace error against coverage over all thresholds.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    proba : ndarray of shape (n, K)
        Held-out probabilities.
    points : int, default=100
        At most so many, evenly spread over coverage; the ends are kept.

    References
    ----------
    El-Yaniv & Wiener (2010), "On the foundations of noise-free selective classification", JMLR 11.
    """
    threshold, accepted, wrong = _steps(y, proba)
    shown = np.arange(len(threshold))
    if len(shown) > points:
        targets = np.linspace(accepted[0], accepted[-1], points)
        shown = np.unique(np.searchsorted(accepted, targets))
    return [
        Point(float(threshold[i]), float(accepted[i] / len(y)), float(wrong[i] / accepted[i]))
        for i in shown
    ]


def choose_threshold(y: Ints, proba: Floats, wanted_error: float) -> float | None:
    """Return the confidence from which most rows are answered at no more than the wanted error.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    proba : ndarray of shape (n, K)
        Held-out probabilities.
    wanted_error : float, 0 to 1, both excluded
        Share of the answers that may be wrong.

    Returns
    -------
    float or None
        None where no threshold is safe: with 50 rows even flawless answers do not show an error
        of 1 %.

    Raises
    ------
    ConfigError
        A wanted error that is no share.

    Notes
    -----
    The largest number of answers with ``(errors + 1) / (answers + 1) <= wanted_error``. The one
    that is added stands for the new row: it is counted as answered wrongly. That allows for few
    rows, in the mean over samples; it is no bound that holds with high probability.

    References
    ----------
    Angelopoulos et al. (2024), "Conformal risk control", ICLR, eq. 4, has the same correction for
    errors that can only fall with the threshold. The share among answers is not such, so the
    promise is checked by cross-fitting rather than taken from theory.
    """
    if not 0 < wanted_error < 1:
        raise ConfigError(
            f"A wanted error of {wanted_error:g} is no share between 0 and 1.",
            "For example 0.02: of a hundred answers two may be wrong.",
        )
    threshold, accepted, wrong = _steps(y, proba)
    safe = np.flatnonzero((wrong + 1) / (accepted + 1) <= wanted_error)
    return float(threshold[safe[-1]]) if len(safe) else None


def cross_fitted(
    y: Ints,
    proba: Floats,
    fold: Ints,
    wanted_error: float | None,
    *,
    groups: Ints | None = None,
) -> Abstention:
    """Choose a threshold, and measure what such a choice does to rows it has not seen.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    proba : ndarray of shape (n, K)
        Held-out probabilities.
    fold : ndarray of int, shape (n,)
        In which fold each row was held out. Where there is only one (a test set), its halves take
        turns.
    wanted_error : float or None
        None for the curve alone.
    groups : ndarray of int, shape (n,), optional
        Rows of one group stand or fall together: intervals count groups, and halves keep them
        whole.
    """
    if wanted_error is None:
        return Abstention(None, None, None, None, None, None, risk_coverage(y, proba))
    unit = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    part = fold if len(np.unique(fold)) > 1 else unit % 2
    answered = np.zeros(len(y), bool)
    for f in np.unique(part):
        held = part == f
        threshold = (
            choose_threshold(y[~held], proba[~held], wanted_error) if held.sum() < len(y) else None
        )
        if threshold is not None:
            answered[held] = proba[held].max(axis=1) >= threshold
    threshold = choose_threshold(y, proba, wanted_error)
    return _measured(y, proba, answered, unit, wanted_error, threshold)


def transferred(
    known: tuple[Ints, Floats],
    test: tuple[Ints, Floats],
    wanted_error: float,
    *,
    groups: Ints | None = None,
) -> Abstention:
    """Choose a threshold on some rows, and measure it on a test set, which chooses nothing.

    Parameters
    ----------
    known, test : (y of shape (n,), proba of shape (n, K))
        Answers by models that had not seen the rows.
    groups : ndarray of int, shape (n_test,), optional
        See :func:`cross_fitted`.
    """
    threshold = choose_threshold(*known, wanted_error)
    y, proba = test
    unit = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    answered = np.zeros(len(y), bool) if threshold is None else proba.max(axis=1) >= threshold
    return _measured(y, proba, answered, unit, wanted_error, threshold)


def _measured(
    y: Ints,
    proba: Floats,
    answered: NDArray[np.bool_],
    unit: Ints,
    wanted_error: float,
    threshold: float | None,
) -> Abstention:
    wrong = proba.argmax(axis=1) != y
    coverage, coverage_ci95 = _share(answered, unit)
    error, error_ci95 = _share(wrong[answered], unit[answered]) if answered.any() else (None, None)
    return Abstention(
        wanted_error,
        threshold,
        coverage,
        coverage_ci95,
        error,
        error_ci95,
        risk_coverage(y, proba),
    )


def _steps(y: Ints, proba: Floats) -> tuple[Floats, Ints, Ints]:
    """Every distinct threshold, high to low; how many rows reach it; how many of them are wrong."""
    confidence, wrong = proba.max(axis=1), proba.argmax(axis=1) != y
    order = np.argsort(-confidence, kind="stable")
    confidence, errors = confidence[order], np.cumsum(wrong[order])
    last = np.flatnonzero(np.append(confidence[1:] != confidence[:-1], True))
    return confidence[last], last + 1, errors[last]


def _share(hit: NDArray[np.bool_], unit: Ints) -> tuple[float, Interval]:
    """Share of rows and its interval, as if there were only as many rows as units."""
    share, n = float(hit.mean()), len(np.unique(unit))
    return share, wilson(share * n, n)
