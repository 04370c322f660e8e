"""Names that are no text, locales that lack letters: what was computed is written."""

from __future__ import annotations

import csv
import doctest
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import headstart as hs
from conftest import draw
from headstart import text
from headstart.data.items import Files
from headstart.folder.files import write_json, write_rows

LOCALES = {
    "a console of Windows": {"PYTHONIOENCODING": "cp1252"},
    "a plain locale": {"PYTHONUTF8": "0", "LC_ALL": "C"},
}
NAMES = ("b-caf\udce9.png", "c-中文.png")  # in order


def child(code: str, locale: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LC_")}
    return subprocess.run(
        [sys.executable, *code.split(" ", 1), *map(os.fsencode, map(str, arguments))],
        env={**environment, **LOCALES[locale]},
        capture_output=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    for name in NAMES:
        draw(0, np.random.default_rng(0)).save(folder / "a.png")
        try:
            (folder / "a.png").rename(folder / name)
        except (OSError, UnicodeError):
            pytest.skip("names of files are Unicode here")
    return folder


@pytest.mark.parametrize("locale", LOCALES)
def test_predictions_are_written_whatever_the_locale(
    locale: str, odd: Path, run_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "answers.csv"
    printed = child("-m headstart", locale, "predict", run_folder, odd)
    assert printed.returncode == 0, printed.stderr
    rows = list(csv.DictReader(io.StringIO(printed.stdout.decode("utf-8", "surrogateescape"))))
    assert [row["path"] for row in rows] == [f"{odd}/{name}" for name in NAMES]
    assert [Path(row["path"]).is_file() for row in rows] == [True, True]
    both = child("-m headstart", locale, "predict", run_folder, odd, "--json", "--out", out)
    assert both.returncode == 0, both.stderr
    assert [r["path"] for r in json.loads(both.stdout.decode())["predictions"]] == [
        row["path"] for row in rows
    ]
    with out.open(encoding="utf-8", errors="surrogateescape", newline="") as written:
        assert list(csv.DictReader(written)) == rows


def test_training_reads_names_in_utf8_whatever_the_locale(tmp_path: Path) -> None:
    for label in ("猫", "狗"):
        (tmp_path / label).mkdir()
        for i in range(2):
            (tmp_path / label / f"图{i}.png").touch()
    listing = (
        "-c import sys, pathlib; from headstart.data.sources import open_source; "
        "d = open_source(sys.argv[1], cache_dir=pathlib.Path('unused')); "
        "sys.stdout.buffer.write(' '.join([*d.classes, *d.refs]).encode())"
    )
    listed = child(listing, "a plain locale", tmp_path)
    assert listed.stdout.decode() == "狗 猫 狗/图0.png 狗/图1.png 猫/图0.png 猫/图1.png", (
        listed.stderr
    )


def test_training_refuses_names_that_are_no_text_with_the_mend(tmp_path: Path) -> None:
    for label in ("a", "b\udce9"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.png").touch()
    with pytest.raises(hs.DataError, match=r"not UTF-8 \(first: b\\udce9"):
        hs.check(tmp_path)


@pytest.mark.parametrize("name", ["caf\udce9", "half \ud800", "中"])
def test_files_are_written_whole_and_read_back(name: str, tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"path": name})
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == {"path": name}
    write_rows([{"path": name}], tmp_path / "a.jsonl")
    assert json.loads((tmp_path / "a.jsonl").read_text("utf-8")) == {"path": name}
    write_rows([{"path": name}], tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes().startswith(b"path\r\n")


def test_a_name_that_no_file_can_have_is_an_unreadable_file() -> None:
    for name in ("a\0b.png", "\ud800.png"):
        with pytest.raises(OSError, match="no file can have this name"):
            Files((Path(name),)).data(0)


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(text).failed == 0
