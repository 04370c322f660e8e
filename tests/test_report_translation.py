"""Pages and sentences of runs that translate."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

import headstart as hs
from english import english, visible
from headstart.folder.reading import read_document
from headstart.report import translation_words as words
from headstart.report.glance import of_translation
from headstart.report.translation import REPORT
from headstart.report.translation_charts import by_epoch
from headstart.speaking import speaking

NASTY = '<script>alert("a")</script> & a sentence'
PAPER = re.compile(r"\((19|20)\d\d\), ")


def scores(name: str, chrf: float, p: float | None) -> dict[str, Any]:
    around = [chrf - 0.02, chrf + 0.02]
    return {"name": name, "bleu": chrf / 2, "bleu_ci95": [chrf / 2 - 0.01, chrf / 2 + 0.01],
            "bleu_p": p, "chrf": chrf, "chrf_ci95": around, "chrf_p": p}  # fmt: skip


def curve(name: str, values: list[float], kept: int) -> dict[str, Any]:
    points = [{"epoch": k, "loss": 6.0 / k, "chrf": chrf, "lr": 1e-3 / k}
              for k, chrf in enumerate(values, 1)]  # fmt: skip
    return {"name": name, "kept": kept, "points": points}


def example(why: str, text: str = "A sentence.") -> dict[str, Any]:
    return {"why": why, "source": text, "reference": "一个句子。", "before": "一句。",
            "after": "一个句子。", "chrf": 1.0, "chrf_before": 0.3}  # fmt: skip


@pytest.fixture
def found() -> dict[str, Any]:
    """The metrics of a run that starts from another one."""
    recipe = {"epochs": 8, "lr": 1e-3}
    return {
        "schema": 1,
        "modality": "translation",
        "data": {"name": f"{NASTY}.tsv", "languages": ["en", "zh"], "read": 2100, "pairs": 2000,
                 "train": 1600, "validation": 200, "test": 200, "left_out": 3, "by": "cluster"},
        "model": {"name": "tiny", "start": "run", "kind": "m2m_100", "parameters": 2_000_000,
                  "lora": False, "pieces": 4_000, "shared": 1_500, "beam": 4, "recipe": recipe},
        "scores": [scores("trained", 0.2, 0.001), scores("scratch", 0.15, None),
                   scores("memory", 0.1, 0.002)],
        "signatures": {"bleu": "nrefs:1|tok:zh", "chrf": "nrefs:1|nc:6"},
        "verdict": {"question": "source", "against": "scratch", "decision": "helps", "gain": 0.05,
                    "gain_ci95": [0.03, 0.07], "detectable": 0.02, "p": 0.001,
                    "test": "sign-flip", "metric": "chrF"},
        "curves": [curve("trained", [0.1, 0.2, 0.19], 2), curve("scratch", [0.05, 0.1, 0.15], 3)],
        "examples": [example("drawn", NASTY), example("best"), example("worst")],
        "findings": [{"kind": "blank", "severity": "warning", "message": "1 pair has a blank side.",
                      "figures": {"pairs": 1}}],
        "seed": 0,
        "timing": {"total_s": 61.0},
    }  # fmt: skip


@pytest.fixture
def folder(found: dict[str, Any], tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps(found), "utf-8")
    record = {"modality": "translation", "versions": {"headstart": "1.0"}}
    (folder / "run.json").write_text(json.dumps(record), "utf-8")
    return folder


def test_the_lines(found: dict[str, Any]) -> None:
    lines = words.translation_lines(found)
    assert lines[0] == (
        "The other language pair helps: chrF +5.0 points. On sentences that were held out, chrF "
        "differs by +5.0 points from the same network, trained on the same pairs from nothing (95 "
        "% interval +3.0 to +7.0)."
    )
    assert lines[1] == (
        "chrF 20.0 (95 % interval 18.0 to 22.0), BLEU 10.0 (9.0 to 11.0) on 200 sentences that "
        "were not learned from."
    )
    assert "chrF2 nrefs:1|nc:6; BLEU nrefs:1|tok:zh" in lines[3]
    assert words.tone(found) == "good"
    assert "1,500 pieces came from the other run." in words.network(found)
    for question in words.QUESTIONS:
        for decision, said in (("hurts", "-5.0"), ("cannot tell", "4 times in 5")):
            found["verdict"] |= {"question": question, "decision": decision, "gain": -0.05}
            assert said in words.answer(found)


def test_the_page(folder: Path) -> None:
    page = REPORT.render(folder).read_text("utf-8")
    said = " ".join(" ".join(visible(page)).split())
    assert "The other language pair helps: chrF +5.0 points." in said
    assert "en → zh" in said
    assert "sign-flip" in said
    assert "Blank sides" in said
    for title in ("Drawn by chance", "The best", "The worst"):
        assert title in said
    assert "<script>alert" not in page
    assert page.count("<script") == 1
    assert 'lang="zh">一个句子。' in page
    names = {path.name for path in (folder / "figures").iterdir()}
    assert names == {"systems.png", "systems.svg", "training.png", "training.svg"}
    again = REPORT.render(folder).read_bytes()
    assert again == page.encode()


def test_the_page_is_chinese_where_that_is_spoken(folder: Path) -> None:
    with speaking("zh"):
        page = REPORT.render(folder).read_text("utf-8")
    pieces = [piece for piece in visible(page) if not PAPER.search(piece)]
    more = "tiny sentence script alert tsv nrefs tok nc sign flip pair has blank side json zh en"
    left = {piece[:80]: found for piece in pieces if (found := english(piece, more))}
    assert left == {}


def test_the_chart_has_a_line_for_each_network(found: dict[str, Any]) -> None:
    for value in ("chrf", "loss"):
        drawn = by_epoch(found["curves"], value)
        ElementTree.fromstring(str(drawn))
        assert drawn.count("<polyline") == 2
        assert "from nothing" in drawn
    assert by_epoch([curve("trained", [0.2], 1)], "chrf") == ""


def test_a_run_at_a_glance(found: dict[str, Any]) -> None:
    html = of_translation(Path("runs/x"), found)
    ElementTree.fromstring(html)
    assert "translation memory" in html


def test_a_damaged_document_is_refused(folder: Path, tmp_path: Path) -> None:
    path = folder / "metrics.json"
    changed = {**json.loads(path.read_text("utf-8")), "scores": "none"}
    path.write_text(json.dumps(changed), "utf-8")
    with pytest.raises(hs.ArtifactError, match="at scores it should be a valid list"):
        read_document(path)
    shutil.rmtree(folder)
    with pytest.raises(hs.ArtifactError):
        REPORT.render(folder)
