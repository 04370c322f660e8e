"""The answer comes first: score and verdict are said when they are known, once."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import headstart as hs
from headstart.cli import console
from headstart.cli.console import Bars
from headstart.events import Event


def test_score_and_verdict_are_said_before_the_doubts(
    photos: Path, small: str, tmp_path: Path
) -> None:
    heard: list[Event] = []
    run = hs.train(photos, out=tmp_path / "run", backbone=small, size=64, on_event=heard.append)
    first, second = (i for i, e in enumerate(heard) if e.level == "answer")
    assert heard[first - 1].stage == "judging on held-out folds"
    assert second < min(i for i, e in enumerate(heard) if e.stage.startswith("checking the order"))
    found = run.metrics
    assert heard[first].message.startswith(f"Accuracy {found['estimate']['accuracy']:.1%} (95 % ")
    assert heard[second].message == f"Verdict: {found['verdict']['sentence']}"
    tone = {"helps": "good", "hurts": "bad"}.get(found["verdict"]["decision"], "unsure")
    assert (heard[first].tone, heard[second].tone) == ("", tone)
    timing = found["timing"]
    assert timing["total_s"] - timing["judge_s"] < timing["answer_s"] < timing["total_s"]


def test_where_nothing_was_pretrained_that_is_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    np.savez(tmp_path / "rows.npz", X=rng.normal(size=(60, 4)) + 3 * y[:, None], y=y)
    heard: list[Event] = []
    hs.train(tmp_path / "rows.npz", out=tmp_path / "run", on_event=heard.append)
    said = [e.message for e in heard if e.level == "answer"]
    assert len(said) == 2
    assert said[1].startswith("No verdict on transfer: nothing was pretrained here.")


@pytest.mark.parametrize(
    ("tone", "message", "wanted"),
    [
        ("", "Accuracy 98.1% (95 % interval ...).", "[1mAccuracy 98.1%[0m (95 % interval ...)."),
        ("good", "Verdict: it helps.", "[1;32mVerdict:[0m it helps."),
        ("bad", "Verdict: [x] hurts.", "[1;31mVerdict:[0m [x] hurts."),
        ("unsure", "结论：不确定。", "[1;33m结论：[0m不确定。"),
    ],
)
def test_an_answer_in_the_terminal(monkeypatch, tone, message, wanted) -> None:
    screen = io.StringIO()
    shown = Console(file=screen, force_terminal=True, width=120, highlight=False)
    monkeypatch.setattr(console, "err", shown)
    with Bars() as bars:
        bars(Event("judging", 3, 3, "folds"))
        bars(Event("answering", message=message, level="answer", tone=tone))
        bars(Event("looking for doubts"))
    lines = re.split(
        r"[\r\n]+", re.sub(r"\x1b\[(?![\d;]*m)[0-9;?]*[A-Za-z]", "", screen.getvalue())
    )
    assert wanted in [line.replace("\x1b", "") for line in lines]
    assert screen.getvalue().count(message.partition(":")[2] or message[-4:]) == 1
