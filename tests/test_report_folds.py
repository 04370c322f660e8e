"""What the page shows at once and what it folds; on paper, by keyboard and on a phone too."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from headstart.report import render, words
from headstart.report.facts import read
from headstart.report.page import compose
from headstart.report.use import kept
from test_notation import MINUS_NOTHING
from test_report import TANGLED, Page, browser, visit  # noqa: F401

LONG = "a class whose name goes on and on until no table could hold it " * 2 + "stripes"
WARNING = "Two patients are in training and in the test set."
NOTE = "Twelve images are small."


@pytest.fixture(scope="module")
def run(run_folder, tmp_path_factory) -> Path:
    """A run with a long name for a class, a warning and a note."""
    folder = Path(shutil.copytree(run_folder, tmp_path_factory.mktemp("folded") / "run"))
    for name in ("metrics.json", "pictures.json", "predictions.csv"):
        path = folder / name
        path.write_text(re.sub(r"\bstripes\b", LONG, path.read_text("utf-8")), "utf-8")
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    metrics.pop("sentences", None)  # those written here are nothing but text
    metrics["findings"] = [
        {"kind": "small", "severity": "info", "message": NOTE, "figures": {}},
        {"kind": "groups", "severity": "warning", "message": WARNING, "figures": {}},
    ]
    metrics.pop("sentences", None)  # of what stood there before
    (folder / "metrics.json").write_text(json.dumps(metrics), "utf-8")
    return render(folder).parent


def test_how_to_use_it_stands_right_after_the_verdict(run):
    ids = [e["id"] for e in Page((run / "report.html").read_text("utf-8")).all("section")]
    assert ids[:3] == ["verdict", "use", "findings"]


def test_the_files_that_are_named_are_those_of_the_run(run):
    named = {name.rstrip("/") for name, _ in kept(read(run, "run"))}
    assert named <= {path.name for path in run.iterdir()}
    assert {"model", "metrics.json", "predictions.csv", "report.html"} <= named


def test_a_phone_shows_what_counts_and_folds_the_rest(visit):  # noqa: F811
    page = visit(390, folded=True)
    assert page.evaluate("document.documentElement.scrollHeight") < 6000
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#use pre").first.is_visible()
    assert page.get_by_text(WARNING).is_visible()
    assert page.get_by_text(NOTE).is_hidden()
    assert page.locator("#gain .bars").is_visible()
    for heading in page.locator("section h2").all():
        assert heading.is_visible()


@pytest.mark.parametrize("kind", ["few", "small_test", "interrupted"])
def test_what_says_how_far_the_score_reaches_is_not_folded(kind):
    finding = {"kind": kind, "severity": "info"}
    assert words.weighed([finding]) == ([finding], [])


def test_nothing_is_cut_off_on_a_phone(visit):  # noqa: F811
    page = visit(390)
    cut = """[...document.querySelectorAll("section :is(p, h2, h3, table, pre, svg, img, dl)")]
      .filter((e) => e.checkVisibility() && !e.closest(".scroll, .lines, .shots, .pairs, .map"))
      .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML)"""
    assert page.evaluate(cut) == []
    table = page.locator(".scroll:has(> .classes)")
    wide, room = table.evaluate("box => [box.scrollWidth, box.clientWidth]")
    assert wide > room, "the table is as wide as its numbers ask for, and scrolls in its own box"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    table.evaluate("box => { box.scrollLeft = 999 }")
    assert table.evaluate("box => box.scrollLeft") > 0


def test_a_fold_opens_by_keyboard(visit):  # noqa: F811
    page = visit(folded=True)
    summary = page.locator("#classes summary")
    assert page.locator(".classes").is_hidden()
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator(".classes").is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.classList.contains('scroll')")


def test_one_button_unfolds_all_and_folds_it_again(visit):  # noqa: F811
    page = visit(folded=True)
    button = page.locator("#unfold")
    button.click()
    assert page.locator("details:not([open])").count() == 0
    assert page.locator("#unfold", has_text="Fold all").is_visible()
    button.click()
    assert page.locator("details[open]").count() == 0


@pytest.mark.parametrize("scripts", [True, False])
def test_paper_has_everything_open(visit, scripts):  # noqa: F811
    page = visit(folded=True, java_script_enabled=scripts)
    page.emulate_media(media="print")
    hidden = [
        part for part in page.locator("details > :not(summary, .switch)").all() if part.is_hidden()
    ]
    assert hidden == []
    page.emulate_media(media="screen")
    assert page.locator(".classes").is_hidden()


def test_printing_unfolds_and_folds_again(visit):  # noqa: F811
    page = visit(folded=True)
    page.locator("#classes summary").click()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 1


def test_no_number_is_minus_nothing(run):
    def tiny(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: tiny(part) for key, part in value.items()}
        if isinstance(value, list):
            return [tiny(part) for part in value]
        return -1e-9 if isinstance(value, float) else value

    facts = read(run, "run")
    metrics = facts.metrics
    for part in ("estimate", "verdict", "baselines"):
        metrics[part] = tiny(metrics[part])
    metrics["verdict"]["sentence"] = ""
    page = Page(compose(facts))
    said = [text for tag, text in page.texts if tag not in ("script", "style")]
    said += [
        value for _, a in page.elements for k, value in a.items() if k in ("aria-label", "title")
    ]
    assert [text for text in said if MINUS_NOTHING.search(text)] == []


def test_classes_and_mistakes_are_put_in_a_sentence(run):
    facts = read(run, "run")
    hard = words.hardest(facts.per_class)
    assert hard.startswith(("Hardest: ", "No class is: "))
    wrong = int((facts.y != facts.predicted).sum())
    said = words.mistakes(facts.confusion, facts.mixups, facts.unit)
    assert said.startswith(f"{wrong} of 45 images" if wrong else "No mistake at all on the 45")


def test_no_text_of_a_chart_touches_another(visit):  # noqa: F811
    page = visit()
    for width in (390, 1200):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(TANGLED) == []
