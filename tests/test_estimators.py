"""The scikit-learn face: its own conformance suite, and the tools people put it into."""

import doctest
from collections import Counter

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from headstart import estimators
from headstart.errors import DataError
from headstart.estimators import TransferClassifier


def features(n=120, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return rng.normal(size=(n, 12)) + 2 * np.eye(12)[y], y


def identity(**options):
    return TransferClassifier(backbone="identity", **options)


# --- scikit-learn's suite -----------------------------------------------------------------------


def test_scikit_learns_own_checks():
    """All of them, counted: an estimator that takes no arrays gets a green run without checks."""
    results = check_estimator(identity(), on_skip=None, on_fail=None)
    trouble = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert trouble == {}
    counts = Counter(r["status"] for r in results)
    assert counts["passed"] >= 50
    skipped = [str(r["exception"]) for r in results if r["status"] == "skipped"]
    assert set(counts) <= {"passed", "skipped"}
    assert all("SCIPY_ARRAY_API" in r or "pandas" in r for r in skipped), skipped
    assert len(skipped) <= 3


def test_it_survives_clone_with_every_option():
    options = {"backbone": "identity", "balanced": True, "cv": 3, "random_state": 7}
    model = clone(TransferClassifier(**options))
    assert model.get_params() == options
    assert not hasattr(model.fit(*features()), "coef_")
    assert not hasattr(clone(model), "model_")


def test_grid_search():
    X, y = features()
    search = GridSearchCV(identity(), {"cv": [3, 5], "balanced": [True, False]}, cv=3)
    search.fit(X, y)
    assert set(search.best_params_) == {"cv", "balanced"}
    assert search.best_score_ > 0.8
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_pipeline():
    X = np.random.default_rng(0).normal(size=(200, 12))
    y = X[:, :3].argmax(axis=1)  # cut by planes: made for a linear head
    units = 1 + X * np.logspace(-3, 3, 12)
    scaled = make_pipeline(StandardScaler(), identity()).fit(units[:120], y[:120])
    plain = identity().fit(units[:120], y[:120])
    assert scaled[-1].choice_.kind == plain.choice_.kind == "logistic"
    assert scaled.score(units[120:], y[120:]) > 0.8
    # The probe standardises by itself: units, or a scaler before it, change nothing.
    assert np.abs(scaled.predict_proba(units) - plain.predict_proba(units)).max() < 0.01
    assert cross_val_score(scaled, units, y, cv=4).mean() > 0.8


def test_string_labels_come_back_as_they_were():
    X, y = features()
    names = np.array(["plum", "apple", "fig"])[y]
    model = identity().fit(X, names)
    assert model.classes_.tolist() == ["apple", "fig", "plum"]
    assert set(model.predict(X)) == {"apple", "fig", "plum"}
    assert model.score(X, names) > 0.9
    p = model.predict_proba(X)
    assert np.array_equal(model.classes_[p.argmax(axis=1)], model.predict(X))
    assert model.model_.classes == ("apple", "fig", "plum")


def test_the_order_of_rows_decides_nothing_but_folds():
    X, y = features()
    order = np.random.default_rng(1).permutation(len(y))
    one, two = identity().fit(X, y), identity().fit(X[order], y[order])
    assert np.abs(one.predict_proba(X) - two.predict_proba(X)).max() < 0.1
    assert np.array_equal(one.predict(X), two.predict(X))


def test_same_random_state_same_numbers():
    X, y = features()
    one, two, other = (identity(random_state=s).fit(X, y) for s in (1, 1, 2))
    assert np.array_equal(one.predict_proba(X), two.predict_proba(X))
    assert one.choice_.candidates != other.choice_.candidates


def test_balanced_reaches_the_head():
    X = np.random.default_rng(0).normal(size=(400, 6))
    y = (X[:, 0] + np.random.default_rng(1).normal(size=400) > 2.4).astype(int)
    found = [identity(balanced=b).fit(X, y).predict(X)[y == 1].mean() for b in (False, True)]
    assert found[1] > found[0] + 0.2


@pytest.mark.parametrize("counts", [(40, 2), (40, 1)])
def test_fewer_examples_than_folds(counts):
    y = np.repeat([0, 1], counts)
    X = np.random.default_rng(0).normal(size=(len(y), 4)) + 4 * y[:, None]
    assert identity().fit(X, y).score(X, y) > 0.9


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="only one class"):
        identity().fit(np.ones((5, 2)), np.zeros(5))


def test_the_docstrings_example_runs():
    found = doctest.testmod(estimators)
    assert found.attempted >= 4
    assert found.failed == 0


# --- on images ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def paths(photos):
    """30 of the drawn pictures, their classes, and 12 others."""
    files = sorted(photos.glob("*/*"))
    rng = np.random.default_rng(0)
    order = rng.permutation(len(files))
    chosen = [files[i] for i in order]
    return chosen[:30], chosen[30:42]


def test_images_by_their_paths(paths):
    train, new = paths
    y = [p.parent.name for p in train]
    model = TransferClassifier(cv=3).fit(train, y)
    assert not hasattr(model, "n_features_in_")
    truth = np.array([p.parent.name for p in new])
    assert model.score(new, truth) > max(np.mean(truth == c) for c in set(truth))
    p = model.predict_proba([str(path) for path in new])  # names or Path objects
    assert p.shape == (12, 3)
    assert np.array_equal(p, model.predict_proba(new))


def test_unreadable_images_are_named(paths, tmp_path):
    train, _ = paths
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not an image at all")
    missing = tmp_path / "missing.jpg"
    with pytest.raises(DataError) as caught:
        TransferClassifier().fit(
            [*train, broken, missing], [p.parent.name for p in train] + ["disc"] * 2
        )
    assert "2 of 32 images cannot be read" in caught.value.message
    assert "broken.jpg: not an image" in caught.value.message
    assert "Remove them from X and y" in caught.value.hint


def test_as_many_labels_as_images(paths):
    train, _ = paths
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[30, 29\]"):
        TransferClassifier().fit(train, [p.parent.name for p in train[1:]])
