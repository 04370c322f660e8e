"""Stages: what a pass leaves behind at every block, whatever the architecture and the engine."""

import threading
from functools import cache

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from headstart.backbones import Ref
from headstart.backbones.stages import EMBEDDING, Stages, StagesRef, macs
from headstart.backbones.vision import wrap
from headstart.errors import BackboneError
from headstart.features.engines import Bench, Kitchen, TorchEngine, cosine, space
from headstart.modalities.image.look import Preprocessing

HALF = (0.5, 0.5, 0.5)
LITE0 = Ref("embedded", "efficientnet-lite0", seed=0).at(size=64)
RESNET = Ref("timm", "test_resnet", seed=0).at(size=64)
VIT = Ref("timm", "test_vit", seed=0)


def wrapped(net, side=8):
    return wrap(
        net,
        name="own:tiny",
        architecture="own:tiny",
        preprocessing=Preprocessing(side, side, HALF, HALF),
        licence="none",
        source="a test",
    )


def without_classifier(name, side=64):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = torchvision.models.get_model(name, weights=None)
    if name == "vgg11":  # its own linears have 100 million weights, which this test does not need
        net = nn.Sequential(*net.features, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    else:
        net.classifier = nn.Identity()
    return wrapped(net, side)


@cache
def load(which):
    return which.load() if isinstance(which, Ref) else without_classifier(which)


def pixels(side, n=3, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), "u1"))


def average(out):
    """Average over places, written down once more: the channels are what is left."""
    if out.dim() == 4:
        last = out.shape[1] == out.shape[2] != out.shape[3]
        return out.flatten(1, 2).mean(1) if last else out.flatten(2).mean(2)
    return out.mean(1) if out.dim() == 3 else out


NETWORKS = [LITE0, RESNET, VIT, Ref("torchvision", "swin_t", seed=0).at(size=64)]
NETWORKS += ["squeezenet1_1", "vgg11"]


@pytest.mark.parametrize("which", NETWORKS, ids=str)
def test_stages_are_what_hooks_on_the_plain_network_see(which):
    backbone = load(which)
    x = pixels(backbone.card.look.size)
    seen = {}
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out}))
        for name, module in backbone.blocks()
    ]
    with torch.inference_mode():
        plain = backbone(x)
    for hook in hooks:
        hook.remove()
    stages = Stages(backbone)
    with torch.inference_mode():
        got = stages(x)
    assert got.shape == (3, sum(stages.dims)) == (3, stages.card.dim)
    assert stages.names[-1] == EMBEDDING
    assert len(stages.names) == len(stages.dims) == len(stages.shapes) > 3
    columns = stages.columns()
    assert list(columns) == list(stages.names)
    torch.testing.assert_close(got[:, columns.pop(EMBEDDING)], plain, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(got[:, -plain.shape[1] :], plain, rtol=1e-5, atol=1e-5)
    order = [name for name in seen if name in columns]  # hooks run when blocks do
    assert order == list(columns)
    for name, own in columns.items():
        torch.testing.assert_close(got[:, own], average(seen[name]), rtol=1e-5, atol=1e-5)
        shape = stages.shapes[stages.names.index(name)]
        assert np.prod(shape) == seen[name][0].numel()
        assert own.stop - own.start in shape


def test_shapes_and_what_is_left_out():
    lite0 = Stages(load(LITE0))
    assert "bn2" not in lite0.names, "its average is the embedding"
    assert lite0.shapes[lite0.names.index("blocks.4")] == (112, 4, 4)
    assert lite0.shapes[-1] == (1280,)
    vit = Stages(load(VIT))
    assert vit.shapes[vit.names.index("blocks.2")] == (101, 64)
    assert vit.shapes[vit.names.index("patch_embed")] == (64, 10, 10), "maps, channels last"


def test_pooling_by_hand():
    pooled = load(RESNET).pooled
    maps = torch.tensor([[[[1.0, 2], [3, 6]], [[0, 0], [0, 4]]]])  # (1, 2, 2, 2)
    assert pooled(maps).tolist() == [[3.0, 1.0]]
    assert pooled(torch.tensor([[[1.0, 5], [3, 7], [5, 0]]])).tolist() == [[3.0, 4.0]]
    assert pooled(torch.tensor([[1.0, 5]])).tolist() == [[1.0, 5.0]]
    last = torch.arange(12.0).view(1, 2, 2, 3)  # (B, H, W, C): place p, channel c holds 3p + c
    assert pooled(last).tolist() == [[4.5, 5.5, 6.5]]
    assert pooled(torch.ones(1, 2, dtype=torch.bfloat16)).dtype == torch.float32


def test_the_plain_network_is_left_as_it_was():
    backbone = RESNET.load()
    x = pixels(64)
    with torch.inference_mode():
        before = backbone(x)
        Stages(backbone)(x)
        assert torch.equal(backbone(x), before)
    assert backbone.card == load(RESNET).card


def test_threads_do_not_see_each_others_blocks():
    stages = Stages(load(RESNET))
    images = [pixels(64, 1, seed) for seed in range(6)]
    with torch.inference_mode():
        wanted = [stages(x) for x in images]
    got = [None] * len(images)

    def work(i):
        with torch.inference_mode():
            for _ in range(5):
                got[i] = stages(images[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(images))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other)


# --- marks and engines --------------------------------------------------------------------------


def test_caches_tell_stages_from_the_plain_network():
    backbone = load(RESNET)
    stages = Stages(backbone)
    assert stages.card.weights_hash != backbone.card.weights_hash
    assert Stages(backbone).card == stages.card
    exact = [TorchEngine(net, "float32") for net in (backbone, stages)]
    assert space(exact[0]) != space(exact[1])
    assert StagesRef(LITE0).fingerprint() not in (None, LITE0.fingerprint())
    assert StagesRef(LITE0).fingerprint() == StagesRef(LITE0).fingerprint()
    assert (
        StagesRef(Ref("embedded", "efficientnet-lite0")).fingerprint()
        != StagesRef(LITE0).fingerprint()
    )
    assert StagesRef(RESNET).fingerprint() is None, "only loading tells"
    assert str(StagesRef(LITE0)) == "embedded:efficientnet-lite0 pooled at every stage"


@pytest.mark.parametrize("ref", [RESNET, VIT], ids=str)
def test_openvino_runs_all_stages(ref, tmp_path):
    pytest.importorskip("openvino")
    bench = Bench(Kitchen(tmp_path, 1), StagesRef(ref))
    side = bench.backbone.card.look.size
    samples = pixels(side, 4).numpy()
    forward, exact = (bench.make(f"{n}-float32").replica() for n in ("openvino", "torch"))
    got, wanted = (np.concatenate([f(x[None]) for x in samples]) for f in (forward, exact))
    assert got.shape == wanted.shape == (4, bench.backbone.card.dim)
    for own in bench.backbone.columns().values():
        assert cosine(got[:, own], wanted[:, own]).min() > 0.9999
    kept = Kitchen(tmp_path, 1).engine(StagesRef(ref), name="openvino-float32")
    assert kept.card == bench.backbone.card, "the network kept in the cache is this one"


# --- networks that are unlike others ------------------------------------------------------------


class Deciding(nn.Module):
    """What runs depends on the values, so no graph of it can be drawn; declared back to front."""

    def __init__(self):
        super().__init__()
        self.two, self.one = nn.Conv2d(4, 5, 3), nn.Conv2d(3, 4, 3)

    def forward(self, x):
        x = self.one(x)
        if x.sum() > 0:
            x = -x
        return self.two(x).mean((2, 3)).relu()


def test_networks_that_cannot_be_traced_in_the_order_they_run():
    backbone = wrapped(Deciding())
    stages = Stages(backbone)
    assert stages.names == ("one", "two", EMBEDDING)
    assert stages.dims == (4, 5, 5)
    assert list(macs(backbone)) == ["one", "two", EMBEDDING]
    assert stages(pixels(8)).shape == (3, 14)


class Pair(nn.Module):
    """A block that gives no tensor."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv(x), x


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.pair, self.idle, self.conv = Pair(), nn.Linear(2, 2), nn.Conv2d(4, 2, 3)

    def forward(self, x):
        return self.conv(self.pair(x)[0]).amax((2, 3))


def test_blocks_without_a_tensor_and_blocks_that_never_run_are_left_out():
    assert Stages(wrapped(Odd())).names == ("conv", EMBEDDING)


def test_a_network_without_blocks_has_no_layers_to_compare():
    class Bare(nn.Module):
        def forward(self, x):
            return x.mean((2, 3))

    with pytest.raises(BackboneError, match="--method probe"):
        Stages(wrapped(Bare()))


# --- the share of the work ----------------------------------------------------------------------


def test_macs_by_hand():
    """8x8 images: 6·6·4·27 = 3,888 products, then 4·4·5·36 = 2,880."""
    share = macs(wrapped(Deciding()))
    assert share == {"one": pytest.approx(3888 / 6768), "two": 1.0, EMBEDDING: 1.0}


def test_macs_grow_to_one():
    for which in (LITE0, VIT):
        shares = list(macs(load(which)).values())
        assert shares == sorted(shares)
        assert 0 < shares[0] < 0.2
        assert shares[-1] == 1.0
    assert set(Stages(load(LITE0)).names) <= set(macs(load(LITE0)))
