"""Cells and columns that may hold several labels: what is read, and how it is said."""

from __future__ import annotations

import json

import pytest

from headstart.data.sources import open_source
from headstart.errors import DataError


@pytest.fixture
def read(tmp_path):
    """Write rows of a number and a cell of labels, and read them."""

    def _read(cells, name="t.csv", column="labels", **options):
        if name.endswith("jsonl"):
            lines = [json.dumps({"x": i, "z": -i, column: c}) for i, c in enumerate(cells)]
        else:
            quoted = ['"{}"'.format(c.replace('"', '""')) for c in cells]
            lines = [f"x,z,{column}", *(f"{i},{-i},{c}" for i, c in enumerate(quoted))]
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        options.setdefault("x", "x,z")
        return open_source(tmp_path / name, cache_dir=tmp_path / "cache", **options)

    return _read


def notes(dataset) -> str:
    return " | ".join(finding.message for finding in dataset.findings)


@pytest.mark.parametrize("mark", [";", "|", ",", "、", "；", "，"])
def test_what_stands_between_labels_is_found(read, mark):
    cells = ["a", f"a{mark}b", f"b {mark} c", "", f"c{mark}a{mark}b", "c"]
    dataset = read(cells)
    assert dataset.several
    assert dataset.written == ["a", "a;b", "b;c", "", "a;b;c", "c"]
    assert f"with {mark!r} between them" in notes(dataset)
    assert "1 of 6 has none" in notes(dataset)
    assert "--task classification" in notes(dataset)


@pytest.mark.parametrize(
    "cells",
    [
        ["Salem, OR", "Portland, OR", "Austin, TX", "Salem, OR"],
        ["good", "bad", "good"],
        ["well, it is fine", "no, thanks", "well, it is fine"],
    ],
)
def test_names_that_hold_a_comma_are_one_label(read, cells):
    dataset = read(cells)
    assert not dataset.several
    assert set(dataset.classes) == set(cells)


def test_a_cell_may_be_read_the_other_way(read):
    cells = ["a;b", "b", "a", "a;b"]
    assert read(cells, task="classification").classes == ("a", "a;b", "b")
    assert read(["a;b", "c;d"], task="multilabel").written == ["a;b", "c;d"]
    said = notes(read(["a;b", "c;d", "a;b"]))
    assert "hold ';' and were read as one label each" in said
    assert "--task multilabel" in said
    assert read(["a", "", "b"], task="multilabel").written == ["a", "", "b"]


def test_one_label_each_still_needs_one(read):
    with pytest.raises(DataError, match="nothing in column 'labels'"):
        read(["a", "", "b", "a"])


def test_spaces_and_labels_said_twice(read):
    dataset = read(["a; a ;b", " b;", "a;;b", "c"])
    assert dataset.written == ["a;b", "b", "a;b", "c"]
    assert "1 cell names a label twice, which counts once." in notes(dataset)


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv"])
def test_lists_are_sets_of_labels(read, name):
    rows = [["a", "b"], [], ["b"], ["b", "a"]]
    cells = rows if name == "t.jsonl" else [str(row) for row in rows]  # as pandas writes them
    dataset = read(cells, name)
    assert dataset.written == ["a;b", "", "b", "a;b"]
    assert "as lists" in notes(dataset)


def test_lists_in_parquet(read, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"x": [1.0, 2.0, 3.0], "z": [0.5, 0.1, 0.2], "tags": [["a"], ["a", "b"], None]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    dataset = open_source(tmp_path / "t.parquet", x="x,z", cache_dir=tmp_path)
    assert dataset.written == ["a", "a;b", ""]


def test_lists_of_numbers_stay_unread(read):
    with pytest.raises(DataError, match="holds data itself"):
        read([[1.0, 2.0], [3.0]], "t.jsonl", column="label", y="label", x="x,z")


def test_a_label_must_not_hold_what_joins_labels(read):
    with pytest.raises(DataError, match=r"the label 'a;b' holds ';'") as caught:
        read(["a;b|c", "c", "c|d", "d", "a;b|d", "a;b"])
    assert caught.value.hint == "Rename it."


def test_spellings_are_those_of_single_labels(read):
    said = notes(read(["Rain;sun", "rain", "sun;rain", "sun", "Rain"]))
    assert "'Rain' (2), 'rain' (2)" in said


def test_several_columns_of_labels_are_named(tmp_path):
    (tmp_path / "t.csv").write_text(
        "a,b,wet,cold\n1,2,1,0\n2,1,0,0\n3,5,1,1\n4,4,0,1\n", encoding="utf-8"
    )
    dataset = open_source(tmp_path / "t.csv", y="wet,cold", cache_dir=tmp_path)
    assert dataset.written == ["wet", "", "cold;wet", "cold"]
    assert dataset.examples.items.columns == ("a", "b")
    one = open_source(tmp_path / "t.csv", y="wet", task="multilabel", cache_dir=tmp_path)
    assert one.written == ["wet", "", "wet", ""]
    assert "a label or not, by a 1 in column 'wet'" in notes(one)
    for y, message in (
        ("wet,a", "neither 0 nor 1 in column 'a'"),
        ("wet,warm", "no column 'warm'"),
    ):
        with pytest.raises(DataError, match=message):
            open_source(
                tmp_path / "t.csv", y=y, x="a,b" if "a" not in y else "b", cache_dir=tmp_path
            )
