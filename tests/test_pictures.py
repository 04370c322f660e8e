"""Pictures: what training sees is what prediction sees, and augmentation is repeatable."""

from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import draw_folder
from given import images
from headstart.errors import DataError
from headstart.modalities.image import fresh as pictures
from headstart.modalities.image.augmentation import Augmentation
from headstart.modalities.image.fresh import Pictures
from headstart.modalities.image.look import Preprocessing
from headstart.modalities.image.read import decode

HALF = (0.5, 0.5, 0.5)
LOOK = Preprocessing(48, 54, HALF, HALF)
ROWS = np.array([5, 0, 3])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Drawn pictures, and photos that are wide, tall, large and tiny."""
    root = draw_folder(tmp_path_factory.mktemp("pictures") / "photos", 1)
    rng = np.random.default_rng(3)
    for i, size in enumerate([(300, 211), (97, 340), (1000, 640), (20, 33), (54, 54)]):
        coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8))
        smooth = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), float)
        noisy = (smooth + rng.normal(0, 8, smooth.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(root / f"photo{i}.{'jpg' if i == 2 else 'png'}")
    return sorted(p for p in root.rglob("*") if p.is_file())


def read(files, kind="none", look=LOOK):
    examples = images(files)
    read = partial(examples.read, detail=look.detail)
    return Pictures.read(read, len(files), look, kind, workers=2)


def varied(found, seed, rows=ROWS):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return found.varied(rows, np.random.default_rng(0))


@pytest.mark.parametrize("look", [LOOK, Preprocessing(64, 64, HALF, HALF, "bilinear")], ids=str)
def test_plain_is_what_prediction_sees(files, look):
    rows = np.arange(len(files))
    got = read(files, look=look).plain(rows)
    assert (got.shape, got.dtype) == ((len(files), look.size, look.size, 3), np.uint8)
    for pixels, file in zip(got.astype(int), files, strict=True):
        apart = np.abs(pixels - look(decode(file.read_bytes(), look.resize)))
        assert apart.mean() < 1, file.name
        assert np.quantile(apart, 0.99) <= 2, file.name
    np.testing.assert_array_equal(got[ROWS], read(files, look=look).plain(ROWS))


@pytest.mark.parametrize("kind", Augmentation.kinds)
def test_augmentation_is_the_same_for_the_same_seed(files, kind):
    found = read(files, kind)
    first = varied(found, 1)
    assert (first.shape, first.dtype) == ((3, 48, 48, 3), np.uint8)
    assert first.flags.c_contiguous
    np.testing.assert_array_equal(first, varied(read(files, kind), 1))
    others = [varied(found, seed) for seed in range(2, 12)]
    differ = [not np.array_equal(first, other) for other in others]
    assert any(differ) == (kind != "none")
    np.testing.assert_array_equal(found.plain(ROWS), read(files).plain(ROWS))


def test_flips_are_of_what_prediction_sees(files):
    plain = read(files).plain(ROWS)
    np.testing.assert_array_equal(varied(read(files, "none"), 0), plain)
    for kind, ways in (("mirror", ((1, 1), (1, -1))), ("flips", ((1, 1), (1, -1), (-1, 1)))):
        allowed = ways if kind == "mirror" else (*ways, (-1, -1))
        seen = set()
        for seed in range(12):
            for was, now in zip(plain, varied(read(files, kind), seed), strict=True):
                found = [w for w in allowed if np.array_equal(was[:: w[0], :: w[1]], now)]
                assert found
                seen.add(found[0])
        assert seen == set(allowed)


def test_padding_moves_by_at_most_four_pixels(files):
    plain = np.pad(read(files).plain(ROWS), ((0, 0), (4, 4), (4, 4), (0, 0)))
    for was, now in zip(plain, varied(read(files, "pad"), 3), strict=True):
        moved = [was[dy : dy + 48, dx : dx + 48] for dy in range(9) for dx in range(9)]
        assert any(np.array_equal(m, now) or np.array_equal(m[:, ::-1], now) for m in moved)


@pytest.mark.parametrize("kind", ["none", "crops", "pad"])
def test_too_many_for_memory_are_read_again_with_the_same_pixels(files, kind, monkeypatch):
    kept = read(files, kind)
    assert len(kept.kept) == len(files)
    monkeypatch.setattr(pictures, "MAX_BYTES", 10_000)
    again = read(files, kind)
    assert again.kept == []
    np.testing.assert_array_equal(again.plain(ROWS), kept.plain(ROWS))
    np.testing.assert_array_equal(varied(again, 5), varied(kept, 5))


def test_a_picture_that_is_gone_is_named(files, tmp_path, monkeypatch):
    gone = tmp_path / "gone.png"
    Image.open(files[0]).save(gone)
    found = read([gone])
    gone.unlink()
    assert found.plain(np.array([0])).shape == (1, 48, 48, 3), "kept in memory"
    with pytest.raises(DataError, match=r"gone\.png can no longer be read"):
        read([gone])
    monkeypatch.setattr(pictures, "MAX_BYTES", 1)
    with pytest.raises(DataError, match=r"gone\.png can no longer be read"):
        read([gone]).plain(np.array([0]))


def test_progress_counts_images(files):
    heard = []
    examples = images(files)
    Pictures.read(examples.read, len(files), LOOK, "none", workers=2, on_event=heard.append)
    assert [e.done for e in heard] == list(range(1, len(files) + 1))
    assert {(e.stage, e.total) for e in heard} == {("reading images", len(files))}
