"""What may be a target, what labels are found for it, and what is said when there are none."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from PIL import Image

from given import IMAGE, images
from headstart.data.items import Files
from headstart.data.tables import Rows
from headstart.data.unlabelled import Unlabelled, open_unlabelled, read_labels, read_weights
from headstart.errors import ConfigError, DataError


def draw(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), "teal").save(file)


@pytest.fixture
def listed(tmp_path: Path):
    def _listed(data: str | Path, **options: str) -> Unlabelled:
        return open_unlabelled(data, IMAGE, cache_dir=tmp_path / "cache", **options)

    return _listed


@pytest.fixture
def labels(tmp_path: Path):
    def _labels(data: str | Path, files: tuple[Path, ...], encoding: str = "utf-8"):
        return read_labels(
            data,
            images(files),
            option="--labelled",
            encoding=encoding,
            cache_dir=tmp_path / "cache",
        )

    return _labels


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, ...]:
    """Four files in two class folders, in the order a listing has them."""
    files = tuple(
        tmp_path / "set" / name for name in ("cat/1.png", "cat/2.png", "dog/1.png", "dog/3.png")
    )
    draw(*files)
    return files


# ---- what may be a target --------------------------------------------------------------------


def test_class_folders_are_said_not_to_be_read(listed, pictures, tmp_path: Path) -> None:
    found = listed(tmp_path / "set")
    assert found.name == "set"
    assert found.refs == ("cat/1.png", "cat/2.png", "dog/1.png", "dog/3.png")
    assert found.examples.items.files == pictures
    assert "(cat, dog) were not read as labels" in found.note


def test_a_flat_folder_has_no_note_and_hidden_files_are_none(listed, tmp_path: Path) -> None:
    draw(tmp_path / "b.png", tmp_path / "a.png", tmp_path / ".c.png", tmp_path / ".d" / "e.png")
    (tmp_path / "notes.txt").write_text("no picture")
    found = listed(f"{tmp_path}/")
    assert (found.name, found.refs, found.note) == (tmp_path.name, ("a.png", "b.png"), "")


def test_many_folders_are_not_all_named(listed, tmp_path: Path) -> None:
    draw(*(tmp_path / "set" / kind / "1.png" for kind in "abcde"))
    assert "(a, b, c, ...)" in listed(tmp_path / "set").note


def test_rows_are_taken_in_order(listed, pictures, tmp_path: Path) -> None:
    found = listed(tmp_path / "set")
    part = found.take([2, 0])
    assert part.refs == ("dog/1.png", "cat/1.png")
    assert part.examples.items.files == (pictures[2], pictures[0])
    assert (part.name, part.note, len(part)) == (found.name, found.note, 2)


def test_a_table_lists_paths_from_its_own_folder(listed, pictures, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("n,photo,Class\n1,set/dog/1.png,cat\n2,set/cat/1.png,dog\n")
    found = listed(table, x="photo")
    assert found.refs == ("set/dog/1.png", "set/cat/1.png")
    assert found.examples.items.files == (pictures[2], pictures[0])
    assert found.note == "Column 'Class' of t.csv was not read: the target counts as unlabelled."
    with pytest.raises(DataError, match="has no column 'foto'"):
        listed(table, x="foto")


def test_a_table_without_labels_has_no_note(listed, pictures, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path\nset/dog/1.png\n")
    assert listed(tmp_path / "t.csv").note == ""


def test_a_table_in_another_encoding(listed, tmp_path: Path) -> None:
    draw(tmp_path / "höhle.png")
    (tmp_path / "t.csv").write_bytes("path;label\nhöhle.png;x\n".encode("latin-1"))
    assert listed(tmp_path / "t.csv", encoding="latin-1").examples.items.files == (
        tmp_path / "höhle.png",
    )


def test_an_archive_and_one_file(listed, pictures, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as packed:
        for file in pictures:
            packed.write(file, file.relative_to(tmp_path / "set").as_posix())
    found = listed(tmp_path / "packed.zip")
    assert found.name == "packed"
    assert found.refs == ("cat/1.png", "cat/2.png", "dog/1.png", "dog/3.png")
    assert "packed (cat, dog) were not read" in found.note
    alone = listed(pictures[0])
    assert (alone.name, alone.examples.items.files, alone.note) == ("1", (pictures[0],), "")


def test_builtin_labels_are_not_read(listed, pictures, monkeypatch) -> None:
    rows = Rows([p.name for p in pictures], Files(pictures), list("aabb"), [False] * 4)
    monkeypatch.setattr("headstart.data.builtin.load", lambda *arguments: rows)
    found = listed("builtin:letters")
    assert (found.name, found.examples.items.files) == ("letters", pictures)
    assert "builtin:letters were not read" in found.note


def test_what_holds_no_images(listed, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as packed:
        packed.writestr("readme.txt", "nothing")
    with pytest.raises(DataError, match="no file or folder"):
        listed(tmp_path / "missing")
    with pytest.raises(DataError, match=r"no images below '.*empty'"):
        listed(tmp_path / "empty")
    with pytest.raises(DataError, match=r"no images below '.*empty\.zip'"):  # not its cache
        listed(tmp_path / "empty.zip")


def test_a_blank_path_is_not_the_folder(listed, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,note\na.png,x\n,y\n")
    with pytest.raises(DataError, match="nothing in column 'path' in 1 of 2 rows: row 3"):
        listed(tmp_path / "t.csv")


# ---- labels for it ---------------------------------------------------------------------------


def test_labels_of_a_table_meet_their_files(labels, pictures, tmp_path: Path) -> None:
    """By another route to the same file; rows without a label, and other files, count nothing."""
    (tmp_path / "link").symlink_to(tmp_path / "set")
    (tmp_path / "l.csv").write_text(
        f"label,path\ndog,link/dog/3.png\n,set/cat/1.png\ncat,{pictures[1]}\nowl,set/owl.png\n"
    )
    assert labels(tmp_path / "l.csv", pictures) == {3: "dog", 1: "cat"}


def test_class_folders_are_labels(labels, pictures, tmp_path: Path) -> None:
    expected = {0: "cat", 1: "cat", 2: "dog", 3: "dog"}
    assert labels(tmp_path / "set", pictures) == expected


def test_an_image_listed_twice_is_labelled_twice(labels, pictures, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("path,label\nset/cat/1.png,cat\nset/cat/1.png,cat\n")
    assert labels(tmp_path / "l.csv", (pictures[0], pictures[0])) == {0: "cat", 1: "cat"}


def test_two_labels_for_one_image_are_refused(labels, pictures, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("path,label\nset/cat/1.png,cat\n./set/cat/1.png,dog\n")
    with pytest.raises(DataError, match="has two labels, 'cat' and 'dog'"):
        labels(tmp_path / "l.csv", pictures)


def test_labels_that_are_none(labels, pictures, tmp_path: Path) -> None:
    (tmp_path / "bare.csv").write_text("path,said\nset/cat/1.png,cat\n")
    (tmp_path / "blank.csv").write_text("path,label\nset/cat/1.png,\nset/cat/2.png, \n")
    (tmp_path / "other.csv").write_text("path,label\n1.png,cat\n")
    with pytest.raises(ConfigError, match="no column of labels; its columns are path, said"):
        labels(tmp_path / "bare.csv", pictures)
    with pytest.raises(DataError, match="'label' is empty in all 2 rows"):
        labels(tmp_path / "blank.csv", pictures)
    with pytest.raises(DataError, match="labels none of the 4 images"):
        labels(tmp_path / "other.csv", pictures)
    with pytest.raises(DataError):
        labels(tmp_path / "missing.csv", pictures)


# ---- what a filled table of proposals stands for ---------------------------------------------


def weights_of(tmp_path: Path, files: tuple[Path, ...], text: str) -> dict[int, float]:
    (tmp_path / "w.csv").write_text(text)
    return read_weights(tmp_path / "w.csv", images(files), encoding="utf-8")


def test_weights_of_a_filled_table(pictures, tmp_path: Path) -> None:
    text = "path,label,stands_for\nset/dog/1.png,dog,2.5\nset/cat/1.png,cat,1.5\nelse.png,cat,9\n"
    assert weights_of(tmp_path, pictures, text) == {2: 2.5, 0: 1.5}


@pytest.mark.parametrize(
    "text",
    [
        "path,label,stands_for\nset/dog/1.png,dog,2\nset/cat/1.png,,2\n",  # partly filled: picked
        "path,label\nset/dog/1.png,dog\n",
        "path,stands_for\nset/dog/1.png,2\n",
        "path,label,stands_for\nset/dog/1.png,dog,many\n",
        "path,label,stands_for\nset/dog/1.png,dog,0\n",
    ],
)
def test_tables_that_say_nothing_of_weights(pictures, tmp_path: Path, text: str) -> None:
    assert weights_of(tmp_path, pictures, text) == {}


def test_a_folder_has_no_weights(pictures, tmp_path: Path) -> None:
    assert read_weights(tmp_path / "set", images(pictures), encoding="utf-8") == {}
