"""Vectors and counts mixed: neither is lost where only one of them says anything."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.choose.candidates import PROBE
from headstart.judge.crossval import judge_folds
from headstart.judge.estimate import assess, plan
from headstart.methods.mix import MIX, chosen_inside
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels, Stream
from headstart.transfer.heads import HEADS, MixedHead, arrays_of
from headstart.transfer.logistic import softmax
from headstart.transfer.mix import choose_mix
from headstart.transfer.pair import Pair
from test_counts import drawn


def pair(n: int, vectors: float, counts: float, seed: int = 0):
    """Draw rows of two classes, of which either space says so much."""
    X, y = drawn(n, 2, seed, said=counts)
    rng = np.random.default_rng(seed)
    V = rng.normal(size=(n, 12)).astype(np.float32)
    V[:, 0] += vectors * (2 * y - 1)
    return Pair(V, X), Labels(y, Classification.numbered(2), None, False, seed)


def judged(X: Pair, labels: Labels):
    folds = labels.folds(np.arange(len(X)), 3, Stream.ESTIMATE, 0)
    spaces = {PROBE: X.vectors, "counts": X.counts, MIX: X}
    found = judge_folds(spaces, labels, folds, workers=1)

    def right(outcome):
        pairs = zip(outcome.proba, folds, strict=True)
        return np.mean([(p.argmax(1) == labels.y[held]).mean() for p, (_, held) in pairs])

    return found, right


@pytest.mark.parametrize(("vectors", "counts"), [(1.5, 0.0), (0.0, 1.0)])
def test_neither_is_lost_where_only_one_says_anything(vectors, counts):
    X, labels = pair(180, vectors, counts)
    found, right = judged(X, labels)
    best, worst = ("counts", PROBE) if counts else (PROBE, "counts")
    assert right(found[best]) > right(found[worst]) + 0.1
    assert right(found[MIX]) >= right(found[best]) - 0.02
    shares = [c.share for c in found[MIX].choices]
    assert max(shares) < 1 if counts else min(shares) == 1


def test_both_together_are_better_than_either():
    X, labels = pair(300, 0.7, 0.6)
    found, right = judged(X, labels)
    assert right(found[MIX]) > max(right(found[PROBE]), right(found["counts"]))
    assert any(0 < c.share < 1 for c in found[MIX].choices)


def test_auto_is_the_probe_where_mixing_brings_nothing():
    X, labels = pair(120, 1.5, 0.0)
    found, _ = judged(X, labels)
    assert chosen_inside(found).proba == found[PROBE].proba
    X, labels = pair(180, 0.0, 1.0)
    found, _ = judged(X, labels)
    assert chosen_inside(found).proba == found[MIX].proba


def test_no_gain_is_found_in_labels_that_mean_nothing():
    for seed in range(4):
        X, labels = pair(90, 1.5, 1.0, seed)
        dealt = np.random.default_rng(seed).permutation(labels.y)
        labels = Labels(dealt, labels.task, None, False, seed)
        chosen = plan(labels, np.zeros(90, bool), costly=True)
        found = judge_folds({"counts": X.counts, MIX: X}, labels, chosen.folds, workers=1)
        verdict = assess(found.pop(MIX), found, labels, chosen).verdict
        assert verdict is not None
        assert verdict.decision != "helps"


def test_the_mixture_is_the_mean_of_both_answers():
    X, labels = pair(120, 0.8, 0.6)
    y, every = labels.y, np.arange(120)
    choice = choose_mix(X, y, 2, labels.folds(every, 5, Stream.INNER))
    head = choice.fit(X, y, 2, exact=True)
    own, other = (
        np.log(softmax(c.fit(part, y, 2, exact=True).logits(part) / c.temperature))
        for c, part in ((choice.vectors, X.vectors), (choice.counts, X.counts))
    )
    mean = softmax(choice.share * own + (1 - choice.share) * other)
    assert np.allclose(softmax(head.logits(X)), mean, atol=1e-6)
    again = MixedHead(**{name: np.array(a) for name, a in arrays_of(head).items()})
    assert HEADS[head.kind] is MixedHead
    assert np.array_equal(again.logits(X), head.logits(X))
    one_by_one = np.concatenate([head.logits(X[np.array([i])]) for i in range(9)])
    assert np.allclose(one_by_one, head.logits(X[np.arange(9)]), atol=1e-6)
