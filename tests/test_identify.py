"""Runs that know who is who: trained, asked, compared, enrolled and forgotten, as users do it."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import headstart as hs
from conftest import draw_folder, draw_log
from headstart.errors import ArtifactError, ConfigError, DataError
from headstart.folder.recogniser import load_recogniser

DIM, EACH = 12, 5
PEOPLE = ("Anna", "Bo", "Chen 晨", "Dee", "Eve", "Finn", "=cmd|' /C", "Gus")


def write_rows(path: Path, vectors: np.ndarray, names: list[str]) -> Path:
    columns = [f"v{k}" for k in range(vectors.shape[1])]
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow([*columns, "who"])
        for vector, name in zip(vectors, names, strict=True):
            table.writerow([*(repr(float(v)) for v in vector), name])
    return path


@pytest.fixture(scope="module")
def centres() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=DIM) * 3 for name in (*PEOPLE, "Stranger")}


def seen(centres: dict[str, np.ndarray], name: str, n: int, seed: int = 0) -> np.ndarray:
    return centres[name] + np.random.default_rng([seed, n]).normal(0, 0.3, (n, DIM))


@pytest.fixture(scope="module")
def rows(centres: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    names = [name for name in PEOPLE for _ in range(EACH)]
    vectors = [seen(centres, name, EACH, k) for k, name in enumerate(PEOPLE)]
    return write_rows(folder / "people.csv", np.concatenate(vectors), names)


COLUMNS = ",".join(f"v{k}" for k in range(DIM))


@pytest.fixture(scope="module")
def made(rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "people"
    run = hs.train(rows, x=COLUMNS, y="who", task="identify", out=out)
    assert isinstance(run, hs.IdentifyRun)
    return run.folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> hs.IdentifyRun:
    """A copy that may be changed."""
    return hs.IdentifyRun(shutil.copytree(made, tmp_path / "people"))


def ask(run: hs.IdentifyRun, vectors: np.ndarray) -> list[hs.Identified]:
    return run.predict(vectors.astype(np.float32))


def test_who_is_known_is_named_and_a_stranger_is_nobody(
    made: Path, centres: dict[str, np.ndarray]
) -> None:
    run = hs.IdentifyRun(made)
    for name in PEOPLE:
        [found] = ask(run, seen(centres, name, 1, 99))
        assert (found.predicted, found.unfamiliar, found.nearest) == (name, False, name)
        assert found.similarity > found.second_similarity
    [nobody] = ask(run, seen(centres, "Stranger", 1))
    assert (nobody.predicted, nobody.unfamiliar) == ("", True)
    assert nobody.nearest in PEOPLE


def test_its_numbers_are_those_of_a_clean_set(made: Path) -> None:
    found = hs.IdentifyRun(made).metrics
    assert found["verification"]["equal_error"]["rate"] < 0.02
    assert [row["k"] for row in found["identification"]] == [1, 2]
    assert all(row["rate"] > 0.95 for row in found["identification"])
    assert found["strangers"]["keeping"]["rate"] > 0.9
    assert found["verdict"] is None  # rows of numbers have no network that learned
    assert found["data"]["identities"] == len(PEOPLE)


def test_two_are_compared_whether_anyone_knows_them(
    made: Path, centres: dict[str, np.ndarray], tmp_path: Path, headstart
) -> None:
    files = [
        write_rows(tmp_path / f"{k}.csv", vectors, ["?"])
        for k, vectors in enumerate(
            (
                seen(centres, "Stranger", 1, 1),
                seen(centres, "Stranger", 1, 2),
                seen(centres, "Bo", 1, 3),
            )
        )
    ]
    same = headstart("compare", made, files[0], files[1], "--json").json()
    assert same["same"]
    assert same["similarity"] >= same["threshold"]
    told = headstart("compare", made, files[0], files[2])
    assert "Not the same" in told.err
    assert "the same: similarity" in headstart("compare", made, *files[:2]).err.lower()
    headstart("compare", made, files[0], tmp_path / "none.csv").refused("none.csv")
    many = write_rows(tmp_path / "many.csv", seen(centres, "Bo", 2), ["?", "?"])
    headstart("compare", made, files[0], many).refused("one was expected")


def test_one_example_of_each_is_enough_to_know_them_but_not_to_judge(
    centres: dict[str, np.ndarray], tmp_path: Path, headstart
) -> None:
    vectors = np.concatenate([seen(centres, name, 1) for name in PEOPLE])
    table = write_rows(tmp_path / "one.csv", vectors, list(PEOPLE))
    out = tmp_path / "run"
    line = ("train", table, "--x", COLUMNS, "--y", "who", "--task", "identify", "--out", out)
    told = headstart(*line)
    assert told.status == 0, told.err
    assert "cannot be told" in told.err
    found = hs.IdentifyRun(out)
    assert found.metrics["identification"] == []
    assert found.metrics["verification"]["equal_error"] is None
    [known] = ask(found, seen(centres, "Dee", 1, 7))
    assert known.predicted == "Dee"
    assert "<h2" in (out / "report.html").read_text("utf-8")


def test_enrolling_makes_a_stranger_known(
    run: hs.IdentifyRun, centres: dict[str, np.ndarray], tmp_path: Path, headstart
) -> None:
    table = write_rows(tmp_path / "new.csv", seen(centres, "Stranger", 2), ["?"] * 2)
    told = headstart("enrol", run.folder, "Stranger", table)
    assert told.status == 0, told.err
    assert "'Stranger' is known by 2 rows" in told.err
    again = hs.IdentifyRun(run.folder)
    assert ask(again, seen(centres, "Stranger", 1, 9))[0].predicted == "Stranger"
    assert again.metrics["enrolled"]["identities"] == len(PEOPLE) + 1
    assert f"{len(PEOPLE) + 1} names" in (run.folder / "report.html").read_text("utf-8")
    told = headstart("enrol", run.folder, "Someone", table)
    assert "looks like 'Stranger'" in told.err


def test_enrolling_what_cannot_be_read_changes_nothing(
    run: hs.IdentifyRun, tmp_path: Path, headstart
) -> None:
    before = {p: p.read_bytes() for p in run.folder.rglob("*") if p.is_file()}
    bad = tmp_path / "bad.csv"
    bad.write_text("v0,v1\n1,2\n")
    headstart("enrol", run.folder, "Bo", bad).refused()
    headstart("enrol", run.folder, " ", bad).refused("empty")
    headstart("enrol", run.folder, "Bo").refused("--forget NAME")
    headstart("enrol", run.folder, "Bo", bad, "--forget", "Anna").refused("calls of their own")
    headstart("enrol", run.folder, "--forget", "Nobody").refused("knows no 'Nobody'")
    assert {p: p.read_bytes() for p in run.folder.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("name", ["Anna", "Chen 晨", "=cmd|' /C"])
def test_who_is_forgotten_leaves_no_vector_and_no_name(
    run: hs.IdentifyRun, centres: dict[str, np.ndarray], rows: Path, name: str, headstart
) -> None:
    model = load_recogniser(run.folder / "model")
    template = model.gallery.templates[model.gallery.names.index(name)]
    assert _holds(run.folder, template)
    assert headstart("enrol", run.folder, "--forget", name).status == 0
    assert not _holds(run.folder, template)
    with rows.open(encoding="utf-8", newline="") as opened:
        own = [list(map(float, row[:DIM])) for row in csv.reader(opened) if row[DIM] == name]
    for vector in own:
        unit = np.array(vector) / np.linalg.norm(vector)
        assert not _holds(run.folder, np.array(vector, np.float32))
        assert not _holds(run.folder, unit.astype(np.float32))
    told = json.dumps(name, ensure_ascii=False)[1:-1]
    for path in run.folder.rglob("*"):
        if path.suffix in (".json", ".csv"):
            assert told not in path.read_text("utf-8"), path
            assert not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", path.read_text("utf-8")), path
    again = hs.IdentifyRun(run.folder)
    assert name not in again.classes
    assert ask(again, seen(centres, name, 1, 5))[0].predicted != name
    assert len(again.metrics["per_identity"]) == len(PEOPLE) - 1


def _holds(folder: Path, vector: np.ndarray) -> bool:
    """Search all bytes of a run for any four numbers of a vector in a row, in either precision."""
    texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    for kind in (np.float32, np.float64, np.float16):
        raw = np.ascontiguousarray(vector, kind).tobytes()
        width = 4 * np.dtype(kind).itemsize
        pieces = [raw[k : k + width] for k in range(0, len(raw) - width + 1, width)]
        if any(piece in text for piece in pieces for text in texts):
            return True
    return False


def test_predictions_are_written_streamed_and_resumed_like_others(
    made: Path, rows: Path, tmp_path: Path, headstart
) -> None:
    out = tmp_path / "answers.csv"
    assert headstart("predict", made, rows, "--out", out).status == 0
    with out.open(encoding="utf-8", newline="") as opened:
        answers = list(csv.DictReader(opened))
    assert list(answers[0]) == [
        *("path", "predicted", "similarity", "nearest", "second", "second_similarity"),
        *("unfamiliar", "note", "error"),
    ]
    right = sum(row["predicted"].lstrip("'") == PEOPLE[k // EACH] for k, row in enumerate(answers))
    assert right >= 0.9 * len(answers)
    headstart("predict", made, rows, "--adapt", "statistics").refused("gallery")


def test_evaluate_counts_the_known_and_strangers(
    made: Path, centres: dict[str, np.ndarray], tmp_path: Path, headstart
) -> None:
    vectors = np.concatenate([seen(centres, "Bo", 3, 5), seen(centres, "Stranger", 4, 6)])
    table = write_rows(tmp_path / "new.csv", vectors, ["Bo"] * 3 + ["X"] * 4)
    found = headstart("evaluate", made, table, "--y", "who", "--json").json()
    assert (found["known"], found["right"], found["strangers"]) == (3, 3, 4)
    assert found["accepted"] == 0
    assert "of 4 strangers 0" in headstart("evaluate", made, table, "--y", "who").err


def test_a_test_part_is_judged_by_itself(centres: dict[str, np.ndarray], tmp_path: Path) -> None:
    names = [name for name in PEOPLE for _ in range(4)]
    vectors = np.concatenate([seen(centres, name, 4, k) for k, name in enumerate(PEOPLE)])
    table = write_rows(tmp_path / "people.csv", vectors, names)
    lines = table.read_text("utf-8").splitlines()
    marks = ["split", *(("train", "train", "train", "test")[k % 4] for k in range(len(names)))]
    table.write_text(
        "\n".join(f"{a},{b}" for a, b in zip(lines, marks, strict=True)) + "\n", "utf-8"
    )
    run = hs.train(table, x=COLUMNS, y="who", task="identify", out=tmp_path / "run")
    assert run.metrics["data"]["test"] == len(PEOPLE)
    assert run.metrics["test"]["known"] == len(PEOPLE)
    assert run.metrics["test"]["right"] >= len(PEOPLE) - 1
    assert run.saved.gallery.counts.tolist() == [3] * len(PEOPLE)


def test_photos_are_judged_against_rivals_and_shown_only_when_asked(
    small: str, tmp_path: Path, headstart
) -> None:
    photos = draw_folder(tmp_path / "people", 4, ("Ann", "Ben", "Cat"))
    line = ("train", photos, "--task", "identify", "--backbone", small)
    told = headstart(*line, "--out", tmp_path / "run")
    assert told.status == 0, told.err
    assert "needs their consent" in told.err
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "data:image/jpeg" not in page
    assert "consent" in page
    run = hs.IdentifyRun(tmp_path / "run")
    assert {row["name"] for row in run.metrics["compared"]} >= {"small pixels"}
    assert run.metrics["verdict"]["metric"] == "recognition_rate"
    assert headstart(*line, "--out", tmp_path / "shown", "--pictures").status == 0
    assert "data:image/jpeg" in (tmp_path / "shown" / "report.html").read_text("utf-8")
    run = hs.IdentifyRun(tmp_path / "shown")
    run.forget("Ann")
    shown = json.loads((run.folder / "pictures.json").read_text("utf-8"))
    labels = {
        one["label"] for part in ("same", "different") for p in shown[part] for one in p["two"]
    }
    assert labels <= {"Ben", "Cat"}
    assert run.report().exists()
    assert "Ann" not in run._repr_html_()


def test_options_that_train_or_weigh_are_refused(rows: Path, photos: Path) -> None:
    for more in (
        {"method": "finetune"},
        {"budget": "5m"},
        {"abstain": 0.1},
        {"balanced": True},
        {"layer": "auto"},
        {"epochs": 3, "method": "auto"},
    ):
        with pytest.raises(ConfigError):
            hs.train(rows, x=COLUMNS, y="who", task="identify", **more)
    for rate in (0.0, 1.0):
        with pytest.raises(ConfigError, match="false-accepts"):
            hs.train(rows, x=COLUMNS, y="who", task="identify", false_accepts=rate)
    with pytest.raises(ConfigError, match="--task identify"):
        hs.train(photos, pictures=True)
    with pytest.raises(ConfigError, match="--task identify"):
        hs.train(photos, false_accepts=0.1)
    with pytest.raises(ConfigError, match="headstart train"):
        hs.check(photos, task="identify")


def test_nobody_takes_it_for_another_kind_of_run(
    made: Path, run_folder: Path, tmp_path: Path, headstart
) -> None:
    with pytest.raises(ArtifactError, match="IdentifyRun"):
        hs.Run(made)
    with pytest.raises(ArtifactError, match="who is who"):
        hs.IdentifyRun(run_folder)
    headstart("compare", run_folder, "a", "b").refused("--task identify")
    draw_log(tmp_path / "log.csv", seed=0, prefix="i")
    hs.recommend(tmp_path / "log.csv", out=tmp_path / "shop")
    headstart("enrol", tmp_path / "shop", "A", "b").refused("`recommend`", "RecommendRun")
    headstart("export", made).refused("IdentifyRun")
    headstart("serve", made).refused("IdentifyRun")
    headstart("push", made, "someone/people").refused("IdentifyRun")
    assert isinstance(hs.load(made), hs.IdentifyRun)


def test_a_gallery_that_was_changed_is_refused(run: hs.IdentifyRun) -> None:
    path = run.folder / "model" / "model.json"
    path.write_text(path.read_text("utf-8").replace('"Bo"', '"Me"'), "utf-8")
    with pytest.raises(ArtifactError, match="checksum"):
        hs.IdentifyRun(run.folder)


def test_one_name_is_not_enough(tmp_path: Path) -> None:
    table = write_rows(tmp_path / "one.csv", np.eye(DIM)[:3], ["A"] * 3)
    with pytest.raises(DataError, match="only one class"):
        hs.train(table, x=COLUMNS, y="who", task="identify")
