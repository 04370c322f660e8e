"""LoRA: what it trains, and that what it leaves is a plain network with its head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from headstart.backbones import Ref
from headstart.backbones.network import Backbone
from headstart.backbones.saved import SavedBackbone
from headstart.errors import ConfigError
from headstart.transfer.checkpoint import Checkpoints
from headstart.transfer.finetune import FINAL, Setting, finish, fit
from headstart.transfer.heads import LinearHead
from headstart.transfer.lora import RANK, add_low_rank, merge
from headstart.transfer.parts import Point
from headstart.transfer.recipe import LORA_PACE, LR, Recipe, from_options

K, N = 2, 12
NONE = np.zeros(0, np.int64)


class Photos:
    """Made-up pictures, one class brighter."""

    def __init__(self, side: int) -> None:
        rng = np.random.default_rng(0)
        self.x = rng.integers(0, 200, (N, side, side, 3), dtype=np.uint8)
        self.x[::2] += 50

    def plain(self, rows: np.ndarray) -> np.ndarray:
        return self.x[rows]

    def varied(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.x[rows]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return Ref("timm", "test_vit", seed=0).load()


@pytest.fixture(scope="module")
def setting(backbone: Backbone) -> Setting:
    inputs = Photos(backbone.card.look.size)
    with torch.no_grad():
        X = backbone(torch.from_numpy(inputs.x)).numpy()
    dim = X.shape[1]
    recipe = Recipe(unfreeze="2", tune="lora", epochs=2, batch_size=4, lr=1e-2, cache=False)
    blocks = [name for name, _ in backbone.blocks()][-2:]
    return Setting(
        "x", recipe, backbone, blocks, None, inputs, X, np.arange(N) % K, K,
        lambda rows: LinearHead(np.zeros((dim, K)), np.zeros(K)),
    )  # fmt: skip


def test_it_starts_as_the_network_it_is_laid_over_and_merges_into_it() -> None:
    net = nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 3))
    x = torch.randn(4, 5)
    before, names = net(x), list(net.state_dict())
    added = add_low_rank([("a", net)])
    assert torch.equal(net(x), before)
    assert sum(p.numel() for p in added["a"]) == RANK * (5 + 7 + 7 + 3)
    with torch.no_grad():
        for p in added["a"]:
            p.add_(torch.randn_like(p))
    after = net(x)
    assert not torch.allclose(after, before)
    merge(net)
    assert torch.allclose(net(x), after, atol=1e-5)
    assert sorted(net.state_dict()) == sorted(names) and type(net[0]) is nn.Linear


def test_the_model_is_a_plain_network_with_its_head(setting: Setting, tmp_path: Path) -> None:
    rows = np.arange(N)
    fitted = fit(setting, rows, rows, FINAL)
    tuned = finish(setting, rows, fitted)
    SavedBackbone.save(tuned.backbone, tmp_path / "w.safetensors")
    again = SavedBackbone(tmp_path / "w.safetensors", tuned.backbone.card).load()
    with torch.no_grad():
        X = again(torch.from_numpy(setting.inputs.plain(rows))).numpy()
    assert np.abs(X - tuned.features).max() < 1e-5
    assert np.abs(tuned.head.logits(X.astype(np.float64)) - fitted.logits[0]).max() < 1e-4
    assert np.abs(tuned.head.W).max() > 0, "the head was trained too"


def test_only_linear_layers_of_the_blocks_change(setting: Setting, backbone: Backbone) -> None:
    rows = np.arange(N)
    tuned = finish(setting, rows, fit(setting, rows, NONE, FINAL))
    before, after = backbone.net.state_dict(), tuned.backbone.net.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    linear = {
        f"{block}.{name}.weight"
        for block, module in backbone.blocks()[-2:]
        for name, part in module.named_modules()
        if isinstance(part, nn.Linear)
    }
    assert changed == {name.replace("..", ".") for name in linear}
    assert tuned.trainable < sum(before[name].numel() for name in changed)


def test_an_interrupted_fit_goes_on_as_if_it_had_not_been(setting: Setting, tmp_path: Path) -> None:
    whole = fit(setting, np.arange(N), NONE, FINAL)

    def stop(fit: str, point: Point) -> None:
        raise KeyboardInterrupt

    kept = replace(setting, checkpoints=Checkpoints(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        fit(replace(kept, on_point=stop), np.arange(N), NONE, FINAL)
    resumed = fit(kept, np.arange(N), NONE, FINAL)
    assert resumed.learned.keys() == whole.learned.keys()
    for name, tensor in whole.learned.items():
        assert torch.equal(tensor, resumed.learned[name]), name


def test_blocks_of_convolutions_are_refused() -> None:
    blocks = Ref("timm", "test_resnet", seed=0).load().blocks()[:1]
    with pytest.raises(ConfigError, match="--tune lora adds to linear layers"):
        add_low_rank(blocks)


def test_its_rate_is_higher_unless_given() -> None:
    assert Recipe(tune="lora").rate == LORA_PACE * LR["adamw"]
    assert from_options("finetune", {"tune": "lora"}, {"lr": 5e-5}).rate == pytest.approx(5e-4)
    assert from_options("finetune", {"tune": "lora", "lr": 1e-3}).rate == 1e-3
    with pytest.raises(ConfigError, match="--wise"):
        Recipe(tune="lora", wise=True)
