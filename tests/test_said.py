"""Messages are said in the language in force, and again in another."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from headstart import language
from headstart.errors import UnknownNameError
from headstart.folder.sentences import say_again, with_sentences
from headstart.language import in_force, languages
from headstart.said import (
    Said,
    _,
    _n,
    commas,
    day,
    in_html,
    in_html_n,
    listed,
    number,
    sentences,
)
from headstart.speaking import speak, speaking

WORDS = {
    "{hits} of {all} are right: {share:.1%}.": "{all} 个中有 {hits} 个正确：{share:.1%}。",
    ("{n:,} label is wrong.", "{n:,} labels are wrong."): ("{n:,} 个标签有误。",),
    "cat": "猫",
    "{before}, {after}": "{before}、{after}",
    "{before} {after}": "{before}{after}",
    "<b>{name}</b> is first.": "首先是 <b>{name}</b>。",
    "It has other placeholders: {name}.": "{nobody}",
}
HEBREW = "\u05d7\u05ea\u05d5\u05dc"


@pytest.fixture(autouse=True)
def catalogues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Chinese catalogue of a few words, and a German one that is no catalogue."""
    words = Catalog(locale="zh", charset="utf-8")
    for message, said in WORDS.items():
        words.add(message, said)
    good, bad = (tmp_path / code / "LC_MESSAGES" / "headstart.mo" for code in ("zh", "de"))
    for path in (good, bad):
        path.parent.mkdir(parents=True)
    with good.open("wb") as out:
        write_mo(out, words)
    bad.write_bytes(b"no catalogue")
    monkeypatch.setattr(language, "CATALOGUES", tmp_path)
    language._language.cache_clear()
    with speaking("en"):
        yield tmp_path
    language._language.cache_clear()


def test_a_message_is_said_in_the_language_in_force() -> None:
    def said() -> Said:
        return _("{hits} of {all} are right: {share:.1%}.", hits=3, all=4, share=0.75)

    assert said() == "3 of 4 are right: 75.0%."
    with speaking("zh"):
        assert said() == "4 个中有 3 个正确：75.0%。"
    assert said() == "3 of 4 are right: 75.0%."


def test_what_has_no_translation_is_english() -> None:
    with speaking("zh"):
        assert _("Not translated: {x}.", x=1) == "Not translated: 1."
        assert _("") == ""


def test_wrong_placeholders_in_a_catalogue_are_survived() -> None:
    with speaking("zh"):
        said = _("It has other placeholders: {name}.", name="x")
    assert said == "It has other placeholders: x."


@pytest.mark.parametrize(("n", "english"), [(1, "1 label is"), (0, "0 labels"), (1200, "1,200 ")])
def test_numbers_choose_the_form(n: int, english: str) -> None:
    said = _n("{n:,} label is wrong.", "{n:,} labels are wrong.", n)
    assert said.startswith(english)
    with speaking("zh"):
        assert said.again() == f"{n:,} 个标签有误。"


def test_a_said_value_is_said_again_with_what_holds_it() -> None:
    said = sentences(
        _("{hits} of {all} are right: {share:.1%}.", hits=_("cat"), all=4, share=0.5),
        "",
        _("cat"),
    )
    assert said == "cat of 4 are right: 50.0%. cat"
    with speaking("zh"):
        assert said.again() == "4 个中有 猫 个正确：50.0%。猫"


def test_lists_and_days_follow_the_language() -> None:
    assert (listed(["a"]), listed(["a", "b", "c"]), commas(["a", "b"])) == (
        "a",
        "a, b and c",
        "a, b",
    )
    assert listed(["a", "b"], "or") == "a or b"
    assert day(date(2026, 1, 31)) == "31 January 2026"
    with speaking("zh"):
        assert (listed(["a", "b", "c"]), commas(["a", "b"])) == ("a、b和c", "a、b")
        assert day(date(2026, 1, 31)) == "2026年1月31日"


def test_numbers_have_the_signs_of_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    share = number(1234.567, ",.1f")
    assert share == "1,234.6"
    monkeypatch.setattr(language._Now, "language", language.Language("de"))
    assert share.again() == "1.234,6"


def test_names_that_run_from_right_to_left_are_isolated() -> None:
    assert _("{name} is first", name=HEBREW) == f"\u2068{HEBREW}\u2069 is first"
    assert commas([HEBREW, "b"]) == f"\u2068{HEBREW}\u2069, b"
    assert _("{name} is first", name="猫") == "猫 is first"


def test_html_of_a_message_stands_and_that_of_a_value_is_escaped() -> None:
    assert in_html("<b>{name}</b> is first.", name="<i>") == "<b>&lt;i&gt;</b> is first."
    kept = in_html("<b>{name}</b> is first.", name=in_html("<i>{n}</i>", n=1))
    assert kept == "<b><i>1</i></b> is first."
    assert in_html_n("{n} <b>cat</b>", "{n} <b>cats</b>", 2) == "2 <b>cats</b>"
    with speaking("zh"):
        assert in_html("<b>{name}</b> is first.", name="&") == "首先是 <b>&amp;</b>。"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_can_be_said_again(copied: Callable[[Said], Said]) -> None:
    said = copied(_("cat"))
    with speaking("zh"):
        assert said.again() == "猫"


def test_a_document_is_said_again_wherever_its_sentences_stand() -> None:
    parts = {"hits": 1, "all": 2, "share": 0.5}
    document = {
        "verdict": {"sentence": _("{hits} of {all} are right: {share:.1%}.", **parts)},
        "a/b~c": [{"message": _("cat")}, "cat"],
    }
    written = json.loads(json.dumps(with_sentences(document)))
    assert written["language"] == "en"
    assert written["verdict"]["sentence"] == "1 of 2 are right: 50.0%."
    with speaking("zh"):
        say_again(written)
        assert written["verdict"]["sentence"] == "2 个中有 1 个正确：50.0%。"
        assert written["a/b~c"] == [{"message": "猫"}, "cat"]
        anew = with_sentences(written)
    assert (anew["language"], anew["sentences"]) == ("zh", written["sentences"])


def test_a_document_without_sentences_stays_as_it_is() -> None:
    assert with_sentences({"n": 3}) == {"n": 3}


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"no form": 1},
        {"message": "{x.__class__}", "values": {"x": 1}},
        {"message": "{x:>999999999}", "values": {"x": "a"}},
        {"message": "{x}", "values": [1]},
        {"message": 3},
        {"list": 4, "style": "standard"},
        {"day": "never"},
        {"number": "x", "spec": ".1%"},
    ],
)
def test_what_a_stranger_wrote_is_no_danger(parts: dict[str, object]) -> None:
    document = {"a": "as written", "sentences": {"/a": parts, "/b": parts, "/a/b": parts}}
    say_again(document)
    assert document["a"] == "as written"


@pytest.mark.parametrize("asked", ["zh", "zh_CN.UTF-8", "zh-Hans", "ZH"])
def test_a_language_is_named_as_a_locale_may_be(asked: str) -> None:
    assert speak(asked) == ""
    assert in_force().code == "zh"


def test_a_language_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UnknownNameError, match="One of: en, de, zh"):
        speak("xx")
    assert in_force().code == "en"
    assert languages() == ["en", "de", "zh"]


@pytest.mark.parametrize("kept", [2, 24, 200])
def test_a_broken_catalogue_is_said_and_english_spoken(kept: int, catalogues: Path) -> None:
    whole = (catalogues / "zh" / "LC_MESSAGES" / "headstart.mo").read_bytes()
    (catalogues / "de" / "LC_MESSAGES" / "headstart.mo").write_bytes(whole[:kept])
    assert "cannot be read" in speak("de")
    assert in_force().code == "en"


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({"HEADSTART_LANG": "zh", "LANG": "C"}, "zh"),
        ({"HEADSTART_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LC_ALL": "zh_TW", "LANG": "C"}, "zh"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_the_environment_is_asked(
    environment: dict[str, str], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HEADSTART_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    speak()
    assert in_force().code == code


def test_without_any_catalogue_there_is_english(catalogues: Path) -> None:
    shutil.rmtree(catalogues)
    assert languages() == ["en"]
