"""Logistic regression on counts: against scikit-learn, and that TF-IDF is the training rows'."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from headstart.judge.crossval import judge_folds
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels
from headstart.transfer import counts
from headstart.transfer.counts import CountsPath, SmallCountsPath, TfIdf, fit_counts
from headstart.transfer.heads import HEADS, CountsHead, arrays_of
from headstart.transfer.probe import choose_head


def drawn(n: int, classes: int, seed: int = 0, width: int = 300, said: float = 1.0):
    """Draw counts, in which every class has words of its own."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    rate = np.full((n, width), 0.15)
    for k in range(6):
        rate[np.arange(n), 6 * y + k] += 0.6 * said
    return csr_array(rng.poisson(rate).astype(np.float32)), y


def scikit_learn(X: csr_array, y, C: float, weight=None):
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression

    rows = np.bincount(X.indices, minlength=X.shape[1])
    X = X[:, np.flatnonzero(rows >= counts.FEWEST_ROWS)].astype(np.float64)
    Z = TfidfTransformer(sublinear_tf=True).fit_transform(X)
    many = len(np.unique(y)) > 2  # of two classes the binary loss: half the penalty
    model = LogisticRegression(C=C if many else 2 * C, tol=1e-10, max_iter=5000)
    return model.fit(Z, y, weight), Z


@pytest.mark.parametrize("few", [0, 10**6], ids=["L-BFGS", "in their span"])
@pytest.mark.parametrize(("classes", "C"), [(2, 1.0), (3, 0.1), (3, 10.0)])
def test_equals_scikit_learn(few, classes, C, monkeypatch):
    monkeypatch.setattr(counts, "FEW", few)
    X, y = drawn(200, classes)
    head = CountsHead(*fit_counts(X, y, classes, C))
    theirs, Z = scikit_learn(X, y, C)
    weighed = TfIdf(head.columns, head.idf)(X)
    assert np.abs(weighed - Z).max() < 1e-12
    logits = theirs.decision_function(Z)
    ours = head.logits(X)
    if classes == 2:
        assert np.allclose(ours[:, 1] - ours[:, 0], logits, atol=1e-4)
    else:
        centred = logits - logits.mean(axis=1, keepdims=True)
        assert np.allclose(ours - ours.mean(axis=1, keepdims=True), centred, atol=1e-4)


def test_weighed_classes_equal_scikit_learn():
    X, y = drawn(150, 2)
    X, y = X[np.sort(np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:20]])], None
    y = np.r_[np.zeros(X.shape[0] - 20, int), np.ones(20, int)]
    head = CountsHead(*fit_counts(X, y, 2, 3.0, balanced=True))
    weight = len(y) / (2 * np.bincount(y)[y])
    theirs, Z = scikit_learn(X, y, 3.0, weight)
    ours = head.logits(X)
    assert np.allclose(ours[:, 1] - ours[:, 0], theirs.decision_function(Z), atol=1e-4)


def test_several_labels_are_a_regression_each():
    from sklearn.linear_model import LogisticRegression

    X, y = drawn(700, 3)
    Y = np.stack([y == 0, (y == 1) | (y == 2), y == 2], axis=1)
    head = CountsHead(*fit_counts(X, Y, 3, 2.0))
    Z = TfIdf(head.columns, head.idf)(X)
    logits = head.logits(X)
    for k, own in enumerate(Y.T):
        theirs = LogisticRegression(C=2.0, tol=1e-10, max_iter=5000).fit(Z, own)
        assert np.allclose(logits[:, k], theirs.decision_function(Z), atol=1e-4)


@pytest.mark.parametrize("few", [0, 10**6], ids=["L-BFGS", "in their span"])
def test_a_fold_learns_nothing_of_the_rows_it_holds_out(few, monkeypatch):
    monkeypatch.setattr(counts, "FEW", few)
    X, y = drawn(60, 2)
    train, held = np.arange(40), np.arange(40, 60)
    other = X.toarray()
    other[held] = other[held][:, ::-1] + 5  # every word occurs in what is held out
    paths = [counts.counts_path(X, y, 2, [train]) for X in (X, csr_array(other))]
    for path in paths:
        path.advance(1.0)
    mine, theirs = (path.coefficients(0) for path in paths)
    for a, b in zip(mine, theirs, strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(mine[0], TfIdf.fit(X[train]).columns)
    assert len(mine[0]) < len(TfIdf.fit(csr_array(other)).columns)


def test_an_estimate_learns_nothing_of_the_rows_it_holds_out():
    X, y = drawn(60, 2)
    labels = Labels(y, Classification.numbered(2), None, False, 0)
    folds = [(np.arange(40), np.arange(40, 60))]
    once = judge_folds({"counts": X}, labels, folds, workers=1)["counts"]
    more = csr_array(X.toarray() + np.r_[np.zeros((50, 300)), np.ones((10, 300))])
    again = judge_folds({"counts": more}, labels, folds, workers=1)["counts"]
    assert np.array_equal(once.proba[0][:10], again.proba[0][:10])
    assert not np.array_equal(once.proba[0][10:], again.proba[0][10:])


def test_the_two_ways_choose_alike(monkeypatch):
    X, y = drawn(120, 3)
    folds = [(np.flatnonzero(np.arange(120) % 3 != f), np.arange(f, 120, 3)) for f in range(3)]
    kept = []
    for few, kind in ((10**6, SmallCountsPath), (0, CountsPath)):
        monkeypatch.setattr(counts, "FEW", few)
        assert isinstance(counts.counts_path(X, y, 3, [folds[0][0]]), kind)
        kept.append(choose_head(X, y, 3, folds))
    assert kept[0].C == kept[1].C
    assert kept[0].kind == CountsHead.kind
    assert np.allclose(kept[0].logits, kept[1].logits, atol=0.05)


def test_what_was_never_seen_says_nothing():
    X, y = drawn(60, 2)
    head = CountsHead(*fit_counts(X, y, 2, 1.0))
    empty = csr_array((2, X.shape[1] + 9))
    strange = csr_array(([7.0], ([1], [X.shape[1] + 3])), shape=empty.shape)
    assert np.array_equal(head.logits(empty), np.tile(head.b, (2, 1)))
    assert np.array_equal(head.logits(strange), np.tile(head.b, (2, 1)))
    one_by_one = np.concatenate([head.logits(X[[i]]) for i in range(9)])
    assert np.allclose(one_by_one, head.logits(X[np.arange(9)]), atol=1e-12)


def test_rows_that_share_nothing_are_learned_from_all_the_same():
    X, y = csr_array(np.eye(6, dtype=np.float32)), np.array([0, 1, 0, 1, 0, 1])
    assert len(TfIdf.fit(X).columns) == 6
    assert (CountsHead(*fit_counts(X, y, 2, 100.0)).logits(X).argmax(axis=1) == y).all()
    nothing = csr_array((6, 4), dtype=np.float32)
    assert CountsHead(*fit_counts(nothing, y, 2, 1.0)).logits(nothing).shape == (6, 2)


def test_arrays_are_all_there_is_to_a_head_of_counts():
    X, y = drawn(60, 2)
    head = CountsHead(*fit_counts(X, y, 2, 1.0))
    again = HEADS["TF-IDF"](**{name: np.array(a) for name, a in arrays_of(head).items()})
    assert np.array_equal(again.logits(X), head.logits(X))
