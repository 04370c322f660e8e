"""Abstention: the threshold that is chosen, and what is claimed about it."""

import json

import numpy as np
import pytest

from headstart.errors import ConfigError
from headstart.judge.abstention import choose_threshold, cross_fitted, risk_coverage
from headstart.judge.intervals import wilson


def answers(confidence, right):
    """How right each answer is, and how sure."""
    return np.where(right, 1.0, 0.0), np.asarray(confidence, float)


def drawn(n, seed):
    """Confidences that mean what they say."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1, n)
    return answers(confidence, rng.random(n) < confidence)


def test_the_curve_by_hand():
    score, confidence = answers([0.9, 0.8, 0.8, 0.6], [True, True, False, False])
    curve = risk_coverage(score, confidence)
    assert [p.threshold for p in curve] == [0.9, 0.8, 0.6]
    assert [p.coverage for p in curve] == [0.25, 0.75, 1.0]
    assert [p.error for p in curve] == pytest.approx([0, 1 / 3, 0.5])


def test_a_long_curve_is_thinned_and_keeps_its_ends():
    score, confidence = drawn(5000, 0)
    curve = risk_coverage(score, confidence)
    assert 90 <= len(curve) <= 100
    assert curve[0].coverage == 1 / 5000
    assert curve[-1].coverage == 1


def test_the_threshold_by_hand():
    """Answers 1..5 have (errors + 1)/(answers + 1) = 1/2, 1/3, 1/4, 2/5, 2/6."""
    score, confidence = answers([0.95, 0.9, 0.85, 0.8, 0.75], [True, True, True, False, True])
    assert choose_threshold(score, confidence, 0.26) == 0.85
    assert choose_threshold(score, confidence, 0.35) == 0.75
    assert choose_threshold(score, confidence, 0.2) is None


def test_ties_are_answered_together():
    """0.8 would be safe with its first row alone; with all three it is not."""
    score, confidence = answers([0.9, 0.8, 0.8, 0.8], [True, True, False, False])
    assert choose_threshold(score, confidence, 0.5) == 0.9


def test_few_flawless_answers_promise_little():
    score, confidence = answers(np.linspace(0.9, 0.99, 50), np.ones(50, bool))
    assert choose_threshold(score, confidence, 0.01) is None
    assert choose_threshold(score, confidence, 0.02) == 0.9


@pytest.mark.parametrize("wanted", [0, 1, -0.1, 5, float("nan")])
def test_a_wanted_error_that_is_no_share(wanted):
    with pytest.raises(ConfigError, match="no share") as caught:
        choose_threshold(*drawn(20, 0), wanted)
    assert "0.02" in str(caught.value.hint if hasattr(caught.value, "hint") else caught.value)


def test_the_promise_holds_on_new_rows():
    """Errors among answers to new rows, over many samples: no more than was wanted."""
    score_new, confidence = drawn(100_000, 10**6)
    wrong = score_new == 0
    errors = []
    for seed in range(300):
        threshold = choose_threshold(*drawn(200, seed), 0.1)
        if threshold is not None:
            errors.append(wrong[confidence >= threshold].mean())
    assert len(errors) > 200
    assert 0.05 < np.mean(errors) <= 0.1


def test_each_fold_uses_the_threshold_of_the_others():
    """Fold 0 alone would answer nothing, fold 1 everything; crossed over it is the reverse."""
    right = np.array([False] * 20 + [True] * 20)
    score, confidence = answers(np.full(40, 0.9), right)
    fold = np.repeat([0, 1], 20)
    found = cross_fitted(score, confidence, fold, 0.1)
    assert (found.coverage, found.error) == (0.5, 1.0)
    assert found.coverage_ci95 == wilson(20, 40)
    assert found.error_ci95 == wilson(20, 20)
    assert found.threshold is None  # half of all are wrong


def test_one_fold_is_halved():
    score, confidence = drawn(400, 3)
    found = cross_fitted(score, confidence, np.zeros(400, int), 0.15)
    halves = cross_fitted(score, confidence, np.arange(400) % 2, 0.15)
    assert found == halves
    assert found.coverage and found.threshold == choose_threshold(score, confidence, 0.15)


def test_groups_count_once():
    score, confidence = drawn(400, 3)
    groups = np.arange(400) // 4
    found = cross_fitted(score, confidence, groups % 5, 0.15, groups=groups)
    assert found.coverage is not None
    assert found.coverage_ci95 == pytest.approx(wilson(found.coverage * 100, 100))


def test_what_cannot_be_promised_is_not_answered():
    score, confidence = answers(np.full(30, 0.9), np.zeros(30, bool))
    found = cross_fitted(score, confidence, np.arange(30) % 5, 0.1)
    assert (found.threshold, found.coverage, found.error, found.error_ci95) == (None, 0, None, None)


def test_without_a_wish_there_is_the_curve():
    found = json.loads(json.dumps(cross_fitted(*drawn(50, 0), np.arange(50) % 5, None).to_json()))
    assert found["curve"][-1]["coverage"] == 1
    names = ("wanted_error", "threshold", "coverage", "coverage_ci95", "error", "error_ci95")
    assert all(found[name] is None for name in names)
