"""In Chinese everything is Chinese: pages and what a command says while it works."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from conftest import draw_folder
from english import TYPED, english, visible
from headstart.language import CATALOGUES, DOMAIN
from headstart.report import render
from headstart.speaking import speaking

NAMED = "stripes disc chequers photos moved"
"""What these sets and their classes are called."""


PAPER = re.compile(r"\((19|20)\d\d\), ")
"""What is cited has its title in the language it was written in."""


@pytest.fixture(scope="module")
def chinese(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was made in English, its report written anew in Chinese."""
    folder = Path(shutil.copytree(run_folder, tmp_path_factory.mktemp("zh") / "photos"))
    with speaking("zh"):
        render(folder)
    return folder


def in_english(page: Path) -> dict[str, list[str]]:
    """Which pieces of a page hold English, with the words."""
    pieces = [piece for piece in visible(page.read_text("utf-8")) if not PAPER.search(piece)]
    return {piece[:150]: words for piece in pieces if (words := english(piece, NAMED))}


def test_there_is_a_chinese_catalogue() -> None:
    assert (CATALOGUES / "zh" / "LC_MESSAGES" / "headstart.mo").exists()


def test_the_page_of_a_run_is_chinese(chinese: Path) -> None:
    page = chinese / "report.html"
    assert re.search(r"<html[^>]* lang=\"zh", page.read_text("utf-8"))
    assert in_english(page) == {}


def test_a_page_is_written_anew_in_either_language(chinese: Path, run_folder: Path) -> None:
    with speaking("en"):
        render(chinese)
    assert (chinese / "report.html").read_text() == (run_folder / "report.html").read_text()
    with speaking("zh"):
        render(chinese)


def test_what_a_run_says_is_chinese(headstart, photos: Path, tmp_path: Path) -> None:
    done = headstart("train", photos, "--out", tmp_path / "run", "--lang", "zh")
    assert done.status == 0
    assert english(done.err.replace(str(tmp_path), ""), f"{TYPED} {NAMED}") == []
    assert re.search(r"[\u4e00-\u9fff]", done.err)


@pytest.mark.whole
@pytest.mark.parametrize("command", ["rank", "layers", "curve", "adapt"])
def test_studies_and_adaptation_are_chinese(
    command: str, headstart, photos: Path, small: str, tmp_path: Path
) -> None:
    more: list[object] = []
    if command == "rank":
        more = ["--backbones", f"efficientnet-lite0,{small}"]
    if command == "adapt":
        more = [draw_folder(tmp_path / "moved", 8, seed=5)]
    done = headstart(command, photos, *more, "--out", tmp_path / "out", "--lang", "zh")
    assert done.status == 0, done.err
    assert english(done.err.replace(str(tmp_path), ""), f"{TYPED} {NAMED}") == []
    assert in_english(tmp_path / "out" / "report.html") == {}


def test_no_message_has_english_in_its_chinese() -> None:
    with (CATALOGUES / "zh" / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as words:
        said = [m.string if isinstance(m.string, str) else m.string[0] for m in read_po(words)]
    messages = [text for text in said[1:] if not PAPER.search(text)]
    assert len(messages) > 1000
    assert {text: found for text in messages if (found := english(text, TYPED))} == {}
