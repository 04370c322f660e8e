"""``adapt --networks``: what comes of a network that was chosen, end to end."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

import headstart as hs
from headstart.adaptation import select as selecting

NETWORK = "MCC, network"


@pytest.fixture(scope="module")
def negatives(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn pictures as negatives, in one folder."""
    folder = tmp_path_factory.mktemp("data") / "negatives"
    folder.mkdir()
    for path in sorted(photos.rglob("*.*")):
        ImageOps.invert(Image.open(path).convert("RGB")).save(folder / f"{path.stem}.png")
    return folder


def test_a_network_that_is_chosen_is_saved_and_predicts_the_same(
    photos: Path, negatives: Path, small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = selecting.choose

    def for_the_network(*args: object, **options: object) -> selecting.Ruling:
        found = choose(*args, **options)  # type: ignore[arg-type]
        assert {c.name for c in found.candidates} >= {NETWORK, "no adaptation, network"}
        return replace(found, chosen=NETWORK)

    monkeypatch.setattr(selecting, "choose", for_the_network)
    run = hs.adapt(
        photos, negatives, out=tmp_path / "run", methods="MCC", networks=True, backbone=small,
        size=64, label_budget=3,
    )  # fmt: skip
    assert run.metrics["method"] == "adapt"
    assert run.metrics["adaptation"]["chosen"] == NETWORK
    assert run.metrics["estimate"]["protocol"] == (
        "held-out fifth of 45 examples, on which all candidates were tried"
    )
    assert (run.folder / "model" / "backbone.safetensors").is_file()
    with (run.folder / "target_predictions.csv").open(encoding="utf-8") as lines:
        written = list(csv.DictReader(lines))
    again = hs.load(run.folder).predict(negatives)
    assert [p.predicted for p in again] == [row["predicted"] for row in written]
    told = [float(row["confidence"]) for row in written]
    assert np.allclose([p.confidence for p in again], told, atol=1e-3)
    shares = run.metrics["adaptation"]["candidates"][-1]["shares"]
    assert sum(shares.values()) == pytest.approx(1)
    assert len((run.folder / "to_label.csv").read_text("utf-8").splitlines()) == 4


def test_networks_need_a_method_that_trains_them(
    photos: Path, negatives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(hs.ConfigError, match="CORAL trains no network") as refused:
        hs.adapt(photos, negatives, methods="CORAL", networks=True)
    assert "MCC" in refused.value.hint
    assert not Path("runs").exists()


def test_labels_choose_among_models_on_features_alone(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(hs.ConfigError, match="--networks and --labelled"):
        hs.adapt(photos, photos, out=tmp_path / "run", networks=True, labelled="some.csv")


def test_networks_adapt_to_longer_texts_than_the_source_has(
    tiny_bert: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    said = ["food", "room", "very", "slow", "fast"]
    for name, longest in (("notes", 8), ("letters", 40)):
        with (tmp_path / f"{name}.csv").open("w", encoding="utf-8", newline="") as opened:
            rows = csv.writer(opened)
            rows.writerow(["text", "label"])
            for i in range(30):
                words = rng.choice(said, rng.integers(2, longest))
                word = ("good", "bad")[i % 2]
                rows.writerow([" ".join([*words, word, word, str(i), name]), word])
    choose = selecting.choose

    def for_the_network(*args: object, **options: object) -> selecting.Ruling:
        return replace(choose(*args, **options), chosen=NETWORK)  # type: ignore[arg-type]

    monkeypatch.setattr(selecting, "choose", for_the_network)
    run = hs.adapt(
        tmp_path / "notes.csv", tmp_path / "letters.csv", out=tmp_path / "run", methods="MCC",
        networks=True, backbone=tiny_bert,
    )  # fmt: skip
    assert run.metrics["adaptation"]["chosen"] == NETWORK
    with (run.folder / "target_predictions.csv").open(encoding="utf-8") as lines:
        written = list(csv.DictReader(lines))
    again = hs.load(run.folder).predict(tmp_path / "letters.csv")
    told = [float(row["confidence"]) for row in written]
    assert np.allclose([p.confidence for p in again], told, atol=1e-3)
    assert [p.predicted for p in again] == [row["predicted"] for row in written]
