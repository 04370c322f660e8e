"""What inputs without labels may be: folders, lists, tables, archives, standard input."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from given import IMAGE
from headstart.data.inputs import expand
from headstart.data.sources import open_source
from headstart.data.unlabelled import open_unlabelled
from headstart.data.walk import LITTER
from headstart.errors import DataError
from headstart.modalities import modality


def draw(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), "teal").save(root / name)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    draw(tmp_path / "pets", *(f"{kind}/{i}.png" for kind in ("cat", "dog") for i in (1, 2)))
    return tmp_path / "pets"


def refs_by_all(folder: Path, cache: Path) -> list[set[str]]:
    """What training, prediction and adaptation find in a folder."""
    return [
        set(open_source(folder, cache_dir=cache).refs),
        {Path(ref).relative_to(folder).as_posix() for ref in expand([folder], IMAGE).refs},
        set(open_unlabelled(folder, IMAGE, cache_dir=cache).refs),
    ]


# ---- folders -----------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows forbids some of these names")
def test_litter_is_nowhere_an_example(pets, tmp_path):
    before = refs_by_all(pets, tmp_path)
    assert before == [{"cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"}] * 3
    names = (*LITTER, "@eaDir", "$RECYCLE.BIN", "System Volume Information", ".Trash-1000")
    for name in names:
        draw(pets, f"{name}/1.png/THUMB_M.png", f"cat/{name}/2.png")
    draw(pets, "cat/._1.png")
    assert refs_by_all(pets, tmp_path) == before


def test_a_pattern_passes_over_litter(pets, monkeypatch):
    draw(pets, "@eaDir/1.png", "cat/__MACOSX/1.png")
    (pets / "Thumbs.db").touch()
    monkeypatch.chdir(pets)
    assert expand(["**/*"], IMAGE).refs == expand(["*/*.png"], IMAGE).refs
    assert expand(["@eaDir/*"], IMAGE).refs == ("@eaDir/1.png",)  # where it is asked for


@pytest.mark.skipif(os.name == "nt", reason="links need rights")
def test_circles_of_links_end_everywhere(pets, tmp_path, monkeypatch):
    for i in range(6):  # each leads to each: as many ways through as there are orders
        for j in range(6):
            draw(tmp_path, f"ring/{i}/x.png")
            (tmp_path / f"ring/{i}/to{j}").symlink_to(tmp_path / f"ring/{j}")
    (pets / "cat/ring").symlink_to(tmp_path / "ring/0")
    (pets / "dog/back").symlink_to(pets)
    (pets / "cat/self").symlink_to(pets / "cat/self")
    (pets / "loop").symlink_to(pets)
    found = refs_by_all(pets, tmp_path / "cache")
    linked = {ref for ref in found[0] if "ring" in ref}
    assert len(linked) == 6
    assert found[0] - linked == {"cat/1.png", "cat/2.png", "cat/self", "dog/1.png", "dog/2.png"}
    assert found[1] == found[2] == found[0] - {"cat/self"}
    monkeypatch.chdir(tmp_path / "pets")
    assert expand(["dog/**/*.png"], IMAGE).refs == ("dog/1.png", "dog/2.png")


@pytest.mark.skipif(os.name == "nt", reason="links need rights")
def test_folders_that_wrap_each_other_in_a_circle_end(tmp_path):
    draw(tmp_path, "a/x.png")
    for one, other in ("ab", "ba"):
        (tmp_path / one).mkdir(exist_ok=True)
        (tmp_path / one / "in").symlink_to(tmp_path / other)
    (tmp_path / "a/x.png").unlink()
    with pytest.raises(DataError):
        open_source(tmp_path / "a", cache_dir=tmp_path)


# ---- tables and lists --------------------------------------------------------------------------


def test_back_slashes_of_tables_are_found_as_in_training(pets, tmp_path):
    (tmp_path / "win.csv").write_text("path,label\npets\\cat\\1.png,a\npets\\dog\\1.png,b\n")
    found = expand([tmp_path / "win.csv"], IMAGE)
    assert found.refs == ("pets\\cat\\1.png", "pets\\dog\\1.png")  # as they are named
    assert all(file.is_file() for file in found.items.files)
    target = open_unlabelled(tmp_path / "win.csv", IMAGE, cache_dir=tmp_path)
    trained = open_source(tmp_path / "win.csv", cache_dir=tmp_path)
    assert target.examples.places() == trained.examples.places() == found.places()


@pytest.mark.parametrize("name", ["list.txt", "list.LST"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\0"])
def test_a_list_of_paths(pets, tmp_path, name, end):
    lines = ["pets/cat/1.png", "", "pets\\dog\\2.png", str(pets / "cat/2.png"), "pets/gone.png"]
    (tmp_path / name).write_bytes(end.join([*lines, ""]).encode("utf-8-sig"))
    found = expand([tmp_path / name], IMAGE)
    assert found.refs == tuple(line for line in lines if line)
    assert [file.is_file() for file in found.items.files] == [True, True, True, False]


def test_a_list_may_start_from_the_current_folder(pets, tmp_path, monkeypatch):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/new.txt").write_text("pets/cat/1.png\n")
    monkeypatch.chdir(tmp_path)
    assert expand(["lists/new.txt"], IMAGE).items.files[0].is_file()


def test_text_that_lists_nothing(tmp_path):
    (tmp_path / "readme.txt").write_text("These are photos.\nOf cats.\n")
    assert expand([tmp_path / "readme.txt"], IMAGE).items.files == (tmp_path / "readme.txt",)
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(DataError, match=r"empty\.txt lists no images"):
        expand([tmp_path / "empty.txt"], IMAGE)


def test_a_list_in_another_encoding(tmp_path):
    draw(tmp_path, "höhle.png")
    (tmp_path / "l.txt").write_bytes("höhle.png\n".encode("latin-1"))
    assert expand([tmp_path / "l.txt"], IMAGE, encoding="latin-1").items.files[0].is_file()


def test_standard_input(pets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = io.TextIOWrapper(io.BytesIO(b"pets/cat/1.png\n./pets/dog/1.png\n"))
    monkeypatch.setattr("sys.stdin", given)
    assert expand(["-", "pets/dog/2.png"], IMAGE).refs == (
        "pets/cat/1.png",
        "./pets/dog/1.png",
        "pets/dog/2.png",
    )
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(DataError, match="standard input lists no images"):
        expand(["-"], IMAGE)
    with pytest.raises(DataError, match="Standard input is read as a list of files"):
        expand(["-"], modality("array"))


# ---- archives ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["zip", "tar", "gztar"])
def test_archives(pets, tmp_path, form, monkeypatch):
    draw(pets, "@eaDir/x.png")
    made = Path(shutil.make_archive(str(tmp_path / "new"), form, pets))
    monkeypatch.chdir(tmp_path)
    found = expand([made.name], IMAGE, cache_dir=tmp_path / "cache")
    assert found.refs == tuple(f"{made.name}/{n}.png" for n in ("cat/1", "cat/2", "dog/1", "dog/2"))
    assert all(file.is_file() for file in found.items.files)


def test_an_archive_of_tables_and_one_of_nothing(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/t.csv").write_text("a,b\n1,2\n3,4\n")
    made = shutil.make_archive(str(tmp_path / "new"), "zip", tmp_path / "d")
    assert len(expand([made], modality("array"), cache_dir=tmp_path / "cache")) == 2
    with pytest.raises(DataError, match=r"no images below '.*new\.zip'"):
        expand([made], IMAGE, cache_dir=tmp_path / "cache")


def test_every_file_that_may_be_an_image_has_a_row(tmp_path):
    image = Image.new("RGB", (8, 8))
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.avif")
    image.save(tmp_path / "c.mpo", "MPO")
    image.save(tmp_path / "scan0001", "TIFF")  # no suffix
    image.save(tmp_path / "photo.PNG.download", "PNG")
    (tmp_path / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(300))
    (tmp_path / "slice").write_bytes(bytes(128) + b"DICM" + bytes(99))
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "notes").write_text("no image")
    found = expand([tmp_path], modality("image"))
    assert {Path(ref).name for ref in found.refs} == {
        *("a.png", "b.avif", "c.mpo", "scan0001", "photo.PNG.download"),
        *("IMG_1.HEIC", "slice", "empty.jpg"),
    }
