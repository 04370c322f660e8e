"""The formulas of adaptation against numbers worked by hand, loops, and finite differences."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from headstart.adaptation import losses
from headstart.adaptation.objectives import CDAN, OBJECTIVES, Batch

seeds = st.integers(0, 2**31)
# No deadlines below: the first call of a torch operation may take longer than all the others.


def normal(*shape, seed=0, slope=False):
    draw = torch.from_numpy(np.random.default_rng(seed).normal(size=shape))
    return draw.requires_grad_(slope)


def near(value, wanted, **how):
    value, wanted = (
        v.detach().item() if isinstance(v, torch.Tensor) else v for v in (value, wanted)
    )
    assert value == pytest.approx(wanted, **how)


def softmax(row):
    e = [math.exp(float(v)) for v in row]
    return [v / sum(e) for v in e]


def doubt(p):
    return -sum(v * math.log(v) for v in p)


# --- gradient reversal --------------------------------------------------------------------------


def test_reversal_keeps_the_value_and_turns_the_gradient():
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    y = losses.reverse(x, 0.25)
    assert y.tolist() == [1, -2]
    (y * torch.tensor([3.0, 4.0])).sum().backward()
    assert x.grad.tolist() == [-0.75, -1.0]


def test_ramp_by_hand():
    # 2 / (1 + e^-5) - 1 = (1 - e^-5) / (1 + e^-5) = tanh(2.5)
    assert losses.ramp(0) == 0
    near(losses.ramp(0.5), math.tanh(2.5))
    near(losses.ramp(1, alpha=math.log(3)), 0.5)  # 2 / (1 + 1/3) - 1


# --- discriminators -----------------------------------------------------------------------------


def test_domain_bce_by_hand():
    # sigmoid(log 3) = 3/4 on the source, and on the target 1/4 and 1/2 are "source"
    s, t = torch.tensor([math.log(3)]), torch.tensor([-math.log(3), 0.0])
    near(losses.domain_bce(s, t), (-math.log(3 / 4) + (-math.log(3 / 4) - math.log(1 / 2)) / 2) / 2)
    near(losses.domain_bce(torch.zeros(3), torch.zeros(5)), math.log(2))
    # weights 1/2 and 3/2: the second target row counts three times the first
    weighted = losses.domain_bce(s, t, target_weight=torch.tensor([0.5, 1.5]))
    near(weighted, (-math.log(3 / 4) + (-0.5 * math.log(3 / 4) + 1.5 * math.log(2)) / 2) / 2)


def test_domain_bce_has_the_right_gradient_and_no_overflow():
    s, t = normal(3, slope=True), normal(4, seed=1, slope=True)
    assert gradcheck(losses.domain_bce, (s, t))
    near(losses.domain_bce(torch.tensor([-1e4]), torch.tensor([1e4])), 1e4)


def test_outer_by_hand():
    got = losses.outer(torch.tensor([[2.0, 3.0]]), torch.tensor([[0.25, 0.75]]))
    assert got.tolist() == [[0.5, 1.5, 0.75, 2.25]]


def test_beliefs_are_not_taught_by_the_discriminator():
    f, p = normal(3, 2, slope=True), normal(3, 4, seed=1, slope=True)
    losses.outer(f, p).sum().backward()
    assert f.grad is not None and p.grad is None
    losses.random_outer(f, p, normal(2, 5), normal(4, 5)).sum().backward()
    assert p.grad is None


def test_the_random_map_keeps_inner_products_on_average():
    f, p = normal(6, 8), torch.softmax(normal(6, 5, seed=1), dim=1)
    exact = losses.outer(f, p) @ losses.outer(f, p).T
    seen = losses.random_outer(f, p, normal(8, 20_000, seed=2), normal(5, 20_000, seed=3))
    torch.testing.assert_close(seen @ seen.T, exact, atol=0.4, rtol=0)


def test_cdan_maps_at_random_only_what_is_wide():
    assert not CDAN(256, 16).mapped
    wide = CDAN(256, 17, hidden=8)
    assert wide.mapped and wide.feature_map.shape == (256, 1024)


# --- entropy ------------------------------------------------------------------------------------


def test_entropy_by_hand():
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [math.log(3), 0.0, -1e9, -1e9]])
    wanted = [math.log(4), -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))]
    assert losses.entropy(logits).tolist() == pytest.approx(wanted)
    assert gradcheck(losses.entropy, (normal(3, 4, slope=True),))


def test_entropy_weights_by_hand():
    # sure: 1 + e^0 = 2; no idea among two: 1 + e^(-log 2) = 3/2; mean 7/4
    got = losses.entropy_weights(torch.tensor([[1e3, 0.0], [5.0, 5.0]], requires_grad=True))
    assert got.tolist() == pytest.approx([8 / 7, 6 / 7])
    assert not got.requires_grad


# --- kernels ------------------------------------------------------------------------------------


def naive_kernel(x, y, spread):
    square = sum((float(a) - float(b)) ** 2 for a, b in zip(x, y, strict=True))
    return sum(math.exp(-square / (2 * 2.0**k * spread)) for k in (-3, -2, -1, 0, 1))


def naive_mmd(source, target, kernel):
    def mean(left, right):
        return sum(kernel(a, b) for a in left for b in right) / (len(left) * len(right))

    return mean(source, source) + mean(target, target) - 2 * mean(source, target)


def naive_spread(rows):
    squares = [float(((a - b) ** 2).sum()) for a in rows for b in rows]
    return sum(squares) / len(squares)


def test_mk_mmd_by_hand():
    # one row each, 1 apart: the mean over the four pairs is 1/2, so the kernels are
    # exp(-1 / 2^k), and the discrepancy is 5 + 5 - 2 of their sum
    kernels = sum(math.exp(-1 / 2.0**k) for k in (-3, -2, -1, 0, 1))
    got = losses.mk_mmd(torch.zeros(1, 1).double(), torch.ones(1, 1).double())
    near(got, 10 - 2 * kernels)


@settings(deadline=None, max_examples=10)
@given(seeds, st.integers(1, 5), st.integers(1, 5))
def test_mk_mmd_as_a_loop(seed, n_s, n_t):
    s, t = normal(n_s, 3, seed=seed), 2 * normal(n_t, 3, seed=seed + 1) + 1
    spread = naive_spread([*s, *t])
    near(losses.mk_mmd(s, t), naive_mmd(s, t, lambda a, b: naive_kernel(a, b, spread)), abs=1e-12)


@settings(deadline=None, max_examples=10)
@given(seeds, st.integers(1, 5), st.integers(1, 5))
def test_joint_mmd_as_a_loop(seed, n_s, n_t):
    s, t = normal(n_s, 3, seed=seed), normal(n_t, 3, seed=seed + 1) - 1
    p, q = (torch.softmax(normal(n, 4, seed=seed + 2), dim=1) for n in (n_s, n_t))
    spread = naive_spread([*s, *t])

    def kernel(a, b):
        (x, v), (y, w) = a, b
        belief = math.exp(-float(((v - w) ** 2).sum()) / (2 * 0.92**2))
        return naive_kernel(x, y, spread) * belief

    wanted = naive_mmd(list(zip(s, p, strict=True)), list(zip(t, q, strict=True)), kernel)
    near(losses.joint_mmd(s, t, p, q), wanted, abs=1e-12)


def test_kernels_have_the_right_gradients():
    s, t = normal(3, 2, slope=True), normal(4, 2, seed=1, slope=True)
    p, q = normal(3, 3, seed=2, slope=True), normal(4, 3, seed=3, slope=True)
    spread = torch.tensor(1.7).double()
    assert gradcheck(lambda s, t: losses.mk_mmd(s, t, spread), (s, t))
    assert gradcheck(lambda *all_: losses.joint_mmd(*all_, spread), (s, t, p, q))


def test_the_width_of_the_kernels_is_no_way_to_shrink_the_discrepancy():
    s, t = normal(3, 2, slope=True), normal(4, 2, seed=1, slope=True)
    both = torch.cat([s, t]).detach()
    fixed = losses.mk_mmd(s, t, torch.tensor(naive_spread(both)))
    wanted = torch.autograd.grad(fixed, [s, t])
    got = torch.autograd.grad(losses.mk_mmd(s, t), [s, t])
    torch.testing.assert_close(got, wanted)


# --- covariances --------------------------------------------------------------------------------


def test_coral_by_hand():
    # variances 2 and 8 of one feature: (2 - 8)^2 / 4
    s, t = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [5.0]])
    near(losses.coral(s, t), 9)


@settings(deadline=None, max_examples=10)
@given(seeds, st.integers(2, 6), st.integers(2, 6), st.integers(1, 4))
def test_coral_as_numpy(seed, n_s, n_t, dim):
    s, t = normal(n_s, dim, seed=seed), normal(n_t, dim, seed=seed + 1)
    gap = np.cov(s.numpy().T).reshape(dim, dim) - np.cov(t.numpy().T).reshape(dim, dim)
    near(losses.coral(s, t), (gap**2).sum() / (4 * dim**2))


def test_coral_has_the_right_gradient():
    assert gradcheck(losses.coral, (normal(3, 2, slope=True), normal(4, 2, seed=1, slope=True)))


# --- all distances ------------------------------------------------------------------------------


DISTANCES = {
    "mk_mmd": losses.mk_mmd,
    "joint_mmd": lambda s, t: losses.joint_mmd(s, t, s.softmax(1), t.softmax(1)),
    "coral": losses.coral,
}


@pytest.mark.parametrize("name", DISTANCES)
@settings(deadline=None, max_examples=10)
@given(seed=seeds)
def test_distances_are_zero_for_equal_inputs_and_else_positive(name, seed):
    distance = DISTANCES[name]
    x, y = normal(5, 3, seed=seed), 3 * normal(7, 3, seed=seed + 1)
    assert 0 <= float(distance(x, x)) < 1e-12
    assert 0 <= float(distance(x.float(), x[torch.randperm(5)].float())) < 1e-5
    assert float(distance(x, y)) > 1e-3
    near(distance(x, y), float(distance(y, x)))


def test_rows_that_are_all_alike_are_at_no_distance():
    x = torch.full((4, 3), 1e3)
    x.requires_grad_(True)
    for distance in DISTANCES.values():
        value = distance(x, x.detach())
        assert value.item() == 0
        assert torch.isfinite(torch.autograd.grad(value, x)[0]).all()


# --- confusion ----------------------------------------------------------------------------------


def naive_confusion(logits, temperature):
    p = [softmax([float(v) / temperature for v in row]) for row in logits]
    weight = [1 + math.exp(-doubt(row)) for row in p]
    weight = [w * len(weight) / sum(weight) for w in weight]
    n_classes = len(p[0])
    total = 0.0
    for j in range(n_classes):
        row = [
            sum(w * b[j] * b[k] for w, b in zip(weight, p, strict=True)) for k in range(n_classes)
        ]
        total += sum(v for k, v in enumerate(row) if k != j) / sum(row)
    return total / n_classes


def test_confusion_by_hand():
    # sure of one class each: none; no idea among K: every row of C is 1/K, so (K - 1) / K
    near(losses.class_confusion(torch.eye(3) * 1e4), 0, abs=1e-7)
    near(losses.class_confusion(torch.zeros(5, 4)), 3 / 4)


@settings(deadline=None, max_examples=10)
@given(seeds, st.integers(1, 6), st.integers(2, 4))
def test_confusion_as_a_loop(seed, n, n_classes):
    logits = 3 * normal(n, n_classes, seed=seed)
    near(losses.class_confusion(logits), naive_confusion(logits, 2.5))
    near(losses.class_confusion(logits, 0.5), naive_confusion(logits, 0.5))


def test_confusion_has_the_gradient_of_fixed_weights():
    logits = normal(5, 3, slope=True)
    weight = losses.entropy_weights(logits / 2.5)

    def fixed(logits):
        p = torch.softmax(logits / 2.5, dim=1)
        confusion = torch.einsum("i,ij,ik->jk", weight, p, p)
        confusion = confusion / confusion.sum(1, keepdim=True)
        return 1 - confusion.diagonal().mean()

    assert gradcheck(fixed, (logits,))
    wanted = torch.autograd.grad(fixed(logits), logits)
    got = torch.autograd.grad(losses.class_confusion(logits), logits)
    torch.testing.assert_close(got, wanted)


# --- margin disparity ---------------------------------------------------------------------------


def test_margin_disparity_by_hand():
    # the head answers 0 on the source, where the rival gives it 3/4, and 1 on the target, where
    # the rival gives it 1/5: 4 log(4/3) - log(4/5)
    three, quarter = math.log(3), math.log(1 / 4)
    got = losses.margin_disparity(
        torch.tensor([[2.0, 1.0]]),
        torch.tensor([[0.0, 1.0]]),
        torch.tensor([[three, 0.0]]),
        torch.tensor([[0.0, quarter]]),
    )
    near(got, 4 * math.log(4 / 3) - math.log(4 / 5))


@settings(deadline=None, max_examples=10)
@given(seeds, st.integers(1, 5), st.integers(1, 5))
def test_margin_disparity_as_a_loop(seed, n_s, n_t):
    a, r = normal(n_s, 3, seed=seed), normal(n_s, 3, seed=seed + 1)
    b, q = normal(n_t, 3, seed=seed + 2), normal(n_t, 3, seed=seed + 3)
    own = [-math.log(softmax(row)[int(head.argmax())]) for head, row in zip(a, r, strict=True)]
    other = [
        -math.log(1 - softmax(row)[int(head.argmax())]) for head, row in zip(b, q, strict=True)
    ]
    near(losses.margin_disparity(a, b, r, q, margin=2), 2 * sum(own) / n_s + sum(other) / n_t)


def test_margin_disparity_teaches_the_rival_only_and_stays_finite():
    a, b = normal(3, 4, slope=True), normal(2, 4, seed=1, slope=True)
    r, q = normal(3, 4, seed=2, slope=True), normal(2, 4, seed=3, slope=True)
    assert gradcheck(lambda r, q: losses.margin_disparity(a.detach(), b.detach(), r, q), (r, q))
    losses.margin_disparity(a, b, r, q).backward()
    assert a.grad is None and b.grad is None
    sure = torch.tensor([[1e3, 0.0]])  # 1 - p is 0 in floating point, its logarithm is not
    near(losses.margin_disparity(sure, sure, sure, sure), 1e3)


# --- norms --------------------------------------------------------------------------------------


def test_feature_norm_by_hand():
    # of length 5: (5 - 6)^2 = 1, and the gradient is -2 f / |f|
    f = torch.tensor([[3.0, 4.0]], requires_grad=True)
    value = losses.feature_norm(f)
    near(value, 1)
    assert torch.autograd.grad(value, f)[0].tolist()[0] == pytest.approx([-1.2, -1.6])


def test_feature_norm_asks_for_a_step_of_any_size():
    f = normal(4, 3, slope=True)
    value = losses.feature_norm(f, 0.5)
    near(value, 0.25)
    wanted = -2 * 0.5 * f / f.norm(dim=1, keepdim=True) / 4
    torch.testing.assert_close(torch.autograd.grad(value, f)[0], wanted.detach())


# --- information --------------------------------------------------------------------------------


def test_information_by_hand():
    # sure and even: -log K; all the same answer: 0; no idea at all: 0
    near(losses.information(torch.eye(3) * 1e4), -math.log(3))
    near(losses.information(torch.tensor([[1e4, 0.0], [1e4, 0.0]])), 0, abs=1e-6)
    near(losses.information(torch.zeros(4, 3)), 0, abs=1e-6)


@settings(deadline=None, max_examples=10)
@given(seeds, st.integers(1, 6))
def test_information_as_a_loop(seed, n):
    logits = 3 * normal(n, 3, seed=seed)
    p = [softmax(row) for row in logits]
    mean = [sum(row[k] for row in p) / n for k in range(3)]
    near(losses.information(logits), sum(map(doubt, p)) / n - doubt(mean), abs=1e-12)
    assert losses.information(logits) < 1e-12


def test_information_has_the_right_gradient():
    assert gradcheck(losses.information, (normal(4, 3, slope=True),))


# --- objectives ---------------------------------------------------------------------------------


def batch(n, seed):
    return Batch(normal(n, 6, seed=seed).float(), normal(n, 3, seed=seed + 1).float())


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_moves_the_target(name):
    objective = OBJECTIVES[name](6, 3)
    source, target = batch(8, 1), batch(8, 5)
    for tensor in (target.features, target.logits):
        tensor.requires_grad_(True)
    value = objective(source, target, 0.5)
    assert value.shape == () and torch.isfinite(value)
    slopes = torch.autograd.grad(value, [target.features, target.logits], allow_unused=True)
    assert max(float(s.abs().max()) for s in slopes if s is not None) > 0


@pytest.mark.parametrize("name", ["DAN", "JAN", "Deep CORAL", "MCC", "SHOT-IM", "DANN", "MDD"])
def test_the_multiplier_multiplies(name):
    source, target = batch(8, 1), batch(8, 5)
    once, thrice = (OBJECTIVES[name](6, 3, weight=w)(source, target, 1.0) for w in (1.0, 3.0))
    near(thrice, 3 * once.detach(), rel=1e-5)


@pytest.mark.parametrize("name", ["DANN", "CDAN+E", "MDD"])
def test_adversaries_pull_features_the_other_way(name):
    """At no progress features feel nothing; later they climb where the adversary descends."""
    objective = OBJECTIVES[name](6, 3)
    source, target = batch(8, 1), batch(8, 5)
    target.features.requires_grad_(True)
    still = torch.autograd.grad(objective(source, target, 0.0), target.features)[0]
    assert float(still.abs().max()) == 0
    before = float(objective(source, target, 1.0).detach())
    slope = torch.autograd.grad(objective(source, target, 1.0), target.features)[0]
    moved = Batch((target.features - 0.05 * slope / slope.norm()).detach(), target.logits)
    assert float(objective(source, moved, 1.0).detach()) > before


@pytest.mark.parametrize("name", ["DANN", "CDAN+E", "MDD"])
def test_adversaries_start_as_their_seed_says(name):
    state = torch.get_rng_state()
    first, again, other = (OBJECTIVES[name](6, 3, seed=seed) for seed in (0, 0, 1))
    pairs = list(zip(first.parameters(), again.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert any(not torch.equal(a, c) for a, _, c in pairs)
    assert torch.equal(torch.get_rng_state(), state)


def test_shot_follows_the_labels_it_is_given():
    objective, target = OBJECTIVES["SHOT-IM"](6, 3, beta=0.3), batch(4, 1)
    y = torch.tensor([0, 1, 2, 0])
    with_labels = Batch(target.features, target.logits, y)
    extra = objective(target, with_labels, 0.0) - objective(target, target, 0.0)
    log_p = torch.log_softmax(target.logits, dim=1)
    wanted = -sum(float(log_p[i, k]) for i, k in enumerate(y)) / 4
    near(extra, 0.3 * wanted, rel=1e-5)


def test_sure_rows_count_more_in_cdan_e():
    """It differs from its discriminator's plain loss only where rows are of unlike entropy."""
    sure = OBJECTIVES["CDAN+E"](6, 3)

    def plain(source, target, _):
        pairs = (
            torch.cat([getattr(b, k) for b in (source, target)]) for k in ("features", "proba")
        )
        logits, n = sure.discriminator(losses.outer(*pairs))[:, 0], len(source.features)
        return losses.domain_bce(logits[:n], logits[n:])

    even = [Batch(normal(4, 6, seed=s).float(), torch.zeros(4, 3)) for s in (1, 2)]
    near(plain(*even, 1.0), sure(*even, 1.0), rel=1e-6)
    uneven = batch(8, 1), batch(8, 5)
    assert abs(plain(*uneven, 1.0) - sure(*uneven, 1.0)).item() > 1e-4
