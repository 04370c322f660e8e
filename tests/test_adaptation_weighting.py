"""Importance weights: bounded, of mean one, and large where the target is."""

import numpy as np
import pytest

from headstart.adaptation.align import NoAdaptation
from headstart.adaptation.domains import Domains
from headstart.adaptation.weighting import ImportanceWeighting, clipped, density_ratio
from headstart.transfer.logistic import fit_logistic


def test_ratio_of_two_gaussians():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(1500, 1)), rng.normal(size=(1500, 1)) + 1
    weight = density_ratio(source, target)
    true = np.exp(source[:, 0] - 0.5)  # N(1, 1) / N(0, 1)
    assert np.corrcoef(np.log(weight), np.log(true))[0, 1] > 0.99
    assert np.median(np.abs(np.log(weight / true))) < 0.25


def test_ratio_is_one_where_domains_are_the_same():
    X = np.random.default_rng(0).normal(size=(400, 5))
    assert density_ratio(X[:200], X[200:]) == pytest.approx(np.ones(200), abs=0.35)


def test_ratio_is_bounded_and_of_mean_one_where_domains_are_apart():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(300, 4)), rng.normal(size=(50, 4)) + 4
    weight = density_ratio(source, target)
    assert weight.mean() == pytest.approx(1)
    assert 0 <= weight.min() <= weight.max() <= 10 * (1 + 1e-6)
    assert np.array_equal(weight, density_ratio(source, target[::-1]))
    assert not np.array_equal(weight, density_ratio(source, target, seed=1))


def test_one_image_tells_no_ratio():
    X = np.random.default_rng(0).normal(size=(30, 4))
    assert density_ratio(X[1:], X[:1]).tolist() == [1.0] * 29


def test_more_rows_than_are_learned_from_are_all_weighed(monkeypatch):
    monkeypatch.setattr("headstart.adaptation.weighting.ENOUGH", 100)
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(350, 2)), rng.normal([1, 0], size=(300, 2))
    weight = density_ratio(source, target)
    assert weight.shape == (350,)
    assert np.corrcoef(np.log(weight), source[:, 0])[0, 1] > 0.9


def test_clipping_worked_by_hand():
    # 20 rows: 19 of weight 1 and one of 1000. Clipped at c with c = 10 (19 + c) / 20: c = 19.
    weight = clipped(np.r_[np.ones(19), 1000.0])
    assert weight.mean() == pytest.approx(1)
    assert weight == pytest.approx(np.r_[np.full(19, 10 / 19), 10.0])
    assert clipped(np.array([1.0, 2, 3])) == pytest.approx(np.array([0.5, 1, 1.5]))


def test_row_weights_equal_repeated_rows():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), np.arange(20) % 2
    times = rng.integers(1, 4, 20)
    rows = np.repeat(np.arange(20), times)
    W, b = fit_logistic(X, y, 2, len(rows) / 20 * 0.5, weight=times.astype(float))
    # The loss is a mean, so as many rows more allow as many times weaker regularisation.
    W_repeated, b_repeated = fit_logistic(X[rows], y[rows], 2, 0.5)
    assert pytest.approx(W_repeated, abs=1e-4) == W
    assert pytest.approx(b_repeated, abs=1e-4) == b


def test_weighting_helps_where_the_target_is_a_part_of_the_source():
    # Two halves of the source contradict each other; the target looks like the second.
    rng = np.random.default_rng(0)
    side = np.repeat([0, 1], [300, 100])
    y = rng.integers(0, 2, 400)
    source = np.c_[8.0 * side, (2 * y - 1) * np.where(side == 1, -1, 1)]
    source = source + 0.4 * rng.normal(size=source.shape)
    truth = rng.integers(0, 2, 200)
    target = np.c_[np.full(200, 8.0), 1 - 2 * truth] + 0.4 * rng.normal(size=(200, 2))
    domains = Domains(source, y, target, 2)
    plain, weighted = (a.fit(domains).target for a in (NoAdaptation(), ImportanceWeighting()))
    assert (plain.logits(target).argmax(axis=1) == truth).mean() < 0.3
    assert (weighted.logits(target).argmax(axis=1) == truth).mean() > 0.9
