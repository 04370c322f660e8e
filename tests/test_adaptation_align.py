"""Alignment: formulas worked by hand, and what every classical method promises."""

from dataclasses import replace

import numpy as np
import pytest

from headstart.adaptation.align import (
    Coral,
    GaussianTransport,
    NoAdaptation,
    Standardisation,
    SubspaceAlignment,
    covariance,
    leading_axes,
    monge_map,
    power,
)
from headstart.adaptation.domains import Domains
from headstart.adaptation.linear import class_weights, fit_linear, one_hot
from headstart.adaptation.prototypes import T3A, Prototypes
from headstart.adaptation.pseudo import LabelPropagation, SelfTraining
from headstart.adaptation.standard import Shared, Standard, principal, sorted_rows
from headstart.adaptation.transport import OptimalTransport
from headstart.adaptation.weighting import ImportanceWeighting
from headstart.transfer.logistic import fit_logistic

CLASSICAL = [
    NoAdaptation(),
    Standardisation(),
    Coral(),
    GaussianTransport(),
    SubspaceAlignment(),
    OptimalTransport(),
    SelfTraining(),
    LabelPropagation(),
    Prototypes(),
    T3A(),
    ImportanceWeighting(),
]


def two_domains(seed=0, n=120, dim=10):
    """Three classes; the target is darker and of less contrast. Also its true labels."""
    rng = np.random.default_rng(seed)
    y, truth = rng.permutation(np.arange(n) % 3), rng.permutation(np.arange(n) % 3)
    centres = 3 * np.eye(3, dim)
    source = centres[y] + rng.normal(size=(n, dim))
    plain = centres[truth] + rng.normal(size=(n, dim))
    target = plain * np.linspace(0.4, 1.2, dim) - np.r_[4.5, np.zeros(dim - 1)]
    return Domains(source, y, target, 3), truth


def accuracy(head, X, y):
    return (head.logits(X).argmax(axis=1) == y).mean()


@pytest.mark.parametrize("adapter", CLASSICAL, ids=lambda a: a.name)
def test_answers_do_not_depend_on_order_or_global_state(adapter):
    domains, _ = two_domains()
    first = adapter.fit(domains)
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    shuffled = replace(domains, target=domains.target[::-1])
    second = adapter.fit(shuffled)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    for a, b in ((first.source, second.source), (first.target, second.target)):
        assert np.abs(a.logits(domains.target) - b.logits(domains.target)).max() < 1e-6


@pytest.mark.parametrize("adapter", CLASSICAL, ids=lambda a: a.name)
def test_target_and_source_are_answered(adapter):
    domains, truth = two_domains()
    adapted = adapter.fit(domains)
    # Weighting forgets the part of the source that does not look like the target.
    least = 0.5 if adapter.name == "importance weighting" else 0.8
    assert accuracy(adapted.source, domains.source, domains.y) > least
    plain = accuracy(NoAdaptation().fit(domains).target, domains.target, truth)
    assert plain < 0.65  # the shift hurts
    if adapter.name not in ("no adaptation", "importance weighting"):
        assert accuracy(adapted.target, domains.target, truth) > plain + 0.1


@pytest.mark.parametrize("adapter", CLASSICAL, ids=lambda a: a.name)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_tiny_targets_and_constant_features_give_finite_answers(adapter, n):
    domains, _ = two_domains()
    source, target = domains.source.copy(), domains.target[:n].copy()
    source[:, 4], target[:, 5] = 1.0, 2.0
    adapted = adapter.fit(replace(domains, source=source, target=target))
    assert np.isfinite(adapted.target.logits(target)).all()
    assert np.isfinite(adapted.source.logits(source)).all()


def test_names_are_distinct_and_everything_is_told():
    assert len({a.name for a in CLASSICAL}) == len(CLASSICAL)
    assert CLASSICAL[0].name == "no adaptation"
    for adapter in CLASSICAL:
        assert adapter.summary.endswith(".")
        assert adapter.reference


def test_no_adaptation_is_the_head_of_the_source():
    domains, _ = two_domains()
    W, b = fit_logistic(domains.source, domains.y, 3, domains.C)
    head = NoAdaptation().fit(domains).target
    assert head.logits(domains.target) == pytest.approx(domains.target @ W + b, abs=0.02)


def test_standard_leans_on_the_prior_for_few_rows():
    X = np.array([[4.0, 0.0], [8.0, 0.0]])
    alone = Standard.fit(X)
    assert alone.mean.tolist() == [6, 0]
    assert alone.scale.tolist() == [2, np.inf]  # the second feature says nothing
    prior = Standard(np.array([0.0, 0.0]), np.array([3.0, 1.0]))
    # 2 rows count 2 / 18 = 1/9: mean 6/9; variance 4/9 + 9 * 8/9 + 36 * 8/81 = 12
    leaning = Standard.fit(X, prior)
    assert leaning.mean == pytest.approx([2 / 3, 0])
    assert leaning.scale == pytest.approx([np.sqrt(12), np.sqrt(8 / 9)])


def test_a_head_on_standardised_rows_is_one_on_raw_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 4)) * [1, 2, 3, 0] + 5
    standard = Standard.fit(X)
    W, b = rng.normal(size=(4, 3)), rng.normal(size=3)
    assert standard.head(W, b).logits(X) == pytest.approx(standard(X) @ W + b)


@pytest.mark.parametrize("n", [5, 40])
def test_shared_axes_keep_all_distances_when_none_is_dropped(n):
    rng = np.random.default_rng(1)
    S, T = rng.normal(size=(n, 8)), rng.normal(size=(n, 8))
    basis = principal(S, T, 100)
    assert basis.T @ basis == pytest.approx(np.eye(min(2 * n, 8)), abs=1e-9)
    assert np.linalg.norm(S @ basis) == pytest.approx(np.linalg.norm(S))
    assert principal(S, T, 3).shape == (8, 3)


def test_shared_heads_answer_raw_rows():
    domains, _ = two_domains()
    shared = Shared.fit(domains, axes=4)
    W, b = np.random.default_rng(0).normal(size=(4, 3)), np.arange(3.0)
    assert shared.source_head(W, b).logits(domains.source) == pytest.approx(shared.source @ W + b)
    raw = shared.target_head(W, b).logits(sorted_rows(domains.target))
    assert raw == pytest.approx(shared.target @ W + b)


def test_covariance_equals_a_naive_loop():
    X = np.random.default_rng(0).normal(size=(7, 3))
    mean = [sum(row[j] for row in X) / 7 for j in range(3)]
    for i in range(3):
        for j in range(3):
            naive = sum((row[i] - mean[i]) * (row[j] - mean[j]) for row in X) / 7
            assert covariance(X, ridge=0.5)[i, j] == pytest.approx(naive + 0.5 * (i == j))


def test_powers_of_a_matrix():
    C = np.array([[2.0, 1.0], [1.0, 2.0]])  # eigenvalues 1 and 3
    assert power(C, 0.5) @ power(C, 0.5) == pytest.approx(C)
    assert power(C, -0.5) @ C @ power(C, -0.5) == pytest.approx(np.eye(2))
    a, b = (np.sqrt(3) + 1) / 2, (np.sqrt(3) - 1) / 2
    assert power(C, 0.5) == pytest.approx(np.array([[a, b], [b, a]]))


def test_monge_map_carries_one_covariance_onto_the_other():
    assert monge_map(np.diag([1.0, 4.0]), np.diag([9.0, 1.0])) == pytest.approx(np.diag([3, 0.5]))
    rng = np.random.default_rng(0)
    Cs, Ct = (covariance(rng.normal(size=(20, 4)) @ rng.normal(size=(4, 4))) for _ in range(2))
    A = monge_map(Cs, Ct)
    assert A @ Cs @ A == pytest.approx(Ct)
    assert pytest.approx(A.T) == A


def test_leading_axes_are_the_widest():
    X = np.array([[3.0, 0, 1], [-3, 0, 1], [0, 1, 1], [0, -1, 1]])
    assert np.abs(leading_axes(X, 2)) == pytest.approx(np.eye(3)[:, :2])


def test_linear_fit_has_no_slope_left():
    rng = np.random.default_rng(0)
    Z, y = rng.normal(size=(40, 5)) * [5, 1, 1, 1, 0.2] + 3, np.arange(40) % 3
    Y, weight, C = one_hot(y, 3), rng.uniform(size=40), 0.5
    A, b = fit_linear(Z, Y, C, weight)
    e = np.exp(Z @ A + b)
    residual = (weight / weight.sum())[:, None] * (e / e.sum(axis=1, keepdims=True) - Y)
    assert np.abs(residual.sum(axis=0)).max() < 1e-4
    assert np.abs(Z.T @ residual + A / (C * 40)).max() < 1e-3
    again = fit_linear(Z, Y, C, weight, start=(A, b))
    assert again[0] == pytest.approx(A, abs=1e-3)
    assert not np.allclose(A, fit_linear(Z, Y, C, np.ones(40))[0], atol=0.01)


def test_class_weights_have_mean_one():
    y = np.array([0, 0, 0, 1])
    assert class_weights(y, 2, balanced=False).tolist() == [1, 1, 1, 1]
    assert class_weights(y, 2, balanced=True) == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])


def test_one_view_serves_all_methods_of_the_same_domains():
    domains, _ = two_domains()
    assert Shared.fit(domains) is Shared.fit(domains)
    assert Shared.fit(domains, axes=3).source.shape[1] == 3
    assert Shared.fit(domains) is not Shared.fit(replace(domains))
