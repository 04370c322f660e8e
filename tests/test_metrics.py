"""Scores: by hand, and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as theirs

from headstart.tasks import metrics
from headstart.tasks.classification import Classification

labels = st.integers(1, 40).flatmap(
    lambda n: st.tuples(*[hnp.arrays(np.int64, n, elements=st.integers(0, 4))] * 2)
)


@st.composite
def beliefs(draw):
    n, n_classes = draw(st.integers(1, 30)), draw(st.integers(2, 5))
    raw = draw(hnp.arrays(np.float64, (n, n_classes), elements=st.floats(0.01, 1)))
    y = draw(hnp.arrays(np.int64, n, elements=st.integers(0, n_classes - 1)))
    return y, raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
@given(labels)
def test_equal_scikit_learn(pair):
    y, predicted = pair
    assert metrics.accuracy(y, predicted) == pytest.approx(theirs.accuracy_score(y, predicted))
    table = theirs.confusion_matrix(y, predicted, labels=range(5))
    assert np.array_equal(metrics.confusion(y, predicted, 5), table)
    balanced = theirs.balanced_accuracy_score(y, predicted)
    assert metrics.balanced_accuracy(y, predicted) == pytest.approx(balanced)
    f1 = theirs.f1_score(y, predicted, average="macro", zero_division=0)
    assert metrics.macro_f1(y, predicted) == pytest.approx(f1)


@given(beliefs())
def test_log_loss_equals_scikit_learn(pair):
    y, proba = pair
    expected = theirs.log_loss(y, proba, labels=range(proba.shape[1]))
    assert metrics.log_loss(y, proba) == pytest.approx(expected)


@given(beliefs())
def test_calibration_error_is_a_mean_gap(pair):
    y, proba = pair
    error = metrics.expected_calibration_error(y, proba)
    assert 0 <= error <= 1
    groups = metrics.reliability(y, proba)
    assert sum(g["count"] for g in groups) == len(y)
    # One bin: the gap between mean confidence and accuracy, which bins can only reveal more of.
    whole = abs(proba.max(axis=1).mean() - np.mean(proba.argmax(axis=1) == y))
    assert metrics.expected_calibration_error(y, proba, bins=1) == pytest.approx(whole)
    assert error >= whole - 1e-9


def test_log_loss_of_an_impossible_truth_is_bounded():
    assert metrics.log_loss(np.array([1]), np.array([[1.0, 0.0]])) == pytest.approx(12 * np.log(10))


def test_confusion_has_true_classes_in_rows():
    table = metrics.confusion(np.array([0, 0, 1]), np.array([2, 2, 1]), 3)
    assert table.tolist() == [[0, 0, 2], [0, 1, 0], [0, 0, 0]]


def test_calibration_error_by_hand():
    """Bin 0.9-1: two rows of confidence 0.9 and 1.0, one right: gap 0.45, half of the rows.

    Bin 0.6-0.7: two rows of 0.6 and 0.65, both right: gap 0.375, the other half.
    """
    top = np.array([0.9, 1.0, 0.6, 0.65])
    proba = np.stack([top, 1 - top], axis=1)
    y = np.array([0, 1, 0, 0])
    assert metrics.expected_calibration_error(y, proba) == pytest.approx(0.5 * 0.45 + 0.5 * 0.375)
    high = metrics.reliability(y, proba)[-1]
    assert high == pytest.approx({"confidence": 0.95, "accuracy": 0.5, "count": 2})


def test_all_scores_at_once():
    y = np.array([0, 0, 1, 1])
    found = Classification.numbered(2).scores(
        y, np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]])
    )
    assert set(found) == {"accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece"}
    assert found["accuracy"] == 0.75
    assert found["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
