"""Networks that adapt: two domains, each normalised by itself; one model comes out."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.adaptation import finetune
from headstart.adaptation.finetune import AdaptedNetwork, TargetInputs, TwoDomains, adapt_network_of
from headstart.adaptation.loop import Schedule
from headstart.adaptation.objectives import OBJECTIVES, Batch, DomainObjective
from headstart.backbones import Ref
from headstart.backbones.cutting import Prefix, cut_before, suffix, unfrozen
from headstart.errors import ConfigError, UnknownNameError
from headstart.transfer.finetune import Setting, zero_head
from headstart.transfer.network import Network
from headstart.transfer.recipe import Recipe

N, K = 30, 3
ROWS, HELD = np.arange(24), np.arange(24, N)
SHORT = Schedule(epochs=2, batch_size=8)


class Arrays:
    """Inputs from memory; augmentation adds noise."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x

    def plain(self, rows: np.ndarray) -> np.ndarray:
        return self.x[rows]

    def varied(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self.x.dtype == np.uint8:
            return self.x[rows]
        return self.x[rows] + rng.normal(0, 0.1, self.x[rows].shape).astype(np.float32)


@pytest.fixture(scope="module")
def backbone():
    return Ref("timm", "test_resnet", seed=0).at(size=32).load()


@pytest.fixture(scope="module")
def maps(backbone) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Activations of two domains, the second lighter and shifted, and the classes of both."""
    cut = cut_before(backbone, unfrozen(backbone, "2")[0])
    rng = np.random.default_rng(0)
    y = np.arange(N) % K
    shape = Prefix(backbone, cut).shape
    marks = rng.normal(0, 1, (K, *shape))
    source, target = (marks[y] + rng.normal(0, 0.5, (N, *shape)) for _ in range(2))
    return source.astype(np.float32), (0.4 * target + 1).astype(np.float32), y


@pytest.fixture(scope="module")
def setting(backbone, maps) -> Setting:
    """Adaptation of the last two blocks of a small network."""
    blocks = unfrozen(backbone, "2")
    cut = cut_before(backbone, blocks[0])
    with torch.no_grad():
        X = suffix(backbone, cut)(torch.from_numpy(maps[0])).numpy()
    recipe = Recipe(precision="float32")
    return Setting(
        "x", recipe, backbone, blocks, cut, Arrays(maps[0]), X, maps[2], K,
        lambda rows: zero_head(X.shape[1], K),
    )  # fmt: skip


@pytest.fixture(scope="module")
def target(maps) -> TargetInputs:
    return TargetInputs(Arrays(maps[1]), N)


def statistics(net: torch.nn.Module) -> list[torch.Tensor]:
    return [m.running_mean for m in net.modules() if isinstance(m, _BatchNorm)]


@pytest.mark.parametrize("method", finetune.NETWORK_METHODS)
def test_every_method_leaves_a_model_that_answers_as_it_says(setting, target, maps, method):
    done = adapt_network_of(setting, target, method, ROWS, HELD, schedule=SHORT)
    assert (done.name, done.trouble, len(done.history)) == (method, "", 2)
    assert done.source_logits.shape == (len(HELD), K)
    # The saved backbone and head alone give the answers: all statistics are folded in.
    with torch.no_grad():
        X = suffix(done.tuned.backbone, setting.cut)(torch.from_numpy(maps[1])).numpy()
    assert np.allclose(X, done.target_features, atol=1e-4)
    logits = done.tuned.head.logits(X.astype(np.float64))
    assert np.allclose(logits, done.target_logits, atol=1e-3)
    assert done.tuned.features.shape == (len(ROWS), X.shape[1])


def test_the_network_knows_a_domain_that_is_lighter_and_shifted(setting, target, maps):
    done = adapt_network_of(
        setting, target, "no adaptation", ROWS, HELD, schedule=replace(SHORT, epochs=6)
    )
    assert np.mean(done.target_logits.argmax(axis=1) == maps[2]) > 0.8


def test_the_neck_takes_the_statistics_of_a_domain(setting, target):
    pair = TwoDomains(setting.network(ROWS))
    mean, var = pair.neck.running_mean.numpy().copy(), pair.neck.running_var.numpy().copy()
    pair.measure(target.inputs, target.rows)
    X = pair.answers(target.inputs, target.rows)[0]
    new = N / (N + 16)
    assert np.allclose(pair.neck.running_mean, new * X.mean(axis=0) + (1 - new) * mean, atol=1e-5)
    assert np.allclose(pair.neck.running_var, new * X.var(axis=0) + (1 - new) * var, atol=1e-5)


def test_only_what_is_unfrozen_moves(setting, target, backbone):
    before = {k: v.clone() for k, v in backbone.net.state_dict().items()}
    done = adapt_network_of(
        setting, target, "MCC", ROWS, HELD, schedule=SHORT, own_statistics=False
    )
    after = done.tuned.backbone.net.state_dict()
    moved = {k for k in before if not torch.equal(before[k], after[k])}
    assert moved
    assert all(k.startswith(tuple(f"{b}." for b in setting.blocks)) for k in moved)
    assert not any("running_" in k for k in moved)  # frozen batch norms
    assert all(torch.equal(v, before[k]) for k, v in backbone.net.state_dict().items())
    assert done.tuned.backbone.card.weights_hash != backbone.card.weights_hash
    assert done.tuned.trainable == sum(backbone.net.get_parameter(k).numel() for k in moved)


def test_batch_norms_take_the_targets_statistics_unless_frozen(setting, target, maps):
    done = adapt_network_of(setting, target, "no adaptation", ROWS, HELD, schedule=SHORT)
    back = TargetInputs(Arrays(maps[0]), N)
    same = adapt_network_of(setting, back, "no adaptation", ROWS, HELD, schedule=SHORT)
    frozen = adapt_network_of(
        setting, target, "no adaptation", ROWS, HELD, schedule=SHORT, own_statistics=False
    )
    at_target, at_source, kept = (statistics(d.tuned.backbone.net) for d in (done, same, frozen))
    assert not torch.allclose(at_target[-1], at_source[-1], atol=1e-3)
    assert torch.equal(kept[-1], statistics(setting.backbone.net)[-1])
    assert torch.equal(at_target[0], kept[0])  # in front of the trained blocks nothing moves


def test_the_same_seed_gives_the_same_model_whatever_the_state_of_torch(setting, target):
    def run(seed: int) -> AdaptedNetwork:
        torch.rand(7)  # the caller's stream is somewhere else every time
        there = replace(setting, seed=seed)
        return adapt_network_of(there, target, "CDAN+E", ROWS, HELD, schedule=SHORT)

    one, other = run(3), run(3)
    assert np.array_equal(one.target_logits, other.target_logits)
    assert one.tuned.backbone.card.weights_hash == other.tuned.backbone.card.weights_hash
    assert not np.array_equal(one.target_logits, run(4).target_logits)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    adapt_network_of(setting, target, "MCC", ROWS, HELD, schedule=SHORT)
    assert torch.equal(before, torch.get_rng_state())


def test_rows_held_out_decide_nothing(setting, target):
    one = adapt_network_of(setting, target, "MCC", ROWS, HELD, schedule=SHORT)
    none = adapt_network_of(setting, target, "MCC", ROWS, HELD[:0], schedule=SHORT)
    assert none.source_logits.shape == (0, K)
    assert np.array_equal(one.target_logits, none.target_logits)


def test_there_is_no_way_in_for_labels_of_the_target():
    assert [f.name for f in fields(TargetInputs)] == ["inputs", "n"]


def test_a_whole_network_on_images(backbone):
    rng = np.random.default_rng(0)
    y = np.arange(16) % 2
    pixels = rng.integers(0, 60, (16, 32, 32, 3), dtype=np.uint8)
    pixels[y == 1, :, ::2] += 150
    blocks = unfrozen(backbone, "all")
    dim = backbone.card.dim
    setting = Setting(
        "x", Recipe(unfreeze="all", cache=False, precision="float32"),
        backbone, blocks, None, Arrays(pixels), np.zeros((0, dim), np.float32), y, 2,
        lambda rows: zero_head(dim, 2),
    )  # fmt: skip
    lighter = TargetInputs(Arrays(pixels + 40), 16)
    done = adapt_network_of(
        setting, lighter, "MCC", np.arange(16), np.arange(0), schedule=replace(SHORT, lr=0.02)
    )
    with torch.no_grad():
        X = done.tuned.backbone(torch.from_numpy(pixels + 40)).numpy()
    logits = done.tuned.head.logits(X.astype(np.float64))
    assert np.allclose(logits, done.target_logits, atol=1e-3)


def test_minimum_class_confusion_makes_answers_surer(setting, target):
    longer = replace(SHORT, epochs=6)

    def confidence(method: str) -> float:
        done = adapt_network_of(setting, target, method, ROWS, HELD, schedule=longer)
        p = torch.softmax(torch.from_numpy(done.target_logits), dim=1)
        return float(p.max(dim=1).values.mean())

    assert confidence("MCC") > confidence("no adaptation")


def test_classes_count_alike_where_balanced(setting):
    y = np.array([0, 0, 0, 1, 2])
    uneven = replace(setting, y=y, balanced=True)
    weights = finetune._weights(uneven, np.arange(4))  # three of class 0, one of 1, none of 2
    assert np.allclose(weights[:2], [4 / 6, 2])
    assert np.isclose(weights[y[:4]].mean(), 1)
    assert finetune._weights(replace(uneven, balanced=False), np.arange(4)) is None


def test_what_is_not_adversarial_grows():
    class One(DomainObjective):
        def forward(self, source: Batch, target: Batch, progress: float) -> torch.Tensor:
            return torch.ones(())

    growing, nothing = finetune._Growing(One()), Batch(torch.zeros(2, 1), torch.zeros(2, 2))
    values = [float(growing(nothing, nothing, p)) for p in (0, 0.1, 1)]
    # 2 / (1 + exp(-10 p)) - 1
    assert np.allclose(values, [0, 0.46211716, 0.9999092], atol=1e-6)


def test_the_neck_starts_where_the_network_standardises(setting):
    network: Network = setting.network(ROWS)
    pair = TwoDomains(network).eval()
    X = torch.from_numpy(setting.inputs.plain(ROWS))
    with torch.no_grad():
        features, _ = network.eval()(X)
        standardised, _ = pair(X)
    mean, scale = network.mean, network.scale
    floor = 0.1 * scale.mean()
    expected = (features - mean) / torch.sqrt(scale**2 + floor**2)
    assert torch.allclose(standardised, expected, atol=1e-3)


def test_a_network_competes_as_any_candidate(setting, target, maps):
    done = adapt_network_of(setting, target, "DANN", ROWS, HELD, schedule=SHORT)
    trial = done.trial(maps[2][HELD])
    assert (trial.name, trial.family) == ("DANN, network", "network")
    assert "Ganin" in trial.reference
    assert trial.target is done.target_logits
    failed = replace(done, trouble="The loss became nan.").trial(maps[2][HELD])
    assert failed.failure == "The loss became nan."
    assert failed.target.shape == (0, K)


def test_errors_name_the_mend(setting, target):
    with pytest.raises(UnknownNameError, match=r"'DAN2'.* Did you mean 'DAN'"):
        adapt_network_of(setting, target, "DAN2", ROWS, HELD)
    few = TargetInputs(target.inputs, 1)
    with pytest.raises(ConfigError, match=r"the source has 1 and the target has 1\. Add some"):
        adapt_network_of(setting, few, "MCC", ROWS[:1], HELD)


def test_every_objective_is_a_method():
    assert set(finetune.NETWORK_METHODS) == {"no adaptation", *OBJECTIVES}
