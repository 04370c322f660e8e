"""Pairs: the loss by hand, and what it learns from few labels that no head on its own can."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from headstart.backbones import Ref
from headstart.backbones.network import Backbone
from headstart.errors import ConfigError
from headstart.transfer.checkpoint import Checkpoints
from headstart.transfer.finetune import FINAL, Setting, finish, fit
from headstart.transfer.heads import LinearHead
from headstart.transfer.logistic import fit_logistic
from headstart.transfer.losses import pairs
from headstart.transfer.parts import Point
from headstart.transfer.recipe import Recipe, defaults, from_options

FEW, MANY = 48, 200


def test_the_loss_by_hand() -> None:
    features = torch.tensor([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
    # Cosines: 0, 1 / sqrt 2, 1 / sqrt 2; the first and the last are of one class.
    c = 0.5**0.5
    expected = (0 + (c - 1) ** 2 + c**2) / 3
    assert float(pairs(features, torch.tensor([0, 1, 0]))) == pytest.approx(expected)


def test_the_loss_of_one_row_is_nothing_and_has_a_slope() -> None:
    features = torch.ones(1, 3, requires_grad=True)
    loss = pairs(features, torch.tensor([0]))
    loss.backward()
    assert float(loss.detach()) == 0 and float(features.grad.abs().sum()) == 0


def test_it_is_least_where_classes_are_one_direction_each() -> None:
    y = torch.tensor([0, 0, 1, 1])
    assert float(pairs(nn.functional.one_hot(y).float() * 7, y)) == pytest.approx(0, abs=1e-12)


class Points:
    """Points in a plane, by row."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x

    def plain(self, rows: np.ndarray) -> np.ndarray:
        return self.x[rows]

    def varied(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.x[rows]


def head_of(X: np.ndarray, y: np.ndarray) -> LinearHead:
    return LinearHead(*fit_logistic(X.astype(np.float64), y, 2, 1.0, exact=True))


@pytest.fixture(scope="module")
def setting() -> Setting:
    """Two classes in opposite quarters of a plane, and a small network that has learned nothing."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (FEW + MANY, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 8))
        with torch.no_grad():
            net[0].weight.mul_(0.3)  # nearly linear: the classes are not in it
    card = replace(Ref("timm", "test_resnet", seed=0).load().card, dim=8)
    backbone = Backbone(net, card, [("0", net[0]), ("2", net[2])])
    with torch.no_grad():
        X = net(torch.from_numpy(x)).numpy()
    recipe = Recipe(
        unfreeze="all", cache=False, loss="pairs", epochs=300, lr=1e-2, batch_size=32, clip=0.0
    )
    return Setting(
        "contrastive", recipe, backbone, ["0", "2"], None, Points(x), X, y, 2,
        lambda rows: head_of(X[rows], y[rows]), refit=lambda X, rows: head_of(X, y[rows]),
    )  # fmt: skip


def right(setting: Setting, logits: np.ndarray) -> float:
    return float((logits.argmax(1) == setting.y[FEW:]).mean())


def test_it_learns_what_no_head_on_the_frozen_network_finds(setting: Setting) -> None:
    few, many = np.arange(FEW), np.arange(FEW, FEW + MANY)
    probe = right(setting, setting.start(few).logits(setting.X[many].astype(np.float64)))
    fitted = fit(setting, few, many, "fold 1")
    assert right(setting, fitted.logits[0]) > max(0.8, probe + 0.15)
    assert {p.split for p in fitted.history} == {"training"}, "no head is watched"
    assert all(p.accuracy is None for p in fitted.history)


def test_the_model_has_the_head_that_was_fitted_afterwards(setting: Setting) -> None:
    few, many = np.arange(FEW), np.arange(FEW, FEW + MANY)
    fitted = fit(setting, few, many, FINAL)
    tuned = finish(setting, few, fitted)
    head = head_of(tuned.features, setting.y[few])
    assert np.abs(tuned.head.W - head.W).max() < 1e-3 * np.abs(head.W).max()
    with torch.no_grad():
        X = tuned.backbone(torch.from_numpy(setting.inputs.plain(many))).numpy()
    assert np.abs(tuned.head.logits(X.astype(np.float64)) - fitted.logits[0]).max() < 1e-3


def test_an_interrupted_fit_goes_on_as_if_it_had_not_been(setting: Setting, tmp_path: Path) -> None:
    brief = replace(setting, recipe=replace(setting.recipe, epochs=4))
    whole = fit(brief, np.arange(FEW), np.arange(FEW), FINAL)

    def stop(fit: str, point: Point) -> None:
        if point.epoch == 2:
            raise KeyboardInterrupt

    kept = replace(brief, checkpoints=Checkpoints(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        fit(replace(kept, on_point=stop), np.arange(FEW), np.arange(FEW), FINAL)
    resumed = fit(kept, np.arange(FEW), np.arange(FEW), FINAL)
    for name, tensor in whole.learned.items():
        assert torch.equal(tensor, resumed.learned[name]), name


def test_what_is_of_answers_is_refused() -> None:
    wrong = {"patience": 2, "wise": True, "label_smoothing": 0.1, "mixup": 0.2}
    with pytest.raises(ConfigError) as refused:
        from_options("contrastive", wrong)
    for option in ("--patience", "--wise", "--label-smoothing", "--mixup", "--loss pairs"):
        assert option in refused.value.message


def test_an_epoch_sees_a_bounded_number() -> None:
    recipe = defaults("contrastive")
    assert (recipe.seen(100), recipe.seen(10_000)) == (100, 512)
    assert defaults("full").seen(10_000) == 10_000
