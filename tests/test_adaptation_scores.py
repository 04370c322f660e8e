"""Scores of answers without labels: by hand, by naive loops, and at their ends."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from headstart.adaptation import scores


def beliefs(n: int = 60, n_classes: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(n_classes, 0.4), n)


def blobs(n: int = 40, shift: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    centres = 4 * np.eye(3, 12)
    return centres[y] + 0.5 * rng.normal(size=(n, 12)) + shift, y


def test_entropy_by_hand() -> None:
    assert scores.entropy(np.array([0.5, 0.25, 0.25])) == pytest.approx(1.5 * np.log(2))
    assert scores.entropy(np.array([1.0, 0.0])) == 0


def test_information_by_hand() -> None:
    # H(mean) = log 2; H of the rows is 0 and log 2, mean half of log 2.
    p = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.5, 0.5]])
    assert scores.information(p) == pytest.approx(0.5)


def test_information_at_its_ends() -> None:
    assert scores.information(np.tile([0.7, 0.2, 0.1], (5, 1))) == pytest.approx(0)
    assert scores.information(np.eye(4)[np.arange(12) % 4]) == pytest.approx(1)


def test_information_is_the_loop() -> None:
    p = beliefs()
    mean = [sum(row[k] for row in p) / len(p) for k in range(4)]
    h = -sum(m * np.log(m) for m in mean)
    inside = -sum(sum(v * np.log(v) for v in row) for row in p) / len(p)
    assert scores.information(p) == pytest.approx((h - inside) / np.log(4))


def test_clusters_find_the_classes() -> None:
    X, y = blobs()
    found = scores.clusterings(X, 3)
    assert len(found) == scores.SEEDS
    assert scores.cluster_agreement(found, y) == pytest.approx(1)
    assert scores.cluster_agreement(found, (y + 1) % 3) == pytest.approx(1)  # names do not matter
    other = np.random.default_rng(0).integers(0, 3, len(y))
    assert abs(scores.cluster_agreement(found, other)) < 0.15


def test_too_few_rows_make_no_clusters() -> None:
    assert scores.clusterings(np.zeros((3, 2)), 3) == []
    assert scores.cluster_agreement([], np.array([0, 1, 2])) == 0


def test_neighbours_are_those_of_the_loop() -> None:
    Z = np.random.default_rng(1).normal(size=(31, 5))
    near = scores.neighbours(Z, 4)
    unit = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    for i in range(len(Z)):
        cosines = {j: unit[i] @ unit[j] for j in range(len(Z)) if j != i}
        assert set(near[i]) == set(sorted(cosines, key=lambda j: -cosines[j])[:4])


def test_few_rows_have_few_neighbours() -> None:
    assert scores.neighbours(np.random.default_rng(1).normal(size=(7, 3))).shape == (7, 2)


def test_neighbour_agreement_by_hand() -> None:
    near = np.array([[1], [0], [3], [0]])
    answers = np.array([0, 0, 1, 1])  # three of four disagree or agree: yes yes yes no
    # a = 3/4, c = 1/2: (3/4 - 1/2) / (1/2)
    assert scores.neighbour_agreement(near, answers) == pytest.approx(0.5)


def test_neighbour_agreement_is_cohens_kappa_where_both_sides_have_the_same_shares() -> None:
    answers = np.random.default_rng(2).integers(0, 3, 50)
    near = np.roll(np.arange(50), 1)[:, None]  # everybody is somebody's neighbour once
    kappa = cohen_kappa_score(answers, answers[near[:, 0]])
    assert scores.neighbour_agreement(near, answers) == pytest.approx(kappa)


def test_one_answer_for_all_scores_nothing() -> None:
    assert scores.neighbour_agreement(np.array([[1], [0]]), np.array([2, 2])) == 0


def test_committee_by_hand() -> None:
    answers = [np.array([0, 1]), np.array([1, 1]), np.array([1, 0])]
    vote = scores.committee(answers, ["a", "b", "c"], 2)
    np.testing.assert_allclose(vote, [[1 / 3, 2 / 3], [1 / 3, 2 / 3]])
    assert scores.agreement(vote, answers[0]) == 0.5
    assert scores.agreement(vote, answers[1]) == 1


def test_a_tie_counts_for_both_sides() -> None:
    vote = np.array([[0.5, 0.5, 0.0], [0.2, 0.8, 0.0]])
    assert scores.agreement(vote, np.array([0, 1])) == 0.75
    assert scores.agreement(vote, np.array([1, 1])) == 0.75
    assert scores.agreement(vote, np.array([2, 1])) == 0.5


def test_a_family_has_one_vote() -> None:
    answers = [np.array([0]), np.array([1]), np.array([1]), np.array([0])]
    vote = scores.committee(answers, ["a", "many", "many", "many"], 2)
    np.testing.assert_allclose(vote, [[(1 + 1 / 3) / 2, (2 / 3) / 2]])


def test_the_way_back_tells_right_answers_from_wrong_ones() -> None:
    X, y = blobs()
    T, t = blobs(shift=5.0, seed=1)
    S, T = X - X.mean(axis=0), T - T.mean(axis=0)
    assert scores.way_back(T, t, S, y, 3, 1.0) == 1
    assert scores.way_back(T, (t + 1) % 3, S, y, 3, 1.0) == 0
    assert scores.way_back(T, np.zeros(len(t), int), S, y, 3, 1.0) == pytest.approx(1 / 3)


def test_the_way_back_weighs_classes_equally() -> None:
    S = np.array([[-1.0], [-1.0], [-1.0], [1.0]])  # three of class 0, one of class 1
    T = np.array([[-2.0], [-1.0]])
    assert scores.way_back(T, np.array([0, 0]), S, np.array([0, 0, 0, 1]), 2, 1.0) == 0.5


def test_ranks_share_ties() -> None:
    np.testing.assert_allclose(scores.ranks([0.3, 0.9, 0.3]), [2.5, 1, 2.5])
    np.testing.assert_allclose(scores.ranks([0.3, 0.9], higher_is_better=False), [1, 2])
