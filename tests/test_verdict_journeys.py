"""The verdict on data made to have a known answer, through the whole main job."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

import headstart as hs


def test_where_pixels_beat_the_backbone_transfer_hurts(tmp_path: Path) -> None:
    """Noise, but for a corner block whose gray level is the class.

    The backbone looks at the central crop and at texture; sixteen by sixteen pixels see the corner.
    """
    rng = np.random.default_rng(0)
    for name, level in (("dark", 90), ("bright", 165)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(100):
            pixels = rng.normal(128, 40, (128, 128, 3))
            pixels[:8, :8] += level - 128
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.save(tmp_path / "data" / name / f"{i}.png")
    verdict = hs.train(tmp_path / "data", out=tmp_path / "run").metrics["verdict"]
    assert verdict["decision"] == "hurts"
    assert verdict["gain_ci95"][1] < 0
    assert "Use the simpler model" in verdict["sentence"]


def test_shuffled_labels_are_not_helped(photos: Path, tmp_path: Path) -> None:
    files = sorted(photos.glob("*/*"))
    names = [p.parent.name for p in files]
    random.Random(0).shuffle(names)
    for number, (path, name) in enumerate(zip(files, names, strict=True)):
        (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "data" / name / f"{number:03}{path.suffix}")
    metrics = hs.train(tmp_path / "data", out=tmp_path / "run").metrics
    assert metrics["verdict"]["decision"] != "helps"
    low, high = metrics["estimate"]["accuracy_ci95"]
    assert low < 0.45
    assert high < 0.75


def test_neighbours_of_the_same_object_are_found(tmp_path: Path) -> None:
    """Twenty-four objects, photographed eight times each in a row, with a label per object."""
    rng = np.random.default_rng(1)
    for obj in range(24):
        name = ("ok", "bad")[obj % 2]
        (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, (6, 6, 3), np.uint8)
        whole = np.asarray(Image.fromarray(coarse).resize((128, 128), Image.Resampling.BICUBIC))
        for shot in range(8):
            moved = np.roll(whole, rng.integers(-30, 30, 2), axis=(0, 1))
            noisy = (moved + rng.normal(0, 25, moved.shape)).clip(0, 255).astype(np.uint8)
            number = obj * 8 + shot
            Image.fromarray(noisy).save(tmp_path / "data" / name / f"photo{number:04}.png")
    found = hs.check(tmp_path / "data")["findings"]
    order = next(f for f in found if f["kind"] == "order")
    assert order["severity"] == "warning", order
    figures = order["figures"]
    assert figures["shuffled_accuracy"] > figures["block_accuracy"] + 0.1
    assert "--groups-from" in order["message"]
    grouped = hs.check(tmp_path / "data", groups_from=r"photo(\d{4})")["findings"]
    assert "order" not in [f["kind"] for f in grouped]
