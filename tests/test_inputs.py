"""What inputs without labels may be: folders, lists, tables, archives, standard input."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from given import IMAGE
from headstart.data.inputs import expand
from headstart.data.sources import open_source
from headstart.data.unlabelled import open_unlabelled
from headstart.data.walk import LITTER
from headstart.errors import DataError


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
