"""Item neighbours and ALS where logs are odd: against naive loops, and the same every time."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from headstart.behaviour import factors, neighbours


def drawn(seed=0, shape=(40, 12), share=0.3):
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.5, 1, shape)  # no two are alike
    return csr_array(((rng.random(shape) < share) * weight).astype(np.float32))


def with_an_item_that_nobody_chose(X):
    return csr_array(np.hstack([X.toarray(), np.zeros((X.shape[0], 1), np.float32)]))


def naive_neighbours(X, nearest, shrink):
    """Loop over pairs of columns, then keep the nearest few of each."""
    n = X.shape[1]
    found = np.zeros((n, n))
    for j in range(n):
        for i in range(n):
            if i != j:
                lengths = np.linalg.norm(X[:, i]) * np.linalg.norm(X[:, j])
                found[i, j] = X[:, i] @ X[:, j] / (lengths + shrink)
        found[np.argsort(found[:, j])[:-nearest], j] = 0
    return found


@pytest.mark.parametrize("part", [1, 5, 100])
def test_neighbours_are_those_of_a_naive_loop_however_many_are_found_at_a_time(part, monkeypatch):
    monkeypatch.setattr(neighbours, "NEAREST", 4)
    monkeypatch.setattr(neighbours, "PART", part)
    X = drawn()
    wanted = naive_neighbours(X.toarray().astype(float), 4, neighbours.SHRINK)
    found = neighbours.fit(X, 12)
    np.testing.assert_allclose(found.matrix().toarray(), wanted, rtol=1e-5)
    np.testing.assert_allclose(found.scores(X), X.toarray() @ wanted, rtol=1e-4, atol=1e-6)


def test_an_item_that_nobody_chose_is_nobodys_neighbour():
    found = neighbours.fit(with_an_item_that_nobody_chose(drawn()), 13).matrix().toarray()
    assert not found[-1].any()
    assert not found[:, -1].any()
    np.testing.assert_array_equal(found[:12, :12], neighbours.fit(drawn(), 12).matrix().toarray())


def test_a_log_without_choices_has_no_neighbours():
    nothing = csr_array((3, 4), dtype=np.float32)
    assert not neighbours.fit(nothing, 4).scores(nothing).any()


def test_als_scores_nothing_for_items_that_nobody_chose_and_for_strangers():
    found = factors.fit(with_an_item_that_nobody_chose(drawn()), 13)
    assert np.isfinite(found.V).all()
    np.testing.assert_allclose(found.V[-1], 0, atol=1e-6)
    assert not found.scores(csr_array((1, 13), dtype=np.float32)).any()


def test_als_is_the_same_every_time_and_with_any_number_of_threads(monkeypatch):
    X, found = drawn(1, (200, 60)), []
    for workers in (1, 1, 3):
        monkeypatch.setattr(factors, "worker_count", lambda workers=workers: workers)
        found.append(factors.fit(X, 60).V)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
