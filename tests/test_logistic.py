"""The solver: two routes to one number, and what must not change it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from headstart.transfer import logistic
from headstart.transfer.logistic import (
    STRENGTHS,
    LogisticPath,
    Rotation,
    fit_folds,
    fit_logistic,
    row_weights,
    softmax,
    solve,
)


def problem(n, dim, n_classes, seed=0):
    """Features of unlike scale and offset; classes of unlike size that overlap."""
    rng = np.random.default_rng(seed)
    clean = rng.normal(size=(n, dim))
    score = clean[:, :n_classes] + rng.normal(size=(n, n_classes)) - 0.4 * np.arange(n_classes)
    return clean * rng.uniform(0.1, 10, dim) + 5, score.argmax(axis=1)


def standardised(X, weight):
    mean = weight @ X
    return (X - mean) / np.sqrt(weight @ (X - mean) ** 2)


def reference(X, y, C, balanced=False):
    """Fit scikit-learn's regression on standardised rows; return its probabilities of them."""
    Z = standardised(X, row_weights(y, y.max() + 1, balanced))
    model = LogisticRegression(
        C=C, tol=1e-8, max_iter=20_000, class_weight="balanced" if balanced else None
    )
    return model.fit(Z, y).predict_proba(Z)


def fold_rows(n, k, seed=0):
    fold = np.random.default_rng(seed).permutation(n) % k
    return [np.flatnonzero(fold != f) for f in range(k)]


def walked(X, y, n_classes, folds, C, *, tolerance=1e-7, **options):
    """A path walked to C, and its last logits."""
    path = LogisticPath(X, y, n_classes, folds, **options)
    for strength in STRENGTHS[STRENGTHS < C]:
        path.advance(strength, tolerance=1e-3)
    return path, path.advance(C, tolerance=tolerance)


# --- the same optimum as scikit-learn -----------------------------------------------------------


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("C", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize(("n", "dim", "n_classes"), [(150, 20, 3), (40, 120, 3), (200, 30, 5)])
def test_equals_scikit_learn(n, dim, n_classes, C, balanced):
    X, y = problem(n, dim, n_classes)
    W, b = fit_logistic(X, y, n_classes, C, balanced=balanced)
    assert W.dtype == b.dtype == np.float64
    assert np.abs(softmax(X @ W + b) - reference(X, y, C, balanced)).max() < 1e-4


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("C", [1e-3, 0.1, 10.0])
def test_two_classes_are_scikit_learns_at_twice_the_c(C, balanced):
    """Softmax spreads a weight w over two columns, ±w/2: |A|² is half of |w|²."""
    X, y = problem(120, 15, 2)
    W, b = fit_logistic(X, y, 2, C, balanced=balanced)
    assert np.allclose(W[:, 0], -W[:, 1], atol=1e-6)
    assert np.abs(softmax(X @ W + b) - reference(X, y, 2 * C, balanced)).max() < 1e-4


def test_balanced_weights_count_every_class_the_same():
    y = np.array([0] * 90 + [1] * 9 + [3])  # class 2 has no rows
    weight = row_weights(y, 4, balanced=True)
    assert np.allclose([weight[y == c].sum() for c in (0, 1, 3)], 1 / 3)
    assert row_weights(y, 4, balanced=False).sum() == pytest.approx(1)


# --- many folds at once -------------------------------------------------------------------------


@pytest.fixture
def shared(monkeypatch):
    """Let few rows be enough for folds to share scale and axes."""
    monkeypatch.setattr(logistic, "SHARED", 0)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize(("n", "dim"), [(120, 30), (40, 100)])
def test_a_stack_of_folds_equals_each_fold_alone(n, dim, balanced):
    X, y = problem(n, dim, 3)
    X = np.cumsum(X - 5, axis=1)  # neighbours correlate: axes of very unlike power
    folds, options = fold_rows(n, 4), {"dtype": np.float64, "balanced": balanced}
    stack, logits = walked(X, y, 3, folds, 1.0, **options)
    for f, rows in enumerate(folds):
        alone, own = walked(X[rows], y[rows], 3, [np.arange(len(rows))], 1.0, **options)
        assert np.abs(softmax(logits[f][rows]) - softmax(own[0])).max() < 1e-5
        W, _ = stack.coefficients(f)
        W_alone, _ = alone.coefficients(0)
        assert np.abs(W - W_alone).max() < 1e-4 * np.abs(W_alone).max()


@pytest.mark.parametrize(("n", "dim"), [(120, 30), (40, 100)])
@pytest.mark.parametrize("size", [1e2, 1e6])
def test_rows_left_out_of_a_fold_do_not_influence_it(n, dim, size):
    """Poisoned held-out rows: a shared basis once took its step sizes from them."""
    X, y = problem(n, dim, 3)
    folds = fold_rows(n, 4)
    poisoned, labels = X.copy(), y.copy()
    held = np.setdiff1d(np.arange(n), folds[0])
    poisoned[held] *= size
    labels[held] = (y[held] + 1) % 3
    clean, _ = walked(X, y, 3, folds, 1.0, dtype=np.float64)
    other, _ = walked(poisoned, labels, 3, folds, 1.0, dtype=np.float64)
    W, b = clean.coefficients(0)
    W_other, b_other = other.coefficients(0)
    fitted = softmax(X[folds[0]] @ W + b)
    assert np.abs(fitted - softmax(X[folds[0]] @ W_other + b_other)).max() < 1e-5
    # The fold that does learn from them must differ, or this test could not fail.
    apart = softmax(X @ clean.coefficients(1)[0]) - softmax(X @ other.coefficients(1)[0])
    assert np.abs(apart).max() > 0.1


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize(("n", "dim"), [(120, 30), (40, 100)])
def test_a_fold_equals_scikit_learn_on_its_rows_in_the_scale_of_all(n, dim, balanced):
    X, y = problem(n, dim, 3)
    X = np.cumsum(X - 5, axis=1)  # neighbours correlate: axes of very unlike power
    folds = fold_rows(n, 4)
    path, logits = walked(X, y, 3, folds, 1.0, dtype=np.float64, balanced=balanced)
    Z = standardised(X, row_weights(y, 3, balanced))
    for f, rows in enumerate(folds):
        weights = "balanced" if balanced else None
        theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=20_000, class_weight=weights)
        wanted = theirs.fit(Z[rows], y[rows]).predict_proba(Z)
        assert np.abs(softmax(logits[f]) - wanted).max() < 1e-4
        W, b = path.coefficients(f)
        assert np.abs(softmax(X @ W + b) - wanted).max() < 1e-4


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize(("n", "dim"), [(120, 30), (40, 100)])
def test_labels_left_out_of_a_fold_do_not_influence_it(n, dim):
    X, y = problem(n, dim, 3)
    folds, labels = fold_rows(n, 4), y.copy()
    held = np.setdiff1d(np.arange(n), folds[0])
    labels[held] = (y[held] + 1) % 3
    clean, _ = walked(X, y, 3, folds, 1.0, dtype=np.float64)
    other, _ = walked(X, labels, 3, folds, 1.0, dtype=np.float64)
    fitted, again = (
        softmax(X @ p.coefficients(0)[0] + p.coefficients(0)[1]) for p in (clean, other)
    )
    assert np.abs(fitted - again).max() < 1e-5
    # The fold that does learn from them must differ, or this test could not fail.
    apart = softmax(X @ clean.coefficients(1)[0]) - softmax(X @ other.coefficients(1)[0])
    assert np.abs(apart).max() > 0.01


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("balanced", [False, True])
def test_the_diagonal_bound_holds_for_every_fold(balanced):
    """The steps are safe only if it bounds every fold's Gram matrix, odd rows or not."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 40)) * (rng.random((120, 40)) < 0.1)
    X[:12] *= 50
    y, folds = rng.integers(0, 2, 120), fold_rows(120, 5)
    path = LogisticPath(X, y, 2, folds, dtype=np.float64, balanced=balanced)
    for f in range(5):
        Z = path.Z[0] / np.sqrt(path.bound[f])
        largest = np.linalg.eigvalsh(Z.T @ (path.weight[f][:, None] * Z))[-1]
        assert 0.5 < largest <= 1 + 1e-9


@pytest.mark.parametrize(("share_from", "near"), [(2000, 0.01), (0, 0.2)])
@pytest.mark.parametrize(("n", "dim"), [(150, 20), (40, 120)])
def test_parts_fitted_together_are_those_fitted_alone(n, dim, share_from, near, monkeypatch):
    """Of few rows exactly; where they share the scale of all, but for that."""
    monkeypatch.setattr(logistic, "SHARED", share_from)
    X, y = problem(n, dim, 3)
    parts = [*fold_rows(n, 5), np.arange(n), np.arange(n // 4)]
    together = fit_folds(X, y, 3, 0.01, parts)
    for (W, b), rows in zip(together, parts, strict=True):
        W_alone, b_alone = fit_logistic(X[rows], y[rows], 3, 0.01, exact=False)
        apart = np.abs(softmax(X @ W + b) - softmax(X @ W_alone + b_alone)).max()
        assert apart < (near if n // 2 < len(rows) < n else 0.01)
    assert len(together) == len(parts)


def test_settling_from_the_path_is_the_fit_itself():
    X, y = problem(100, 30, 3)
    path, _ = walked(X, y, 3, [*fold_rows(100, 3), np.arange(100)], 0.1, tolerance=1e-3)
    W, b = path.settle(3, 0.1, path.A[3])
    W_alone, b_alone = fit_logistic(X, y, 3, 0.1, exact=False)
    assert np.abs(softmax(X @ W + b) - softmax(X @ W_alone + b_alone)).max() < 0.005


# --- awkward features ---------------------------------------------------------------------------


def probabilities(X, y, n_classes=3, C=1.0):
    W, b = fit_logistic(X, y, n_classes, C)
    return softmax(X @ W + b)


@pytest.mark.parametrize("dim", [10, 80])
def test_a_constant_feature_changes_nothing(dim):
    X, y = problem(60, dim, 3)
    wide = np.insert(X, 4, 7.25, axis=1)
    assert np.abs(probabilities(wide, y) - probabilities(X, y)).max() < 1e-5
    W, b = fit_logistic(wide, y, 3, 1.0)
    assert np.all(W[4] == 0)
    # What a fold never saw vary cannot speak about other rows.
    moved = wide.copy()
    moved[:, 4] = 1e9
    assert np.array_equal(moved @ W + b, wide @ W + b)


def test_only_constant_features_leave_the_class_shares():
    y = np.array([0] * 30 + [1] * 10)
    for folds in ([np.arange(40)], fold_rows(40, 2)):
        _, logits = walked(np.ones((40, 3)), y, 2, folds, 1.0, dtype=np.float64)
        shares = np.bincount(y[folds[0]]) / len(folds[0])
        assert np.allclose(softmax(logits[0][0]), shares, atol=1e-4)


@pytest.mark.parametrize(("n", "dim"), [(150, 20), (40, 120)])
def test_a_duplicated_feature_equals_scikit_learn(n, dim):
    X, y = problem(n, dim, 3)
    X = np.concatenate([X, X[:, :5]], axis=1)
    assert np.abs(probabilities(X, y) - reference(X, y, 1.0)).max() < 1e-4


def test_units_do_not_matter():
    """A feature in nanometres beside one in kilometres: both are standardised."""
    X, y = problem(100, 20, 3)
    units = np.logspace(-6, 6, 20)
    assert np.abs(probabilities(X * units, y) - probabilities(X, y)).max() < 1e-5


@pytest.mark.parametrize(("n", "dim"), [(150, 20), (40, 120)])
def test_an_offset_of_a_thousand_gives_the_same_answers(n, dim):
    """Half-precision statistics would lose the features behind their mean."""
    X, y = problem(n, dim, 3)
    X = ((X - 5) / X.std(axis=0)).astype(np.float32)
    moved = X + np.float32(1e3)
    for exact in (True, False):
        W, b = fit_logistic(X, y, 3, 0.1, exact=exact)
        W_moved, b_moved = fit_logistic(moved, y, 3, 0.1, exact=exact)
        same = (X @ W + b).argmax(axis=1) == (moved @ W_moved + b_moved).argmax(axis=1)
        assert same.mean() >= 0.99


# --- what it must not depend on -----------------------------------------------------------------


@pytest.mark.parametrize(("n", "dim"), [(150, 20), (40, 120)])
def test_the_order_of_rows_does_not_matter(n, dim):
    X, y = problem(n, dim, 3)
    order = np.random.default_rng(1).permutation(n)
    W, b = fit_logistic(X, y, 3, 1.0)
    W_shuffled, b_shuffled = fit_logistic(X[order], y[order], 3, 1.0)
    assert np.abs(softmax(X @ W + b) - softmax(X @ W_shuffled + b_shuffled)).max() < 1e-5


@pytest.mark.parametrize(("n", "dim"), [(150, 20), (40, 120)])
def test_single_and_double_precision_agree(n, dim):
    X, y = problem(n, dim, 3)
    W, b = fit_logistic(X, y, 3, 1.0, exact=True)
    W_fast, b_fast = fit_logistic(X, y, 3, 1.0, exact=False)
    assert W_fast.dtype == np.float64
    assert np.abs(softmax(X @ W + b) - softmax(X @ W_fast + b_fast)).max() < 0.01


def test_float16_features_are_fitted_in_higher_precision():
    X, y = problem(100, 20, 3)
    half = X.astype(np.float16)
    W, b = fit_logistic(half, y, 3, 1.0)
    assert W.dtype == np.float64
    assert np.abs(softmax(half @ W + b) - probabilities(half.astype(float), y)).max() < 1e-6


# --- the path -----------------------------------------------------------------------------------


def objective(path, f, y, C):
    """The loss that ``solve`` minimises, written out row by row."""
    loss = 0.0
    for i, weight in enumerate(path.weight[f]):
        z = path.A[f] @ path.Z[f, i]
        loss -= weight * (z[y[i]] - np.log(np.exp(z).sum()))
    return loss + np.square(path.A[f][:, :-1]).sum() / (2 * C * path.sizes[f])


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(12, 60),
    dim=st.integers(1, 60),
    C=st.sampled_from([1e-3, 0.1, 10.0]),
)
def test_more_steps_never_make_the_loss_worse(seed, n, dim, C):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, dim)), rng.integers(0, 3, n)
    losses = []
    for tolerance in (1e9, 1e-1, 1e-2, 1e-4, 1e-6):  # the first stops after one step
        path = LogisticPath(X, y, 3, fold_rows(n, 2, seed), dtype=np.float64)
        before = objective(path, 0, y, C)
        path.advance(C, tolerance=tolerance)
        losses.append(objective(path, 0, y, C))
    assert losses[0] <= before + 1e-12
    assert losses == pytest.approx(sorted(losses, reverse=True), abs=1e-9)


def test_training_loss_falls_along_the_path():
    X, y = problem(100, 30, 3)
    path = LogisticPath(X, y, 3, fold_rows(100, 3), dtype=np.float64)
    cross_entropy = []
    for C in STRENGTHS:
        p = softmax(path.advance(float(C), tolerance=1e-5)[0])
        cross_entropy.append(-path.weight[0] @ np.log(p[np.arange(100), y]))
    assert np.all(np.diff(cross_entropy) < 0)


def test_a_gradient_worked_by_hand():
    """Two rows ±1 of two classes: by symmetry A = (-a, a), and a solves 1/(1+e^{2a}) = 2a/(CΣ)."""
    Z, Y = np.array([[-1.0, 1], [1, 1]]), np.eye(2)
    A = solve(
        *(
            Z[None],
            Y,
            np.full((1, 2), 0.5),
            np.ones((1, 2)),
            np.array([[0.5, 0]]),
            np.zeros((1, 2, 2)),
        ),
        tolerance=1e-10,
    )
    (a0, b0), (a, b1) = A[0]
    assert a0 == pytest.approx(-a)
    assert (b0, b1) == pytest.approx((0, 0), abs=1e-9)
    assert 1 / (1 + np.exp(2 * a)) == pytest.approx(0.5 * a, abs=1e-9)


@pytest.mark.parametrize(("n", "dim"), [(90, 30), (40, 100)])
def test_rotation_is_exact(n, dim):
    X, y = problem(n, dim, 3)
    path, logits = walked(X, y, 3, fold_rows(n, 3), 0.3, tolerance=1e-3, dtype=np.float64)
    for f in range(3):
        W, b = path.coefficients(f)
        axes = len(path.rotations[f].power)
        rotated = path.rotations[f](X) @ path.A[f, :, :axes].T + path.A[f, :, -1]
        assert np.allclose(X @ W + b, rotated, atol=1e-9)
        assert np.allclose(logits[f], rotated, atol=1e-9)


@pytest.mark.parametrize(("n", "dim"), [(90, 30), (40, 100)])
def test_a_rotation_keeps_all_distances_between_training_rows(n, dim):
    X, _ = problem(n, dim, 3)
    weight = np.full(n, 1 / n)
    rotation = Rotation.fit(X, weight)
    Z, R = standardised(X, weight), rotation(X)
    assert rotation.basis.shape == (dim, min(dim, n - 1))
    assert np.allclose(Z @ Z.T, R @ R.T)
    assert np.allclose(rotation.basis.T @ rotation.basis, np.eye(rotation.basis.shape[1]))


def test_softmax_does_not_overflow():
    assert np.allclose(softmax(np.array([[1e4, 0, -1e4], [1000, 1000, 1000]])).sum(axis=1), 1)
    by_hand = np.exp([1, 2, 3]) / np.exp([1, 2, 3]).sum()
    assert np.allclose(softmax(np.array([1.0, 2.0, 3.0])), by_hand)
