"""The domain classifier: its AUC and interval by hand, and what it says of real shifts and none."""

import json

import numpy as np
import pytest

from headstart.adaptation import shift as module
from headstart.adaptation.domains import Domains
from headstart.adaptation.shift import Shift, auc_interval, find_shift


def drawn(n, dim=20, moved=0.0, seed=0):
    """Rows of three classes, moved along the last axis."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    X = rng.normal(size=(n, dim)) + 4 * np.eye(dim)[y]
    X[:, -1] += moved
    return X, y


def domains(n_s, n_t, moved, seed=0, dim=20):
    X, y = drawn(n_s, dim, seed=seed)
    return Domains(X, y, drawn(n_t, dim, moved, seed=seed + 1000)[0], 3, seed=seed)


@pytest.fixture
def flat_map(monkeypatch):
    """Leave the map out where only the AUC is looked at."""
    monkeypatch.setattr(module, "_map", lambda Z: np.zeros((len(Z), 2), np.int64))


def test_areas_by_hand():
    """Scores 1, 2, 3, 3 of source, target, source, target: won pairs (1,2), (1,3); lost (3,2); tie.

    (1 + 1 + 0 + 0.5) / 4.
    """
    scores, labels = np.array([[1.0], [2], [3], [3]]), np.array([[0], [1], [0], [1]])
    assert module._areas(scores, labels) == pytest.approx([0.625])


def test_areas_against_a_loop():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, (30, 4)).astype(float)
    labels = rng.permuted(np.tile(np.arange(30) % 3 == 0, (4, 1)), axis=1).T.astype(int)
    for p, found in enumerate(module._areas(scores, labels)):
        wins = [
            (t > s) + 0.5 * (t == s)
            for t in scores[labels[:, p] == 1, p]
            for s in scores[labels[:, p] == 0, p]
        ]
        assert found == pytest.approx(np.mean(wins))


def test_the_interval_inverts_the_score_test():
    """At its ends the distance is 1.96 standard errors; V by hand for t = 0.5, m = n = 10.

    0.25 (1 + 9 (1/3 + 1/3)) / 100 = 0.25 · 7 / 100.
    """
    assert module._variance(0.5, 10, 10) == pytest.approx(0.0175)
    for auc in (0.3, 0.8, 0.95):
        for end in auc_interval(auc, 20, 35):
            z = abs(auc - end) / np.sqrt(module._variance(end, 20, 35))
            assert z == pytest.approx(1.959964, abs=1e-4)


def test_a_perfect_score_leaves_doubt():
    low, high = auc_interval(1.0, 20, 20)
    assert 0.8 < low < 0.95
    assert high == 1
    assert auc_interval(0.0, 20, 20) == pytest.approx((0, 1 - low))
    assert auc_interval(1.0, 20, 20, stretch=1.5)[0] < low


@pytest.mark.parametrize("n", [20, 80])
def test_a_plain_shift_is_found(n, flat_map):
    found = find_shift(domains(n, n, moved=6.0))
    assert found.found
    assert found.auc > 0.95
    assert "differ" in found.sentence


def test_two_halves_of_one_set_are_rarely_called_shifted(flat_map):
    """At most 5 % are meant: of 60 about 3, and 8 or more in 1 of 100 such tests."""
    called = [find_shift(domains(20, 20, 0.0, seed=s)).found for s in range(60)]
    assert sum(called) < 8
    none = find_shift(domains(60, 60, 0.0))
    assert not none.found
    assert none.sentence.startswith("No shift was found")


def test_the_least_alike_come_first(flat_map):
    """Half of the target is the source's like, half far away."""
    d = domains(80, 80, 0.0)
    target = d.target.copy()
    target[::2, -1] += 8
    found = find_shift(Domains(d.source, d.y, target, 3))
    assert set(found.least_like_source(20) % 2) == {0}
    assert found.scores.min() >= 0
    assert found.scores.max() <= 1


def test_rows_beyond_the_limit_are_scored(flat_map, monkeypatch):
    monkeypatch.setattr(module, "MOST", 30)
    found = find_shift(domains(50, 70, 6.0))
    assert found.scores.shape == (70,)
    assert np.median(found.scores) > 0.7


def test_same_seed_same_numbers_whatever_the_global_state():
    d = domains(30, 25, 1.0)
    np.random.seed(1)  # noqa: NPY002
    one = find_shift(d)
    np.random.seed(2)  # noqa: NPY002
    two = find_shift(d)
    assert one.auc_ci95 == two.auc_ci95
    assert np.array_equal(one.scores, two.scores)
    assert np.array_equal(one.target_points, two.target_points)


def test_labels_of_the_source_are_not_looked_at(flat_map):
    d = domains(30, 25, 1.0)
    other = Domains(d.source, d.y[::-1].copy(), d.target, 3)
    assert find_shift(d).auc == find_shift(other).auc


@pytest.mark.parametrize(("n_s", "n_t"), [(2, 2), (30, 3), (12, 70)])
def test_json(n_s, n_t, monkeypatch):
    monkeypatch.setattr(module, "POINTS", 40)
    d = domains(n_s, n_t, 2.0)
    found = find_shift(d).to_json(
        [f"{i}.png" for i in range(n_t)], d.y, np.zeros(n_t, int), ["a", "b", "c"]
    )
    json.dumps(found, allow_nan=False)
    assert len(found["map"]["source"]) == n_s
    assert len(found["map"]["target"]) == min(n_t, 40)
    points = np.array(found["map"]["source"] + found["map"]["target"])[:, :2]
    assert points.min() == 0
    assert points.max() == 1000
    assert [row[2] for row in found["map"]["source"]] == d.y.tolist()
    assert len(found["least_like"]) == min(n_t, 12)
    assert set(found["least_like"][0]) == {"path", "score", "predicted"}


def test_constant_features_do_no_harm(flat_map):
    d = domains(20, 20, 6.0)
    flat = np.full((20, 2), 7.0)
    same = Domains(np.hstack([d.source, flat]), d.y, np.hstack([d.target, flat]), 3)
    assert find_shift(same).auc == pytest.approx(find_shift(d).auc, abs=0.05)


def test_words_for_few_images():
    few = Shift(0.6, (0.3, 0.85), *(np.zeros(1),) * 5)
    assert "could hide a shift" in few.sentence
    assert not few.found
