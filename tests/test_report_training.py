"""The report of a run whose network was trained: its curves, and the methods it was compared with.

A real run is copied, and given the numbers that fine-tuning writes.
"""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from given import IMAGE
from headstart.report import render, training_charts, training_words, words
from headstart.report.curves import Epoch, mean, read_curves
from headstart.report.facts import read
from headstart.report.figures import draw as draw_figures
from headstart.report.page import SECTIONS, contents
from headstart.report.svg import log_ticks, spread
from test_report import CONTRAST, TANGLED, Page, browser, visit  # noqa: F401

NASTY = '<script>alert("a")</script> & would take about 210 s'
NAME = "finetune last-stage"
COLUMNS = ("step", "split", "loss", "accuracy", "lr", "seconds", "head", "C", "fit")
TRAINING: dict[str, Any] = {
    "method": "finetune",
    "unfreeze": "last-stage",
    "blocks": ["blocks.5", "blocks.6", "conv_head", "bn2"],
    "cut": "blocks.4",
    "augment": "flips",
    "views": 4,
    "views_said": "4 fixed views: plain, mirrored, upside down, both",
    "prefix_forwards": 180,
    "cache_mb": 44.1,
    "epochs": 12,
    "batch_size": 32,
    "optimizer": "adamw",
    "schedule": "cosine",
    "lr": 0.0003,
    "head_lr": 0.0001,
    "batchnorm": "frozen",
    "tune": "all",
    "keep": "l2-sp,bss",
    "trainable_parameters": 1234567,
    "parameters": 3371008,
    "images_per_s": 310.0,
    "seconds": 41.2,
    "wise": [
        {"alpha": a / 10, "accuracy": 0.87 + 0.004 * a - 0.0003 * a * a, "log_loss": 0.4}
        for a in range(11)
    ],
    "wise_alpha": 0.7,
    "finder": {
        "lrs": [1e-6 * 10 ** (k / 8) for k in range(41)],
        "losses": [1.1 - 0.02 * k + (0.3 * (k - 34) ** 2 if k > 34 else 0) for k in range(41)],
        "suggested": 0.0008,
    },
}


def candidate(name: str, accuracy: float | None, seconds: float | None, **more) -> dict[str, Any]:
    """One method as metrics.json holds it."""
    known = accuracy is not None
    return {
        "name": name,
        "method": name.partition(" ")[0],
        "unfreeze": name.partition(" ")[2],
        "accuracy": accuracy,
        "accuracy_ci95": [accuracy - 0.04, min(1.0, accuracy + 0.03)] if known else None,
        "se": 0.012 if known else None,
        "forecast_s": 40.0,
        "seconds": seconds,
        "status": "tried" if known else "skipped",
        "chosen": name == NAME,
        "reason": "",
    } | more


CANDIDATES = [
    candidate("probe", 0.871, 0.8, forecast_s=None),
    candidate(NAME, 0.913, 37.2),
    candidate("finetune 4", 0.918, 92.0),
    candidate("full all", None, None, forecast_s=210.0, reason=NASTY),
    candidate("scratch all", None, 12.5, status="failed", reason="the loss became nan"),
]


def curve(part: str, split: str, epochs: int, *, shift: float = 0.0) -> list[dict[str, Any]]:
    """The rows of one fit in history.csv; validation is lowest in epoch 5."""
    falls = [0.8 * 0.75**e + 0.05 for e in range(epochs)]
    rises = [0.4 + 0.004 * (e - 4) ** 2 for e in range(epochs)]
    return [
        {
            "step": e + 1,
            "split": split,
            "loss": f"{(falls if split == 'training' else rises)[e] + shift:.6f}",
            "accuracy": f"{1 - (falls if split == 'training' else rises)[e] / 4 - shift:.6f}",
            "lr": f"{0.0003 * (1 + math.cos(math.pi * (e + 1) / epochs)) / 2:.8f}",
            "seconds": f"{3.1 * (e + 1):.3f}",
            "fit": f"{NAME} / {part}",
        }
        for e in range(epochs)
    ]


def rows(epochs: int = 12) -> list[dict[str, Any]]:
    """Two folds, the second one epoch shorter, the final fit, and a method that was not kept."""
    found = [{"step": 0, "split": "cross-validation", "loss": 0.5, "accuracy": 0.9, "fit": "probe"}]
    for part, length, shift in (("fold 1", epochs, 0.0), ("fold 2", max(epochs - 1, 1), 0.02)):
        for split in ("training", "validation"):
            found += curve(part, split, length, shift=shift)
    found += curve("final", "training", epochs, shift=0.01)
    stray = curve("fold 1", "training", epochs, shift=5)
    return found + [row | {"fit": "finetune 4 / fold 1"} for row in stray]


def trained(
    folder: Path,
    *,
    training: dict[str, Any] | None = TRAINING,
    candidates: list[dict[str, Any]] = CANDIDATES,
    history: list[dict[str, Any]] | None = None,
    **more: Any,
) -> Path:
    """Give a run folder the numbers of fine-tuning, and render it."""
    path = folder / "metrics.json"
    metrics = json.loads(path.read_text("utf-8")) | {
        "training": training,
        "candidates": candidates,
        "choice": {"sentence": "The last stage was kept: <b>deeper</b> is no better.",
                   "budget_s": 180.0},
    }  # fmt: skip
    path.write_text(json.dumps(metrics | more), "utf-8")
    with (folder / "history.csv").open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, COLUMNS, restval="")
        table.writeheader()
        table.writerows(rows() if history is None else history)
    render(folder)
    return folder


@pytest.fixture(scope="module")
def run(run_folder, tmp_path_factory) -> Path:
    return trained(Path(shutil.copytree(run_folder, tmp_path_factory.mktemp("trained") / "run")))


@pytest.fixture
def copy(run_folder, tmp_path) -> Path:
    return Path(shutil.copytree(run_folder, tmp_path / "run"))


@pytest.fixture(scope="module")
def source(run) -> str:
    return (run / "report.html").read_text("utf-8")


def said(source: str) -> str:
    return " ".join(Page(source).text().split())


# The curves


def test_curves_are_means_over_the_folds_of_the_method_kept(run):
    curves = read(run, "run").curves
    assert curves.folds == 2
    assert [p.step for p in curves.training] == list(range(1, 12))  # fold 2 stopped after 11
    assert len(curves.final) == curves.longest == 12
    first = [float(r["loss"]) for r in rows() if r["fit"].startswith(f"{NAME} / fold")
             and r["split"] == "validation" and r["step"] == 3]  # fmt: skip
    assert curves.validation[2].loss == pytest.approx(np.mean(first))
    assert curves.final[0].lr == pytest.approx(0.0003, rel=0.05)
    assert [step for step, _ in curves.rates] == list(range(1, 13))


def test_an_only_final_fit_stands_for_the_curves(tmp_path):
    path = tmp_path / "history.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, COLUMNS, restval="")
        table.writeheader()
        table.writerows(curve("final", "training", 3) + curve("final", "validation", 3))
    curves = read_curves(path)
    assert (curves.folds, len(curves.training), len(curves.validation)) == (0, 3, 3)
    assert curves.final == ()
    assert "model that was kept" in training_words.lines(curves, IMAGE.unit)


def test_cells_that_are_no_numbers_are_gaps(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(
        "step,split,loss,accuracy,lr,seconds,head,C,fit\n"
        "1,training,nan,,0.1,1,,,a / b / fold 1\n"
        "2,training,inf,0.5,,2,,,a / b / fold 1\n"
        "x,training,1,0.5,0.1,2,,,a / b / fold 1\n"
        "3,training,0.25,0.5\n",
        "utf-8",
    )
    curves = read_curves(path, "a / b")
    assert curves.training == (Epoch(1, None, None, 0.1), Epoch(2, None, 0.5, None))
    assert training_charts.loss(curves) == ""
    assert "nan" not in training_charts.accuracy(curves)


@pytest.mark.parametrize("content", [None, "", "step,split,loss\n0,cross-validation,0.5\n"])
def test_a_history_without_epochs_has_no_curves(tmp_path, content):
    path = tmp_path / "history.csv"
    if content is not None:
        path.write_text(content, "utf-8")
    assert read_curves(path) is None


@given(st.lists(st.lists(st.floats(0, 9), min_size=1, max_size=6), min_size=1, max_size=4))
def test_a_mean_curve_reaches_as_far_as_the_shortest_fit(fits):
    curves = [[Epoch(i + 1, v, None, v) for i, v in enumerate(fit)] for fit in fits]
    found = mean(curves)
    assert [p.step for p in found] == list(range(1, min(map(len, fits)) + 1))
    for i, point in enumerate(found):
        assert point.loss == pytest.approx(np.mean([fit[i] for fit in fits]))
        assert point.accuracy is None


# What the page says


def test_the_sections_stand_between_the_head_and_the_map(run, source):
    ids = [e["id"] for e in Page(source).all("section")]
    assert ids == list(contents(read(run, "run")))
    doubt = ("labels", "trust", "ranking", "looks", "layer")
    assert [name for name in ids if name not in doubt] == [s for s in SECTIONS if s not in doubt]
    assert ids.index("head") < ids.index("tried") < ids.index("training") < ids.index("map")


def test_the_numbers_of_training_are_those_of_the_files(run, source):
    text = said(source)
    curves = read(run, "run").curves
    lowest = min(curves.validation, key=lambda p: p.loss)
    assert f"lowest after epoch {lowest.step} ({lowest.loss:.3f})" in text
    assert f"rose to {curves.validation[-1].loss:.3f}" in text
    assert f"the training loss fell to {curves.training[-1].loss:.3f}" in text
    assert "45 images × 4 views = 180 forward passes, kept in 44.1 MB" in text
    assert "1.2 million of the network's 3.4 million parameters could change (36.6%)" in text
    assert "The last 4 layers of the network (blocks.5 to bn2) and the head" in text
    assert "Everything before them (7 layers) stayed frozen" in text
    assert "12 epochs" in text and "32 images a step" in text
    assert "0.0003 at most for the network, 0.0001 for the head" in text
    assert "L2-SP" in text and "BSS" in text
    assert "4 fixed views: plain, mirrored, upside down, both" in text
    assert "310 images a second; 41 s in all" in text
    assert "Kept: 70% of the way (alpha 0.7)" in text


def test_the_table_of_methods_is_that_of_the_file(source):
    text = said(source)
    assert "The last stage was kept: <b>deeper</b> is no better. The budget was 3 min." in text
    assert f"not tried: {NASTY}" in text
    assert "failed: the loss became nan" in text
    for c in CANDIDATES:
        assert c["name"] in text
        if c["accuracy"] is not None:
            assert f"{c['accuracy']:.1%}" in text
            assert f"{c['accuracy_ci95'][0]:.1%} to {c['accuracy_ci95'][1]:.1%}" in text
    assert "3 min 30 s" in text  # the forecast of what was left out


def test_words_of_the_files_stay_text(source):
    page = Page(source)
    assert "<b>" not in source
    assert "alert(" not in source.replace("&lt;script&gt;alert(", "")
    assert len(page.all("script")) == 1


def test_the_page_no_longer_says_that_all_is_frozen(source):
    text = said(source)
    assert "network fine-tuned (last stage)" in text
    assert "pretrained network, fine-tuned (this model)" in text
    assert "Which head did training start from?" in text
    assert "How was the head chosen?" not in text
    assert "all frozen" not in text
    assert "before it was trained on them" in text
    layers = source.partition('aria-label="Layers"')[2].partition("</table>")[0]
    assert layers.count("<strong>yes</strong>") == 4  # three layers and the head
    assert layers.count("no, frozen") == 8  # and bn2, as batch norms are frozen
    assert "36.7 % trainable" in layers


def test_a_network_from_nothing_is_not_called_pretrained(copy):
    blocks = [name for name, _, _ in read(copy, "run").card.layers]
    whole = TRAINING | {"method": "scratch", "unfreeze": "all", "blocks": blocks, "cut": None,
                        "trainable_parameters": 3371008, "batchnorm": "train"}  # fmt: skip
    text = said((trained(copy, training=whole) / "report.html").read_text("utf-8"))
    assert "network trained from nothing (this model)" in text
    assert "The whole network was trained from nothing" in text
    assert "every step computed the whole network" in text
    assert "100 % trainable" in text
    assert "The model kept here was trained from nothing, as asked for" in text
    assert words.headline(read(copy, "run").metrics["verdict"]) in text  # it is still of transfer


def test_a_run_from_before_there_was_fine_tuning_renders_as_it_did(copy):
    path = copy / "metrics.json"
    metrics = json.loads(path.read_text("utf-8"))
    for key in ("training", "candidates", "choice"):
        metrics.pop(key, None)
    path.write_text(json.dumps(metrics), "utf-8")
    (copy / "history.csv").unlink()
    shutil.rmtree(copy / "figures")
    source = render(copy).read_text("utf-8")
    ids = [e["id"] for e in Page(source).all("section")]
    assert "training" not in ids and "tried" not in ids
    assert "How was the head chosen?" in said(source)
    assert "all frozen: kept as they came" in said(source)
    assert not list((copy / "figures").glob("training.*"))
    assert not list((copy / "figures").glob("methods.*"))


@pytest.mark.parametrize(
    "change",
    [
        {"history": rows(1)},
        {"history": []},
        {"candidates": CANDIDATES[:1]},
        {"candidates": []},
        {"candidates": [CANDIDATES[0], candidate(NAME, None, None, status="failed")]},
        {"candidates": [candidate(NAME, 1.0, 0.0, accuracy_ci95=None, se=None)] * 2},
        {"candidates": [candidate(f"{NAME} {'x' * 60}", 0.5 + i / 100, 2.0**i) for i in range(12)]},
        {"training": TRAINING | {"wise": None, "wise_alpha": None, "finder": None, "keep": ""}},
        {"training": TRAINING | {"wise_alpha": None, "finder": {"lrs": [1e-4, 1e-3, 1e-2],
                                 "losses": [1, float("nan"), 2], "suggested": None}}},
        {"training": TRAINING | {"prefix_forwards": 0, "cache_mb": None, "images_per_s": None}},
        {"training": TRAINING | {"tune": "bias", "unfreeze": "1", "blocks": ["bn2"]}},
        {"training": None},
        {"history": [row | {"accuracy": ""} for row in rows()]},
        {"choice": None},
    ],
    ids=lambda change: ",".join(change),
)  # fmt: skip
def test_whatever_is_missing_the_page_is_whole(copy, change):
    source = (trained(copy, **change) / "report.html").read_text("utf-8")
    text = said(source).replace("the loss became nan", "")
    assert re.findall(r"\b(nan|inf|None)\b", text) == []
    for _, attributes in Page(source).elements:
        for key in ("d", "x", "y", "x1", "y1", "cx", "cy", "points", "aria-label", "height"):
            assert "nan" not in attributes.get(key, "") and "inf" not in attributes.get(key, "")
    ids = {e["id"] for e in Page(source).all("section")}
    assert ("training" in ids) == (change.get("training", TRAINING) is not None)
    assert ("tried" in ids) == (len(change.get("candidates", CANDIDATES)) > 1)


# Figures


def test_training_and_methods_are_drawn_as_files_too(run):
    drawn = dict(draw_figures(read(run, "run")))
    for name in ("training", "methods"):
        assert (run / "figures" / f"{name}.svg").read_bytes() == drawn[f"{name}.svg"]
        assert ElementTree.fromstring(drawn[f"{name}.svg"]).tag.endswith("svg")
        with Image.open(run / "figures" / f"{name}.png") as image:
            assert min(image.size) > 300


# Words and places


def test_new_findings_have_names():
    assert {"interrupted", "budget", "memory", "training"} <= set(words.FINDINGS)


@pytest.mark.parametrize(
    ("training", "validation", "expected"),
    [
        ([1.0, 0.5, 0.1], [0.9, 0.5, 0.8], "by heart"),
        ([1.0, 1.1, 1.2], [0.9, 1.0, 1.5], "did not fall either"),
        ([30.0, 370.0, 5.6], [600.0, 4.8, 18.8], "jumped from 30.000 to 370.000 in epoch 2"),
        ([1.09, 1.09, 1.09], [1.10, 1.09, 1.09], "hardly moved"),
        ([1.0, 0.5, 0.4], [0.9, 0.6, 0.4], "still falling"),
        ([1.0, 0.5, 0.4], [0.9, 0.41, 0.41], "settled at 0.410"),
        ([0.01, 0.01, 0.01], [0.02, 0.02, 0.02], "settled"),
        ([1.0, 0.5, 0.0], [0.9, 0.41, 0.41], "far above the training loss"),
        ([1.0, 0.5, 0.4], [], "cannot tell"),
        ([], [0.9, 0.41], "fell from 0.900 to 0.410"),
        ([1.0], [0.9], "too few"),
        ([], [], "too few"),
    ],
)
def test_the_curves_are_put_in_words(training, validation, expected):
    numbered = [[(i + 1, y) for i, y in enumerate(ys)] for ys in (training, validation)]
    assert expected in training_words.reading(*numbered, 3, IMAGE.unit)


@given(st.lists(st.floats(0, 300), min_size=1, max_size=12), st.floats(1, 40))
def test_labels_stand_apart_inside_and_in_order(wanted, gap):
    places = spread(wanted, gap, 10, 290)
    assert all(10 - 1e-6 <= p <= 290 + 1e-6 for p in places)
    room = min(gap, 280 / max(len(wanted) - 1, 1))
    assert all(
        b - a >= room - 1e-6 for a, b in zip(sorted(places), sorted(places)[1:], strict=False)
    )
    order = np.argsort(wanted, kind="stable")
    assert np.all(np.diff(np.array(places)[order]) > 0)


@given(st.floats(-8, 4), st.floats(0.1, 8))
def test_logarithmic_ticks_are_few_and_inside(low, width):
    found = log_ticks(10**low, 10 ** (low + width))
    assert len(found) <= 6
    assert all(10**low <= v <= 10 ** (low + width) for v in found)
    assert found or width < 0.5


# In a browser


@pytest.mark.parametrize("width", [360, 390, 768, 1200])
def test_the_page_fits_its_window(visit, width):  # noqa: F811
    page = visit(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(TANGLED) == []


def test_the_contents_fit_a_wide_window(visit):  # noqa: F811
    fits = "document.querySelector('nav').scrollWidth <= document.querySelector('nav').clientWidth"
    assert visit(1200).evaluate(fits)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_ground(visit, scheme):  # noqa: F811
    found = visit(color_scheme=scheme).evaluate(CONTRAST.read_text("utf-8"))
    assert [text for text in found if text["ratio"] < 4.5] == []


def test_lines_are_told_apart_without_colour(visit):  # noqa: F811
    page = visit()
    chart = page.locator("#training .plot").first
    dashes = "line => getComputedStyle(line).strokeDasharray"
    kinds = [chart.locator(f".line.{kind}").evaluate(dashes)
             for kind in ("training", "validation", "final")]  # fmt: skip
    assert len(set(kinds)) == 3
    assert chart.locator("circle.dot").count() == 11
    assert chart.locator("rect.dot").count() == 11
    assert chart.locator("text.end").all_text_contents() == ["final fit", "training", "validation"]


def test_the_chart_shows_the_numbers_of_the_history(visit, run):  # noqa: F811
    curves = read(run, "run").curves
    page = visit()
    losses, accuracies = page.locator("#training .plot").all()[:2]
    titles = [t.text_content() for t in losses.locator("rect.dot title").all()]
    assert titles == [f"validation, epoch {p.step}: {p.loss:.3f}" for p in curves.validation]
    titles = [t.text_content() for t in accuracies.locator("circle.dot title").all()]
    assert titles == [f"training, epoch {p.step}: {p.accuracy:.1%}" for p in curves.training]


def test_the_chosen_method_is_marked_and_higher_is_better(visit):  # noqa: F811
    page = visit()
    assert page.locator("#tried .dot.chosen title").text_content() == f"{NAME}: 91.3% in 37.2 s"
    assert page.locator("#tried text.chosen").text_content() == f"{NAME}, chosen"
    assert page.locator("#tried tr.own th").inner_text().startswith(NAME)
    assert page.locator("#tried .dot").count() == 3  # what was not measured is only in the table
    assert page.locator("#tried tbody tr").count() == 5
    height = {
        dot.locator("title").text_content().partition(":")[0]: float(dot.get_attribute("cy"))
        for dot in page.locator("#tried .dot").all()
    }
    assert height["finetune 4"] < height[NAME] < height["probe"]


def test_mixture_and_range_test_mark_what_was_chosen(visit):  # noqa: F811
    page = visit()
    marked = page.locator("#training text.chosen").all_text_contents()
    assert marked == ["0.0008, suggested", "alpha 0.7, chosen"]
