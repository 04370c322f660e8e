"""What a user may point at, and what is said when it cannot be used."""

import os
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.data.dataset import Dataset
from headstart.data.sources import open_source
from headstart.data.walk import natural
from headstart.errors import ConfigError, DataError


def draw(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), "teal").save(file)


@pytest.fixture
def load(tmp_path):
    def _load(data, **options) -> Dataset:
        return open_source(data, cache_dir=tmp_path / "cache", **options)

    return _load


@pytest.fixture
def pets(tmp_path):
    root = tmp_path / "pets"
    draw(*(root / kind / f"{i}.png" for kind in ("cat", "dog") for i in (1, 2, 10)))
    return root


def named(dataset: Dataset) -> list[str]:
    return [dataset.classes[i] for i in dataset.labels]


def notes(dataset: Dataset) -> str:
    return " | ".join(finding.message for finding in dataset.findings)


# ------------------------------------------------------------------ class folders


def test_class_folders(pets, load):
    dataset = load(pets)
    assert dataset.name == "pets"
    assert dataset.classes == ("cat", "dog")
    # img2 before img10
    assert dataset.refs == (
        *("cat/1.png", "cat/2.png", "cat/10.png"),
        *("dog/1.png", "dog/2.png", "dog/10.png"),
    )
    assert dataset.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert dataset.labels.dtype == np.int64
    assert not dataset.is_test.any()
    assert dataset.groups is None
    assert dataset.findings == ()
    assert all(file.is_absolute() and file.is_file() for file in dataset.examples.items.files)
    np.testing.assert_allclose(dataset.position, [0, 1 / 3, 2 / 3] * 2)


def test_a_relative_path_and_a_trailing_slash(pets, load, monkeypatch):
    monkeypatch.chdir(pets)
    assert load(".").name == "pets"
    assert load(f"{pets}/").refs == load(".").refs


def test_images_in_deeper_folders_belong_to_the_class(tmp_path, load):
    draw(tmp_path / "d/cat/a/1.png", tmp_path / "d/cat/b/c/2.png", tmp_path / "d/dog/1.png")
    dataset = load(tmp_path / "d")
    assert dataset.refs == ("cat/a/1.png", "cat/b/c/2.png", "dog/1.png")
    assert dataset.classes == ("cat", "dog")


def test_hidden_things_and_litter_are_neither_classes_nor_examples(pets, load):
    before = load(pets).refs
    draw(
        pets / ".ipynb_checkpoints/1.png",
        pets / "__MACOSX/cat/1.png",
        pets / "cat/.ipynb_checkpoints/1-checkpoint.png",
        pets / "cat/__MACOSX/._1.png",
        pets / "cat/._1.png",
    )
    for litter in (".DS_Store", "cat/.DS_Store", "dog/Thumbs.db", "dog/desktop.ini", "Desktop.ini"):
        (pets / litter).write_bytes(b"litter")
    dataset = load(pets)
    assert dataset.refs == before
    assert dataset.findings == ()


def test_files_that_are_no_images_are_kept_for_the_reading_step_to_name(pets, load):
    (pets / "cat/notes.txt").write_text("not an image")
    (pets / "cat/broken.jpg").write_bytes(b"")
    refs = load(pets).refs
    assert {"cat/notes.txt", "cat/broken.jpg"} <= set(refs)


def test_an_empty_class_folder_is_named(pets, load):
    (pets / "bird").mkdir()
    dataset = load(pets)
    assert dataset.classes == ("cat", "dog")
    assert "'bird'" in notes(dataset)
    assert dataset.findings[0].kind == "note"


def test_loose_images_are_counted(pets, load):
    draw(pets / "x.png", pets / "y.jpg")
    (pets / "README.txt").write_text("hello")
    [finding] = load(pets).findings
    assert finding.kind == "note"
    assert finding.figures["count"] == 2
    assert "2 files ('x.png', 'y.jpg')" in finding.message


def test_any_name_may_be_a_class(tmp_path, load):
    names = ["猫", "00 1", "🐶", "-x", "001"]
    draw(*(tmp_path / "d" / name / "a b.png" for name in names))
    dataset = load(tmp_path / "d")
    assert dataset.classes == tuple(sorted(names))
    assert "猫/a b.png" in dataset.refs


def test_linked_folders_are_followed_but_not_in_circles(pets, load):
    draw(pets.parent / "elsewhere/1.png")
    (pets / "fox").symlink_to(pets.parent / "elsewhere")
    (pets / "cat/again").symlink_to(pets / "cat")
    (pets / "cat/all").symlink_to(pets)
    dataset = load(pets)
    assert len(dataset) == 7
    assert "fox/1.png" in dataset.refs


@pytest.mark.skipif(sys.platform != "linux", reason="other systems forbid such names")
def test_names_that_are_not_utf8_are_refused(pets, load):
    draw(*(pets / os.fsdecode("狗".encode("gbk")) / f"{i}.png" for i in range(2)))
    with pytest.raises(DataError, match=r"3 names are not UTF-8 \(first: \\udcb9\\udcb7") as caught:
        load(pets)
    assert "pass the zip itself" in caught.value.hint
    str(caught.value).encode("utf-8")  # the message itself can be shown


def test_natural_order():
    names = ["img10", "img2", "IMG1", "img02", "a", "10", "9"]
    assert sorted(names, key=natural) == ["9", "10", "a", "IMG1", "img02", "img2", "img10"]


# ------------------------------------------------------------------ train/ and test/


def two_parts(root: Path, held_out: str, train: str = "train") -> Path:
    draw(*(root / train / kind / f"{i}.png" for kind in ("cat", "dog") for i in range(3)))
    draw(*(root / held_out / kind / "9.png" for kind in ("cat", "dog")))
    return root


@pytest.mark.parametrize(
    "held_out", ["val", "valid", "validation", "test", "testing", "dev", "Test", "VAL"]
)
def test_train_and_a_held_out_folder(tmp_path, load, held_out):
    dataset = load(two_parts(tmp_path / "d", held_out))
    assert dataset.is_test.tolist() == [False] * 6 + [True] * 2
    assert dataset.refs[0] == "train/cat/0.png"
    assert dataset.refs[-1] == f"{held_out}/dog/9.png"
    assert dataset.classes == ("cat", "dog")
    assert dataset.findings == ()
    # Each part has its own file order, within the class.
    np.testing.assert_allclose(dataset.position, [0, 1 / 3, 2 / 3, 0, 1 / 3, 2 / 3, 0, 0])


def test_val_joins_training_where_there_is_a_test_set(tmp_path, load):
    root = two_parts(tmp_path / "d", "test", "Train")
    draw(*(root / "val" / kind / "7.png" for kind in ("cat", "dog")))
    dataset = load(root)
    assert int(dataset.is_test.sum()) == 2
    # Training is class after class, so that "file order" means the order within a class.
    assert dataset.refs[:4] == (
        *("Train/cat/0.png", "Train/cat/1.png", "Train/cat/2.png"),
        "val/cat/7.png",
    )
    assert named(dataset)[:8] == ["cat"] * 4 + ["dog"] * 4
    [finding] = dataset.findings
    assert (finding.kind, finding.severity) == ("note", "info")
    assert "'test' is the test set; 'val' joins training" in finding.message


def test_only_train(pets, tmp_path, load):
    root = tmp_path / "d"
    shutil.copytree(pets, root / "train")
    draw(root / "cover.png")
    dataset = load(root)
    assert dataset.classes == ("cat", "dog")
    assert not dataset.is_test.any()
    assert "cover.png" in notes(dataset)


def test_a_test_folder_without_classes_is_said_to_be_ignored(pets, tmp_path, load):
    root = tmp_path / "d"
    shutil.copytree(pets, root / "train")
    draw(root / "test/1.png", root / "extra/2.png")
    dataset = load(root)
    assert len(dataset) == 6
    assert not dataset.is_test.any()
    assert "2 folders ('extra', 'test')" in notes(dataset)


def test_a_class_called_train_is_a_class(tmp_path, load):
    draw(*(tmp_path / "d" / kind / "1.png" for kind in ("bus", "train", "test")))
    assert load(tmp_path / "d").classes == ("bus", "test", "train")


def test_an_empty_class_in_one_part_is_named_with_its_part(tmp_path, load):
    root = two_parts(tmp_path / "d", "test")
    (root / "test/fox").mkdir()
    assert "test/fox" in notes(load(root))


# ------------------------------------------------------------------ folders with a table


@pytest.mark.parametrize("images", ["", "images/"])
def test_a_folder_with_one_table(tmp_path, load, images):
    root = tmp_path / "d"
    draw(root / f"{images}1.png", root / f"{images}2.png")
    (root / "metadata.csv").write_text(f"file_name,label\n{images}1.png,x\n{images}2.png,y\n")
    dataset = load(root)
    assert dataset.name == "d"
    assert dataset.refs == (f"{images}1.png", f"{images}2.png")
    assert named(dataset) == ["x", "y"]


def test_class_folders_win_over_a_table_which_is_named(pets, load):
    (pets / "labels.csv").write_text("path,label\n")
    assert "1 file ('labels.csv')" in notes(load(pets))


def test_a_table_by_itself(pets, load):
    (pets / "labels.csv").write_text("path,label,who\ncat/1.png,a,u\ndog/1.png,b,v\n")
    dataset = load(pets / "labels.csv", groups="who")
    assert dataset.name == "labels"
    assert dataset.groups is not None
    assert dataset.groups.tolist() == ["u", "v"]
    np.testing.assert_allclose(dataset.position, [0, 0])


# ------------------------------------------------------------------ archives


def zipped(root: Path, archive: Path, below: str = "") -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(root.rglob("*")):
            file.write(path, f"{below}{path.relative_to(root).as_posix()}")
    return archive


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"])
def test_archives_of_class_folders(pets, tmp_path, load, ending):
    how = {"zip": "zip", "tar": "tar", "bz2": "bztar", "xz": "xztar"}
    made = shutil.make_archive(
        str(tmp_path / "made"), how.get(ending.rpartition(".")[2], "gztar"), pets.parent, "pets"
    )
    archive = Path(made).rename(tmp_path / f"photos.v2.{ending}")
    dataset = load(archive)
    assert dataset.name == "photos.v2"
    assert dataset.refs == load(pets).refs
    assert all(file.is_file() for file in dataset.examples.items.files)


def test_an_archive_is_unpacked_once(pets, tmp_path, load):
    archive = zipped(pets, tmp_path / "pets.zip")
    heard: list[str] = []
    first = load(archive, on_event=lambda event: heard.append(event.stage))
    assert heard.count("unpacking") == 7  # the start, and six files
    heard.clear()
    archive.rename(tmp_path / "renamed.zip")
    again = load(tmp_path / "renamed.zip", on_event=lambda event: heard.append(event.stage))
    assert heard == []
    assert again.examples.items.files == first.examples.items.files
    assert [p.name[0] for p in (tmp_path / "cache/archives").iterdir()] != ["."]


def test_wrapping_folders_are_passed_through(pets, tmp_path, load):
    (pets / "__MACOSX").mkdir()
    archive = zipped(pets, tmp_path / "pets.zip", below="outer/inner/")
    assert load(archive).refs == load(pets).refs


def test_a_class_folder_is_not_a_wrapping_folder(tmp_path, load):
    draw(tmp_path / "d/cat/1.png", tmp_path / "d/cat/2.png")
    assert load(tmp_path / "d").classes == ("cat",)


def test_an_archive_with_a_table(tmp_path, load):
    draw(tmp_path / "d/images/1.png", tmp_path / "d/images/2.png")
    (tmp_path / "d/labels.csv").write_text("path,label\nimages/1.png,x\nimages/2.png,y\n")
    archive = zipped(tmp_path / "d", tmp_path / "d.zip", below="d/")
    assert load(archive).refs == ("images/1.png", "images/2.png")
    assert load(archive, x="path", y="label").findings == ()


@pytest.mark.parametrize("escape", ["{outside}", "../../../outside.png"])
def test_a_table_in_an_archive_cannot_reach_outside(tmp_path, load, escape):
    draw(tmp_path / "outside.png", tmp_path / "d/1.png")
    path = escape.format(outside=tmp_path / "outside.png")
    (tmp_path / "d/labels.csv").write_text(f"path,label\n1.png,x\n{path},y\n")
    with pytest.raises(DataError, match="leave the archive in 1 of 2 rows: row 3") as caught:
        load(zipped(tmp_path / "d", tmp_path / "d.zip"))
    assert "in the same archive" in caught.value.hint


def test_errors_in_an_archive_name_the_archive(tmp_path, load):
    draw(tmp_path / "d/1.png")
    with pytest.raises(DataError, match=r"^d\.zip holds 1 image"):
        load(zipped(tmp_path / "d", tmp_path / "d.zip"))


# ------------------------------------------------------------------ groups


def test_groups_from_the_path(pets, load):
    dataset = load(pets, groups_from=r"/(\d+)")
    assert dataset.groups is not None
    assert dataset.groups.tolist() == ["1", "2", "10"] * 2


def test_groups_need_one_origin(pets, load):
    with pytest.raises(ConfigError, match="not both") as caught:
        load(pets, groups="who", groups_from="x")
    assert caught.value.hint == "Drop --groups or --groups-from."


@pytest.mark.parametrize(
    ("option", "mend"), [("groups", "--groups-from"), ("x", "Drop --x"), ("y", "Drop --y")]
)
def test_columns_of_something_that_has_none(pets, load, option, mend):
    for source in (pets, "builtin:elpv"):
        with pytest.raises(ConfigError, match=f"--{option} 'who' names a column") as caught:
            load(source, **{option: "who"})
        assert mend in caught.value.hint


# ------------------------------------------------------------------ what cannot be used


@pytest.mark.parametrize(
    ("wrong", "mend"),
    [
        ("pest", "Did you mean 'pets'?"),
        ("quite different", "Check the path."),
        ("no/such/folder", "Check the path."),
        ("nul\0byte", "Check the path."),
        ("x" * 300, "Check the path"),
    ],
)
def test_a_path_that_is_not_there(pets, load, wrong, mend):
    with pytest.raises(DataError, match=r"no |cannot be read") as caught:
        load(pets.parent / wrong)
    assert mend in caught.value.hint


def test_a_path_that_is_the_name_of_a_built_in_set(load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        load("elpv")
    assert caught.value.hint == "Did you mean builtin:elpv?"


def test_a_file_of_another_kind(tmp_path, load):
    (tmp_path / "labels.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match="neither a folder, nor a table") as caught:
        load(tmp_path / "labels.xlsx")
    assert "Save a spreadsheet as CSV" in caught.value.hint


def test_an_empty_folder(tmp_path, load):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/.DS_Store").touch()
    with pytest.raises(DataError, match="is empty") as caught:
        load(tmp_path / "d")
    assert "folder of its own" in caught.value.hint
    assert "CSV" in caught.value.hint


def test_images_without_classes(tmp_path, load):
    draw(*(tmp_path / "d" / f"{i}.png" for i in range(5)))
    with pytest.raises(
        DataError, match=r"holds 5 images \('0.png', '1.png', '2.png', \.\.\.\), but no"
    ) as e:
        load(tmp_path / "d")
    assert "folder of its own" in e.value.hint
    assert "CSV with the columns path and label" in e.value.hint


def test_other_files_only(tmp_path, load):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"holds 1 text \('notes.txt'\), but no class folder"):
        load(tmp_path)


def test_several_tables(tmp_path, load):
    (tmp_path / "a.csv").touch()
    (tmp_path / "b.csv").touch()
    with pytest.raises(DataError, match=r"2 tables \('a.csv', 'b.csv'\)") as caught:
        load(tmp_path)
    assert caught.value.hint == "Pass the one to use."


def test_empty_class_folders_only(tmp_path, load):
    (tmp_path / "d/cat").mkdir(parents=True)
    (tmp_path / "d/dog").mkdir()
    with pytest.raises(DataError, match="all empty") as caught:
        load(tmp_path / "d")
    assert "folder of its own" in caught.value.hint


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read anything")
def test_a_folder_without_permission(pets, load):
    (pets / "cat").chmod(0)
    try:
        with pytest.raises(DataError, match="cannot be read: Permission denied") as caught:
            load(pets)
        assert "permissions" in caught.value.hint
    finally:
        (pets / "cat").chmod(0o700)
