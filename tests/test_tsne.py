"""t-SNE, against scikit-learn's."""

import numpy as np
import pytest
from sklearn.manifold import TSNE
from sklearn.manifold._t_sne import _joint_probabilities
from sklearn.metrics import pairwise_distances
from threadpoolctl import threadpool_limits

from headstart.judge.tsne import _slope, neighbourhoods, tsne


@pytest.fixture(autouse=True)
def one_core():
    with threadpool_limits(1):
        yield


def drawn(n, kinds, far):
    rng = np.random.default_rng(n)
    return rng.normal(size=(n, 30)) + far * np.eye(kinds, 30)[np.arange(n) % kinds]


def divergence(P, Y):
    """Of the map's neighbourhoods from those of the rows: what t-SNE makes small."""
    near = 1 / (1 + np.square(pairwise_distances(Y)))
    np.fill_diagonal(near, 0)
    Q, there = near / near.sum(), P > 0
    return float((P[there] * np.log(P[there] / Q[there])).sum())


@pytest.mark.parametrize("perplexity", [4.0, 7.5, 30.0])
def test_neighbourhoods_are_those_of_scikit_learn(perplexity):
    X = drawn(90, 3, 4)
    squared = np.square(pairwise_distances(X))
    wanted = np.zeros((90, 90))
    wanted[np.triu_indices(90, 1)] = _joint_probabilities(squared, perplexity, 0)
    found = neighbourhoods(X, perplexity)
    np.testing.assert_allclose(found, wanted + wanted.T, atol=1e-6)
    assert found.sum() == pytest.approx(1)


def test_the_slope_is_that_of_the_divergence():
    rng = np.random.default_rng(0)
    P, Y = neighbourhoods(drawn(20, 2, 3), 5.0), rng.normal(size=(20, 2))
    slope = _slope(P, Y)
    for at in [(0, 0), (7, 1), (19, 0)]:
        step = np.zeros_like(Y)
        step[at] = 1e-5
        rise = (divergence(P, Y + step) - divergence(P, Y - step)) / 2e-5
        assert slope[at] == pytest.approx(rise, rel=1e-4)


@pytest.mark.parametrize(("n", "kinds", "far"), [(60, 2, 3), (200, 5, 6), (200, 1, 0)])
def test_the_map_is_as_good_as_scikit_learns(n, kinds, far):
    """The divergence left; a layout may settle elsewhere, so not the places."""
    X = drawn(n, kinds, far)
    start, perplexity = X[:, :2] - X[:, :2].mean(axis=0), min(30.0, n / 4)
    begin = (start / start[:, 0].std() * 1e-4).astype(np.float32)
    theirs = TSNE(2, perplexity=perplexity, init=begin, max_iter=500, random_state=0)
    P = neighbourhoods(X, perplexity)
    ours = divergence(P, tsne(X, start, perplexity))
    assert ours <= 1.03 * divergence(P, theirs.fit_transform(X))
