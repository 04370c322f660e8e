"""The order check: neighbours that are the same object, and lists where order means nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from given import IMAGE
from headstart.data.dataset import groups_from_pattern, places
from headstart.errors import ConfigError
from headstart.judge.order import CLEARLY, OrderCheck, check_order
from headstart.modalities import Unit
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels
from headstart.transfer.probe import Choice

PROBE = Choice("logistic", 0.1, 0.0, 1.0, [])

FILES = Unit("file", "files")


@pytest.fixture(autouse=True)
def one_core():
    """Small matrices lose more than they gain from a second thread."""
    with threadpool_limits(1):
        yield


def objects(n_objects=24, views=10, seed=0):
    """Runs of near-identical rows, one object each, its label drawn from a hat."""
    rng = np.random.default_rng(seed)
    y = np.repeat(rng.permutation(np.arange(n_objects) % 2), views)
    X = np.repeat(rng.normal(size=(n_objects, 40)), views, axis=0)
    return X + 0.05 * rng.normal(size=X.shape), y


def check(X, y, position, groups=None, choice=PROBE):
    labels = Labels(y, Classification.numbered(int(y.max()) + 1), groups, False, 0)
    return check_order(X, position, labels, choice)


def test_runs_of_the_same_object_are_found():
    X, y = objects()
    found = check(X, y, np.arange(len(y)) / len(y))
    assert found.shuffled > 0.95
    assert found.blocks < 0.7
    assert found.dependent
    finding = found.finding(IMAGE.unit, FILES)
    assert (finding.kind, finding.severity) == ("order", "warning")
    for words in (f"{found.shuffled:.1%}", f"{found.blocks:.1%}", "--groups-from", "--groups"):
        assert words in finding.message
    assert finding.figures["shuffled_accuracy"] == pytest.approx(found.shuffled, abs=1e-4)
    assert finding.figures["block_accuracy"] == pytest.approx(found.blocks, abs=1e-4)
    for figure in ("shuffled_accuracy", "block_accuracy"):
        low, high = finding.figures[f"{figure}_ci95"]
        assert low <= finding.figures[figure] <= high


def test_runs_within_class_folders_are_found():
    """Each class its own folder, objects in runs within it: blocks are cut in every folder."""
    X, y = objects()
    order = np.argsort(y, kind="stable")
    found = check(X[order], y[order], places(y[order]))
    assert found.dependent
    assert found.shuffled > 0.95


def test_groups_that_are_given_take_the_difference_away():
    X, y = objects()
    groups = np.arange(len(y)) // 10
    found = check(X, y, np.arange(len(y)) / len(y), groups)
    assert found.shuffled < 0.75
    assert not found.dependent


@pytest.mark.parametrize("seed", range(4))
def test_independent_rows_are_a_reassurance(seed):
    rng = np.random.default_rng(seed)
    y = np.arange(240) % 3
    X = rng.normal(size=(240, 20)) + np.eye(20)[y]
    found = check(X, y, np.arange(240) / 240)
    assert not found.dependent
    finding = found.finding(IMAGE.unit, FILES)
    assert finding.severity == "info"
    assert "No clear sign" in finding.message
    assert f"{found.blocks:.1%}" in finding.message


def test_shuffled_objects_cannot_be_seen():
    """Order that was destroyed leaves nothing to find: the limit of this check."""
    X, y = objects()
    order = np.random.default_rng(1).permutation(len(y))
    assert not check(X[order], y[order], np.arange(len(y)) / len(y)).dependent


def test_the_same_rows_and_seed_give_the_same_figures():
    X, y = objects()
    position = np.arange(len(y)) / len(y)
    assert check(X, y, position) == check(X, y, position)


def test_majority_is_told_when_blocks_fall_below_it():
    kept = {"shuffled_ci95": (0.8, 1.0), "blocks_ci95": (0.3, 0.5), "p_value": 1e-9}
    below = OrderCheck(shuffled=0.9, blocks=0.4, majority=0.6, **kept)
    assert (
        "below the 60.0% of always naming the largest class"
        in below.finding(IMAGE.unit, FILES).message
    )
    above = OrderCheck(shuffled=0.9, blocks=0.7, majority=0.6, **kept)
    assert "largest class" not in above.finding(IMAGE.unit, FILES).message


@pytest.mark.parametrize(
    ("drop", "p_value", "dependent"),
    [(CLEARLY + 0.01, 0.001, True), (CLEARLY - 0.01, 0.001, False), (0.2, 0.02, False)],
)
def test_a_warning_needs_a_clear_drop_and_a_small_p(drop, p_value, dependent):
    found = OrderCheck(0.9, 0.9 - drop, (0, 1), (0, 1), p_value, 0.5)
    assert found.dependent == dependent


def rare(n=510, every=51, seed=0):
    """Rows of which the first of every 51 is of a rare class that nothing tells."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % every == 0).astype(np.int64)
    return rng.normal(size=(n, 20)), y


def test_unequal_classes_count_alike():
    X, y = rare()
    found = check(X, y, np.arange(len(y)) / len(y))
    assert found.metric == "balanced accuracy"
    assert found.majority == 0.5
    assert found.shuffled < 0.6  # and not the 98 % that the large class alone would give
    said = found.finding(IMAGE.unit, FILES)
    assert "balanced accuracy 5" in said.message
    assert said.figures["metric"] == "balanced accuracy"
    for value, (low, high) in (
        (found.shuffled, found.shuffled_ci95),
        (found.blocks, found.blocks_ci95),
    ):
        assert low < value < high
        assert high - low > 0.1  # ten rows of the rare class say no more


def test_an_order_that_only_a_rare_class_depends_on_is_found():
    """Ten objects of the rare class, five rows each: 10 % of the rows, and half of the score."""
    rng = np.random.default_rng(0)
    y = np.zeros(500, np.int64)
    X = rng.normal(size=(500, 30))
    for k in range(10):
        rows = slice(50 * k, 50 * k + 5)
        y[rows], X[rows] = 1, 3 * rng.normal(size=30) + 0.05 * rng.normal(size=(5, 30))
    found = check(X, y, np.arange(500) / 500)
    assert found.shuffled - found.blocks > 0.2
    assert found.dependent


def test_where_classes_are_equal_the_metric_is_that_of_the_task():
    X, y = objects()
    found = check(X, y, np.arange(len(y)) / len(y))
    assert (found.metric, found.majority) == ("accuracy", 0.5)


def test_a_class_in_one_stretch_of_the_list_cannot_be_checked():
    X, y = objects()
    y[-20:] = 2
    assert check(X, y, np.arange(len(y)) / len(y)) is None


# --- places -------------------------------------------------------------------------------------


def test_places_in_class_folders_count_within_the_class():
    position = places(np.array([0, 0, 0, 0, 1, 1]))
    assert position.tolist() == [0, 0.25, 0.5, 0.75, 0, 0.5]


def test_places_in_a_mixed_list_count_over_the_list():
    assert places(np.array([0, 1, 0, 1])).tolist() == [0, 0.25, 0.5, 0.75]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_places_are_shares_in_order(labels):
    y = np.array(labels)
    position = places(y)
    assert position.min() == 0
    assert position.max() < 1
    for c in np.unique(y):
        assert (np.diff(position[y == c]) > 0).all()
    runs = 1 + np.count_nonzero(np.diff(y))
    mixed = runs > len(np.unique(y))
    assert ((np.diff(position) > 0).all()) == (mixed or len(np.unique(y)) == 1)


# --- groups from names --------------------------------------------------------------------------


def test_groups_are_read_from_paths():
    refs = ("a/p1_x.png", "b/p22_y.png", "b/p1_z.png")
    assert groups_from_pattern(refs, r"p(\d+)_").tolist() == ["1", "22", "1"]
    assert groups_from_pattern(refs, r"p\d+").tolist() == ["p1", "p22", "p1"]


@pytest.mark.parametrize(
    ("pattern", "message", "hint"),
    [
        ("p(", "not a regular expression", "patient"),
        (r"p1(\d)?", "matches 0 of 3 paths", "Widen"),  # the parenthesis takes part in no match
        ("p1", "matches 2 of 3 paths; not, for example, 'b/p22_y.png'", "Widen"),
    ],
)
def test_patterns_that_cannot_serve(pattern, message, hint):
    with pytest.raises(ConfigError) as caught:
        groups_from_pattern(("a/p1_x.png", "b/p22_y.png", "b/p1_z.png"), pattern)
    assert message in caught.value.message
    assert hint in caught.value.hint
