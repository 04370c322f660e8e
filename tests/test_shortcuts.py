"""Shortcuts: what tells the classes without a look at what an image shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import headstart as hs
from headstart.judge.shortcuts import _score, find_shortcuts, names_alike
from headstart.modalities.image import ImageModality
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels

IMAGES = ImageModality()


def labels(y: np.ndarray, groups: np.ndarray | None = None) -> Labels:
    classes = tuple(map(str, range(int(y.max()) + 1)))
    return Labels(y.astype(np.int64), Classification(classes), groups, False, 0)


def naive(level: np.ndarray, y: np.ndarray) -> float:
    """The score by its definition, example by example."""
    classes, right = np.unique(y), {int(c): [] for c in np.unique(y)}
    for i, own in enumerate(y):
        others = np.arange(len(y)) != i
        share = [
            (level[others & (y == c)] == level[i]).sum() / (others & (y == c)).sum()
            for c in classes
        ]
        best = np.isclose(share, max(share))
        right[int(own)].append(best[list(classes).index(own)] / best.sum())
    return float(np.mean([np.mean(r) for r in right.values()]))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=3, max_size=40))
def test_the_score_is_that_of_naming_the_commonest_class_among_the_others(drawn):
    level = np.array([0, 1, 2, 0, 1, 2, *(a for a, _ in drawn)])
    y = np.array([0, 0, 1, 1, 2, 2, *(b for _, b in drawn)])
    assert _score(level, y) == pytest.approx(naive(level, y))


def test_a_circumstance_without_meaning_is_at_chance_and_one_that_tells_all_is_right():
    y = np.arange(200) % 4
    assert _score(y, y) == 1
    assert _score(np.zeros(200, int), y) <= 0.25
    assert abs(_score(np.random.default_rng(0).integers(0, 8, 200), y) - 0.25) < 0.1


def test_no_more_false_alarms_than_promised():
    rng, alarms = np.random.default_rng(0), 0
    y = np.arange(120) % 3
    for _ in range(40):
        told = [
            {
                "width": float(rng.integers(100, 900)),
                "day": float(rng.integers(9)),
                "camera": "abc"[rng.integers(3)],
            }
            for _ in y
        ]
        alarms += bool(find_shortcuts(told, labels(y), model=0.34))
    assert alarms <= 3


def test_copies_and_groups_count_once():
    """Forty frames of two films: each film has its own size, and that is no more than two facts."""
    y = np.repeat([0, 1], 20)
    told = [{"width": 100.0 + 50 * c} for c in y]
    assert find_shortcuts(told, labels(y))
    assert not find_shortcuts(told, labels(y, groups=y))


def test_what_content_brings_along_must_tell_nearly_all():
    y = np.arange(200) % 2
    told = [{"mean colour": (float(c if i % 4 else 1 - c), 0.0, 0.0)} for i, c in enumerate(y)]
    assert find_shortcuts(told, labels(y))
    assert not find_shortcuts(told, labels(y), of_content=("mean colour",))


def test_a_name_that_one_class_has_is_the_name_of_the_class():
    refs = [f"{c}/{c} ({i}).jpg" for c in ("cat", "dog") for i in range(20)]
    y = np.repeat([0, 1], 20)
    assert set(names_alike(refs, ("cat", "dog"), y)) == {""}
    mixed = [f"{'IMG' if (i + (i % 5 == 0)) % 2 else 'DSC'}_{i}.jpg" for i in range(40)]
    y = np.arange(40) % 2
    found = find_shortcuts([{"file name": n} for n in names_alike(mixed, ("0", "1"), y)], labels(y))
    assert [s.name for s in found] == ["file name"]


# ---- planted in photos ---------------------------------------------------------------------------


def photo(
    rng: np.random.Generator, size: tuple[int, int], border: int | None = None
) -> Image.Image:
    """Noise that shows nothing, in a random tint."""
    wide, high = size
    pixels = rng.integers(0, 256, (high, wide, 3)) * rng.uniform(0.4, 1, 3)
    if border is not None:
        pixels[:] = np.where(np.arange(3) == border, 230, 20)
        mid = slice(high // 6, -high // 6), slice(wide // 6, -wide // 6)
        pixels[mid] = rng.integers(0, 256, pixels[mid].shape)
    return Image.fromarray(pixels.astype(np.uint8))


def plant(root: Path, kind: str, n: int = 16, spoilt: float = 0.0) -> Path:
    rng = np.random.default_rng(0)
    for c, name in enumerate(("sound", "rotten")):
        (root / name).mkdir(parents=True)
        for i in range(n):
            cheat = 1 - c if rng.random() < spoilt else c
            wide, high = rng.integers(90, 110, 2).tolist()
            suffix, more = "jpg", {"quality": 85}
            border = None
            if kind == "width":
                wide, high = wide + 60 * cheat, high + 60 * cheat
            elif kind == "aspect ratio":
                wide += 80 * cheat
            elif kind == "JPEG quality":
                more = {"quality": 85 - 30 * cheat}
            elif kind == "file format":
                suffix, more = ("jpg", more) if cheat else ("png", {})
            elif kind == "camera":
                exif = Image.Exif()
                exif[0x0110] = f"Model {cheat}"
                more["exif"] = exif
            elif kind == "border colour":
                border = cheat
            photo(rng, (wide, high), border).save(root / name / f"{i}.{suffix}", **more)
    return root


@pytest.mark.parametrize(
    "kind", ["width", "aspect ratio", "JPEG quality", "file format", "camera", "border colour"]
)
def test_a_planted_shortcut_is_found(tmp_path, small, kind):
    found = hs.check(plant(tmp_path / "data", kind), backbone=small, size=64)["findings"]
    assert found[0]["kind"] == "shortcut" and found[0]["severity"] == "warning"
    names = [one["name"] for one in found[0]["figures"]["circumstances"]]
    assert kind in names


def test_training_warns_first_and_the_verdict_says_so(tmp_path, small):
    run = hs.train(plant(tmp_path / "data", "width"), out=tmp_path / "run", backbone=small, size=64)
    first = run.metrics["findings"][0]
    assert first["kind"] == "shortcut"
    assert "alone" in first["message"] and "headstart evaluate" in first["message"]
    assert first["figures"]["model"] is not None
    assert "may be a shortcut" in run.metrics["verdict"]["sentence"]
    page = (tmp_path / "run/report.html").read_text("utf-8")
    assert "A possible shortcut" in page
    assert "Pretraining helps" not in page


def test_photos_without_one_raise_no_alarm(tmp_path, small):
    found = hs.check(plant(tmp_path / "data", "none"), backbone=small, size=64)["findings"]
    assert not [f for f in found if f["kind"] == "shortcut"]
