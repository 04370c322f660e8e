"""Layers: which stage of a network serves a task, said only where the evidence is clear."""

import json

import numpy as np
import pytest

from headstart.choose.layers import Layers, judge_combination, study
from headstart.judge.baselines import MAJORITY
from headstart.judge.crossval import Outcome, judge_folds
from headstart.judge.estimate import Plan
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels, Stream

NAMES, DIMS = ("stem", "blocks.0", "blocks.1", "embedding"), (3, 4, 5, 4)
DEPTH, SHAPES = (0.1, 0.4, 0.9, 1.0), ((3, 8, 8), (4, 4, 4), (5, 5), (4,))


def stages(strengths, n=100, seed=0, shared=False):
    """Columns side by side; in each stage the first column knows the class this well."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    noise = rng.normal(size=(n, max(DIMS)))
    parts = []
    for dim, strength in zip(DIMS, strengths, strict=True):
        part = noise[:, :dim].copy() if shared else rng.normal(size=(n, dim))
        part[:, 0] += strength * y
        parts.append(part)
    return np.hstack(parts).astype(np.float32), y


def task_of(y, seed=0):
    return Labels(y.astype(np.int64), Classification.numbered(int(y.max()) + 1), None, False, seed)


def repeated(labels, repeats=2):
    rows = np.arange(len(labels.y))
    folds = [pair for r in range(repeats) for pair in labels.folds(rows, 5, Stream.ESTIMATE, r)]
    return Plan("cv", folds, repeats)


def test_set(n):
    rows = np.arange(n)
    return Plan("test set", [(rows[rows % 5 < 2], rows[rows % 5 >= 2])], 0)


test_set.__test__ = False


def found(strengths, chosen=None, n=100, **options):
    X, y = stages(strengths, n)
    labels = task_of(y)
    return study(NAMES, DIMS, X, labels, chosen or repeated(labels), DEPTH, SHAPES, **options)


# --- what is advised ----------------------------------------------------------------------------


def test_the_last_layer_best():
    got = found((0.0, 0.5, 2.0, 5.0))
    assert got.kind == "last"
    assert "--method probe" in got.advice
    assert "No earlier layer is clearly better" in got.advice
    stem, *_, last = got.layers
    assert last.behind == 0
    assert last.tie
    assert not stem.tie
    assert stem.behind_ci95[0] > 0
    assert last.accuracy > 0.95


@pytest.mark.parametrize("fixed", [False, True], ids=["folds", "test set"])
def test_an_earlier_layer_clearly_better(fixed):
    got = found((0.0, 5.0, 1.0, 0.5), test_set(100) if fixed else None)
    assert got.kind == "earlier"
    assert got.advice.startswith("blocks.0 is clearly better than the last layer: +")
    assert "--unfreeze blocks.1" in got.advice
    assert "--method layers" in got.advice
    assert not got.layers[-1].tie


def test_no_block_is_left_to_train_behind_the_last_one():
    got = found((0.0, 0.0, 5.0, 0.5))
    assert got.kind == "earlier"
    assert "--unfreeze" not in got.advice


@pytest.mark.parametrize("fixed", [False, True], ids=["folds", "test set"])
def test_flat_where_nothing_is_known(fixed):
    got = found((0.0, 0.0, 0.0, 0.0), test_set(100) if fixed else None)
    assert got.kind == "flat"
    assert fixed or all(layer.tie for layer in got.layers)
    for words in (MAJORITY, "--unfreeze all", "headstart rank", "100 examples are too few"):
        assert words in got.advice


def test_flat_where_colours_know_as_much():
    X, y = stages((1.0, 1.0, 3.0, 3.0))
    labels = task_of(y)
    colours = np.random.default_rng(9).normal(size=(100, 3)) + 5 * y[:, None]
    got = study(
        NAMES, DIMS, X, labels, repeated(labels), DEPTH, SHAPES,
        baselines={"colours": colours.astype(np.float32)},
    )  # fmt: skip
    assert got.kind == "flat"
    assert "clearly better than colours" in got.advice


def test_nothing_is_claimed_from_noise():
    """Stages that know the same: an earlier one is ahead in most draws, and never claimed."""
    ahead = 0
    for seed in range(8):
        X, y = stages((1.5, 1.5, 1.5, 1.5), 60, seed)
        labels = task_of(y, seed)
        got = study(NAMES, DIMS, X, labels, repeated(labels, 1), DEPTH, SHAPES)
        ahead += max(layer.accuracy for layer in got.layers) > got.layers[-1].accuracy
        assert got.kind != "earlier"
    assert ahead >= 4, "or the test shows nothing"


def test_nearly_as_good_is_said_only_where_the_whole_interval_is_near():
    got = found((0.0, 0.5, 9.0, 9.0), n=120)
    assert got.kind == "last"
    assert "blocks.1, at 90% of the computation, loses at most 3 points" in got.advice
    got = found((0.0, 1.0, 9.0, 9.0), test_set(100), n=100)
    assert got.layers[2].behind == 0
    assert got.layers[2].behind_ci95[1] == pytest.approx(3 / 60), "60 images show no less"
    assert "loses at most" not in got.advice


# --- figures ------------------------------------------------------------------------------------


def test_differences_are_those_of_the_same_answers():
    X, y = stages((0.5, 1.0, 2.0, 3.0))
    labels = task_of(y)
    chosen = repeated(labels)
    got = study(NAMES, DIMS, X, labels, chosen, DEPTH, SHAPES)
    ends = np.cumsum(DIMS)
    spaces = {n: X[:, e - d : e] for n, d, e in zip(NAMES, DIMS, ends, strict=True)}
    outcomes = judge_folds(spaces, labels, chosen.folds, workers=1)

    def accuracy(name):
        pairs = zip(outcomes[name].proba, chosen.folds, strict=True)
        return np.mean([(p.argmax(1) == y[held]).mean() for p, (_, held) in pairs])

    best = max(accuracy(name) for name in NAMES)
    for layer in got.layers:
        assert layer.accuracy == pytest.approx(accuracy(layer.name))
        assert layer.behind == pytest.approx(best - accuracy(layer.name))
        low, high = layer.behind_ci95
        if layer.behind:
            assert low <= layer.behind - 3 / 100 < layer.behind + 3 / 100 <= high


def test_the_document_has_the_agreed_shape():
    got = found((0.0, 0.5, 2.0, 3.0), combine=True)
    assert isinstance(got, Layers)
    document = got.to_json(data="photos", classes=["a", "b"], backbone="own:tiny")
    assert json.loads(json.dumps(document)) == document
    assert list(document) == [
        "schema", "study", "data", "n", "classes", "protocol", "backbone", "advice", "kind",
        "layers", "combined",
    ]  # fmt: skip
    assert (document["study"], document["n"], document["classes"]) == ("layers", 100, ["a", "b"])
    rows = document["layers"]
    assert [row["name"] for row in rows] == list(NAMES)
    assert [row["dim"] for row in rows] == list(DIMS)
    assert [row["depth"] for row in rows] == list(DEPTH)
    assert [row["map"] for row in rows] == [[3, 8, 8], [4, 4, 4], None, None]
    # 1,000 images of 3·8·8 numbers of two bytes
    assert rows[0]["cache_mb_per_1000"] == pytest.approx(0.384)
    assert rows[2]["cache_mb_per_1000"] == pytest.approx(0.05)
    combined = document["combined"]
    assert sum(combined["by_layer"].values()) == combined["features"]
    assert combined["features"] == int(np.ceil(combined["fraction"] * sum(DIMS)))
    assert list(combined["by_layer"]) == list(NAMES)
    low, high = combined["accuracy_ci95"]
    assert low <= combined["accuracy"] <= high
    assert found((0.0, 0.0, 0.0, 3.0)).combined is None


def test_progress_counts_every_probe_once():
    told = []
    found(
        (0.0, 0.0, 0.0, 3.0), combine=True, tick=lambda done, total: told.append((done, total)),
        n=60,
    )  # fmt: skip
    assert told == [(i, 50) for i in range(1, 51)]  # 10 folds of 4 stages and the combination


# --- the combination, judged --------------------------------------------------------------------


def test_a_combination_wins_where_layers_know_different_things():
    """The class is the sign of one column of two stages together; neither alone knows it."""
    rng = np.random.default_rng(0)
    n = 150
    X = rng.normal(size=(n, sum(DIMS))).astype(np.float32)
    y = (X[:, 0] + X[:, 3] + X[:, 12] > 0).astype(np.int64)
    labels = task_of(y)
    got = study(NAMES, DIMS, X, labels, repeated(labels), DEPTH, SHAPES, combine=True)
    assert got.combined.accuracy > 0.85
    assert got.combined.gain_ci95[0] > 0
    assert "Combining layers is clearly better than the last layer alone" in got.advice


def test_the_combination_is_judged_on_the_folds_given():
    X, y = stages((1.0, 1.0, 1.0, 1.0), 80)
    labels = task_of(y)
    folds = repeated(labels, 1).folds
    outcome = judge_combination(X, labels, folds)
    assert isinstance(outcome, Outcome)
    assert [p.shape for p in outcome.proba] == [(len(held), 2) for _, held in folds]
    for proba in outcome.proba:
        np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert len(outcome.inner) == 5


def test_held_out_rows_have_no_say_in_their_own_answers():
    X, y = stages((1.0, 1.0, 1.0, 2.0), 80)
    labels = task_of(y)
    folds = repeated(labels, 1).folds[:1]
    held = folds[0][1]
    before = judge_combination(X, labels, folds).proba[0]
    turned = y.copy()
    turned[held] = 1 - turned[held]
    after = judge_combination(X, task_of(turned), folds).proba[0]
    np.testing.assert_allclose(after, before, rtol=1e-5)
