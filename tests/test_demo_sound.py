"""The speech of ``headstart demo sound``: made once, in groups; without its program, refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from headstart.data import spoken
from headstart.data.builtin import BUILTIN, load
from headstart.data.spoken import CHINESE, ENGLISH, Script, read_spoken
from headstart.errors import DataError, MissingExtraError
from headstart.events import Event

needs_program = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="no espeak-ng")
FEW = replace(
    ENGLISH,
    voices={"American": "en-us", "Scottish": "en-gb-scotland"},
    texts=ENGLISH.texts[:3],
    takes=2,
)


def made(cache: Path, script: Script = FEW, heard: list[Event] | None = None):
    return read_spoken("spoken", script, cache, (heard if heard is not None else []).append)


def test_scripts_are_what_the_page_says():
    for script, n in ((ENGLISH, 175), (CHINESE, 144)):
        lines = list(spoken._lines(script))
        assert len(lines) == n == len({line.path for line in lines})
        assert len(set(script.texts)) == len(script.texts) >= 24
        assert f"{n} recordings" in BUILTIN.get("spoken" if n == 175 else "spoken-zh").summary
        assert [line.options for line in lines] == [x.options for x in spoken._lines(script)]


@needs_program
def test_dialects_are_spoken_once_and_kept(tmp_path):
    heard: list[Event] = []
    rows = made(tmp_path, heard=heard)
    assert len(rows.refs) == 12
    assert rows.groups is not None and len(set(rows.groups)) == 3
    for text in set(rows.groups):
        labels = [a for a, g in zip(rows.labels, rows.groups, strict=True) if g == text]
        assert sorted(set(labels)) == ["American", "Scottish"], "every text in every dialect"
    counted = [event.done for event in heard if event.total == 12]
    assert counted == list(range(1, 13))
    waves = [soundfile.read(rows.items.path(k)) for k in range(12)]
    assert {rate for _wave, rate in waves} == {22_050}
    assert all(len(wave) > rate and np.abs(wave).max() > 0.05 for wave, rate in waves)
    assert [f.kind for f in rows.findings] == ["spoken"]
    assert "says nothing about people" in rows.findings[0].message
    again: list[Event] = []
    assert made(tmp_path, heard=again).refs == rows.refs
    assert again == [], "nothing is made twice"


@needs_program
def test_chinese_has_chinese_voices(tmp_path):
    few = replace(CHINESE, texts=CHINESE.texts[:1], takes=1)
    rows = made(tmp_path, few)
    assert rows.labels == ["普通话", "粤语", "客家话"]
    assert all(soundfile.info(rows.items.path(k)).duration > 0.8 for k in range(3))


@needs_program
def test_a_voice_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="with the voice 'xx-none") as caught:
        made(tmp_path, replace(FEW, voices={"Nowhere": "xx-none"}))
    assert "espeak-ng --version" in caught.value.hint
    assert not (tmp_path / "datasets" / "spoken" / "recordings").exists(), "whole or not at all"


@pytest.mark.parametrize("name", ["spoken", "spoken-zh"])
def test_without_the_program_it_says_what_to_install(name, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        MissingExtraError, match=f"builtin:{name} is spoken by the program"
    ) as caught:
        load(name, tmp_path / "cache")
    for words in ("apt install espeak-ng", "brew install espeak-ng", "winget install"):
        assert words in caught.value.hint


def test_the_demo_says_what_it_is_and_what_is_missing(headstart, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    result = headstart("demo", "sound")
    assert result.status == 2
    assert "says nothing about people" in result.err
    assert "apt install espeak-ng" in result.err
