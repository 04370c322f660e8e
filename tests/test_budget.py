"""A budget is kept: what may not fit is not begun, and what will not is said before."""

from __future__ import annotations

import doctest
import shutil
from pathlib import Path
from typing import Any

import pytest

import headstart as hs
from headstart import Event
from headstart.choose import compete
from headstart.choose.candidates import Candidate, Entry
from headstart.choose.compete import OVERRUN, seconds_again, share_of
from headstart.choose.workshop import Workshop
from headstart.methods.networks import judging_seconds
from headstart.transfer.recipe import Recipe

PLAN = Workshop.plan


@pytest.fixture
def noisy(photos: Path, tmp_path: Path) -> Path:
    """Photos with a wrong label, or the probe would be perfect and nothing else tried."""
    data = tmp_path / "noisy"
    shutil.copytree(photos, data)
    (data / "disc" / "disc0.jpg").rename(data / "stripes" / "moved.jpg")
    return data


def forecast(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan as ever, but forecast a given time; leave out networks from scratch, which take it."""

    def plan(self: Workshop, candidate: Candidate, fits: list[tuple[int, int]]) -> Any:
        return PLAN(self, candidate, fits)[0], seconds

    monkeypatch.setattr(Workshop, "plan", plan)
    monkeypatch.setattr("headstart.methods.networks.Tuning._scratch", lambda *_: None)


def run(data: Path, small: str, budget: float, **options: Any) -> tuple[hs.Run, list[str]]:
    heard: list[Event] = []
    made = hs.train(data, out=data.parent / "run", backbone=small, size=64, epochs=1,
                    budget=budget, on_event=heard.append, **options)  # fmt: skip
    return made, [e.message for e in heard if e.level == "note"]


def test_what_fits_only_without_anything_to_spare_is_not_begun(
    noisy: Path, small: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forecast(450.0, monkeypatch)
    made, _ = run(noisy, small, 500.0)
    skipped = made.metrics["candidates"][1:]
    assert skipped
    assert {c["status"] for c in skipped} == {"skipped"}
    assert all(
        c["reason"].startswith("would take about 8 min, and may take 9 min;") for c in skipped
    )
    (found,) = [f for f in made.metrics["findings"] if f["kind"] == "budget"]
    assert f"--budget {500 + OVERRUN * 450:.0f}s" in found["message"]


def test_what_fits_is_tried_and_nothing_is_late(
    noisy: Path, small: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forecast(10.0, monkeypatch)
    made, said = run(noisy, small, 500.0)
    assert "tried" in {c["status"] for c in made.metrics["candidates"][1:]}
    assert not [line for line in said if "after its budget" in line]


def test_a_budget_that_reading_has_used_up_is_said_before_judging(noisy: Path, small: str) -> None:
    _, said = run(noisy, small, 0.01)
    (line,) = [line for line in said if "after its budget" in line]
    assert line.startswith("Judging and the report take about ")


def test_training_on_everything_that_will_be_late_is_said_before(
    noisy: Path, small: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folds in time, but so slowly that what is left is not enough."""
    forecast(10.0, monkeypatch)

    monkeypatch.setattr("headstart.methods.networks.seconds_again", lambda *_: 1e4)
    monkeypatch.setattr(
        "headstart.methods.networks.preferred", lambda tried, *_: (len(tried) - 1, 0.0, 0.0)
    )
    _, said = run(noisy, small, 500.0)
    late = [line for line in said if line.startswith("Training ") and "after its budget" in line]
    assert len(late) == 1


def test_what_comes_again_is_forecast_from_what_was_taken() -> None:
    fits = [(80, 20)] * 5
    entry = Entry(Candidate("x", "finetune", Recipe(), 1), 10.0, seconds=40.0)
    assert seconds_again(entry, [(100, 0)], fits) == pytest.approx(10.0)
    assert share_of([], fits) == 0.0
    assert doctest.testmod(compete).failed == 0


def test_judging_takes_longer_with_more_folds_and_baselines() -> None:
    assert judging_seconds(0.1, 5, 5) == pytest.approx(8 + 0.1 * (1.8 * 5 + 25))
    assert judging_seconds(0.1, 50, 5) > judging_seconds(0.1, 5, 5) + 8
