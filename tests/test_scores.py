"""Transferability scores: by hand, against slow loops and a second library, and their bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf_shrinkage

from headstart.choose.scores import (
    ITERATIONS,
    LEAST_NOISE,
    _axes,
    _ledoit_wolf,
    h_score,
    knn_accuracy,
    logme,
)

SCORES = [logme, h_score, knn_accuracy]


def blobs(n, dim, n_classes, strength, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return rng.normal(size=(n, dim)) + strength * 2 * np.eye(dim)[y], y


# --- LogME --------------------------------------------------------------------------------------


def slow_logme(X, y):
    """Algorithm 1 of the paper with inverses and determinants of (dim, dim), class by class."""
    F = X / np.sqrt(np.mean(X**2))
    n, dim = F.shape
    found = []
    for c in np.unique(y):
        t, alpha, beta = (y == c).astype(float), 1.0, 1.0
        for _ in range(ITERATIONS):
            A = alpha * np.eye(dim) + beta * F.T @ F
            m = beta * np.linalg.solve(A, F.T @ t)
            gamma = beta * np.trace(np.linalg.solve(A, F.T @ F))
            alpha, old = gamma / (m @ m), alpha / beta
            beta = (n - gamma) / max(np.sum((F @ m - t) ** 2), LEAST_NOISE * n)
            if abs(alpha / beta - old) <= 1e-3 * old:
                break
        # The evidence as what it is: the density of t, all weights integrated out.
        covariance = np.eye(n) / beta + F @ F.T / alpha
        _, log_det = np.linalg.slogdet(covariance)
        found.append(
            -0.5 * (t @ np.linalg.solve(covariance, t) + log_det + n * np.log(2 * np.pi)) / n
        )
    return np.mean(found)


@pytest.mark.parametrize(("n", "dim"), [(60, 5), (40, 40), (30, 80)])
def test_logme_is_the_log_density_of_the_labels(n, dim):
    X, y = blobs(n, dim, 2, 0.5)
    # Two classes settle together: the slow loop stops class by class, the fast one when all have.
    assert logme(X, y) == pytest.approx(slow_logme(X, y), rel=1e-3, abs=1e-3)


def test_logme_by_hand():
    """One feature, always 1, and two rows of two classes.

    By symmetry both classes score the same. F'F = 2, F't = 1: m = beta / (alpha + 2 beta).
    """
    X, y = np.ones((2, 1)), np.array([0, 1])
    alpha = beta = 1.0
    for _ in range(ITERATIONS):
        m, gamma = beta / (alpha + 2 * beta), 2 * beta / (alpha + 2 * beta)
        alpha, beta, old = gamma / m**2, (2 - gamma) / ((m - 1) ** 2 + m**2), alpha / beta
        if abs(alpha / beta - old) <= 1e-3 * old:
            break
    m = beta / (alpha + 2 * beta)
    error = (m - 1) ** 2 + m**2
    log_det = np.log(alpha + 2 * beta)
    wanted = np.log(alpha) + 2 * np.log(beta) - log_det - beta * error - alpha * m**2
    assert logme(X, y) == pytest.approx((wanted - 2 * np.log(2 * np.pi)) / 4)


def test_logme_stays_finite_where_any_labels_can_be_fitted():
    rng = np.random.default_rng(0)
    for n, dim in ((10, 500), (72, 1280), (3, 3)):
        X, y = rng.normal(size=(n, dim)), np.arange(n) % 2
        assert np.isfinite(logme(X, y))
    perfect = np.eye(4)[[0, 1, 2, 3] * 10]  # the label itself: no residual at all
    assert np.isfinite(logme(perfect, np.array([0, 1, 2, 3] * 10)))
    assert np.isfinite(logme(np.zeros((6, 2)), np.array([0, 1] * 3)))


# --- H-score ------------------------------------------------------------------------------------


def slow_h_score(X, y):
    n, dim = X.shape
    X = X - X.mean(axis=0)
    a = ledoit_wolf_shrinkage(X, assume_centered=True)
    total = X.T @ X / n
    shrunk = (1 - a) * total + a * np.trace(total) / dim * np.eye(dim)
    means = np.array([X[y == label].mean(axis=0) for label in y])  # E[f | y], row by row
    return np.trace(np.linalg.pinv(shrunk) @ ((1 - a) * means.T @ means / n))


@pytest.mark.parametrize(("n", "dim", "n_classes"), [(50, 6, 3), (20, 20, 2), (24, 70, 4)])
def test_h_score_is_its_definition(n, dim, n_classes):
    X, y = blobs(n, dim, n_classes, 0.7)
    assert h_score(X, y) == pytest.approx(slow_h_score(X, y), rel=1e-6)


def test_h_score_by_hand():
    """One feature: nothing to shrink, H = between / total = 4 / 5."""
    X = np.array([[-3.0], [-1.0], [1.0], [3.0]])  # class means -2 and 2, total variance 5
    y = np.array([0, 0, 1, 1])
    assert h_score(X, y) == pytest.approx(0.8)
    wide = np.column_stack([X[:, 0], [1e-3, -1e-3, 1e-3, -1e-3]])
    a = ledoit_wolf_shrinkage(wide, assume_centered=True)
    wanted = (1 - a) * 4 / ((1 - a) * 5 + a * 2.5)
    assert h_score(wide, y) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(("n", "dim"), [(40, 5), (15, 60)])
def test_the_shrinkage_is_scikit_learns(n, dim):
    X = np.random.default_rng(1).normal(size=(n, dim)) * np.linspace(0.1, 3, dim)
    X = X - X.mean(axis=0)
    assert _ledoit_wolf(X, _axes(X)[0]) == pytest.approx(
        ledoit_wolf_shrinkage(X, assume_centered=True)
    )


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(4, 40),
    dim=st.integers(1, 60),
    n_classes=st.integers(2, 6),
    scale=st.floats(1e-3, 1e3),
    seed=st.integers(0, 99),
    strength=st.floats(0, 100),
)
def test_h_score_lies_between_0_and_classes_less_1(n, dim, n_classes, scale, seed, strength):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    X = scale * (rng.normal(size=(n, dim)) + strength * rng.normal(size=(n_classes, dim))[y])
    assert -1e-9 <= h_score(X, y) <= len(np.unique(y)) - 1 + 1e-6


# --- kNN ----------------------------------------------------------------------------------------


def slow_knn(X, y, k, groups):
    Z = X - X.mean(axis=0)
    Z = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    right = 0
    for i in range(len(Z)):
        others = [j for j in range(len(Z)) if groups[j] != groups[i]]
        near = sorted(others, key=lambda j: -Z[i] @ Z[j])[:k]
        votes = {c: sum(np.exp(Z[i] @ Z[j] / 0.07) for j in near if y[j] == c) for c in set(y)}
        right += max(sorted(votes), key=votes.__getitem__) == y[i]
    return right / len(Z)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("n", [45, 600])
def test_knn_is_its_slow_loop(n, grouped):
    X, y = blobs(n, 8, 3, 0.5)
    groups = np.arange(n) // 3 if grouped else None
    k = min(20, max(3, n // 3 // 2))
    wanted = slow_knn(X[:60], y[:60], min(k, 10), np.arange(60) if groups is None else groups[:60])
    keep = groups[:60] if grouped else None
    assert knn_accuracy(X[:60], y[:60], keep, k=min(k, 10)) == pytest.approx(wanted)
    if n > 512:  # more than one slice
        assert 0 < knn_accuracy(X, y, groups) < 1


def test_knn_by_hand():
    """Two tight pairs on opposite sides: each row's neighbour votes for it, unless it is a copy."""
    X = np.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
    assert knn_accuracy(X, np.array([0, 0, 1, 1]), k=1) == 1
    assert knn_accuracy(X, np.array([0, 1, 0, 1]), k=1) == 0
    assert knn_accuracy(X, np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), k=1) == 0


def test_copies_flatter_knn_unless_they_are_grouped():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(60, 20)), 2, axis=0)
    y = np.repeat(rng.integers(0, 2, 60), 2)
    assert knn_accuracy(X, y, k=1) == 1
    assert knn_accuracy(X, y, np.arange(120) // 2, k=1) < 0.75


# --- all ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("n", "dim"), [(60, 8), (24, 50)])
def test_what_must_not_matter_does_not(score, n, dim):
    X, y = blobs(n, dim, 3, 0.6)
    rng = np.random.default_rng(1)
    order = rng.permutation(n)
    turn, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
    wanted = pytest.approx(score(X, y), rel=1e-5, abs=1e-7)
    assert score(X[order], y[order]) == wanted
    assert score(X @ turn, y) == wanted
    assert score(X * 1000, y) == wanted
    assert score(X, 7 - y) == wanted  # other numbers for the classes, and gaps among them


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("n", "dim"), [(200, 10), (60, 300)])
def test_clearer_classes_score_higher(score, n, dim):
    values = [score(*blobs(n, dim, 3, strength)) for strength in (0, 1, 4)]
    assert values == sorted(values)
    assert len(set(values)) == 3
