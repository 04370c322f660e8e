"""Where texts come from: columns of tables, files in class folders, lists with a line for each."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from headstart.data.formats import read_cells, read_pieces
from headstart.data.inputs import each, expand
from headstart.data.pieces import Pieces
from headstart.data.sources import open_source
from headstart.data.texts import clean
from headstart.data.unlabelled import open_unlabelled
from headstart.errors import ConfigError, DataError
from headstart.modalities import modality

TEXT = modality("text")
REVIEWS = (
    "a gorgeous, witty and seductive film",
    "it never took off and was always static",
    "味道不错，送餐也快，下次再来",
    "the story gives ample opportunity for large-scale action",
    "送餐太慢了，等了两个小时还没到",
    "a sad and dull affair from start to finish",
)
ROWS = [(text, "good" if i % 2 == 0 else "bad") for i, text in enumerate(REVIEWS)]


def table(path: Path, head: tuple[str, ...], rows: list[tuple[str, ...]], **how) -> Path:
    out = io.StringIO()
    csv.writer(out, **how).writerows([head, *rows] if head else rows)
    path.write_text(out.getvalue(), "utf-8")
    return path


@pytest.fixture
def load(tmp_path):
    """Read a source as training does."""
    return lambda data, **kwargs: open_source(data, cache_dir=tmp_path / "cache", **kwargs)


def texts(dataset) -> list[str]:
    items = dataset.examples.items
    return [items.data(row).decode() for row in range(len(items))]


def notes(dataset) -> str:
    return "\n".join(finding.message for finding in dataset.findings)


# ---- tables ------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["text", "Review", "sentence", "评论", "opinion", "q7"])
def test_a_column_of_texts_is_found_by_name_or_by_what_is_in_it(load, tmp_path, head):
    rows = [(str(i), text, label, "web") for i, (text, label) in enumerate(ROWS, 1)]
    found = load(table(tmp_path / "t.csv", ("id", head, "label", "source"), rows))
    assert found.modality.name == "text"
    assert texts(found) == list(REVIEWS)
    assert found.refs[:2] == ("row 2", "row 3")
    assert [found.classes[y] for y in found.labels] == [label for _text, label in ROWS]
    assert f"guessed texts from column {head!r} (--x chooses another)" in notes(found)
    assert found.examples.items.column == head


def test_every_format_gives_the_same(load, tmp_path):
    table(tmp_path / "t.csv", ("text", "label"), ROWS)
    table(tmp_path / "t.tsv", ("text", "label"), ROWS, delimiter="\t")
    records = [{"text": text, "label": label} for text, label in ROWS]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, records)))
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "t.parquet")
    for name in ("t.csv", "t.tsv", "t.jsonl", "t.parquet"):
        assert texts(load(tmp_path / name)) == list(REVIEWS), name


def test_labels_are_found_where_one_other_column_comes_again(load, tmp_path):
    rows = [(text, "1.0" if label == "good" else "0.0") for text, label in ROWS]
    found = load(table(tmp_path / "t.csv", ("opinion", "polarity"), rows))
    assert found.classes == ("0.0", "1.0")
    assert "labels from column 'polarity' (--y chooses another)" in notes(found)


@pytest.mark.parametrize("end", [".csv", ".tsv"])
def test_a_table_without_a_header_is_refused(load, tmp_path, end):
    rows = [(text, str(len(label) % 2)) for text, label in ROWS]
    path = table(tmp_path / f"t{end}", (), rows, delimiter="\t" if end == ".tsv" else ",")
    with pytest.raises(DataError, match=r"has no header: its first line holds 'a gorgeous") as e:
        load(path)
    assert "put a header line" in e.value.hint


def test_files_and_texts_in_one_table_are_asked_about(load, tmp_path):
    for i in range(len(ROWS)):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{i}.png")
    rows = [(f"{i}.png", text, label) for i, (text, label) in enumerate(ROWS)]
    path = table(tmp_path / "t.csv", ("path", "caption", "label"), rows)
    with pytest.raises(ConfigError, match="both files, in column 'path', and texts") as caught:
        load(path)
    assert caught.value.hint == "Say what is to be learned from: --x 'path' or --x 'caption'."
    assert load(path, x="path").modality.name == "image"
    assert load(path, x="caption").modality.name == "text"
    few = [
        (f"{i}.png", "blurred a little bit" if i == 1 else "", label)
        for i, (_, label) in enumerate(ROWS)
    ]
    assert (
        load(table(tmp_path / "u.csv", ("path", "comment", "label"), few)).modality.name == "image"
    )


def test_missing_images_are_not_taken_for_texts(load, tmp_path):
    rows = [(f"img/{i}.jpg", label) for i, (_text, label) in enumerate(ROWS)]
    for head in ("image", "photo"):
        path = table(tmp_path / "t.csv", (head, "label"), rows)
        with pytest.raises(DataError, match="no such file in 6 of 6 rows"):
            load(path, x=head)


def test_numbers_are_not_taken_for_texts(load, tmp_path):
    rows = [(text, f"{i}.5", label) for i, (text, label) in enumerate(ROWS)]
    path = table(tmp_path / "t.csv", ("review", "price", "label"), rows)
    assert texts(load(path)) == list(REVIEWS)
    with pytest.raises(ConfigError, match=r"'price' holds numbers \(0\.5, 1\.5, 2\.5"):
        load(path, x="price", modality="text")
    with pytest.raises(
        DataError, match=r"'price' holds numbers \(0.5, 1.5, 2.5, ...\), not texts"
    ) as e:
        expand([path], TEXT, x="price")
    assert e.value.hint == "Name a column of texts, --x 'review'."


def test_measurements_beside_texts_are_asked_about(load, tmp_path):
    rows = [(text, f"{i}.5", f"{i % 4}", label) for i, (text, label) in enumerate(ROWS)]
    path = table(tmp_path / "t.csv", ("remark", "price", "stars", "kind"), rows)
    with pytest.raises(DataError, match="1 column hold"):
        load(path, y="kind")


def test_empty_texts_are_left_to_reading(load, tmp_path):
    found = load(table(tmp_path / "t.csv", ("text", "label"), [*ROWS, ("", "good")]))
    assert texts(found)[-1] == ""
    with pytest.raises(DataError, match="nothing in column 'label'"):
        load(table(tmp_path / "t.csv", ("text", "label"), [*ROWS, ("a text without label", "")]))


# ---- cells -------------------------------------------------------------------------------------


def test_quotes_lines_and_tabs_stay_in_their_cells(load, tmp_path):
    odd = [
        'she said "never", twice',
        "two\nlines of text",
        "a\ttab inside it",
        "<b>bold</b> words here",
    ]
    rows = [(text, "ab"[i % 2]) for i, text in enumerate(odd)]
    assert texts(load(table(tmp_path / "t.csv", ("text", "label"), rows))) == odd


def test_quotation_marks_of_sentences_between_tabs_swallow_no_rows(load, tmp_path):
    lines = ['"a fine film\t1', "dull as dishwater\t0", 'it ends well"\t1', '"quoted" and sour\t0']
    (tmp_path / "t.tsv").write_text("\n".join(["sentence\tlabel", *lines]))
    found = load(tmp_path / "t.tsv")
    assert texts(found) == [line.split("\t")[0] for line in lines]
    assert "quotation marks do not enclose cells" in notes(found)
    (tmp_path / "t.tsv").write_text('sentence\tlabel\n"a ""fine"" film"\t1\n"dull, dull"\t0\n')
    assert read_cells(tmp_path / "t.tsv", "utf-8").cells["sentence"] == [
        'a "fine" film',
        "dull, dull",
    ]


def test_control_characters_and_halves_are_replaced_and_said_once(load, tmp_path):
    odd = [
        "nothing\0 to see here",
        "half of \ud83d a pair",
        "bell \x07 rings twice",
        "plain words are here",
    ]
    (tmp_path / "t.jsonl").write_text(
        "\n".join(json.dumps({"text": text, "label": "ab"[i % 2]}) for i, text in enumerate(odd))
    )
    found = load(tmp_path / "t.jsonl")
    assert texts(found) == [
        "nothing  to see here",
        "half of \ufffd a pair",
        "bell   rings twice",
        odd[3],
    ]
    assert "in 3 of 4 lines: line 1, line 2, line 3" in notes(found)


def test_a_long_cell_is_read_and_an_endless_one_refused(load, tmp_path):
    limit = csv.field_size_limit()
    long = "many words " * 100_000
    rows = [(long, "a"), ("few words are enough", "b")] * 2
    assert texts(load(table(tmp_path / "t.csv", ("text", "label"), rows)))[0] == long.strip()
    assert csv.field_size_limit() == limit
    (tmp_path / "t.csv").write_text('text,label\n"' + "x" * (2**24 + 9))
    with pytest.raises(DataError, match="field larger than field limit") as caught:
        load(tmp_path / "t.csv")
    assert "unclosed quotation mark" in caught.value.hint


CELLS = st.text(st.characters(exclude_categories=()), max_size=12)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(CELLS, min_size=1, max_size=6), st.integers(1, 3))
def test_hostile_cells_come_back_through_csv_and_jsonl(tmp_path, cells, size):
    cells = [f"w{cell}" for cell in cells]
    lines = "\n".join(json.dumps({"text": cell}) for cell in cells)
    (tmp_path / "t.jsonl").write_text(lines)
    table(tmp_path / "t.csv", ("text", "n"), [(clean(c), str(i)) for i, c in enumerate(cells)])
    for name in ("t.jsonl", "t.csv"):
        found = expand([tmp_path / name], TEXT)
        got = [found.items.data(row).decode() for row in range(len(found))]
        assert got == [clean(cell).strip() for cell in cells], name
        pieces = list(Pieces([tmp_path / name], TEXT, size=size))
        assert [ref for piece in pieces for ref in piece.refs] == list(found.refs)
        texts = [piece.items.data(i).decode() for piece in pieces for i in range(len(piece))]
        assert texts == got


# ---- folders -----------------------------------------------------------------------------------


def write_docs(root: Path) -> Path:
    for i, (text, label) in enumerate(ROWS):
        (root / label).mkdir(parents=True, exist_ok=True)
        (root / label / f"{i}.txt").write_text(text, "utf-8")
    return root


def test_class_folders_of_text_files(load, tmp_path):
    docs = write_docs(tmp_path / "docs")
    (docs / "README.txt").write_text("about this set")
    (docs / "good" / "readme.txt").write_text("about this class")
    found = load(docs)
    assert (found.modality.name, len(found), found.classes) == ("text", 6, ("bad", "good"))
    assert "Left out, since they are about the set: 1 file ('readme.txt')." in notes(found)
    named = {ref.split("docs/")[-1] for ref in expand([docs], TEXT).refs}
    assert named == set(open_unlabelled(docs, TEXT, cache_dir=tmp_path).refs) == set(found.refs)
    assert expand([docs / "good" / "0.txt"], TEXT).items.data(0).decode() == REVIEWS[0]


def test_images_with_a_list_of_their_classes_stay_images(load, tmp_path):
    for name in ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"):
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "pets" / name)
    for name in ("classes.txt", "labels.txt", "cat/classes.txt"):
        (tmp_path / "pets" / name).write_text("cat\ndog\n")
    found = load(tmp_path / "pets")
    assert (found.modality.name, len(found)) == ("image", 4)


def write_lists(root: Path) -> Path:
    root.mkdir(parents=True)
    for kind in ("good", "bad"):
        lines = [text for text, label in ROWS if label == kind]
        (root / f"{kind}.txt").write_text("\n\n".join(lines) + "\n", "utf-8")
    return root


def test_a_file_for_each_class_with_a_line_for_each_text(load, tmp_path):
    lists = write_lists(tmp_path / "lists")
    found = load(lists)
    assert (found.modality.name, found.classes) == ("text", ("bad", "good"))
    assert sorted(texts(found)) == sorted(REVIEWS)
    assert found.refs[:2] == ("bad.txt line 1", "bad.txt line 3")
    assert "Every line of bad.txt, good.txt was read as an example" in notes(found)
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as packed:
        for file in lists.iterdir():
            packed.write(file, f"lists/{file.name}")
    assert texts(load(tmp_path / "l.zip")) == texts(found)
    with pytest.raises(ConfigError, match="names a column"):
        load(lists, y="label")


def test_class_lists_in_another_encoding(load, tmp_path):
    lists = write_lists(tmp_path / "lists")
    for file in lists.iterdir():
        file.write_bytes(file.read_text("utf-8").encode("gb18030"))
    found = load(lists)
    assert sorted(texts(found)) == sorted(REVIEWS)
    assert "good.txt was read as gb18030" in notes(found)
    assert texts(load(lists, encoding="gb18030")) == texts(found)


def test_class_lists_for_training_and_testing(load, tmp_path):
    write_lists(tmp_path / "set" / "train")
    shutil.copytree(tmp_path / "set" / "train", tmp_path / "set" / "test")
    found = load(tmp_path / "set")
    assert found.is_test.tolist() == [False] * 6 + [True] * 6
    assert found.refs[0] == "train/bad.txt line 1"


@pytest.mark.parametrize("names", [("1.txt", "2.txt"), ("train.txt", "test.txt"), ("a.txt",)])
def test_documents_and_lists_of_files_are_not_taken_for_classes(load, tmp_path, names):
    for name in names:
        (tmp_path / "d").mkdir(exist_ok=True)
        (tmp_path / "d" / name).write_text("one line of words\nanother line of words\n")
    with pytest.raises(DataError, match="but no class folder and no table"):
        load(tmp_path / "d")


# ---- inputs ------------------------------------------------------------------------------------


def test_strings_are_texts_and_paths_are_files(tmp_path, monkeypatch):
    path = table(tmp_path / "t.csv", ("text", "label"), ROWS)
    found = expand(["a text", path, "another\ud83d"], TEXT, strings=True)
    assert found.refs[:2] == ("text 1", "t.csv row 2")
    assert found.items.data(0) == b"a text"
    assert found.items.data(7).decode() == "another\ufffd"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"Input 1, 't.csv', is the name of a file") as caught:
        expand(["t.csv"], TEXT, strings=True)
    assert "pathlib.Path('t.csv')" in caught.value.hint
    assert len(expand(["t.csv"], TEXT)) == 6
    assert expand(["no such.csv"], TEXT, strings=True).refs == ("text 1",)
    image = modality("image")
    with pytest.raises(DataError, match="names no file"):
        expand(["a text"], image, strings=True)


def test_the_column_of_the_model_comes_first(tmp_path):
    rows = [(text, f"{label} it was, all in all, today") for text, label in ROWS]
    path = table(tmp_path / "t.csv", ("text", "summary"), rows)
    assert expand([path], TEXT).items.column == "text"
    assert expand([path], TEXT, column="summary").items.column == "summary"
    assert expand([path], TEXT, column="gone").items.column == "text"
    assert expand([path], TEXT, x="summary", column="text").items.column == "summary"


def test_several_strings_of_numpy_are_several_inputs():
    import numpy as np

    assert each(np.array(["a b", "c d"])) == ["a b", "c d"]
    assert each("a b") == ["a b"]


@pytest.mark.parametrize("size", [1, 2, 4, 100])
def test_pieces_are_what_is_read_at_once(tmp_path, size):
    a = table(tmp_path / "a.csv", ("text",), [(text,) for text in REVIEWS])
    records = [{"text": text} for text in REVIEWS]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, records)))
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "c.parquet", row_group_size=4)
    inputs = [a, tmp_path / "b.jsonl", tmp_path / "c.parquet"]
    whole, pieces = expand(inputs, TEXT), Pieces(inputs, TEXT, size=size)
    found = list(pieces)
    assert len(pieces) == len(whole) == 18
    assert [len(one) for one in found][:-1] == [size] * (len(found) - 1)
    assert [ref for one in found for ref in one.refs] == list(whole.refs)
    assert [one.items.data(i) for one in found for i in range(len(one))] == [
        whole.items.data(i) for i in range(18)
    ]


def test_pieces_of_files_and_rows_of_numbers(tmp_path):
    for i in range(5):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{i}.png")
    found = list(Pieces([tmp_path], modality("image"), size=2))
    assert [len(one) for one in found] == [2, 2, 1]
    path = table(tmp_path / "n.csv", ("a", "b"), [(f"{i}", f"{i}.5") for i in range(5)])
    rows = list(Pieces([path], modality("array"), size=2))
    assert [one.items.numbers[:, 1].tolist() for one in rows] == [[0.5, 1.5], [2.5, 3.5], [4.5]]


def test_what_is_wrong_in_the_last_row_is_known_before_the_first_piece(tmp_path):
    path = table(tmp_path / "t.csv", ("text", "n"), [(text, "1") for text in REVIEWS])
    path.write_text(path.read_text("utf-8") + "one cell\n", "utf-8")
    with pytest.raises(DataError, match=r"wrong number of cells .* in 1 of 7 rows: row 8"):
        Pieces([path], TEXT, size=2)
    (tmp_path / "n.csv").write_text("a,b\n1,2\n3,4\n5,\n")
    with pytest.raises(DataError, match="a missing value"):
        Pieces([tmp_path / "n.csv"], modality("array"), size=1)


def test_a_table_that_changes_meanwhile_is_noticed(tmp_path):
    path = table(tmp_path / "t.csv", ("text", "n"), [(text, "1") for text in REVIEWS])
    pieces = iter(Pieces([path], TEXT, size=2))
    next(pieces)
    table(path, ("text", "n"), [(text, "1") for text in REVIEWS * 9])
    with pytest.raises(DataError, match=r"t\.csv was changed while it was read"):
        list(pieces)


def test_pieces_of_long_rows_are_short(tmp_path, monkeypatch):
    monkeypatch.setattr("headstart.data.formats.MOST", 100)
    path = table(tmp_path / "t.csv", ("text",), [("w" * 60,)] * 6)
    assert [len(piece.numbers) for piece in read_pieces(path, "utf-8", 4)] == [2, 2, 2]
