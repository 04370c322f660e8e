"""The report of an adaptation: said plainly, whole where numbers are missing, honest about labels.

A real run is copied, and given the numbers that an adaptation writes.
"""

from __future__ import annotations

import copy as copying
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from conftest import draw
from given import IMAGE, images
from headstart.adaptation.guards import SLACK
from headstart.adaptation.outcome import SCORES
from headstart.data.items import Examples
from headstart.modalities.image.show import SIDE
from headstart.report import adaptation_charts, render
from headstart.report import adaptation_words as said_as
from headstart.report.adaptation_facts import Adaptation, ClassShare, read_adaptation
from headstart.report.adaptation_words import adaptation_lines
from headstart.report.facts import read
from headstart.report.figures import draw as draw_figures
from headstart.report.page import ADAPTATION as SECTIONS
from headstart.report.page import compose, contents
from headstart.report.shown import MOST, collect_adaptation
from headstart.report.trust_words import unfamiliar
from test_report import CONTRAST, TANGLED, Page, browser, visit  # noqa: F401

NASTY = '<script>alert("a")</script> & co'
CLASSES = ("chequers", "disc", "stripes")


def candidate(name: str, accuracy: float | None, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "family": "statistics",
        "summary": f"What {name} does.",
        "reference": "Author 2020, Title, eq. 1",
        "source_accuracy": accuracy,
        "source_accuracy_ci95": None if accuracy is None else [accuracy - 0.06, accuracy + 0.04],
        "scores": {"information maximisation": 0.4, "circular validation": None},
        "rank": 2.0,
        "changed": 0.3,
        "shares": {"chequers": 0.2, "disc": 0.5, "stripes": 0.3},
        "guards": [],
        "chosen": False,
        "seconds": 0.5,
        "target_accuracy": None,
        "target_accuracy_ci95": None,
    } | more


ADAPTED: dict[str, Any] = {
    "decision": "adapted",
    "chosen": NASTY,
    "sentence": "Adapted by CORAL. 3 of 4 scores prefer it. Selected without target labels; the "
    "accuracy on the target is not measured.",
    "reason": "3 of 4 scores prefer it.",
    "sure": "hardly",
    "source": {"name": "photos", "n": 45},
    "target": {"name": "sketches & co", "n": 30, "note": "1 file could not be read."},
    "candidates": [
        candidate("no adaptation", 0.91, rank=3.0, changed=0.0),
        candidate("ruled", 0.81, rank=1.0, guards=["Accuracy on the source fell by 10 points."]),
        candidate("second", 0.9, rank=2.5),
        candidate(NASTY, 0.92, rank=1.5, chosen=True, changed=0.42),
    ],
    "evidence": [
        {"score": "information maximisation", "says": "Sure answers, all classes?",
         "higher_is_better": True, "none": 0.31, "chosen": 0.62, "prefers": "adaptation"},
        {"score": "DEV", "says": "Weighted errors?", "higher_is_better": False, "none": 0.4,
         "chosen": None, "prefers": "neither"},
    ],
    "shift": {
        "auc": 0.972,
        "auc_ci95": [0.951, 0.984],
        "found": True,
        "sentence": "",
        "prior": {
            "sentence": "Discs are far more frequent.",
            "huge": True,
            "classes": [
                {"class": "chequers", "source": 0.3, "target": 0.25, "target_ci95": [0.15, 0.35]},
                {"class": "disc", "source": 0.1, "target": 0.5, "target_ci95": [0.4, 0.6]},
                {"class": "stripes", "source": 0.6, "target": 0.25, "target_ci95": [0.1, 0.4]},
            ],
        },
        "least_like": [{"path": f"t/{i}.jpg", "score": 0.999, "predicted": "disc"}
                       for i in range(3)],
        "unknown": {"sentence": "Some images fit no class.", "flagged": True, "share": 0.1,
                    "share_ci95": [0.05, 0.2], "examples": [{"path": "t/1.jpg", "score": 0.7}]},
        "map": {"source": [[0, 0, 0], [1000, 500, 1], [30, 40, 1]], "target": [[500, 1000, 2]]},
    },
    "target_labels": None,
    "proposals": None,
    "labelled": None,
}  # fmt: skip
TRUTH: dict[str, Any] = {
    "n": 30, "unknown": 0, "accuracy": 0.8, "accuracy_ci95": [0.63, 0.9],
    "source_only_accuracy": 0.5,
    "source_only_accuracy_ci95": [0.33, 0.67], "gain": 0.3, "gain_ci95": [0.13, 0.47],
    "decision": "helps", "sentence": "With its labels: 80.0% right.",
    "best": {"name": "second", "accuracy": 0.9},
}  # fmt: skip
LABELLED: dict[str, Any] = {
    "n": 30, "sentence": "30 labels of the target chose 'labels alone'.", "chosen": "labels alone",
    "accuracy": 0.7, "accuracy_ci95": [0.52, 0.83], "drawn": True,
    "candidates": [
        {"name": NASTY, "accuracy": 0.6, "accuracy_ci95": [0.42, 0.75], "chosen": False},
        {"name": "labels alone", "accuracy": 0.733, "accuracy_ci95": [0.56, 0.86], "chosen": True},
    ],
    "before": {name: ADAPTED[name] for name in ("chosen", "sentence", "reason")},
}  # fmt: skip
MEASURED: dict[str, Any] = {
    "why": "agreement", "per_class": "25 or more", "n": 60, "helped": 51, "worse": 2, "guessing": 0,
    "counted": "2026-01-31",
}  # fmt: skip
BACK = ADAPTED | {
    "chosen": "labels alone",
    "sentence": LABELLED["sentence"],
    "reason": LABELLED["sentence"],
    "labelled": LABELLED,
}
STEPPED_ASIDE = ADAPTED | {
    "decision": "not adapted",
    "chosen": "no adaptation",
    "sentence": "Not adapted. No shift was found. Selected without target labels; the accuracy on "
    "the target is not measured.",
    "reason": "No shift was found.",
    "sure": "fairly",
    "candidates": [candidate("no adaptation", 0.91, chosen=True), candidate("CORAL", 0.9)],
}
NOTHING: dict[str, Any] = {
    "decision": "not adapted", "chosen": "no adaptation", "sentence": "", "sure": "not",
    "source": {"name": "photos", "n": None}, "target": {"name": "b", "n": None, "note": None},
    "candidates": [], "evidence": [], "shift": None, "target_labels": None, "proposals": None,
    "labelled": None,
}  # fmt: skip
SOURCE_FREE = NOTHING | {
    "decision": "adapted",
    "chosen": "SHOT",
    "sentence": "SHOT was chosen. Its answers agree better with groups. Selected without target "
    "labels and without source images; the accuracy on the target is not measured.",
    "reason": "Its answers agree better with groups.",
    "sure": "hardly",
    "source": {"name": "photos", "n": 45},
    "target": {"name": "b", "n": 30, "note": None},
    "candidates": [
        candidate(name, None, family="source-free", rank=None, seconds=None, chosen=name == "SHOT",
                  scores={"clusters": 0.3125, "neighbours": 0.5}, changed=0.2)
        for name in ("no adaptation", "SHOT")
    ],
}  # fmt: skip


def of(**change: Any) -> Adaptation:
    return Adaptation(ADAPTED | change, {})


def target(files: dict[str, Path]) -> Examples:
    return replace(images(list(files.values())), refs=tuple(files))


def with_shift(**change: Any) -> dict[str, Any]:
    return ADAPTED | {"shift": ADAPTED["shift"] | change}


def adapted(folder: Path, adaptation: dict[str, Any], files: dict[str, Path]) -> Path:
    """Give a run folder the numbers and the pictures of an adaptation."""
    for name, found in (
        ("metrics.json", adaptation),
        ("pictures.json", collect_adaptation(target(files), adaptation)),
    ):
        kept = json.loads((folder / name).read_text("utf-8"))
        (folder / name).write_text(json.dumps(kept | {"adaptation": found}), "utf-8")
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """Three target images by their paths, and one that is none."""
    home, rng = tmp_path_factory.mktemp("target"), np.random.default_rng(0)
    found = {f"t/{i}.jpg": home / f"{i}.jpg" for i in range(3)}
    for i, path in enumerate(found.values()):
        draw(i, rng, side=240).save(path)
    (home / "broken.jpg").write_bytes(b"no image")
    return found | {"t/broken.jpg": home / "broken.jpg", "t/gone.jpg": home / "gone.jpg"}


@pytest.fixture(scope="module")
def run(run_folder, tmp_path_factory, files) -> Path:
    folder = Path(shutil.copytree(run_folder, tmp_path_factory.mktemp("adapted") / "run"))
    return render(adapted(folder, ADAPTED | {"target_labels": TRUTH}, files)).parent


@pytest.fixture
def copy(run_folder, tmp_path) -> Path:
    return Path(shutil.copytree(run_folder, tmp_path / "run"))


@pytest.fixture
def source(run) -> str:
    return (run / "report.html").read_text("utf-8")


def said(source: str) -> str:
    return " ".join(Page(source).text().split())


def section(source: str, name: str) -> str:
    return source.partition(f'<section id="{name}"')[2].partition("</section>")[0]


# Reading the numbers


def test_an_ordinary_run_has_no_adaptation():
    assert read_adaptation({"estimate": {}}, {}) is None
    assert read_adaptation({"adaptation": None}, {}) is None


def test_candidates_stand_by_rank_the_ruled_out_last():
    names = [c["name"] for c in of().candidates]
    assert names == ["no adaptation", NASTY, "second", "ruled"]
    assert of().own["changed"] == 0.42
    assert of().scores == ["information maximisation", "circular validation"]


def test_classes_stand_by_how_much_they_changed():
    rows = of().shares
    # (0.5 + 0.01) / (0.1 + 0.01) = 4.6; (0.6 + 0.01) / (0.25 + 0.01) = 2.3; 0.31 / 0.26 = 1.2
    assert [row.name for row in rows] == ["disc", "stripes", "chequers"]
    assert [said_as.frequency(row) for row in rows] == ["more frequent", "less frequent", ""]
    assert rows[0].answers == 0.5


def test_shares_are_those_of_the_answers_where_none_were_estimated():
    rows = of(shift=None).shares
    assert [(r.name, r.source, r.target, r.answers, r.moved) for r in rows] == [
        ("chequers", None, None, 0.2, False),
        ("disc", None, None, 0.5, False),
        ("stripes", None, None, 0.3, False),
    ]


def test_rows_find_their_pictures():
    images = {"least_like": [{"path": "t/1.jpg", "image": "data:1"}]}
    rows = Adaptation(ADAPTED, images).least_like
    assert [row["image"] for row in rows] == [None, "data:1", None]


# Words


@pytest.mark.parametrize(
    ("change", "headline", "tone"),
    [
        ({"chosen": "CORAL", "sure": "fairly"}, "Adapted by CORAL.", "unsure"),
        ({"chosen": "CORAL", "sure": "fairly", "measured": MEASURED}, "Adapted by CORAL.", "calm"),
        ({"chosen": "CORAL", "measured": MEASURED}, "Adapted by CORAL.", "unsure"),
        ({"chosen": "CORAL"}, "Adapted by CORAL.", "unsure"),
        (STEPPED_ASIDE, "Not adapted: the model answers as it is.", "calm"),
        (NOTHING, "Not adapted: the model answers as it is.", "unsure"),
        ({"target_labels": TRUTH}, "Adapting helps: 30.0 points better.", "good"),
        ({"target_labels": TRUTH | {"decision": "hurts", "gain": -0.123}},
         "Adapting hurts: 12.3 points worse.", "bad"),
        ({"chosen": "CORAL", "target_labels": TRUTH | {"decision": "cannot tell"}},
         "Adapted by CORAL; we cannot tell whether it helps.", "unsure"),
        (STEPPED_ASIDE | {"target_labels": TRUTH}, "Not adapted: the model answers as it is.",
         "calm"),
        (BACK, "Chosen by 30 labels: labels alone.", "calm"),
    ],
    ids=str,
)  # fmt: skip
def test_the_headline_promises_only_what_labels_showed(change, headline, tone):
    assert said_as.headline(of(**change)) == headline
    assert said_as.tone(of(**change)) == tone


@pytest.mark.parametrize(
    ("auc", "ci95", "expected"),
    [
        (0.5, [0.441, 0.559], "in 50 of 100 pairs (95 % interval 44 to 56)"),
        (0.9991, [0.992, 1.0], "in over 99 of 100 pairs (95 % interval 99 to 100)"),
        (1.0, None, "in 100 of 100 pairs."),
        (None, None, "was not measured"),
    ],
)
def test_an_auc_is_told_as_pairs_of_images(auc, ci95, expected):
    assert expected in said_as.apart({"auc": auc, "auc_ci95": ci95, "sentence": ""}, IMAGE.unit)


def test_the_account_leaves_out_that_nothing_was_measured():
    assert said_as.account(of(chosen="CORAL")) == "Adapted by CORAL. 3 of 4 scores prefer it."
    assert said_as.account(Adaptation(NOTHING, {})) == ""


def test_runs_that_keep_no_reason_are_read_by_their_sentence():
    old = {"sentence": ADAPTED["sentence"], "reason": None}
    told = "Adapted by CORAL. 3 of 4 scores prefer it."
    assert said_as.account(of(**old)) == said_as.lead(of(**old)) == told
    back = said_as.before(of(labelled=LABELLED | {"before": old | {"chosen": "CORAL"}}))
    assert back == f"Before there were labels, CORAL was chosen. {told}"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"chosen": "CORAL"}, "3 of 4 scores prefer it."),
        ({"chosen": "CORAL", "target_labels": TRUTH}, "Adapted by CORAL. 3 of 4 scores prefer it."),
        (STEPPED_ASIDE, "No shift was found."),
        (SOURCE_FREE, "Its answers agree better with groups."),
        (SOURCE_FREE | {"target_labels": TRUTH},
         "Adapted by SHOT. Its answers agree better with groups."),
        (BACK, LABELLED["sentence"]),
    ],
    ids=["adapted", "scored", "aside", "source-free", "source-free scored", "labels"],
)  # fmt: skip
def test_the_lead_does_not_repeat_the_headline(change, expected):
    assert said_as.lead(of(**change)) == expected


def test_what_was_chosen_before_there_were_labels_is_kept():
    said = f"Before there were labels, {NASTY} was chosen. 3 of 4 scores prefer it."
    assert said_as.before(of(**BACK)) == said
    assert said_as.before(of()) == said_as.before(of(labelled=LABELLED | {"before": None})) == ""
    aside = {"chosen": "no adaptation", "reason": "No shift was found."}
    told = said_as.before(of(labelled=LABELLED | {"before": aside}))
    assert told == "Before there were labels, nothing was adapted. No shift was found."


def test_labels_of_classes_unknown_to_the_source_are_counted():
    assert said_as.witnesses(TRUTH, IMAGE.unit) == said_as.DECIDED_NOTHING
    one, more = (said_as.witnesses(TRUTH | {"unknown": n}, IMAGE.unit) for n in (1, 4))
    assert one.startswith("1 of the 30 labelled images is of a class that the source does not have")
    assert more.startswith("4 of the 30 labelled images are of classes")


def test_only_runs_as_sources_count_as_without_source():
    assert Adaptation(SOURCE_FREE, {}).without_source
    assert not of().without_source and not Adaptation(NOTHING, {}).without_source


def test_no_more_labels_are_asked_for_than_there_are_images():
    assert [said_as.budget(of(target={"name": "b", "n": n})) for n in (20, 300, None)] == [
        20, 30, 30,
    ]  # fmt: skip
    assert [said_as.too_few(of(target={"name": "b", "n": n})) for n in (1, 19, 20, None)] == [
        True, True, False, False,
    ]  # fmt: skip


def test_names_that_are_no_words_of_ours_stay_as_they_are():
    assert [said_as.called(name) for name in ("{x}", NASTY, "MCC, network")] == [
        "{x}", NASTY, "MCC, network",
    ]  # fmt: skip


def test_the_guard_is_told_as_it_is():
    assert said_as.allowance() == f"{100 * SLACK:.0f}"
    assert (
        said_as.meaning("clusters", IMAGE.unit)
        == "agreement of the answers with clusters of the target images"
    )
    assert said_as.meaning("else", IMAGE.unit) == ""


@pytest.mark.parametrize(
    ("on_target", "expected"),
    [(False, "held-out images of your own, 5.0%"), (True, "images of the target, each held out")],
)
def test_what_is_unfamiliar_is_scored_where_it_was_learned(on_target, expected):
    found = {"false_alarm_rate": 0.05, "false_alarm_ci95": [0.02, 0.1]}
    assert expected in unfamiliar(found, IMAGE.unit, on_target=on_target)


def test_the_best_in_hindsight_is_named_with_a_warning():
    assert "second (90.0%)" in said_as.best(of(target_labels=TRUTH))
    assert "flatter" in said_as.best(of(target_labels=TRUTH))
    own = TRUTH | {"best": {"name": NASTY, "accuracy": 0.8}}
    assert "no candidate would have been better" in said_as.best(of(target_labels=own))
    assert said_as.best(of()) == said_as.best(of(target_labels=TRUTH | {"best": None})) == ""


def test_scores_compare_not_adapting_with_the_chosen_or_the_best_of_the_rest():
    assert said_as.rival(of()) == NASTY
    assert said_as.rival(Adaptation(STEPPED_ASIDE, {})) == "CORAL"
    assert said_as.rival(Adaptation(NOTHING, {})) == "adaptation"
    told = [ADAPTED["evidence"][0] | {"against": "the rival"}]
    assert said_as.rival(Adaptation(STEPPED_ASIDE | {"evidence": told}, {})) == "the rival"


def test_a_shift_that_has_a_sentence_speaks_for_itself():
    assert (
        said_as.apart(ADAPTED["shift"] | {"sentence": "They differ."}, IMAGE.unit) == "They differ."
    )


def test_the_terminal_gets_decision_evidence_and_next_step():
    lines = adaptation_lines(ADAPTED, IMAGE.unit)
    assert lines[0] == ADAPTED["sentence"]
    assert any(line.startswith("Hardly sure") for line in lines)
    assert any("97 of 100 pairs" in line for line in lines)
    assert {"Discs are far more frequent.", "Some images fit no class."} <= set(lines)
    assert lines[-1].startswith("Next: 30 labels") and "--label-budget 30" in lines[-1]


def test_how_often_such_choices_helped_stands_in_place_of_an_adverb():
    like = "25 or more images of the target a class"
    such = f"Of 60 such choices measured on public images (no score objects, {like}),"
    helped = f"{such} 51 helped and 2 made it worse, by more than 2 points."
    assert said_as.sure(of(measured=MEASURED, sure="fairly")) == helped
    assert said_as.sure(of(measured=MEASURED)) == f"{helped} Look at some answers yourself."
    assert helped in " ".join(adaptation_lines(ADAPTED | {"measured": MEASURED}, IMAGE.unit))
    aside = MEASURED | {"why": "no shift", "helped": 1, "worse": 9, "guessing": 4}
    assert said_as.sure(of(**(STEPPED_ASIDE | {"measured": aside}))) == (
        f"Of 60 such choices measured on public images (no shift, {like}), adapting would have "
        "helped in 1 and made it worse in 9, by more than 2 points. In 4 the answers were right no "
        "oftener than if one class had been given to all."
    )


def test_what_was_not_counted_is_not_praised():
    old = said_as.sure(of(sure="fairly"))
    assert old == said_as.sure(of(sure="fairly", measured=None))
    assert "no proof" in old and "not measured" in old and "airly" not in old


def test_the_terminal_says_what_labels_showed():
    lines = adaptation_lines(ADAPTED | {"target_labels": TRUTH}, IMAGE.unit)
    assert lines[0] == "Adapting helps: 30.0 points better."
    assert "With its labels: 80.0% right. These labels decided nothing" in "\n".join(lines)
    assert not any("sure" in line or "Next" in line for line in lines)
    back = adaptation_lines(BACK, IMAGE.unit)
    assert back[0] == LABELLED["sentence"]
    assert back[1].endswith("was chosen. 3 of 4 scores prefer it.")
    assert "sure" not in " ".join(back) and "not measured" not in " ".join(back)
    assert " ".join(back).count(LABELLED["sentence"]) == 1
    aside = adaptation_lines(STEPPED_ASIDE | {"target_labels": TRUTH}, IMAGE.unit)
    assert aside[:2] == ["Not adapted: the model answers as it is.", "No shift was found."]
    wanted = adaptation_lines(ADAPTED | {"proposals": [{"path": "a", "why": ""}] * 30}, IMAGE.unit)
    assert wanted[-1] == "Next: label the 30 images that are proposed in the report."
    more = adaptation_lines(BACK | {"proposals": [{"path": "a", "why": ""}]}, IMAGE.unit)
    assert more[-1] == "Next: label the 1 image that is proposed in the report."


def test_the_terminal_does_not_propose_what_a_run_as_the_source_refuses():
    lines = adaptation_lines(SOURCE_FREE, IMAGE.unit)
    assert lines[0] == SOURCE_FREE["sentence"] and "--target-labels" in lines[-1]
    assert "--label-budget" not in " ".join(lines)
    assert said_as.command(Adaptation(SOURCE_FREE, {})).endswith("--target-labels LABELS.csv")


def test_of_a_target_of_few_images_more_are_asked_for():
    one = STEPPED_ASIDE | {"target": {"name": "b", "n": 1}}
    assert adaptation_lines(one, IMAGE.unit)[-1].startswith("Next: give more images")


def test_the_terminal_says_little_where_little_is_known():
    lines = adaptation_lines(NOTHING, IMAGE.unit)
    assert lines[0] == "Not adapted: the model answers as it is."
    assert len(lines) == 3 and all(lines)


# Charts and figures


def test_the_map_has_a_disc_or_a_triangle_for_every_point():
    drawn = ElementTree.fromstring(
        adaptation_charts.domains(ADAPTED["shift"]["map"], ("a", NASTY, "c"), IMAGE.unit)
    )
    source, target = drawn.findall("g")
    assert [p.get("d").count("M") for p in source] == [1, 2]
    assert [p.get("d").count("M") for p in target] == [1]
    # x: 14 + 1 * (640 - 28) = 626; y: 14 + 0.5 * (440 - 28) = 220
    assert source[1].get("d") == "M626 220h0M32 30h0"
    assert source[1].find("title").text == f"source images labelled {NASTY} (2 here)"
    assert target[0].find("title").text == "target images called c (1 here)"
    assert "3 source images and 1 target images" in drawn.get("aria-label")
    assert (
        adaptation_charts.domains(None, (), IMAGE.unit)
        == adaptation_charts.domains({}, (), IMAGE.unit)
        == ""
    )


def test_bars_of_shares_fill_the_width_with_the_largest():
    rows = of().shares
    assert adaptation_charts.widest(rows) == 0.6
    assert adaptation_charts.widest([]) == 1
    drawn = ElementTree.fromstring(adaptation_charts.shares(rows[0], 0.6))  # disc
    # 0.1 / 0.6, 0.5 / 0.6 and 0.4 / 0.6 of the width
    assert [r.get("width") for r in drawn.findall("rect")] == ["100%", "16.67%", "83.33%"]
    assert drawn.find("line").get("x1") == "66.67%"
    assert drawn.get("aria-label") == (
        "disc: source 10.0%, target 50.0%, 95 % interval 40.0% to 60.0%"
    )
    bare = adaptation_charts.shares(ClassShare("a", None, None, None, 0.25), 0.5)
    assert "answers on the target 25.0%" in bare and "50.00%" in bare


def test_figures_come_as_png_and_svg(run):
    names = {f"adaptation_{n}.{kind}" for n in ("domains", "shares", "candidates")
             for kind in ("png", "svg")}  # fmt: skip
    there = {p.name for p in (run / "figures").glob("adaptation_*")}
    assert there == names
    for name in there:
        if name.endswith("svg"):
            ElementTree.parse(run / "figures" / name)
        else:
            with Image.open(run / "figures" / name) as image:
                assert min(image.size) > 200


def test_there_are_no_figures_of_nothing(copy, files):
    facts = read(adapted(copy, NOTHING, files), "run")
    assert not [name for name, _ in draw_figures(facts) if name.startswith("adaptation")]


# Pictures


def test_pictures_are_small_copies_in_order(files):
    wanted = ADAPTED | {"proposals": [{"path": "t/2.jpg"}, {"path": "t/0.jpg"}]}
    found = collect_adaptation(target(files), wanted)
    assert [shot["path"] for shot in found["least_like"]] == ["t/0.jpg", "t/1.jpg", "t/2.jpg"]
    assert [shot["path"] for shot in found["unknown"]] == ["t/1.jpg"]
    assert [shot["path"] for shot in found["proposals"]] == ["t/2.jpg", "t/0.jpg"]
    images = [shot["image"] for shots in found.values() for shot in shots]
    assert all(image.startswith("data:image/jpeg;base64,") for image in images)
    assert max(map(len, images)) < 30_000 and SIDE == 160


def test_pictures_that_cannot_be_read_are_left_out(files):
    bad = [{"path": f"t/{name}.jpg"} for name in ("broken", "gone", "never heard of", "1")]
    found = collect_adaptation(target(files), ADAPTED | {"proposals": bad})
    assert [shot["path"] for shot in found["proposals"]] == ["t/1.jpg"]
    assert collect_adaptation(target(files), NOTHING) == {part: [] for part in MOST}
    many = collect_adaptation(target(files), ADAPTED | {"proposals": [{"path": "t/1.jpg"}] * 70})
    assert len(many["proposals"]) == MOST["proposals"] == 60


# The page


def test_its_sections_stand_before_those_of_the_source(run, source):
    ids = [e["id"] for e in Page(source).all("section")]
    assert ids == list(contents(read(run, "run")))
    assert ids[: len(SECTIONS) + 1] == [*SECTIONS, "verdict"]
    assert len(set(re.findall(r'\bid="([^"]+)"', source))) == len(re.findall(r'\bid="', source))


def test_an_ordinary_report_says_nothing_of_domains(run_folder):
    source = compose(read(run_folder, "run"))
    ids = {e["id"] for e in Page(source).all("section")}
    assert not ids & (set(SECTIONS) - {"use"})
    assert "the source" not in said(source) and "target" not in said(source).lower()


def test_the_rest_of_the_page_is_said_to_be_about_the_source(source):
    text = said(source)
    assert "From here on this page is about the source, photos" in text
    assert "not for sketches & co" in text
    assert "Verdict, on the source" in text
    assert "share of new source images" in text
    assert "The model in it is for images like the target’s" in text


def test_with_labels_the_gain_is_shown_and_decided_nothing(source):
    top = said(section(source, "adaptation"))
    assert "Adapting helps: 30.0 points better." in top
    assert "+30.0 points" in top and "+13.0 to +47.0 points" in top
    assert "80.0%" in top and "50.0%" in top
    assert "decided nothing" in top
    assert "not measured" not in top
    assert "accuracy on the target (decided nothing)" in said(section(source, "candidates"))


def test_without_labels_nothing_is_promised(copy, files):
    source = compose(read(adapted(copy, ADAPTED, files), "run"))
    top, table = (said(section(source, name)) for name in ("adaptation", "candidates"))
    assert "not measured Selected without target labels." in top
    assert "Hardly sure" in top
    assert "accuracy on the target" not in table.lower()


def test_the_table_tells_why_a_candidate_was_ruled_out(source):
    part = section(source, "candidates")
    text = said(part)
    assert "ruled ruled out 81.0% (75.0% to 85.0%) 1 30% – Accuracy on the source fell" in text
    assert f"{NASTY} chosen 92.0% (86.0% to 96.0%) 1.5 42% – –" in text
    assert (
        "clearly costs more than 30 points there is ruled out" in text
        and "Place : by how often" in text
    )
    assert "mean rank" not in text
    assert "no adaptation 91.0% (85.0% to 95.0%) 3 – – –" in text
    assert "Author 2020, Title, eq. 1" in text


def test_the_scores_stand_behind_the_ranks(source):
    text = said(section(source, "candidates"))
    assert "second 0.400 – 0.5 s" in text and "ruled 0.400 – 0.5 s" in text


def test_the_evidence_is_a_row_a_score(source):
    text = said(section(source, "candidates"))
    assert "Sure answers, all classes? 0.310 0.620 adaptation" in text
    assert "Weighted errors? Lower is better. 0.400 – neither" in text


def test_the_shift_is_told_and_shown(source):
    part = section(source, "shift")
    assert "in 97 of 100 pairs (95 % interval 95 to 98)" in said(part)
    assert part.count("<img") == 3 and said(part).count("over 99% target") == 3
    assert 'class="domains"' in part


def test_a_huge_change_and_unknown_classes_warn(source):
    part = section(source, "shares")
    assert "Warning: Discs are far more frequent." in said(part)
    assert "Some images fit no class. Share of such images: 10.0% (95 % interval" in said(part)
    assert part.count("<img") == 1


def test_unflagged_strangers_are_not_shown(copy, files):
    calm = with_shift(unknown=ADAPTED["shift"]["unknown"] | {"flagged": False})
    part = section(compose(read(adapted(copy, calm, files), "run")), "shares")
    assert "Some images fit no class." in said(part) and "<img" not in part


def test_proposals_are_shown_with_their_reason(copy, files):
    wanted = [{"path": f"t/{i}.jpg", "predicted": "disc", "why": f"typical of group {i}"}
              for i in (2, 0)]  # fmt: skip
    source = compose(read(adapted(copy, ADAPTED | {"proposals": wanted}, files), "run"))
    part = section(source, "next")
    assert part.count("<img") == 2 and "to_label.csv" in part
    assert said(part).index("typical of group 2") < said(part).index("typical of group 0")


def test_labels_that_came_back_are_told(copy, files):
    source = compose(read(adapted(copy, BACK, files), "run"))
    top, table, part = (section(source, name) for name in ("adaptation", "candidates", "next"))
    assert "estimated from your 30 labels 70.0%" in said(top)
    assert "52.0% to 83.0%" in said(top) and "not measured" not in said(top)
    assert f"Before there were labels, {NASTY} was chosen." in said(top)
    assert said(source).count(LABELLED["sentence"]) == 1
    assert f"{NASTY} chosen without labels" in said(table)
    assert "They spoke before there were labels." in said(table)
    assert "labels alone chosen 73.3%" in said(part) and "What did your labels say" in said(part)


def test_a_run_as_the_source_leaves_no_holes(copy, files):
    source = compose(read(adapted(copy, SOURCE_FREE, files), "run"))
    top, _, table, shift, shares, after = (said(section(source, name)) for name in SECTIONS)
    assert "Adapted by SHOT. Its answers agree better with groups." in top
    assert "Selected without target labels and without source images." in top
    assert "SHOT chosen 20% –" in table and "SHOT 0.312 0.500" in table
    assert "on the source" not in table and "Place" not in table and "time" not in table
    assert IMAGE.unit.into(SCORES["clusters"]) in table
    assert "a run keeps none" in shift and "takes images of the source" in shares
    assert "disc 50.0%" in shares and "95 % interval" not in shares
    assert "--target-labels" in after and "--label-budget" not in after
    assert "taken over from that run" in said(source)
    told = compose(read(adapted(copy, SOURCE_FREE | {"target_labels": TRUTH}, files), "run"))
    assert "<pre" not in section(told, "next")


def test_words_of_the_files_stay_text(source):
    assert len(Page(source).all("script")) == 1
    assert "alert(" not in source.replace("&lt;script&gt;alert(", "")


def hollow(value: Any) -> Any:
    """Take away every number and every list of numbers of what may be null."""
    kept = copying.deepcopy(value)
    for row in kept["candidates"]:
        row |= dict.fromkeys(("source_accuracy", "source_accuracy_ci95", "rank", "changed"))
        row |= {"scores": {}, "shares": {}, "seconds": None}
    for row in kept["shift"]["prior"]["classes"]:
        row |= {"target": None, "target_ci95": None}
    kept["shift"] |= {"auc": None, "auc_ci95": None, "map": None, "least_like": []}
    kept["shift"]["unknown"] |= {"share": None, "share_ci95": None, "examples": []}
    return kept


@pytest.mark.parametrize(
    ("adaptation", "expected"),
    [
        (NOTHING, "Nothing was tried."),
        (STEPPED_ASIDE, "Not adapted: the model answers as it is."),
        (hollow(ADAPTED), "How far source and target differ was not measured."),
        (with_shift(prior=None, unknown=None), "Not looked for."),
        (with_shift(prior=None), "The bars are the shares of the answers"),
        (ADAPTED | {"evidence": []}, "What was tried"),
        (ADAPTED | {"target_labels": TRUTH | {"gain": None, "gain_ci95": None}}, "63.0% to 90.0%"),
        (ADAPTED | {"target_labels": dict.fromkeys(TRUTH) | {"n": 3}}, "not measured"),
        (STEPPED_ASIDE | {"target_labels": TRUTH}, "with your 30 labels"),
        (ADAPTED | {"labelled": {"n": 4, "sentence": None}}, "what would say more?"),
        (BACK | {"target_labels": TRUTH}, "labels alone: accuracy on the target 80.0%"),
        (SOURCE_FREE, "Adapted by SHOT."),
        (STEPPED_ASIDE | {"target": {"name": "b", "n": 1}}, "More images of the target"),
    ],
    ids=lambda v: v[:20] if isinstance(v, str) else None,
)
def test_whatever_is_missing_the_page_is_whole(copy, files, adaptation, expected):
    source = compose(read(adapted(copy, adaptation, files), "run"))
    text = said(source)
    assert expected in text
    assert re.findall(r"\b(nan|inf|None)\b", text) == []
    assert all(adaptation_lines(adaptation, IMAGE.unit))


def test_without_pictures_the_paths_are_named(copy, files):
    path = adapted(copy, ADAPTED, files) / "pictures.json"
    path.unlink()
    part = section(compose(read(copy, "run")), "shift")
    assert "<img" not in part and "t/2.jpg" in part


# In a browser


def test_the_page_fits_its_window(visit):  # noqa: F811
    page = visit()
    for width in (360, 390, 768, 1200):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(TANGLED) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_ground(visit, scheme):  # noqa: F811
    page = visit(color_scheme=scheme)
    found = page.evaluate(CONTRAST.read_text("utf-8"))
    assert [text for text in found if text["ratio"] < 4.5] == []


def test_the_map_shows_domains_or_classes_by_colour(visit):  # noqa: F811
    page = visit()
    colours = """() => [...document.querySelectorAll(".domains path")].map((path) =>
      getComputedStyle(path).getPropertyValue("--hue").trim())"""
    names = page.locator(".hues li")
    by_domain = page.evaluate(colours)
    assert by_domain[0] == by_domain[1] != by_domain[2]
    assert not names.first.is_visible()
    page.locator("#by-class").check()
    assert len(set(page.evaluate(colours))) == 3
    assert names.count() == 3 and names.first.is_visible()
