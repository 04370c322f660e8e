"""A run folder of an earlier version still predicts what it did: tests/old_run is never made anew.

It was trained on 45 pictures drawn by ``conftest.draw_folder``, with ``--abstain 0.05``, before
examples of other kinds than images were known.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import headstart as hs
from conftest import draw_folder

OLD = Path(__file__).with_name("old_run")


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_folder(tmp_path_factory.mktemp("new") / "new", 2, seed=7)


def test_an_old_run_predicts_the_same_numbers(new: Path) -> None:
    run = hs.load(OLD)
    rows = run.rows(run.predict(new))
    wanted = json.loads((OLD / "expected.json").read_text("utf-8"))
    assert [Path(row["path"]).name for row in rows] == [row["path"] for row in wanted]
    for row, then in zip(rows, wanted, strict=True):
        assert [c for c in row if c != "note"] == list(then)
        for name, value in then.items():
            if isinstance(value, float):
                assert row[name] == pytest.approx(value, abs=1e-4), name
            elif name != "path":
                assert row[name] == value, name


def test_an_old_run_is_evaluated_and_reported_of(new: Path) -> None:
    run = hs.load(OLD)
    assert run.evaluate(new)["accuracy"] == 1.0
    assert run.modality.name == run.metrics["modality"] == "image"
    assert run.saved.card.look.to_json()["size"] == 224
