"""Training networks, as a user would: from a folder to a run that predicts, killed or not."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import headstart as hs
from conftest import draw_folder, whole
from headstart.events import Event
from headstart.machine import cache_folder

SMALL = {"epochs": 2, "unfreeze": "3", "size": 64}


@pytest.fixture(scope="module")
def tuned(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> hs.Run:
    """A fine-tuned run that found no activations in the cache; do not write into it."""
    shutil.rmtree(cache_folder() / "activations", ignore_errors=True)
    out = tmp_path_factory.mktemp("runs") / "tuned"
    with whole():
        return hs.train(photos, out=out, method="finetune", **SMALL)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_a_fine_tuned_run_has_its_numbers(tuned: hs.Run) -> None:
    m = tuned.metrics
    assert m["method"] == "finetune"
    assert m["estimate"]["accuracy"] > 0.6  # three classes
    assert [c["name"] for c in m["candidates"]] == ["probe", "finetune 3"]
    assert [c["chosen"] for c in m["candidates"]] == [False, True]
    training = m["training"]
    assert training["blocks"] == ["blocks.6", "conv_head", "bn2"]
    assert training["cut"] == "blocks.5"
    assert training["prefix_forwards"] == 45 * 4  # images times views
    assert 0 < training["trainable_parameters"] < training["parameters"]


def test_the_curves_are_in_the_history(tuned: hs.Run) -> None:
    found = [r for r in rows(tuned.folder / "history.csv") if r["fit"] != "probe"]
    fits = {r["fit"] for r in found}
    assert fits == {f"finetune 3 / fold {f}" for f in range(1, 6)} | {"finetune 3 / final"}
    assert {r["split"] for r in found} == {"training", "validation"}
    for row in found:
        assert row["step"] in ("1", "2")
        assert float(row["loss"]) >= 0
        assert 0 <= float(row["accuracy"]) <= 1
        assert 0 < float(row["lr"]) <= 1e-4


def test_the_curves_are_in_the_report(tuned: hs.Run) -> None:
    page = (tuned.folder / "report.html").read_text("utf-8")
    assert 'id="training"' in page
    assert (tuned.folder / "figures" / "training.png").exists()


def test_the_model_predicts_what_the_run_says_from_anywhere(
    tuned: hs.Run, photos: Path, tmp_path: Path, monkeypatch
) -> None:
    """Another folder, an empty cache; a model trained on all of them knows its images."""
    moved = tmp_path / "elsewhere"
    shutil.copytree(tuned.folder, moved)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    answers = hs.load(moved).predict(photos)
    right = [a.predicted == Path(a.path).parent.name for a in answers]
    assert np.mean(right) > 0.8
    alone = hs.load(moved).predict(answers[7].path)[0]
    # One row times a matrix may round otherwise than many.
    assert alone.confidence == pytest.approx(answers[7].confidence, abs=1e-12)


def test_training_again_gives_the_same_bytes(tuned: hs.Run, photos: Path, tmp_path: Path) -> None:
    again = hs.train(photos, out=tmp_path / "again", method="finetune", **SMALL)
    one, two = (r.folder / "predictions.csv" for r in (tuned, again))
    assert one.read_bytes() == two.read_bytes()
    assert again.metrics["training"]["prefix_forwards"] == 0  # all of it was in the cache


def test_the_test_set_is_answered_by_the_model_that_is_kept(small: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    draw_folder(data / "train", 10)
    draw_folder(data / "test", 6, seed=1)
    run = hs.train(data, out=tmp_path / "run", backbone=small, method="finetune", **SMALL)
    said = {r["path"]: r for r in rows(run.folder / "predictions.csv")}
    assert len(said) == 18
    for answer in run.predict(data / "test"):
        row = said[Path(answer.path).relative_to(data).as_posix()]
        assert row["predicted"] == answer.predicted
        # float16 activations and another engine: the third decimal may differ
        assert float(row[f"p:{answer.predicted}"]) == pytest.approx(answer.confidence, abs=5e-3)


@pytest.mark.parametrize("method", ["full", "scratch", "small-cnn"])
def test_whole_networks_are_trained_from_images(
    photos: Path, small: str, tmp_path: Path, method: str
) -> None:
    options = {"backbone": small, "size": 64, "epochs": 2, "augment": "pad"}
    run = hs.train(photos, out=tmp_path / "run", method=method, **options)
    m = run.metrics
    assert m["method"] == method
    assert m["training"]["cut"] is None
    assert m["training"]["prefix_forwards"] == 0
    assert m["training"]["batchnorm"] == ("frozen" if method == "full" else "train")
    assert run.predict(photos / "disc" / "disc0.jpg")[0].predicted in m["classes"]
    names = {b["name"] for b in m["baselines"]}
    expected = {
        "scratch": "same network, trained from scratch",
        "small-cnn": "small network, trained from scratch",
    }
    if method in expected:
        assert expected[method] in names
    assert m["verdict"]["decision"] in ("helps", "hurts", "cannot tell")


@pytest.mark.whole
def test_auto_tries_chooses_and_says_why(photos: Path, tmp_path: Path) -> None:
    """Noisy labels, or the probe would be perfect and nothing else tried."""
    heard: list[Event] = []
    data = tmp_path / "noisy"
    shutil.copytree(photos, data)
    for i in range(4):
        (data / "disc" / f"disc{i}.{('jpg', 'png')[i % 2]}").rename(
            data / "stripes" / f"moved{i}.{('jpg', 'png')[i % 2]}"
        )
    run = hs.train(data, out=tmp_path / "run", budget=600.0, size=64, epochs=2,
                   on_event=heard.append)  # fmt: skip
    m = run.metrics
    tried = [c for c in m["candidates"] if c["status"] == "tried"]
    assert tried[0]["name"] == "probe"
    assert {"finetune last-blocks", "finetune last-stage", "full"} < {c["name"] for c in tried}
    assert sum(c["chosen"] for c in m["candidates"]) == 1
    chosen = next(c for c in m["candidates"] if c["chosen"])
    assert chosen["method"] == m["method"]
    assert chosen["name"] in m["choice"]["sentence"]
    assert all(c["forecast_s"] > 0 and c["seconds"] > 0 for c in tried[1:])
    stages = {e.stage for e in heard}
    assert any(s.startswith("training finetune last-stage / fold") for s in stages)
    assert any(len(e.curve) == 2 for e in heard)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".headstart")]


def test_ctrl_c_during_the_search_keeps_the_best_so_far(
    photos: Path, small: str, tmp_path: Path
) -> None:
    data = tmp_path / "noisy"
    shutil.copytree(photos, data)
    (data / "disc" / "disc0.jpg").rename(data / "stripes" / "moved.jpg")

    def listen(event: Event) -> None:
        if event.stage.startswith("training") and "fold 2" in event.stage:
            raise KeyboardInterrupt

    run = hs.train(data, out=tmp_path / "run", backbone=small, budget=600.0, size=64,
                   epochs=2, on_event=listen)  # fmt: skip
    assert run.metrics["method"] == "probe"
    statuses = {c["name"]: c["status"] for c in run.metrics["candidates"]}
    assert statuses.pop("probe") == "tried"
    assert set(statuses.values()) == {"interrupted"}
    assert "interrupted" in {f["kind"] for f in run.metrics["findings"]}


@pytest.fixture(scope="module")
def command(photos: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "headstart", "train", str(photos), "--method", "finetune"),
        *("--unfreeze", "3", "--size", "64", "--epochs", "6", "--out", "run"),
    ]


@pytest.mark.whole
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_killed_again_and_again_and_resumed_it_ends_the_same(
    command: list[str], tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    subprocess.run(command, cwd=whole, check=True, capture_output=True)
    killed = tmp_path / "killed"
    killed.mkdir()
    rng = np.random.default_rng(0)
    for _ in range(3):
        running = subprocess.Popen([*command, "--resume"], cwd=killed, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while not (killed / ".headstart-unfinished-run").exists():
            assert running.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline, "training never began"
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 3))
        running.send_signal(signal.SIGKILL)
        running.communicate()
    subprocess.run([*command, "--resume"], cwd=killed, check=True, capture_output=True)
    assert sorted(p.name for p in killed.iterdir()) == ["run"]
    a, b = (json.loads((d / "run" / "metrics.json").read_text()) for d in (whole, killed))
    assert a["estimate"] == b["estimate"]
    one, two = ((d / "run" / "predictions.csv").read_bytes() for d in (whole, killed))
    assert one == two


def test_the_range_test_chooses_the_rate(photos: Path, tmp_path: Path) -> None:
    run = hs.train(photos, out=tmp_path / "run", method="finetune", find_lr=True, **SMALL)
    training = run.metrics["training"]
    found = training["finder"]
    assert training["lr"] == found["suggested"]
    assert found["lrs"] == sorted(found["lrs"])
    least = int(np.argmin(found["losses"]))
    assert found["losses"][least] < found["losses"][0]  # it fell before it broke
    assert found["suggested"] == pytest.approx(found["lrs"][least] / 10)


def test_ctrl_c_during_training_from_scratch_keeps_the_model(
    photos: Path, small: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    train = shutil.copytree(photos, data / "train")
    draw_folder(data / "test", 4, seed=1)  # on a test set networks from scratch are compared too
    (train / "disc" / "disc0.jpg").rename(train / "stripes" / "moved.jpg")

    def listen(event: Event) -> None:
        if event.stage.startswith("training small-cnn"):
            raise KeyboardInterrupt

    run = hs.train(data, out=tmp_path / "run", backbone=small, budget=600.0, size=64,
                   epochs=1, on_event=listen)  # fmt: skip
    assert all(c["status"] == "tried" for c in run.metrics["candidates"])
    assert "interrupted" in {f["kind"] for f in run.metrics["findings"]}
    assert not any("scratch" in b["name"] for b in run.metrics["baselines"])
