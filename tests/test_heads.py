"""Heads: the fast formula against a naive loop over rows."""

import dataclasses

import numpy as np
import pytest

from headstart.transfer import Familiarity, FittedModel
from headstart.transfer.heads import (
    HEADS,
    BottleneckHead,
    CentroidHead,
    CosineHead,
    LinearHead,
    NeighbourHead,
    arrays_of,
)
from headstart.transfer.logistic import softmax

OF_VECTORS = sorted({*HEADS} - {"TF-IDF", "vectors and TF-IDF"})
"""Those of counts are in test_counts.py and test_mix.py."""


@pytest.fixture
def rows():
    """90 rows of four classes, one of which (3) has no row, and 17 rows to score."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 90)
    X = rng.normal(size=(90, 12)) + 3 * np.eye(12)[y] + 2
    return X, y, rng.normal(size=(17, 12)) + 2


def fitted(kind, X, y, n_classes=4):
    if kind == "logistic":
        rng = np.random.default_rng(1)
        return LinearHead(rng.normal(size=(X.shape[1], n_classes)), rng.normal(size=n_classes))
    if kind in ("cosine", "bottleneck"):
        return drawn(kind, X, n_classes)
    return HEADS[kind].fit(X, y, n_classes)


def drawn(kind, X, n_classes):
    """A head that others fit, with arrays drawn at random; feature 3 says nothing."""
    rng = np.random.default_rng(1)
    scale = rng.uniform(0.5, 2, X.shape[1])
    scale[3] = np.inf
    if kind == "cosine":
        directions = rng.normal(size=(n_classes, X.shape[1]))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        return CosineHead(X.mean(axis=0), scale, directions, np.array(7.0))
    A, W = rng.normal(size=(X.shape[1], 5)), rng.normal(size=(5, n_classes))
    return BottleneckHead(X.mean(axis=0), scale, A, rng.normal(size=5), W, rng.normal(size=4))


def unit(x):
    return x / np.linalg.norm(x)


def test_centroid_equals_a_naive_loop(rows):
    X, y, new = rows
    y = np.where(y == 2, 3, y)  # class 2 is empty now
    y[:5] = 2
    mean = X.mean(axis=0)
    logits = CentroidHead.fit(X, y, 4).logits(new)
    for i, x in enumerate(new):
        for c in range(4):
            centroid = np.mean(
                [unit(a - mean) for a, label in zip(X, y, strict=True) if label == c], 0
            )
            squared = np.sum((unit(x - mean) - centroid) ** 2)
            # -10 |z - c|², with |z| = 1
            assert logits[i, c] == pytest.approx(-10 * squared, abs=1e-4)


def test_neighbours_equal_a_naive_loop(rows):
    X, y, new = rows
    head = NeighbourHead.fit(X, y, 4)
    k = int(head.shape[0])
    assert k == np.bincount(y).max() // 2
    mean = X.mean(axis=0)
    logits = head.logits(new)
    for i, x in enumerate(new):
        similar = [unit(x - mean) @ unit(a - mean) for a in X]
        votes = np.zeros(4)
        for j in np.argsort(similar)[::-1][:k]:
            votes[y[j]] += np.exp(similar[j] / 0.07)
        assert logits[i] == pytest.approx(np.log(votes / votes.sum() + 1e-3), abs=1e-3)


@pytest.mark.parametrize(("counts", "k"), [((4, 3), 3), ((20, 20), 10), ((90, 10), 20)])
def test_how_many_neighbours_vote(counts, k):
    y = np.repeat(np.arange(2), counts)
    X = np.random.default_rng(0).normal(size=(len(y), 5))
    assert NeighbourHead.fit(X, y, 2).shape.tolist() == [k, 2]


def test_fewer_rows_than_neighbours():
    head = NeighbourHead.fit(np.eye(2), np.array([0, 1]), 2)  # k is 3, rows are 2
    assert head.logits(np.eye(2)).argmax(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize("kind", OF_VECTORS)
def test_contract(kind, rows):
    """Every head: a frozen dataclass of arrays, one logit per class, row by row the same."""
    X, y, new = rows
    head = fitted(kind, X, y)
    assert head.kind == kind
    logits = head.logits(new)
    assert logits.shape == (17, 4)
    assert np.isfinite(logits).all()
    one_by_one = np.concatenate([head.logits(x[None]) for x in new])
    assert np.allclose(logits, one_by_one, atol=1e-4)
    order = np.random.default_rng(2).permutation(17)
    assert np.allclose(head.logits(new[order]), logits[order], atol=1e-4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        head.anything = 1


@pytest.mark.parametrize("kind", OF_VECTORS)
def test_arrays_are_all_there_is_to_a_head(kind, rows):
    X, y, new = rows
    head = fitted(kind, X, y)
    arrays = arrays_of(head)
    assert all(isinstance(a, np.ndarray) and a.dtype != object for a in arrays.values())
    again = HEADS[kind](**{name: np.array(a) for name, a in arrays.items()})
    assert np.array_equal(again.logits(new), head.logits(new))


@pytest.mark.parametrize("kind", ["kNN", "centroid"])
def test_a_class_without_rows_is_never_the_answer(kind, rows):
    """Folds of whole groups may lack a class; a centroid at the origin once took far rows."""
    X, y, _ = rows
    far = np.random.default_rng(3).normal(size=(500, 12)) * 100
    answers = HEADS[kind].fit(X, y, 4).logits(far).argmax(axis=1)
    assert set(answers) == {0, 1, 2}


@pytest.mark.parametrize("kind", ["kNN", "centroid"])
def test_answers_ignore_offset_and_scale(kind, rows):
    X, y, new = rows
    logits = HEADS[kind].fit(X, y, 4).logits(new)
    moved = HEADS[kind].fit(1000 + 3 * X, y, 4).logits(1000 + 3 * new)
    assert np.allclose(moved, logits, atol=0.05)


def test_temperature_divides_the_logits(rows):
    X, y, new = rows
    head = fitted("logistic", X, y)
    model = FittedModel("probe", head, 2.0, ("a", "b", "c", "d"))
    expected = softmax((new @ head.W + head.b) / 2)
    assert np.allclose(model.predict_proba(new.astype(np.float32)), expected, atol=1e-5)
    assert np.allclose(model.predict_proba(new).sum(axis=1), 1)


def test_unfamiliar_rows_are_flagged(rows):
    rng = np.random.default_rng(4)
    y = rng.integers(0, 3, 600)
    X = rng.normal(size=(600, 12)) + 6 * np.eye(12)[y]
    familiar = Familiarity.fit(X, y, 3)
    again = rng.normal(size=(600, 12)) + 6 * np.eye(12)[rng.integers(0, 3, 600)]
    assert familiar.is_unfamiliar(again).mean() < 0.04  # about 1 % by construction
    elsewhere = rng.normal(size=(600, 12)) + 6 * np.eye(12)[rng.integers(6, 9, 600)]
    assert familiar.is_unfamiliar(elsewhere).mean() > 0.9


def naive_logit(head, x, c):
    """One logit in float64, from the formulas of the papers."""
    if head.kind == "logistic":
        return x @ head.W[:, c] + head.b[c]
    if head.kind == "cosine":
        return head.sharpness * unit((x - head.mean) / head.scale) @ head.directions[c]
    if head.kind == "bottleneck":
        hidden = ((x - head.mean) / head.scale) @ head.A + head.a
        return sum(max(h, 0) * w for h, w in zip(hidden, head.W[:, c], strict=True)) + head.b[c]
    z = unit(x - head.mean.astype(float))
    if head.kind == "centroid":
        return -10 * np.sum((z - head.centroids[c].astype(float)) ** 2)
    similar = head.bank.astype(float) @ z
    near = np.argsort(similar)[::-1][: int(head.shape[0])]
    votes = np.exp(similar[near] / 0.07)
    return np.log(votes[head.labels[near] == c].sum() / votes.sum() + 1e-3)


@pytest.mark.parametrize("c", range(4))
@pytest.mark.parametrize("kind", OF_VECTORS)
def test_slope_equals_finite_differences(kind, c, rows):
    X, y, new = rows
    head = fitted(kind, X, y)
    for x in new[:5]:
        step = 1e-6 * np.eye(len(x))
        expected = [
            (naive_logit(head, x + e, c) - naive_logit(head, x - e, c)) / 2e-6 for e in step
        ]
        assert head.slope(x, c) == pytest.approx(np.array(expected), rel=1e-3, abs=2e-5)


def test_neighbours_of_one_class_have_no_slope():
    """Nothing about the row, moved a little, changes an answer that all voters agree on."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 20)
    X = rng.normal(size=(40, 6)) + 50 * np.eye(6)[y]
    head = NeighbourHead.fit(X, y, 2)
    assert np.abs(head.slope(X[0], 0)).max() < 1e-12
