"""A run is the same in every language: only its sentences are others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import headstart as hs
from headstart.choose.workshop import _Live
from headstart.events import Event
from headstart.folder.sentences import SENTENCES, say_again
from headstart.language import languages
from headstart.said import Said, _
from headstart.speaking import speaking
from headstart.transfer.checkpoint import read_tensors, write_tensors
from headstart.transfer.parts import Point

CLOCKED = {"timing", "seconds", "forecast_s", "images_per_s", "time"}


@pytest.fixture(scope="module")
def runs(photos: Path, small: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one run writes and tells, by language."""
    folder, found = tmp_path_factory.mktemp("languages"), {}
    for code in languages():
        heard: list[Event] = []
        with speaking(code):
            run = hs.train(
                photos, out=folder / code, backbone=small, method="full", size=64, epochs=1,
                on_event=heard.append,
            )  # fmt: skip
        found[code] = json.loads((run.folder / "metrics.json").read_text("utf-8")), heard
    return found


def strings(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """List all text with where it stands."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for name, part in parts:
            yield from strings(part, f"{place}/{name}")


def without(value: Any, left_out: set[str]) -> Any:
    """Leave out keys, wherever they stand."""
    if isinstance(value, dict):
        return {k: without(v, left_out) for k, v in value.items() if k not in left_out}
    return [without(v, left_out) for v in value] if isinstance(value, list) else value


def test_the_numbers_are_those_of_any_language(runs: dict[str, Any]) -> None:
    assert len(runs) > 1
    english = runs["en"][0]
    for code, (document, _heard) in runs.items():
        assert document["language"] == code
        assert without(document[SENTENCES], CLOCKED) == without(english[SENTENCES], CLOCKED)
        with speaking("en"):
            say_again(document)
        left_out = CLOCKED | {"language", SENTENCES}
        assert without(document, left_out) == without(english, left_out)


def test_every_sentence_can_be_said_again(runs: dict[str, Any]) -> None:
    document = runs["en"][0]
    names = {b["name"] for b in document["baselines"]} | {"cannot tell"}
    unsaid = [
        (place, text)
        for place, text in strings({**document, SENTENCES: None})
        if " " in text and place not in document[SENTENCES] and text not in names
    ]
    assert unsaid == []
    assert {"/estimate/protocol", "/verdict/test", "/verdict/sentence"} < set(document[SENTENCES])


def test_what_is_told_meanwhile_is_said(runs: dict[str, Any]) -> None:
    heard = runs["en"][1]
    told = {text for event in heard for text in (event.stage, event.message) if text}
    own = ("answering", "fitting the head", "planning", "Verdict: ", "training full / fold 1")
    for words in own:
        assert [text for text in told if text.startswith(words) and isinstance(text, Said)], words


def test_trouble_that_a_checkpoint_keeps_is_still_said(tmp_path: Path) -> None:
    trouble = _("Out of memory: batches are now computed in {parts} parts.", parts=2)
    write_tensors(tmp_path / "fit", {}, {"trouble": trouble, "history": [{"loss": 0.5}]})
    found = read_tensors(tmp_path / "fit")
    assert found is not None
    assert found[1] == {"trouble": trouble, "history": [{"loss": 0.5}]}
    assert isinstance(found[1]["trouble"], Said)


@pytest.mark.parametrize("fit", ["full / fold 2", "full / final", "full / DANN"])
def test_a_fit_is_told_by_the_name_it_has_in_the_history(fit: str) -> None:
    heard: list[Event] = []
    _Live(heard.append, 3)(fit, Point(1, "training", 0.5, None, 1e-3, 1.0))
    assert [(e.stage, e.message) for e in heard] == [(f"training {fit}", "training loss 0.500")]
