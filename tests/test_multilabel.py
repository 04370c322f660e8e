"""Several labels an example: what a label is, how folds are dealt, what a head learns of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, jaccard_score

from headstart.errors import DataError
from headstart.judge.crossval import judge_folds
from headstart.judge.estimate import assess, plan
from headstart.judge.label_issues import find_set_issues
from headstart.judge.label_scores import label_scores
from headstart.tasks.iterative import iterative_folds
from headstart.tasks.labels import Labels, Stream
from headstart.tasks.metrics import average_precision
from headstart.tasks.multilabel import MultiLabel
from headstart.testing import check_task
from headstart.transfer.counts import FEW, TfIdf, fit_counts
from headstart.transfer.logistic import fit_logistic, sigmoid
from headstart.transfer.multilabel import best_f1, choose_labels, choose_thresholds

THREE = MultiLabel(("bee", "cat", "dog"))


def answers(p, given):
    return np.concatenate([p, given], axis=1).astype(float)


def drawn(seed, n=200, n_labels=5, dim=12, signal=2.0):
    """Features of which the first few decide a label each, with noise; rare labels first."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, dim)).astype(np.float32)
    rates = np.linspace(0.1, 0.5, n_labels)
    hidden = signal * X[:, :n_labels] + rng.normal(size=(n, n_labels))
    return X, hidden > norm.ppf(1 - rates) * np.sqrt(1 + signal**2)


def labelled(y, seed=0, **more):
    task = MultiLabel(tuple("abcdefghij"[: y.shape[1]]))
    return Labels(y, task, more.pop("groups", None), False, seed, **more)


# ---- the task ----------------------------------------------------------------------------------


@given(st.lists(st.sets(st.sampled_from("abcd")), min_size=2, max_size=20))
def test_it_keeps_the_contract(sets):
    labels = [";".join(sorted(s)) for s in sets]
    if not any(labels):
        labels[0] = "a"
    task = MultiLabel.of(labels)
    y = task.encode(labels)
    check_task(task, labels, answers(y, y))


def test_a_tie_of_the_floor_is_not_settled_by_the_order_of_rows():
    labels = ["a", "a", "a;b", "a;c", "a;b;c;d", "b", "a;c;d"]
    task = MultiLabel.of(labels)
    y, rng = task.encode(labels), np.random.default_rng(0)
    floors = {task.floor(y[rng.permutation(7)], 1).tobytes() for _ in range(200)}
    assert len(floors) == 1


def test_no_label_is_an_answer_and_order_does_not_matter():
    assert THREE.encode(["", "dog; cat", "cat;dog"]).tolist() == [[0, 0, 0], [0, 1, 1], [0, 1, 1]]
    assert THREE.decode(THREE.encode(["dog;bee", ""])) == ["bee;dog", ""]
    with pytest.raises(DataError, match="'owl'"):
        THREE.encode(["cat;owl"])


def test_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    y, p = rng.random((60, 3)) < 0.4, rng.random((60, 3)).round(1)
    out = answers(p, p >= 0.5)
    found, said = THREE.scores(y, out), p >= 0.5
    rows = (y | said).any(axis=1)  # where both are empty scikit-learn has a warning
    right = THREE.score(y, out)
    assert right[rows].mean() == pytest.approx(
        jaccard_score(y[rows], said[rows], average="samples")
    )
    assert (right[~rows] == 1).all()
    assert found["macro_f1"] == pytest.approx(f1_score(y, said, average="macro"))
    assert found["micro_f1"] == pytest.approx(f1_score(y, said, average="micro"))
    assert found["average_precision"] == pytest.approx(average_precision_score(y, p))
    assert found["hamming_loss"] == pytest.approx((y != said).mean())
    assert average_precision(y[:, 0], p[:, 0]) == pytest.approx(
        average_precision_score(y[:, 0], p[:, 0])
    )


def test_with_one_label_each_the_score_is_accuracy():
    y = np.eye(3, dtype=bool)
    said = np.eye(3, dtype=bool)[[0, 2, 2]]
    assert THREE.score(y, answers(said, said)).tolist() == [1, 0, 1]


def test_the_floor_is_the_best_set_of_frequent_labels():
    """Of a: 3 in 4, b: 2 in 4, c: none; to give a and b shares 1/2, 1/2, 1 and 0 with the truth."""
    y = MultiLabel(("a", "b", "c")).encode(["a", "a", "a;b", ""])
    floor = THREE.floor(y, 2)
    assert floor[:, :3].tolist() == [[0.75, 0.25, 0.0]] * 2
    assert floor[:, 3:].tolist() == [[1, 0, 0]] * 2
    best = max(
        THREE.score(y, answers(y, np.tile(given, (4, 1)))).mean()
        for given in np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T
    )
    assert THREE.score(y, THREE.floor(y, 4)).mean() == best


# ---- folds -------------------------------------------------------------------------------------


def test_rare_labels_are_in_every_fold():
    rng = np.random.default_rng(3)
    y = rng.random((300, 6)) < [0.5, 0.3, 0.1, 0.05, 0.03, 0.02]
    fold = iterative_folds(y, None, 5, rng)
    counts = np.array([y[fold == f].sum(axis=0) for f in range(5)])
    assert np.ptp(np.bincount(fold)) <= 6
    assert (np.ptp(counts[:, 2:], axis=0) <= 2).all()  # of chance alone 3 to 7
    assert (counts.sum(axis=0) == y.sum(axis=0)).all()


def test_groups_stay_whole_and_the_seed_decides():
    rng = np.random.default_rng(0)
    y, groups = rng.random((120, 4)) < 0.3, rng.integers(0, 25, 120)
    first, again = (iterative_folds(y, groups, 4, np.random.default_rng(7)) for _ in range(2))
    assert (first == again).all()
    assert all(len(np.unique(first[groups == g])) == 1 for g in np.unique(groups))
    assert len(np.unique(first)) == 4


def test_folds_without_any_label():
    fold = iterative_folds(np.zeros((10, 2), bool), None, 5, np.random.default_rng(0))
    assert np.bincount(fold).tolist() == [2] * 5


# ---- heads -------------------------------------------------------------------------------------


def test_each_label_has_the_regression_that_scikit_learn_fits():
    X, y = drawn(0, n=150)
    X = X.astype(np.float64)
    mean, scale = X.mean(axis=0), X.std(axis=0)
    W, b = fit_logistic(X, y, y.shape[1], 0.1)
    for k in range(y.shape[1]):
        other = LogisticRegression(C=0.1, tol=1e-8, max_iter=1000).fit((X - mean) / scale, y[:, k])
        theirs = other.predict_proba((X - mean) / scale)[:, 1]
        assert sigmoid(X @ W + b)[:, k] == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("n", [80, FEW + 50])
def test_counts_have_a_regression_for_each_label(n):
    """In the span of few rows, and by L-BFGS for many."""
    rng = np.random.default_rng(0)
    y = rng.random((n, 3)) < [0.2, 0.4, 0.6]
    rates = 0.2 + np.concatenate([2 * y, np.zeros((n, 20))], axis=1)
    counts = csr_array(rng.poisson(rates))
    columns, idf, W, b = fit_counts(counts, y, 3, 2.0)
    Z = TfIdf(columns, idf)(counts).toarray()
    for k in range(3):
        other = LogisticRegression(C=2.0, tol=1e-8, max_iter=2000).fit(Z, y[:, k])
        assert sigmoid(Z @ W + b)[:, k] == pytest.approx(other.predict_proba(Z)[:, 1], abs=1e-3)
    choice = choose_labels(counts, y, labelled(y).folds(np.arange(n), 3, Stream.MODEL_HEAD))
    assert choice.kind == "TF-IDF"
    assert choice.accuracy > 0.6
    assert choice.answers(choice.head, counts).shape == (n, 6)
    assert choice.answers(choice.fit(counts, y, 3), counts) == pytest.approx(
        choice.answers(choice.head, counts), abs=0.02
    )


def test_a_label_that_a_fold_lacks_is_learned_as_absent():
    X, y = drawn(1, n=80)
    y[:, 0] = False
    W, b = fit_logistic(X, y, y.shape[1], 0.1)
    assert np.isfinite(W).all() and (sigmoid(X @ W + b)[:, 0] < 0.05).all()


def test_the_best_threshold_of_f1_by_search():
    rng = np.random.default_rng(0)
    p = rng.random(80).round(2)
    y = rng.random(80) < p
    found = best_f1(p, y)
    scores = [f1_score(y, p >= t) for t in np.linspace(0, 0.99, 400)]
    assert f1_score(y, p >= found) == pytest.approx(max(scores))


def test_what_is_not_known_is_not_given_always():
    """F1 of a label nothing is known of is highest where it is given to all."""
    rng = np.random.default_rng(0)
    y = rng.random((400, 3)) < [0.1, 0.3, 0.7]
    p = np.clip(y.mean(axis=0) + rng.normal(0, 0.01, y.shape), 0, 1)
    given = p >= choose_thresholds(p, y)
    assert not given[:, 0].any()
    assert given[:, 2].all()


def test_a_label_with_a_threshold_of_its_own():
    """One label is rare and told apart at a fifth; the others want a half."""
    rng = np.random.default_rng(0)
    y = rng.random((600, 4)) < [0.15, 0.5, 0.5, 0.5]
    p = np.where(y, rng.uniform(0.7, 1, y.shape), rng.uniform(0, 0.3, y.shape))
    p[:, 0] = np.where(y[:, 0], rng.uniform(0.2, 0.3, 600), rng.uniform(0, 0.15, 600))
    p[:, 1] = np.where(y[:, 1], rng.uniform(0.5, 1, 600), rng.uniform(0.2, 0.4, 600))
    thresholds = choose_thresholds(p, y)
    assert (p >= thresholds).tolist() == y.tolist()
    assert thresholds[0] < 0.25 < thresholds[1]


def test_probabilities_are_calibrated_label_by_label():
    X, y = drawn(0, n=600, signal=1.0)
    folds = labelled(y).folds(np.arange(600), 5, Stream.MODEL_HEAD)
    choice = choose_labels(X, y, folds)
    fresh, truth = drawn(9, n=4000, signal=1.0)
    p = choice.answers(choice.head, fresh)[:, : y.shape[1]]
    assert p.mean(axis=0) == pytest.approx(truth.mean(axis=0), abs=0.05)
    assert choice.temperature == 1
    assert 0 < choice.accuracy < 1 and len(choice.right) == 600


# ---- judged ------------------------------------------------------------------------------------


def judge(X, y, seed, others):
    labels = labelled(y, seed)
    protocol = plan(labels, np.zeros(len(y), bool), costly=True)
    found = judge_folds({"transfer": X, "other": others}, labels, protocol.folds, workers=1)
    return assess(found.pop("transfer"), found, labels, protocol, labels.task.classes)


def test_shuffled_labels_help_nobody():
    """Ten sets of features that know nothing: at five in a hundred, none or one is taken in."""
    decisions = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X, y = drawn(seed, n=120)
        y = y[rng.permutation(len(y))]
        verdict = judge(X, y, seed, rng.normal(size=X.shape).astype(np.float32)).verdict
        decisions.append(verdict.decision)
        assert not any(c.harmed for c in verdict.per_class)
    assert decisions.count("cannot tell") >= 9


def test_features_that_know_the_labels_help():
    X, y = drawn(0, n=200)
    judgement = judge(X, y, 0, np.random.default_rng(1).normal(size=X.shape).astype(np.float32))
    assert judgement.verdict.decision == "helps"
    assert judgement.verdict.metric == "accuracy"
    assert judgement.estimate["accuracy"] > 0.5
    assert {b["name"] for b in judgement.baselines} == {"other", "most frequent labels"}
    assert [c.name for c in judgement.verdict.per_class] == list("abcde")
    assert judgement.proba.shape == (200, 10)


def test_each_label_has_its_scores_and_intervals():
    X, y = drawn(0, n=200)
    labels = labelled(y)
    p = sigmoid(3 * (X[:, :5] - 1))
    out = answers(p, p >= 0.4)
    found = label_scores(labels, out, [0.4] * 5)
    for k, row in enumerate(found["rows"]):
        assert row["f1"] == pytest.approx(f1_score(y[:, k], p[:, k] >= 0.4))
        assert row["f1_ci95"][0] <= row["f1"] <= row["f1_ci95"][1]
        low, high = row["average_precision_ci95"]
        assert low <= row["average_precision"] <= high
        assert row["n"] == y[:, k].sum()
    low, high = found["macro_f1_ci95"]
    assert low <= labels.task.scores(y, out)["macro_f1"] <= high
    wide = label_scores(labels, out, [0.4] * 5, groups=np.arange(200) // 20)
    assert np.ptp(wide["micro_f1_ci95"]) > 0
    assert wide["rows"][4]["recall_ci95"][0] < found["rows"][4]["recall_ci95"][0]


def test_a_label_without_a_mistake_still_has_its_doubt():
    """Thirty found of thirty: one in ten of others may be missed, which is F1 of 0.947."""
    y = np.zeros((90, 1), bool)
    y[:30] = True
    row = label_scores(labelled(y), answers(y, y), [0.5])["rows"][0]
    assert row["f1"] == 1
    assert row["f1_ci95"] == [0.95, 1.0]


def test_a_label_that_does_not_occur_has_no_scores():
    y = np.zeros((20, 2), bool)
    y[:10, 0] = True
    row = label_scores(labelled(y), answers(y, y), [0.5, 0.5])["rows"][1]
    assert row["f1"] is None and row["recall"] is None and row["average_precision_ci95"] is None


def test_labels_that_answers_contradict_are_found():
    """Ten sets get a label too many or too few; held-out answers know better."""
    rng = np.random.default_rng(0)
    y = rng.random((300, 4)) < 0.4
    p = np.where(y, rng.uniform(0.75, 1, y.shape), rng.uniform(0, 0.25, y.shape))
    wrong, which = np.arange(0, 100, 10), rng.integers(0, 4, 10)
    p[wrong, which] = np.where(y[wrong, which], 0.99, 0.01)  # surer than of most
    y[wrong, which] ^= True
    found = find_set_issues(y, p)
    assert set(wrong) <= set(found.rows.tolist())
    assert len(found) <= 12
    assert (
        dict(zip(found.rows.tolist(), found.suggested.tolist(), strict=True)).items()
        >= dict(zip(wrong.tolist(), which.tolist(), strict=True)).items()
    )
