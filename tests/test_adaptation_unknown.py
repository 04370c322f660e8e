"""Images of unknown classes: the bound by hand, silence on closed sets and under large shifts."""

import json

import numpy as np
import pytest

from headstart.adaptation.domains import Domains
from headstart.adaptation.shift import Shift
from headstart.adaptation.unknown import find_unknown, novel_share, strangeness


def drawn(n, classes, dim=20, seed=0):
    rng = np.random.default_rng(seed)
    y = np.asarray(classes)[np.arange(n) % len(classes)]
    return rng.normal(size=(n, dim)) + 5 * np.eye(dim)[y], y


def believed(X, n_classes=3):
    """Softmax of minus half the squared distance to the class means."""
    logits = 5 * X[:, :n_classes]
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def shift(auc=0.6):
    return Shift(auc, (auc - 0.05, auc + 0.05), *(np.zeros(1),) * 5)


def found(target, auc=0.6):
    X, y = drawn(90, [0, 1, 2])
    return find_unknown(Domains(X, y, target, 3), shift(auc), believed(X), believed(target))


def test_the_bound_by_hand():
    """Source 1 to 10: eight are at most 8. Of the target's ten, four: 1 - (4.5/10.5)/(8.5/10.5)."""
    source = np.arange(1.0, 11)
    target = np.array([1.0, 2, 3, 4, 20, 20, 20, 20, 20, 20])
    share, (low, high) = novel_share(source, target)
    assert share == pytest.approx(1 - 4.5 / 8.5)
    se = np.sqrt(1 / 4.5 - 1 / 10.5 + 1 / 8.5 - 1 / 10.5)
    assert low == pytest.approx(max(0, 1 - 4.5 / 8.5 * np.exp(1.959964 * se)))
    assert high == pytest.approx(1 - 4.5 / 8.5 * np.exp(-1.959964 * se))


def test_equal_scores_leave_nothing_to_explain():
    scores = np.random.default_rng(0).normal(size=200)
    share, (low, _) = novel_share(scores, scores)
    assert share == pytest.approx(0)
    assert low == 0


def test_a_mixture_is_bounded_from_below():
    """30 of 100 far away: the bound stays below 0.3 or near it, and its interval above zero."""
    rng = np.random.default_rng(0)
    target = np.concatenate([rng.normal(size=70), 9 + rng.normal(size=30)])
    share, (low, high) = novel_share(rng.normal(size=200), target)
    assert 0.15 < share < 0.45
    assert 0 < low < 0.3 < high


def test_closed_sets_stay_silent():
    flagged = [found(drawn(60, [0, 1, 2], seed=s)[0]).flagged for s in range(1, 21)]
    assert sum(flagged) <= 2
    calm = found(drawn(60, [0, 1, 2], seed=1)[0])
    assert calm.sentence == "No sign of classes that the source does not have."
    assert calm.to_json(["x"] * 60)["examples"] == []


def test_an_unknown_class_is_flagged_and_comes_first():
    target, y = drawn(80, [0, 1, 2, 7], seed=1)
    open_set = found(target)
    assert open_set.flagged
    strangest = np.argsort(-open_set.scores)[:15]
    assert (y[strangest] == 7).mean() > 0.8
    told = open_set.to_json([f"{i}.png" for i in range(80)])
    json.dumps(told, allow_nan=False)
    assert len(told["examples"]) == 12
    assert told["share_ci95"][0] > 0
    assert "no answer for them" in told["sentence"]


def test_under_a_large_shift_nothing_is_claimed():
    silent = found(drawn(80, [0, 1, 2, 7], seed=1)[0], auc=0.97)
    assert not silent.flagged
    assert "cannot be told" in silent.sentence
    told = silent.to_json(["x"] * 80)
    assert told["share"] is None
    assert told["examples"] == []


def test_strangeness_is_in_units_of_the_source():
    X, y = drawn(60, [0, 1, 2])
    strange, _ = drawn(60, [7, 8], seed=1)
    own, other = strangeness(Domains(X, y, strange, 3), believed(X), believed(strange))
    assert own.mean() == pytest.approx(0, abs=1e-9)
    assert other.mean() > 1


def test_beliefs_about_some_rows_are_matched():
    """A fifth of the source is held out; without its rows distances count alone."""
    X, y = drawn(150, [0, 1, 2])
    target, _ = drawn(80, [0, 1, 2, 7], seed=1)
    d, held = Domains(X, y, target, 3), np.arange(0, 150, 5)
    own, other = strangeness(d, believed(X), believed(target))
    some, same = strangeness(d, believed(X[held]), believed(target), held)
    assert some.shape == (30,)
    everyone = strangeness(d, believed(X), believed(target), np.arange(150))
    assert np.array_equal(everyone[0], own)
    assert np.corrcoef(other, same)[0, 1] > 0.99
    alone = find_unknown(d, shift(), believed(X[held]), believed(target))
    assert len(strangeness(d, believed(X[held]), believed(target))[0]) == 150
    assert 0 <= alone.share <= 1
