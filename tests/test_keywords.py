"""``headstart keywords`` from documents to report, as users run it, with good input and bad."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from pathlib import Path

import pytest

import headstart as hs
from conftest import draw_documents, write_jsonl
from headstart.cli import run as run_command
from headstart.errors import ArtifactError, ConfigError, DataError, UnknownNameError
from headstart.events import Event
from headstart.folder.layout import KEYWORDS_TABLE
from headstart.phrases.documents import keywords_in
from headstart.phrases.trial import COUNTING, FEWEST, FIXED, OURS


def rows_of(run: Path) -> list[dict[str, str]]:
    with (run / KEYWORDS_TABLE).open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture(scope="module")
def learned(tiny_bert: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with gold keywords; do not write into it."""
    folder = tmp_path_factory.mktemp("keywords")
    data = write_jsonl(folder / "papers.jsonl", draw_documents())
    line = ["keywords", data, "--gold", "keywords", "--backbone", tiny_bert]
    assert run_command([*map(str, line), "--language", "en", "--out", str(folder / "run")]) == 0
    return folder / "run"


def test_gold_keywords_are_learned_from_and_judge_every_way(learned: Path) -> None:
    found = hs.KeywordRun(learned).metrics
    assert found["data"]["documents"] == found["data"]["gold"]["judged"] == 30
    assert found["data"]["gold"]["keywords"] - found["data"]["gold"]["present"] == 6
    scores = {row["name"]: row for row in found["scores"]}
    assert list(scores)[:2] == [OURS, FIXED]
    assert {COUNTING, "TF-IDF", "longest first", "first in the text", "YAKE's features"} < set(
        scores
    )
    own = scores[OURS]
    assert own["f1_10_ci95"][0] <= own["f1_10"] <= own["f1_10_ci95"][1]
    assert own["f1_m"] > scores["longest first"]["f1_m"]
    assert own["f1_10_exact"] == own["f1_10"]  # they are written as they stand
    verdict = found["verdict"]
    assert verdict["way"] == OURS
    best = max((r for r in found["scores"] if not r["network"]), key=lambda row: row["f1_10"])
    assert verdict["rival"] == best["name"]
    assert verdict["gain"] == pytest.approx(own["f1_10"] - best["f1_10"])
    assert any("do not stand in their documents" in f["message"] for f in found["findings"])


def test_the_report_marks_what_was_found_and_missed(learned: Path) -> None:
    page = (learned / "report.html").read_text("utf-8")
    assert '<mark class="found">' in page
    assert "absent one" in page
    assert (learned / "figures" / "ways.svg").exists()
    before = page.encode()
    assert hs.KeywordRun(learned).report().read_bytes() == before
    shown = hs.KeywordRun(learned)._repr_html_()
    assert "longest first" in shown


def test_a_run_answers_for_new_documents_as_it_did_for_its_own(
    learned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [str(row["text"]) for row in draw_documents()]
    run = hs.KeywordRun(learned)
    again = list(run.predict(texts))
    assert ["; ".join(one.keywords) for one in again] == [r["keywords"] for r in rows_of(learned)]
    assert next(iter(run.predict(texts[3]))).keywords == again[3].keywords  # alone as among others
    few = next(iter(run.predict(texts[3], n=2))).keywords
    assert few == again[3].keywords[:2]
    everything = next(iter(run.predict(texts[3], n=None)))
    bar = run.metrics["model"]["threshold"]
    assert run.metrics["model"]["learned"] is (bar is not None)
    assert len(everything.keywords) >= 1
    out = tmp_path / "answers.csv"
    write_jsonl(tmp_path / "new.jsonl", draw_documents(4, seed=1))
    assert (
        run_command(["predict", str(learned), str(tmp_path / "new.jsonl"), "--out", str(out)]) == 0
    )
    with out.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["path"] for row in rows] == [f"line {k}" for k in (1, 2, 3, 4)]
    assert all(row["keywords"] and not row["error"] for row in rows)
    capsys.readouterr()
    line = ["predict", str(learned), "--text", texts[0], "--top", "1", "--json"]
    assert run_command(line) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["predictions"][0]["keywords"] == again[0].keywords[0]


def test_an_interrupted_file_is_gone_on_with(
    learned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headstart import keyword_run
    from headstart.jobs.find import find_into

    data = write_jsonl(tmp_path / "new.jsonl", draw_documents(9, seed=2))
    monkeypatch.setattr(keyword_run, "SIZE", 3)
    run = hs.KeywordRun(learned)
    whole = tmp_path / "whole.csv"
    assert find_into(run, data, whole) == 9

    def stop(event: Event) -> None:
        if event.done == 6:
            raise KeyboardInterrupt

    out = tmp_path / "parts.csv"
    with pytest.raises(KeyboardInterrupt):
        find_into(run, data, out, on_event=stop)
    assert not out.exists()
    asked = []
    monkeypatch.setattr(run, "_of", _counted(run._of, asked))
    find_into(run, data, out, resume=True)
    assert out.read_bytes() == whole.read_bytes()
    assert len(asked) == 1
    with pytest.raises(ConfigError, match="options"):
        find_into(run, data, _half_done(run, data, tmp_path), n=3, resume=True)


def _counted(function, calls):
    def counted(*args):
        calls.append(args)
        return function(*args)

    return counted


def _half_done(run: hs.KeywordRun, data: Path, folder: Path) -> Path:
    def stop(event: Event) -> None:
        if event.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        from headstart.jobs.find import find_into

        find_into(run, data, folder / "half.csv", on_event=stop)
    return folder / "half.csv"


def test_without_gold_keywords_nothing_is_judged_and_all_is_said(
    tiny_bert: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row["text"] for row in draw_documents(8)]
    table = tmp_path / "texts.csv"
    with table.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([["id", "text"], *enumerate([*rows, rows[0], ""])])
    line = ["keywords", str(table), "--backbone", tiny_bert, "--out", str(tmp_path / "run")]
    assert run_command([*line, "--top", "3", "--language", "en"]) == 0
    err = capsys.readouterr().err
    assert "Nobody gave gold keywords" in err
    assert "1 document cannot be read" in err
    made = rows_of(tmp_path / "run")
    assert len(made) == 10
    assert made[0]["keywords"] == made[8]["keywords"]  # the same document twice
    assert len(made[0]["keywords"].split("; ")) == 3
    assert made[9]["error"] == "an empty text"
    found = hs.KeywordRun(tmp_path / "run").metrics
    assert found["verdict"] is None
    assert found["scores"] == []
    assert found["model"]["phrases"] < 10 * found["model"]["per_document"]  # each once
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "Documents drawn by chance" in page


def test_folders_with_files_of_keywords_also_in_a_zip(tiny_bert: str, tmp_path: Path) -> None:
    root = tmp_path / "Set"
    for name in ("docsutf8", "keys"):
        (root / name).mkdir(parents=True)
    (root / "language.txt").write_text("ENGLISH")
    for k, row in enumerate(draw_documents(6)):
        (root / "docsutf8" / f"{k}.txt").write_text(str(row["text"]))
        (root / "keys" / f"{k}.key").write_text("\n".join(map(str, row["keywords"])) + "\n\n")
    (root / "keys" / "0.key").write_text(" \n")
    with zipfile.ZipFile(tmp_path / "Set.zip", "w") as archive:
        for file in sorted(root.rglob("*.*")):
            archive.write(file, file.relative_to(tmp_path))
    run = hs.keywords(tmp_path / "Set.zip", backbone=tiny_bert, language="en", out=tmp_path / "zip")
    assert run.metrics["data"]["name"] == "Set"
    gold = run.metrics["data"]["gold"]
    assert (gold["documents"], run.metrics["data"]["documents"]) == (5, 6)
    assert not run.metrics["model"]["learned"]  # five are too few
    assert run.metrics["verdict"]["way"] == FIXED
    assert any(str(FEWEST) in f["message"] for f in run.metrics["findings"])
    other = hs.keywords(root, backbone=tiny_bert, language="en", out=tmp_path / "folder")
    assert [r["keywords"] for r in rows_of(other.folder)] == [
        r["keywords"] for r in rows_of(run.folder)
    ]


def test_copies_are_in_one_fold_and_counted(tiny_bert: str, tmp_path: Path) -> None:
    rows = draw_documents(24)
    data = write_jsonl(tmp_path / "twice.jsonl", [*rows, *rows[:3]])
    run = hs.keywords(
        data, gold="keywords", backbone=tiny_bert, language="en", out=tmp_path / "run"
    )
    (found,) = (f for f in run.metrics["findings"] if f["kind"] == "duplicates")
    assert found["figures"]["documents"] >= 3
    assert run.metrics["scores"][0]["name"] == OURS


@pytest.mark.parametrize(
    ("rows", "options", "error", "mend"),
    [
        ([{"text": "a b c d"}], {"gold": "nope"}, "no column 'nope'", "columns"),
        (
            [{"text": "the slow food is here", "keywords": ""}] * 2,
            {"gold": "keywords"},
            "blank",
            "--gold",
        ),
        ([{"n": 1.5}, {"n": 2}], {}, "no column holds texts", "--x"),
        ([{"text": "a b c d"}], {"x": "text", "gold": "text"}, "cannot be both", "--gold"),
        ([{"text": ""}, {"text": " \u0007 "}], {"x": "text"}, "can be read", "not empty"),
    ],
)
def test_tables_that_will_not_do(
    rows: list[dict[str, object]],
    options: dict[str, str],
    error: str,
    mend: str,
    tiny_bert: str,
    tmp_path: Path,
) -> None:
    data = write_jsonl(tmp_path / "bad.jsonl", rows)
    with pytest.raises((DataError, ConfigError), match=error) as caught:
        hs.keywords(data, backbone=tiny_bert, out=tmp_path / "run", **options)
    assert mend in str(caught.value.hint) + str(caught.value)
    assert not (tmp_path / "run").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["bad.jsonl"]  # not half a run either


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"top": 0}, "--top 0"),
        ({"longest": 11}, "--longest 11"),
        ({"diversity": -0.1}, "--diversity -0.1"),
        ({"language": "xx"}, "'xx'"),
        ({"top": "many"}, "--top"),
        ({"method": "deep"}, "--method deep"),
        ({"gold": "keywords"}, "--gold names a column"),
    ],
)
def test_options_that_will_not_do(options: dict[str, object], error: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The slow food is here.")
    with pytest.raises((ConfigError, UnknownNameError), match=error):
        hs.keywords(tmp_path / "a.txt", out=tmp_path / "run", **options)


def test_a_network_for_pictures_and_a_damaged_zip_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The slow food is here.")
    with pytest.raises(ConfigError, match="no network for texts"):
        hs.keywords(
            tmp_path / "a.txt", backbone="embedded:efficientnet-lite0", out=tmp_path / "run"
        )
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 no zip")
    with pytest.raises(DataError, match="unpacked"):
        hs.keywords(tmp_path / "bad.zip", out=tmp_path / "run")


def test_hostile_documents_get_keywords_or_a_reason(tiny_bert: str, tmp_path: Path) -> None:
    long = "The slow food of a fast room. " * 35_000  # a million characters
    texts = [
        *(
            long,
            "bell\u0007 slow food\u0000 here",
            "!!! ??? ...",
            "a",
            "good " * 400,
            "ห้องที่เร็วมากนี้ดี " * 3,
        ),
        *("=cmd|' /C calc'!A0 slow food", "<script>alert('slow food')</script>", "好吃的食物很快"),
    ]
    data = write_jsonl(tmp_path / "hostile.jsonl", [{"text": text} for text in texts])
    run = hs.keywords(data, x="text", backbone=tiny_bert, out=tmp_path / "run")
    made = rows_of(run.folder)
    assert "slow food" in made[0]["keywords"]
    assert all(row["keywords"] or row["error"] for row in made)
    assert "<script>alert(" not in (run.folder / "report.html").read_text("utf-8")
    assert any(f["kind"] == "languages" for f in run.metrics["findings"])


def test_what_is_no_such_run_or_was_changed_is_refused(learned: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no run folder"):
        hs.KeywordRun(tmp_path / "nothing")
    with pytest.raises(ArtifactError, match="run of `keywords`"):
        hs.Run(learned)
    copy = tmp_path / "copy"
    shutil.copytree(learned, copy)
    with (copy / "model" / "words.parquet").open("ab") as opened:
        opened.write(b"x")
    with pytest.raises(ArtifactError, match="checksum"):
        hs.KeywordRun(copy)


def test_other_commands_say_what_such_a_run_is(
    learned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("The slow food is here.")
    assert run_command(["evaluate", str(learned), str(tmp_path)]) == 2
    assert "finds keywords" in capsys.readouterr().err
    assert run_command(["predict", str(learned), str(tmp_path), "--adapt", "bn"]) == 2
    assert "--adapt: this model finds keywords" in capsys.readouterr().err
    assert run_command(["report", str(learned)]) == 0
    assert capsys.readouterr().out.strip() == str(learned / "report.html")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("deep learning; vision;; ", ("deep learning", "vision")),
        ("a, b", ("a", "b")),
        ("a, b; c", ("a, b", "c")),
        ('["a, b", "c", "c"]', ("a, b", "c")),
        ("[not json", ("[not json",)),
        ("机器学习、深度学习；网络", ("机器学习", "深度学习", "网络")),
        ("one\n\ttwo", ("one", "two")),
        ("", ()),
    ],
)
def test_cells_of_keywords(cell: str, expected: tuple[str, ...]) -> None:
    assert keywords_in(cell) == expected
