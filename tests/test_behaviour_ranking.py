"""Ranks and their scores, and EASE with a source weighed in: by hand, and against naive ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.metrics import ndcg_score

from headstart.behaviour.ease import fit
from headstart.behaviour.log import Log
from headstart.behaviour.union import Union
from headstart.behaviour.weight import LIKELY, SURE, choose
from headstart.tasks.ranking import (
    coverage,
    discount,
    expected_discount,
    expected_recall,
    ndcg_at,
    places,
    ranks,
    recall_at,
)

# --- ranks --------------------------------------------------------------------------------------


def naive_rank(scores, wanted, seen):
    """Sort, and take the mean place of those of the same score."""
    open_ = [i for i in range(len(scores)) if not seen[i]]
    order = sorted(open_, key=lambda i: -scores[i])
    places = [at + 1 for at, i in enumerate(order) if scores[i] == scores[wanted]]
    return sum(places) / len(places)


@given(st.integers(0, 10**6), st.integers(2, 12))
def test_ranks_are_those_of_a_naive_loop(seed, n_items):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (5, n_items)).astype(float)  # many ties
    wanted = rng.integers(0, n_items, 5)
    seen = rng.random((5, n_items)) < 0.4
    seen[np.arange(5), wanted] = False
    expected = [naive_rank(*row) for row in zip(scores, wanted, seen, strict=True)]
    assert ranks(scores, wanted, seen) == pytest.approx(expected)


def test_what_was_seen_does_not_stand_before():
    scores = np.array([[9.0, 8.0, 7.0]])
    assert ranks(scores, np.array([2]), np.array([[True, False, False]])) == 2


def test_one_score_for_all_gets_the_mean_rank():
    none = np.zeros((1, 9), bool)
    assert ranks(np.zeros((1, 9)), np.array([0]), none) == 5


def test_recall_and_ndcg_of_a_rank_by_hand():
    rank = np.array([1.0, 3.0, 10.0, 11.0])
    assert recall_at(rank, 10).tolist() == [1, 1, 1, 0]
    assert ndcg_at(rank, 10) == pytest.approx([1, 0.5, 1 / np.log2(11), 0])
    assert discount(rank)[3] == pytest.approx(1 / np.log2(12))


@given(st.integers(0, 10**6))
def test_ndcg_is_that_of_another_library(seed):
    rng = np.random.default_rng(seed)
    scores, wanted = rng.random((6, 15)), rng.integers(0, 15, 6)
    rank = ranks(scores, wanted, np.zeros((6, 15), bool))
    truth = np.eye(15)[wanted]
    assert ndcg_at(rank, 10).mean() == pytest.approx(ndcg_score(truth, scores, k=10))


def test_expected_recall_is_the_mean_over_all_orders_of_what_is_alike():
    better, alike = np.array([0, 3, 8, 8, 0]), np.array([1, 4, 4, 1, 40])
    found = expected_recall(better, alike, 5)
    assert found == pytest.approx([1, 1 / 2, 0, 0, 1 / 8])
    by_order = [
        np.mean([recall_at(np.array([b + 1 + k]), 5) for k in range(a)])
        for b, a in zip(better, alike, strict=True)
    ]
    assert found == pytest.approx(by_order)


def test_coverage_counts_each_item_once():
    assert coverage(np.array([[0, 1], [1, 2]]), 6) == 0.5


# --- EASE ---------------------------------------------------------------------------------------


def test_ease_of_three_items_by_hand():
    # Two users with the first two items, one with the third: X'X has the blocks [[2, 2], [2, 2]]
    # and [1]. With λ = 1 the first is [[3, 2], [2, 3]], its inverse [[3, -2], [-2, 3]] / 5, so that
    # the first two speak for each other with 2/3, and the third for none.
    X = csr_array(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], np.float32))
    expected = np.array([[0, 2 / 3, 0], [2 / 3, 0, 0], [0, 0, 0]])
    found = fit(X, 1.0)
    np.testing.assert_allclose(found.B, expected, atol=1e-6)


def test_columns_are_those_of_the_whole():
    X = csr_array((np.random.default_rng(0).random((40, 12)) < 0.3).astype(np.float32))
    some = np.array([7, 2, 9])
    np.testing.assert_allclose(fit(X, 3.0, some).B, fit(X, 3.0).B[:, some], atol=1e-6)


def test_ease_is_a_ridge_regression_of_each_item_on_the_others():
    X = (np.random.default_rng(1).random((50, 6)) < 0.4).astype(float)
    others = np.delete(X, 2, axis=1)
    by_ridge = np.linalg.solve(others.T @ others + 2 * np.eye(5), others.T @ X[:, 2])
    B = fit(csr_array(X), 2.0).B[:, 2]
    assert np.delete(B, 2) == pytest.approx(by_ridge, abs=1e-5)
    assert B[2] == 0


# --- two logs -----------------------------------------------------------------------------------


def log(*events):
    """Make a log of (user, item)."""
    users = tuple(dict.fromkeys(u for u, _ in events))
    items = tuple(dict.fromkeys(i for _, i in events))
    user = np.array([users.index(u) for u, _ in events], np.int32)
    return Log(users, items, user, np.array([items.index(i) for _, i in events], np.int32))


def weighed(target, source, weight):
    union = Union.of(target, source, everything=True)
    return union.matrix(weight), union


def test_customers_of_another_shop_are_further_rows():
    target, source = log(("ann", "tea"), ("ann", "jam")), log(("bob", "jam"), ("bob", "rice"))
    X, union = weighed(target, source, 0.25)
    assert union.users == ("ann", "bob") and union.items == ("tea", "jam", "rice")
    assert X.toarray().tolist() == [[1, 1, 0], [0, 0.5, 0.5]]
    assert (X.T @ X).toarray()[1].tolist() == [1, 1.25, 0.25]  # G_target + 0.25 G_source


def test_what_the_same_customers_did_elsewhere_is_further_columns():
    target, source = log(("ann", "tea"), ("bob", "jam")), log(("bob", "book"), ("cid", "book"))
    X, union = weighed(target, source, 0.25)
    assert union.users == ("ann", "bob", "cid") and union.items == ("tea", "jam", "book")
    assert X.toarray().tolist() == [[1, 0, 0], [0, 1, 0.5], [0, 0, 0.5]]


def test_what_happened_in_both_counts_once():
    X, _ = weighed(log(("ann", "tea")), log(("ann", "tea")), 0.25)
    assert X.toarray().tolist() == [[1]]


def test_without_weight_nothing_is_transferred():
    rng = np.random.default_rng(2)
    drawn = [(f"u{u}", f"i{i}") for u, i in {*map(tuple, rng.integers(0, 8, (40, 2)))}]
    strangers = [(f"s{u}", f"i{i}") for u, i in {*map(tuple, rng.integers(0, 8, (40, 2)))}]
    target = log(*sorted(drawn))
    X, union = weighed(target, log(*sorted(strangers)), 0.0)
    alone = fit(target.matrix(), 2.0).B
    n = len(target.items)
    assert fit(X, 2.0).B[:n, :n] == pytest.approx(alone, abs=1e-6)
    assert len(union.target) + len(union.source) == len(drawn) + len(strangers)


# --- how much the source weighs -----------------------------------------------------------------


def test_a_source_that_clearly_helps_weighs_as_it_helps_most():
    none = np.full(4, 0.2)
    assert choose({0.0: none, 0.1: none + 0.2, 1.0: none + 0.1}, 0.0) == 0.1


@pytest.mark.parametrize("lead", [[0.4, -0.3, 0.1, -0.1], [0.0, 0.0, 0.0, 0.0], [-0.1, 0, 0, 0]])
def test_a_source_that_helps_by_chance_weighs_nothing(lead):
    none = np.full(4, 0.5)
    assert choose({0.0: none, 1.0: none + lead}, 0.0) == 0.0


def test_how_sure_a_gain_has_to_be_is_asked_for():
    lead = np.array([0.5, -0.1, 0.3, -0.1, 0.2, -0.1])  # 1.1 standard errors above nothing
    scores = {0.0: np.zeros(6), 1.0: lead}
    assert 1 < lead.mean() / (lead.std(ddof=1) / np.sqrt(6)) < 2
    assert choose(scores, 0.0, errors=LIKELY) == 1.0
    assert choose(scores, 0.0) == choose(scores, 0.0, errors=SURE) == 0.0


def test_one_user_is_no_evidence():
    assert choose({0.0: np.zeros(1), 1.0: np.ones(1)}, 0.0) == 0.0


def test_the_expected_discount_is_the_mean_over_all_orders_of_ties() -> None:
    scores = np.array([[3.0, 1, 1, 1, 0], [2, 2, 2, 2, 2], [5, 4, 3, 2, 1]])
    seen = np.zeros((3, 5), bool)
    seen[0, 3] = True
    better, alike = places(scores, np.array([1, 0, 2]), seen)
    assert better.tolist() == [1, 0, 2]
    assert alike.tolist() == [2, 5, 1]
    wanted = [discount(np.array(ranks)).mean() for ranks in ([2, 3], [1, 2, 3, 4, 5], [3])]
    np.testing.assert_allclose(expected_discount(better, alike), wanted)
