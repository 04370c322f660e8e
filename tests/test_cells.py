"""No cell that headstart writes is a formula, and every one reads back as it was."""

from __future__ import annotations

import csv
import io
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import headstart as hs
from conftest import Result, draw_folder
from headstart.data.cells import guarded, unguarded, write_table
from headstart.data.formats import read_cells
from headstart.report.facts import read

FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1"]
TEXTS = st.one_of(
    st.text(), st.text("'=+-@\t\r\n 1a"), st.sampled_from(FORMULAS), st.floats().map(str)
)


@given(text=TEXTS)
def test_every_text_reads_back(text: str) -> None:
    assert unguarded(guarded(text)) == text


@given(text=TEXTS)
def test_nothing_that_is_written_is_a_formula(text: str) -> None:
    written = guarded(text)
    if re.match(r"\s*[=+\-@]", written) or written[:1] in tuple("\t\r\n"):
        float(written)  # a number may begin with a sign


@given(row=st.lists(TEXTS.filter(lambda text: "\0" not in text), min_size=1))
def test_whole_tables_read_back(row: list[str]) -> None:
    out = io.StringIO(newline="")
    write_table(out, [f"c{i}" for i in range(len(row))], [row])
    back = list(csv.reader(io.StringIO(out.getvalue(), newline="")))[1]
    assert [unguarded(cell) for cell in back] == row


def test_numbers_stay_numbers() -> None:
    out = io.StringIO()
    write_table(out, ["path", "loss"], [["a", -0.5], ["-1", "-2.5e-3"], ["b", None]], end="\n")
    assert out.getvalue() == "path,loss\na,-0.5\n-1,-2.5e-3\nb,\n"


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of classes and files whose names are formulas."""
    root = tmp_path_factory.mktemp("formulas")
    photos = draw_folder(root / "photos", 8, ("=1+1", "@disc", "'=quoted"))
    for path in sorted(photos.rglob("*0.jpg")):
        path.rename(path.with_name(f"+{path.name}"))
    return hs.train(photos, out=root / "run").folder


def test_the_tables_of_a_run_hold_no_formula(hostile_run: Path, headstart) -> None:
    photos = hostile_run.parent / "photos"
    copied = shutil.copytree(photos / "=1+1", hostile_run.parent / "new", dirs_exist_ok=True)
    printed: Result = headstart("predict", hostile_run, *sorted(copied.iterdir())[:3])
    headstart("predict", hostile_run, copied, "--out", "answers.csv")
    tables = [hostile_run / name for name in ("predictions.csv", "history.csv", "label_issues.csv")]
    texts = [path.read_text("utf-8") for path in (*tables, Path("answers.csv"))] + [printed.out]
    for text in texts:
        for row in csv.reader(io.StringIO(text, newline="")):
            assert not [c for c in row if c[:1] in tuple("=+@\t\r") or re.match("-[^.0-9]", c)]
    assert "'=1+1" in texts[0] and "''=quoted" in texts[0]


def test_the_report_reads_them_as_they_were(hostile_run: Path) -> None:
    facts = read(hostile_run, "run")
    assert facts.classes == ["'=quoted", "=1+1", "@disc"]
    assert facts.confusion.sum() == 24
    assert facts.confusion.trace() > 12


def test_a_table_that_was_written_trains_again(hostile_run: Path, tmp_path: Path) -> None:
    """As to_label.csv and label_issues.csv, filled in, do."""
    photos = hostile_run.parent / "photos"
    paths = sorted(p for p in photos.rglob("*") if p.is_file())
    with (photos / "labels.csv").open("w", encoding="utf-8", newline="") as out:
        rows = [[p.relative_to(photos).as_posix(), p.parent.name] for p in paths]
        write_table(out, ["path", "label"], rows)
    table = read_cells(photos / "labels.csv", "utf-8")
    assert table.cells["label"] == [p.parent.name for p in paths]
    run = hs.train(photos / "labels.csv", out=tmp_path / "run")
    assert set(run.classes) == {"'=quoted", "=1+1", "@disc"}
    assert run.metrics["n"]["train"] == 24
