"""What a program holds in memory is answered as the same thing in a file is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import headstart as hs
from conftest import draw
from given import IMAGE
from headstart.data.inputs import expand
from headstart.data.items import place
from headstart.modalities.image.encode import encode
from headstart.modalities.image.read import decode


def picture(mode: str = "RGB") -> Image.Image:
    return draw(1, np.random.default_rng(0)).convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F"])
def test_nothing_is_lost_on_the_way(mode: str) -> None:
    held, out = picture(mode), io.BytesIO()
    held.save(out, "TIFF")
    data = encode(held)
    assert data is not None
    assert np.array_equal(decode(data).image, decode(out.getvalue()).image)


def test_sixteen_bits_stay_sixteen() -> None:
    values = np.arange(0, 60000, 100, dtype=np.uint16).reshape(20, 30)
    data = encode(Image.fromarray(values))
    assert data is not None
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), values)


def test_a_picture_that_is_stored_sideways_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture().crop((0, 0, 96, 64)).save(tmp_path / "a.png", exif=exif)
    data = encode(Image.open(tmp_path / "a.png"))
    assert data is not None
    of_file = decode((tmp_path / "a.png").read_bytes())
    assert of_file.size == decode(data).size == (64, 96)
    assert np.array_equal(decode(data).image, of_file.image)


def test_arrays_are_grey_or_in_colour() -> None:
    colour = np.asarray(picture())
    for values in (colour, colour[..., 0], np.asarray(picture("RGBA")), colour[::2, ::-1]):
        data = encode(values)
        assert data is not None
        assert np.array_equal(decode(data).image, Image.fromarray(values.copy()).convert("RGB"))


def test_a_run_answers_as_for_the_file(run_folder: Path, photos: Path) -> None:
    run, file = hs.load(run_folder), photos / "disc" / "disc1.png"
    opened = Image.open(file)
    alone = run.predict(file)[0]
    for held in (opened, np.asarray(opened), file.read_bytes(), bytearray(file.read_bytes())):
        (found,) = run.predict(held)
        assert found.path == "image 1"
        assert found.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
    mixed = run.predict([opened, file, b"no picture", photos / "stripes" / "stripes1.png"])
    assert [p.path for p in mixed[:1]] == ["image 1"]
    assert mixed[1].path == alone.path
    assert mixed[1].probabilities == pytest.approx(alone.probabilities, abs=1e-5)
    assert (mixed[2].path, mixed[2].error) == ("image 3", "not an image")
    assert mixed[3].predicted == "stripes"
    assert [p.path for p in run.predict([opened, opened])] == ["image 1", "image 2"]


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (3, "Input 1 is a int"),
        (None, "Input 1 is a NoneType"),
        (np.zeros((8, 8, 3)), r"an array of float64, shape \(8, 8, 3\)"),
        (np.zeros((2, 8, 8, 3), np.uint8), r"an array of uint8, shape \(2, 8, 8, 3\)"),
        (np.zeros((0, 8), np.uint8), r"shape \(0, 8\)"),
        ([picture(), object()], "Input 2 is a object"),
    ],
)
def test_anything_else_is_refused_with_the_mend(held: Any, said: str, run_folder: Path) -> None:
    with pytest.raises(hs.DataError, match=said) as refused:
        hs.load(run_folder).predict(held)
    assert "array of uint8, 0 to 255" in refused.value.hint


def test_a_damaged_file_that_was_opened_is_named(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:2000])
    said = pytest.raises(hs.DataError, match=r"image 2 cannot be read: damaged")
    with said, Image.open(tmp_path / "b.png") as opened:
        expand([picture(), opened], IMAGE)


def test_what_is_in_memory_is_known_by_its_content() -> None:
    examples = expand([picture(), b"other", picture()], IMAGE)
    one, two, three = (place(examples.items, row) for row in range(3))
    assert one == three != two
    taken = examples.take([2, 1])
    assert taken.refs == ("image 3", "image 2")
    assert taken.items.data(1) == b"other"
    assert (taken.items.kind, taken.items.columns, taken.items.path(0)) == ("file", (), None)
