"""Tables of paths and labels: every format, every guess, every way to be wrong."""

import json
import os
import re
import string
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from headstart.data import tables
from headstart.data.tables import LABEL_COLUMNS, PATH_COLUMNS, Columns, Rows
from headstart.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def images(tmp_path):
    """Four images beside the table that a test writes."""
    for name in "abcd":
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")


@pytest.fixture
def read(tmp_path):
    """Write a table and read it."""

    def _read(content: str | bytes, name: str = "t.csv", **columns) -> Rows:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        return tables.read(tmp_path / name, Columns(**columns))

    return _read


@pytest.fixture
def refuse(read):
    """Write a table that cannot be used; return message and mend."""

    def _refuse(content, name="t.csv", **columns) -> tuple[str, str]:
        with pytest.raises(DataError) as caught:
            read(content, name, **columns)
        return caught.value.message, caught.value.hint

    return _refuse


def jsonl(*records: object) -> str:
    return "\n".join(json.dumps(record, ensure_ascii=False) for record in records)


# ------------------------------------------------------------------ formats


def test_csv(read, tmp_path):
    rows = read("path,label\na.png,cat\nb.png,dog\n")
    assert rows.refs == ["a.png", "b.png"]
    assert list(rows.items.files) == [tmp_path / "a.png", tmp_path / "b.png"]
    assert rows.labels == ["cat", "dog"]
    assert rows.is_test == [False, False]
    assert rows.groups is None


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "T.CSV"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends(read, separator, name, end):
    lines = ["path,label,note", 'a.png,"x y","said ""so"""', "b.png,z,"]
    rows = read(end.join(line.replace(",", separator) for line in lines), name)
    assert rows.labels == ["x y", "z"]


def test_the_separator_is_judged_outside_quotation_marks(read):
    assert read('path;"label;,,,,"\na.png;x\n', y="label;,,,,").labels == ["x"]


@pytest.mark.parametrize("said", ["sep=;", '"sep=;"', "SEP=;", "sep=;;;"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_separator_as_excel_is_told_it(read, said, end):
    content = end.join([said, "path;label", "a.png;x,y", "b.png;z", ""])
    assert read(content.encode("utf-8-sig")).labels == ["x,y", "z"]


def test_other_separators_that_excel_is_told(read, refuse):
    assert read("sep=\t\npath\tlabel\na.png\tx\n").labels == ["x"]
    assert read("sep=:\npath:label\na.png:x,y;z\n").labels == ["x,y;z"]
    # as Excel numbers the rows: it does not show that line
    assert "row 2 'no.png'" in refuse("sep=;\npath;label\nno.png;x\n")[0]


def test_the_mark_that_excel_puts_in_front(read):
    assert read(b"\xef\xbb\xbf" + "路径,标签\na.png,猫\n".encode()).labels == ["猫"]


@pytest.mark.parametrize("encoding", ["gb18030", "GBK", "utf-16", "utf-8", "UTF8"])
def test_other_encodings(read, encoding):
    assert read("文件,类别\na.png,狗\n".encode(encoding), encoding=encoding).labels == ["狗"]


def test_blank_lines_are_skipped_and_cells_stripped(read):
    rows = read("\n path , label \n\na.png , cat \n , \nb.png,dog\n\n")
    assert rows.refs == ["a.png", "b.png"]
    assert rows.labels == ["cat", "dog"]


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson"])
def test_jsonl(read, name):
    records = [{"path": "a.png", "label": 1}, {"label": 2.0, "path": "b.png"}]
    assert read(jsonl(*records) + "\n\n", name).labels == ["1", "2"]


def test_parquet(tmp_path):
    table = pa.table({"file": ["a.png", "b.png"], "label": [0.0, 1.5], "box": [[1], [2]]})
    pq.write_table(table, tmp_path / "t.parquet")
    rows = tables.read(tmp_path / "t.parquet")
    assert rows.labels == ["0", "1.5"]
    assert rows.refs == ["a.png", "b.png"]


@pytest.mark.parametrize("label", ["001", "a b", "cats/siamese", "猫", "🐶", "NA", "1e3", "-", "0"])
def test_labels_stay_as_written(read, label):
    assert read(f"path,label\na.png,{label}\n").labels == [label]
    assert read(jsonl({"path": "a.png", "label": label}), "t.jsonl").labels == [label]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1),
        min_size=1,
        max_size=4,
    )
)
def test_any_labels_survive_csv_and_jsonl(read, labels):
    names = [f"{name}.png" for name in "abcd"[: len(labels)]]
    quoted = [label.replace('"', '""') for label in labels]
    lines = [f'{name},"{label}"' for name, label in zip(names, quoted, strict=True)]
    assert read("\n".join(["path,label", *lines])).labels == labels
    records = [{"path": n, "label": v} for n, v in zip(names, labels, strict=True)]
    assert read(jsonl(*records), "t.jsonl").labels == labels


# ------------------------------------------------------------------ columns


@pytest.mark.parametrize("name", [*PATH_COLUMNS, "PATH", "File_Name"])
def test_path_columns_are_guessed(read, name):
    rows = read(f"{name},label\na.png,x\n")
    assert rows.refs == ["a.png"]
    assert f"paths from column {name!r}" in rows.findings[0].message


@pytest.mark.parametrize("name", [*LABEL_COLUMNS, "Label", "CLASS"])
def test_label_columns_are_guessed(read, name):
    rows = read(f"path,{name}\na.png,x\n")
    assert rows.labels == ["x"]
    [finding] = rows.findings
    assert (finding.kind, finding.severity) == ("note", "info")
    assert f"labels from column {name!r}" in finding.message
    assert finding.figures == {"x": "path", "y": name}


def test_the_likelier_name_wins(read):
    rows = read("id,path,category,label\n7,a.png,wrong,right\n")
    assert (rows.refs, rows.labels) == (["a.png"], ["right"])


def test_columns_named_by_the_user_need_no_note(read):
    rows = read("path,label,p,q\nx,y,a.png,cat\n", x="p", y="q")
    assert (rows.refs, rows.labels, rows.findings) == (["a.png"], ["cat"], ())


def test_a_guess_does_not_take_what_the_user_named(read):
    rows = read("id,path,label\na.png,cat,dog\n", y="path")
    assert (rows.refs, rows.labels) == (["a.png"], ["cat"])


def test_groups(read):
    rows = read("path,label,patient\na.png,x,01\nb.png,y,01\n", groups="patient")
    assert rows.groups == ["01", "01"]


def test_missing_columns_are_reported_together(refuse):
    message, hint = refuse("path,label\na.png,x\n", y="lable", groups="patient")
    assert "no column 'lable' (--y) and 'patient' (--groups)" in message
    assert "Its columns are 'path', 'label'" in message
    assert "Did you mean 'label'" in hint


def test_columns_that_cannot_be_guessed(refuse):
    message, hint = refuse("foo,bar\na.jpg,x\n")
    assert "looks like paths or labels. Its columns are 'foo', 'bar'" in message
    assert hint == "Name them with --x (paths) and --y (labels)."


def test_a_table_without_a_header(refuse):
    _, hint = refuse("a.png,x\nb.png,y\n")
    assert "put a header line, such as path,label, above it" in hint


def test_one_column_for_both(read):
    with pytest.raises(ConfigError, match="both name 'path'") as caught:
        read("path,label\na.png,x\n", x="path", y="path")
    assert "two columns" in caught.value.hint


def test_two_columns_of_one_name(refuse):
    assert refuse("path,label,label\na.png,x,y\n") == (
        "t.csv has two columns called 'label'.",
        "Rename one of them.",
    )


def test_embedded_images_are_not_taken_for_paths(refuse, tmp_path):
    message, _ = refuse(jsonl({"image": {"bytes": "=="}, "label": 1}), "t.jsonl")
    assert "'image' holds data itself, not paths" in message
    table = pa.table({"image": [{"bytes": b"x"}], "raw": [b"x"], "label": [1]})
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataError, match="'image', 'raw' holds data itself"):
        tables.read(tmp_path / "t.parquet")


# ------------------------------------------------------------------ splits


def test_split_column(read):
    rows = read("path,label,Split\na.png,x,train\nb.png,y,TRAIN\nc.png,x,Validation\n")
    assert rows.is_test == [False, False, True]
    assert "column 'Split' sets 1 of 3 rows apart" in rows.findings[-1].message


def test_val_joins_training_where_there_is_a_test_set(read):
    rows = read("path,label,set\na.png,x,train\nb.png,y,dev\nc.png,x,test\n")
    assert rows.is_test == [False, False, True]
    assert "'test' is the test set; 'dev' joins training" in rows.findings[-1].message


def test_an_unknown_split(refuse):
    message, hint = refuse("path,label,split\na.png,x,train\nb.png,x,holdout\nc.png,x,\n")
    assert "unknown value in column 'split' in 2 of 3 rows: row 3 'holdout', row 4 ''" in message
    assert "Write train, val or test; or rename the column" in hint


def test_a_split_column_that_is_used_otherwise(read):
    assert read("path,split\na.png,x\n", y="split").is_test == [False]
    assert read("path,label,set\na.png,x,7\n", groups="set").groups == ["7"]


# ------------------------------------------------------------------ files


def test_paths_start_from_the_folder_of_the_table(tmp_path, monkeypatch):
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/t.csv").write_text("path,label\n../a.png,x\n../meta/../b.png,y\n")
    monkeypatch.chdir(tmp_path / "meta")
    rows = tables.read(Path("t.csv"))
    assert list(rows.items.files) == [tmp_path / "a.png", tmp_path / "b.png"]
    assert rows.refs == ["a.png", "b.png"]  # from what they share


def test_absolute_paths(read, tmp_path):
    rows = read(f"path,label\n{tmp_path / 'a.png'},x\n{tmp_path / 'b.png'},y\n")
    assert rows.refs == ["a.png", "b.png"]  # no user's name gets into a report


def test_paths_written_on_windows(read, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "sub/a.png")
    assert read("path,label\nsub\\a.png,x\n").refs == ["sub/a.png"]


def test_missing_files_are_counted_and_three_are_named(refuse):
    lines = [f"{name},x" for name in ("a.png", "b.pgn", "e.png", "no/f.png", "g.png", "x" * 300)]
    message, hint = refuse("\n".join(["path,label", *lines]))
    assert message == (
        "t.csv: no such file in 5 of 6 rows: "
        "row 3 'b.pgn', row 4 'e.png', row 5 'no/f.png' and 2 more."
    )
    assert "Paths start from the table's own folder" in hint
    assert "Did you mean 'b.png', which is there?" in hint


def test_a_folder_is_not_a_file(refuse, tmp_path):
    (tmp_path / "sub").mkdir()
    assert "no such file in 1 of 1 row: row 2 'sub'" in refuse("path,label\nsub,x\n")[0]


def test_a_missing_folder_of_files(refuse):
    assert "Paths start from" in refuse("path,label\nimages/a.png,x\n")[1]


@pytest.mark.parametrize("outside", ["../out.png", "/etc/hostname", "sub/../../out.png"])
def test_within(tmp_path, outside):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/t.csv").write_text(f"path,label\n{outside},x\n")
    with pytest.raises(DataError, match="leave the archive in 1 of 1 row: row 2") as caught:
        tables.read(tmp_path / "d/t.csv", within=tmp_path / "d")
    assert "relative to the table" in caught.value.hint


def test_within_reaches_the_whole_archive(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/t.csv").write_text("path,label\n../a.png,x\n")
    assert tables.read(tmp_path / "d/t.csv", within=tmp_path).refs == ["a.png"]


# ------------------------------------------------------------------ cells


def test_blank_cells_are_reported_together(refuse):
    message, hint = refuse("path,label\na.png,\nb.png, \nc.png,x\nd.png,\n")
    assert message == "t.csv: nothing in column 'label' in 3 of 4 rows: row 2, row 3, row 5."
    assert hint == "Fill the cells, or delete those rows."


@pytest.mark.parametrize("nothing", [{}, {"label": None}, {"label": float("nan")}, {"label": " "}])
def test_blank_json_values(refuse, nothing):
    content = jsonl({"path": "a.png", "label": "x"}, {"path": "b.png", **nothing})
    assert "nothing in column 'label' in 1 of 2 lines: line 2" in refuse(content, "t.jsonl")[0]


def test_blank_groups(refuse):
    message, _ = refuse("path,label,who\na.png,x,\n", groups="who")
    assert "nothing in column 'who' in 1 of 1 row: row 2" in message


def test_two_labels_for_one_file(refuse):
    message, hint = refuse("path,label\na.png,cat\nb.png,dog\n./a.png,dog\n")
    assert message == (
        "t.csv: another label for the same file in 1 of 3 rows: "
        "row 4 (a.png is 'dog', but 'cat' in row 2)."
    )
    assert hint == "Delete the rows that are wrong."


def test_the_same_row_twice_counts_once(read):
    rows = read("path,label,who\na.png,x,1\nb.png,y,2\na.png,x,3\n./a.png,x,4\n", groups="who")
    assert rows.refs == ["a.png", "b.png"]
    assert rows.groups == ["1", "2"]
    finding = rows.findings[-1]
    assert (finding.kind, finding.severity) == ("duplicate_rows", "info")
    assert finding.figures == {"count": 2}
    assert "2 of 4 rows: row 4 (a.png), row 5 (a.png)" in finding.message


def test_a_file_in_both_splits_stays_in_both(read):
    rows = read("path,label,split\na.png,x,train\na.png,x,test\n")
    assert rows.is_test == [False, True]  # the search for copies judges it


def test_wrong_number_of_cells(refuse):
    message, hint = refuse("path,label\na.png,x\nb.png\nc.png,x,y\n")
    assert message == (
        "t.csv: wrong number of cells (the header has 2) in 2 of 3 rows: "
        "row 3 (has 1), row 4 (has 3)."
    )
    assert "quotation marks" in hint


def test_an_unclosed_quotation_mark(refuse):
    message, hint = refuse('path,label\na.png,"x\nb.png,y\n')
    assert "not well-formed near line 3" in message
    assert "unclosed quotation mark" in hint


@pytest.mark.parametrize(
    ("content", "name"),
    [("", "t.csv"), ("path,label\n", "t.csv"), ("\n\n", "t.tsv"), ("", "t.jsonl")],
)
def test_no_rows(refuse, content, name):
    message, hint = refuse(content, name)
    assert message == f"{name} has no rows."
    assert "one row for every example" in hint


def test_parquet_without_rows(tmp_path):
    pq.write_table(pa.table({"path": pa.array([], pa.string())}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="has no rows"):
        tables.read(tmp_path / "t.parquet")


def test_what_is_no_parquet(refuse):
    message, hint = refuse(b"path,label", "t.parquet")
    assert "cannot be read as Parquet" in message
    assert "to_parquet" in hint


def test_malformed_json_lines_are_reported_together(refuse):
    content = (
        '{"path": "a.png", "label": "x"}\n{"path": \n\n["a"]\n{"path": "b.png",}\n' + "[" * 9999
    )
    message, hint = refuse(content, "t.jsonl")
    assert (
        "malformed JSON in 4 of 5 lines: line 2 (Expecting value), line 4 (a list, not" in message
    )
    assert 'one JSON object, for example {"path"' in hint


# ------------------------------------------------------------------ encodings


@pytest.mark.parametrize(
    ("written", "read_as", "suggested"),
    [
        ("big5", "utf-8", "big5"),
        ("utf-8", "ascii", "utf-8"),
        ("gb18030", "ascii", "gb18030"),
        ("utf-16", "ascii", "utf-16"),
        ("utf-8", "gb18030", "utf-8"),
    ],
)
def test_a_wrong_encoding_is_named(refuse, written, read_as, suggested):
    label = "猫狗鸟" if written != "big5" else "這家餐廳的味道很好，下次再來"
    content = f"path,label\na.png,x\nb.png,{label}\n".encode(written)
    message, hint = refuse(content, encoding=read_as)
    assert f"t.csv is not {read_as}: byte " in message
    assert f"Pass --encoding {suggested}," in hint


def test_where_a_wrong_byte_stands(refuse):
    message, hint = refuse(b"path,label\na.png,x\nb.png,caf\xe9\n")
    assert message == "t.csv is not utf-8: byte 28, in row 3, is 0xe9."
    assert re.fullmatch("Pass --encoding cp125., or save the table as UTF-8.", hint)


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_an_encoding_that_is_recognised_is_said(read, encoding, name):
    content = "path,label\na.png,猫\nb.png,狗鸟\n"
    if name == "t.jsonl":
        content = jsonl({"path": "a.png", "label": "猫"}, {"path": "b.png", "label": "狗鸟"})
    found = read(content.encode(encoding), name)
    assert found.labels == ["猫", "狗鸟"]
    (note,) = [f for f in found.findings if "encoding" in f.figures]
    of = {"gbk": "gb18030"}.get(encoding, encoding)
    assert note.message == f"{name} was read as {of} (--encoding chooses another)."
    named = read(content.encode(encoding), name, encoding=encoding)
    assert named.labels == found.labels
    assert not [f for f in named.findings if "encoding" in f.figures]


def test_two_encodings_in_one_table_are_refused_with_their_rows(refuse):
    rows = "path,label\na.png,味道不错\n".encode(), "b.png,送餐太慢\n".encode("gbk")
    message, hint = refuse(b"".join(rows))
    assert message == (
        "t.csv holds two encodings: row 2 is UTF-8, row 3 is not (from byte 36 on: 0xcb 0xcd 0xb2 "
        "0xcd)."
    )
    assert "Correct those rows" in hint


@pytest.mark.parametrize("encoding", ["klingon", "base64", "undefined", ""])
def test_an_unknown_encoding(read, encoding):
    with pytest.raises(ConfigError, match="is not a text encoding") as caught:
        read("path,label\na.png,x\n", encoding=encoding)
    assert "gb18030" in caught.value.hint


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read anything")
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_a_table_without_permission(tmp_path, name):
    (tmp_path / name).write_text("path,label\n")
    (tmp_path / name).chmod(0)
    with pytest.raises(DataError, match="Permission denied") as caught:
        tables.read(tmp_path / name)
    assert "permissions" in caught.value.hint


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=60), st.sampled_from(["t.csv", "t.jsonl", "t.parquet"]))
def test_any_bytes_are_read_or_refused(read, data, name):
    try:
        read(b"path,label\n" * (name == "t.csv") + data, name)
    except DataError as error:
        assert error.hint


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(string.ascii_letters[:4] + '.png,;"\t\n\r{}[]:\0\\/', max_size=40))
def test_any_text_is_read_or_refused(read, text):
    for name in ("t.csv", "t.jsonl"):
        try:
            read("path,label\n" * (name == "t.csv") + text, name)
        except DataError as error:
            assert error.hint
