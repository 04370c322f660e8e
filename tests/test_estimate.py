"""The estimate: what is held out, that nothing leaks into it, and what a leak would look like."""

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from given import judge
from headstart.judge.crossval import judge_folds
from headstart.judge.curve import learning_curve
from headstart.judge.estimate import plan
from headstart.judge.intervals import wilson
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels
from headstart.tasks.metrics import log_loss
from headstart.transfer.probe import Choice, choose_head


@pytest.fixture(autouse=True)
def one_core():
    """Small matrices lose more than they gain from a second thread."""
    with threadpool_limits(1):
        yield


def labels(n, n_classes=2, groups=None, seed=0, balanced=False):
    return Labels(
        np.arange(n) % n_classes, Classification.numbered(n_classes), groups, balanced, seed
    )


def nothing(n):
    return np.zeros(n, dtype=bool)


def signal(y, dim=8, strength=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(len(y), dim)) + strength * 2 * np.eye(dim)[y]


# --- the plan -----------------------------------------------------------------------------------


@pytest.mark.whole
@pytest.mark.parametrize(
    ("n", "repeats", "folds"), [(3, 10, 30), (60, 10, 50), (199, 10, 50), (200, 1, 5), (900, 1, 5)]
)
def test_cross_validation_by_size(n, repeats, folds):
    chosen = plan(labels(n), nothing(n))
    assert (chosen.repeats, len(chosen.folds)) == (repeats, folds)
    k = folds // repeats
    for r in range(repeats):
        held = np.concatenate([out for _, out in chosen.folds[r * k : (r + 1) * k]])
        assert np.array_equal(np.sort(held), np.arange(n))
    for train, out in chosen.folds:
        assert np.array_equal(np.sort(np.concatenate([train, out])), np.arange(n))
    assert f"{k} folds" in chosen.protocol
    assert ("10 x" in chosen.protocol) == (repeats == 10)
    assert "grouped" not in chosen.protocol


@pytest.mark.whole
def test_repeats_differ():
    chosen = plan(labels(60), nothing(60))
    assert len({tuple(out) for _, out in chosen.folds}) == 50


def test_a_given_test_set_is_used_once():
    is_test = np.arange(300) % 3 == 0
    chosen = plan(labels(300), is_test)
    assert (chosen.repeats, len(chosen.folds)) == (0, 1)
    train, held = chosen.folds[0]
    assert np.array_equal(held, np.flatnonzero(is_test))
    assert np.array_equal(train, np.flatnonzero(~is_test))
    assert "test set of 100" in chosen.protocol


def test_large_sets_hold_out_a_fifth_once():
    chosen = plan(labels(20_001), nothing(20_001))
    assert (chosen.repeats, len(chosen.folds)) == (0, 1)
    train, held = chosen.folds[0]
    assert len(held) == pytest.approx(20_001 / 5, abs=1)
    assert np.array_equal(np.sort(np.concatenate([train, held])), np.arange(20_001))
    assert len(plan(labels(20_000), nothing(20_000)).folds) == 5


@pytest.mark.parametrize("n", [60, 300])
def test_groups_are_never_split(n):
    groups = np.arange(n) // 4
    chosen = plan(replace(labels(n, groups=groups), grouped=True), nothing(n))
    assert "grouped" in chosen.protocol
    # Groups that only link copies of one picture keep together too, without being announced.
    assert "grouped" not in plan(labels(n, groups=groups), nothing(n)).protocol
    for train, held in chosen.folds:
        assert not np.isin(groups[held], groups[train]).any()


def test_the_seed_decides_the_folds():
    def folds(seed):
        return [tuple(out) for _, out in plan(labels(80, seed=seed), nothing(80)).folds]

    assert folds(1) == folds(1)
    assert folds(1) != folds(2)


# --- the judgement ------------------------------------------------------------------------------


def test_figures_of_a_test_set_are_those_of_its_predictions():
    t = labels(260)
    is_test = np.arange(260) >= 200
    X = signal(t.y)
    judgement = judge(X, {"pixels": signal(t.y, strength=0, seed=1)}, t, plan(t, is_test))
    assert judgement.rows.tolist() == list(range(200, 260))
    assert judgement.proba.shape == (60, 2)
    right = judgement.proba.argmax(axis=1) == t.y[200:]
    assert judgement.estimate["accuracy"] == pytest.approx(right.mean())
    assert judgement.estimate["accuracy_ci95"] == pytest.approx(wilson(right.sum(), 60))
    assert judgement.verdict.metric == "accuracy"
    assert "McNemar" in judgement.verdict.test
    names = [b["name"] for b in judgement.baselines]
    assert set(names) == {"pixels", "majority class"}
    accuracies = [b["accuracy"] for b in judgement.baselines]
    assert accuracies == sorted(accuracies, reverse=True)


@pytest.mark.parametrize("n", [60, 240])
def test_every_row_is_judged_by_a_model_that_never_saw_it(n):
    t = labels(n, 3)
    X = signal(t.y)
    chosen = plan(t, nothing(n))
    judgement = judge(X, {}, t, chosen)
    assert judgement.verdict is None
    assert judgement.rows.tolist() == list(range(n))
    assert np.allclose(judgement.proba.sum(axis=1), 1)
    for f, (_, held) in enumerate(chosen.folds[:5]):
        assert np.array_equal(np.flatnonzero(judgement.fold == f), held)
    # Every score is over all repeats; each row counts once per repeat.
    proba = judge_folds({"a": X}, t, chosen.folds, workers=1)["a"].proba
    whole = np.concatenate(proba), np.concatenate([t.y[out] for _, out in chosen.folds])
    assert judgement.estimate["accuracy"] == pytest.approx((whole[0].argmax(1) == whole[1]).mean())
    assert judgement.estimate["log_loss"] == pytest.approx(log_loss(whole[1], whole[0]))
    low, high = judgement.estimate["accuracy_ci95"]
    wilsons = wilson(judgement.estimate["accuracy"] * n, n)
    assert low <= wilsons[0] + 1e-12
    assert high >= wilsons[1] - 1e-12


def test_held_out_rows_reach_neither_scaler_nor_choice():
    """Poison half of a fold's held-out rows: what is said of the other half must not move."""
    t = labels(120)
    X = signal(t.y)
    chosen = plan(t, nothing(120))
    train, held = chosen.folds[0]
    poisoned = X.copy()
    poisoned[held[::2]] *= 1e6
    y = t.y.copy()
    y[held[::2]] = 1 - y[held[::2]]
    clean = judge_folds({"a": X}, t, [(train, held)], workers=1)["a"]
    other = judge_folds({"a": poisoned}, replace(t, y=y), [(train, held)], workers=1)["a"]
    assert np.array_equal(clean.proba[0][1::2], other.proba[0][1::2])
    assert clean.inner == other.inner


def test_same_seed_same_numbers_and_other_seed_other_numbers():
    t = labels(200)
    X, noise = signal(t.y, strength=0.4), signal(t.y, strength=0, seed=1)

    def run(seed):
        s = replace(t, seed=seed)
        return judge(X, {"pixels": noise}, s, plan(s, nothing(200)))

    one, two, other = run(3), run(3), run(4)
    assert one.estimate == two.estimate
    assert one.verdict == two.verdict
    assert np.array_equal(one.proba, two.proba)
    assert one.estimate["log_loss"] != other.estimate["log_loss"]
    # The seed moves the estimate by far less than the interval says.
    low, high = one.estimate["accuracy_ci95"]
    assert low < other.estimate["accuracy"] < high


def test_threads_do_not_change_the_numbers():
    t = labels(420)
    X, noise = signal(t.y, strength=0.4), signal(t.y, strength=0, seed=1)
    chosen = plan(t, nothing(420))
    one, two = (judge(X, {"a": noise}, t, chosen, workers=w) for w in (1, 3))
    assert np.array_equal(one.proba, two.proba)
    assert one.verdict == two.verdict


def test_progress_counts_every_fit():
    t = labels(60)
    ticks: list[tuple[int, int]] = []
    spaces = {"a": signal(t.y), "b": signal(t.y)}
    folds = plan(t, nothing(60)).folds[:4]
    judge_folds(spaces, t, folds, workers=2, tick=lambda *done: ticks.append(done))
    assert ticks == [(i, 8) for i in range(1, 9)]


def test_imbalanced_classes_are_compared_by_balanced_accuracy():
    rng = np.random.default_rng(0)
    y = (rng.random(240) < 0.15).astype(np.int64)
    t = Labels(y, Classification.numbered(2), None, True, 0)
    judgement = judge(signal(y), {"a": rng.normal(size=(240, 4))}, t, plan(t, nothing(240)))
    assert judgement.verdict.metric == "balanced_accuracy"
    assert judgement.verdict.decision == "helps"
    majority = next(b for b in judgement.baselines if b["name"] == "majority class")
    assert majority["accuracy"] == pytest.approx(np.mean(y == 0))


# --- leaks --------------------------------------------------------------------------------------


def test_permuted_labels_are_at_chance_though_the_inner_choice_is_not():
    """300 features of noise: the best of all candidates looks better than chance inside."""
    rng = np.random.default_rng(0)
    nested, inner = [], []
    for seed in range(6):
        X = rng.normal(size=(60, 300))
        t = replace(labels(60), y=rng.permutation(np.arange(60) % 2), seed=seed)
        folds = plan(t, nothing(60)).folds[:5]
        outcome = judge_folds({"a": X}, t, folds, workers=1)["a"]
        nested += [
            (p.argmax(axis=1) == t.y[out]).mean()
            for p, (_, out) in zip(outcome.proba, folds, strict=True)
        ]
        candidates = choose_head(X, t.y, 2, folds).candidates
        inner.append(max(c["accuracy"] for c in candidates))
    assert np.mean(nested) == pytest.approx(0.5, abs=0.06)
    assert np.mean(inner) > 0.54


def planted(groups_of=4, n_groups=46, seed=0):
    """Objects photographed several times, their labels drawn from a hat."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), groups_of)
    X = rng.normal(size=(n_groups, 20))[groups] + 0.05 * rng.normal(size=(len(groups), 20))
    order = rng.permutation(len(groups))
    labels = rng.permutation(np.arange(n_groups) % 2)
    return X[order], labels[groups][order], groups[order]


def test_a_group_leak_looks_great_and_groups_reveal_it():
    X, y, groups = planted()
    leaking, honest = (
        Labels(y, Classification.numbered(2), None, False, 0),
        Labels(y, Classification.numbered(2), groups, False, 0),
    )
    none = nothing(len(y))
    great = judge(X, {}, leaking, plan(leaking, none)).estimate
    true = judge(X, {}, honest, plan(honest, none)).estimate
    assert great["accuracy"] > 0.9
    assert abs(true["accuracy"] - 0.5) < 0.15
    assert true["accuracy_ci95"][0] < 0.5 < true["accuracy_ci95"][1]


def test_inner_folds_keep_groups_too():
    """If the inner folds leaked, kNN would look perfect inside and be chosen."""
    X, y, groups = planted(seed=1)
    folds = plan(Labels(y, Classification.numbered(2), groups, False, 0), nothing(len(y))).folds[:5]
    inner = judge_folds(
        {"a": X}, Labels(y, Classification.numbered(2), groups, False, 0), folds, workers=1
    )["a"].inner
    leaking = judge_folds(
        {"a": X}, Labels(y, Classification.numbered(2), None, False, 0), folds, workers=1
    )["a"].inner
    assert np.mean(leaking) > 0.9
    assert np.mean(inner) < 0.7


# --- the learning curve -------------------------------------------------------------------------


def test_learning_curve_rises_with_data():
    t = labels(300, 3)
    X = signal(t.y, strength=0.6)
    points = learning_curve(X, t, Choice("logistic", 0.1, 0, 1, []))
    sizes = [p["n_train"] for p in points]
    assert sizes == [24, 48, 96, 168, 240]
    assert points[-1]["accuracy"] > points[0]["accuracy"] + 0.03
    for p in points:
        low, high = p["accuracy_ci95"]
        assert 0 <= low <= p["accuracy"] <= high <= 1
    full = judge(X, {}, t, plan(t, nothing(300))).estimate["accuracy"]
    assert points[-1]["accuracy"] == pytest.approx(full, abs=0.06)


def test_learning_curve_skips_parts_too_small_and_keeps_groups():
    t = labels(30)
    points = learning_curve(signal(t.y), t, Choice("logistic", 0.1, 0, 1, []))
    assert [p["n_train"] for p in points] == [4, 10, 16, 24]  # a tenth would be one a class
    X, y, groups = planted()
    grouped = learning_curve(
        X, Labels(y, Classification.numbered(2), groups, False, 0), Choice("kNN", 0, 0, 1, [])
    )
    assert grouped[-1]["accuracy"] < 0.65
