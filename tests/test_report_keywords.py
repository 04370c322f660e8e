"""Pages and sentences of runs that find keywords, in both languages."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

import headstart as hs
from conftest import draw_documents, write_jsonl
from english import english, visible
from headstart.phrases.cutting import cut
from headstart.phrases.outcome import SHOWN, pieces
from headstart.report import keywords_words as words
from headstart.report.keywords import REPORT
from headstart.speaking import speaking

NASTY = '<script>alert("a")</script> the slow food & the fast room. '


@pytest.fixture(scope="module")
def run(tiny_bert: str, tmp_path_factory: pytest.TempPathFactory) -> hs.KeywordRun:
    """A run with gold keywords, one document of which would like to be HTML."""
    folder = tmp_path_factory.mktemp("report")
    rows = draw_documents(24, seed=3)
    rows[0]["text"] = NASTY + str(rows[0]["text"])
    data = write_jsonl(folder / "papers.jsonl", rows)
    return hs.keywords(data, gold="keywords", language="en", backbone=tiny_bert, out=folder / "run")


def composed(found: dict[str, Any]) -> str:
    return REPORT.compose(found, {"versions": {}}, "run", curves=None)


def test_the_page_is_chinese_where_chinese_is_spoken(run: hs.KeywordRun) -> None:
    with speaking("zh"):
        found = hs.KeywordRun(run.folder).metrics
        found["examples"] = []
        page = composed(found)
    names = "run papers en hf tiny yake f1 f1@5 f1@10 f1@m"
    said = [piece for piece in visible(page) if "(20" not in piece and "hf:" not in piece]
    assert "网络" in page
    assert {piece: left for piece in said if (left := english(piece, names))} == {}


def test_no_text_becomes_markup(run: hs.KeywordRun) -> None:
    page = (run.folder / "report.html").read_text("utf-8")
    assert "<script>alert(" not in page


@pytest.mark.parametrize("decision", ["helps", "hurts", "cannot tell"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_verdict_is_said(run: hs.KeywordRun, decision: str, language: str) -> None:
    found = copy.deepcopy(run.metrics)
    found["verdict"]["decision"] = found["verdict"]["learning"]["decision"] = decision
    with speaking(language):
        lines = words.keyword_lines(found)
        assert words.headline(found) in composed(found).replace("&#39;", "'")
        assert words.tone(found) == {"helps": "good", "hurts": "bad"}.get(decision, "unsure")
    assert len(lines) == 4
    reveals = "points 4 times in 5" if language == "en" else "五次里有四次"
    assert any(reveals in line for line in lines) == (decision == "cannot tell")


def test_without_gold_or_with_too_little_there_is_no_score(run: hs.KeywordRun) -> None:
    found = copy.deepcopy(run.metrics)
    found |= {"verdict": None, "scores": []}
    assert "Too few documents" in words.answers(found)[0]
    found["data"]["gold"] = None
    assert "--gold" in words.answers(found)[0]
    assert words.score(found) == ""
    assert words.headline(found) == "Keywords of 24 documents."
    assert 'id="ways"' not in composed(found)


def test_what_is_absent_is_said_only_where_it_is() -> None:
    assert words.absent({"present": 4, "keywords": 4}) == ""
    assert words.absent({"present": 3, "keywords": 4}).startswith("25%")


def test_marks_do_not_overlap_and_nothing_is_lost() -> None:
    text = "The deep neural network and the neural network. " + "x" * SHOWN
    each = cut(text, "en", parts=True)
    marked = pieces(text, [(one, "found") for one in each.phrases if one.words > 1])
    assert "".join(piece["text"] for piece in marked) == text[:SHOWN]
    found = [piece["text"] for piece in marked if piece["mark"]]
    assert found == ["deep neural network", "neural network"]


def test_metrics_are_plain_json_and_held_to_their_type(run: hs.KeywordRun, tmp_path: Path) -> None:
    document = json.loads((run.folder / "metrics.json").read_text("utf-8"))
    assert document["modality"] == "keywords"
    (tmp_path / "metrics.json").write_text(json.dumps({**document, "scores": [{"name": 1}]}))
    from headstart.errors import ArtifactError
    from headstart.folder.reading import read_document

    with pytest.raises(ArtifactError, match="scores"):
        read_document(tmp_path / "metrics.json")
