"""Abstention: answer only where the model is sure, and say how often it is then wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ConfigError
from headstart.judge.intervals import Interval, wilson
from headstart.said import _

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

POINTS = 100
"""Points of a curve that is shown; more cannot be told apart."""


@dataclass(frozen=True)
class OperatingPoint:
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
    curve: list[OperatingPoint]

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


def risk_coverage(score: Floats, confidence: Floats, points: int = POINTS) -> list[OperatingPoint]:
    """Trace error against coverage over all thresholds.

    Parameters
    ----------
    score : ndarray of shape (n,), 0 to 1
        How right each held-out answer is (``Task.score``).
    confidence : ndarray of shape (n,)
        How sure the model is of each answer.
    points : int, default=100
        At most so many, evenly spread over coverage; the ends are kept.

    References
    ----------
    El-Yaniv & Wiener (2010), "On the foundations of noise-free selective classification", JMLR 11.
    """
    threshold, accepted, wrong = _steps(score, confidence)
    shown = np.arange(len(threshold))
    if len(shown) > points:
        targets = np.linspace(accepted[0], accepted[-1], points)
        shown = np.unique(np.searchsorted(accepted, targets))
    return [
        OperatingPoint(
            float(threshold[i]), float(accepted[i] / len(score)), float(wrong[i] / accepted[i])
        )
        for i in shown
    ]


def choose_threshold(score: Floats, confidence: Floats, wanted_error: float) -> float | None:
    """Return the confidence from which most rows are answered at no more than the wanted error.

    Parameters
    ----------
    score, confidence : ndarray of shape (n,)
        See :func:`risk_coverage`.
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
            _("A wanted error of {share:g} is no share between 0 and 1.", share=wanted_error),
            _("For example 0.02: of a hundred answers two may be wrong."),
        )
    threshold, accepted, wrong = _steps(score, confidence)
    safe = np.flatnonzero((wrong + 1) / (accepted + 1) <= wanted_error)
    return float(threshold[safe[-1]]) if len(safe) else None


def cross_fitted(
    score: Floats,
    confidence: Floats,
    fold: Ints,
    wanted_error: float | None,
    *,
    groups: Ints | None = None,
) -> Abstention:
    """Choose a threshold, and measure what such a choice does to rows it has not seen.

    Parameters
    ----------
    score, confidence : ndarray of shape (n,)
        See :func:`risk_coverage`.
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
        return Abstention(None, None, None, None, None, None, risk_coverage(score, confidence))
    n = len(score)
    unit = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    part = fold if len(np.unique(fold)) > 1 else unit % 2
    answered = np.zeros(n, bool)
    for f in np.unique(part):
        held = part == f
        threshold = (
            choose_threshold(score[~held], confidence[~held], wanted_error)
            if held.sum() < n
            else None
        )
        if threshold is not None:
            answered[held] = confidence[held] >= threshold
    threshold = choose_threshold(score, confidence, wanted_error)
    return _measured(score, confidence, answered, unit, wanted_error, threshold)


def transferred(
    known: tuple[Floats, Floats],
    test: tuple[Floats, Floats],
    wanted_error: float,
    *,
    groups: Ints | None = None,
) -> Abstention:
    """Choose a threshold on some rows, and measure it on a test set, which chooses nothing.

    Parameters
    ----------
    known, test : (score of shape (n,), confidence of shape (n,))
        Of answers by models that had not seen the rows; see :func:`risk_coverage`.
    groups : ndarray of int, shape (n_test,), optional
        See :func:`cross_fitted`.
    """
    threshold = choose_threshold(*known, wanted_error)
    score, confidence = test
    n = len(score)
    unit = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    answered = np.zeros(n, bool) if threshold is None else confidence >= threshold
    return _measured(score, confidence, answered, unit, wanted_error, threshold)


def _measured(
    score: Floats,
    confidence: Floats,
    answered: NDArray[np.bool_],
    unit: Ints,
    wanted_error: float,
    threshold: float | None,
) -> Abstention:
    wrong = 1 - score
    coverage, coverage_ci95 = _share(answered, unit)
    error, error_ci95 = _share(wrong[answered], unit[answered]) if answered.any() else (None, None)
    return Abstention(
        wanted_error,
        threshold,
        coverage,
        coverage_ci95,
        error,
        error_ci95,
        risk_coverage(score, confidence),
    )


def _steps(score: Floats, confidence: Floats) -> tuple[Floats, Ints, Floats]:
    """Every distinct threshold, high to low; how many rows reach it; how many of them are wrong."""
    order = np.argsort(-confidence, kind="stable")
    confidence, errors = confidence[order], np.cumsum(1 - score[order])
    last = np.flatnonzero(np.append(confidence[1:] != confidence[:-1], True))
    return confidence[last], last + 1, errors[last]


def _share(hit: NDArray[Any], unit: Ints) -> tuple[float, Interval]:
    """Share of rows and its interval, as if there were only as many rows as units."""
    share, n = float(hit.mean()), len(np.unique(unit))
    return share, wilson(share * n, n)
