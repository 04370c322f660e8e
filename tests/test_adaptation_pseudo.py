"""Pseudo-labels and prototypes: small cases worked by hand and naive loops."""

import numpy as np
import pytest

from headstart.adaptation.align import Standardisation
from headstart.adaptation.domains import Domains
from headstart.adaptation.prototypes import T3A, Prototypes, soft_centroids, support_means
from headstart.adaptation.pseudo import (
    LabelPropagation,
    SelfTraining,
    propagate,
    similarity_graph,
    surest,
)
from headstart.transfer.moments import unit


def test_the_surest_share_of_every_class():
    belief = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.8, 0.2], [0.45, 0.55]])
    assert surest(belief, 0.5).tolist() == [True, False, False, True, True]
    assert surest(belief, 0.51).tolist() == [True, False, True, True, True]
    assert surest(belief, 1.0).all()


def test_graph_equals_a_naive_loop():
    Z = np.random.default_rng(0).normal(size=(12, 4))
    k = 3
    cosine = unit(Z) @ unit(Z).T
    W = np.zeros((12, 12))
    for i in range(12):
        for j in sorted((j for j in range(12) if j != i), key=lambda j, i=i: -cosine[i, j])[:k]:
            W[i, j] = W[j, i] = max(cosine[i, j], 0) ** 3
    degree = W.sum(axis=1)
    naive = [[W[i, j] / np.sqrt(degree[i] * degree[j]) for j in range(12)] for i in range(12)]
    graph = similarity_graph(Z, k).toarray()
    assert graph == pytest.approx(np.array(naive), abs=1e-5)
    assert np.abs(np.linalg.eigvalsh(graph)).max() <= 1 + 1e-6


def test_propagation_solves_the_linear_system():
    graph = similarity_graph(np.random.default_rng(1).normal(size=(15, 3)), 4)
    seeds = np.eye(15)[:, :2]
    exact = np.linalg.solve(np.eye(15) - 0.9 * graph.toarray(), seeds)
    assert propagate(graph, seeds, 0.9) == pytest.approx(exact, abs=1e-4)


def test_soft_centroids_worked_by_hand():
    Z = np.array([[1.0, 0], [0, 1]])
    belief = np.array([[0.8, 0.2], [0.4, 0.6]])
    # One round: (.8, .4) and (.2, .6), scaled to length one.
    once = soft_centroids(Z, belief, 1, 20.0)
    assert once == pytest.approx(np.array([[2, 1] / np.sqrt(5), [1, 3] / np.sqrt(10)]))
    # Two: cosines of row 0 are 2/sqrt 5 and 1/sqrt 10, of row 1 are 1/sqrt 5 and 3/sqrt 10.
    p = 1 / (1 + np.exp(-2 * (2 / np.sqrt(5) - 1 / np.sqrt(10))))
    q = 1 / (1 + np.exp(-2 * (1 / np.sqrt(5) - 3 / np.sqrt(10))))
    twice = soft_centroids(Z, belief, 2, 2.0)
    assert twice == pytest.approx(unit(np.array([[p, q], [1 - p, 1 - q]])))


def test_supports_are_the_rows_of_lowest_entropy():
    Z = unit(np.array([[1.0, 0, 0], [1, 1, 0], [1, 0, 1], [0, 0, 1]]))
    belief = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.7, 0.3]])
    own = np.array([[0.0, 1, 0], [0, 0, 1]])
    means = support_means(Z, belief, own, 2)
    assert means[0] == pytest.approx(unit((Z[0] + Z[1] + own[0])[None])[0])
    assert means[1] == pytest.approx(own[1])  # no row is answered so: the head's own direction


def clusters(seed=0):
    """Two rings of three clusters; the target's are turned, so that a boundary cuts them."""
    rng = np.random.default_rng(seed)
    y, truth = np.arange(150) % 3, rng.permutation(np.arange(240) % 3)
    turn = 0.75
    angles = 2 * np.pi * np.arange(3) / 3

    def rows(labels, by):
        middle = 4 * np.c_[np.cos(angles + by), np.sin(angles + by)][labels]
        flat = np.c_[middle, np.zeros((len(labels), 2))]
        return flat + rng.normal(size=flat.shape) * [1, 1, 0.3, 0.3]

    return Domains(rows(y, 0.0), y, rows(truth, turn), 3), truth


@pytest.mark.parametrize(
    "adapter", [SelfTraining(), LabelPropagation(), Prototypes(), T3A()], ids=lambda a: a.name
)
def test_clusters_of_the_target_are_found(adapter):
    domains, truth = clusters()

    def accuracy(method):
        answers = method.fit(domains).target.logits(domains.target).argmax(axis=1)
        return (answers == truth).mean()

    start = accuracy(Standardisation())
    assert 0.6 < start < 0.95
    assert accuracy(adapter) > start + 0.02


def test_heads_answer_new_images_of_the_target():
    domains, _ = clusters()
    fresh, truth = clusters(seed=5)
    for adapter in (LabelPropagation(), Prototypes()):
        head = adapter.fit(domains).target
        assert (head.logits(fresh.target).argmax(axis=1) == truth).mean() > 0.9
