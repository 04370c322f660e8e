"""Resizing, against the formula: the width first, then the height, rounded in between."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from PIL import Image

from headstart.modalities.image.look import Preprocessing
from headstart.modalities.image.read import Picture
from headstart.modalities.image.resize import resized
from headstart.modalities.image.views import crop_box, views

HALF = (0.5, 0.5, 0.5)
LOOK = Preprocessing(224, 256, HALF, HALF)

SHAPES = [(180, 240), (257, 300), (230, 500), (500, 800), (600, 2000), (2000, 600), (40, 500)]


def cubic(x: float) -> float:
    """Keys (1981) with a = -0.5, as Pillow's bicubic."""
    x = abs(x)
    if x < 1:
        return (1.5 * x - 2.5) * x * x + 1
    return ((-0.5 * x + 2.5) * x - 4) * x + 2 if x < 2 else 0.0


def triangle(x: float) -> float:
    return max(0.0, 1 - abs(x))


KERNELS = {"bicubic": (cubic, 2.0), "bilinear": (triangle, 1.0)}


def weights(kernel: str, source: int, target: int, low: float, high: float) -> np.ndarray:
    """The matrix (target, source) of an antialiased resize of the stretch from low to high."""
    function, reach = KERNELS[kernel]
    scale = (high - low) / target
    wide = max(scale, 1.0)
    matrix = np.zeros((target, source))
    for row in range(target):
        centre = low + (row + 0.5) * scale
        first = max(0, int(centre - reach * wide + 0.5))
        last = min(source, int(centre + reach * wide + 0.5))
        for column in range(first, last):
            matrix[row, column] = function((column + 0.5 - centre) / wide)
    return matrix / matrix.sum(axis=1, keepdims=True)


def reference(pixels: np.ndarray, size: tuple[int, int], kernel: str, box) -> np.ndarray:
    left, top, right, bottom = box
    high, wide, _ = pixels.shape
    across = weights(kernel, wide, size[0], left, right)
    down = weights(kernel, high, size[1], top, bottom)
    rows = np.einsum("ij,hjc->hic", across, pixels).round().clip(0, 255)
    return np.einsum("ij,jwc->iwc", down, rows).round().clip(0, 255)


@pytest.mark.parametrize("kernel", list(KERNELS))
@pytest.mark.parametrize(("wide", "high"), SHAPES)
def test_the_width_comes_first_whatever_the_shape(wide, high, kernel):
    pixels = np.random.default_rng(0).integers(0, 256, (high, wide, 3), dtype=np.uint8)
    for box in ((0.0, 0.0, wide, high), (wide * 0.1, high * 0.21, wide * 0.83, high * 0.7)):
        got = np.asarray(resized(Image.fromarray(pixels), (64, 48), kernel, box), int)
        assert np.abs(got - reference(pixels, (64, 48), kernel, box)).max() <= 1


@pytest.mark.parametrize(("wide", "high"), SHAPES)
def test_a_network_sees_these_pixels(wide, high):
    pixels = np.random.default_rng(1).integers(0, 256, (high, wide, 3), dtype=np.uint8)
    scale = LOOK.resize / min(wide, high)
    resized_to = int(wide * scale), int(high * scale)
    edges = [round((side - LOOK.size) / 2) for side in resized_to]
    box = [
        *(
            edge * full / side
            for edge, full, side in zip(edges, (wide, high), resized_to, strict=True)
        ),
        *(
            (edge + LOOK.size) * full / side
            for edge, full, side in zip(edges, (wide, high), resized_to, strict=True)
        ),
    ]
    got = LOOK(Picture(Image.fromarray(pixels), (wide, high))).astype(int)
    expected = reference(pixels, (LOOK.size, LOOK.size), LOOK.interpolation, box)
    assert np.abs(got - expected).max() <= 1


def test_a_random_crop_is_resized_the_same_way():
    pixels = np.random.default_rng(2).integers(0, 256, (500, 230, 3), dtype=np.uint8)
    picture = Picture(Image.fromarray(pixels), (230, 500))
    rng = Random("0 mark 2")  # as the view draws its box, and whether it is mirrored
    box, mirrored = crop_box(230, 500, rng), rng.random() < 0.5
    seen = views("crops", 3)(picture, LOOK, "mark", 2).astype(int)
    expected = reference(pixels, (LOOK.size, LOOK.size), LOOK.interpolation, box)
    assert np.abs((seen[:, ::-1] if mirrored else seen) - expected).max() <= 1
