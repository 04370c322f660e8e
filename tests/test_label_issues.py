"""Suspected labels: which are listed, in what order, and what mending them is said to bring."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from headstart.judge.crossval import judge_folds
from headstart.judge.label_issues import LabelIssues, Mending, find_label_issues, gain_of_mending
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels, Stream
from headstart.transfer.probe import Choice

CHOICE = Choice("logistic", 0.03, 0.0, 1.0, [])


@pytest.fixture(autouse=True)
def one_core():
    with threadpool_limits(1):
        yield


def planted(n=240, n_classes=3, share=0.08, seed=0, spread=3.0):
    """Return features, true labels, labels with errors, and where the errors are."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % n_classes
    X = rng.normal(size=(n, 12)).astype(np.float32)
    X[:, :n_classes] += spread * np.eye(n_classes)[truth]
    wrong = rng.choice(n, round(share * n), replace=False)
    y = truth.copy()
    y[wrong] = (truth[wrong] + rng.integers(1, n_classes, len(wrong))) % n_classes
    return X, truth, y, wrong


def held_out(X, labels):
    folds = labels.folds(np.arange(len(labels.y)), 5, Stream.ESTIMATE)
    proba = np.zeros((len(labels.y), labels.n_classes))
    for (_, held), part in zip(
        folds, judge_folds({"it": X}, labels, folds, workers=1)["it"].proba, strict=True
    ):
        proba[held] = part
    return proba


def test_by_hand():
    """Thresholds are the means (0.9 + 0.8 + 0.1) / 3 = 0.6 and (0.7 + 0.9 + 0.3) / 3 = 0.633.

    Rows 2 and 5 reach the other class's threshold with 0.9 and 0.7: two are listed, 0.1 first.
    """
    first = np.array([0.9, 0.8, 0.1, 0.3, 0.1, 0.7])
    y = np.array([0, 0, 0, 1, 1, 1])
    issues = find_label_issues(y, np.stack([first, 1 - first], axis=1))
    assert issues.checked == 6
    assert issues.rows.tolist() == [2, 5]
    assert issues.suggested.tolist() == [1, 0]
    assert issues.confidence == pytest.approx([0.9, 0.7])
    assert issues.given == pytest.approx([0.1, 0.3])


def test_a_prediction_that_is_unsure_counts_for_nobody():
    """0.55 for the other class is less than that class's own mean of 0.95."""
    first = np.array([0.95, 0.95, 0.45, 0.05, 0.05])
    issues = find_label_issues(np.array([0, 0, 0, 1, 1]), np.stack([first, 1 - first], axis=1))
    assert len(issues) == 0
    assert issues.checked == 5


def test_a_class_without_rows_is_not_suggested_by_its_absence():
    proba = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.3, 0.1, 0.6]])
    assert len(find_label_issues(np.array([0, 1, 0]), proba)) == 0


def test_the_order_of_the_rows_does_not_matter():
    X, _, y, _ = planted()
    proba = held_out(X, Labels(y, Classification.numbered(3), None, False, 0))
    order = np.random.default_rng(1).permutation(len(y))
    one, other = find_label_issues(y, proba), find_label_issues(y[order], proba[order])
    assert order[other.rows].tolist() == one.rows.tolist()


def test_planted_errors_are_found():
    X, truth, y, wrong = planted()
    issues = find_label_issues(
        y, held_out(X, Labels(y, Classification.numbered(3), None, False, 0))
    )
    found = np.isin(issues.rows, wrong)
    assert found.mean() >= 0.8
    assert found.sum() / len(wrong) >= 0.7
    assert (issues.suggested == truth[issues.rows])[found].mean() >= 0.9
    assert (np.diff(issues.given) >= 0).all()


def test_mending_errors_that_a_weak_penalty_follows():
    """Features to spare and hardly a penalty: every wrong label bends the fit."""
    X, _, y, _ = planted(n=240, share=0.15, spread=8.0)
    spare = np.random.default_rng(1).normal(size=(240, 60)).astype(np.float32)
    X, labels = (
        np.concatenate([X, spare], axis=1),
        Labels(y, Classification.numbered(3), None, False, 0),
    )
    issues = find_label_issues(y, held_out(X, labels))
    mending = gain_of_mending(X, labels, issues, replace(CHOICE, C=1.0))
    assert mending is not None
    assert mending.gain == pytest.approx(mending.after - mending.before)
    assert mending.gain_ci95[0] < mending.gain < mending.gain_ci95[1]
    assert mending.gain > 0.01
    assert mending.n == 240 - len(issues)


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.01, 0.05), "makes the model better: +3.0 points (95 % interval +1.0 to +5.0)"),
        ((-0.01, 0.07), "makes no difference that can be seen"),
        ((-0.05, -0.01), "makes the model worse"),
    ],
)
def test_the_sentence(interval, words):
    mending = Mending("relabel", 0.90, 0.93, 0.03, interval, 123, 8.0)
    assert words in mending.sentence
    assert "123 held-out labels that look sound" in mending.sentence
    assert "not scored" in mending.sentence


def test_suspects_are_found_without_the_held_out_labels():
    """Labels of held-out rows change nothing in what is mended for them."""
    from headstart.judge import label_issues

    X, _, y, _ = planted()
    labels = Labels(y, Classification.numbered(3), None, False, 0)
    train, held = labels.folds(np.arange(len(y)), 5, Stream.ESTIMATE)[0]
    moved = y.copy()
    moved[held] = (y[held] + 1) % 3
    trial = partial(label_issues._trial, X, choice=CHOICE, remedy="relabel", job=(0, train, held))
    one, other = trial(labels=labels), trial(labels=replace(labels, y=moved))
    assert one[2] == other[2] > 0  # as many mended
    assert one[:2] != other[:2]  # and scored by those labels


def test_leaving_out_and_changing_differ():
    X, _, y, _ = planted(share=0.2)
    labels = Labels(y, Classification.numbered(3), None, False, 0)
    issues = find_label_issues(y, held_out(X, labels))
    one = gain_of_mending(X, labels, issues, CHOICE)
    other = gain_of_mending(X, labels, issues, CHOICE, remedy="leave out")
    assert one and other
    assert (one.before, one.mended) == (other.before, other.mended)
    assert "left out of the training" in other.sentence


def test_agreement_in_every_row_still_leaves_doubt():
    """Far-apart classes: mending one label changes no answer; ±3/n stays in doubt."""
    X, _, y, _ = planted(n=90, share=0.0, spread=30.0)
    y = y.copy()
    y[0] = (y[0] + 1) % 3
    labels = Labels(y, Classification.numbered(3), None, False, 0)
    issues = LabelIssues(90, np.array([0]), np.array([0]), np.array([0.9]), np.array([0.1]))
    mending = gain_of_mending(X, labels, issues, CHOICE)
    assert mending is not None
    assert mending.gain == 0
    assert mending.gain_ci95 == pytest.approx((-3 / 89, 3 / 89))
    assert "no difference" in mending.sentence


def test_nothing_suspected_nothing_to_mend():
    X, _, y, _ = planted(n=60)
    none = np.zeros(0, np.int64)
    issues = LabelIssues(60, none, none, none.astype(float), none.astype(float))
    assert (
        gain_of_mending(X, Labels(y, Classification.numbered(3), None, False, 0), issues, CHOICE)
        is None
    )
