"""Items and modalities: bytes by row, and the contract that every modality fulfils."""

from __future__ import annotations

import io
import runpy
from pathlib import Path

import numpy as np
import pytest

from conftest import draw
from headstart.data.items import Cells, Examples, Files, NumberRows, glimpse, written
from headstart.errors import DataError
from headstart.modalities import modality
from headstart.modalities.arrays.look import Centred
from headstart.modalities.image.look import Preprocessing
from headstart.testing import check_copies, check_items, check_look, check_modality

LOG = Path(__file__).parents[1] / "docs" / "examples" / "log_lines.py"
NUMBERS = np.random.default_rng(0).normal(size=(6, 4))


def pictures() -> list[bytes]:
    rng, found = np.random.default_rng(0), []
    for kind in range(5):
        with io.BytesIO() as file:
            draw(kind % 3, rng, 64 + kind).save(file, "png" if kind % 2 else "jpeg")
            found.append(file.getvalue())
    return found


def subject(name: str):
    if name == "image":
        half = (0.5, 0.5, 0.5)
        return modality("image"), Preprocessing(32, 40, half, half), pictures()
    if name == "array":
        rows = NumberRows(NUMBERS, ("a", "b", "c", "d"))
        look = Centred(rows.columns, tuple(np.median(NUMBERS, axis=0).tolist()))
        return modality("array"), look, [rows.data(i) for i in range(6)]
    plugin = runpy.run_path(str(LOG), run_name="log_lines")
    lines = ["disk full on web1", "user ann logged in", "<script>alert(1)</script>", "link 3 down"]
    return plugin["LogModality"](), plugin["Pairs"](), [line.encode() for line in lines]


def test_items_of_every_kind_keep_the_contract(photos: Path) -> None:
    check_items(Files(tuple(sorted(photos.rglob("*.png"))[:4])))
    check_items(Cells(("one", "two", "zwölf", "二")))
    check_items(NumberRows(NUMBERS, ("a", "b", "c", "d")))
    with pytest.raises(AssertionError, match="columns make rows"):
        check_items(NumberRows(NUMBERS, ()))


@pytest.mark.parametrize("name", ["image", "array", "log"])
def test_modalities_keep_the_contract(name):
    check_modality(*subject(name))


def test_the_checks_find_what_is_amiss():
    array, look, rows = subject("array")

    class Forgetful(Centred):
        def to_json(self):
            return {"columns": self.columns, "middle": (0.0,) * 4}

    with pytest.raises(AssertionError, match="does not survive JSON"):
        check_look(array, Forgetful(look.columns, look.middle), rows)

    class Blind(type(array)):
        def copies(self, hashes, digests):
            return type(found)(np.arange(len(hashes)), np.arange(len(hashes)))

    found = array.copies(["a"], [])
    with pytest.raises(AssertionError, match="no copy of itself"):
        check_copies(Blind(), rows)


def test_items_are_bytes_by_row(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"abc")
    (tmp_path / "b.bin").write_bytes(b"d")
    files = Files((tmp_path / "a.bin", tmp_path / "b.bin"))
    cells = Cells(("one", "zwei ä"))
    rows = NumberRows(NUMBERS, ("a", "b", "c", "d"))
    assert [files.data(1), cells.data(1)] == [b"d", "zwei ä".encode()]
    assert np.array_equal(np.frombuffer(rows.data(2)), NUMBERS[2])
    assert [i.take([1]).data(0) for i in (files, cells, rows)] == [
        files.data(1), cells.data(1), rows.data(1)
    ]  # fmt: skip
    assert [i.path(0) for i in (files, cells, rows)] == [tmp_path / "a.bin", None, None]
    assert dict(glimpse(["x", "y"], files)) == {"a.bin": b"abc", "b.bin": b"d"}


def test_what_a_table_needs_to_lead_back_to_an_example(tmp_path):
    rows = Examples(("row 0",), NumberRows(NUMBERS[:1], tuple("abcd")), modality("array"))
    assert written(rows, 0) == dict(zip("abcd", NUMBERS[0], strict=True))
    file = Examples.of_files([tmp_path / "a.png"], modality("image"))
    assert written(file, 0) == {"path": str((tmp_path / "a.png").resolve())}
    assert written(Examples(("row 2",), Cells(("hot",)), modality("image")), 0) == {"image": "hot"}


def test_the_same_row_is_the_same_example_in_every_list():
    array = modality("array")
    a = Examples(("row 0", "row 1"), NumberRows(NUMBERS[:2], tuple("abcd")), array)
    b = Examples(("row 9",), NumberRows(NUMBERS[1:2], tuple("abcd")), array)
    assert a.places()[1] == b.places()[0]


def test_an_example_that_has_gone_is_named(tmp_path):
    examples = Examples.of_files([tmp_path / "gone.png"], modality("image"))
    with pytest.raises(DataError, match=r"gone\.png can no longer be read"):
        examples.read(0)
