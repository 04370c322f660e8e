"""Figures as files: their words are in the language in force where a font has its letters."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from headstart import language
from headstart.language import in_force
from headstart.report import plates
from headstart.report.plates import plate
from headstart.said import _
from headstart.speaking import speaking

GREEK, CHINESE, NOBODYS = "ακρίβεια", "准确率", "\U000f0001"
CAT = "猫"


def drawn() -> str:
    """Draw a figure with a word of ours and a name of the user's; what it says is in comments."""

    def paint(axes):
        axes.set_xlabel(_("accuracy"))
        axes.set_ylabel(plates.plain(CAT))

    return dict(plate("figure", [paint], (3, 2)))["figure.svg"].decode()


@pytest.fixture
def translated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make a catalogue in which every label is one word."""

    def translate(word: str) -> None:
        words = Catalog(locale="zh", charset="utf-8")
        for message in ("accuracy", plates.SAMPLE):
            words.add(message, word)
        path = tmp_path / "zh" / "LC_MESSAGES" / "headstart.mo"
        path.parent.mkdir(parents=True)
        with path.open("wb") as out:
            write_mo(out, words)

    monkeypatch.setattr(language, "CATALOGUES", tmp_path)
    language._language.cache_clear()
    yield translate
    language._language.cache_clear()


@pytest.mark.parametrize("word", [GREEK, CHINESE, NOBODYS])
def test_a_figure_is_in_english_where_no_font_has_the_letters(translated, word):
    translated(word)
    with speaking("zh"):
        there = bool(plates._fonts(word))
        figure = drawn()
        assert in_force().code == "zh"
    assert there or word != GREEK  # which is in the fonts that come with matplotlib
    assert not there or word != NOBODYS
    assert f"<!-- {word if there else 'accuracy'} -->" in figure
    assert f"<!-- {CAT} -->" in figure


def test_fonts_have_all_letters_together():
    assert plates._fonts("abc") == plates._fonts()
    assert plates._fonts(GREEK + "abc")
    assert not plates._fonts("abc" + NOBODYS)
