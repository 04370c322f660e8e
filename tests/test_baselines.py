"""Descriptors without learned knowledge: the array operation against a loop over pixels."""

import numpy as np
import pytest
from PIL import Image

from headstart.modalities.image.baselines import (
    HOG,
    PIXELS,
    RIVALS,
    colour_histogram,
    hog,
    small_pixels,
)
from headstart.modalities.image.digest import Digest


@pytest.fixture(scope="module")
def thumbs():
    """Three small copies: soft shapes, plain noise, and a flat gray."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64]
    soft = 120 + 90 * np.sin(x / 9)[..., None] * np.cos(y / 7)[..., None] * [1, 0.5, -0.3]
    noise = rng.integers(0, 256, (64, 64, 3))
    return np.stack([soft, noise, np.full((64, 64, 3), 128)]).astype(np.uint8)


def naive_hog(thumb, cell=8, angles=9):
    """Pixel by pixel: votes shared between the two nearest directions; block by block."""
    gray = thumb.astype(np.float64) @ [0.299, 0.587, 0.114]
    side = len(gray) // cell
    cells = np.zeros((side, side, angles))
    last = len(gray) - 1
    for i in range(len(gray)):
        for j in range(len(gray)):
            up, down = max(i - 1, 0), min(i + 1, last)
            left, right = max(j - 1, 0), min(j + 1, last)
            dy = (gray[down, j] - gray[up, j]) / (down - up)
            dx = (gray[i, right] - gray[i, left]) / (right - left)
            turn = (np.arctan2(dy, dx) % np.pi) / np.pi * angles
            low = int(turn) % angles
            share = turn - int(turn)
            size = np.hypot(dx, dy)
            cells[i // cell, j // cell, low] += size * (1 - share)
            cells[i // cell, j // cell, (low + 1) % angles] += size * share
    energy = np.pad((cells**2).sum(axis=2), 1, "edge")
    described = []
    for i in range(side):
        for j in range(side):
            blocks = [energy[i + a : i + a + 2, j + b : j + b + 2] for a in (0, 1) for b in (0, 1)]
            four = [np.minimum(cells[i, j] / np.sqrt(e.sum() + 1e-3), 0.2) for e in blocks]
            described += [*np.sum(four, axis=0), *np.sum(four, axis=1)]
    return np.array(described)


def test_hog_equals_a_loop_over_pixels(thumbs):
    fast = hog(thumbs)
    assert fast.shape == (3, 8 * 8 * 13)
    assert fast.dtype == np.float32
    for k in range(2):
        assert np.abs(fast[k] - naive_hog(thumbs[k])).max() < 1e-4


def test_hog_knows_direction_and_not_brightness():
    x = np.tile(np.arange(64) * 3, (64, 1))
    ramps = [x, x.T, x // 2 + 40, np.full((64, 64), 99)]
    described = hog(np.stack([np.stack([r] * 3, axis=2) for r in ramps]).astype(np.uint8))
    cells = described.reshape(4, 64, 13)[..., :9]
    assert (cells[0].argmax(axis=1) == 0).all()  # the gray rises along x
    assert set(np.flatnonzero(cells[1].max(axis=0))) <= {4, 5}  # along y: between 4 and 5
    assert np.abs(described[0] - described[2]).max() < 0.01
    assert not described[3].any()


def test_colour_histogram_counts_every_pixel_once(thumbs):
    described = colour_histogram(thumbs)
    assert described.shape == (3, 216)
    assert np.allclose(np.square(described).sum(axis=1), 1, atol=1e-5)
    for k, thumb in enumerate(thumbs):
        counts = np.zeros((6, 6, 6))
        for r, g, b in thumb.reshape(-1, 3).astype(int) * 6 // 256:
            counts[r, g, b] += 1
        assert np.allclose(described[k], np.sqrt(counts.ravel() / 4096), atol=1e-6)


def test_colour_histogram_ignores_where_a_pixel_is(thumbs):
    order = np.random.default_rng(1).permutation(4096)
    moved = thumbs.reshape(3, 4096, 3)[:, order].reshape(3, 64, 64, 3)
    assert np.array_equal(colour_histogram(moved), colour_histogram(thumbs))


def test_small_pixels_are_pillows_box_filter(thumbs):
    described = small_pixels(thumbs).reshape(3, 16, 16, 3)
    for k, c in np.ndindex(3, 3):
        channel = Image.fromarray(thumbs[k, ..., c].astype(np.float32))
        theirs = np.asarray(channel.resize((16, 16), Image.Resampling.BOX))
        assert np.abs(described[k, ..., c] * 255 - theirs).max() < 1e-3


def test_the_two_spaces(thumbs):
    digests = [Digest((64, 64), t) for t in thumbs]
    spaces = {name: rival.describe(digests) for name, rival in RIVALS.items()}
    assert {name: x.shape for name, x in spaces.items()} == {HOG: (3, 216 + 832), PIXELS: (3, 768)}
    for x in spaces.values():
        assert x.dtype == np.float32
        assert np.isfinite(x).all()
    for name, x in spaces.items():
        one_by_one = [RIVALS[name].describe([d]) for d in digests]
        assert np.array_equal(x, np.concatenate(one_by_one))
