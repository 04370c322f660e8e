"""Combining layers: which columns count, how many are kept, and a head over all of them."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from headstart.tasks.splits import pairs, stratified_folds
from headstart.transfer import FittedModel
from headstart.transfer.combine import FRACTIONS, choose_combination, fit_combination, relevance
from headstart.transfer.heads import LinearHead
from headstart.transfer.logistic import softmax


def folds_of(y, k=5, seed=0):
    return pairs(stratified_folds(y, None, k, np.random.default_rng(seed)))


def needles(n, dim, useful, n_classes=2, seed=0, strength=1.5):
    """Noise columns on wildly different scales; the first ``useful`` know the class."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, dim))
    X[:, :useful] += strength * np.eye(n_classes)[y][:, np.arange(useful) % n_classes]
    return (X * 10.0 ** rng.uniform(-3, 3, dim) + 5).astype(np.float32), y


# --- relevance ----------------------------------------------------------------------------------


def test_relevance_by_hand():
    """One standardised column z = (1, -1), labels (0, 1): T = ±1/2, so Z'DT = 1/2 and -1/2.

    W = (±1/2) / (1 + penalty), of length 1 / (√2 (1 + penalty)); scale and offset do not matter.
    """
    y = np.array([0, 1])
    for column in ([1.0, -1.0], [102.0, 98.0]):
        for penalty in (1.0, 3.0):
            got = relevance(np.array([column]).T, y, 2, penalty=penalty)
            assert got == pytest.approx([1 / np.sqrt(2) / (1 + penalty)])


@pytest.mark.parametrize("shape", [(40, 9), (12, 30)], ids=["more rows", "more columns"])
def test_relevance_is_that_of_a_ridge_on_standardised_columns(shape):
    X, y = needles(*shape, 3, n_classes=3)
    Z = (X - X.mean(0)) / X.std(0)
    ridge = Ridge(alpha=len(y)).fit(Z, np.eye(3)[y])  # its loss is a sum over rows
    wanted = np.linalg.norm(ridge.coef_, axis=0)
    np.testing.assert_allclose(relevance(X, y, 3), wanted, rtol=1e-3, atol=1e-5)


def test_balanced_relevance_is_that_of_the_repeated_rows():
    X, y = needles(30, 6, 2)
    y = np.where(np.arange(30) < 24, 0, 1)  # 24 against 6: each row of the few counts four times
    repeated = np.concatenate([np.arange(24), np.repeat(np.arange(24, 30), 4)])
    np.testing.assert_allclose(
        relevance(X, y, 2, balanced=True), relevance(X[repeated], y[repeated], 2), rtol=1e-3
    )


def test_constant_columns_have_no_relevance_and_scales_do_not_matter():
    X, y = needles(60, 20, 4)
    X[:, 7] = 1e4
    rank = relevance(X, y, 2)
    assert rank[7] == 0
    assert set(np.argsort(-rank)[:4]) == {0, 1, 2, 3}
    # Scales are powers of two so that nothing is rounded.
    np.testing.assert_allclose(relevance(X * 2.0 ** np.arange(20), y, 2), rank, rtol=1e-3)


# --- the choice ---------------------------------------------------------------------------------


def test_few_useful_columns_are_found_among_many():
    X, y = needles(160, 600, 6)
    found = fit_combination(X, y, 2, folds_of(y))
    assert found.fraction == 0.01
    assert len(found.columns) == 6
    assert set(found.columns) == set(range(6))
    assert [row["fraction"] for row in found.choice.candidates] == list(FRACTIONS)
    every = found.choice.candidates[-1]
    assert found.choice.accuracy > every["accuracy"] + 0.05


def test_where_every_column_says_a_little_more_are_kept():
    X, y = needles(200, 200, 200, strength=0.35)
    found = fit_combination(X, y, 2, folds_of(y))
    assert found.fraction >= 0.2
    assert len(found.columns) >= 40


def test_the_smallest_share_within_one_standard_error_is_kept():
    X, y = needles(120, 100, 2, strength=1.0)
    choice = choose_combination(X, y, 2, folds_of(y))
    best = min(choice.candidates, key=lambda row: row["log_loss"])
    reach = best["log_loss"] + best["log_loss_se"]
    first = next(row for row in choice.candidates if row["log_loss"] <= reach)
    assert (choice.fraction, choice.C) == (first["fraction"], first["C"])


def test_nothing_is_learned_from_held_out_rows():
    """Labels without meaning: columns chosen on all rows would score far above chance."""
    rng = np.random.default_rng(0)
    accuracies = []
    for seed in range(6):
        X = rng.normal(size=(60, 1500)).astype(np.float32)
        y = rng.permutation(np.arange(60) % 2)
        accuracies.append(choose_combination(X, y, 2, folds_of(y, seed=seed)).accuracy)
    assert 0.35 < np.mean(accuracies) < 0.65
    leaked = np.sort(np.argsort(-relevance(X, y, 2))[:75])  # what the test would catch
    assert choose_combination(X[:, leaked], y, 2, folds_of(y)).accuracy > 0.8


# --- the head -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "n_classes"), [(72, 2), (90, 3)])
def test_the_head_spans_all_columns_and_only_kept_ones_count(n, n_classes):
    X, y = needles(n, 400, 6, n_classes)
    found = fit_combination(X, y, n_classes, folds_of(y))
    assert isinstance(found.head, LinearHead)
    assert found.head.W.shape == (400, n_classes)
    dropped = np.setdiff1d(np.arange(400), found.columns)
    assert len(dropped) > 0
    assert not found.head.W[dropped].any()
    assert found.head.W[found.columns].any(axis=1).all()
    assert np.array_equal(found.columns, np.sort(found.columns))
    moved = X.copy()
    moved[:, dropped] = 1e6
    np.testing.assert_array_equal(found.head.logits(moved), found.head.logits(X))
    fresh, _ = needles(600, 400, 6, n_classes)
    model = FittedModel("layers", found.head, found.temperature, tuple("abc"[:n_classes]))
    proba = model.predict_proba(fresh)
    assert proba.shape == (600, n_classes)
    np.testing.assert_allclose(proba, softmax(found.head.logits(fresh) / found.temperature))
    assert found.temperature > 0


def test_the_choice_may_be_made_on_some_rows_only():
    X, y = needles(100, 50, 4)
    rows = np.arange(0, 100, 3)
    found = fit_combination(X, y, 2, folds_of(y[rows]), rows=rows)
    alone = choose_combination(X[rows], y[rows], 2, folds_of(y[rows]))
    assert found.choice == alone
    head, columns = alone.fit(X, y, 2, exact=True)
    np.testing.assert_array_equal(head.W, found.head.W)
    np.testing.assert_array_equal(columns, found.columns)


def test_the_same_again():
    X, y = needles(72, 300, 5)
    one, two = (fit_combination(X, y, 2, folds_of(y)) for _ in range(2))
    np.testing.assert_array_equal(one.head.W, two.head.W)
    assert one.choice == two.choice


@pytest.mark.parametrize("balanced", [False, True])
def test_rare_classes(balanced):
    X, y = needles(100, 60, 4)
    y = np.where(np.arange(100) < 90, 0, 1)
    X[y == 1, 0] += 5 * X[:, 0].std()
    found = fit_combination(X, y, 2, folds_of(y), balanced=balanced)
    predicted = found.head.logits(X).argmax(axis=1)
    assert (predicted[y == 1] == 1).mean() > 0.7
