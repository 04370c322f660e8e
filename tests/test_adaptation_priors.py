"""Class shares of the target: the formulas by hand, and label shifts that were planted."""

import json

import numpy as np
import pytest

from headstart.adaptation.priors import black_box, expectation_maximisation, find_priors


def test_black_box_by_hand():
    """Class 0 is recognised 9 times in 10, class 1 always: 0.45 = 0.9 p, so p = 0.5."""
    counts = np.array([[9.0, 1], [0, 10]])
    assert black_box(counts, np.array([0.45, 0.55])) == pytest.approx([0.5, 0.5])


def test_black_box_is_the_inverse_inside_the_simplex():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 5, (4, 4)) + 20.0 * np.eye(4)
    truth = np.array([0.1, 0.2, 0.3, 0.4])
    rates = counts / counts.sum(axis=1, keepdims=True)
    assert black_box(counts, rates.T @ truth) == pytest.approx(truth, abs=1e-5)


def test_black_box_stays_in_the_simplex():
    """The answers 0.05, 0.95 would need a negative share of class 0."""
    shares = black_box(np.array([[9.0, 1], [1, 9]]), np.array([0.05, 0.95]))
    assert shares == pytest.approx([0, 1], abs=1e-4)


def test_a_class_without_held_out_rows():
    assert black_box(np.array([[5.0, 0], [0, 0]]), np.array([0.3, 0.7])) == pytest.approx(
        [0.3, 0.7]
    )


def test_one_step_of_em_by_hand():
    """Beliefs (0.8, 0.2) and (0.4, 0.6) under even shares average to (0.6, 0.4)."""
    proba = np.array([[0.8, 0.2], [0.4, 0.6]])
    found = expectation_maximisation(proba, np.array([0.5, 0.5]), rounds=1)
    assert found == pytest.approx([0.6, 0.4])


def test_em_against_a_loop():
    rng = np.random.default_rng(1)
    proba = rng.dirichlet([1, 1, 1], 20)
    source = np.array([0.5, 0.3, 0.2])
    shares = source
    for _ in range(40):
        new = np.zeros(3)
        for q in proba:
            v = [shares[c] / source[c] * q[c] for c in range(3)]
            new += np.array(v) / sum(v) / len(proba)
        shares = new
    found = expectation_maximisation(proba, source, rounds=40)
    assert found == pytest.approx(shares, abs=1e-4)
    assert found.sum() == pytest.approx(1)


def believed(y, n_classes=3, seed=0):
    """Calibrated beliefs: Gaussian classes on a line, with even shares."""
    x = 2.5 * y + np.random.default_rng(seed).normal(size=len(y))
    logits = -np.square(x[:, None] - 2.5 * np.arange(n_classes)) / 2
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def labels(sizes):
    return np.repeat(np.arange(len(sizes)), sizes)


def test_a_planted_label_shift_is_found():
    y, target = labels([100, 100, 100]), labels([20, 20, 360])
    y_t = believed(target, seed=1)
    found = find_priors(y, y, believed(y), y_t)
    truth = np.array([0.05, 0.05, 0.9])
    for shares, interval in (
        (found.target, found.target_ci95),
        (found.by_em, found.by_em_ci95),
    ):
        assert shares == pytest.approx(truth, abs=0.05)
        assert (interval[:, 0] <= shares).all()
        assert (shares <= interval[:, 1]).all()
    assert found.huge
    assert not found.changed[2]  # 0.9 is less than three times a third
    assert found.changed[:2].any()
    assert "differ greatly" in found.sentence(["a", "b", "c"])


def test_intervals_hold_the_truth():
    truth = np.array([0.2, 0.3, 0.5])
    y = labels([60, 60, 60])
    held = 0
    for seed in range(20):
        found = find_priors(
            y,
            y,
            believed(y, seed=seed),
            believed(labels([40, 60, 100]), seed=100 + seed),
            seed=seed,
        )
        held += ((found.target_ci95[:, 0] <= truth) & (truth <= found.target_ci95[:, 1])).sum()
        assert not found.huge
    assert held >= 51  # of 60; 57 are meant


def test_few_rows_are_no_evidence():
    """Three images of one class: large in share, not in evidence."""
    y = labels([20, 20, 20, 20])
    found = find_priors(y, y, believed(y, 4), believed(np.array([0, 0, 1]), 4, seed=2))
    assert not found.changed[1]


def test_json():
    y = labels([30, 30, 30])
    found = find_priors(y, y, believed(y), believed(y, seed=1)).to_json(["a", "b", "c"])
    json.dumps(found, allow_nan=False)
    assert not found["huge"]
    assert "an indication otherwise" in found["sentence"]
    assert [row["class"] for row in found["classes"]] == ["a", "b", "c"]
    assert sum(row["target"] for row in found["classes"]) == pytest.approx(1)
