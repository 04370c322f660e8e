"""predict answers for texts, however they come: in memory, in tables, in pieces, on the line."""

from __future__ import annotations

import csv
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

import headstart as hs
from headstart.data import pieces

GOOD, BAD = ("good", "fast", "tasty", "friendly"), ("bad", "slow", "cold", "rude")


def review(kind: str, rng: random.Random) -> str:
    words = rng.choices(GOOD if kind == "good" else BAD, k=5)
    return f"the food was {' and '.join(words)} at table {rng.randrange(999)}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, rng = tmp_path_factory.mktemp("world"), random.Random(0)
    rows = [(review(kind, rng), kind, "note") for kind in ("good", "bad") * 20]
    with (root / "train.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("opinion", "label", "text"), *rows])
    new = [(str(i), "a word", review("good" if i % 2 else "bad", rng)) for i in range(11)]
    with (root / "new.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "text", "opinion"), *new, new[0], ("11", "x", "")])
    return root


@pytest.fixture(scope="module")
def run(world: Path, tiny_bert: str) -> hs.Run:
    return hs.train(world / "train.csv", x="opinion", backbone=tiny_bert, out=world / "run")


def close(one: hs.Prediction, other: hs.Prediction) -> bool:
    same = replace(one, confidence=None, probabilities=None)
    assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    return same == replace(other, confidence=None, probabilities=None)


def test_the_column_of_training_is_read_again(run: hs.Run, world: Path) -> None:
    assert run.column == "opinion"
    found = run.predict(world / "new.csv")
    assert [p.path for p in found] == [f"row {i}" for i in range(2, 15)]
    assert [p.error for p in found][-1] == "an empty text"
    assert close(replace(found[11], path="row 2"), found[0])  # the same text


def test_strings_are_texts_and_paths_are_named(run: hs.Run, world: Path) -> None:
    with (world / "new.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["opinion"] for row in csv.DictReader(file)][:3]
    of_table = run.predict(world / "new.csv")[:3]
    of_texts = run.predict(texts)
    assert [p.path for p in of_texts] == ["text 1", "text 2", "text 3"]
    for one, other in zip(of_texts, of_table, strict=True):
        assert close(replace(one, path=other.path), other)
    assert close(run.predict(texts[0])[0], of_texts[0])
    assert len(run.predict(str(world / "new.csv"), strings=False)) == 13
    with pytest.raises(hs.DataError, match="is the name of a file"):
        run.predict(str(world / "new.csv"))


def test_pieces_answer_as_the_whole(
    run: hs.Run, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run.predict(world / "new.csv")
    monkeypatch.setattr(pieces, "SIZE", 4)
    heard: list[hs.Event] = []
    found = run.stream(world / "new.csv", on_event=heard.append)
    assert all(close(*pair) for pair in zip(found, whole, strict=True))
    told = [(e.done, e.total) for e in heard if e.total == 13]
    assert told == sorted(told)
    assert told[-1] == (13, 13)


def test_on_the_command_line(headstart, run: hs.Run, world: Path) -> None:
    found = headstart(
        "predict", run.folder, "--text", "good and tasty", "--text", "", "--json"
    ).json()
    assert [row["path"] for row in found["predictions"]] == ["text 1", "text 2"]
    assert found["predictions"][1]["error"] == "an empty text"
    printed = headstart("predict", run.folder, world / "new.csv")
    assert printed.out.count("\n") == 14
    assert "1 of 13 inputs cannot be read (first: row 14: an empty text)" in printed.err
    both = headstart("predict", run.folder, world / "new.csv", "--json", "--out", world / "a.jsonl")
    lines = (world / "a.jsonl").read_text("utf-8").splitlines()
    assert both.json()["predictions"] == [json.loads(line) for line in lines]
    headstart("predict", run.folder).refused("nothing to predict")
    headstart("predict", run.folder, "new.csv", "--text", "x").refused("stands beside 'new.csv'")


def test_nothing_is_left_of_a_file_that_fails_half_way(
    headstart, run: hs.Run, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "SIZE", 4)
    (world / "bad.csv").write_text("opinion,n\n" + ",1\n" * 9)
    for how in ([], ["--json"], ["--out", world / "b.csv"]):
        headstart("predict", run.folder, world / "bad.csv", *how).refused(
            "None of the 9 inputs can be read", "and 6 more"
        )
    assert not (world / "b.csv").exists()
    assert not list(world.glob(".headstart*"))


def test_a_model_of_images_takes_no_texts(headstart, run_folder: Path) -> None:
    headstart("predict", run_folder, "--text", "a cat").refused("this model takes images")
