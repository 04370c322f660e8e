"""The report of a run that doubts: withheld answers, suspicious labels, maps, rivals, backbones.

A real run is copied, and given the numbers that a judged run writes.
"""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from conftest import draw
from given import IMAGE, images
from headstart.data.dataset import Dataset
from headstart.modalities.image.digest import Digest
from headstart.modalities.image.show import MARKED_SIDE, thumbnail_data_uri
from headstart.report import render, trust_charts, trust_words, words
from headstart.report.facts import read
from headstart.report.figures import draw as draw_figures
from headstart.report.page import SECTIONS, compose, contents
from headstart.report.shown import EXPLAINED, SUSPECTS, collect
from test_report import CONTRAST, TANGLED, Page, browser, visit  # noqa: F401
from test_report_study import RANK

NASTY = '<script>alert("a")</script> & co'
ABSTENTION: dict[str, Any] = {
    "wanted_error": 0.05,
    "threshold": 0.71,
    "coverage": 0.862,
    "coverage_ci95": [0.83, 0.89],
    "error": 0.043,
    "error_ci95": [0.028, 0.066],
    "curve": [
        {"threshold": 1 - k / 40, "coverage": k / 40, "error": 0.13 * (k / 40) ** 3}
        for k in range(40, 0, -1)
    ],
}
NO_LIMIT = ABSTENTION | dict.fromkeys(
    ("wanted_error", "threshold", "coverage", "coverage_ci95", "error", "error_ci95")
)
UNFAMILIAR = {"kind": "nearest neighbours", "threshold": 0.42, "false_alarm_rate": 0.012,
              "false_alarm_ci95": [0.006, 0.025]}  # fmt: skip
SUSPECT = [
    {"path": f"stripes/{NASTY if i == 2 else i}.jpg", "label": "stripes", "suggested": "disc",
     "confidence": 0.995 - i / 100, "given": 0.003 + i / 200}
    for i in range(30)
]  # fmt: skip
ISSUES: dict[str, Any] = {
    "checked": 600,
    "rows": SUSPECT,
    "expected_gain": 0.013,
    "expected_gain_ci95": [0.002, 0.024],
    "sentence": "30 of 600 labels look wrong; mending them is worth about 1.3 points.",
}
EXPLAINED_AS = {"images": 12, "covered_drop": 0.41, "elsewhere_drop": 0.06,
                "sentence": "Covering what the maps mark lowers the score by 41 points, "
                "covering as much elsewhere by 6: the maps show what mattered."}  # fmt: skip
RIVALS = [
    {"baseline": "classic image features", "gain": 0.43, "gain_ci95": [0.36, 0.5], "p": 1e-7,
     "p_holm": 2e-7, "decision": "helps"},
    {"baseline": NASTY, "gain": 0.021, "gain_ci95": [-0.01, 0.052], "p": 0.031, "p_holm": 0.062,
     "decision": "cannot tell"},
]  # fmt: skip
PER_CLASS = [
    {"name": "stripes", "n": 48, "gain": -0.125, "p_holm": 0.012, "harmed": True},
    {"name": "disc", "n": 50, "gain": 0.2, "p_holm": 0.001, "harmed": False},
    {"name": "chequers", "n": 12, "gain": -0.3, "p_holm": None, "harmed": False},
]


def picture(kind: int, seed: int) -> Image.Image:
    return draw(kind, np.random.default_rng(seed), side=160)


def overlay(image: Image.Image) -> Image.Image:
    """An image with a map over it: bright in the middle."""
    from matplotlib import colormaps

    y, x = np.mgrid[-1 : 1 : image.height * 1j, -1 : 1 : image.width * 1j]
    heat = colormaps["viridis"](np.exp(-3 * (x**2 + y**2)))[..., :3] * 255
    return Image.blend(image, Image.fromarray(heat.astype(np.uint8)), 0.55)


def uri(image: Image.Image, side: int = MARKED_SIDE) -> str:
    return thumbnail_data_uri(image, side)


def explanation(i: int) -> dict[str, Any]:
    image = picture(i % 3, i)
    wrong = i < 4
    return {"path": f"disc/{i}.jpg", "label": "disc", "predicted": "stripes" if wrong else "disc",
            "confidence": 0.97 if wrong else 0.4 + i / 100, "kind": "wrong" if wrong else "unsure",
            "image": uri(image), "map": uri(overlay(image))}  # fmt: skip


def doubted(folder: Path, *, pictures: bool = True, **change: Any) -> Path:
    """Give a run folder the numbers of doubt, None leaves a key out."""
    path = folder / "metrics.json"
    metrics = json.loads(path.read_text("utf-8"))
    metrics.pop("sentences", None)  # those written here are nothing but text
    metrics["estimate"]["ece_ci95"] = [0.021, 0.064]
    metrics["verdict"] |= {"rivals": RIVALS, "per_class": PER_CLASS}
    found = {
        "abstention": ABSTENTION,
        "unfamiliar": UNFAMILIAR,
        "label_issues": ISSUES,
        "explanations": EXPLAINED_AS,
        "ranking": RANK,
    } | change
    metrics |= {key: value for key, value in found.items() if value is not None}
    metrics.pop("sentences", None)  # of what stood there before
    path.write_text(json.dumps(metrics), "utf-8")
    kept = json.loads((folder / "pictures.json").read_text("utf-8"))
    if pictures:
        kept["label_issues"] = [
            row | {"image": uri(picture(1, i), 160)} for i, row in enumerate(SUSPECT[:24])
        ]
        kept["explanations"] = [explanation(i) for i in range(8)]
    (folder / "pictures.json").write_text(json.dumps(kept), "utf-8")
    return folder


@pytest.fixture(scope="module")
def run(run_folder, tmp_path_factory) -> Path:
    folder = Path(shutil.copytree(run_folder, tmp_path_factory.mktemp("doubted") / "run"))
    return render(doubted(folder)).parent


@pytest.fixture
def copy(run_folder, tmp_path) -> Path:
    return Path(shutil.copytree(run_folder, tmp_path / "run"))


@pytest.fixture(scope="module")
def source(run) -> str:
    return (run / "report.html").read_text("utf-8")


def said(source: str) -> str:
    return " ".join(Page(source).text().split())


# What the page says


def test_the_new_sections_stand_in_their_order(run, source):
    ids = [e["id"] for e in Page(source).all("section")]
    assert ids == list(contents(read(run, "run")))
    assert ids == [name for name in SECTIONS if name not in ("tried", "training", "layer")]
    assert {"labels", "trust", "ranking", "looks"} <= set(ids)


def test_withheld_answers_are_said_with_their_price(source):
    text = said(source)
    assert "silent below a confidence of 71%" in text
    assert "answers 86.2% of images (95 % interval 83.0% to 89.0%)" in text
    assert "4.3% of these answers are wrong (95 % interval 2.8% to 6.6%)" in text
    assert "13.8% are left to you" in text
    # The error of the fixture is 0.13 * coverage ** 3.
    assert "13.0% when all are answered, 9.5% for the surest 90%, 6.7% for the surest 80%" in text
    assert "1.2% were marked (95 % interval 0.6% to 2.5%)" in text
    assert "(the calibration error, 95 % interval 2.1 to 6.4)" in text


def test_suspicious_labels_are_shown_with_both_classes(source):
    text = said(source)
    assert ISSUES["sentence"] in text
    assert "label_issues.csv" in text
    assert "+1.3 points of accuracy (95 % interval +0.2 to +2.4)." in text
    assert "The 24 most suspicious" in text
    part = source.partition('<section id="labels"')[2].partition("</section>")[0]
    assert part.count("<img") == 24
    assert "under 1%" in part and "over 99%" in part


def test_maps_stand_beside_their_images(source):
    part = source.partition('<section id="looks"')[2].partition("</section>")[0]
    assert part.count("<img") == 16
    assert part.count(">wrong</span>") == 4 and part.count(">unsure</span>") == 4
    assert EXPLAINED_AS["sentence"] in said(part)


def test_rivals_and_harmed_classes_are_told(source):
    text = said(source)
    assert "Transfer harms 1 class: stripes (-12.5 points on 48 images)" in text
    first, second = text.index("+2.1"), text.index("+43.0 +36.0")
    assert first < second  # the smallest gain first
    assert f"{NASTY} +2.1 -1.0 to +5.2 0.031 0.062 cannot tell" in text
    assert "+43.0 +36.0 to +50.0 < 0.001 < 0.001 helps" in text


def test_the_ranking_of_a_run_is_that_of_its_study(source):
    part = source.partition('<section id="ranking"')[2].partition("</section>")[0]
    text = said(part)
    assert RANK["sentence"] in text
    assert all(b["name"] in text for b in RANK["backbones"])


def test_words_of_the_files_stay_text(source):
    assert len(Page(source).all("script")) == 1
    assert "alert(" not in source.replace("&lt;script&gt;alert(", "")


def test_a_run_from_before_there_was_doubt_renders_as_it_did(copy):
    for name, keys in (
        ("metrics.json", ("abstention", "unfamiliar", "label_issues", "explanations", "ranking")),
        ("pictures.json", ("label_issues", "explanations")),
    ):
        kept = json.loads((copy / name).read_text("utf-8"))
        for key in keys:
            kept.pop(key, None)
        for part, key in (
            ("verdict", "rivals"),
            ("verdict", "per_class"),
            ("estimate", "ece_ci95"),
        ):
            kept.get(part, {}).pop(key, None)
        (copy / name).write_text(json.dumps(kept), "utf-8")
    source = compose(read(copy, "run"))
    ids = {e["id"] for e in Page(source).all("section")}
    assert not ids & {"labels", "trust", "ranking", "looks"}
    assert 'class="rivals"' not in source
    assert "Transfer harms" not in source


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"abstention": NO_LIMIT}, "no limit on errors was asked for"),
        ({"abstention": NO_LIMIT | {"wanted_error": 0.01}}, "it cannot be promised"),
        ({"abstention": NO_LIMIT | {"wanted_error": 0.01, "threshold": 0.99, "coverage": 0.0}},
         "none was as sure as that"),
        ({"abstention": None}, "were marked"),
        ({"abstention": NO_LIMIT | {"curve": []}, "unfamiliar": None}, "It answers every image"),
        ({"label_issues": ISSUES | {"rows": [], "sentence": "No label of 600 is contradicted."}},
         "No label of 600 is contradicted."),
        ({"label_issues": ISSUES | {"expected_gain": None, "expected_gain_ci95": None}},
         "was not measured"),
        ({"label_issues": ISSUES | {"expected_gain_ci95": [-0.01, 0.03]}}, "too little to be sure"),
        ({"pictures": False}, "its probability"),
        ({"explanations": None}, "What did it go by?"),
        ({"ranking": None}, "Which images should you not trust?"),
    ],
    ids=lambda v: ",".join(v) if isinstance(v, dict) else v,
)  # fmt: skip
def test_whatever_is_missing_the_page_is_whole(copy, change, expected):
    source = compose(read(doubted(copy, **change), "run"))
    text = said(source)
    assert expected in text
    assert re.findall(r"\b(nan|inf|None)\b", text) == []


# Charts, figures and pictures


def test_the_curve_of_risk_marks_its_threshold():
    curve = ABSTENTION["curve"][::-1]
    drawn = trust_charts.risk(curve, ABSTENTION, IMAGE.unit)
    assert "threshold 71%" in drawn and "asked for: 5.0%" in drawn
    assert "2% answered, 0.0% wrong; 100% answered, 13.0% wrong" in drawn
    plain = trust_charts.risk(curve, NO_LIMIT, IMAGE.unit)
    assert "threshold" not in plain and "asked for" not in plain


def test_a_curve_without_errors_has_an_axis():
    curve = [{"threshold": 0.5, "coverage": c, "error": 0.0} for c in (0.5, 1.0)]
    assert "nan" not in trust_charts.risk(curve, NO_LIMIT, IMAGE.unit)


def test_doubt_is_drawn_as_files_too(run):
    drawn = dict(draw_figures(read(run, "run")))
    for name in ("abstention", "ranking"):
        assert (run / "figures" / f"{name}.png").read_bytes() == drawn[f"{name}.png"]
        assert ElementTree.fromstring(drawn[f"{name}.svg"]).tag.endswith("svg")


def test_an_image_becomes_a_small_address():
    noise = np.random.default_rng(0).integers(0, 255, (900, 600, 3)).astype(np.uint8)
    assert len(uri(picture(0, 0).resize((2000, 1500)))) < 35_000
    assert len(uri(Image.fromarray(noise))) < 70_000
    assert uri(Image.new("RGB", (3, 3))).startswith("data:image/jpeg;base64,")


def test_pictures_of_doubt_are_collected(photos):
    files = sorted(p for p in photos.rglob("*") if p.is_file())
    n = len(files)
    rng = np.random.default_rng(0)
    dataset = Dataset(
        name="photos",
        examples=replace(images(files), refs=tuple(str(p.relative_to(photos)) for p in files)),
        labels=np.arange(n) % 3,
        classes=("a", "b", "c"),
        is_test=np.zeros(n, bool),
        position=np.arange(n) / n,
    )
    features = SimpleNamespace(
        vectors=[rng.normal(size=(n, 8)).astype(np.float32)],
        digests=[
            Digest((32, 32), thumb)
            for thumb in rng.integers(0, 255, (n, 64, 64, 3)).astype(np.uint8)
        ],
    )
    judgement = SimpleNamespace(rows=np.arange(n), proba=rng.dirichlet(np.ones(3), n))
    issues = [SUSPECT[0] | {"path": ref} for ref in ["gone.jpg", *dataset.refs]]
    pairs = [explanation(i) for i in range(14)]
    labels = SimpleNamespace(seed=0)
    kept = collect(dataset, features, judgement, labels, label_issues=issues, explanations=pairs)
    assert [row["path"] for row in kept["label_issues"]] == list(dataset.refs[: SUSPECTS - 1])
    assert all(row["image"].startswith("data:image/jpeg") for row in kept["label_issues"])
    assert len(kept["explanations"]) == EXPLAINED
    assert all(pair["map"].startswith("data:image/jpeg") for pair in kept["explanations"])
    json.dumps(kept)
    plain = collect(dataset, features, judgement, labels)
    assert not {"label_issues", "explanations"} & set(plain)


# Words


def test_shares_of_answers_that_the_curve_lacks_are_not_said():
    assert trust_words.levels([{"coverage": 0.7, "error": 0.1}]) == ""


def test_many_harmed_classes_are_counted():
    found = [{"name": f"c{i}", "gain": -0.1, "n": 30} for i in range(7)]
    assert "c4 (-10.0 points on 30 images) and 2 more." in trust_words.harm(found, IMAGE.unit)


def test_trust_has_an_interval_only_where_there_is_one():
    bins = [{"confidence": 0.8, "accuracy": 0.8, "count": 9}]
    assert "95 % interval 0.5 to 4.0" in words.trust(bins, 0.012, [0.005, 0.04])
    assert "interval" not in words.trust(bins, 0.012)


# In a browser


def test_the_page_fits_its_window(visit):  # noqa: F811
    page = visit()
    for width in (360, 390, 768, 1200):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(TANGLED) == []


def test_the_contents_fit_a_wide_window(visit):  # noqa: F811
    fits = "document.querySelector('nav').scrollWidth <= document.querySelector('nav').clientWidth"
    assert visit(1200).evaluate(fits)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_ground(visit, scheme):  # noqa: F811
    page = visit(color_scheme=scheme)
    found = page.evaluate(CONTRAST.read_text("utf-8"))
    assert [text for text in found if text["ratio"] < 4.5] == []
