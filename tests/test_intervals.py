"""Intervals: published values, a second library, and what every interval must satisfy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp

from headstart.judge.intervals import (
    clopper_pearson,
    corrected_interval,
    corrected_t,
    effective_count,
    of_mean,
    wider,
    wilson,
)


@pytest.mark.parametrize(
    ("right", "n", "interval"),
    [
        # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I:
        # score method without continuity correction
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_equals_published_values(right, n, interval):
    assert wilson(right, n) == pytest.approx(interval, abs=5e-5)


@pytest.mark.parametrize(
    ("right", "n", "interval"),
    [  # the same table, the "exact" method
        (81, 263, (0.2527, 0.3676)),
        (15, 148, (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1684)),
        (1, 29, (0.0009, 0.1776)),
    ],
)
def test_clopper_pearson_equals_published_values(right, n, interval):
    assert clopper_pearson(right, n) == pytest.approx(interval, abs=5e-5)


@given(n=st.integers(1, 400), share=st.floats(0, 1), level=st.sampled_from([0.8, 0.95, 0.99]))
def test_equal_scipy_and_hold_the_estimate(n, share, level):
    right = round(share * n)
    test = binomtest(right, n)
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "exact")):
        low, high = ours(right, n, level)
        theirs = test.proportion_ci(level, method)
        assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
        assert 0 <= low <= right / n + 1e-12
        assert right / n - 1e-12 <= high <= 1


@given(n=st.integers(2, 300), share=st.floats(0, 1))
def test_more_examples_make_a_narrower_interval(n, share):
    right = round(share * n)
    for ours in (wilson, clopper_pearson):
        narrow, wide = ours(4 * right, 4 * n), ours(right, n)
        assert narrow[1] - narrow[0] < wide[1] - wide[0]


def test_no_trials_say_nothing():
    assert clopper_pearson(0, 0) == (0, 1)


def test_wilson_covers_what_it_promises():
    """Exact coverage over all outcomes at n = 72, averaged over shares: near 95 %."""
    n, shares = 72, np.linspace(0.05, 0.95, 181)
    ends = np.array([wilson(k, n) for k in range(n + 1)])
    k = np.arange(n + 1)
    log_choose = np.array(
        [np.sum(np.log(np.arange(n - i + 1, n + 1) / np.arange(1, i + 1))) for i in k]
    )
    weight = np.exp(log_choose + k * np.log(shares[:, None]) + (n - k) * np.log1p(-shares[:, None]))
    covered = (ends[:, 0] <= shares[:, None]) & (shares[:, None] <= ends[:, 1])
    coverage = (weight * covered).sum(axis=1)
    assert coverage.mean() == pytest.approx(0.95, abs=0.01)
    assert coverage.min() > 0.91


# --- the corrected resampled t ------------------------------------------------------------------


def test_corrected_t_by_hand():
    """Scores 1, 2, 3, 6: mean 3, s² = (4 + 1 + 0 + 9)/3 = 14/3; s²(1/4 + 1/4) = 7/3."""
    mean, se, df = corrected_t(np.array([1.0, 2, 3, 6]), 1 / 4)
    assert (mean, df) == (3, 3)
    assert se == pytest.approx(np.sqrt(7 / 3))
    low, high = corrected_interval(np.array([1.0, 2, 3, 6]), 1 / 4)
    half = 3.182446 * np.sqrt(7 / 3)  # the 97.5 % point of Student's t with 3 degrees of freedom
    assert (low, high) == pytest.approx((3 - half, 3 + half), abs=1e-5)


@given(
    scores=st.lists(st.floats(0, 1), min_size=2, max_size=50),
    level=st.sampled_from([0.8, 0.95]),
)
def test_without_shared_training_rows_it_is_students(scores, level):
    scores = np.array(scores)
    if scores.std() < 1e-6:
        scores[0] = 2.0
    theirs = ttest_1samp(scores, 0).confidence_interval(level)
    assert corrected_interval(scores, 0, level) == pytest.approx((theirs.low, theirs.high))


@given(scores=st.lists(st.floats(0, 1), min_size=2, max_size=50), share=st.floats(0.01, 1))
def test_shared_training_rows_only_widen_it(scores, share):
    scores = np.array(scores)
    low, high = corrected_interval(scores, share)
    plain = corrected_interval(scores, 0)
    assert low <= plain[0] + 1e-12
    assert high >= plain[1] - 1e-12
    assert low - 1e-9 <= scores.mean() <= high + 1e-9


def test_repeating_the_same_folds_ten_times_teaches_little():
    """The error of a naive t-test: fifty scores of the same data are not fifty data sets."""
    once = np.array([0.7, 0.8, 0.9, 0.75, 0.85])
    _, se, _ = corrected_t(once, 1 / 4)
    _, se_ten, _ = corrected_t(np.tile(once, 10), 1 / 4)
    naive = once.std(ddof=1) / np.sqrt(50)
    assert se_ten > 3 * naive
    assert se_ten > 0.6 * se


def test_hull():
    assert wider((0.2, 0.5), (0.3, 0.9)) == (0.2, 0.9)
    assert wider((-0.4, 0.5), (0.3, 1.7)) == (0, 1)


def test_the_mean_of_one_share_has_the_interval_of_the_share():
    assert of_mean([(0.4, 20)]) == pytest.approx(wilson(8, 20))


@pytest.mark.parametrize("truth", [((0.5, 10), (0.99, 500)), ((0.9, 15), (0.8, 40), (0.95, 8))])
def test_intervals_of_means_of_shares_cover_the_truth(truth):
    rng = np.random.default_rng(0)
    mean = np.mean([p for p, _ in truth])
    hits = 0
    for _ in range(2000):
        low, high = of_mean([(rng.binomial(n, p) / n, n) for p, n in truth])
        hits += low <= mean <= high
    assert 0.92 <= hits / 2000 <= 0.99


def test_examples_in_groups_are_worth_the_groups_to_all_of_them():
    """All alike in a group: as many as groups. Not alike at all: nearly as many as examples."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 20)
    alike = rng.integers(0, 2, 30)[groups].astype(float)
    assert effective_count(alike, groups) == 30
    apart = rng.integers(0, 2, 600).astype(float)
    assert 300 < effective_count(apart, groups) <= 600
    half = np.where(rng.random(600) < 0.5, alike, apart)
    assert 30 < effective_count(half, groups) < 300
    assert effective_count(np.zeros(600), groups) == 30, "nothing differs, so nothing is known"
    assert effective_count(apart, np.arange(600)) == 600
    assert effective_count(apart, np.zeros(600, int)) == 1
