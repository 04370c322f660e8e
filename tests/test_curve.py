"""The label curve: what is held out, how parts grow, what is forecast; tiny, with known truth."""

import json
from itertools import pairwise

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from headstart.judge import curve
from headstart.judge.curve import _nested_parts, label_curve
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels
from headstart.transfer.probe import Choice


@pytest.fixture(autouse=True)
def one_core():
    """Small matrices lose more than they gain from a second thread."""
    with threadpool_limits(1):
        yield


def drawn(n, strength, dim=6, seed=0, groups=None):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2 if groups is None else groups % 2
    X = rng.normal(size=(n, dim))
    X[:, 0] += strength * y
    return X, y


def test_parts_are_nested_and_never_held_out():
    y = np.arange(120) % 3
    for own, held in _nested_parts(Labels(y, Classification.numbered(3), None, False, 0), 5):
        assert [len(rows) for rows in own[:-1]] == [3, 6, 15, 30, 60]
        assert np.array_equal(np.sort(np.concatenate([own[-1], held])), np.arange(120))
        for smaller, larger in pairwise(own):
            assert np.isin(smaller, larger).all()
            assert len(np.unique(np.bincount(y[smaller]))) == 1


def test_five_repeats_hold_out_every_row_once():
    parts = _nested_parts(Labels(np.arange(60) % 2, Classification.numbered(2), None, False, 0), 5)
    held = np.concatenate([out for _, out in parts])
    assert np.array_equal(np.sort(held), np.arange(60))


def test_groups_are_neither_split_nor_spread():
    groups = np.repeat(np.arange(40), 5)
    y = groups % 2
    for own, held in _nested_parts(
        Labels(y, Classification.numbered(2), groups, False, 0, grouped=True), 5
    ):
        assert not np.isin(groups[own[-1]], groups[held]).any()
        five = own[2]  # five labels of each class: of one group each, as they would be labelled
        assert len(np.unique(groups[five])) == 2


def test_labels_of_one_group_choose_nothing():
    """Each speaker says every word: labelled speaker by speaker, small parts are of one."""
    speaker, y = np.repeat(np.arange(6), 12), np.arange(72) % 2
    X = np.random.default_rng(0).normal(size=(72, 6)) + y[:, None]
    labels = Labels(y, Classification.numbered(2), speaker, False, 0, grouped=True)
    asked = []

    def pick(rows, repeat, point):
        asked.append(len(np.unique(speaker[rows])))
        return X

    found = label_curve(X, {}, labels, pick=pick)
    assert [p["per_class"] for p in found["points"]][:3] == [1, 2, 5]
    assert asked and min(asked) == 2


def test_a_curve_rises_above_its_baseline_and_looks_ahead():
    X, y = drawn(240, 2.5)
    noise = np.random.default_rng(1).normal(size=(240, 6))
    weak, _ = drawn(240, 1.0, seed=2)
    ticks = []
    labels = Labels(y, Classification.numbered(2), None, False, 0)
    found = label_curve(
        X,
        {"noise": noise, "weak": weak},
        labels,
        tick=lambda done, total: ticks.append((done, total)),
    )
    json.dumps(found)
    points = found["points"]
    assert [p["per_class"] for p in points] == [1, 2, 5, 10, 20, 50, 96]
    assert points[-1]["n_train"] == 192
    assert points[-1]["transfer"] == pytest.approx(0.89, abs=0.05)  # Phi(1.25)
    assert points[-1]["transfer"] > points[0]["transfer"]
    assert points[-1]["baseline_name"] == "weak"
    assert points[-1]["baseline"] < points[-1]["transfer"]
    for p in points:
        for side in ("transfer", "baseline"):
            low, high = p[f"{side}_ci95"]
            assert 0 <= low <= p[side] <= high <= 1
    ahead = found["forecast"]
    assert (ahead["more"], ahead["per_class"], ahead["trust"]) == (100, 220, "far")
    low, high = ahead["accuracy_ci95"]
    assert low <= 0.894 <= high
    assert ahead["gain"] >= 0
    assert "guess" in ahead["sentence"]
    assert ticks[-1] == (5 * 7 * 3, 5 * 7 * 3)
    assert set(found["fit"]) == {"transfer", "baseline"}


def test_what_cannot_be_said_is_none():
    X, y = drawn(24, 2.0)
    found = label_curve(X, {}, Labels(y, Classification.numbered(2), None, False, 0), repeats=5)
    assert found["forecast"] is None
    assert found["fit"] == {"transfer": None, "baseline": None}
    assert found["worth"]["labels"] is None
    assert found["points"][0]["baseline"] is None


def test_worth_counts_the_labels_of_the_baseline():
    """The baseline sees half the signal: it needs more labels, or never gets there."""
    X, y = drawn(200, 2.5)
    weak, _ = drawn(200, 1.2, seed=2)
    found = label_curve(X, {"weak": weak}, Labels(y, Classification.numbered(2), None, False, 0))
    labels = found["worth"]["labels"]
    assert labels is None or labels > 80
    same = label_curve(X, {"same": X}, Labels(y, Classification.numbered(2), None, False, 0))
    assert same["worth"]["labels"] == pytest.approx(80)
    assert "as good" in same["worth"]["sentence"]


def test_same_seed_same_curve():
    X, y = drawn(60, 2.0)
    one, two, other = (
        label_curve(X, {}, Labels(y, Classification.numbered(2), None, False, s)) for s in (0, 0, 1)
    )
    assert one == two
    assert one["points"] != other["points"]


def clustered(rng, y, dim=30):
    """Two classes, each in three clusters of unequal size: which few are labelled decides a lot."""
    places = np.random.default_rng(1).normal(size=(2, 4, dim))
    places /= np.linalg.norm(places, axis=-1, keepdims=True)
    which = 1 + rng.choice(3, size=len(y), p=(0.6, 0.3, 0.1))
    return 5 * (places[y, 0] + places[y, which]) + rng.normal(size=(len(y), dim))


@pytest.mark.parametrize("few", [1, 2])
def test_the_interval_at_few_labels_covers_what_few_labels_give(few, monkeypatch):
    monkeypatch.setattr(curve, "PER_CLASS", (few,))
    rng, seen = np.random.default_rng(9), np.arange(2000) % 2
    X, own = clustered(rng, seen), np.repeat([0, 1], few)
    plain = Choice("centroid", 0.0, 0.0, 1.0, [])
    heads = [plain.fit(clustered(rng, own), own, 2) for _ in range(100)]
    truths = np.array([(head.logits(X).argmax(axis=1) == seen).mean() for head in heads])
    covered, means = [], []
    for seed in range(12):
        rng = np.random.default_rng(100 + seed)
        y = rng.permutation(np.arange(240) % 2)
        found = label_curve(clustered(rng, y), {}, Labels(y, TWO, None, False, seed), repeats=5)
        low, high = found["points"][0]["transfer_ci95"]
        covered.append(((low <= truths) & (truths <= high)).mean())
        means.append(low <= truths.mean() <= high)
    assert np.mean(covered) >= 0.9
    assert np.mean(means) >= 0.9
    assert "that of a single draw" in found["protocol"]


TWO = Classification.numbered(2)
