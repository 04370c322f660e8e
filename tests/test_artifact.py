"""The model on disk: whole, verified, the same everywhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

import headstart as hs
from headstart.errors import ArtifactError
from headstart.folder.model import _checksum, load_model


@pytest.fixture
def copy(run_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run_folder, tmp_path / "copy"))


def rewrite(run: Path, **changes: object) -> None:
    """Change model.json and seal it again, as someone who knows how would."""
    path = run / "model" / "model.json"
    described = json.loads(path.read_text("utf-8")) | changes
    described["checksum"] = _checksum(described)
    path.write_text(json.dumps(described), "utf-8")


def test_no_pickle_and_only_the_stated_files(run_folder: Path) -> None:
    names = sorted(p.name for p in (run_folder / "model").iterdir())
    assert names == ["head.safetensors", "model.json"], "embedded weights come with their package"
    described = json.loads((run_folder / "model" / "model.json").read_text("utf-8"))
    for key in ("schema", "backbone", "classes", "head", "licence", "thresholds", "engine"):
        assert key in described
    assert described["backbone"]["preprocessing"]["size"] == 224
    assert len(described["backbone"]["weights_hash"]) == 64


def test_predictions_survive_moving_the_folder(run_folder: Path, copy: Path, photos: Path) -> None:
    here, there = hs.load(run_folder).predict(photos), hs.load(copy).predict(photos)
    assert here == there


def test_a_model_of_images_takes_no_array(run_folder: Path) -> None:
    with pytest.raises(hs.DataError, match=r"shape \(5, 3\), which holds no image"):
        hs.load(run_folder).predict(np.ones((5, 3)))


def test_a_changed_head_is_noticed(copy: Path) -> None:
    path = copy / "model" / "head.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match="checksum differs"):
        hs.load(copy)


def test_a_changed_model_json_is_noticed(copy: Path) -> None:
    path = copy / "model" / "model.json"
    path.write_text(path.read_text("utf-8").replace('"disc"', '"disk"'), "utf-8")
    with pytest.raises(ArtifactError, match="changed after it was written"):
        hs.load(copy)


def test_a_newer_run_asks_for_an_upgrade(copy: Path) -> None:
    rewrite(copy, schema=99, headstart="9.9")
    with pytest.raises(ArtifactError, match=r"newer headstart \(9.9") as error:
        hs.load(copy)
    assert "pip install -U headstart" in error.value.hint


@pytest.mark.parametrize(
    "changes",
    [{"classes": ["one"]}, {"head": "oracle"}, {"backbone": {}}, {"temperature": "warm"}],
)
def test_nonsense_is_no_model(copy: Path, changes: dict[str, object]) -> None:
    rewrite(copy, **changes)
    with pytest.raises(ArtifactError):
        hs.load(copy)


def test_missing_parts_are_named(copy: Path, tmp_path: Path) -> None:
    (copy / "model" / "head.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"head\.safetensors is missing"):
        hs.load(copy)
    (copy / "model" / "model.json").write_text("{ half", "utf-8")
    with pytest.raises(ArtifactError, match="cannot be read"):
        hs.load(copy)
    (copy / "model" / "model.json").unlink()
    with pytest.raises(ArtifactError, match="holds no model"):
        hs.load(copy)
    with pytest.raises(ArtifactError, match="no run folder"):
        hs.load(tmp_path / "nowhere")


def test_a_backbone_of_ones_own_travels_inside_the_run(photos: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = tmp_path / "mine.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), weights)
    run = hs.train(photos, out=tmp_path / "run", backbone=f"file:{weights}#timm:test_resnet")
    before = run.predict(photos)
    weights.unlink()
    assert hs.load(tmp_path / "run").predict(photos) == before
    saved = load_model(tmp_path / "run" / "model")
    assert saved.card.name.startswith("file:")
    vectors = saved.backbone.load()(torch.zeros(1, 160, 160, 3, dtype=torch.uint8))
    assert np.isfinite(vectors.detach().numpy()).all()
