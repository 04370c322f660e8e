"""Files of tagged sentences as people have them, right and wrong."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from headstart.errors import DataError
from headstart.tagging.read import Tagged, read_tagged, recognised
from tagged import draw, write

CONLL_2003 = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC

-DOCSTART- -X- -X- O

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER
"""


def read(path: Path, tmp_path: Path) -> Tagged:
    return read_tagged(path, "utf-8", tmp_path / "cache")


def said(found: Tagged) -> str:
    return "\n".join(finding.message for finding in found.findings)


def test_conll_2003_has_four_columns_and_documents(tmp_path: Path) -> None:
    path = tmp_path / "eng.testa"
    path.write_text(CONLL_2003)
    assert recognised(path, tmp_path)
    found = read(path, tmp_path).sentences
    assert [one.tokens for one in found] == [("EU", "rejects", "German"), ("Peter", "Blackburn")]
    assert found[0].tags == ("B-ORG", "O", "B-MISC")
    assert found[0].document != found[1].document
    assert found[1].where == "eng.testa:9"


def test_chinese_characters_with_tabs_in_bmes_and_gb18030(tmp_path: Path) -> None:
    text = "\r\n".join(
        f"{c}\t{t}"
        for c, t in zip("我爱北京城吧", ["O", "O", "B-LOC", "M-LOC", "E-LOC", "O"], strict=True)
    )
    path = tmp_path / "msra.txt"
    path.write_bytes((f"{text}\r\n\r\n" * 4).encode("gb18030"))
    assert recognised(path, tmp_path)
    found = read(path, tmp_path)
    assert len(found.sentences) == 4
    assert found.sentences[0].tags == ("O", "O", "B-LOC", "I-LOC", "I-LOC", "O")
    assert "gb18030" in said(found) and "BMES" in said(found)


def test_a_folder_says_by_names_what_is_for_what(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("train.txt", "dev.txt", "test.txt"):
        write(folder / name, draw(3))
    (folder / "README.md").write_text("# A set\n")
    assert recognised(folder, tmp_path)
    found = read(folder, tmp_path)
    assert [one.part for one in found.sentences] == ["train"] * 3 + ["dev"] * 3 + ["test"] * 3 or (
        sorted(one.part for one in found.sentences) == ["dev"] * 3 + ["test"] * 3 + ["train"] * 3
    )
    (folder / "test.txt").unlink()
    parts = [one.part for one in read(folder, tmp_path).sentences]
    assert sorted(parts) == ["test"] * 3 + ["train"] * 3


def test_a_zip_is_read_as_its_folder(tmp_path: Path) -> None:
    write(tmp_path / "train.conll", draw(3))
    write(tmp_path / "test.conll", draw(2))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        for name in ("train.conll", "test.conll"):
            file.write(tmp_path / name, f"set/{name}")
    assert recognised(tmp_path / "set.zip", tmp_path / "cache")
    assert len(read(tmp_path / "set.zip", tmp_path).sentences) == 5


def test_jsonl_has_lists(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"tokens": [w for w, _ in one], "tags": [t for _, t in one]} for one in draw(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert recognised(path, tmp_path)
    assert len(read(path, tmp_path).sentences) == 3
    path.write_text(json.dumps({"tokens": ["a", "b"], "tags": ["O"]}) + "\n")
    with pytest.raises(DataError, match="row 1: 2 tokens and 1 tags"):
        read(path, tmp_path)
    path.write_text(json.dumps({"tokens": ["a"], "ner_tags": [3]}) + "\n")
    with pytest.raises(DataError, match="no list of names of tags"):
        read(path, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a O\nb\nc O\n\nd O x\n",
            "2 rows have another number of columns than the 2 .*row 2 has 1",
        ),
        ("a\nb\n", "one column"),
        ("\n\n", "no sentences"),
    ],
)
def test_what_is_wrong_is_said_with_its_rows(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read(path, tmp_path)


def test_blank_tokens_are_left_out_and_broken_tags_mended(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a\tB-X\n\tI-X\nb\tO\nc\tI-X\n\nd\tB-X\n")
    found = read(path, tmp_path)
    assert found.sentences[0].tokens == ("a", "b", "c")
    assert "1 blank token was left out" in said(found)
    path.write_text("a\tB-X\nb\tI-Y\nc\tI-Y\n")
    again = read(path, tmp_path)
    assert again.sentences[0].tags == ("B-X", "B-Y", "I-Y")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("reviews.tsv", "good food\t1\nbad food\t0\n"),
        ("notes.txt", "a sentence\nanother one\n"),
        ("list.txt", "a/b.png\n"),
        ("table.csv", "text,label\na,B-X\n"),
        ("labels.tsv", "text\tlabel\nthis\tO\nthat\tA\n"),
        ("a.jsonl", '{"text": "a", "label": "b"}\n'),
        ("empty.txt", ""),
    ],
)
def test_other_files_are_not_taken_for_tags(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert not recognised(tmp_path / name, tmp_path)
