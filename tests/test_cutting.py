"""Cutting: the two parts are the network, whatever its architecture and wherever it is cut."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from headstart.backbones import Ref
from headstart.backbones.cutting import (
    Prefix,
    PrefixRef,
    cut_before,
    legal_cuts,
    suffix,
    unfrozen,
)
from headstart.backbones.vision import wrap
from headstart.choose.plan import make_plan
from headstart.errors import BackboneError, ConfigError
from headstart.modalities.image.look import Preprocessing
from headstart.transfer.recipe import Recipe

HALF = (0.5, 0.5, 0.5)
LITE0 = Ref("embedded", "efficientnet-lite0", seed=0)
RESNET = Ref("timm", "test_resnet", seed=0).at(size=64)
NETWORKS = [
    Ref("embedded", "efficientnet-lite0", seed=0).at(size=64),
    RESNET,
    Ref("timm", "test_efficientnet", seed=0).at(size=64),
    Ref("timm", "test_convnext", seed=0).at(size=64),
    Ref("torchvision", "mobilenet_v3_small", seed=0).at(size=64),
    Ref("torchvision", "resnet18", seed=0).at(size=64),
]


@cache
def load(ref):
    """Networks are only looked at here, so one of each is enough."""
    return ref.load()


def pixels(side, n=2, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), "u1"))


def wrapped(net, side=8):
    return wrap(
        net,
        name="own:tiny",
        architecture="own:tiny",
        preprocessing=Preprocessing(side, side, HALF, HALF),
        licence="none",
        source="a test",
    )


# --- the two parts ------------------------------------------------------------------------------


@pytest.mark.parametrize("ref", NETWORKS, ids=str)
def test_prefix_then_suffix_is_the_network_at_every_cut(ref):
    backbone = load(ref)
    x = pixels(64)
    cuts = legal_cuts(backbone)
    assert len(cuts) > 3
    with torch.inference_mode():
        wanted = backbone(x)
        for cut in cuts:
            front, back = Prefix(backbone, cut), suffix(backbone, cut)
            kept = front(x)
            assert kept.shape == (2, np.prod(front.shape))
            assert front.card.dim == kept.shape[1]
            torch.testing.assert_close(back(kept.view(2, *front.shape)), wanted)


@pytest.mark.parametrize("ref", NETWORKS, ids=str)
def test_what_is_trained_lies_behind_its_cut(ref):
    backbone = load(ref)
    for name, block in backbone.blocks()[1:]:
        cut = cut_before(backbone, name)
        assert cut is not None
        back = suffix(backbone, cut)
        for trained in unfrozen(backbone, name):
            assert back.get_submodule(trained) is backbone.net.get_submodule(trained)
        assert back.get_submodule(name) is block
    assert cut_before(backbone, backbone.blocks()[0][0]) is None


def test_the_suffix_shares_its_weights_with_the_backbone():
    backbone = RESNET.load()
    back = suffix(backbone, "layer3")
    own = {id(p) for p in backbone.parameters()}
    assert {id(p) for p in back.parameters()} == {id(p) for p in backbone.net.layer4.parameters()}
    x = pixels(64)
    with torch.no_grad():
        before = backbone(x)
        for parameter in back.parameters():
            assert id(parameter) in own
            parameter.mul_(1.5)
        assert not torch.allclose(backbone(x), before)


def test_cards_and_fingerprints_tell_cuts_apart():
    backbone = load(RESNET)
    cards = [backbone.card, *(Prefix(backbone, cut).card for cut in ("layer2", "layer3"))]
    assert len({card.weights_hash for card in cards}) == 3
    assert Prefix(backbone, "layer3").card == cards[-1]
    refs = [LITE0, PrefixRef(LITE0, "blocks.3"), PrefixRef(LITE0, "blocks.4")]
    marks = [ref.fingerprint() for ref in refs]
    assert len(set(marks)) == 3
    assert None not in marks
    assert PrefixRef(LITE0, "blocks.4").fingerprint() == marks[-1]
    resized = Ref("embedded", "efficientnet-lite0", seed=0).at(size=96)
    assert PrefixRef(resized, "blocks.4").fingerprint() != marks[-1]
    assert PrefixRef(RESNET, "layer3").fingerprint() is None, "only loading tells"
    assert PrefixRef(RESNET, "layer3").load().card == cards[-1]


# --- how deep -----------------------------------------------------------------------------------


def test_depths_by_number_stage_and_name():
    lite0 = load(LITE0)
    names = [name for name, _ in lite0.blocks()]
    assert unfrozen(lite0, "1") == ["bn2"]
    assert unfrozen(lite0, "3") == ["blocks.6", "conv_head", "bn2"]
    assert unfrozen(lite0, str(len(names))) == unfrozen(lite0, "all") == names
    assert unfrozen(lite0, "last-stage") == ["blocks.5", "blocks.6", "conv_head", "bn2"]
    assert unfrozen(lite0, "blocks.6") == ["blocks.6", "conv_head", "bn2"]
    resnet18 = load(NETWORKS[-1])
    assert unfrozen(resnet18, "last-stage") == ["layer4.0", "layer4.1"]
    assert unfrozen(load(RESNET), "last-stage") == ["layer4"]


@pytest.mark.parametrize(
    "depth", ["nonsense", "0", "11", "-1", "1.5", "", "layer5", "²", "ALL", "layer4.0 "]
)
def test_depths_that_are_none_are_refused_with_the_blocks(depth):
    with pytest.raises(ConfigError) as refused:
        unfrozen(load(RESNET), depth)
    for word in (f"--unfreeze {depth!r}", "10 blocks", "layer4", "last-stage", "from 1 to 10"):
        assert word in str(refused.value)


def test_the_last_stage_of_a_transformer_is_its_last_quarter():
    backbone = load(Ref("timm", "test_vit", seed=0))
    assert unfrozen(backbone, "last-stage") == ["blocks.5", "norm"]


def test_a_network_without_blocks_can_only_be_probed():
    class Bare(nn.Module):
        def forward(self, x):
            return x.mean((2, 3))

    with pytest.raises(BackboneError, match="--method probe"):
        unfrozen(wrapped(Bare()), "all")


# --- what cannot be cut -------------------------------------------------------------------------


class Skip(nn.Module):
    """What the second block is given is used again behind the third."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.three, self.four = (
            nn.Conv2d(3 if i == 0 else 4, 4, 3, padding=1) for i in range(4)
        )

    def forward(self, x):
        first = self.one(x)
        return self.four(self.three(self.two(first)) + first).mean((2, 3))


def test_a_skip_over_blocks_is_never_cut_through():
    backbone = wrapped(Skip())
    assert legal_cuts(backbone) == ["one", "four"]
    assert cut_before(backbone, "four") == cut_before(backbone, "two") == "one"
    x = pixels(8)
    with torch.inference_mode():
        for cut in legal_cuts(backbone):
            front = Prefix(backbone, cut)
            got = suffix(backbone, cut)(front(x).view(2, *front.shape))
            torch.testing.assert_close(got, backbone(x))


class Late(nn.Module):
    """The image itself is used again behind the first block, and a weight of no block at all."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.three = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))
        self.scale = nn.Parameter(torch.full((1,), 3.0))

    def forward(self, x):
        return self.three((self.two(self.one(x)) + x) * self.scale).mean((2, 3)) * self.scale


def test_the_image_may_be_what_skips_and_loose_weights_go_along():
    backbone = wrapped(Late())
    assert legal_cuts(backbone) == ["three"]
    x = pixels(8)
    front = Prefix(backbone, "three")
    with torch.inference_mode():
        got = suffix(backbone, "three")(front(x).view(2, *front.shape))
        torch.testing.assert_close(got, backbone(x))


class Shuffled(nn.Module):
    """Blocks that are declared in another order than they run in."""

    def __init__(self):
        super().__init__()
        self.last, self.middle = nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)
        self.first = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.last(self.middle(self.first(x))).mean((2, 3))


@pytest.mark.parametrize("name", ["last", "middle", "first"])
def test_blocks_declared_in_another_order_than_they_run_in(name):
    """What is trained must lie behind the cut, or there must be no cut."""
    backbone = wrapped(Shuffled())
    cut = cut_before(backbone, name)
    if cut is not None:
        back = suffix(backbone, cut)
        for trained in unfrozen(backbone, name):
            assert back.get_submodule(trained) is backbone.net.get_submodule(trained)


class Deciding(nn.Module):
    """What runs depends on the values, so no graph of it can be drawn."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)

    def forward(self, x):
        x = self.one(x)
        if x.sum() > 0:
            x = -x
        return self.two(x).mean((2, 3))


def test_a_network_that_cannot_be_traced_is_trained_from_the_images():
    backbone = wrapped(Deciding())
    assert legal_cuts(backbone) == []
    plan = make_plan(backbone, Recipe(unfreeze="1"), 10, 10**9, 0)
    assert (plan.blocks, plan.cut, plan.cache_bytes, plan.passes) == (["two"], None, 0, 0)
    assert "cannot be cut" in plan.why


# --- other sizes --------------------------------------------------------------------------------


def test_a_resized_network_embeds_other_images_and_says_so_on_its_card():
    small, own = load(RESNET), load(Ref("timm", "test_resnet", seed=0))
    assert own.card.look.size == 160
    assert (small.card.look.size, small.card.look.resize) == (64, 64)
    assert small.card.weights_hash == own.card.weights_hash
    with torch.inference_mode():
        assert small(pixels(64)).shape == (2, small.card.dim)
    assert small.stride() == own.stride() == 32


@pytest.mark.parametrize(
    ("ref", "least"),
    [
        (Ref("timm", "test_resnet", seed=0).at(size=31), 32),
        (Ref("timm", "test_resnet", seed=0).at(size=1), 32),
        (Ref("timm", "test_efficientnet", seed=0).at(size=16), 32),
        (Ref("embedded", "efficientnet-lite0", seed=0).at(size=7), 32),
        (Ref("torchvision", "mobilenet_v3_small", seed=0).at(size=16), 32),
    ],
    ids=str,
)
def test_images_smaller_than_the_stride_are_refused(ref, least):
    with pytest.raises(BackboneError) as refused:
        ref.load()
    assert "--size" in refused.value.hint
    assert str(dict(ref.asked)["size"]) in refused.value.message
    assert str(least) in str(refused.value)


class Placed(nn.Module):
    """Positions are learned one by one, for one size of the image."""

    def __init__(self):
        super().__init__()
        self.conv, self.places = nn.Conv2d(3, 4, 4, 4), nn.Parameter(torch.zeros(4, 2, 2))

    def forward(self, x):
        return (self.conv(x) + self.places).mean((2, 3))


def test_learned_positions_hold_a_network_to_its_size():
    backbone = wrapped(Placed())
    with pytest.raises(BackboneError, match="its own size is 8 pixels"):
        backbone.ask(size=16)
    assert backbone.card.look.size == 8
    assert backbone(pixels(8)).shape == (2, 4)
