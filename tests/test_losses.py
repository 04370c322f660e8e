"""The formulas of fine-tuning against numbers worked by hand, loops, and numpy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from headstart.errors import ConfigError
from headstart.transfer.logistic import row_weights
from headstart.transfer.losses import (
    BETA,
    BSS_ETA,
    CO_TUNING_LAMBDA,
    L2_SP_ALPHA,
    bss,
    class_weights,
    co_tuning,
    interpolate,
    l2,
    l2_sp,
    relationship,
)

seeds = st.integers(0, 2**31)
# No deadlines below: the first call of a torch operation may take longer than all the others.


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).to(dtype)


def weights(seed=0):
    """Tensors of unlike shapes, as a layer has them."""
    return [normal(3, 4, seed=seed), normal(4, seed=seed + 1), normal(2, 1, 3, 3, seed=seed + 2)]


def test_multipliers_are_those_documented():
    assert (L2_SP_ALPHA, BETA, BSS_ETA, CO_TUNING_LAMBDA) == (0.01, 0.01, 1e-3, 2.3)


# --- class weights ------------------------------------------------------------------------------


def test_class_weights_by_hand():
    # n = 6, two of three classes present: 6 / (2 * 4) = 3/4, nothing, 6 / (2 * 2) = 3/2
    w = class_weights(torch.tensor([0, 0, 2, 0, 2, 0]), 3)
    torch.testing.assert_close(w, torch.tensor([0.75, 0.0, 1.5]))


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_class_weights_average_one_and_weigh_classes_alike(y):
    y = torch.tensor(y)
    rows = class_weights(y, 6)[y]
    assert rows.mean().item() == pytest.approx(1)
    sums = [rows[y == k].sum().item() for k in y.unique()]
    assert sums == pytest.approx([len(y) / len(sums)] * len(sums))
    torch.testing.assert_close(
        rows, torch.from_numpy(row_weights(y.numpy(), 6, True) * len(y)).float()
    )


def test_class_weights_of_no_rows_are_zero():
    assert class_weights(torch.tensor([], dtype=torch.long), 2).tolist() == [0, 0]


# --- L2 and L2-SP -------------------------------------------------------------------------------


def test_l2_sp_by_hand():
    # 1/2 ((1 - 0)^2 + (2 - 4)^2 + (3 - 2)^2) = 1/2 (1 + 4 + 1) = 3
    w, w0 = [torch.tensor([1.0, 2.0]), torch.tensor([[3.0]])], torch.tensor([0.0, 4.0])
    assert l2_sp(w, [w0, torch.tensor([[2.0]])]).item() == 3
    # 1/2 (1 + 4 + 9) = 7
    assert l2(w).item() == 7


@settings(deadline=None)
@given(seeds)
def test_l2_sp_agrees_with_a_loop_and_is_never_negative(seed):
    w, w0 = weights(seed), weights(seed + 10)
    loop = sum(
        (a - b) ** 2 / 2
        for x, x0 in zip(w, w0, strict=True)
        for a, b in zip(x.flatten().tolist(), x0.flatten().tolist(), strict=True)
    )
    assert l2_sp(w, w0).item() == pytest.approx(loop)
    assert l2_sp(w, w0) >= 0
    assert l2_sp(w, w).item() == 0
    assert l2_sp(w, [torch.zeros_like(x) for x in w]) == l2(w)


def test_gradients_are_the_way_back_to_the_anchor():
    w, w0 = [x.requires_grad_() for x in weights()], [x.requires_grad_() for x in weights(5)]
    l2_sp(w, w0).backward()
    for x, x0 in zip(w, w0, strict=True):
        torch.testing.assert_close(x.grad, (x - x0).detach())
        assert x0.grad is None  # the anchor holds still
    (gradient,) = torch.autograd.grad(l2([w[0]]), w[0])
    torch.testing.assert_close(gradient, w[0].detach())


def test_l2_sp_takes_generators_and_nothing():
    layer = nn.Linear(2, 2)
    anchors = [p.detach().clone() for p in layer.parameters()]
    assert l2_sp(layer.parameters(), anchors).item() == 0
    assert l2_sp([], []).item() == l2([]).item() == 0


def test_l2_sp_wants_an_anchor_for_every_weight():
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        l2_sp(weights(), weights()[:2])


# --- batch spectral shrinkage -------------------------------------------------------------------


def test_bss_by_hand():
    # The rows are orthogonal, so the singular values are their lengths: 3, 2 and 5.
    F = torch.tensor([[0.0, 3.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 3.0, 4.0]])
    assert bss(F).item() == pytest.approx(4)
    assert bss(F, k=2).item() == pytest.approx(4 + 9)
    assert bss(F, k=3).item() == pytest.approx(4 + 9 + 25)


@settings(deadline=None)
@given(seeds, st.integers(1, 9), st.integers(1, 9), st.integers(1, 10))
def test_bss_is_numpys_svd(seed, n, dim, k):
    F = normal(n, dim, seed=seed)
    expected = np.square(np.linalg.svd(F.numpy(), compute_uv=False)[::-1][:k]).sum()
    assert bss(F, k).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert bss(F.T, k).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_bss_keeps_the_digits_of_float32_features_far_from_zero():
    F = (normal(16, 300) + 100).float()  # the largest singular value is 400 times the smallest
    expected = np.linalg.svd(F.double().numpy(), compute_uv=False)[-1] ** 2
    assert bss(F).dtype == torch.float32
    assert bss(F).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "F",
    [torch.outer(normal(6), normal(9, seed=1)), torch.zeros(4, 7), torch.ones(5, 3)],
    ids=["rank 1", "zeros", "ones"],
)
def test_bss_of_a_degenerate_batch_is_zero_and_so_is_its_gradient(F, dtype):
    F = F.to(dtype).clone().requires_grad_()
    loss = bss(F, k=2)
    loss.backward()
    assert 0 <= loss.item() < 1e-12
    assert F.grad.isfinite().all()
    assert F.grad.abs().max() < 1e-5


def test_bss_has_a_gradient_where_singular_values_are_equal():
    F = (2 * torch.eye(4, 6)).requires_grad_()
    bss(F, k=4).backward()  # all of them: the squared length of F, whose gradient is 2 F
    torch.testing.assert_close(F.grad, 2 * F.detach())


@pytest.mark.parametrize("shape", [(4, 7), (7, 4)])
def test_bss_has_the_gradient_of_finite_differences(shape):
    assert torch.autograd.gradcheck(lambda F: bss(F, 2), normal(*shape).requires_grad_())


def test_a_step_against_bss_shrinks_the_smallest_singular_value_only():
    F = normal(5, 8).requires_grad_()
    before = torch.linalg.svdvals(F.detach())
    bss(F).backward()
    after = torch.linalg.svdvals(F.detach() - 0.1 * F.grad)
    # The gradient is 2 s u v', so the smallest becomes (1 - 0.2) s and the others stay.
    torch.testing.assert_close(after, before * torch.tensor([1, 1, 1, 1, 0.8]))


def test_bss_under_autocast_is_the_same():
    F = normal(8, 20, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = bss(F)
    assert mixed.item() == bss(F).item()


# --- Co-Tuning ----------------------------------------------------------------------------------


def test_relationship_by_hand():
    proba = torch.tensor([[0.5, 0.5, 0.0], [0.2, 0.2, 0.6], [0.1, 0.3, 0.6]])
    relation = relationship(proba, torch.tensor([0, 2, 0]), 4)
    # Class 0 is the mean of rows 0 and 2; class 2 is row 1; 1 and 3 have no rows.
    third = [1 / 3] * 3
    expected = torch.tensor([[0.3, 0.4, 0.3], third, [0.2, 0.2, 0.6], third])
    torch.testing.assert_close(relation, expected)


@settings(deadline=None)
@given(seeds, st.integers(1, 20))
def test_relationship_agrees_with_a_loop_and_rows_sum_to_one(seed, n):
    proba = normal(n, 7, seed=seed).softmax(1)
    y = torch.from_numpy(np.random.default_rng(seed).integers(0, 5, n))
    relation = relationship(proba, y, 6)
    torch.testing.assert_close(relation.sum(1), torch.ones(6, dtype=torch.float64))
    for k in range(6):
        rows = [proba[i] for i in range(n) if y[i] == k]
        mean = sum(rows) / len(rows) if rows else torch.full((7,), 1 / 7, dtype=torch.float64)
        torch.testing.assert_close(relation[k], mean)


def test_co_tuning_by_hand():
    # softmax of (0, ln 3) is (1/4, 3/4): row 0 costs -1/2 ln 1/4 - 1/2 ln 3/4, row 1 -ln 3/4
    logits = torch.tensor([[0.0, math.log(3)], [0.0, math.log(3)]])
    relation = torch.tensor([[0.0, 1.0], [0.5, 0.5]])
    expected = (-0.5 * math.log(1 / 4) - 0.5 * math.log(3 / 4) - math.log(3 / 4)) / 2
    assert co_tuning(logits, relation, torch.tensor([1, 0])).item() == pytest.approx(expected)


@settings(deadline=None)
@given(seeds)
def test_co_tuning_agrees_with_a_loop_and_is_least_at_the_relation(seed):
    relation = normal(3, 6, seed=seed).softmax(1)
    y = torch.from_numpy(np.random.default_rng(seed).integers(0, 3, 8))
    logits = normal(8, 6, seed=seed + 1)
    loop = 0.0
    for i, row in enumerate(logits.tolist()):
        total = math.log(sum(math.exp(v) for v in row))
        for s, v in enumerate(row):
            loop -= relation[y[i], s].item() * (v - total) / 8
    assert co_tuning(logits, relation, y).item() == pytest.approx(loop)

    least = relation[y].log().requires_grad_()  # their softmax is the relation's row
    at_least = co_tuning(least, relation, y)
    entropy = -(relation * relation.log()).sum(1)[y].mean()
    assert at_least.item() == pytest.approx(entropy.item())
    assert at_least <= co_tuning(logits, relation, y)
    (slope,) = torch.autograd.grad(at_least, least)
    torch.testing.assert_close(slope, torch.zeros_like(slope))


# --- WiSE-FT ------------------------------------------------------------------------------------


def states():
    """Two states of a network that has a counter among its buffers."""
    torch.manual_seed(0)
    nets = [nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)) for _ in range(2)]
    nets[1](torch.randn(6, 3))  # moves the statistics, and the counter to 1
    return [net.state_dict() for net in nets]


def test_interpolation_by_hand():
    mixed = interpolate({"w": torch.tensor([0.0, 4.0])}, {"w": torch.tensor([8.0, 0.0])}, 0.25)
    assert mixed["w"].tolist() == [2.0, 3.0]  # 3/4 (0, 4) + 1/4 (8, 0)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_interpolation_has_exact_ends(alpha):
    start, end = states()
    mixed = interpolate(start, end, alpha)
    counter = "1.num_batches_tracked"
    assert list(mixed) == list(start)
    for name, value in (end if alpha else start).items():
        assert torch.equal(mixed[name], value) or name == counter
    assert mixed[counter].item() == 1  # always that of the end
    nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).load_state_dict(mixed)


def test_interpolation_of_a_state_with_itself_leaves_it():
    state, _ = states()
    torch.testing.assert_close(interpolate(state, state, 0.3), dict(state))


def test_interpolation_shares_no_memory():
    start, end = states()
    kept = {name: value.clone() for name, value in end.items()}
    for value in interpolate(start, end, 1.0).values():
        value.zero_()
    assert all(torch.equal(end[name], kept[name]) for name in kept)


@pytest.mark.parametrize("alpha", [-0.1, 1.5, math.nan])
def test_alpha_outside_the_line_is_refused(alpha):
    with pytest.raises(ConfigError, match=r"alpha = .*between 0 \(before fine-tuning\) and 1"):
        interpolate({}, {}, alpha)


def test_states_of_unlike_networks_are_refused():
    w = torch.zeros(1)
    with pytest.raises(ValueError, match=r"only one has a, c$"):
        interpolate({"a": w, "b": w}, {"b": w, "c": w}, 0.5)
