"""The power law: known laws come back, and the interval of a forecast holds what it should."""

import numpy as np
import pytest

from headstart.judge.power_law import PowerLaw, fit_power_law, forecast, trust_at

SIZES = np.array([5.0, 10, 20, 50, 100])


def test_a_law_by_hand():
    """0.4 · 4^-0.5 + 0.1 = 0.3; the error is 0.2 where n^-0.5 = 1/4: at 16."""
    law = PowerLaw(0.4, 0.5, 0.1)
    assert law(4) == pytest.approx(0.3)
    assert law.reach(0.2) == pytest.approx(16)
    assert law.reach(0.1) is None
    assert PowerLaw(0.0, 1.0, 0.3).reach(0.35) is None


@pytest.mark.parametrize("law", [(0.8, 0.5, 0.05), (0.5, 1.0, 0.1), (0.9, 0.3, 0.0)])
def test_an_exact_law_comes_back(law):
    true = PowerLaw(*law)
    found = fit_power_law(SIZES, true(SIZES), np.full(5, 0.01), 0.9)
    assert (found.a, found.b, found.c) == pytest.approx(law, abs=2e-3)


def test_a_law_comes_back_from_binomial_scores():
    rng = np.random.default_rng(0)
    true, n = PowerLaw(0.8, 0.5, 0.05), np.array([2.0, 5, 10, 20, 50, 100, 200, 500])
    error = rng.binomial(20_000, true(n)) / 20_000
    found = fit_power_law(n, error, np.sqrt(error * (1 - error) / 20_000), 0.9)
    assert (found.b, found.c) == pytest.approx((0.5, 0.05), abs=0.05)
    assert found(1000) == pytest.approx(true(1000), abs=0.01)


def test_weights_decide_whom_to_believe():
    true = PowerLaw(0.8, 0.5, 0.05)(SIZES)
    spoiled = true + np.array([0.3, 0, 0, 0, 0])
    trusting = fit_power_law(SIZES, spoiled, np.full(5, 0.01), 0.9)
    knowing = fit_power_law(SIZES, spoiled, np.array([10, 0.01, 0.01, 0.01, 0.01]), 0.9)
    assert abs(knowing(200) - PowerLaw(0.8, 0.5, 0.05)(200)) < 0.01
    assert abs(knowing(5) - true[0]) < abs(trusting(5) - true[0])


@pytest.mark.parametrize("error", [[0.2, 0.3, 0.4, 0.4, 0.5], [0.5] * 5, [0.0] * 5, [0.9] * 5])
def test_bounds_hold_whatever_comes(error):
    found = fit_power_law(SIZES, np.array(error), np.full(5, 0.05), 0.5)
    assert found.a >= 0
    assert 0 <= found.c < 0.5
    assert 0 < found.b <= 2
    assert np.isfinite(found(1000))


def test_trust_fades_with_distance():
    looks = [trust_at(n, 100) for n in (50, 100, 101, 200, 201)]
    assert looks == ["interpolation", "interpolation", "cautious", "cautious", "far"]


def simulated(rng, true, repeats=5, held=200):
    """Repeated curves: one set of held-out rows a repeat, and parts that differ by luck."""
    luck = rng.normal(0, 0.4, (repeats, len(SIZES))) * true(SIZES) / np.sqrt(SIZES)
    share = np.clip(true(SIZES) + luck, 0.001, 0.9)
    errors = rng.binomial(held // repeats, share) / (held // repeats)
    mean = errors.mean(axis=0)
    rows = np.maximum(mean * (1 - mean), 1 / held) / held
    sigma = np.sqrt(np.maximum(rows, errors.var(axis=0, ddof=1) * (1 / repeats + 1 / 4)))
    return errors, sigma


@pytest.mark.parametrize("ahead", [150.0, 400.0])
def test_the_interval_of_the_forecast_covers(ahead):
    rng = np.random.default_rng(0)
    inside, times = 0, 30
    for seed in range(times):
        true = PowerLaw(rng.uniform(0.4, 0.9), rng.uniform(0.3, 0.9), rng.uniform(0, 0.1))
        errors, sigma = simulated(rng, true)
        found = forecast(SIZES, errors, sigma, 0.8, ahead, times=40, seed=seed)
        low, high = found.error_ci95
        assert 0 <= low <= found.error <= high <= 1
        inside += low <= true(ahead) <= high
    assert inside >= 26


def test_the_interval_widens_with_distance():
    errors, sigma = simulated(np.random.default_rng(3), PowerLaw(0.8, 0.5, 0.05))
    widths = []
    for ahead in (100.0, 200.0, 800.0):
        low, high = forecast(SIZES, errors, sigma, 0.8, ahead, times=80).error_ci95
        widths.append(high - low)
    assert widths[0] < widths[1] < widths[2]
