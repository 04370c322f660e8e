"""What an example is called: by the noun of its modality, on every page and in every sentence."""

from __future__ import annotations

import ast
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import headstart as hs
from headstart.jobs.looks import explanations
from headstart.modalities import EXAMPLE, Unit, unit
from headstart.report import render

SOURCES = Path(hs.__file__).parent
IMAGES = re.compile(r"(?<!/)\b(image|photo|picture|pixel)s?\b(?!/)", re.IGNORECASE)  # no path
OF_IMAGES = (
    *("modalities/image/", "backbones/vision.py", "data/builtin.py"),
    *("cli/train.py", "prepare/config.py"),  # the demo, and --size
    "report/adaptation_words.py",  # what was measured on public images
    "behaviour/items.py",  # an item of a shop may have a picture
)
"""Where sentences may speak of images, for they are of nothing else."""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 72 rows of numbers in three classes, two of them equal."""
    path = tmp_path_factory.mktemp("data") / "leaves.csv"
    rng = np.random.default_rng(0)
    lines = [[*rng.normal(1.2 * (i % 3), 1, 4).round(3).tolist(), "abc"[i % 3]] for i in range(71)]
    rows = [["height", "width", "mass", "noise", "label"], *lines, lines[0]]
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def run_of_rows(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run on rows, explained and drawn; do not write into it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headstart.jobs.judged.explanations", explanations)
        run = hs.train(table, abstain=0.1, out=tmp_path_factory.mktemp("runs") / "leaves")
    render(run.folder)
    return run.folder


def visible(page: Path) -> str:
    """Return what a reader of a page sees or hears."""
    text = page.read_text("utf-8")
    text = re.sub(r"<(style|script)>.*?</\1>|<!--.*?-->", "", text, flags=re.DOTALL)
    heard = re.findall(r'(?:alt|title|aria-label)="([^"]*)"', text)
    return " ".join([re.sub(r"<[^>]*>", " ", text), *heard])


def of_images(text: str) -> list[str]:
    """List what speaks of images, with its surroundings."""
    return [text[max(0, m.start() - 60) : m.end() + 20] for m in IMAGES.finditer(text)]


def test_a_report_on_rows_speaks_of_rows(run_of_rows):
    text = visible(run_of_rows / "report.html")
    assert of_images(text) == []
    for words in (
        "72 rows in 3 classes",
        "Would more rows help?",
        "number of rows",
        "Each row twice",
    ):
        assert words in text
    assert "headstart predict leaves new_rows.csv --out answers.csv" in text
    for figure in (run_of_rows / "figures").glob("*.svg"):
        written = re.findall(r"<!--(.*?)-->", figure.read_text("utf-8"))  # letters are drawn
        assert of_images(" ".join(written)) == []


def test_the_numbers_of_a_run_on_rows_speak_of_rows(run_of_rows):
    metrics = json.loads((run_of_rows / "metrics.json").read_text("utf-8"))
    said = [f["message"] for f in metrics["findings"]]
    said += [metrics["label_issues"]["sentence"], metrics["explanations"]["sentence"]]
    assert of_images(" ".join(said)) == []
    assert any("1 row is a copy of others" in message for message in said)
    assert any("the order of rows" in message for message in said)


def test_where_nothing_was_pretrained_a_page_promises_no_verdict(run_of_rows):
    assert json.loads((run_of_rows / "metrics.json").read_text("utf-8"))["verdict"] is None
    text = visible(run_of_rows / "report.html")
    assert "No verdict on transfer: nothing was pretrained." in text
    assert "Is it better than simpler models?" in text
    assert "majority class" in text
    assert "this model" in text
    for words in ("A pretrained network", "random weights", "head start", "pretrained network"):
        assert words not in text


def test_a_learned_backbone_without_rivals_has_no_verdict_either(run_folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run_folder, copy)
    metrics = json.loads((copy / "metrics.json").read_text("utf-8"))
    (copy / "metrics.json").write_text(json.dumps(metrics | {"verdict": None, "baselines": []}))
    assert "No verdict: there was nothing to compare with." in visible(render(copy))


def test_points_without_a_picture_are_dots(run_of_rows, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run_of_rows, copy)
    pictures = json.loads((copy / "pictures.json").read_text("utf-8"))
    for point in pictures["map"]["points"]:
        del point["image"]
    for shot in pictures["gallery"]["least_sure"]:
        shot["text"] = f"<b>{shot.pop('image')[:4]}"
    (copy / "pictures.json").write_text(json.dumps(pictures))
    text = render(copy).read_text("utf-8")
    assert text.count('class="point ') == 72
    assert "as-pictures" not in text.partition("<script>")[0].partition("</style>")[2]
    assert text.count('<p class="text"><span dir="auto">&lt;b&gt;data</span></p>') == 12


def test_the_terminal_speaks_of_rows(headstart, table):
    checked = headstart("check", table)
    assert "72 rows to train on, 0 to test on" in checked.err
    trained = headstart("train", table, "--out", "run")
    assert "\n" not in trained.err and "72 rows, " in trained.err
    assert "Predict: headstart predict run TABLE..." in trained.err
    scored = headstart("evaluate", "run", table)
    assert "on 72 rows (95 % interval" in scored.err
    for result in (checked, trained, scored):
        assert result.status == 0
        assert of_images(result.err) == []


@pytest.mark.parametrize("study", ["rank", "curve"])
def test_studies_of_rows_speak_of_rows(headstart, table, study):
    found = headstart(study, table, "--out", "folder", "--json")
    assert found.json()["modality"] == "array"
    assert of_images(found.err) == []
    text = visible(Path("folder") / "report.html")
    assert "72 rows in 3 classes" in text
    assert of_images(text) == []


def test_studies_from_before_there_were_modalities_are_of_images(tmp_path):
    from headstart.report.study import compose_study

    document = {
        "schema": 1, "study": "rank", "data": "photos", "n": 2, "classes": ["a", "b"],
        "protocol": "5 folds", "recommended": "x", "sentence": "Use x.", "backbones": [],
    }  # fmt: skip
    assert "2 images in 2 classes" in compose_study(document)


def test_a_modality_that_is_not_installed_has_examples():
    assert unit("scent") == EXAMPLE
    assert unit("array") == Unit("row", "rows")


def sentences(path: Path) -> list[str]:
    """List the strings of a file that hold a space, but for docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in told]
    return [n.value for n in found if isinstance(n.value, str) and " " in n.value]


def test_no_sentence_takes_an_example_for_an_image():
    found = [
        f"{path.relative_to(SOURCES)}: {text}"
        for path in sorted(SOURCES.rglob("*.py"))
        for text in sentences(path)
        if of_images(text) and not path.relative_to(SOURCES).as_posix().startswith(OF_IMAGES)
    ]
    assert found == []


@pytest.mark.parametrize("template", sorted(SOURCES.rglob("*.j2")), ids=lambda path: path.stem)
def test_no_template_takes_an_example_for_an_image(template):
    text = template.read_text("utf-8")
    text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    code = re.findall(r"\{[{%](.*?)[}%]\}", text)
    quoted = [word for part in code for word in re.findall(r'"([^"]*)"', part) if " " in word]
    plain = re.sub(r"\{[{%].*?[}%]\}|<[^>]*>", " ", text, flags=re.DOTALL)
    assert of_images(" ".join([plain, *quoted])) == []
