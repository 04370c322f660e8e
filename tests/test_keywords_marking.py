"""Marking words: what is learned from gold keywords when the network reads whole documents."""

from __future__ import annotations

import csv
import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headstart as hs
from conftest import draw_documents, write_jsonl
from headstart.backbones import resolve
from headstart.cli import run as run_command
from headstart.errors import ArtifactError, DataError
from headstart.features.engines import Kitchen
from headstart.folder.extractor import load_extractor, save_extractor
from headstart.machine import Machine
from headstart.phrases.cutting import cut
from headstart.phrases.extractor import Settings, mixed
from headstart.phrases.marking import READ, Marking, Words, marks, odds
from headstart.phrases.trial import FIXED, METHODS, OURS, TRAINED, Judged, Trial
from headstart.phrases.vectors import Vectors

TEXT = "Deep neural networks learn. Graph networks and deep neural networks differ from trees."
TAGS = ("O", "B-KEY", "I-KEY")


def test_the_longer_of_two_gold_keywords_is_marked_wherever_it_stands() -> None:
    each, words = cut(TEXT, "en", parts=True), Words.of(TEXT, "en")
    keys = {one.text: one.key for one in each.phrases}
    found = marks(words, each, {keys["Deep neural networks"], keys["neural networks"]})
    marked = [word for word, mark in zip(words.tokens, found, strict=True) if mark != "O"]
    assert marked == ["Deep", "neural", "networks", "deep", "neural", "networks"]
    assert [m for m in found if m != "O"] == ["B-KEY", "I-KEY", "I-KEY"] * 2
    assert set(marks(words, each, set())) == {"O"}


def test_chinese_words_are_marked_and_long_documents_to_a_bound() -> None:
    text = "我们训练了卷积神经网络。"
    each, words = cut(text, "zh", parts=True), Words.of(text, "zh")
    key = next(one.key for one in each.phrases if one.text == "神经网络")
    found = marks(words, each, {key})
    assert "".join(w for w, m in zip(words.tokens, found, strict=True) if m != "O") == "神经网络"
    assert len(Words.of("word " * 5_000, "en").tokens) == READ


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_odds_are_those_of_the_formula(seed: int) -> None:
    each, words = cut(TEXT, "en", parts=True), Words.of(TEXT, "en")
    P = np.random.default_rng(seed).dirichlet(np.ones(3), len(words.tokens))
    found = odds(np.log(P), TAGS, words, each)
    for phrase, one in zip(each.phrases, found, strict=True):
        likely = []
        for i, j in words.places(phrase):
            p = P[i, 1] * np.prod(P[i + 1 : j + 1, 2])
            likely.append(p * (1 - P[j + 1, 2]) if j + 1 < len(P) else p)
        best = np.clip(max(likely), 1e-6, 1 - 1e-6)
        assert one == pytest.approx(np.log(best / (1 - best)), abs=1e-3)


def test_a_phrase_that_was_not_read_is_neither_praised_nor_blamed() -> None:
    text = TEXT + " Plain words." * READ + " Rare ending."
    each, words = cut(text, "en", parts=True), Words.of(text, "en")
    scores = np.log(np.random.default_rng(0).dirichlet(np.ones(3), READ))
    found = odds(scores, TAGS, words, each)
    there = [bool(words.places(one)) for one in each.phrases]
    assert not there[-1] and found[-1] == np.median(found[np.array(there)])
    none = odds(scores[:, :1], TAGS[:1], words, each)  # no word was ever marked
    assert np.isfinite(none).all()
    same = np.full(3, 0.2)
    assert (np.diff(mixed(same, np.array([-3.0, 0.0, 3.0]))) > 0).all()


def among_many(n: int = 30) -> list[dict[str, object]]:
    """Draw texts of many phrases, two of which are gold, by their words and not by their place."""
    rng = np.random.default_rng(0)
    found: list[dict[str, object]] = []
    for k in range(n):
        gold = [f"graph {word}" for word in rng.permutation(["network", "kernel", "colour"])[:2]]
        others = [
            f"{a} {b}{k}" for a in ("plain", "grey", "old", "wet") for b in ("box", "tin", "mat")
        ]
        order = rng.permutation([*gold, *others])
        found.append({"text": " and the ".join(order) + ".", "keywords": gold})
    return found


@pytest.fixture(scope="module")
def trained(tiny_bert: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose network was trained to mark words; do not write into it."""
    folder = tmp_path_factory.mktemp("marking")
    data = write_jsonl(folder / "papers.jsonl", among_many())
    line = ["keywords", data, "--gold", "keywords", "--backbone", tiny_bert, "--method", "finetune"]
    assert run_command([*map(str, line), "--language", "en", "--out", str(folder / "run")]) == 0
    return folder / "run"


def test_a_trained_network_is_judged_beside_the_frozen_one(trained: Path) -> None:
    found = hs.KeywordRun(trained).metrics
    names = [row["name"] for row in found["scores"]]
    assert names[0] == TRAINED and set(names[1:3]) == {OURS, FIXED}
    verdict = found["verdict"]
    assert verdict["way"] == TRAINED
    scores = {row["name"]: row["f1_10"] for row in found["scores"]}
    assert verdict["training"]["gain"] == pytest.approx(scores[TRAINED] - scores[OURS])
    with (trained / "history.csv").open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    assert {row["fit"] for row in rows} >= {f"finetune / fold {k}" for k in range(1, 6)}
    assert {row["split"] for row in rows} == {"training", "validation"}
    page = (trained / "report.html").read_text("utf-8")
    assert "How was the network trained?" in page
    assert TRAINED in page


def test_what_was_kept_answers_as_it_did_and_is_held_to_its_checksum(
    trained: Path, tmp_path: Path
) -> None:
    run = hs.KeywordRun(trained)
    texts = [str(row["text"]) for row in among_many()]
    with (trained / "keywords.csv").open(encoding="utf-8", newline="") as opened:
        before = [row["keywords"] for row in csv.DictReader(opened)]
    assert ["; ".join(one.keywords) for one in run.predict(texts)] == before
    described = json.loads((trained / "model" / "model.json").read_text("utf-8"))
    assert described["marked"] == run.metrics["model"]["marked"]
    assert described["marked"] in ("finetune", "probe")
    copy = Path(shutil.copytree(trained, tmp_path / "copy"))
    assert "marker/tagger.safetensors" in described["files"]
    (copy / "model" / "marker" / "tagger.safetensors").write_bytes(b"x")
    with pytest.raises(ArtifactError, match="checksum"):
        hs.KeywordRun(copy)


@pytest.mark.parametrize("method", ["probe", "finetune"])
def test_a_marker_is_read_as_it_was_written(method: str, tiny_bert: str, tmp_path: Path) -> None:
    rows = [
        Judged(str(k), str(r["text"]), tuple(r["keywords"])) for k, r in enumerate(among_many())
    ]
    ref, machine = resolve(tiny_bert), Machine.here("cpu")
    engine = Kitchen(tmp_path, 1).engine(ref)
    reader = partial(Marking, backbone=ref.load(), machine=machine, method=method)
    vectors = Vectors(engine, 1)
    trial = Trial(rows, np.arange(len(rows)), Settings("en"), vectors, reader=reader)
    trial.run()
    name = next(name for name, how in METHODS.items() if how == method)
    made = trial.final(name)
    save_extractor(tmp_path / "model", made, engine.card, ref, engine.name)
    again, _network, described = load_extractor(tmp_path / "model")
    assert again.marker is not None and described["marked"] == method
    texts = [one.text for one in rows[:5]]
    for one, other in zip(
        made.answers(texts, vectors, 5, machine),
        again.answers(texts, vectors, 5, machine),
        strict=True,
    ):
        assert one.first(5) == other.first(5)
    assert trial.f1(name, 2).mean() > trial.f1(FIXED, 2).mean()


@pytest.mark.parametrize("documents", [0, 5])
def test_a_network_is_not_trained_on_too_few(
    documents: int, tiny_bert: str, tmp_path: Path
) -> None:
    rows = draw_documents(25)
    for row in rows[documents:]:
        row["keywords"] = []
    data = write_jsonl(tmp_path / "papers.jsonl", rows)
    gold = {"gold": "keywords"} if documents else {}
    with pytest.raises(DataError, match=f"there are {documents}"):
        hs.keywords(data, **gold, backbone=tiny_bert, method="finetune", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
