"""What a terminal and a log show while a job runs."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from headstart.cli import console
from headstart.cli.console import Bars
from headstart.events import Event
from headstart.speaking import speaking


@pytest.fixture
def terminal(monkeypatch) -> io.StringIO:
    screen = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=screen, force_terminal=True, width=120))
    return screen


def plain(screen: io.StringIO) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())


def test_a_stage_that_cannot_be_counted_moves(terminal):
    with Bars() as bars:
        bars(Event("fitting the head"))
        time.sleep(1.3)
    shown = plain(terminal)
    assert "0:00:01" in shown
    assert "0/?" not in shown and "-:--:--" not in shown and "1/1" not in shown
    lines = {line for line in re.split(r"[\r\n]", terminal.getvalue()) if "fitting" in line}
    assert len(lines) > 2  # the spinner and the bar are drawn anew


def test_a_stage_that_can_be_counted_says_how_far_it_is(terminal):
    with Bars() as bars:
        for done in (0, 30, 60):
            bars(Event("reading", done, 60, "images"))
    assert "60/60" in plain(terminal)


@pytest.mark.parametrize(("event", "said"), [
    (Event("fitting the head"), r"fitting the head \.\.\. 0 s"),
    (Event("reading", 3, 1200, "images"), r"reading \.\.\. 0 s, 3 of 1,200 images"),
])  # fmt: skip
def test_a_log_hears_now_and_then_that_a_stage_lives(monkeypatch, capsys, event, said):
    monkeypatch.setattr(console, "BEAT", 0.05)
    with Bars() as bars:
        bars(event)
        time.sleep(0.9)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"{event.stage} ..."
    assert 2 <= len(lines) - 1 <= 5  # twice as long from each line to the next
    assert all(re.fullmatch(said.replace("0 s", r"\d s"), line) for line in lines[1:])


def test_while_another_language_is_spoken_for_a_figure_a_log_is_silent(monkeypatch, capsys):
    monkeypatch.setattr(console, "BEAT", 0.05)
    with Bars() as bars:
        bars(Event("writing"))
        with speaking("zh"):
            time.sleep(0.3)
        assert capsys.readouterr().err.splitlines() == ["writing ..."]
        time.sleep(0.3)
    assert capsys.readouterr().err.startswith("writing ... ")


def test_a_log_of_quick_stages_is_one_line_each(capsys):
    with Bars() as bars:
        for stage in ("one", "two", "three"):
            bars(Event(stage))
    assert capsys.readouterr().err.splitlines() == ["one ...", "two ...", "three ..."]
