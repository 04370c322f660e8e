"""The plan: the deepest cut that fits, and a forecast that adds up."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from headstart.backbones import Ref
from headstart.choose.plan import (
    CONVERSION_SECONDS,
    Cost,
    TrainingPlan,
    duration,
    make_plan,
    measure,
    said,
    shapes_at,
)
from headstart.errors import BackboneError, ConfigError
from headstart.features.engines import TorchEngine
from headstart.modalities.image.views import views
from headstart.transfer.recipe import Recipe, defaults

LITE0 = Ref("embedded", "efficientnet-lite0", seed=0).at(size=64)
RESNET = Ref("timm", "test_resnet", seed=0).at(size=64)
PLENTY = 10**12


@cache
def load(ref):
    return ref.load()


def plan_of(recipe, n=10, room=PLENTY, ref=LITE0, seed=0):
    return make_plan(load(ref), recipe, n, room, seed)


# --- where the cut lies -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unfreeze", "blocks", "cut"),
    [
        ("1", ["bn2"], "conv_head"),
        ("last-stage", ["blocks.5", "blocks.6", "conv_head", "bn2"], "blocks.4"),
        ("blocks.6", ["blocks.6", "conv_head", "bn2"], "blocks.5"),
        ("10", None, "conv_stem"),
    ],
)
def test_the_cut_is_the_deepest_before_what_is_trained(unfreeze, blocks, cut):
    plan = plan_of(Recipe(unfreeze=unfreeze))
    assert plan.blocks == (blocks or [name for name, _ in load(LITE0).blocks()][1:])
    assert plan.cut == cut
    assert plan.shape == shapes_at(load(LITE0), [cut])[cut]
    assert plan.views == views("crops")
    assert plan.passes == 10 * 4
    assert plan.cache_bytes == 2 * 10 * 4 * np.prod(plan.shape)
    assert "deepest" in plan.why


def test_views_are_those_of_the_recipe_and_the_seed():
    assert plan_of(Recipe(augment="none")).passes == 10
    assert plan_of(Recipe(augment="crops", views=7), seed=3).views == views("crops", 7, 3)
    with pytest.raises(ConfigError, match="--views 9"):
        plan_of(Recipe(augment="flips", views=9))


def test_with_little_room_the_cut_is_earlier_where_the_maps_are_smaller():
    """At 64 pixels 112 x 4 x 4 behind blocks.4, 80 x 4 x 4 behind blocks.3, more before."""
    shapes = shapes_at(load(LITE0), ["blocks.2", "blocks.3", "blocks.4"])
    assert shapes == {"blocks.2": (40, 8, 8), "blocks.3": (80, 4, 4), "blocks.4": (112, 4, 4)}
    recipe = Recipe(augment="mirror", unfreeze="last-stage")
    deepest, earlier = (2 * 10 * 2 * c * 4 * 4 for c in (112, 80))
    exactly = plan_of(recipe, room=deepest)
    assert (exactly.cut, exactly.cache_bytes) == ("blocks.4", deepest)
    fallen = plan_of(recipe, room=deepest - 1)
    assert (fallen.cut, fallen.cache_bytes, fallen.shape) == ("blocks.3", earlier, (80, 4, 4))
    assert "blocks.4 would not fit" in fallen.why
    assert fallen.blocks == exactly.blocks, "what is trained does not depend on room"
    assert plan_of(recipe, room=earlier).cut == "blocks.3"
    none = plan_of(recipe, room=earlier - 1)
    assert (none.cut, none.shape, none.cache_bytes, none.passes) == (None, (), 0, 0)
    assert "would not fit" in none.why


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        (Recipe(cache=False), "every epoch draws new views"),
        (Recipe(augment="pad"), "every epoch draws new views"),
        (Recipe(augment="randaugment"), "every epoch draws new views"),
        (Recipe(unfreeze="all"), "nothing is frozen"),
        (Recipe(unfreeze="11"), "nothing is frozen"),
        (Recipe(unfreeze="conv_stem"), "nothing is frozen"),
        (defaults("full"), "every epoch draws new views"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.unfreeze} {value.augment}",
)
def test_where_nothing_can_be_kept_there_is_no_cut_and_a_reason(recipe, why):
    plan = plan_of(recipe)
    assert (plan.cut, plan.cache_bytes, plan.passes) == (None, 0, 0)
    assert why in plan.why
    assert why in said("full", plan, load(LITE0), 10)


def test_depths_that_do_not_exist_are_refused():
    with pytest.raises(ConfigError, match="last-stage"):
        plan_of(Recipe(unfreeze="nonsense"))


# --- the forecast -------------------------------------------------------------------------------


def test_a_forecast_by_hand():
    cost = Cost(prefix=0.01, step=0.1, answer=0.02)
    plan = TrainingPlan(["b"], "a", views("mirror"), (4,), 0, 2 * 100, "")
    # 200 passes of 0.01 s; 12 epochs of 80 steps of 0.1 s and 20 answers of 0.02 s, and these once
    # more at the end, twice.
    fits = [(80, 20), (80, 20)]
    assert cost.forecast(plan, Recipe(), fits) == pytest.approx(
        CONVERSION_SECONDS + 2 + 12 * 2 * (8 + 0.4) + 2 * 0.4
    )
    uncut = replace(plan, cut=None, passes=0)
    assert cost.forecast(uncut, Recipe(epochs=1), [(80, 20)]) == pytest.approx(8.8)
    assert cost.forecast(uncut, Recipe(epochs=3), [(100, 0)]) == pytest.approx(30)
    assert cost.forecast(plan, Recipe(), []) == CONVERSION_SECONDS + 2


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(unfreeze="all", cache=False)], ids=["c", "n"])
def test_measuring_leaves_the_network_alone(recipe):
    backbone = load(RESNET)
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    trained = [p.requires_grad for p in backbone.parameters()]
    engine = TorchEngine(RESNET.load(), "float32")
    plan = make_plan(backbone, recipe, 10, PLENTY, 0)
    one, two = (measure(backbone, plan, recipe, engine, w, "cpu") for w in (1, 100))
    assert min(one.step, one.answer) > 0
    assert one.step > one.answer, "a step is an answer, and more"
    if plan.cut:
        assert 0 < two.prefix < one.prefix
    assert [p.requires_grad for p in backbone.parameters()] == trained
    for name, tensor in backbone.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert not backbone.training


def test_measuring_leaves_the_global_stream_alone():
    plan = make_plan(load(RESNET), Recipe(), 10, PLENTY, 0)
    engine = TorchEngine(RESNET.load(), "float32")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        wanted = torch.rand(2)
        torch.manual_seed(3)
        measure(load(RESNET), plan, Recipe(), engine, 1, "cpu")
        assert torch.equal(torch.rand(2), wanted)


@pytest.mark.parametrize(
    "changed",
    [
        {"tune": "norm"},
        {"tune": "bias", "optimizer": "sgd"},
        {"gradual": True},
        {"batch_size": 1},
        {"keep": ("l2-sp", "bss")},
        {"ema": 0.9, "patience": 2},
        {"mixup": 0.2, "cutmix": 1.0, "cache": False},
    ],
    ids=str,
)
def test_any_recipe_can_be_measured(changed):
    recipe = Recipe(**changed)
    plan = make_plan(load(RESNET), recipe, 10, PLENTY, 0)
    engine = TorchEngine(RESNET.load(), "float32")
    cost = measure(load(RESNET), plan, recipe, engine, 2, "cpu")
    assert np.isfinite(cost.forecast(plan, recipe, [(8, 2)]))


# --- in words -----------------------------------------------------------------------------------


def test_a_plan_in_one_line():
    plan = make_plan(load(RESNET), Recipe(), 1000, PLENTY, 0)
    line = said("finetune", plan, load(RESNET), 300)
    for words in (
        "finetune: train layer4 (",
        "cut behind layer3",
        "4 fixed views: plain, mirrored, 2 random crops",
        "4,000 frozen passes once",
        "MB on disk",
        "about 5 min",
    ):
        assert words in line
    whole = said("full", plan_of(Recipe(unfreeze="all")), load(LITE0), 3)
    assert "train conv_stem to bn2 (100% of the parameters)" in whole
    assert duration(119) == "119 s"
    assert duration(120) == "2 min"


def test_a_network_without_blocks_is_refused_by_the_plan_too():
    from torch import nn

    from headstart.backbones.vision import wrap
    from headstart.modalities.image.look import Preprocessing

    class Bare(nn.Module):
        def forward(self, x):
            return x.mean((2, 3))

    bare = wrap(
        Bare(),
        name="own:bare",
        architecture="own:bare",
        preprocessing=Preprocessing(8, 8, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        licence="none",
        source="a test",
    )
    with pytest.raises(BackboneError, match="--method probe"):
        make_plan(bare, Recipe(), 10, PLENTY, 0)
