"""The verdict: what it claims, when, and how often it is wrong where there is nothing."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, t
from threadpoolctl import threadpool_limits

from headstart.judge.crossval import Outcome, Task, best_of, judge_folds
from headstart.judge.estimate import judge, plan
from headstart.judge.verdict import Verdict, from_folds, from_test_set


@pytest.fixture(autouse=True)
def one_core():
    """Small matrices lose more than they gain from a second thread."""
    with threadpool_limits(1):
        yield


# --- a fixed test set: the exact paired test ----------------------------------------------------


def answers(both, wins, losses, neither):
    transfer = np.repeat([True, True, False, False], [both, wins, losses, neither])
    baseline = np.repeat([True, False, True, False], [both, wins, losses, neither])
    return transfer, baseline


@pytest.mark.parametrize("wins", range(26))
def test_the_decision_is_mcnemars(wins):
    """Every table with up to 25 wins and losses: decision, interval and p-value tell the same."""
    for losses in range(26):
        verdict = from_test_set(*answers(20, wins, losses, 9), "pixels")
        n = 29 + wins + losses
        apart = wins + losses
        rejected = apart > 0 and binomtest(wins, apart).pvalue < 0.05
        expected = "cannot tell" if not rejected else "helps" if wins > losses else "hurts"
        assert verdict.decision == expected
        low, high = verdict.gain_ci95
        assert (low > 0 or high < 0) == rejected
        assert verdict.gain == pytest.approx((wins - losses) / n)
        assert low - 1e-12 <= verdict.gain <= high + 1e-12
        assert abs(low) <= apart / n + 1e-12
        assert verdict.metric == "accuracy"


@given(st.tuples(*[st.integers(0, 60)] * 4).filter(sum))
def test_swapping_the_models_swaps_the_verdict(table):
    both, wins, losses, neither = table
    one = from_test_set(*answers(both, wins, losses, neither), "pixels")
    other = from_test_set(*answers(both, losses, wins, neither), "pixels")
    assert other.gain == -one.gain
    assert other.gain_ci95 == pytest.approx((-one.gain_ci95[1], -one.gain_ci95[0]))
    swapped = {"helps": "hurts", "hurts": "helps", "cannot tell": "cannot tell"}
    assert other.decision == swapped[one.decision]
    assert 0 < one.detectable <= 1


def test_the_same_answers_everywhere_tell_nothing():
    verdict = from_test_set(*answers(15, 0, 0, 5), "pixels")
    assert (verdict.decision, verdict.gain, verdict.gain_ci95) == ("cannot tell", 0, (0, 0))


def test_what_is_called_detectable_is_detected():
    """Data with the gain that is called detectable: four verdicts in five say "helps"."""
    rng = np.random.default_rng(0)
    n, loss = 150, 0.10
    gain = 0.0
    for _ in range(5):  # find the gain that the formula calls detectable
        apart = round(n * (gain + 2 * loss))
        gain = max(6 / n, 2.8 * np.sqrt((apart + 1) / n / n))
    found = 0
    for _ in range(300):
        u = rng.random(n)
        transfer = u < loss + gain  # wins
        baseline = (u > 0.5) & (u < 0.5 + loss)  # losses
        found += from_test_set(transfer, baseline, "pixels").decision == "helps"
    assert 0.7 < found / 300 < 0.93


# --- cross-validation: the corrected resampled t ------------------------------------------------


def test_from_folds_by_hand():
    """Differences 1, 2, 3, 6 hundredths: mean 0.03, error √(14/3 · (1/4 + 1/4)) = √(7/3)."""
    baseline = np.array([0.5, 0.6, 0.7, 0.5])
    transfer = baseline + np.array([0.01, 0.02, 0.03, 0.06])
    verdict = from_folds(transfer, baseline, 1 / 4, "pixels", "accuracy", n=10**9)
    se = 0.01 * np.sqrt(7 / 3)
    assert verdict.gain == pytest.approx(0.03)
    assert verdict.gain_ci95 == pytest.approx((0.03 - 3.182446 * se, 0.03 + 3.182446 * se))
    assert verdict.decision == "cannot tell"
    assert verdict.detectable == pytest.approx((3.182446 + 0.978472) * se, rel=1e-5)


def test_folds_without_a_difference_still_leave_doubt():
    """The rule of three: no difference in 60 examples leaves up to 3/60 of others in doubt."""
    flawless = np.ones(50)
    verdict = from_folds(flawless, flawless, 1 / 4, "pixels", "accuracy", n=60)
    assert verdict.decision == "cannot tell"
    assert verdict.gain_ci95 == pytest.approx((-0.05, 0.05))
    assert verdict.detectable > 0.05


@pytest.mark.parametrize(
    ("shift", "decision"), [(0.1, "helps"), (-0.1, "hurts"), (0.01, "cannot tell")]
)
def test_from_folds_decides(shift, decision):
    rng = np.random.default_rng(0)
    baseline = rng.uniform(0.6, 0.8, 50)
    verdict = from_folds(
        baseline + shift + rng.normal(0, 0.03, 50), baseline, 1 / 4, "pixels", "accuracy", n=10**9
    )
    assert verdict.decision == decision
    low, high = verdict.gain_ci95
    assert (low > 0) == (decision == "helps")
    assert (high < 0) == (decision == "hurts")


@given(
    st.lists(st.floats(-0.5, 0.5), min_size=5, max_size=50).filter(lambda d: np.std(d) > 1e-3),
    st.floats(0.05, 0.5),
)
def test_from_folds_is_a_t_test(differences, share):
    d = np.array(differences)
    verdict = from_folds(d, np.zeros(len(d)), share, "pixels", "accuracy", n=10**9)
    statistic = d.mean() / np.sqrt(d.var(ddof=1) * (1 / len(d) + share))
    p = 2 * t.sf(abs(statistic), len(d) - 1)
    if abs(p - 0.05) > 1e-9:
        assert (verdict.decision != "cannot tell") == (p < 0.05)


# --- sentences ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decision", "gain", "interval", "words"),
    [
        ("helps", 0.123, (0.041, 0.205), ["helps", "12.3 points better", "+4.1 to +20.5"]),
        ("hurts", -0.05, (-0.09, -0.01), ["hurts", "5.0 points worse", "-9.0 to -1.0", "simpler"]),
        (
            "cannot tell",
            0.021,
            (-0.03, 0.07),
            ["cannot tell", "+2.1 points", "-3.0 to +7.0", "about 8 points"],
        ),
    ],
)
def test_sentences_hold_the_figures(decision, gain, interval, words):
    verdict = Verdict(decision, gain, interval, "small pixels", 0.08, "t", "balanced_accuracy")
    sentence = verdict.sentence()
    for word in [*words, "small pixels", "balanced accuracy"]:
        assert word in sentence
    record = json.loads(json.dumps(verdict.to_json()))
    assert record["sentence"] == sentence
    assert record["gain_ci95"] == list(interval)
    assert set(record) == {
        *("decision", "gain", "gain_ci95", "baseline", "detectable", "test", "metric", "sentence")
    }


# --- the best of several baselines --------------------------------------------------------------


def outcome(*inner, seed=0):
    rng = np.random.default_rng([seed, len(inner)])
    return Outcome([rng.dirichlet([1, 1], 8) for _ in inner], list(inner))


def test_the_best_baseline_is_picked_fold_by_fold_from_inside():
    a, b = outcome(0.7, 0.6, 0.9, seed=1), outcome(0.6, 0.8, 0.8, seed=2)
    combined, name = best_of({"a": a, "b": b}, ["a", "b"])
    assert name == "a"
    assert combined.inner == [0.7, 0.8, 0.9]
    for f, source in enumerate((a, b, a)):
        assert combined.proba[f] is source.proba[f]


def test_the_pick_never_looks_at_held_out_answers():
    inner = {"a": (0.7, 0.6), "b": (0.6, 0.8), "c": (0.5, 0.5)}
    for seed in range(5):  # other probabilities, the same picks
        outcomes = {
            name: outcome(*values, seed=seed * 10 + k)
            for k, (name, values) in enumerate(inner.items())
        }
        combined, _ = best_of(outcomes, list(outcomes))
        assert combined.proba[0] is outcomes["a"].proba[0]
        assert combined.proba[1] is outcomes["b"].proba[1]


def test_picking_the_best_of_many_empty_baselines_gains_nothing():
    """Twelve feature spaces of noise: their best, picked inside, is still at chance."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(200) % 2)
    task = Task(y, 2, None, False, 0)
    chosen = plan(task, np.zeros(200, bool))
    assert len(chosen.folds) == 5
    spaces = {f"noise {k}": rng.normal(size=(200, 5)) for k in range(12)}
    outcomes = judge_folds(spaces, task, chosen.folds, workers=1)
    outcomes["best"] = best_of(outcomes, list(spaces))[0]
    accuracy = {}
    for name, o in outcomes.items():
        held = zip(o.proba, chosen.folds, strict=True)
        accuracy[name] = np.mean([(p.argmax(axis=1) == y[rows]).mean() for p, (_, rows) in held])
    assert max(accuracy[name] for name in spaces) > 0.54  # the winner's curse that is avoided
    assert abs(accuracy["best"] - 0.5) < 0.04


# --- the whole judgement ------------------------------------------------------------------------


def decisions(times, signal, n=72, dim=10):
    """Verdicts of 10 x 5 folds on data sets whose features have, or have not, a signal."""
    made = []
    for seed in range(times):
        rng = np.random.default_rng([7, seed])
        y = rng.permutation(np.arange(n) % 2)
        transfer = rng.normal(size=(n, dim))
        transfer[:, 0] += signal * (2 * y - 1)
        task = Task(y, 2, None, False, seed)
        chosen = plan(task, np.zeros(n, bool))
        assert len(chosen.folds) == 50
        made.append(judge(transfer, {"noise": rng.normal(size=(n, dim))}, task, chosen))
    return made


def test_nothing_is_rarely_taken_for_something():
    """Features without any signal: at most 2 verdicts in 20 may claim a difference."""
    made = decisions(20, signal=0.0)
    claims = sum(j.verdict.decision != "cannot tell" for j in made)
    assert claims <= 2
    intervals = [j.estimate["accuracy_ci95"] for j in made]
    assert sum(low <= 0.5 <= high for low, high in intervals) >= 18
    # The naive t-test on the same fifty differences would claim far more: its error, which lacks
    # the term n_test/n_train = 1/4, is this many times smaller.
    naive = [np.array(j.verdict.gain_ci95) - j.verdict.gain for j in made] / np.sqrt(1 + 50 / 4)
    wrong = [abs(j.verdict.gain) > half for j, (_, half) in zip(made, naive, strict=True)]
    assert sum(wrong) >= 8


def test_a_planted_effect_is_found():
    for judgement in decisions(1, signal=1.5):
        assert judgement.verdict.decision == "helps"
        assert judgement.verdict.gain > 0.2
        assert judgement.estimate["accuracy"] > 0.85


def test_a_planted_harm_is_found():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(72) % 2)
    good = rng.normal(size=(72, 10))
    good[:, 0] += 2 * (2 * y - 1)
    task = Task(y, 2, None, False, 0)
    judgement = judge(
        rng.normal(size=(72, 10)), {"pixels": good}, task, plan(task, np.zeros(72, bool))
    )
    assert judgement.verdict.decision == "hurts"
    assert judgement.verdict.baseline == "pixels"
