"""Familiarity: the distance that is computed, and how often it raises a false alarm."""

from dataclasses import fields

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from headstart.transfer.familiar import LOWEST, RANK, Familiarity, FamiliarSideBySide, fit_familiar


@pytest.fixture(autouse=True)
def one_core():
    with threadpool_limits(1):
        yield


def drawn(n, dim=40, n_classes=3, seed=0):
    """Classes apart along their own axes, spread along a few others, little noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = 0.1 * rng.normal(size=(n, dim)) + 2 * np.eye(dim)[y]
    X[:, 5:10] += rng.normal(size=(n, 5))
    return X, y


def strange(n, dim=40, seed=1):
    """Spread along axes that are empty in ``drawn``."""
    X, _ = drawn(n, dim, seed=seed)
    X[:, 20:25] += np.random.default_rng(seed).normal(size=(n, 5))
    return X


@pytest.mark.parametrize("n", [25, 300])
def test_the_distance_is_mahalanobis(n):
    """With every direction kept, up to a factor: d' S^-1 d by scikit-learn's covariance."""
    X, y = drawn(n)
    Z = X / np.linalg.norm(X, axis=1, keepdims=True)
    means = np.stack([Z[y == c].mean(axis=0) for c in range(3)])
    P = np.linalg.inv(ledoit_wolf(Z - means[y], assume_centered=True)[0])
    new = strange(50)
    N = new / np.linalg.norm(new, axis=1, keepdims=True)
    by_hand = np.min([np.einsum("nd,de,ne->n", N - m, P, N - m) for m in means], axis=0)
    ratio = -Familiarity.fit(X, y, 3).scores(new) / by_hand
    assert ratio == pytest.approx(np.full(50, ratio[0]), rel=1e-3)


def test_scores_by_hand():
    """Centre (1, 0), all of the first axis's squared distance ordinary but a quarter.

    The unit vector (0, 1) is 1 + 1 away squared, of which 0.75 · 1 is taken off.
    """
    arrays = np.array([[1.0, 0]]), np.array([[1.0], [0]]), np.array([0.75])
    found = Familiarity(*(a.astype(np.float32) for a in arrays), -1.0)
    assert found.scores(np.array([[0, 3.0], [2.0, 0]])) == pytest.approx([-1.25, 0])
    assert found.is_unfamiliar(np.array([[0, 3.0], [2.0, 0]])).tolist() == [True, False]


def test_other_things_are_noticed():
    X, y = drawn(200)
    found = Familiarity.fit(X, y, 3)
    new, other = drawn(200, seed=2)[0], strange(200)
    scores = np.concatenate([found.scores(new), found.scores(other)])
    assert roc_auc_score(np.repeat([1, 0], 200), scores) > 0.98
    assert found.is_unfamiliar(other).mean() > 0.8


@pytest.mark.parametrize(("n", "dim", "rate"), [(20, 100, 1 / 21), (300, 40, 0.01)])
def test_the_false_alarm_rate_is_what_is_stated(n, dim, rate):
    """Mean over 20 training sets; a model of all rows may alarm less than those of the folds."""
    alarms = []
    for seed in range(20):
        found = Familiarity.fit(*drawn(n, dim, seed=seed), 3)
        alarms.append(found.is_unfamiliar(drawn(500, dim, seed=1000 + seed)[0]).mean())
    assert 0.1 * rate <= np.mean(alarms) <= 1.6 * rate


def test_copies_tell_nothing_of_the_spread_when_grouped():
    """Each row twice: without groups its twin makes every row familiar, the threshold tighter."""
    thresholds = []
    for seed in range(4):
        X, y = drawn(30, 100, seed=seed)
        twice = np.tile(np.arange(30), 2)
        naive = Familiarity.fit(X[twice], y[twice], 3)
        grouped = Familiarity.fit(X[twice], y[twice], 3, groups=twice)
        thresholds.append((naive.threshold, grouped.threshold))
    naive_mean, grouped_mean = np.mean(thresholds, axis=0)
    assert grouped_mean < 1.2 * naive_mean < 0


def test_it_stays_small():
    X, y = drawn(1500, 200)
    found = Familiarity.fit(X, y, 3)
    assert found.basis.shape == (200, RANK)
    assert found.centroids.shape == (3, 200)
    arrays = [getattr(found, f.name) for f in fields(found) if f.name != "threshold"]
    assert all(a.dtype == np.float32 for a in arrays)
    assert found.basis.T @ found.basis == pytest.approx(np.eye(RANK), abs=1e-4)
    assert (found.discount >= 0).all() and (found.discount < 1).all()


def test_the_same_seed_the_same_detector():
    X, y = drawn(1200)
    one, other = (Familiarity.fit(X, y, 3, seed=4) for _ in range(2))
    assert one.threshold == other.threshold
    assert np.array_equal(one.basis, other.basis)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_next_to_nothing_to_learn_from(n):
    X, y = drawn(n)
    found = Familiarity.fit(X, y, 3)
    assert np.isfinite(found.scores(strange(5))).all()
    assert (found.scores(strange(5)) >= LOWEST).all()
    assert np.isfinite(found.threshold)


def test_a_class_without_rows_and_constant_features():
    X, y = np.ones((10, 6)), np.zeros(10, int)
    found = Familiarity.fit(X, y, 2)
    assert not found.is_unfamiliar(X).any()
    assert np.isfinite(found.scores(np.eye(6))).all()


def two(n, seed=0, length=20.0):
    """Vectors of a network that is blind to what is strange, longer than those of one that sees."""
    (blind, y), (seeing, _) = drawn(n, seed=seed), drawn(n, 30, seed=seed + 500)
    return np.hstack([length * blind, seeing]), y


def two_strange(n, seed=1):
    return np.hstack([20 * drawn(n, seed=seed)[0], strange(n, 30, seed=seed)])


def test_the_longer_vectors_of_two_networks_do_not_decide():
    X, y = two(200)
    new, other = two(200, seed=2)[0], two_strange(200)
    truth = np.repeat([1, 0], 200)

    def area(found):
        return roc_auc_score(truth, np.concatenate([found.scores(new), found.scores(other)]))

    both = fit_familiar(X, y, 3, (40, 30))
    assert isinstance(both, FamiliarSideBySide) and (both.dim, both.widths) == (70, (40, 30))
    assert area(both) > 0.95 > 0.8 > area(Familiarity.fit(X, y, 3))
    assert both.is_unfamiliar(new).mean() < 0.03


def test_scores_of_networks_count_in_units_of_how_much_they_vary():
    X, y = two(100)
    both = FamiliarSideBySide.fit(X, y, 3, (40, 30))
    new = two(50, seed=3)[0]
    own = [p.scores(x) / s for p, x, s in zip(both.parts, np.split(new, [40], 1), both.scale,
                                              strict=True)]  # fmt: skip
    assert both.scores(new) == pytest.approx(own[0] + own[1])
    longer = FamiliarSideBySide.fit(two(100, length=1.0)[0], y, 3, (40, 30))
    assert longer.scores(two(50, seed=3, length=1.0)[0]) == pytest.approx(both.scores(new))
    alone = [Familiarity.fit(x, y, 3) for x in np.split(X, [40], 1)]
    for mine, theirs in zip(both.parts, alone, strict=True):
        assert np.array_equal(mine.basis, theirs.basis)


@pytest.mark.parametrize("rate", [0.01])
def test_false_alarms_of_two_networks_are_as_stated(rate):
    alarms = [
        fit_familiar(*two(300, seed=seed), 3, (40, 30))
        .is_unfamiliar(two(500, seed=1000 + seed)[0]).mean()
        for seed in range(10)
    ]  # fmt: skip
    assert 0.1 * rate <= np.mean(alarms) <= 1.6 * rate


def test_one_network_is_as_ever():
    X, y = drawn(100)
    one, same = Familiarity.fit(X, y, 3), fit_familiar(X, y, 3, (40,))
    assert isinstance(same, Familiarity) and same.widths == ()
    assert all(np.array_equal(getattr(one, f.name), getattr(same, f.name)) for f in fields(one))


def test_one_group_alone_tells_nothing_of_two_networks_either():
    X, y = two(30)
    found = fit_familiar(X, y, 3, (40, 30), groups=np.zeros(30, np.int64))
    assert found.scale.tolist() == [1, 1] and not found.is_unfamiliar(X).any()
