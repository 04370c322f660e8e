"""Texts through the whole command, where counts of words say what an unread network does not."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headstart
from headstart.data.items import Examples, Memory
from headstart.errors import ConfigError
from headstart.features.engines import Kitchen
from headstart.judge.explain import explain, integrity
from headstart.judge.maps import embedder
from headstart.machine import cache_folder
from headstart.modalities.text import TextModality
from headstart.modalities.text.baselines import CHARACTERS, RIVALS, WORDS
from headstart.modalities.text.digest import digest

PRAISE, BLAME = ("kind", "clean", "quiet", "warm"), ("rude", "dirty", "noisy", "cold")
PLAIN = ("the", "a", "was", "at", "and", "near", "bed", "desk", "room", "staff", "street", "view")


def reviews(n: int) -> list[tuple[str, str]]:
    draw = random.Random(0)
    found = []
    for i in range(n):
        said = draw.choices(PLAIN, k=7) + draw.choices((PRAISE, BLAME)[i % 2], k=2)
        draw.shuffle(said)
        found.append((" ".join(said), ("good", "bad")[i % 2]))
    return found


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reviews") / "reviews.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("review", "label"), *reviews(80)])
    return path


@pytest.fixture(scope="module")
def run(table: Path, tiny_bert: str, tmp_path_factory: pytest.TempPathFactory) -> headstart.Run:
    out = tmp_path_factory.mktemp("runs") / "mixed"
    return headstart.train(table, backbone=tiny_bert, modality="text", out=out)


def metrics(run: headstart.Run) -> dict[str, Any]:
    return json.loads((run.folder / "metrics.json").read_text("utf-8"))


def test_auto_puts_counts_beside_vectors_that_say_little(run):
    found = metrics(run)
    assert found["method"] == "mix"
    rivals = {row["name"]: row["accuracy"] for row in found["baselines"]}
    assert rivals[WORDS] > 0.8
    assert rivals[CHARACTERS] > 0.8
    assert {line["name"]: line["chosen"] for line in found["candidates"]} == {
        "probe": False,
        "mix": True,
    }
    assert found["estimate"]["accuracy"] > 0.8
    assert "makes the answers clearly better" in found["choice"]["sentence"]
    assert found["verdict"]["decision"] != "helps"  # the network was never trained


def test_one_text_and_many_are_answered_alike_as_is_the_model_in_memory(run):
    texts = [t.encode() for t in ("a kind warm desk", "the rude cold night", "🙂", "干净 安静")]
    many = run.predict(texts)
    assert [p.predicted for p in many[:2]] == ["good", "bad"]
    alone = [run.predict([text])[0] for text in texts]
    again = headstart.Run(run.folder).predict(texts)
    for a, b, c in zip(many, alone, again, strict=True):
        assert a.confidence == pytest.approx(b.confidence, abs=1e-6)
        assert a.confidence == c.confidence


def test_what_cannot_be_read_is_named_among_what_can(run):
    found = run.predict([b"a kind warm desk", b"\x00\xff\x00\xfe", b"the rude cold night"])
    assert [bool(p.error) for p in found] == [False, True, False]
    assert [p.predicted for p in found] == ["good", "", "bad"]


def test_it_is_explained_by_what_is_counted(run):
    texts = [b"the staff was kind and clean", b"a rude bed at the cold street"]
    examples = Examples(("0", "1"), Memory(tuple(texts), kind="cell"), run.modality)
    engine = Kitchen(cache_folder(), 1).engine(run.saved.backbone)
    network, model = embedder(engine, 1), run.saved.model
    found = explain(examples, [0, 1], model, network)
    marked = [[p for p, w in zip(e.seen.pieces, e.weight, strict=True) if w > 0.5] for e in found]
    assert {word.strip() for words in marked for word in words} <= {*PRAISE, *BLAME}
    assert [model.classes[e.target] for e in found] == ["good", "bad"]
    tested = integrity(found, model, network, run.modality)
    assert tested["covered_drop"] > tested["elsewhere_drop"]


def test_vectors_alone_are_not_adapted(run):
    with pytest.raises(ConfigError, match="only vectors can be adapted") as refused:
        run.predict([b"a kind warm desk"], adapt="statistics")
    assert "--method probe" in refused.value.hint


@pytest.mark.parametrize("budget", [None, 1.0], ids=["no budget", "a short one"])
def test_a_test_set_is_answered_by_the_mixture(table, budget, tiny_bert, tmp_path):
    rows = [("review", "label", "split")]
    rows += [(*row, "train" if i < 56 else "test") for i, row in enumerate(reviews(80))]
    path = tmp_path / "split.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    out = tmp_path / "run"
    run = headstart.train(path, backbone=tiny_bert, modality="text", out=out, budget=budget)
    found = metrics(run)
    assert found["method"] == "mix"
    assert found["n"]["test"] == 24
    assert found["estimate"]["accuracy"] > 0.7
    assert [line["name"] for line in found["candidates"] if line["chosen"]] == ["mix"]
    with (run.folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        held = list(csv.DictReader(file))
    said = [p.predicted for p in run.predict([reviews(80)[i][0].encode() for i in range(56, 80)])]
    assert [row["predicted"] for row in held] == said  # one model, whoever asks


def test_where_nothing_is_counted_it_is_refused(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b,label\n" + "".join(f"{i},{-i},{'xy'[i % 2]}\n" for i in range(40)))
    with pytest.raises(ConfigError, match="of rows nothing is counted") as refused:
        headstart.train(path, method="mix", out=tmp_path / "none")
    assert "--method probe" in refused.value.hint
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", [WORDS, CHARACTERS])
def test_a_text_is_counted_by_itself(name):
    texts = [digest(t) for t in ("Kind staff, clean room!", "很好吃，下次再来", "", "x" * 500)]
    together = RIVALS[name].describe(texts)
    assert (together.data >= 1).all()
    for i, one in enumerate(texts):
        alone = RIVALS[name].describe([one])
        assert (alone != together[[i]]).nnz == 0
    assert TextModality().beside in RIVALS


def test_case_and_width_do_not_count():
    wide, plain = (RIVALS[WORDS].describe([digest(t)]) for t in ("ＧＯＯＤ food", "good FOOD"))
    assert (wide != plain).nnz == 0


def test_a_share_of_columns_is_shared_by_chance_alone():
    words = RIVALS[WORDS].describe([digest(" ".join(f"w{i}" for i in range(3000)))])
    assert np.diff(words.indptr)[0] >= 5990  # of 3,000 words and 2,999 pairs
