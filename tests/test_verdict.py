"""The verdict: what it claims, when, and how often it is wrong where there is nothing."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from threadpoolctl import threadpool_limits

from conftest import whole
from given import judge
from headstart.judge.baselines import MAJORITY
from headstart.judge.crossval import Outcome, best_of, judge_folds
from headstart.judge.estimate import Plan, assess, compare, plan
from headstart.judge.holm import holm, holm_against_best
from headstart.judge.verdict import (
    Verdict,
    from_answers,
    from_test_set,
    sign_flip,
)
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels


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
        verdict = from_test_set(*answers(20, wins, losses, 9))
        n = 29 + wins + losses
        apart = wins + losses
        rejected = apart > 0 and binomtest(wins, apart).pvalue < 0.05
        expected = "cannot tell" if not rejected else "helps" if wins > losses else "hurts"
        assert verdict.decision == expected
        low, high = verdict.gain_ci95
        assert (low > 0 or high < 0) == rejected
        assert verdict.gain == pytest.approx((wins - losses) / n)
        assert low - 1e-12 <= verdict.gain <= high + 1e-12
        assert abs(low) <= max(apart, wins + losses + 3) / n + 1e-12
        assert verdict.metric == "accuracy"


@given(st.tuples(*[st.integers(0, 60)] * 4).filter(sum))
def test_swapping_the_models_swaps_the_verdict(table):
    both, wins, losses, neither = table
    one = from_test_set(*answers(both, wins, losses, neither))
    other = from_test_set(*answers(both, losses, wins, neither))
    assert other.gain == -one.gain
    assert other.gain_ci95 == pytest.approx((-one.gain_ci95[1], -one.gain_ci95[0]))
    swapped = {"helps": "hurts", "hurts": "helps", "cannot tell": "cannot tell"}
    assert other.decision == swapped[one.decision]
    assert 0 < one.detectable <= 1


def test_the_same_answers_everywhere_tell_nothing():
    verdict = from_test_set(*answers(15, 0, 0, 5))
    assert (verdict.decision, verdict.gain, verdict.gain_ci95) == ("cannot tell", 0, (-0.15, 0.15))


def test_what_is_called_detectable_is_detected():
    """Data with the gain that is called detectable: four verdicts in five say "helps"."""
    rng = np.random.default_rng(0)
    n, loss = 150, 0.10
    verdict = from_test_set(*answers(90, 15, 15, 30))  # no gain, losses of a tenth
    assert verdict.gain == 0
    found = 0
    for _ in range(400):
        u = rng.random(n)
        transfer = u < loss + verdict.detectable  # wins
        baseline = (u > 0.5) & (u < 0.5 + loss)  # losses
        found += from_test_set(transfer, baseline).decision == "helps"
    assert 0.72 < found / 400 < 0.9


def test_what_is_detectable_hardly_depends_on_the_gain_seen():
    """40 disagreements without a gain, or the 15 + 15 there would be under one of 10 in 150."""
    none = from_test_set(*answers(80, 20, 20, 30)).detectable
    some = from_test_set(*answers(80, 30, 20, 20)).detectable
    assert some == pytest.approx(none, rel=0.03)


# --- the sign-flip test -------------------------------------------------------------------------


def test_signs_are_flipped_by_hand():
    """Groups that add 3, 2 and 1: of 8 patterns only all kept and all flipped reach 6: p = 1/4."""
    interval, p = sign_flip(np.array([3.0, 2, 1]) / 10, np.array([4.0, 3, 3]) / 10)
    assert p == 0.25
    assert interval == (-1, 1)  # three groups can never reject


def test_the_interval_holds_exactly_the_gains_that_are_not_rejected():
    rng = np.random.default_rng(0)
    won, share = rng.normal(0.3, 1, 9), rng.uniform(0.5, 2, 9)
    won, share = won / 30, share / share.sum()
    (low, high), _ = sign_flip(won, share)
    for gain in np.linspace(-0.4, 0.4, 161):
        _, p = sign_flip(won - gain * share, share)
        if min(abs(gain - low), abs(gain - high)) > 1e-6:
            assert (low < gain < high) == (p >= 0.05), gain


def test_drawn_and_counted_patterns_agree():
    """Thirteen groups are drawn, twelve gone through; an empty group makes no difference to p."""
    won = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, 0]) / 12
    _, exact = sign_flip(won, np.full(12, 1 / 12))
    assert exact == pytest.approx(binomtest(9, 11).pvalue)
    interval, drawn = sign_flip(np.append(won, 0.0), np.full(13, 1 / 13))
    assert drawn == pytest.approx(exact, abs=0.01)
    assert (interval[0] > 0) == (drawn < 0.05)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30))
def test_decision_interval_and_mirror_agree(won):
    won = np.array(won) / 100
    share = np.full(len(won), 1 / len(won))
    (low, high), p = sign_flip(won, share)
    assert (low > 1e-12 or high < -1e-12) == (p < 0.05)
    assert low - 1e-9 <= won.sum() <= high + 1e-9
    (low_too, high_too), p_too = sign_flip(-won, share)
    if len(won) <= 12:
        assert (low_too, high_too, p_too) == pytest.approx((-high, -low, p))


def test_rows_of_a_group_count_as_one():
    """Ten wins in a row, all of one patient, prove nothing; of ten patients, they do."""
    transfer, baseline = answers(20, 10, 0, 10)
    one = np.array([*range(20), *[99] * 10, *range(20, 30)])
    assert from_test_set(transfer, baseline).decision == "helps"
    assert from_test_set(transfer, baseline, groups=one).decision == "cannot tell"
    everyone = from_test_set(transfer, baseline, groups=np.arange(40))
    assert everyone.decision == "helps"
    assert "groups" in everyone.test
    assert everyone.gain == pytest.approx(0.25)


def test_grouped_null_is_rarely_rejected_where_mcnemar_often_is():
    """Fifteen groups of ten rows that stand and fall together."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(15), 10)
    wrong = np.zeros(2)
    for _ in range(150):
        transfer, baseline = (rng.random(15) < 0.7 for _ in range(2))
        pair = transfer[groups], baseline[groups]
        wrong += [
            from_test_set(*pair).decision != "cannot tell",
            from_test_set(*pair, groups=groups).decision != "cannot tell",
        ]
    assert wrong[0] > 40
    assert wrong[1] <= 12


def test_unequal_classes_are_weighed_on_a_test_set():
    """90 of one class, all right with both; 10 of the other, right with transfer alone."""
    y = np.repeat([0, 1], [90, 10])
    proba = np.eye(2)[np.stack([y, np.zeros(100, int)])]
    chosen = Plan("test set", [(np.arange(100), np.arange(100))], 0)
    labels = Labels(y, Classification.numbered(2), None, False, 0)
    own, other = (Outcome([p], [1.0]) for p in proba)
    verdict = compare(own, other, labels, chosen)
    assert verdict.metric == "balanced_accuracy"
    assert verdict.gain == pytest.approx(0.5)
    assert verdict.decision == "helps"
    plain = compare(own, other, labels, chosen, balanced=False)
    assert (plain.metric, plain.gain) == ("accuracy", pytest.approx(0.1))


# --- several at once ----------------------------------------------------------------------------


def test_holm_by_hand():
    """Sorted 0.01, 0.02, 0.03, 0.5 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.5."""
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.6, 0.9]) == [1, 1]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_only_raises(p):
    adjusted = np.array(holm(p))
    assert (adjusted >= np.array(p)).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()
    assert (np.array(p) * len(p) >= adjusted - 1e-12).all()


def fixed(y, *answers_, classes=None, groups=None):
    """Assess given answers on one test set: transfer first, then baselines."""
    y = np.asarray(y)
    n, k = len(y), int(y.max()) + 1
    chosen = Plan("test set", [(np.arange(n), np.arange(n))], 0)
    made = [Outcome([np.eye(k)[a]], [float(np.mean(a == y))]) for a in answers_]
    baselines = {f"b{i}": o for i, o in enumerate(made[1:])}
    baselines[MAJORITY] = Outcome([np.eye(k)[np.full(n, np.bincount(y).argmax())]], [0.0])
    labels = Labels(y, Classification.numbered(k), groups, False, 0, grouped=groups is not None)
    return assess(made[0], baselines, labels, chosen, classes).verdict


def test_every_baseline_is_a_rival():
    y = np.arange(40) % 2
    nearly = y.copy()
    nearly[:6] = 1 - nearly[:6]  # six wins: p = 2/64
    verdict = fixed(y, y, nearly, y)
    rivals = {r.baseline: r for r in verdict.rivals}
    assert set(rivals) == {"b0", "b1", MAJORITY}
    assert rivals["b0"].p == pytest.approx(2 / 64)
    assert rivals["b0"].p_holm == pytest.approx(4 / 64)
    assert rivals["b0"].decision == "cannot tell"  # by itself it would have been "helps"
    assert rivals["b1"].p_holm == 1
    assert rivals[MAJORITY].decision == "helps"
    assert rivals["b0"].gain == pytest.approx(0.15)


def test_a_class_that_is_harmed_is_named_though_transfer_helps():
    y = np.repeat([0, 1, 2, 3], [100, 100, 100, 10])
    transfer, baseline = y.copy(), y.copy()
    baseline[:60] = 2
    transfer[100:120] = 0
    transfer[300:] = 0
    verdict = fixed(y, transfer, baseline, classes=("oak", "elm", "fir", "ash"))
    by = {c.name: c for c in verdict.per_class}
    # Found 100 instead of 40 of 100 oaks, and 30 of 210 others called oaks instead of none.
    assert (by["oak"].n, by["oak"].harmed) == (100, False)
    assert by["oak"].gain == pytest.approx((0.6 - 30 / 210) / 2)
    assert by["elm"].gain == pytest.approx(-0.2 / 2)
    assert by["elm"].p_holm < 0.001
    assert by["elm"].harmed
    assert by["fir"].gain == pytest.approx(60 / 210 / 2)
    assert (by["ash"].n, by["ash"].p_holm, by["ash"].harmed) == (10, None, False)  # too few
    assert verdict.sentence().endswith(
        "worse than that model at telling elm (10 points) from the rest."
    )


def test_naming_a_class_less_often_is_no_harm():
    """Half of the oaks become elms, and no elm an oak any more: as good, the other way round."""
    y = np.repeat([0, 1], [100, 100])
    transfer, baseline = y.copy(), y.copy()
    transfer[:50] = 1
    baseline[100:150] = 0
    verdict = fixed(y, transfer, baseline)
    assert [c.gain for c in verdict.per_class] == pytest.approx([0, 0])
    assert not any(c.harmed for c in verdict.per_class)


def test_class_names_default_to_numbers_and_go_to_json():
    y = np.arange(60) % 2
    record = json.loads(json.dumps(fixed(y, y, 1 - y).to_json()))
    assert [c["name"] for c in record["per_class"]] == ["0", "1"]
    assert set(record["rivals"][0]) == {
        *("baseline", "gain", "gain_ci95", "p", "p_holm", "decision")
    }


# --- cross-validation: the corrected resampled t ------------------------------------------------


def test_from_answers_by_hand():
    """40 rows, two folds, once: one won, one lost, so a mean of 0.

    V = (1/1600 + 1/1600) · 40/39; se² = V · 2 · (1/2 + 1) = 3 V; df = 39. In 20 pairs
    the error is nearly the same, and 19 degrees of freedom leave more doubt.
    """
    won = np.zeros((1, 40))
    won[0, [0, 2]] = 1, -1
    found = from_answers(won, 2)
    assert found.gain == 0
    assert found.gain_ci95[1] == pytest.approx(2.022691 * np.sqrt(3 * 2 / 1600 * 40 / 39))
    assert found.p == 1
    paired = from_answers(won, 2, groups=np.arange(40) // 2)
    assert paired.gain_ci95[1] == pytest.approx(2.093024 * np.sqrt(3 * 2 / 1600 * 20 / 19))


@pytest.mark.parametrize(("n", "repeats"), [(72, 10), (200, 1)])
def test_the_detectable_gain_is_that_of_its_own_data(n, repeats):
    """A gain seen and none at all, with the same disagreements, name nearly the same gain."""
    won = np.zeros((repeats, n))
    won[:, : n // 3] = np.resize([1, -1], n // 3)
    none = from_answers(won, 5)
    won[:, : n // 3] = np.resize([1, 1, 1, -1], n // 3)
    some = from_answers(won, 5)
    assert some.gain > none.gain + 0.1
    assert some.detectable == pytest.approx(none.detectable, rel=0.02)


def test_answers_without_a_difference_still_leave_doubt():
    found = from_answers(np.zeros((10, 60)), 5)
    assert found.decision == "cannot tell"
    assert found.gain_ci95 == pytest.approx((-0.05, 0.05))


def test_weights_make_it_balanced_accuracy():
    """All of a class of 10 won, none of one of 90: a gain of a half, not of a tenth."""
    won = np.repeat([0.0, 1.0], [90, 10])[None]
    weight = np.repeat([1 / 180, 1 / 20], [90, 10])
    assert from_answers(won, 5).gain == pytest.approx(0.1)
    weighed = from_answers(won, 5, weight=weight)
    assert weighed.gain == pytest.approx(0.5)
    assert weighed.metric == "balanced_accuracy"


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
        *("decision", "gain", "gain_ci95", "baseline", "detectable", "test", "metric", "sentence"),
        *("rivals", "per_class", "caution", "withheld"),
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
    labels = Labels(y, Classification.numbered(2), None, False, 0)
    chosen = plan(labels, np.zeros(200, bool))
    assert len(chosen.folds) == 5
    spaces = {f"noise {k}": rng.normal(size=(200, 5)) for k in range(12)}
    outcomes = judge_folds(spaces, labels, chosen.folds, workers=1)
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
        labels = Labels(y, Classification.numbered(2), None, False, seed)
        with whole():
            chosen = plan(labels, np.zeros(n, bool))
        assert len(chosen.folds) == 50
        made.append(judge(transfer, {"noise": rng.normal(size=(n, dim))}, labels, chosen))
    return made


@pytest.mark.whole
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
    labels = Labels(y, Classification.numbered(2), None, False, 0)
    judgement = judge(
        rng.normal(size=(72, 10)), {"pixels": good}, labels, plan(labels, np.zeros(72, bool))
    )
    assert judgement.verdict.decision == "hurts"
    assert judgement.verdict.baseline == "pixels"


def test_against_the_best_every_pair_counts():
    """Three others make six pairs: the smallest p counts six times, the next five."""
    assert holm_against_best([0.01, 0.2, 0.004]) == pytest.approx([0.05, 0.8, 0.024])
    assert holm_against_best([]) == []


def test_no_disagreement_is_no_certainty_and_no_interval_leaves_the_scale():
    y = np.arange(10) % 2
    right = fixed(y, y, y)
    assert right.gain_ci95 == pytest.approx((-0.3, 0.3))
    few = from_answers(np.array([[1.0, -1.0, 1.0, 1.0]]), 2)
    assert -1 <= few.gain_ci95[0] <= few.gain_ci95[1] <= 1
