"""A run in a notebook: small, safe, and right."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import headstart as hs
from conftest import draw_log
from headstart.modalities import Unit
from headstart.report.glance import of_run
from headstart.speaking import speaking

ROWS = Unit("row", "rows")
NASTY = "</div><script>alert(1)</script><b onclick='x'>&"


def words_of(html: str) -> str:
    return re.sub(
        r"\s+", " ", re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", html, flags=re.S))
    )


def test_a_run_shows_verdict_accuracy_and_comparison(run_folder: Path) -> None:
    run = hs.load(run_folder)
    html, estimate = run._repr_html_(), run.metrics["estimate"]
    text = words_of(html)
    low, high = estimate["accuracy_ci95"]
    assert f"Accuracy: {estimate['accuracy']:.1%} (95 % interval {low:.1%} to {high:.1%}" in text
    assert "3 classes: chequers, disc, stripes." in text
    for rival in run.metrics["baselines"]:
        assert rival["name"] in text
    assert len(html) < 20_000
    assert "prefers-color-scheme:dark" in html
    ElementTree.fromstring(html)  # every element is closed


def test_bars_are_as_long_as_the_shares(run_folder: Path) -> None:
    run = hs.load(run_folder)
    drawing = ElementTree.fromstring(run._repr_html_()).find("svg")
    wide = {r.get("class"): float(r.get("width", 0)) for r in drawing.iter("rect")}
    assert wide["own"] / wide["track"] == pytest.approx(
        run.metrics["estimate"]["accuracy"], abs=0.01
    )


def test_nothing_in_it_runs_or_is_loaded(run_folder: Path) -> None:
    metrics = hs.load(run_folder).metrics
    hostile = {
        **metrics,
        "classes": [NASTY, *(f"class {i} " + "x" * 500 for i in range(2000))],
        "baselines": [{**b, "name": NASTY} for b in metrics["baselines"]],
        "verdict": {**metrics["verdict"], "sentence": NASTY},
    }
    html = of_run(Path(NASTY), hostile, ROWS, learned=True)
    found = ElementTree.fromstring(html)
    assert {e.tag for e in found.iter()} <= {
        "div", "style", "p", "strong", "svg", "title", "text", "rect", "line",
    }  # fmt: skip
    names = {name for e in found.iter() for name in e.keys()}  # noqa: SIM118
    assert not [name for name in names if name.startswith("on") or name in ("href", "src")]
    assert "url(" not in html
    assert "@import" not in html
    assert len(html) < 200_000
    assert NASTY in "".join(found.itertext())


def test_in_chinese(run_folder: Path) -> None:
    with speaking("zh"):
        text = words_of(hs.load(run_folder)._repr_html_())
    assert "准确率：" in text
    assert "classes" not in text


def test_as_text_it_is_one_line(run_folder: Path, tmp_path: Path) -> None:
    run = hs.load(run_folder)
    assert re.fullmatch(
        r"<Run '.*photos': 3 classes, accuracy [\d.]+% \(95 % interval [\d.]+% to [\d.]+%\)>",
        str(run),
    )
    damaged = Path(shutil.copytree(run_folder, tmp_path / "photos"))
    (damaged / "metrics.json").write_text("{", "utf-8")
    assert repr(hs.load(damaged)) == f"<Run {str(damaged)!r}>"


def test_without_a_verdict(row_run: Path, text_run: Path) -> None:
    assert "nothing was pretrained" in words_of(hs.load(row_run)._repr_html_())
    assert "Accuracy on texts the model had not seen" in hs.load(text_run)._repr_html_()


def test_runs_that_recommend(tmp_path: Path) -> None:
    log = draw_log(tmp_path / "books.csv", seed=0, prefix="b")
    run = hs.recommend(log, out=tmp_path / "run")
    html = run._repr_html_()
    ElementTree.fromstring(html)
    known = json.loads((tmp_path / "run" / "metrics.json").read_text("utf-8"))["known"]
    assert f"{known['recall']:.1%}" in words_of(html)
    assert repr(run) == f"<RecommendRun {str(tmp_path / 'run')!r}>"
