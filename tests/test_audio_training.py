"""Training networks for sound: recordings of any length, their padding neither heard nor kept."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import headstart as hs
from headstart.backbones import Ref, resolve
from headstart.backbones.cutting import Prefix, suffix
from headstart.choose.plan import make_plan
from headstart.data.items import Examples
from headstart.errors import BackboneError
from headstart.features.activations import activate
from headstart.features.engines import TorchEngine
from headstart.modalities import modality
from headstart.transfer.recipe import Recipe
from tiny_sounds import save_tiny


class Held:
    """Recordings in memory."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def data(self, row: int) -> bytes:
        return self.paths[row].read_bytes()


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write recordings of unlike length, of low tones and high ones."""
    home, rng = tmp_path_factory.mktemp("tones"), np.random.default_rng(0)
    for i in range(40):
        kind, pitch = (("low", 200), ("high", 1500))[i % 2]
        t = np.arange(int(8_000 * rng.uniform(0.1, 0.9))) / 8_000
        wave = 0.3 * np.sin(2 * np.pi * pitch * rng.uniform(0.8, 1.2) * t)
        wave += 0.05 * rng.standard_normal(len(t))
        (home / kind).mkdir(exist_ok=True)
        soundfile.write(home / kind / f"{i}.wav", wave, 8_000)
    return home


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("tiny")
    return {kind: f"hf:{save_tiny(home / kind, kind)}" for kind in ("whisper", "wav2vec2")}


@pytest.mark.parametrize("kind", ["whisper", "wav2vec2"])
def test_kept_activations_give_the_embedding_whatever_is_padded(
    kind: str, tones: Path, tiny: dict[str, str], tmp_path: Path
) -> None:
    backbone, paths = resolve(tiny[kind]).load(), sorted(tones.rglob("*.wav"))[:6]
    items, look = Held(paths), backbone.card.look
    examples = Examples([str(p) for p in paths], items, modality("audio"))
    fed = [look(examples.read(row, 0)) for row in range(6)]
    extents = np.array([one.shape for one in fed])
    largest = tuple(map(int, extents.max(axis=0)))
    plan = make_plan(backbone, Recipe(unfreeze="1", augment="none"), 6, 10**9, 0, largest)
    assert (plan.cut, plan.shape) == ("blocks.0", (16, *look.places(largest)))
    kept = activate(
        examples, [hashlib.sha256(items.data(r)).hexdigest() for r in range(6)],
        TorchEngine(Prefix(backbone, plan.cut), "float32"), plan.shape, plan.views, tmp_path,
        workers=2, extents=np.array([look.places(one.shape) for one in fed]),
    )  # fmt: skip
    behind = suffix(backbone, plan.cut)
    with torch.inference_mode():
        for rows in ([0], [4, 1], [0, 1, 2, 3, 4, 5]):
            found = behind(torch.from_numpy(kept.plain(np.array(rows))))
            wanted = torch.cat([backbone(torch.from_numpy(fed[row][None])) for row in rows])
            assert torch.allclose(found, wanted, atol=1e-2), "float16 keeps three digits"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("whisper", {"method": "finetune", "unfreeze": 1, "epochs": 2}),
        ("whisper", {"method": "scratch", "epochs": 1}),
        ("wav2vec2", {"method": "small-cnn", "epochs": 2}),
        ("wav2vec2", {"method": "full", "tune": "lora", "epochs": 1}),
    ],
    ids=lambda o: o if isinstance(o, str) else o["method"],
)
def test_recordings_are_trained_on_and_predicted(
    kind: str, options: dict, tones: Path, tiny: dict[str, str], tmp_path: Path
) -> None:
    run = hs.train(tones, backbone=tiny[kind], out=tmp_path / "run", **options)
    told = json.loads((run.folder / "metrics.json").read_text("utf-8"))
    assert told["method"] == options["method"]
    paths = sorted(tones.rglob("*.wav"))[:5]
    names = [str(path) for path in paths]
    X = run.embed(Examples(names, Held(paths), modality("audio"))).vectors[0]
    alone = [
        run.embed(Examples([n], Held([p]), modality("audio"))).vectors[0][0]
        for n, p in zip(names, paths, strict=True)
    ]
    assert np.abs(X - np.stack(alone)).max() < 1e-5
    assert run.saved.model.predict_proba(X).sum(axis=1) == pytest.approx([1] * 5)
    if options["method"] == "small-cnn":
        assert told["training"]["parameters"] == 101_008
        assert "small network, trained from scratch" in {b["name"] for b in told["baselines"]}
    found = [p.probabilities for p in run.predict(names)]
    assert [p.probabilities for p in hs.Run(run.folder).predict(names)] == found


def test_the_small_network_hears_no_padding_and_every_layer_has_its_places() -> None:
    net = Ref("embedded", "small-sound", seed=0).load()
    look = net.card.look
    fed = torch.from_numpy(look.drawn(2))
    wide = torch.zeros(2, 3, look.mels, fed.shape[3] + 60)
    wide[:, :1, :, : fed.shape[3]] = fed
    with torch.inference_mode():
        assert torch.allclose(net(fed), net(wide), atol=1e-5)
        maps = fed.transpose(1, 2)
        for _name, block in net.blocks():
            maps = block(maps)
            assert tuple(maps.shape[2:]) == look.places(tuple(fed.shape[1:]))
    again = Ref("embedded", "small-sound", seed=0).load()
    assert again.card == net.card  # the same seed, the same weights
    with pytest.raises(BackboneError, match=r"no pretrained weights.*--method small-cnn"):
        Ref("embedded", "small-sound").load()


def test_layers_of_a_network_for_sound_are_compared(
    tones: Path, tiny: dict[str, str], tmp_path: Path
) -> None:
    told = hs.layers(tones, backbone=tiny["whisper"], out=tmp_path / "layers")
    assert [layer["name"] for layer in told["layers"]] == ["stem.0", "blocks.0", "embedding"]
