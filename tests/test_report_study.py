"""Pages of studies: which backbone, which layer, how many labels."""

from __future__ import annotations

import copy
import json
import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import headstart as hs
from given import IMAGE
from headstart.report import render_study, study_charts, study_words
from headstart.report.scales import numbers
from headstart.report.scatter import Spot, places, reach
from headstart.report.svg import Frame
from test_report import CONTRAST, TANGLED, Page, browser  # noqa: F401

NASTY = '<script>alert("a")</script> & a very long name, without an end'
PROTOCOL = "nested stratified cross-validation, 5 folds"


def backbone(name: str, accuracy: float, seconds: float | None, **more: Any) -> dict[str, Any]:
    """One backbone as rank.json holds it."""
    return {
        "name": name,
        "accuracy": accuracy,
        "accuracy_ci95": [accuracy - 0.03, min(1.0, accuracy + 0.025)],
        "behind": 0.934 - accuracy,
        "behind_ci95": [0.934 - accuracy - 0.011, 0.934 - accuracy + 0.013],
        "logme": 0.4137 + accuracy,
        "h_score": 3.21,
        "knn": accuracy - 0.05,
        "dim": 1280,
        "size": 224,
        "params": 3371008,
        "mb": 13.6,
        "seconds_per_1000": seconds,
        "licence": "Apache-2.0",
        "tie": accuracy > 0.92,
    } | more


RANK: dict[str, Any] = {
    "schema": 1,
    "study": "rank",
    "data": "photos/flowers",
    "n": 600,
    "classes": 5,
    "protocol": PROTOCOL,
    "recommended": "embedded:efficientnet-lite0",
    "sentence": "Use embedded:efficientnet-lite0: it is the quickest of three that cannot be told "
    "apart, 0.5 points behind the best.",
    "backbones": [
        backbone("embedded:efficientnet-lite2", 0.934, 11.2, behind_ci95=[0.0, 0.0], mb=24.4),
        backbone("timm:vit_small_patch16_224.augreg", 0.931, 24.9, size=224, dim=384, mb=88.0),
        backbone("embedded:efficientnet-lite0", 0.929, 4.1),
        backbone("torchvision:squeezenet1_1", 0.871, 3.2, params=722496, licence="", logme=None),
        backbone(NASTY, 0.412, 4.0, knn=None),
        backbone("file:unmeasured.pt", 0.31, None, mb=None, params=None),
    ],
}


def layer(name: str, depth: float, accuracy: float, **more: Any) -> dict[str, Any]:
    """One layer as layers.json holds it."""
    return {
        "name": name,
        "dim": 112,
        "accuracy": accuracy,
        "accuracy_ci95": [accuracy - 0.035, min(1.0, accuracy + 0.03)],
        "behind": 0.93 - accuracy,
        "behind_ci95": [0.93 - accuracy - 0.012, 0.93 - accuracy + 0.014],
        "depth": depth,
        "map": [112, 14, 14],
        "cache_mb_per_1000": 43.9,
        "tie": accuracy > 0.9,
    } | more


LAYERS: dict[str, Any] = {
    "schema": 1,
    "study": "layers",
    "data": "photos/flowers",
    "n": 600,
    "classes": 5,
    "protocol": PROTOCOL,
    "backbone": "embedded:efficientnet-lite0",
    "advice": "The last layer is as good as any: probe it, or fine-tune the last blocks.",
    "kind": "last",
    "layers": [
        layer("conv_stem", 0.03, 0.412, map=[32, 112, 112], dim=32, cache_mb_per_1000=802.8),
        layer("blocks.0", 0.07, 0.455, map=[16, 112, 112], dim=16, cache_mb_per_1000=401.4),
        layer("blocks.1", 0.18, 0.533),
        layer("blocks.2", 0.29, 0.61),
        layer("blocks.3", 0.43, 0.705),
        layer("blocks.4", 0.62, 0.81),
        layer("blocks.5", 0.85, 0.905),
        layer("blocks.6", 0.92, 0.921),
        layer("embedding", 1.0, 0.93, map=None, dim=1280, behind=0.0, behind_ci95=[0.0, 0.0]),
    ],
    "combined": {
        "accuracy": 0.941,
        "accuracy_ci95": [0.916, 0.96],
        "fraction": 0.2,
        "features": 412,
        "by_layer": {"blocks.5": 60, "blocks.6": 102, "embedding": 250},
    },
}


def point(per_class: int, transfer: float, baseline: float | None) -> dict[str, Any]:
    """One number of labels as curve.json holds it; intervals narrow with more labels."""
    half = 0.16 / math.sqrt(per_class)
    known = baseline is not None
    return {
        "per_class": per_class,
        "n_train": 5 * per_class,
        "transfer": transfer,
        "transfer_ci95": [transfer - half, transfer + half],
        "baseline": baseline,
        "baseline_ci95": [baseline - half, baseline + half] if known else None,
        "baseline_name": "colours and edges" if known else None,
    }


LAW = {"transfer": {"a": 0.46, "b": 0.49, "c": 0.03}, "baseline": {"a": 0.77, "b": 0.16, "c": 0.0}}
CURVE: dict[str, Any] = {
    "schema": 1,
    "study": "curve",
    "data": "photos/flowers",
    "n": 600,
    "classes": 5,
    "backbone": "embedded:efficientnet-lite0",
    "protocol": "10 random draws of the labels, held-out rows fixed in each",
    "points": [
        point(1, 0.52, 0.24),
        point(2, 0.63, 0.31),
        point(5, 0.755, 0.40),
        point(10, 0.82, 0.47),
        point(20, 0.865, 0.52),
        point(50, 0.90, 0.59),
        point(96, 0.918, 0.63),
    ],
    "fit": LAW,
    "forecast": {
        "more": 100,
        "per_class": 196,
        "accuracy": 0.9354,
        "accuracy_ci95": [0.905, 0.958],
        "gain": 0.0174,
        "gain_ci95": [-0.004, 0.033],
        "trust": "cautious",
        "sentence": "With 100 more labels per class expect about 93.5 % (90.5 % to 95.8 %).",
    },
    "worth": {"labels": 4100.0, "sentence": "Without transfer about 4,100 labels per class would "
              "be needed for the same accuracy."},
}  # fmt: skip
STUDIES = {"rank": RANK, "layers": LAYERS, "curve": CURVE}
FIGURE = {"rank": "ranking", "layers": "layers", "curve": "curve"}


def changed(name: str, **more: Any) -> dict[str, Any]:
    return copy.deepcopy(STUDIES[name]) | more


def write(folder: Path, document: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{document['study']}.json").write_text(json.dumps(document), "utf-8")
    return folder


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("studies")
    return {name: render_study(write(home / name, doc)) for name, doc in STUDIES.items()}


def said(path: Path) -> str:
    return " ".join(Page(path.read_text("utf-8")).text().split())


# The files


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_has_a_page_and_its_chart_twice(pages, name):
    folder = pages[name].parent
    assert pages[name].name == "report.html"
    assert pages[name].stat().st_size < 200_000
    figures = {p.name for p in (folder / "figures").iterdir()}
    assert figures == {f"{FIGURE[name]}.png", f"{FIGURE[name]}.svg"}
    with Image.open(folder / "figures" / f"{FIGURE[name]}.png") as image:
        assert min(image.size) > 300
    drawing = ElementTree.parse(folder / "figures" / f"{FIGURE[name]}.svg").getroot()
    assert drawing.tag.endswith("svg")


@pytest.mark.parametrize("name", STUDIES)
def test_the_same_study_gives_the_same_bytes(pages, tmp_path, name):
    again = render_study(write(tmp_path / "again", STUDIES[name])).parent
    for path in pages[name].parent.rglob("*.*"):
        if path.is_file():
            assert (again / path.relative_to(pages[name].parent)).read_bytes() == path.read_bytes()


def test_a_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(hs.ArtifactError, match=r"none of rank\.json") as refused:
        render_study(tmp_path)
    assert "headstart rank" in refused.value.hint


def test_a_folder_with_two_studies_is_refused(tmp_path):
    write(tmp_path / "two", RANK)
    with pytest.raises(hs.ArtifactError, match=r"rank\.json and curve\.json"):
        render_study(write(tmp_path / "two", CURVE))


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"study": "layers"}', '{"study": "rank"}'])
def test_a_damaged_document_is_refused(tmp_path, text):
    (tmp_path / "rank.json").write_text(text, "utf-8")
    with pytest.raises(hs.ArtifactError, match=r"rank\.json cannot be read") as refused:
        render_study(tmp_path)
    assert "headstart rank" in refused.value.hint
    assert not (tmp_path / "report.html").exists()


# What the pages say


def test_the_page_of_a_ranking_has_all_its_numbers(pages):
    text = said(pages["rank"])
    assert "Use efficientnet-lite0." in text
    assert RANK["sentence"] in text
    for b in RANK["backbones"]:
        assert b["name"] in text
        assert f"{b['accuracy']:.1%}" in text
        assert f"{b['accuracy_ci95'][0]:.1%} to {b['accuracy_ci95'][1]:.1%}" in text
    assert "6.3 points (5.2 to 7.6)" in text  # squeezenet
    assert "3.4 million" in text and "722,496" in text
    assert text.count("Apache-2.0") == 5 and "not stated" in text
    assert text.count(" tie") >= 2


def test_the_page_of_layers_has_all_its_numbers(pages):
    text = said(pages["layers"])
    assert LAYERS["advice"] in text
    for r in LAYERS["layers"]:
        assert r["name"] in text
        assert f"{r['accuracy']:.1%}" in text
    assert "32 × 112 × 112" in text and "vector" in text
    assert "803" in text and "43.9" in text
    assert "94.1% (91.6% to 96.0%), with 412 of the numbers kept (20 %)" in text
    assert "250" in text


def test_the_page_of_a_curve_has_all_its_numbers(pages):
    text = said(pages["curve"])
    assert "100 more labels per class: about +1.7 points." in text
    assert CURVE["forecast"]["sentence"] in text and CURVE["worth"]["sentence"] in text
    assert study_words.TRUST["cautious"] in text
    for p in CURVE["points"]:
        assert f"{p['transfer']:.1%}" in text and f"{p['baseline']:.1%}" in text
        assert f"{100 * (p['transfer'] - p['baseline']):+.1f}" in text
    assert "wrong answers = 0.46 · n^-0.49 + 0.03" in text
    assert CURVE["protocol"] in text


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_explains_itself(pages, name):
    text = said(pages[name])
    assert "How to read this" in text
    assert "How was this measured?" in text
    assert "600 images in 5 classes" in text
    assert STUDIES[name]["protocol"] in text
    # A protocol that is no cross-validation is not explained as one.
    assert ("dealt into 5 parts" in text) == (name != "curve")


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_loads_nothing_and_runs_nothing_foreign(pages, name):
    source = pages[name].read_text("utf-8")
    page = Page(source)
    assert len(page.all("script")) == 1
    assert "alert(" not in source.replace("&lt;script&gt;alert(", "")
    for _, attributes in page.elements:
        for key in ("src", "href", "srcset", "action"):
            assert attributes.get(key, "#").startswith(("data:", "#"))
    policy = next(e for e in page.all("meta") if e.get("http-equiv"))["content"]
    assert policy.startswith("default-src 'none'")
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {link["href"].removeprefix("#") for link in page.all("a")} <= set(ids)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("rank", {"backbones": RANK["backbones"][:1]}),
        ("rank", {"backbones": RANK["backbones"][-1:]}),
        ("rank", {"recommended": NASTY, "seed": 3, "classes": ["a", "b"]}),
        ("layers", {"combined": None}),
        ("layers", {"layers": LAYERS["layers"][-1:], "kind": "flat"}),
        ("layers", {"kind": "earlier"}),
        ("curve", {"forecast": None, "worth": {"labels": None, "sentence": "Cannot be said."}}),
        ("curve", {"points": CURVE["points"][:1], "forecast": None, "fit": None}),
        ("curve", {"points": [point(n, 0.9, None) for n in (1, 2)],
                   "fit": {"transfer": LAW["transfer"], "baseline": None}}),
        ("curve", {"fit": None}),
        ("curve", {"forecast": CURVE["forecast"] | {"trust": "far", "per_class": 1096}}),
        ("curve", {"points": [], "forecast": None, "fit": None}),
    ],
    ids=lambda v: v if isinstance(v, str) else ",".join(v),
)  # fmt: skip
def test_whatever_is_missing_the_page_is_whole(tmp_path, name, change):
    path = render_study(write(tmp_path / "study", changed(name, **change)))
    assert re.findall(r"\b(nan|inf|None)\b", said(path)) == []
    for _, attributes in Page(path.read_text("utf-8")).elements:
        for key in ("d", "x", "y", "x1", "y1", "cx", "cy", "points", "aria-label"):
            assert not re.search(r"\b(nan|inf)\b", attributes.get(key, ""))


# Charts


def test_ties_are_filled_and_what_is_behind_is_hollow():
    kinds = {s.name: (s.mark, s.behind) for s in study_charts.backbone_spots(RANK)}
    assert kinds["efficientnet-lite0"] == (" ✓", False)
    assert kinds["efficientnet-lite2"] == ("", False)
    assert kinds["squeezenet1_1"] == ("", True)
    assert "unmeasured.pt" not in kinds  # without a time it is only in the table
    assert study_charts.ranking(RANK, IMAGE.unit).count("dot behind") == 2


def test_names_of_points_stand_off_all_points_and_each_other():
    rng = np.random.default_rng(0)
    spots = [
        Spot(f"backbone number {i}", float(x), float(y), None, "", " ✓" if i == 3 else "")
        for i, (x, y) in enumerate(rng.uniform((0, 0.8), (1, 0.95), (8, 2)))
    ]
    frame = Frame(*reach(spots), height=340)
    boxes = places(frame, spots)
    assert boxes[3]  # the name of the one that was picked is never left out
    boxes = [box for box in boxes if box]
    assert len(boxes) >= 6
    for i, (left, right, top, bottom) in enumerate(boxes):
        assert 0 <= left < right <= frame.width
        for j, (_, other_right, other_top, other_bottom) in enumerate(boxes[:i]):
            apart = other_right <= left or right <= boxes[j][0]
            assert apart or other_bottom <= top or bottom <= other_top
        for spot in spots:
            x, y = frame.across(spot.x), frame.down(spot.y)
            assert not (left < x < right and top < y < bottom)


def test_the_law_is_one_minus_the_fitted_errors():
    law = study_charts.fitted(CURVE, study_charts.TRANSFER)
    # 1 - (0.46 * 100 ** -0.49 + 0.03): 100 ** -0.49 = 0.104713
    assert law(np.array([2.0]))[0] == pytest.approx(0.92183, abs=1e-5)
    assert study_charts.fitted(changed("curve", fit=None), study_charts.TRANSFER) is None


def test_the_band_leads_from_the_last_interval_to_that_of_the_forecast():
    x, low, high = study_charts.band_beyond(CURVE)
    last, forecast = CURVE["points"][-1], CURVE["forecast"]
    assert (10 ** x[0], 10 ** x[-1]) == pytest.approx((last["per_class"], forecast["per_class"]))
    assert (low[0], high[0]) == pytest.approx(last["transfer_ci95"])
    assert (low[-1], high[-1]) == pytest.approx(forecast["accuracy_ci95"])
    assert (low < high).all()


def test_numbers_on_a_logarithmic_axis_stand_at_their_logarithms():
    assert [(round(10**x), said) for x, said in numbers(1, 3)] == [
        (10, "10"), (100, "100"), (1000, "1,000"),
    ]  # fmt: skip


# In a browser


@pytest.fixture
def visit(browser, pages):  # noqa: F811
    contexts, trouble = [], []

    def visit(name: str, width: int = 1200, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", lambda r: r.url.startswith(("file:", "data:")) or trouble.append(r.url))
        page.goto(pages[name].as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert trouble == []


@pytest.mark.parametrize("name", STUDIES)
def test_the_page_fits_its_window(visit, name):
    page = visit(name)
    for width in (360, 390, 768, 1200):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(TANGLED) == []


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_ground(visit, name, scheme):
    found = visit(name, color_scheme=scheme).evaluate(CONTRAST.read_text("utf-8"))
    assert len(found) > 50
    assert [text for text in found if text["ratio"] < 4.5] == []


def test_the_theme_can_be_switched(visit):
    page = visit("rank", color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.locator("#theme").click()
    assert page.evaluate(ground) != before


def test_the_recommended_backbone_is_marked(visit):
    page = visit("rank")
    assert page.locator(".dot.chosen title").text_content().startswith(RANK["recommended"])
    assert page.locator("tr.own th").inner_text().startswith(RANK["recommended"])
