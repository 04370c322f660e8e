"""The model card: true, complete, in the hub's form, and without a name of any file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

import headstart as hs
from english import TYPED, english
from headstart.folder.nameless import HIDDEN, Names, without_names
from headstart.report import render
from headstart.report.card import compose
from headstart.report.facts import read
from headstart.speaking import speaking

NASTY = "<script>alert(1)</script> | `cat` # \n---\nlicense: mit"


def card(folder: Path) -> str:
    return (folder / "README.md").read_text("utf-8")


@pytest.fixture
def copy(run_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run_folder, tmp_path / "photos"))


def changed(folder: Path, file: str, **values: object) -> Path:
    document = json.loads((folder / file).read_text("utf-8"))
    (folder / file).write_text(json.dumps({**document, **values}), "utf-8")
    return folder


def test_the_hub_reads_what_a_run_says_of_itself(run_folder: Path) -> None:
    found = ModelCard(card(run_folder))
    metrics = hs.load(run_folder).metrics
    said = found.data.to_dict()
    assert said["license"] == "apache-2.0"
    assert said["library_name"] == "headstart"
    assert said["pipeline_tag"] == "image-classification"
    assert "base_model" not in said
    (result,) = found.data.eval_results
    assert result.metric_type == "accuracy"
    assert result.metric_value == round(metrics["estimate"]["accuracy"], 4)
    assert found.data.model_name == "photos"


def test_the_text_has_the_scores_the_verdict_and_the_limits(run_folder: Path) -> None:
    text, metrics = card(run_folder), hs.load(run_folder).metrics
    estimate = metrics["estimate"]
    low, high = estimate["accuracy_ci95"]
    assert f"| accuracy | {estimate['accuracy']:.1%} | {low:.1%} to {high:.1%} |" in text
    assert metrics["verdict"]["sentence"].replace("_", "\\_") in text
    assert "| stripes | 15 |" in text
    assert "marked unfamiliar" in text
    assert "come under the licence Apache-2.0" in text
    assert f"headstart {hs.__version__}" in text


def test_no_name_of_a_file_is_in_it(run_folder: Path) -> None:
    split = json.loads((run_folder / "split.json").read_text("utf-8"))
    paths = [row["path"] for row in split["examples"]]
    assert len(paths) == 45
    for path in paths:
        assert path not in card(run_folder)
        assert Path(path).name not in card(run_folder)


def test_findings_are_told_without_the_files_they_name(copy: Path) -> None:
    metrics = hs.load(copy).metrics
    first = json.loads((copy / "split.json").read_text("utf-8"))["examples"][0]["path"]
    message = f"2 images are copies of others (first: {first} = /home/ann/secret/one.png)."
    told = {"kind": "copies", "severity": "warning", "message": message, "figures": {}}
    changed(copy, "metrics.json", findings=[*metrics["findings"], told], sentences={})
    render(copy)
    assert f"2 images are copies of others (first: {HIDDEN} = {HIDDEN})." in card(copy)


def test_names_break_neither_the_table_nor_the_metadata(copy: Path) -> None:
    facts = read(copy, NASTY)
    text = compose(facts)
    assert ModelCard(text).data.to_dict()["license"] == "apache-2.0"
    assert "<script>" not in text.partition("\n---\n")[2].replace("\\<script\\>", "")
    assert text.count("```") == 4


@pytest.mark.parametrize(
    ("licence", "marked", "said"),
    [
        ("CC-BY-NC-4.0", "cc-by-nc-4.0", "forbids to earn money"),
        ("not stated", "unknown", "Nobody says what may be done"),
        ("Our Own, 2.0", "other", "come under the licence Our Own, 2.0"),
    ],
)
def test_licences_that_bind_are_said(copy: Path, licence: str, marked: str, said: str) -> None:
    facts = read(copy, "photos")
    object.__setattr__(facts.card, "licence", licence)
    text = compose(facts)
    assert ModelCard(text).data.license == marked
    assert said in text


def test_in_chinese(copy: Path) -> None:
    with speaking("zh"):
        render(copy)
        _dashes, _metadata, text = card(copy).split("---\n", 2)
    body = text.partition("```")[0].replace("photos", "")
    names = "stripes disc chequers hog probe package package_module stratified"
    assert english(body, f"{TYPED} {names}") == []
    render(copy)
    assert "## Limits" in card(copy)


def test_texts_and_rows_have_cards_too(text_run: Path, row_run: Path) -> None:
    said = ModelCard(card(text_run)).data.to_dict()
    assert said["pipeline_tag"] == "text-classification"
    assert said["license"] == "unknown"
    assert str(text_run.parents[1]) not in card(text_run)
    assert ModelCard(card(row_run)).data.to_dict()["pipeline_tag"] == "tabular-classification"
    assert "no pretrained weights in this model" in card(row_run)


def test_documents_lose_every_name(copy: Path) -> None:
    run = hs.load(copy)
    split = json.loads((copy / "split.json").read_text("utf-8"))
    path = split["examples"][0]["path"]
    suspects = {"rows": [{"path": path, "label": "disc"}], "sentence": f"See {path}."}
    figures = {"files": [path], "count": 1, "shares": [0.5], "metric": "accuracy"}
    finding = {"kind": "note", "severity": "info", "message": "", "figures": figures}
    given = {**run.metrics, "label_issues": suspects, "findings": [finding], "sentences": {}}
    found, places = without_names(given, Names.of(given, {"config": {"data": "acme"}}, split))
    assert found["label_issues"] == {"rows": [], "sentence": f"See {HIDDEN}."}
    assert found["findings"][0]["figures"] == {"count": 1, "shares": [0.5]}
    assert places == ["findings.figures", "label_issues.rows", "label_issues.sentence"]
    assert found["estimate"] == given["estimate"]
    assert found["classes"] == given["classes"]


def test_a_class_that_looks_like_a_file_keeps_its_name() -> None:
    names = Names.of({"classes": ["a.png"]}, {"config": {"data": "acme"}})
    assert names.hidden("a.png") == "a.png"
    assert names.hidden("b.png") == HIDDEN
    assert names.hidden("acme") == HIDDEN
    assert names.hidden("macro/micro 0.5 and v1.2") == "macro/micro 0.5 and v1.2"
