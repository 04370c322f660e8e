"""Several labels an example, from a table to a run folder and back, as users have it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import headstart as hs
from headstart.errors import ArtifactError
from headstart.folder.model import load_model, save_with_head
from headstart.report import render
from headstart.speaking import speaking

COLOURS = {"red": (220, 30, 30), "blue": (30, 30, 220), "white": (250, 250, 250)}
NAMES = {"red": "红色", "blue": "蓝色", "white": "白色"}


def draw_spots(labels, rng) -> Image.Image:
    """Draw a grey picture with a spot of every colour named."""
    image = Image.new("RGB", (64, 64), (110, 110, 110))
    for name in labels:
        x, y = (int(v) for v in rng.integers(4, 40, 2))
        ImageDraw.Draw(image).ellipse((x, y, x + 20, y + 20), fill=COLOURS[name])
    noisy = np.asarray(image) + rng.normal(0, 8, (64, 64, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def spotted(folder: Path, n: int, seed: int, *, chinese: bool = False) -> Path:
    """Draw n pictures; write which colours each has into a table, none for some."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    header, between = (("路径", "标签"), "、") if chinese else (("path", "labels"), ";")
    with (folder / "spots.csv").open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(header)
        for i in range(n):
            labels = [name for name in COLOURS if rng.random() < 0.45]
            draw_spots(labels, rng).save(folder / f"{i}.png")
            said = [NAMES[name] if chinese else name for name in labels]
            table.writerow([f"{i}.png", between.join(said)])
    return folder / "spots.csv"


@pytest.fixture(scope="module")
def spots(tmp_path_factory) -> Path:
    return spotted(tmp_path_factory.mktemp("labels") / "spots", 60, 0)


@pytest.fixture(scope="module")
def run(spots, small, tmp_path_factory):
    return hs.train(spots, backbone=small, out=tmp_path_factory.mktemp("runs") / "spots")


def numbers(path: Path, labels: list[str], *, more: dict[str, list[str]] | None = None) -> Path:
    """Write rows of numbers that tell a label each: the k-th number is high for the k-th label."""
    rng = np.random.default_rng(0)
    names = sorted({part for text in labels for part in text.split(";") if part})[:6]
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow([*(f"x{k}" for k in range(6)), "labels", *(more or {})])
        for row, text in enumerate(labels):
            has = np.zeros(6)
            has[[names.index(p) for p in text.split(";") if p in names]] = 2
            values = (f"{v:.3f}" for v in has + rng.normal(size=6))
            table.writerow([*values, text, *(column[row] for column in (more or {}).values())])
    return path


def sets(n: int, seed: int = 0, names: str = "abc") -> list[str]:
    rng = np.random.default_rng(seed)
    return [";".join(k for k in names if rng.random() < 0.4) for _ in range(n)]


# ---- a whole run -------------------------------------------------------------------------------


def test_a_run_says_what_it_learned(run):
    found = run.metrics
    assert (found["task"], found["classes"]) == ("multilabel", ["blue", "red", "white"])
    assert found["n"]["per_class"].keys() == {"blue", "red", "white"}
    estimate = found["estimate"]
    assert 0 <= estimate["accuracy_ci95"][0] <= estimate["accuracy"] <= 1
    for name in ("macro_f1", "micro_f1", "average_precision", "subset_accuracy", "hamming_loss"):
        assert 0 <= estimate[name] <= 1
    assert found["verdict"]["decision"] in ("helps", "hurts", "cannot tell")
    assert "most frequent labels" in {b["name"] for b in found["baselines"]}
    assert [row["name"] for row in found["labels"]["rows"]] == found["classes"]
    assert found["abstention"] is None
    assert found["learning_curve"]
    assert any("with ';' between them" in f["message"] for f in found["findings"])


def test_predictions_and_split_hold_sets_of_labels(run, spots):
    with spots.open(encoding="utf-8") as table:
        truth = {
            row["path"]: set(filter(None, row["labels"].split(";")))
            for row in csv.DictReader(table)
        }
    with (run.folder / "predictions.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert {row["path"]: set(filter(None, row["label"].split(";"))) for row in rows} == truth
    for row in rows:
        assert set(filter(None, row["predicted"].split(";"))) <= {"blue", "red", "white"}
        assert 0 <= float(row["p:red"]) <= 1
    split = json.loads((run.folder / "split.json").read_text("utf-8"))
    assert {e["path"]: set(filter(None, e["label"].split(";"))) for e in split["examples"]} == truth


def test_the_accuracy_is_that_of_the_predictions_written(run):
    with (run.folder / "predictions.csv").open(encoding="utf-8") as table:
        pairs = [
            [set(filter(None, row[key].split(";"))) for key in ("label", "predicted")]
            for row in csv.DictReader(table)
        ]
    right = [len(a & b) / len(a | b) if a | b else 1.0 for a, b in pairs]
    assert np.mean(right) == pytest.approx(run.metrics["estimate"]["accuracy"])


def test_a_saved_model_answers_as_before(run, tmp_path):
    saved = run.saved.model
    X = np.random.default_rng(0).normal(size=(5, len(saved.familiar.basis))).astype(np.float32)
    again = load_model(run.folder / "model").model
    assert np.abs(again.answers(X) - saved.answers(X)).max() < 1e-6
    assert again.thresholds == saved.thresholds
    assert again.task.name == "multilabel"
    save_with_head(run.folder / "model", tmp_path / "copy", saved)
    assert load_model(tmp_path / "copy").model.thresholds == saved.thresholds


def test_a_model_with_too_few_thresholds_is_refused(run, tmp_path):
    from dataclasses import replace

    short = replace(run.saved.model, thresholds=(0.5,))
    save_with_head(run.folder / "model", tmp_path / "copy", short)
    with pytest.raises(ArtifactError, match="1 thresholds for 3 labels"):
        load_model(tmp_path / "copy")


def test_python_gets_labels_and_probabilities(run, spots):
    answers = run.predict([spots.parent / f"{i}.png" for i in range(6)])
    for answer in answers:
        assert answer.predicted == ";".join(answer.labels)
        least = dict(zip(run.classes, run.saved.model.thresholds, strict=True))
        given = {name for name, p in answer.probabilities.items() if p >= least[name]}
        assert given == set(answer.labels)
        sure = (p if name in given else 1 - p for name, p in answer.probabilities.items())
        assert answer.confidence == pytest.approx(min(sure))


def test_commands_predict_and_evaluate(headstart, run, spots, tmp_path):
    answers = tmp_path / "answers.csv"
    assert headstart("predict", run.folder, spots.parent, "--out", answers).status == 0
    with answers.open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 60
    assert rows[0].keys() >= {"predicted", "p:blue", "p:red", "p:white", "unfamiliar"}
    said = headstart("evaluate", run.folder, spots)
    assert said.status == 0
    assert "Macro F1" in said.err and "white" in said.err
    found = headstart("evaluate", run.folder, spots, "--json").json()
    assert found["seen_in_training"] == 60
    assert [row["name"] for row in found["labels"]["rows"]] == ["blue", "red", "white"]
    assert "confusion" not in found


def test_the_page_has_a_table_of_labels_and_no_mixups(run):
    for language in ("en", "zh"):
        with speaking(language):
            page = render(run.folder).read_text("utf-8")
        assert 'id="classes"' in page and 'id="confusion"' not in page and 'id="map"' not in page
        assert 'href="#confusion"' not in page
    with speaking("en"):
        page = render(run.folder).read_text("utf-8")
    assert "Which labels are hard?" in page
    assert "Threshold" in page
    assert "share of the labels of new images that are right" in page
    assert "named correctly" not in page


@pytest.mark.whole
def test_a_run_as_users_have_it(headstart, small, tmp_path):
    """In Chinese: the table, the command, the page and its figures."""
    table = spotted(tmp_path / "spots", 40, 1, chinese=True)
    done = headstart("--lang", "zh", "train", table, "--backbone", small, "--out", "out")
    assert done.status == 0, done.err
    assert json.loads(Path("out/metrics.json").read_text("utf-8"))["classes"] == [
        "白色",
        "红色",
        "蓝色",
    ]
    assert {"labels.png", "labels.svg", "reliability.png"} <= {
        p.name for p in Path("out/figures").iterdir()
    }
    assert not Path("out/figures/confusion.png").exists()
    assert "红色" in Path("out/report.html").read_text("utf-8")


# ---- tables that ask for care ------------------------------------------------------------------


def test_a_label_on_one_row_and_one_on_all_are_left_out(headstart, tmp_path):
    labels = [text + ";all" if text else "all" for text in sets(40)]
    labels[7] += ";once"
    found = headstart("check", numbers(tmp_path / "t.csv", labels), "--json").json()
    assert found["n"]["per_class"].keys() == {"a", "b", "c"}
    (left_out,) = (
        f for f in found["findings"] if f["severity"] == "warning" and f["kind"] == "labels"
    )
    assert left_out["figures"]["left_out"] == ["once", "all"]
    assert "cannot be learned" in left_out["message"]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["a;b"] * 20, ("2 labels are on all, or all but one, training", "two without it")),
        ([""] * 20, ("None of the 20 training", "has a label", "--y names it")),
    ],
)
def test_nothing_to_learn_is_refused(headstart, tmp_path, labels, words):
    table = numbers(tmp_path / "t.csv", labels)
    headstart("train", table, "--task", "multilabel", "--y", "labels").refused(*words)


def test_a_label_that_only_the_test_set_has_is_left_out_and_said(headstart, tmp_path):
    labels = sets(60)
    labels[50:52] = ["a;new", "new"]
    split = ["train"] * 40 + ["test"] * 20
    table = numbers(tmp_path / "t.csv", labels, more={"split": split})
    done = headstart("train", table, "--out", "out", "--json")
    assert done.status == 0, done.err
    found = done.json()
    assert found["classes"] == ["a", "b", "c"]
    assert "fewer than two training rows: 'new'" in done.err
    assert found["n"]["test"] == 20
    assert found["estimate"]["protocol"] == "test set of 20 examples, used once"


def test_two_hundred_labels(headstart, tmp_path):
    rng = np.random.default_rng(0)
    names = [f"tag{k:03}" for k in range(200)]
    labels = [";".join(rng.choice(names, 8, replace=False)) for _ in range(90)]
    done = headstart("train", numbers(tmp_path / "t.csv", labels), "--out", "out", "--json")
    assert done.status == 0, done.err
    assert 150 < len(done.json()["classes"]) <= 200
    assert len(done.json()["labels"]["rows"]) == len(done.json()["classes"])


def test_unknown_labels_are_told_when_a_model_is_scored(headstart, run, spots, tmp_path):
    table = tmp_path / "more.csv"
    table.write_text(f"path,labels\n{spots.parent / '0.png'},red;green\n", "utf-8")
    headstart("evaluate", run.folder, table).refused("Unknown label: 'green'", "blue, red, white")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--method", "finetune"), ("--method finetune learns one class", "--method probe")),
        (("--method", "layers"), ("--method layers learns one class", "--method probe")),
        (("--budget", "5m"), ("learns one class", "--method probe")),
        (("--abstain", "0.1"), ("--abstain", "every label has a probability")),
        (("--balanced",), ("--balanced", "a threshold of its own")),
        (("--task", "ranking"), ("No task 'ranking'", "classification, multilabel")),
    ],
)
def test_what_is_not_there_for_several_labels_is_refused(headstart, tmp_path, options, words):
    headstart("train", numbers(tmp_path / "t.csv", sets(30)), *options).refused(*words)


@pytest.mark.parametrize("command", [("layers",), ("curve",), ("adapt",)])
def test_studies_of_classes_are_refused(headstart, spots, command):
    more = [spots.parent] if command == ("adapt",) else []
    headstart(*command, spots, *more).refused("works with one class an example", "--y COLUMN")


def test_a_run_of_several_labels_is_no_source_to_adapt(headstart, run, spots):
    headstart("adapt", run.folder, spots.parent).refused("works with one class an example")


def test_class_folders_have_one_label_each(headstart, photos):
    headstart("train", photos, "--task", "multilabel").refused("every example has one label")


def test_backbones_are_ranked_by_several_labels(headstart, spots, small):
    found = headstart("rank", spots, "--backbones", small, "--out", "out", "--json")
    assert found.status == 0, found.err
    (row,) = found.json()["backbones"]
    assert 0 <= row["accuracy"] <= 1
    assert row["logme"] is not None and row["knn"] is None


def test_groups_stay_together(headstart, tmp_path):
    group = [str(i // 4) for i in range(60)]
    table = numbers(tmp_path / "t.csv", sets(60), more={"patient": group})
    done = headstart("train", table, "--groups", "patient", "--out", "out", "--json")
    assert done.status == 0, done.err
    assert "grouped" in done.json()["estimate"]["protocol"]
    examples = json.loads(Path("out/split.json").read_text("utf-8"))["examples"]
    folds = {g: {e["fold"] for e in examples if e["group"] == g} for g in range(15)}
    assert all(len(fold) == 1 for fold in folds.values())
