"""A modality that lives outside the package does all that images do: docs/examples/log_lines.py."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
CLASSES = ("disk", "login", "network")
HOSTILE = "<script>alert(1)</script>"
SAID = {
    "disk": ("disk sda{} is nearly full", "write to volume {} failed: no space for {who}"),
    "login": ("user {who} logged in from port {}", "wrong password of {who}, attempt {}"),
    "network": ("link eth{} is down", "timeout waiting for packet {} from {who}"),
}


def line(kind: str, rng: random.Random, host: str = "web") -> str:
    who = rng.choice(["ann", "bob", "cay", "dan", "eve", HOSTILE])
    said = rng.choice(SAID[kind]).format(rng.randrange(9999), who=who)
    word = "".join(rng.choices("abcdefghij", k=5))  # else lines would be copies of each other
    return f"{host}{rng.randrange(9)} {word}: {said}"


def write(path: Path, rows: list[tuple[str, ...]], *head: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def data(world: Path) -> None:
    rng = random.Random(0)
    lines = [(line(CLASSES[i % 3], rng), CLASSES[i % 3]) for i in range(90)]
    write(world / "logs.csv", lines, "message", "label")
    other = [(line(CLASSES[i % 3], rng, "SRV-EU-"), CLASSES[i % 3]) for i in range(60)]
    write(world / "other.csv", other, "message", "label")
    split = [(text, label, "train" if i < 60 else "test") for i, (text, label) in enumerate(lines)]
    again = re.sub(r"web\d", "WEB7", lines[3][0])  # another number, in capitals: a near copy
    write(world / "split.csv", [*split, (again, lines[3][1], "test")], "message", "label", "split")
    write(world / "new.csv", [(text,) for text, _ in lines[:9]], "message")
    for i, (text, label) in enumerate(lines[:45]):
        file = world / "logs" / label / f"{i}.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    (world / "logs" / "disk" / "empty.log").write_text(" \n", "utf-8")


COMMANDS = {
    "table": "train logs.csv --modality log --out table --json",
    "folder": "train logs --abstain 0.1 --out folder --json",
    "check": "check split.csv --modality log --json",
    "cells": "predict table new.csv --json",
    "files": "predict folder logs/disk --json",
    "mixed": "predict table new.csv logs/disk --json",
    "together": "predict table new.csv --adapt statistics --json",
    "evaluate": "evaluate table other.csv --json",
    "adapt": "adapt logs.csv other.csv --modality log --target-labels other.csv --out adapt --json",
    "from run": "adapt table other.csv --out from_run --json",
    "finetune": "train split.csv --modality log --method finetune --epochs 2 --out finetune --json",
    "trained": "predict finetune new.csv --json",
    "size": "train logs --size 96 --out none --json",
    "image": "train logs --backbone efficientnet-lite0 --out none --json",
}
CODE = """
import io, json, sys
from contextlib import redirect_stdout
from headstart.cli import run
for name, line in json.load(sys.stdin).items():
    with redirect_stdout(io.StringIO()) as out:
        code = run(line.split())
    print(json.dumps([name, code, out.getvalue()]))
    print(f"=== {name}", file=sys.stderr)
"""


def installed(site: Path) -> Path:
    """Install the plug-in as pip would, with the entry points that the page shows."""
    about = site / "log_lines-1.0.dist-info"
    about.mkdir(parents=True)
    shutil.copy(DOCS / "examples" / "log_lines.py", site)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: log-lines\nVersion: 1.0\n")
    page = (DOCS / "contributing.md").read_text("utf-8")
    shown = re.search(
        r"^\[project\.entry-points\.\"headstart\.modalities\"\]\n.*?^```", page, re.M | re.S
    )
    assert shown
    points = re.sub(r"project\.entry-points\.|\"|```", "", shown[0])
    (about / "entry_points.txt").write_text(points)
    return site


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory):
    """Every command once, in one process that knows the plug-in: exit code, what it printed."""
    world = tmp_path_factory.mktemp("logs")
    data(world)
    page = (DOCS / "contributing.md").read_text("utf-8")
    checked = next(
        b for b in re.findall(r"```python\n(.*?)```", page, re.S) if "check_modality(" in b
    )
    given = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(installed(world / "site")), *([given] if given else [])])
    ran = subprocess.run(
        [sys.executable, "-c", checked + CODE],
        input=json.dumps(COMMANDS),
        cwd=world,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    found = {name: (code, out) for name, code, out in map(json.loads, ran.stdout.splitlines())}
    said = dict(zip(found, re.split(r"^=== .*\n", ran.stderr, flags=re.M), strict=False))
    return world, found, said


def result(done, name: str):
    code, out = done[1][name]
    assert code == 0, done[2][name]
    return json.loads(out)


def test_it_trains_from_a_table_and_from_a_folder(done):
    for name, n in (("table", 90), ("folder", 45)):
        found = result(done, name)
        assert found["modality"] == "log"
        assert found["backbone"] == "log:pairs"
        assert found["n"]["train"] == n
        assert found["estimate"]["accuracy"] > 0.6
        assert found["verdict"]["decision"] in ("helps", "hurts", "cannot tell")
        rivals = {row["name"] for row in found["baselines"]}
        assert {"shape of the line", "majority class", "same network, random weights"} <= rivals
    unreadable = next(f for f in found["findings"] if f["kind"] == "unreadable")
    assert "an empty line" in unreadable["message"]
    assert found["abstention"]["wanted_error"] == 0.1


def test_copies_are_found_its_own_way(done):
    found = next(f for f in result(done, "check")["findings"] if f["kind"] == "duplicates")
    assert found["severity"] == "warning"
    assert (found["figures"]["copies"], found["figures"]["exact"]) == (1, 0)
    assert found["figures"]["across_train_and_test"] == 1


def test_a_text_is_shown_and_stays_text(done):
    world, *_ = done
    for folder in ("table", "folder", "adapt"):
        page = (world / folder / "report.html").read_text("utf-8")
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page, folder
        assert 'src=""' not in page
    pictures = json.loads((world / "table" / "pictures.json").read_text("utf-8"))
    assert all("text" in shot for shot in pictures["gallery"]["least_sure"])


def test_answers_are_explained_by_leaving_out_words(done):
    world, *_ = done
    shown = json.loads((world / "table" / "pictures.json").read_text("utf-8"))["explanations"]
    assert shown
    assert all("»" in one["text"] for one in shown)
    tested = result(done, "table")["explanations"]
    assert tested["covered_drop"] > tested["elsewhere_drop"]


def test_it_predicts_and_is_scored(done):
    cells, files = (result(done, name)["predictions"] for name in ("cells", "files"))
    assert [row["path"] for row in cells] == [f"row {i}" for i in range(2, 11)]
    assert sum(r["predicted"] == CLASSES[i % 3] for i, r in enumerate(cells)) >= 7
    assert {row["predicted"] for row in files if not row["error"]} <= set(CLASSES)
    assert [row["error"] for row in files if row["error"]] == ["an empty line"]
    assert len(result(done, "together")["predictions"]) == 9
    assert result(done, "evaluate")["n"] == 60


def test_it_adapts_from_data_and_from_a_run(done):
    found = result(done, "adapt")["adaptation"]
    assert found["candidates"]
    assert found["target"]["n"] == 60
    assert result(done, "from run")["adaptation"]["decision"]


def test_networks_are_trained_without_augmentation_and_rebuilt_by_the_plug_in(done):
    assert result(done, "finetune")["method"] == "finetune"
    assert (done[0] / "finetune" / "model" / "backbone.safetensors").is_file()
    assert len(result(done, "trained")["predictions"]) == 9


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("size", "--size: a line of a log has nothing of the kind"),
        ("mixed", "The inputs are cells and files."),
        ("image", "efficientnet-lite0 is for examples of the kind 'image'; these are lines"),
    ],
)
def test_what_it_has_not_is_refused(done, name, said):
    assert done[1][name][0] == 2
    assert said in " ".join(done[2][name].split())
