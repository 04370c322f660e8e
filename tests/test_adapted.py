"""Journeys of ``headstart adapt``: from a labelled source and a bare target to a run, or a no."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import headstart as hs
from conftest import draw, draw_folder
from headstart.adaptation import select
from headstart.adaptation.align import NoAdaptation
from headstart.adaptation.outcome import Selection
from headstart.adaptation.sealed import TargetLabels
from headstart.adaptation.sourcefree import Selected
from headstart.folder.model import save_with_head

HEADSTART = [sys.executable, "-c", "from headstart.cli import main; main()"]
QUICK = ("--methods", "standardisation,CORAL")
KINDS = ("stripes", "disc", "chequers")


@pytest.fixture
def reveals(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """For what the labels of the target were opened."""
    seen: list[Any] = []
    reveal = TargetLabels.reveal

    def spy(self: TargetLabels, selection: Any) -> Any:
        seen.append(selection)
        return reveal(self, selection)

    monkeypatch.setattr(TargetLabels, "reveal", spy)
    return seen


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))


def write_table(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def make_noisy(folder: Path, seed: int = 3) -> Path:
    """Cover every picture with noise, so that it is a domain of its own."""
    rng = np.random.default_rng(seed)
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        pixels = np.asarray(Image.open(file), float)
        noisy = (pixels + rng.normal(0, 100, pixels.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(file)
    return folder


def images_below(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def labels_of(folder: Path, path: Path) -> Path:
    """Write a table of the true labels of a folder of class folders."""
    found = images_below(folder)
    return write_table(path, [{"path": str(p), "label": p.parent.name} for p in found])


def adapted_section(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "metrics.json").read_text("utf-8"))["adaptation"])


def sentences_of(value: Any, place: str) -> Iterator[str]:
    """Name the places of all sentences in a part of a document, as JSON pointers."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from sentences_of(part, f"{place}/{key}")
    elif isinstance(value, str) and value.endswith("."):
        yield place


def nothing_left(folder: Path) -> bool:
    return not [p for p in folder.rglob("*") if p.name.startswith(".")]


def untold(section: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a section what labels of the target say, and how long things took."""
    measured = ("seconds", "target_accuracy", "target_accuracy_ci95")
    candidates = [{k: v for k, v in c.items() if k not in measured} for c in section["candidates"]]
    return {**section, "candidates": candidates, "target_labels": None}


def model_bytes(run: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in images_below(run / "model")}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 pictures in three class folders; do not write into it."""
    return draw_folder(tmp_path_factory.mktemp("source") / "plain", 8)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 noisy pictures in class folders; do not write into it."""
    folder = tmp_path_factory.mktemp("target") / "noisy"
    return make_noisy(draw_folder(folder, 10, seed=7))


@pytest.fixture(scope="module")
def adapted(plain: Path, noisy: Path, tmp_path_factory: pytest.TempPathFactory) -> hs.Run:
    """A run from ``plain`` to ``noisy``; do not write into it."""
    out = tmp_path_factory.mktemp("runs") / "adapted"
    return hs.adapt(plain, noisy, out=out, methods="standardisation,CORAL")


@pytest.fixture(scope="module")
def unadapted(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> hs.Run:
    """A run to pictures drawn alike, so that the source's model stayed; do not write into it."""
    more = draw_folder(tmp_path_factory.mktemp("target") / "more", 8, seed=21)
    out = tmp_path_factory.mktemp("runs") / "unadapted"
    return hs.adapt(plain, more, out=out, methods="standardisation,CORAL", target_labels=more)


def test_whatever_is_said_can_be_said_again(adapted: hs.Run, unadapted: hs.Run) -> None:
    for run in (adapted, unadapted):
        document = json.loads((run.folder / "metrics.json").read_text("utf-8"))
        section = {**document["adaptation"], "target": None}
        places = list(sentences_of(section, "/adaptation"))
        assert {"/adaptation/sentence", "/adaptation/candidates/0/summary"} <= set(places)
        assert [place for place in places if place not in document["sentences"]] == []


# ---- the journey -----------------------------------------------------------------------------


def test_from_two_folders_to_predictions(headstart, plain: Path, noisy: Path, tmp_path) -> None:
    """Default methods, and every file there."""
    done = headstart("adapt", plain, noisy, "--out", "run", "--json")
    assert done.status == 0, done.err
    metrics = json.loads(done.out)
    run, section = tmp_path / "run", metrics["adaptation"]
    expected = {"model", "metrics.json", "history.csv", "predictions.csv", "split.json"}
    expected |= {"report.html", "figures", "run.json", "target_predictions.csv"}
    assert expected <= {p.name for p in run.iterdir()}
    assert nothing_left(tmp_path)
    assert not (run / "to_label.csv").exists()
    assert "The target's predictions:" in done.err

    assert section["decision"] == "adapted"
    assert section["chosen"] != "no adaptation"
    assert "without target labels" in section["sentence"]
    assert section["sure"] == "hardly" and "measured" in section  # of ten images a class
    assert "airly sure" not in done.err
    assert section["target"] == {
        "name": "noisy",
        "n": 30,
        "note": section["target"]["note"],
    }
    assert "were not read as labels" in section["target"]["note"]
    assert section["source"]["n"] == 24
    assert section["target_labels"] is section["proposals"] is section["labelled"] is None
    assert section["candidates"][0]["name"] == "no adaptation"
    assert [c["name"] for c in section["candidates"] if c["chosen"]] == [section["chosen"]]
    assert len(section["candidates"]) > 10
    assert all(c["target_accuracy"] is None for c in section["candidates"])
    assert section["shift"]["found"]
    assert len(section["shift"]["map"]["target"]) == 30
    right = [r["predicted"] == r["path"].split("/")[0] for r in rows_of(run / PREDICTIONS)]
    assert np.mean(right) > 0.8


PREDICTIONS = "target_predictions.csv"


def test_the_estimate_is_of_the_source_and_the_model_says_what_it_is(
    adapted: hs.Run, plain: Path
) -> None:
    metrics = adapted.metrics
    assert metrics["method"] == "adapt"
    assert metrics["n"]["train"] == 24
    assert metrics["estimate"]["accuracy"] > 0.9
    model = json.loads((adapted.folder / "model" / "model.json").read_text("utf-8"))
    assert model["method"] == "adapt"
    judged = rows_of(adapted.folder / "predictions.csv")
    assert {Path(r["path"]).name for r in judged} == {p.name for p in images_below(plain)}


def test_the_head_that_is_told_of_is_the_one_that_is_kept(
    plain: Path, noisy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = select.choose

    def prototypes(*given: Any, **named: Any) -> select.Ruling:
        return replace(choose(*given, **named), chosen="prototypes")

    monkeypatch.setattr(select, "choose", prototypes)
    run = hs.adapt(plain, noisy, out=tmp_path / "run", methods="prototypes")
    head = run.metrics["head"]
    saved = json.loads((run.folder / "model" / "model.json").read_text("utf-8"))
    assert (head["kind"], head["temperature"]) == (saved["head"], saved["temperature"])
    assert head["kind"] == "cosine"
    assert head["C"] is None  # nothing was regularised
    assert head["probe"]["kind"] == "logistic"
    assert head["probe"]["C"] in {c["C"] for c in head["candidates"]}
    page = (run.folder / "report.html").read_text("utf-8")
    assert '<th scope="row">head</th><td class="text">cosine</td>' in page
    assert "The adaptation put another in its place: <strong>nearest direction" in page


@pytest.mark.parametrize("kind", ["adapted", "unadapted"])
def test_the_head_is_told_of_as_it_is_saved(kind: str, request: pytest.FixtureRequest) -> None:
    run: hs.Run = request.getfixturevalue(kind)
    head, model = run.metrics["head"], run.saved.model
    assert (head["kind"], head["temperature"]) == (model.head.kind, model.temperature)


def test_predict_answers_as_the_run_did(headstart, adapted: hs.Run, noisy: Path, tmp_path) -> None:
    said = rows_of(adapted.folder / PREDICTIONS)
    assert [r["path"] for r in said] == [
        p.relative_to(noisy).as_posix() for p in images_below(noisy)
    ]
    assert headstart("predict", adapted.folder, noisy, "--out", "again.csv").status == 0
    again = rows_of(tmp_path / "again.csv")
    keys = [k for k in said[0] if k != "path"]
    for one, other in zip(said, again, strict=True):
        assert one["path"] == Path(other["path"]).relative_to(noisy).as_posix()
        for key in keys:
            if key == "confidence" or key.startswith("p:"):
                assert float(one[key]) == pytest.approx(float(other[key]), abs=1e-5)
            else:
                assert one[key] == other[key]


def test_the_report_renders_again(headstart, adapted: hs.Run, tmp_path: Path) -> None:
    shutil.copytree(adapted.folder, tmp_path / "copy")
    (tmp_path / "copy" / "report.html").unlink()
    assert headstart("report", "copy").status == 0
    page = (tmp_path / "copy" / "report.html").read_text("utf-8")
    assert 'id="adaptation"' in page
    assert "answers changed" in page


def test_predict_adapts_further_to_its_inputs(headstart, adapted: hs.Run, noisy: Path) -> None:
    done = headstart("predict", adapted.folder, noisy, "--adapt", "statistics", "--out", "p.csv")
    assert done.status == 0, done.err
    assert len(rows_of(Path("p.csv"))) == 30


def test_the_order_of_the_target_does_not_matter(
    headstart, adapted: hs.Run, plain: Path, noisy: Path, tmp_path: Path
) -> None:
    """As a table in another order, with a column that looks like labels."""
    files = images_below(noisy)
    random.Random(5).shuffle(files)
    rows = [{"path": str(p), "label": "wrong" if i else "disc"} for i, p in enumerate(files)]
    table = write_table(tmp_path / "listed.csv", rows)
    done = headstart("adapt", plain, table, "--out", "run", *QUICK)
    assert done.status == 0, done.err
    assert "Column 'label' of listed.csv was not read" in done.err
    section = adapted_section(tmp_path / "run")
    assert (section["target"]["name"], section["target"]["n"]) == ("listed", 30)
    before = adapted_section(adapted.folder)
    assert section["chosen"] == before["chosen"]
    assert section["sentence"] == before["sentence"]
    said = {Path(r["path"]): r for r in rows_of(tmp_path / "run" / PREDICTIONS)}
    for row in rows_of(adapted.folder / PREDICTIONS):
        other = said[noisy / row["path"]]
        assert other["predicted"] == row["predicted"]
        assert float(other["confidence"]) == pytest.approx(float(row["confidence"]), abs=1e-4)


def test_the_same_again_from_a_zip_is_the_same(
    adapted: hs.Run, plain: Path, noisy: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as packed:
        for file in images_below(noisy):
            packed.write(file, file.relative_to(noisy).as_posix())
    heard = []
    run = hs.adapt(
        plain, tmp_path / "packed.zip", out=tmp_path / "run", methods="standardisation,CORAL",
        on_event=heard.append,
    )  # fmt: skip
    assert {"adapting", "looking for a shift", "judging the adaptation"} <= {e.stage for e in heard}
    assert model_bytes(run.folder) == model_bytes(adapted.folder)
    assert (run.folder / PREDICTIONS).read_bytes() == (adapted.folder / PREDICTIONS).read_bytes()
    again, before = (untold(adapted_section(r.folder)) for r in (run, adapted))
    assert again["target"].pop("name") == "packed"
    assert before["target"].pop("name") == "noisy"
    assert again["target"].pop("note") != before["target"].pop("note")
    assert again == before


def test_a_run_has_a_name_of_both(headstart, plain: Path, noisy: Path, tmp_path: Path) -> None:
    """And the second a number. One method; and all images proposed, where more are asked for."""
    (tmp_path / "runs" / "plain-to-noisy").mkdir(parents=True)
    done = headstart("adapt", plain, noisy, "--methods", "coral", "--label-budget", 1000)
    assert done.status == 0, done.err
    assert "then add --labelled runs/plain-to-noisy-2/to_label.csv" in done.err
    run = tmp_path / "runs" / "plain-to-noisy-2"
    assert [c["name"] for c in adapted_section(run)["candidates"]] == ["no adaptation", "CORAL"]
    rows = rows_of(run / "to_label.csv")
    assert len(rows) == 30
    assert {float(r["stands_for"]) for r in rows} == {1.0}


# ---- what the target may be ------------------------------------------------------------------


def test_a_single_image(headstart, plain: Path, noisy: Path, tmp_path: Path) -> None:
    image = images_below(noisy)[0]
    done = headstart("adapt", plain, image, "--out", "run", *QUICK, "--target-labels", noisy)
    assert done.status == 0, done.err
    section = adapted_section(tmp_path / "run")
    assert section["decision"] == "not adapted"
    assert section["shift"]["auc"] is None
    assert "cannot be told" in section["shift"]["sentence"]
    assert section["target_labels"]["n"] == 1
    assert len(rows_of(tmp_path / "run" / PREDICTIONS)) == 1
    assert "too few to choose a method by" in section["sentence"]
    assert "one labelled target image" in section["target_labels"]["sentence"]
    assert headstart("report", "run").status == 0
    assert (tmp_path / "run" / "report.html").exists()


def test_unreadable_images_get_a_row_and_strict_refuses(
    headstart, plain: Path, noisy: Path, tmp_path: Path
) -> None:
    """In folders within folders; one is damaged, one a table names and nobody has."""
    deep = tmp_path / "deep"
    shutil.copytree(noisy, deep / "2024" / "may")
    (deep / "2024" / "bad.jpg").write_bytes(b"no picture")
    (deep / "notes.txt").write_text("not an image")
    (deep / ".hidden.jpg").write_bytes(b"hidden")
    headstart("adapt", plain, "deep", "--out", "run", *QUICK, "--strict").refused(
        "1 of 31 files cannot be read", "2024/bad.jpg", "without --strict"
    )
    assert not (tmp_path / "run").exists()
    done = headstart(
        "adapt", plain, "deep", "--out", "run", *QUICK, "--target-labels", "deep/2024/may"
    )
    assert done.status == 0, done.err
    assert "1 of 31 files cannot be read" in done.err
    rows = rows_of(tmp_path / "run" / PREDICTIONS)
    assert len(rows) == 31
    assert [r["path"] for r in rows if r["error"]] == ["2024/bad.jpg"]
    assert [r["predicted"] for r in rows if r["error"]] == [""]
    section = adapted_section(tmp_path / "run")
    assert section["target"]["n"] == 30
    # The labels still meet their images although a row is missing before them.
    assert section["target_labels"]["n"] == 30
    assert section["target_labels"]["accuracy"] > 0.8


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("missing", ("no file or folder", "missing", "path of the target")),
        ("empty", ("no images below", "empty")),
        ("empty.csv", ("empty.csv",)),
        ("empty.zip", ("no images", "empty.zip")),
        ("broken.zip", ("broken.zip",)),
        ("notes.txt", ("1 of 1 files cannot be read", "notes.txt")),
        ("gone.csv", ("2 of 2 files cannot be read", "gone1.jpg")),
        ("holes.csv", ("holes.csv", "nothing in column 'path'", "row 3")),
        ("builtin:nosuch", ("nosuch",)),
    ],
)
def test_targets_that_are_none(
    headstart, plain: Path, noisy: Path, tmp_path: Path, target: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.csv").write_text("path\n")
    (tmp_path / "gone.csv").write_text("path\ngone1.jpg\ngone2.jpg\n")
    (tmp_path / "holes.csv").write_text(f"path,said\n{images_below(noisy)[0]},a\n,b\n")
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 cut short")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as packed:
        packed.writestr("readme.txt", "nothing")
    headstart("adapt", plain, target, "--out", "run", *QUICK).refused(*words)
    assert not (tmp_path / "run").exists()
    assert nothing_left(tmp_path)


def test_the_same_folder_twice_is_no_shift_and_all_copies(
    headstart, plain: Path, tmp_path: Path
) -> None:
    done = headstart("adapt", plain, plain, "--out", "run", *QUICK)
    assert done.status == 0, done.err
    assert "24 of 24 images of the target are copies of source images" in done.err
    section = adapted_section(tmp_path / "run")
    assert section["decision"] == "not adapted"
    assert not section["shift"]["found"]
    model = json.loads((tmp_path / "run" / "model" / "model.json").read_text("utf-8"))
    assert model["method"] == "probe"


def test_pictures_drawn_alike_are_no_shift(unadapted: hs.Run) -> None:
    section = unadapted.metrics["adaptation"]
    assert (section["decision"], section["chosen"]) == ("not adapted", "no adaptation")
    assert not section["shift"]["found"]
    assert unadapted.metrics["method"] == "probe"
    told = section["target_labels"]
    assert told["accuracy"] == told["source_only_accuracy"] > 0.9
    assert told["gain"] == 0
    assert told["decision"] == "cannot tell"
    assert (unadapted.folder / "report.html").exists()


def test_a_target_of_one_class_and_of_one_class_more(
    headstart, plain: Path, tmp_path: Path
) -> None:
    """A huge shift of what is frequent is not aligned away; a class more is answered wrong."""
    draw_folder(tmp_path / "target", 24, classes=("stripes",), seed=8)
    (tmp_path / "target" / "blank").mkdir()
    for i in range(3):
        Image.new("RGB", (96, 96), (40 * i, 90, 90)).save(tmp_path / f"target/blank/{i}.png")
    done = headstart("adapt", plain, "target", "--out", "run", *QUICK, "--target-labels", "target")
    assert done.status == 0, done.err
    section = adapted_section(tmp_path / "run")
    told = section["target_labels"]
    assert (told["n"], told["unknown"]) == (27, 3)
    assert "the source does not have: 3 of 27;" in told["sentence"]
    assert told["accuracy"] <= 24 / 27
    predicted = [r["predicted"] for r in rows_of(tmp_path / "run" / PREDICTIONS)]
    assert predicted.count("stripes") >= 22
    shares = {c["class"]: c["target"] for c in section["shift"]["prior"]["classes"]}
    assert shares["stripes"] > 0.7


# ---- where it is written ---------------------------------------------------------------------


def test_folders_within_each_other_are_refused(
    headstart, plain: Path, noisy: Path, tmp_path: Path
) -> None:
    shutil.copytree(noisy, tmp_path / "t" / "noisy")
    for out in ("t/noisy", "t/noisy/run", "t"):
        headstart("adapt", plain, "t/noisy", "--out", out, "--overwrite", *QUICK).refused(
            "lie in one another", "elsewhere"
        )
    headstart("adapt", "t/noisy", plain, "--out", "t/noisy/run", *QUICK).refused(
        "lie in one another"
    )
    assert len(images_below(tmp_path / "t" / "noisy")) == 30


def test_an_output_that_exists(headstart, plain: Path, noisy: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    headstart("adapt", plain, noisy, "--out", "out", *QUICK).refused("exists", "--overwrite")
    headstart("adapt", plain, noisy, "--out", "out", "--overwrite", *QUICK).refused(
        "not a run folder"
    )
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("kind", "fault", "status"),
    [
        ("images", OSError(28, "No space left on device"), 2),
        ("run", KeyboardInterrupt(), 130),
    ],
)
def test_a_failure_while_writing_leaves_what_was_there(
    headstart, adapted: hs.Run, unadapted: hs.Run, plain: Path, noisy: Path, tmp_path: Path,
    monkeypatch, kind: str, fault: BaseException, status: int,
) -> None:  # fmt: skip
    shutil.copytree(adapted.folder, tmp_path / "run")

    def fail(*args: object, **kwargs: object) -> None:
        raise fault

    monkeypatch.setattr("headstart.jobs.adapt.adapt.render", fail)
    source = {"images": plain, "run": unadapted.folder}[kind]
    extra = QUICK if kind == "images" else ()
    done = headstart("adapt", source, noisy, "--out", "run", "--overwrite", *extra)
    assert done.status == status, done.err
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    assert nothing_left(tmp_path)
    assert model_bytes(tmp_path / "run") == model_bytes(adapted.folder)


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_stopped_in_the_middle_leaves_nothing(plain: Path, noisy: Path, tmp_path: Path) -> None:
    command = [*HEADSTART, "adapt", str(plain), str(noisy), "--out", "run", *QUICK]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("adapting"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Stopped" in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


# ---- labels of the target --------------------------------------------------------------------


def test_labels_are_opened_after_the_choice_and_change_nothing(
    adapted: hs.Run, plain: Path, noisy: Path, tmp_path: Path, reveals: list[Any]
) -> None:
    """Right ones, and permuted ones of which one is unknown: one model, one answer, two scores."""
    files = images_below(noisy)
    names = [p.parent.name for p in files]
    mixed = names[:]
    random.Random(2).shuffle(mixed)
    mixed[0] = "unicorn"
    found = {}
    for kind, labels in {"right": names, "mixed": mixed[:20]}.items():
        rows = [{"file": str(p), "class": c} for p, c in zip(files, labels, strict=False)]
        run = hs.adapt(
            plain, noisy, out=tmp_path / kind, methods="standardisation,CORAL",
            target_labels=write_table(tmp_path / f"{kind}.csv", rows),
        )  # fmt: skip
        assert model_bytes(run.folder) == model_bytes(adapted.folder)
        said, before = ((r.folder / PREDICTIONS).read_bytes() for r in (run, adapted))
        assert said == before
        section = run.metrics["adaptation"]
        assert untold(section) == untold(adapted.metrics["adaptation"])
        assert run.metrics["estimate"] == adapted.metrics["estimate"]
        assert run.metrics["verdict"] == adapted.metrics["verdict"]
        found[kind] = section
    assert len(reveals) == 2
    assert all(isinstance(seen, Selection) for seen in reveals)

    told = found["right"]["target_labels"]
    predicted = [r["predicted"] for r in rows_of(adapted.folder / PREDICTIONS)]
    right = np.mean([p == c for p, c in zip(predicted, names, strict=True)])
    assert told["accuracy"] == pytest.approx(right)
    assert told["gain"] == pytest.approx(told["accuracy"] - told["source_only_accuracy"])
    scored = {c["name"]: c["target_accuracy"] for c in found["right"]["candidates"]}
    assert set(scored) == {"no adaptation", "standardisation", "CORAL"}
    assert told["best"]["accuracy"] == max(scored.values())
    told = found["mixed"]["target_labels"]
    assert (told["n"], told["unknown"]) == (20, 1)
    right = np.mean([p == c for p, c in zip(predicted, mixed[:20], strict=False)])
    assert told["accuracy"] == pytest.approx(right)


def test_without_a_choice_labels_stay_sealed(
    headstart, plain: Path, noisy: Path, tmp_path: Path, monkeypatch, reveals: list[Any]
) -> None:
    def fail(*args: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr(NoAdaptation, "fit", fail)
    done = headstart("adapt", plain, noisy, "--out", "run", *QUICK, "--target-labels", noisy)
    done.refused("cannot be learned")
    assert reveals == []
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", ["--target-labels", "--labelled"])
def test_labels_that_are_none(
    headstart, plain: Path, noisy: Path, tmp_path: Path, option: str
) -> None:
    """All are refused before anything is fitted."""
    first, second = images_below(noisy)[:2]
    (tmp_path / "other.csv").write_text(f"path,label\n{images_below(plain)[0]},disc\n")
    (tmp_path / "bare.csv").write_text(f"path,said\n{first},disc\n")
    (tmp_path / "blank.csv").write_text(f"path,label\n{first},\n{second},\n")
    (tmp_path / "twice.csv").write_text(f"path,label\n{first},disc\n{first},stripes\n")
    expected = {
        "other.csv": ("labels none of the 30 images", "same files"),
        "bare.csv": ("bare.csv", "no column of labels", "path, said", "label"),
        "blank.csv": ("'label' is empty in all 2 rows", "Write the class"),
        "twice.csv": ("twice.csv", "two labels, 'disc' and 'stripes'", first.name),
        "missing.csv": ("missing.csv",),
        str(plain): ("labels none of the 30 images",),
    }
    for labels, words in expected.items():
        done = headstart("adapt", plain, noisy, "--out", "run", *QUICK, option, labels)
        done.refused(*words)
        assert "adapting" not in done.err
    assert not (tmp_path / "run").exists()


def test_labels_of_images_that_cannot_be_read(
    headstart, unadapted: hs.Run, noisy: Path, tmp_path: Path
) -> None:
    shutil.copytree(noisy, tmp_path / "t")
    (tmp_path / "t" / "disc" / "bad.png").write_bytes(b"no picture")
    (tmp_path / "l.csv").write_text("path,label\nt/disc/bad.png,disc\n")
    done = headstart("adapt", unadapted.folder, "t", "--out", "run", "--target-labels", "l.csv")
    done.refused("None of the 1 labelled images of the target can be read")


# ---- proposals, and labels that are given back -----------------------------------------------


@pytest.fixture(scope="module")
def proposed(plain: Path, noisy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 12 proposals with empty labels; do not write into it."""
    out = tmp_path_factory.mktemp("runs") / "asking"
    run = hs.adapt(plain, noisy, out=out, methods="standardisation,CORAL", label_budget=12)
    assert len(run.metrics["adaptation"]["proposals"]) == 12
    return run.folder / "to_label.csv"


def fill(table: Path, to: Path, **given: str | None) -> Path:
    """Write the right class into every row, or what is given by the name of the image."""
    rows = rows_of(table)
    for row in rows:
        image = Path(row["path"])
        row["label"] = given.get(image.stem, image.parent.name) or ""
    return write_table(to, rows)


def test_proposals_are_a_table_to_fill_in(proposed: Path, noisy: Path) -> None:
    rows = rows_of(proposed)
    assert len(rows) == 12
    assert {row["label"] for row in rows} == {""}
    assert len({row["path"] for row in rows}) == 12
    assert {Path(row["path"]) for row in rows} <= {p.resolve() for p in images_below(noisy)}
    assert sum(float(row["stands_for"]) for row in rows) == pytest.approx(30)
    assert all(row["why"] for row in rows)
    assert {row["predicted"] for row in rows} <= set(KINDS)


def test_labels_given_back_decide(
    headstart, plain: Path, noisy: Path, proposed: Path, tmp_path: Path
) -> None:
    """A filled table is a sample of the target; a partly filled one what somebody picked."""
    fill(proposed, tmp_path / "filled.csv")
    some = [Path(r["path"]).stem for r in rows_of(proposed)][:4]
    fill(proposed, tmp_path / "partly.csv", **dict.fromkeys(some))
    for name, n, drawn in (("filled", 12, True), ("partly", 8, False)):
        done = headstart(
            "adapt", plain, noisy, "--out", name, *QUICK, "--labelled", f"{name}.csv",
            "--target-labels", noisy,
        )  # fmt: skip
        assert done.status == 0, done.err
        section = adapted_section(tmp_path / name)
        labelled = section["labelled"]
        assert (labelled["n"], labelled["drawn"]) == (n, drawn)
        assert section["sentence"] == labelled["sentence"]
        assert f"{n} labels of the target chose" in labelled["sentence"]
        assert labelled["chosen"] == section["chosen"]
        assert section["decision"] == (
            "not adapted" if section["chosen"] == "no adaptation" else "adapted"
        )
        low, high = labelled["accuracy_ci95"]
        assert 0 <= low <= labelled["accuracy"] <= high + 1e-9
        assert section["target_labels"]["accuracy"] > 0.8
        assert section["target_labels"]["n"] == 30 - n  # never scored on what it learned from


def test_no_score_on_what_was_learned_from(
    headstart, plain: Path, noisy: Path, proposed: Path, tmp_path: Path
) -> None:
    fill(proposed, tmp_path / "filled.csv")
    headstart(
        "adapt", plain, noisy, "--out", "run", *QUICK, "--labelled", "filled.csv",
        "--target-labels", "filled.csv",
    ).refused("no image but those that --labelled learns from")  # fmt: skip
    assert not (tmp_path / "run").exists()


def test_labels_given_back_that_the_source_lacks(
    headstart, plain: Path, noisy: Path, proposed: Path, tmp_path: Path
) -> None:
    one = Path(rows_of(proposed)[0]["path"]).stem
    fill(proposed, tmp_path / "strange.csv", **{one: "unicorn"})
    headstart("adapt", plain, noisy, "--out", "run", *QUICK, "--labelled", "strange.csv").refused(
        "unicorn", "chequers, disc, stripes"
    )
    headstart("adapt", plain, noisy, "--out", "run", *QUICK, "--labelled", proposed).refused(
        "is empty in all 12 rows"
    )
    everything = dict.fromkeys(Path(r["path"]).stem for r in rows_of(proposed)[1:])
    fill(proposed, tmp_path / "single.csv", **everything)
    headstart("adapt", plain, noisy, "--out", "run", *QUICK, "--labelled", "single.csv").refused(
        "too few to choose by"
    )
    assert not (tmp_path / "run").exists()


def test_labels_in_the_run_that_is_overwritten_are_not_lost(
    headstart, adapted: hs.Run, plain: Path, noisy: Path, proposed: Path, tmp_path: Path
) -> None:
    """The table may have been filled where it was written."""
    shutil.copytree(adapted.folder, tmp_path / "run")
    table = fill(proposed, tmp_path / "run" / "to_label.csv")
    for option in ("--labelled", "--target-labels"):
        headstart(
            "adapt", plain, noisy, "--out", "run", "--overwrite", *QUICK, option, table
        ).refused("to_label.csv", "lie in one another")
    assert table.exists()


@pytest.mark.parametrize("budget", [0, -3])
def test_a_budget_of_nothing_is_refused_at_once(
    headstart, adapted: hs.Run, plain: Path, noisy: Path, budget: int
) -> None:
    for source in (plain, adapted.folder):
        done = headstart("adapt", source, noisy, "--out", "run", "--label-budget", budget)
        done.refused("--label-budget")
        assert "embedding" not in done.err


# ---- other mistakes --------------------------------------------------------------------------


def test_methods_that_are_none(headstart, plain: Path, noisy: Path) -> None:
    headstart("adapt", plain, noisy, "--methods", "COREL").refused("COREL", "CORAL")
    headstart("adapt", plain, noisy, "--methods", "CORAL,nonsense").refused("nonsense")
    headstart("adapt", plain, noisy, "--methods", ",").refused("--methods")


def test_sources_that_cannot_be_learned(headstart, noisy: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for folder, per_class in (("one", {"disc": 6}), ("two", {"disc": 1, "stripes": 1})):
        for name, n in per_class.items():
            (tmp_path / folder / name).mkdir(parents=True)
            for i in range(n):
                draw(KINDS.index(name), rng).save(tmp_path / folder / name / f"{i}.png")
    headstart("adapt", "one", noisy, "--out", "run", *QUICK).refused("class")
    headstart("adapt", "two", noisy, "--out", "run", *QUICK).refused("class")
    headstart("adapt", "nowhere", noisy, "--out", "run", *QUICK).refused("nowhere")
    assert not (tmp_path / "run").exists()


# ---- a run folder as the source --------------------------------------------------------------


def test_from_a_run_without_its_images(
    headstart, unadapted: hs.Run, noisy: Path, tmp_path: Path, reveals: list[Any]
) -> None:
    done = headstart("adapt", unadapted.folder, noisy, "--out", "run", "--target-labels", noisy)
    assert done.status == 0, done.err
    run = tmp_path / "run"
    assert nothing_left(tmp_path)
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    before = json.loads((unadapted.folder / "metrics.json").read_text("utf-8"))
    section = metrics["adaptation"]
    assert metrics["estimate"] == before["estimate"]
    assert section["source"] == {"name": "unadapted", "n": 24}
    assert section["shift"] is None
    assert section["target_labels"]["n"] == 30
    assert [c["name"] for c in section["candidates"] if c["chosen"]] == [section["chosen"]]
    assert [type(seen) for seen in reveals] == [Selected]
    assert metrics["method"] == ("adapt" if section["decision"] == "adapted" else "probe")
    rows = rows_of(run / PREDICTIONS)
    assert [r["path"] for r in rows] == [
        p.relative_to(noisy).as_posix() for p in images_below(noisy)
    ]
    right = np.mean([r["predicted"] == r["path"].split("/")[0] for r in rows])
    assert right == pytest.approx(section["target_labels"]["accuracy"])
    assert headstart("predict", "run", noisy, "--out", "again.csv").status == 0
    again = [r["predicted"] for r in rows_of(tmp_path / "again.csv")]
    assert again == [r["predicted"] for r in rows]
    assert 'id="adaptation"' in (run / "report.html").read_text("utf-8")

    # Labels of any kind leave the answers as they are.
    files = images_below(noisy)
    wrong = [{"path": str(p), "label": KINDS[i % 3]} for i, p in enumerate(files)]
    table = write_table(tmp_path / "wrong.csv", wrong)
    assert (
        headstart("adapt", unadapted.folder, noisy, "--out", "w", "--target-labels", table).status
        == 0
    )
    assert (tmp_path / "w" / PREDICTIONS).read_bytes() == (run / PREDICTIONS).read_bytes()
    assert model_bytes(tmp_path / "w") == model_bytes(run)
    assert untold(adapted_section(tmp_path / "w")) == untold(section)


def test_a_run_that_was_adapted_can_be_adapted_again(
    adapted: hs.Run, noisy: Path, tmp_path: Path
) -> None:
    again = hs.adapt(adapted.folder, noisy, out=tmp_path / "again")
    assert again.metrics["adaptation"]["source"]["name"] == "adapted"
    assert (tmp_path / "again" / "report.html").exists()


def test_options_that_need_images_are_refused_for_a_run(
    headstart, unadapted: hs.Run, noisy: Path, tmp_path: Path
) -> None:
    labels = labels_of(noisy, tmp_path / "labels.csv")
    for option in (
        ("--label-budget", 3), ("--labelled", labels), ("--networks",), ("--methods", "CORAL"),
        ("--size", 64), ("--balanced",), ("--groups-from", "(.)"),
    ):  # fmt: skip
        headstart("adapt", unadapted.folder, noisy, *option).refused(
            str(option[0]), "run folder", "labelled examples"
        )
    headstart("adapt", unadapted.folder, noisy, "--out", unadapted.folder, "--overwrite").refused(
        "lie in one another"
    )
    assert not (tmp_path / "runs").exists()


def test_a_run_that_keeps_too_little(
    headstart, unadapted: hs.Run, noisy: Path, tmp_path: Path
) -> None:
    """As runs of earlier versions."""
    shutil.copytree(unadapted.folder, tmp_path / "old")
    loaded = hs.load(tmp_path / "old")
    (tmp_path / "old" / "model").rename(tmp_path / "model")
    save_with_head(
        tmp_path / "model", tmp_path / "old" / "model", replace(loaded.saved.model, moments=None)
    )
    headstart("adapt", "old", noisy, "--out", "run").refused("keeps nothing", "Train it again")


def test_from_a_fine_tuned_run(plain: Path, noisy: Path, tmp_path: Path) -> None:
    """The target is seen by the network that was tuned."""
    tuned = hs.train(
        plain, out=tmp_path / "tuned", method="finetune", epochs=1, unfreeze="3", size=64
    )
    run = hs.adapt(tuned.folder, noisy, out=tmp_path / "run", target_labels=noisy)
    section = run.metrics["adaptation"]
    said = [p.predicted for p in run.predict(noisy)]
    assert said == [r["predicted"] for r in rows_of(run.folder / PREDICTIONS)]
    before = [p.predicted == Path(p.path).parent.name for p in tuned.predict(noisy)]
    assert section["target_labels"]["source_only_accuracy"] == pytest.approx(np.mean(before))
