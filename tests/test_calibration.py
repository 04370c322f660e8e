"""The interval of the calibration error, and the rate of false alarms."""

import numpy as np
import pytest

from headstart.judge.calibration import _gaps, ece_interval, false_alarms
from headstart.judge.intervals import wilson
from headstart.tasks.classification import Classification
from headstart.tasks.metrics import expected_calibration_error


def drawn(n, overconfident, seed):
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.55, 0.95, n)
    y = np.where(rng.random(n) < confidence - overconfident, 0, 1)
    return y, np.stack([confidence, 1 - confidence], axis=1)


def test_the_gaps_sum_to_the_error():
    """Reduced to columns they give what the naive loop over bins gives."""
    y, proba = drawn(300, 0.1, 0)
    stated, right = Classification.numbered(2).stated(y, proba)
    error = np.abs(_gaps(stated, right, 10).sum(axis=0)).sum() / 300
    assert error == pytest.approx(expected_calibration_error(y, proba))


@pytest.mark.parametrize("overconfident", [0.0, 0.1, 0.2])
def test_the_interval_holds_the_truth(overconfident):
    """The gap is the same everywhere, so the true error is known."""
    held = []
    for seed in range(100):
        low, high = ece_interval(*drawn(200, overconfident, seed), seed=seed)
        held.append(low <= overconfident + 1e-12 and high >= overconfident)
    assert np.mean(held) >= 0.85


def test_a_real_gap_is_told_from_none():
    low, high = ece_interval(*drawn(500, 0.2, 0))
    assert 0.1 < low < 0.2 < high < 0.3
    assert ece_interval(*drawn(500, 0.0, 0))[0] == 0


def test_the_interval_holds_the_error_that_is_shown():
    for seed in range(20):
        y, proba = drawn(40, 0.05, seed)
        low, high = ece_interval(y, proba)
        assert 0 <= low <= expected_calibration_error(y, proba) <= high <= 1


def test_the_same_seed_gives_the_same_interval():
    y, proba = drawn(100, 0.1, 0)
    assert ece_interval(y, proba, seed=4) == ece_interval(y, proba, seed=4)
    assert ece_interval(y, proba, seed=4) != ece_interval(y, proba, seed=5)


def test_copies_in_a_group_do_not_make_it_surer():
    """Every row nine times over: by groups the interval is that of the rows once, about."""
    y, proba = drawn(100, 0.2, 0)
    once = np.diff(ece_interval(y, proba))
    nine = np.tile(np.arange(100), 9)
    assert np.diff(ece_interval(y[nine], proba[nine], groups=nine)) == pytest.approx(once, rel=0.25)
    assert np.diff(ece_interval(y[nine], proba[nine])) < once / 2


def test_false_alarms_are_counted_on_unseen_rows():
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    X = rng.normal(size=(400, 30)) + 5 * np.eye(30)[y]
    fold = np.arange(400) // 2 % 5
    folds = [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(5)]
    found = false_alarms(X, y, 2, folds)
    assert found.n == 400
    assert found.rate == found.flagged / 400
    assert found.rate <= 0.03
    assert found.rate_ci95 == wilson(found.flagged, 400)
    assert found.to_json()["false_alarm_rate"] == found.rate
    grouped = false_alarms(X, y, 2, folds, groups=np.arange(400) // 2)
    assert grouped.rate_ci95 == pytest.approx(wilson(grouped.rate * 200, 200))
