"""Pages and sentences of runs that recommend."""

from __future__ import annotations

import copy
import csv
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headstart as hs
from english import english, visible
from headstart.report import recommendation_charts
from headstart.report import recommendation_words as words
from headstart.report.recommendation import REPORT
from headstart.report.recommendation_figures import compared
from headstart.speaking import speaking
from test_report import CONTRAST, TANGLED, Page, browser  # noqa: F401

NASTY = '<script>alert("a")</script> & a title, The'
USERS, ITEMS, TASTES = 60, 30, 3


def draw(path: Path, seed: int, prefix: str) -> Path:
    """Draw a log of users with one of three tastes, who nearly always choose by it."""
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["user_id", "item_id", "time"])
        for user in range(USERS):
            own = rng.permutation(np.arange(user % TASTES, ITEMS, TASTES))[:5]
            chosen = rng.permutation(np.unique([*own, rng.integers(ITEMS)]))
            table.writerows(
                [f"u{user}", f"{prefix}{item}", 1_000_000_000 + 60 * when]
                for when, item in enumerate(chosen)
            )
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run with a source, and a table of items that has a hostile title, and one without."""
    root = tmp_path_factory.mktemp("shop")
    target, source = draw(root / "books.csv", 0, "b"), draw(root / "films.csv", 1, "f")
    with (root / "items.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["item_id", "title"])
        table.writerows([f"b{i}", f"{NASTY} {i}"] for i in range(ITEMS))
    given: dict[str, Any] = {"source": source, "items": root / "items.csv"}
    return {
        "both": hs.recommend(target, out=root / "both", **given).folder,
        "alone": hs.recommend(target, out=root / "alone").folder,
    }


@pytest.fixture(scope="module")
def found(runs: dict[str, Path]) -> dict[str, dict[str, Any]]:
    return {name: hs.RecommendRun(folder).metrics for name, folder in runs.items()}


def said(path: Path) -> str:
    return " ".join(Page((path / "report.html").read_text("utf-8")).text().split())


def candidate(weight: float, kind: str = "EASE") -> dict[str, Any]:
    return {"kind": kind, "weight": weight, "strength": 100.0}


def verdict(decision: str, gain: float, low: float, high: float) -> dict[str, Any]:
    return {
        "decision": decision,
        "gain": gain,
        "gain_ci95": [low, high],
        "detectable": 0.031,
        "p": 0.01,
        "test": "exact McNemar",
        "metric": "recall@20",
    }


def row(k: int, ours: float, theirs: float, half: float) -> dict[str, Any]:
    gain = ours - theirs
    ci95 = [gain - half, gain + half]
    return {"k": k, "n": 400, "with": ours, "without": theirs, "gain": gain, "gain_ci95": ci95}


@pytest.fixture
def transferred(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Metrics in which the source helps new users until they have three choices."""
    one = copy.deepcopy(found["both"])
    one["known"] |= {"recall": 0.62, "recall_ci95": [0.6, 0.64], "n": 400}
    one["known"]["chosen"] = candidate(0.3)
    one["known"]["without"] = candidate(0.0)
    one["data"]["offered"] = 400
    one["verdicts"] = {
        "known": verdict("cannot tell", 0.004, -0.01, 0.018),
        "new": verdict("helps", 0.21, 0.17, 0.25),
    }
    one["new"] = {
        "curve": [row(0, 0.52, 0.31, 0.04), row(1, 0.5, 0.44, 0.03), row(3, 0.5, 0.49, 0.03)],
        "ends": 3,
        "cold": candidate(1.0),
        "few": candidate(0.3),
    }
    return one


# Sentences


def test_new_users_come_first_and_recall_is_explained_once(transferred: dict[str, Any]) -> None:
    lines = words.recommendation_lines(transferred)
    assert lines[0] == (
        "New users: the source helps. Of 100 users new to the shop, for 52 the item they chose "
        "next is among the first 20 with the source, for 31 without (+21.0 points, 95 % interval "
        "+17.0 to +25.0)."
    )
    assert lines[1] == "From 3 choices of their own in the shop on, a gain no longer shows."
    assert lines[2].startswith("Known users: whether the source helps cannot be told.")
    assert "for 62.0" in lines[2] and "for 61.6 without" in lines[2]  # whole numbers would be one
    assert "reveal a gain of 3.1 points 4 times in 5" in lines[2]
    assert "Model: EASE with the source at weight 0.3." in lines[3]
    assert sum("Recall@20: of 100 users" in line for line in lines) == 1
    assert "20 of the 400 items, drawn at random, would hold it for 5.0 of 100" in lines[4]
    assert words.headline(transferred) == (
        "The source helps new users: +21.0 points. "
        "We cannot tell whether the source helps known users."
    )
    assert words.tone(transferred) == "good"


def test_a_source_that_hurts_is_said_to_hurt(transferred: dict[str, Any]) -> None:
    transferred["verdicts"]["known"] = verdict("hurts", -0.08, -0.11, -0.05)
    known = words.recommendation_lines(transferred)[2]
    assert known.startswith("Known users: the source hurts.")
    assert "for 62 " in known and "for 70 without (-8.0 points" in known
    assert words.tone(transferred) == "bad"


def test_a_source_that_was_declined_is_said_to_be_left_out(transferred: dict[str, Any]) -> None:
    transferred["known"]["chosen"] = candidate(0.0)
    transferred["verdicts"]["known"] = verdict("cannot tell", 0.0, 0.0, 0.0)
    assert words.recommendation_lines(transferred)[2] == (
        "Known users: the source is left out, for on choices hidden for tuning it was not clearly "
        "better than doing without."
    )
    assert words.headline(transferred).endswith("For known users the source is left out.")
    transferred["new"]["few"] = candidate(0.0)
    assert words.recommendation_lines(transferred)[1].startswith("From their first choice")


def test_what_was_measured_is_said_even_if_the_source_is_left_out(
    transferred: dict[str, Any],
) -> None:
    """Quarters choose for themselves: a gain may be there although the kept model has none."""
    transferred["new"]["cold"] = candidate(0.0)
    line = words.recommendation_lines(transferred)[0]
    assert line.startswith("New users: the source helps.")
    assert "the source is left out" in line
    transferred["verdicts"]["new"] = verdict("cannot tell", 0.01, -0.01, 0.03)
    line = words.recommendation_lines(transferred)[0]
    assert line.startswith("New users: the source is left out")
    assert "+1.0 points" in line


@pytest.mark.parametrize(
    ("rows", "ends", "expected"),
    [
        ([row(0, 0.5, 0.5, 0.02)], 0, ""),
        ([row(0, 0.5, 0.4, 0.02), row(10, 0.5, 0.4, 0.02)], None, "have made 10 choices"),
        (
            [row(0, 0.5, 0.4, 0.02), row(1, 0.5, 0.49, 0.02), row(2, 0.5, 0.45, 0.02)],
            1,
            "A gain shows for users with 0 and 2 choices",
        ),
        ([row(0, 0.5, 0.4, 0.02), row(1, 0.5, 0.49, 0.02)], 1, "From 1 choice of their own"),
    ],
)
def test_how_long_the_source_helps(
    transferred: dict[str, Any], rows: list[dict[str, Any]], ends: int | None, expected: str
) -> None:
    line = words.lasting(transferred["new"] | {"curve": rows, "ends": ends})
    assert expected in line and bool(expected) == bool(line)


def test_without_a_source_histories_are_compared_with_what_is_popular(
    found: dict[str, dict[str, Any]],
) -> None:
    one = copy.deepcopy(found["alone"])
    assert words.questions(one) == ["alone"]
    one["verdicts"] = {"known": verdict("helps", 0.2, 0.15, 0.25)}
    one["known"] |= {"recall": 0.7, "chosen": candidate(0.0)}
    first = words.recommendation_lines(one)[0]
    assert first.startswith("What users chose before helps to recommend. Of 100 users, for 70")
    assert "for 50 if what is popular is recommended to all (+20.0 points" in first
    one["known"]["chosen"] = candidate(0.0, "popularity")
    one["verdicts"] = {"known": verdict("cannot tell", 0.0, 0.0, 0.0)}
    assert words.recommendation_lines(one)[0].startswith("What is popular is recommended to all:")


def test_a_figure_that_says_nothing_is_said_to(found: dict[str, dict[str, Any]]) -> None:
    one = copy.deepcopy(found["alone"])
    one["data"]["offered"] = 12
    assert "There are only 12 items, so every list has all" in words.meaning(one)


# The page


def test_a_run_has_its_page_and_its_figures(runs: dict[str, Path]) -> None:
    for name, figures in (("both", {"models", "new_users"}), ("alone", {"models"})):
        files = {path.name for path in (runs[name] / "figures").iterdir()}
        assert files == {f"{figure}.{kind}" for figure in figures for kind in ("png", "svg")}
        for figure in figures:
            drawing = ElementTree.parse(runs[name] / "figures" / f"{figure}.svg").getroot()
            assert drawing.tag.endswith("svg")


def test_the_page_says_what_the_command_line_says(
    runs: dict[str, Path], found: dict[str, dict[str, Any]]
) -> None:
    for name, one in found.items():
        text = said(runs[name])
        for line in words.recommendation_lines(one):
            assert line in text
        for model in compared(one):
            assert model["name"] in text and f"{model['recall']:.1%}" in text
        for finding in one["findings"]:
            assert finding["message"] in text


def test_there_is_no_section_for_what_was_not_asked(runs: dict[str, Path]) -> None:
    sections = {
        name: {a["id"] for tag, a in Page((f / "report.html").read_text()).elements
               if tag == "section"}
        for name, f in runs.items()
    }  # fmt: skip
    assert sections["both"] - sections["alone"] == {"new"}
    assert "source" not in said(runs["alone"])


def test_new_users_are_in_a_chart_and_a_table(
    runs: dict[str, Path], found: dict[str, dict[str, Any]]
) -> None:
    text, curve = said(runs["both"]), found["both"]["new"]["curve"]
    for point in curve:
        low, high = (f"{100 * end:+.1f}".replace("-0.0", "+0.0") for end in point["gain_ci95"])
        assert f"{low} to {high}" in text
    drawn = ElementTree.fromstring(str(recommendation_charts.new_users(curve, 20)))
    assert len(drawn.findall("circle")) == len(drawn.findall("rect")) == len(curve)
    assert f"{curve[0]['with']:.1%} with 0 choices" in drawn.attrib["aria-label"]
    one = ElementTree.fromstring(str(recommendation_charts.new_users(curve[:1], 20)))
    assert "nan" not in ElementTree.tostring(one, encoding="unicode")


def test_examples_show_what_was_hidden_and_where_it_came(
    runs: dict[str, Path], found: dict[str, dict[str, Any]]
) -> None:
    text = said(runs["alone"])
    for one in found["alone"]["examples"]:
        assert f"User {one['user']}" in text
        mark = "✓" if one["rank"] <= 20 else "✗"
        assert f"{mark} {one['hidden']} place {one['rank']:g}" in text


def test_the_page_loads_nothing_and_runs_nothing_foreign(runs: dict[str, Path]) -> None:
    for folder in runs.values():
        source = (folder / "report.html").read_text("utf-8")
        page = Page(source)
        assert len(page.all("script")) == 1
        assert "<script>alert" not in source
        for _, attributes in page.elements:
            for key in ("src", "href", "srcset", "action"):
                assert attributes.get(key, "#").startswith(("data:", "#"))
        ids = [a["id"] for _, a in page.elements if "id" in a]
        assert len(ids) == len(set(ids))
        assert {link["href"].removeprefix("#") for link in page.all("a")} <= set(ids)
    assert NASTY in said(runs["both"])


def test_all_that_a_stranger_can_write_is_escaped(runs: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(runs["both"], tmp_path / "run"))
    document = json.loads((folder / "metrics.json").read_text("utf-8"))
    document["data"]["target"]["name"] = document["data"]["source"]["name"] = NASTY
    document["examples"][0] |= {"user": NASTY, "hidden": NASTY, "rank": 20.5}
    document["known"]["chosen"]["kind"] = document["known"]["rivals"][0]["name"] = NASTY
    document["findings"][0] |= {"kind": NASTY, "message": NASTY}
    document.pop("sentences", None)
    (folder / "metrics.json").write_text(json.dumps(document), "utf-8")
    page = REPORT.render(folder)
    assert page == folder / "report.html"
    assert "<script>alert" not in page.read_text("utf-8")
    assert "place 20.5" in said(folder)
    ElementTree.parse(folder / "figures" / "models.svg")


def test_the_same_run_gives_the_same_bytes(runs: dict[str, Path], tmp_path: Path) -> None:
    for name, folder in runs.items():
        again = Path(shutil.copytree(folder, tmp_path / name / folder.name))
        REPORT.render(again)
        for path in (folder / "report.html", *(folder / "figures").iterdir()):
            assert (again / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_a_missing_document_is_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(runs["alone"], tmp_path / "run"))
    (folder / "metrics.json").unlink()
    with pytest.raises(hs.ArtifactError, match=r"metrics\.json cannot be read"):
        REPORT.render(folder)


def test_the_page_is_chinese_where_that_is_spoken(runs: dict[str, Path], tmp_path: Path) -> None:
    for name, folder in runs.items():
        again = Path(shutil.copytree(folder, tmp_path / name))
        with speaking("zh"):
            source = REPORT.render(again).read_text("utf-8")
        assert re.search(r"<html[^>]* lang=\"zh", source)
        pieces = [p for p in visible(source) if not re.search(r"\((19|20)\d\d\), ", p)]
        assert {p: w for p in pieces if (w := english(p, "books films items csv both"))} == {}


def test_lines_are_chinese_where_that_is_spoken(transferred: dict[str, Any]) -> None:
    with speaking("zh"):
        lines = words.recommendation_lines(transferred)
    assert lines[0].startswith("新用户：源有帮助。在 100 位刚来商店的用户中，用源时有 52 位")
    assert [w for line in lines for w in english(line)] == []


# In a browser


@pytest.mark.parametrize("name", ["both", "alone"])
def test_the_page_fits_its_window_and_can_be_read(browser, runs, name) -> None:  # noqa: F811
    page = browser.new_page()
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda r: r.url.startswith(("file:", "data:")) or trouble.append(r.url))
    page.goto((runs[name] / "report.html").as_uri())
    for width in (360, 768, 1200):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(TANGLED) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        texts = page.evaluate(CONTRAST.read_text("utf-8"))
        assert len(texts) > 50
        assert [text for text in texts if text["ratio"] < 4.5] == []
    page.close()
    assert trouble == []
