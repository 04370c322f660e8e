"""Backbones: names, weights in the providers' own cache layouts, preprocessing."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from torchvision.transforms import v2

from headstart.backbones import available, resolve
from headstart.backbones.embedded import PACKAGES
from headstart.backbones.network import count_parameters, hash_weights
from headstart.backbones.vision import VisionBackbone
from headstart.errors import BackboneError, ConfigError, UnknownNameError
from headstart.modalities.image.look import Preprocessing
from headstart.testing import check_backbone

TINY = "test_resnet"  # timm's own architecture for tests, 0.5 M parameters
TINY_TAGGED = "test_resnet.r160_in1k"


@pytest.fixture(scope="module")
def tiny() -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.create_model(TINY).eval()


@pytest.fixture(scope="module")
def hub(tiny: torch.nn.Module) -> str:
    """Put the tiny network into the Hugging Face cache as a download would have."""
    repository = timm.get_pretrained_cfg(TINY_TAGGED).hf_hub_id
    home = Path(os.environ["HF_HOME"]) / "hub" / f"models--{repository.replace('/', '--')}"
    snapshot = home / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    snapshot.mkdir(parents=True)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(snapshot.name)
    save_file(tiny.state_dict(), snapshot / "model.safetensors")
    return TINY_TAGGED


@pytest.fixture(scope="module")
def torch_home() -> str:
    """Put a small torchvision network into torch's cache under the file name of its weights."""
    name = "shufflenet_v2_x0_5"
    torch.manual_seed(1)
    model = torchvision.models.get_model(name)
    url = torchvision.models.get_model_weights(name).DEFAULT.url
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), folder / url.rpartition("/")[2])
    return name


def pixels(backbone: VisionBackbone, n: int = 2) -> torch.Tensor:
    side = backbone.card.look.size
    return torch.randint(0, 256, (n, side, side, 3), dtype=torch.uint8)


def test_embedded_meets_the_contract_and_keeps_its_source_head() -> None:
    backbone = resolve("efficientnet-lite0").load()
    check_backbone(backbone)
    card = backbone.card
    assert (card.dim, card.name) == (1280, "embedded:efficientnet-lite0")
    assert card.licence == "Apache-2.0"
    assert card.look == Preprocessing(224, 256, (0.5,) * 3, (0.5,) * 3, "bicubic")
    assert backbone.source_head is not None
    with torch.inference_mode():
        assert backbone.source_head(backbone(pixels(backbone))).shape == (2, 1000)


def test_embedded_parameter_counts_are_as_listed() -> None:
    listed = {row.name: row.parameters for row in available("embedded:*", everything=True)}
    assert (
        resolve("efficientnet-lite0").load().card.parameters
        == listed["embedded:efficientnet-lite0"]
    )
    for size in (1, 2):
        model = timm.create_model(f"tf_efficientnet_lite{size}", num_classes=0)
        assert count_parameters(model) == listed[f"embedded:efficientnet-lite{size}"]


def test_embedded_weights_that_are_not_there_are_named(monkeypatch) -> None:
    gone = replace(PACKAGES["efficientnet-lite2"], module="no_such_package")
    monkeypatch.setitem(PACKAGES, "efficientnet-lite2", gone)
    rows = {row.name: row.available for row in available("embedded:*", everything=True)}
    assert rows["embedded:efficientnet-lite0"]
    assert not rows["embedded:efficientnet-lite2"]
    with pytest.raises(BackboneError, match="no_such_package") as error:
        resolve("efficientnet-lite2").load()
    assert "Install headstart again" in error.value.hint


def test_timm_loads_from_the_hub_cache_without_a_network(hub: str, tiny: torch.nn.Module) -> None:
    backbone = resolve(f"timm:{hub}").load()
    check_backbone(backbone)
    ours = {k: v for k, v in backbone.net.state_dict().items() if not k.startswith("fc")}
    assert all(torch.equal(v, tiny.state_dict()[k]) for k, v in ours.items())
    assert f"timm:{hub}" in [row.name for row in available("*test_resnet*")]


def test_timm_weights_that_are_not_here_say_what_is() -> None:
    with pytest.raises(BackboneError, match="not on this machine") as error:
        resolve("timm:resnet50.a1_in1k").load()
    assert "embedded:efficientnet-lite0" in error.value.hint


def test_torchvision_loads_from_torchs_cache(torch_home: str) -> None:
    backbone = resolve(f"torchvision:{torch_home}").load()
    check_backbone(backbone)
    weights = torchvision.models.get_model_weights(torch_home).DEFAULT
    assert backbone.card.look.mean == tuple(weights.transforms().mean)
    assert backbone.card.source == weights.url


@pytest.mark.parametrize(
    ("name", "dim", "head"),
    [("vgg16", 4096, 1000), ("resnet50", 2048, 1000), ("mobilenet_v3_small", 1024, 1000)],
)
def test_the_guides_networks_are_cut_before_their_last_layer(
    name: str, dim: int, head: int
) -> None:
    from headstart.backbones.torchvision import TorchvisionProvider

    backbone = TorchvisionProvider().load(name, pretrained=False)
    assert backbone.card.dim == dim
    assert isinstance(backbone.source_head, torch.nn.Linear)
    assert backbone.source_head.out_features == head


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_weights_from_a_file(tmp_path: Path, tiny: torch.nn.Module, suffix: str) -> None:
    path = tmp_path / f"mine.{suffix}"
    state = tiny.state_dict()
    save_file(state, path) if suffix == "safetensors" else torch.save(state, path)
    backbone = resolve(f"file:{path}#timm:{TINY}").load()
    check_backbone(backbone)
    assert torch.equal(backbone.net.conv1[0].weight, tiny.conv1[0].weight)


def test_architecture_from_metadata_or_from_the_config_beside(
    tmp_path: Path, tiny: torch.nn.Module
) -> None:
    save_file(tiny.state_dict(), tmp_path / "a.safetensors", {"architecture": f"timm:{TINY}"})
    (tmp_path / "hub").mkdir()
    save_file(tiny.state_dict(), tmp_path / "hub" / "model.safetensors")
    (tmp_path / "hub" / "config.json").write_text(json.dumps({"architecture": TINY}))
    hashes = {
        resolve(f"file:{tmp_path / name}").load().card.weights_hash
        for name in ("a.safetensors", "hub/model.safetensors")
    }
    assert len(hashes) == 1


def test_a_file_of_another_architecture_is_refused(tmp_path: Path, tiny: torch.nn.Module) -> None:
    path = tmp_path / "mine.safetensors"
    save_file(tiny.state_dict(), path)
    with pytest.raises(BackboneError, match=r"mine.safetensors.*does not hold weights of timm:res"):
        resolve(f"file:{path}#timm:resnet18").load()
    with pytest.raises(BackboneError, match="does not say which architecture"):
        resolve(f"file:{path}").load()
    with pytest.raises(BackboneError, match="no weights file"):
        resolve(f"file:{tmp_path / 'none.safetensors'}#timm:resnet18").load()
    with pytest.raises(UnknownNameError, match="resnet81"):
        resolve(f"file:{path}#timm:resnet81").load()


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (os.system, ("echo this must never run",))


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"weight": _Evil()}, path)
    with pytest.raises(BackboneError, match=r"cannot|not a state dict"):
        resolve(f"file:{path}#timm:{TINY}").load()
    (tmp_path / "not.safetensors").write_bytes(b"garbage")
    with pytest.raises(BackboneError, match="not a safetensors file"):
        resolve(f"file:{tmp_path / 'not.safetensors'}#timm:{TINY}").load()


def test_names_resolve_or_suggest() -> None:
    assert str(resolve("efficientnet-lite0")) == "embedded:efficientnet-lite0"
    assert str(resolve("vgg16")) == "torchvision:vgg16"
    assert str(resolve("resnet50.a1_in1k")) == "timm:resnet50.a1_in1k"
    with pytest.raises(UnknownNameError) as error:
        resolve("efficientnet-lit0")
    assert "efficientnet-lite0" in error.value.hint
    with pytest.raises(UnknownNameError) as error:
        resolve("tim:resnet18")
    assert "timm" in error.value.hint
    with pytest.raises(ConfigError):
        resolve("")
    with pytest.raises(UnknownNameError) as error:
        resolve("timm:resnet5").load()
    assert "headstart backbones" in error.value.hint


def test_listing_needs_no_network_and_marks_what_is_here() -> None:
    here = available()
    assert "embedded:efficientnet-lite0" in [row.name for row in here]
    assert all(row.available for row in here)
    everything = available("*resnet50*", everything=True)
    assert any(row.name == "torchvision:resnet50" and not row.available for row in everything)


def test_reinitialised_is_the_same_architecture() -> None:
    from dataclasses import replace

    ref = resolve("efficientnet-lite0")
    pretrained, random = ref.load(), replace(ref, seed=4).load()
    shapes = [[v.shape for v in b.net.state_dict().values()] for b in (pretrained, random)]
    assert shapes[0] == shapes[1]
    assert hash_weights(replace(ref, seed=4).load().net) == random.card.weights_hash
    assert pretrained.card.weights_hash != random.card.weights_hash


@settings(max_examples=40, deadline=None)
@given(st.integers(20, 400), st.integers(20, 400), st.integers(0, 2**32 - 1))
def test_preprocessing_is_resize_then_centre_crop(width: int, height: int, seed: int) -> None:
    """Pixel by pixel what torchvision does, within one level (the box may end off the grid)."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 7, 3), np.uint8))
    image = coarse.resize((width, height), Image.Resampling.BICUBIC)
    ours = Preprocessing(56, 64, (0.5,) * 3, (0.5,) * 3, "bilinear").pixels(image)
    reference = v2.Compose([v2.Resize(64, v2.InterpolationMode.BILINEAR), v2.CenterCrop(56)])(image)
    difference = np.abs(ours.astype(int) - np.asarray(reference).astype(int))
    assert ours.shape == (56, 56, 3)
    assert difference.max() <= 2
    assert difference.mean() < 0.25
