"""A user's journey through the command line, and every way to get it wrong."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import draw, draw_folder

HEADSTART = [sys.executable, "-c", "from headstart.cli import main; main()"]


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))


def nothing_left(folder: Path) -> bool:
    return not [p for p in folder.rglob("*") if p.name.startswith(".") or "partial" in p.name]


# ---- the journey -----------------------------------------------------------------------------


@pytest.mark.whole
def test_from_folder_to_predictions(headstart, photos: Path, tmp_path: Path) -> None:
    trained = headstart("train", photos, "--out", "run", "--json")
    assert trained.status == 0
    metrics = trained.json()
    assert metrics["estimate"]["accuracy"] > 0.9
    assert metrics["estimate"]["protocol"] == "nested stratified cross-validation, 10 x 5 folds"
    low, high = metrics["estimate"]["accuracy_ci95"]
    assert 0 <= low < metrics["estimate"]["accuracy"] <= high <= 1
    run = tmp_path / "run"
    expected = {"model", "metrics.json", "history.csv", "predictions.csv", "split.json"}
    assert expected | {"report.html", "figures", "run.json"} <= {p.name for p in run.iterdir()}
    assert nothing_left(tmp_path)

    evaluated = headstart("evaluate", "run", photos, "--json").json()
    assert evaluated["accuracy"] == 1.0
    assert (evaluated["n"], evaluated["skipped"]) == (45, 0)

    predicted = headstart("predict", "run", photos, "--out", "p.csv")
    assert predicted.status == 0
    rows = rows_of(tmp_path / "p.csv")
    columns = ["path", "predicted", "confidence", "p:chequers", "p:disc", "p:stripes"]
    assert list(rows[0]) == [*columns, "unfamiliar", "note", "error"]
    assert len(rows) == 45
    right = [row["predicted"] == Path(row["path"]).parent.name for row in rows]
    assert np.mean(right) > 0.95
    for row in rows:
        p = [float(row[c]) for c in columns[3:]]
        assert abs(sum(p) - 1) < 1e-6
        assert float(row["confidence"]) == max(p)

    assert headstart("report", "run").out.strip() == str(Path("run") / "report.html")


def test_metrics_keep_their_contract(run_folder: Path) -> None:
    metrics = json.loads((run_folder / "metrics.json").read_text("utf-8"))
    assert metrics["schema"] == 1
    for key in ("task", "modality", "classes", "method", "backbone", "baselines", "findings"):
        assert key in metrics
    assert {"train", "test", "classes", "skipped"} <= set(metrics["n"])
    estimate = {"protocol", "accuracy", "accuracy_ci95", "balanced_accuracy", "macro_f1"}
    assert estimate | {"log_loss", "ece"} <= set(metrics["estimate"])
    verdict = {"decision", "gain", "gain_ci95", "baseline", "detectable", "test"}
    assert verdict <= set(metrics["verdict"])
    assert metrics["verdict"]["decision"] in ("helps", "hurts", "cannot tell")
    timing = {"total_s", "read_s", "embed_s", "fit_s", "judge_s", "examples_per_s"}
    assert timing | {"forward_examples", "cache_hits"} <= set(metrics["timing"])
    for baseline in metrics["baselines"]:
        assert set(baseline) == {"name", "accuracy", "accuracy_ci95"}
    names = {b["name"] for b in metrics["baselines"]}
    assert names == {
        "same network, random weights",
        "colour histogram + HOG",
        "small pixels",
        "majority class",
    }
    for finding in metrics["findings"]:
        assert set(finding) == {"kind", "severity", "message", "figures"}


def test_the_run_folder_tells_no_secrets(run_folder: Path) -> None:
    import getpass

    text = "".join(p.read_text("utf-8") for p in run_folder.rglob("*.json"))
    assert str(Path.home()) not in text
    assert str(run_folder.parent) not in text
    if getpass.getuser() != "root":
        assert getpass.getuser() not in text


def test_same_again_computes_nothing_and_says_the_same(headstart, photos: Path) -> None:
    first = headstart("train", photos, "--out", "a", "--json").json()
    second = headstart("train", photos, "--out", "b", "--json").json()
    assert second["timing"]["forward_examples"] == 0
    assert Path("a/predictions.csv").read_bytes() == Path("b/predictions.csv").read_bytes()
    for key in ("estimate", "verdict", "baselines", "findings"):
        assert first[key] == second[key]


def test_one_image_alone_in_a_batch_elsewhere_in_another_process(
    headstart, run_folder: Path, photos: Path, tmp_path: Path
) -> None:
    image = sorted((photos / "disc").iterdir())[3]
    moved = tmp_path / "elsewhere" / "photo.bin"
    moved.parent.mkdir()
    shutil.copy(image, moved)

    def confidences(out: str, name: str) -> list[float]:
        row = next(r for r in csv.DictReader(io.StringIO(out)) if r["path"].endswith(name))
        return [float(v) for k, v in row.items() if k.startswith("p:")]

    alone = confidences(headstart("predict", run_folder, image).out, image.name)
    batch = confidences(headstart("predict", run_folder, photos).out, image.name)
    there = confidences(headstart("predict", run_folder, moved).out, moved.name)
    fresh = {**os.environ, "HEADSTART_CACHE": str(tmp_path / "fresh")}
    other = subprocess.run(
        [*HEADSTART, "predict", str(run_folder), str(moved)],
        capture_output=True, text=True, check=True, env=fresh, cwd=tmp_path,
    )  # fmt: skip
    process = confidences(other.stdout, moved.name)
    for again in (batch, there, process):
        assert np.allclose(alone, again, atol=1e-5, rtol=0)


def test_default_run_folders_are_numbered(headstart, photos: Path, small: str) -> None:
    for _ in range(2):
        assert headstart("train", photos, "--backbone", small, "--size", 64).status == 0
    assert sorted(p.name for p in Path("runs").iterdir()) == ["photos", "photos-2"]


def test_a_given_test_folder_is_used_once(headstart, small: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    draw_folder(data / "train", 8, seed=1)
    draw_folder(data / "Val", 5, seed=2)
    metrics = headstart("train", data, "--backbone", small, "--out", "run", "--json").json()
    assert metrics["estimate"]["protocol"] == "test set of 15 examples, used once"
    assert (metrics["n"]["train"], metrics["n"]["test"]) == (24, 15)
    assert "McNemar" in metrics["verdict"]["test"]
    split = json.loads(Path("run/split.json").read_text())
    assert sorted({e["path"].split("/")[0] for e in split["examples"] if e["role"] == "test"}) == [
        "Val"
    ]
    assert len(rows_of(Path("run/predictions.csv"))) == 15


def test_csv_in_a_zip_with_groups(headstart, small: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        lines = ["文件,标签,病人"]
        for i in range(36):
            out = io.BytesIO()
            draw(i % 2, rng).save(out, "PNG")
            archive.writestr(f"img/{i}.png", out.getvalue())
            lines.append(f"img/{i}.png,{('条 纹', '圆/盘 😀')[i % 2]},p{i // 4}")
        archive.writestr("labels.csv", "\n".join(lines))
    options = ("--groups", "病人", "--backbone", small, "--out", "run", "--json")
    result = headstart("train", "set.zip", *options)
    assert result.status == 0, result.err
    metrics = result.json()
    assert metrics["classes"] == ["圆/盘 😀", "条 纹"]
    assert "grouped" in metrics["estimate"]["protocol"]
    split = json.loads(Path("run/split.json").read_text("utf-8"))
    folds: dict[int, set[int]] = {}
    for example in split["examples"]:
        folds.setdefault(example["group"], set()).add(example["fold"])
    assert len(folds) == 9
    assert all(len(f) == 1 for f in folds.values())


def test_check_finds_what_a_score_would_hide(headstart, photos: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(photos, data)
    shutil.copy(data / "disc" / "disc0.jpg", data / "disc" / "again.jpg")
    (data / "disc" / "notes.txt").write_text("not a picture")
    (data / ".ipynb_checkpoints").mkdir()
    found = headstart("check", data, "--json").json()
    kinds = {f["kind"]: f for f in found["findings"]}
    assert kinds["duplicates"]["figures"]["copies"] == 1
    assert kinds["unreadable"]["figures"]["files"] == [["disc/notes.txt", "not an image"]]
    assert "order" in kinds
    assert found["n"]["classes"] == 3
    assert "disc/again.jpg" in headstart("check", data).err


def test_unreadable_files_are_left_out_or_refused(headstart, photos: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(photos, data)
    whole = (data / "disc" / "disc1.png").read_bytes()
    (data / "disc" / "disc1.png").write_bytes(whole[: len(whole) // 2])
    (data / "disc" / "empty.jpg").touch()
    result = headstart("train", data, "--out", "run", "--json")
    assert result.json()["n"]["skipped"] == 2
    assert "disc/empty.jpg: empty file" in result.err
    headstart("train", data, "--strict", "--out", "strict").refused(
        "2 of 46 files", "disc/disc1.png"
    )
    assert not (tmp_path / "strict").exists()


def test_predict_says_which_inputs_it_cannot_read(
    headstart, run_folder: Path, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_text("no")
    image = next((photos / "disc").iterdir())
    result = headstart("predict", run_folder, "broken.jpg", image, "--json")
    rows = result.json()["predictions"]
    assert rows[0] | {"path": "broken.jpg", "predicted": "", "error": "not an image"} == rows[0]
    assert rows[1]["error"] == ""
    assert "1 of 2 inputs cannot be read" in result.err
    table = tmp_path / "list.csv"
    table.write_text(f"path\n{image}\nbroken.jpg\n", encoding="utf-8")
    assert len(headstart("predict", run_folder, table, "--json").json()["predictions"]) == 2
    pattern = str(photos / "*" / "*.png")
    assert len(headstart("predict", run_folder, pattern, "--json").json()["predictions"]) == 21
    headstart("predict", run_folder, "nothing-*.jpg").refused("nothing-*.jpg")


def test_predict_where_nothing_can_be_read(headstart, run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_text("no")
    (tmp_path / "t.csv").write_text("path\nbroken.jpg\ngone.jpg\n")
    headstart("predict", run_folder, "t.csv", "--out", "answers.csv").refused(
        "None of the 2 inputs can be read (broken.jpg: not an image; gone.jpg:", "images"
    )
    assert not (tmp_path / "answers.csv").exists()


def test_predict_reads_lists_and_archives(
    headstart, run_folder: Path, photos: Path, tmp_path: Path, monkeypatch
) -> None:
    image = next((photos / "disc").iterdir())
    (tmp_path / "list.txt").write_text(f"{image}\n")
    with zipfile.ZipFile(tmp_path / "new.zip", "w") as file:
        file.write(image, "in/a.jpg")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{image}\n".encode())))
    rows = headstart("predict", run_folder, "list.txt", "new.zip", "-", "--json").json()
    assert [row["path"] for row in rows["predictions"]] == [
        str(image),
        "new.zip/in/a.jpg",
        str(image),
    ]
    assert len({row["predicted"] for row in rows["predictions"]}) == 1


def test_lines_to_type_next_are_quoted(headstart, small: str, photos: Path) -> None:
    out = "new runs/[a] photo's #2"
    said = headstart("train", photos, "--out", out, "--backbone", small, "--size", "64").err
    line = said.partition("Predict: ")[2]
    assert shlex.split(line, comments=True)[:3] == ["headstart", "predict", out]
    assert f"Report: {out}" in said


def test_answers_go_into_folders_that_are_made(
    headstart, run_folder: Path, photos: Path, tmp_path: Path
) -> None:
    done = headstart("predict", run_folder, photos / "disc", "--out", "not/yet/there.csv")
    assert done.status == 0
    assert len(rows_of(tmp_path / "not/yet/there.csv")) == 15
    (tmp_path / "folder.csv").mkdir()
    headstart("predict", run_folder, photos, "--out", "folder.csv").refused("is a folder")
    (tmp_path / "file").touch()
    headstart("predict", run_folder, photos, "--out", "file/a.csv").refused("Cannot write to")


def test_a_photo_of_something_else_is_flagged(headstart, run_folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    Image.fromarray(rng.integers(0, 256, (200, 200, 3), np.uint8)).save(tmp_path / "noise.png")
    row = headstart("predict", run_folder, "noise.png", "--json").json()["predictions"][0]
    assert row["unfamiliar"] is True


def test_a_blank_photo_is_remarked_on_in_either_language(
    headstart, run_folder: Path, photos: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (200, 200)).save(tmp_path / "cap.png")
    fine = str(next((photos / "disc").iterdir()))
    asked = headstart("predict", run_folder, fine, "cap.png", "--json")
    notes = [row["note"] for row in asked.json()["predictions"]]
    assert notes == ["", "black all over"]
    assert "1 input holds nothing to answer by (cap.png: black all over)" in " ".join(
        asked.err.split()
    )
    told = headstart("predict", run_folder, fine, "cap.png", "--lang", "zh", "--out", "p.csv")
    assert rows_of(tmp_path / "p.csv")[1]["note"] == "全黑"
    assert "cap.png" in told.err and "全黑" in told.err


def test_backbones_and_cache_listings(headstart, tmp_path: Path, monkeypatch) -> None:
    rows = json.loads(headstart("backbones", "--json").out)
    assert rows[0]["name"] == "embedded:efficientnet-lite0"
    assert "torchvision:vgg16" in headstart("backbones", "--like", "vgg16").out
    headstart("backbones", "--like", "no-such-net").refused("no-such-net")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache" / "engines").mkdir(parents=True)
    (tmp_path / "cache" / "engines" / "x").write_bytes(b"0" * 1000)
    assert headstart("cache", "--json").json()["bytes"] >= 1000
    assert headstart("cache", "--clear", "--json").json()["entries"] == 0
    assert not (tmp_path / "cache" / "engines").exists()


def test_help_and_version(headstart) -> None:
    import headstart as hs

    assert headstart("--version").out.strip() == hs.__version__
    for command in (
        "train",
        "check",
        "predict",
        "evaluate",
        "report",
        "backbones",
        "cache",
        "demo",
    ):
        assert command in headstart("--help").out
        assert headstart(command, "--help").status == 0
    assert headstart("trian").status == 2
    assert headstart("train").status == 2


# ---- everything that can be wrong ------------------------------------------------------------


def test_paths_that_are_not_data(headstart, tmp_path: Path) -> None:
    headstart("train", "nowhere").refused("nowhere")
    (tmp_path / "empty").mkdir()
    headstart("train", "empty").refused("empty")
    (tmp_path / "one" / "cat").mkdir(parents=True)
    for i in range(3):
        Image.new("RGB", (50, 50), (i * 40, 0, 0)).save(tmp_path / "one" / "cat" / f"{i}.png")
    headstart("train", "one").refused("'cat'", "at least two")
    (tmp_path / "one" / "dog").mkdir()
    Image.new("RGB", (50, 50), "blue").save(tmp_path / "one" / "dog" / "0.png")
    headstart("train", "one").refused("'dog'", "single training image")
    for path in (tmp_path / "one").rglob("*.png"):
        path.write_bytes(b"")
    shutil.copytree(tmp_path / "one" / "cat", tmp_path / "one" / "dog", dirs_exist_ok=True)
    headstart("train", "one").refused("6 of 6 files cannot be read")
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_test_classes_that_training_lacks(headstart, tmp_path: Path) -> None:
    draw_folder(tmp_path / "d" / "train", 4, ("a", "b"))
    draw_folder(tmp_path / "d" / "test", 2, ("a", "c"), seed=1)
    headstart("train", "d").refused("'c'", "Add training images")


def test_outputs_that_cannot_be(headstart, photos: Path, run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    headstart("train", photos, "--out", "taken").refused("taken", "--overwrite")
    headstart("train", photos, "--out", "taken", "--overwrite").refused("is not a run folder")
    (tmp_path / "file").write_text("")
    headstart("train", photos, "--out", "file/run").refused("Cannot write")
    shutil.copytree(run_folder, tmp_path / "old")
    (tmp_path / "old" / "mark").write_text("")
    assert headstart("train", photos, "--out", "old", "--overwrite").status == 0
    assert not (tmp_path / "old" / "mark").exists()
    assert nothing_left(tmp_path)


def test_options_that_make_no_sense(headstart, photos: Path, run_folder: Path) -> None:
    headstart("train", photos, "--backbone", "efficientnet-lit0").refused("efficientnet-lite0")
    headstart("train", photos, "--backbone", "timm:resnet50.a1_in1k").refused("not on this machine")
    headstart("train", photos, "--method", "magic").refused("magic", "probe")
    headstart("train", photos, "--seed", "-1").refused("-1")
    headstart("train", photos, "--device", "abacus").refused("abacus")
    headstart("train", photos, "--groups", "patient").refused("patient", "--groups-from")
    headstart("train", photos, "--groups-from", "(").refused("not a regular expression")
    headstart("train", photos, "--groups-from", "patient(\\d+)").refused("0 of 45")
    headstart("predict", run_folder, photos, "--out", "p.xlsx").refused("p.xlsx")
    headstart("train", "builtin:elp").refused("elp")
    headstart("report", "nowhere").refused("nowhere")
    headstart("evaluate", run_folder, "nowhere").refused("nowhere")


def test_labels_the_model_does_not_know(headstart, run_folder: Path, tmp_path: Path) -> None:
    draw_folder(tmp_path / "other", 2, ("disc", "moon"))
    headstart("evaluate", run_folder, "other").refused("'moon'", "chequers")


def test_a_fault_of_ours_is_said_to_be_ours(headstart, photos: Path, monkeypatch) -> None:
    from headstart.jobs import train as job

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("what a pity")

    monkeypatch.setattr(job, "train", broken)
    result = headstart("train", photos)
    assert result.status == 1
    assert "our fault" in result.err
    assert "--debug" in result.err
    assert "Traceback" not in result.err


@pytest.mark.whole
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_stopped_at_any_moment_leaves_nothing_and_the_next_run_goes_on(
    tmp_path: Path, run_folder: Path, kind: signal.Signals
) -> None:
    """Stop a run while it embeds; nothing half-written stays, and finished work is reused."""
    draw_folder(tmp_path / "photos", 70, seed=9)
    cache = {**os.environ, "HEADSTART_CACHE": str(tmp_path / "cache")}
    shutil.copytree(
        Path(os.environ["HEADSTART_CACHE"]) / "engines", tmp_path / "cache" / "engines",
        dirs_exist_ok=True,
    )  # fmt: skip
    command = [*HEADSTART, "train", "photos", "--out", "run", "--json"]
    process = subprocess.Popen(
        command, env=cache, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    store = tmp_path / "cache" / "features.sqlite-wal"
    deadline = time.monotonic() + 60
    while not (store.exists() and store.stat().st_size > 400_000):
        assert time.monotonic() < deadline, "the run never wrote to the cache"
        assert process.poll() is None, "the run ended before it could be stopped"
        time.sleep(0.02)
    process.send_signal(kind)
    out, err = process.communicate(timeout=60)
    if kind == signal.SIGINT:
        assert process.returncode == 130
        assert "Stopped" in err
        assert "Traceback" not in err
    assert out == ""
    assert not (tmp_path / "run").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".run")] == []

    again = subprocess.run(command, env=cache, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    timing = json.loads(again.stdout)["timing"]
    assert timing["cache_hits"] > 0
    assert timing["cache_hits"] + timing["forward_examples"] == 2 * 210


def test_help_keeps_the_underscores_of_what_is_to_be_typed(headstart) -> None:
    assert "{label}_{speaker}_{n}" in re.sub(r"[│\s]+", " ", headstart("train", "--help").out)
