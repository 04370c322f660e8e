"""A face to pixels: turned upright, moved and enlarged until its points lie where all faces' do.

References
----------
Umeyama (1991), "Least-squares estimation of transformation parameters between two point patterns",
PAMI 13(4); King (2009), "Dlib-ml: a machine learning toolkit", JMLR 10: the mean face is dlib's;
Deng et al. (2019), "ArcFace", CVPR: the five points are those of its authors' code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]
USED = slice(27, 55)
"""Of the 68 points: those of the nose, the eyes and the upper lip's edge. The jaw and the brows
move too much."""
PADDING = 0.25
"""Of the mean face, left on every side of it."""
_HALF = (  # x from the middle and y of a pair left and right of it, in faces; y of what is between
    (10, 10, 0.0, 0.203352),
    (11, 11, 0.0, 0.307009),
    (12, 12, 0.0, 0.409805),
    (13, 13, 0.0, 0.515625),
    (14, 18, 0.123247, 0.587326),
    (15, 17, 0.064091, 0.609345),
    (16, 16, 0.0, 0.628106),
    (19, 28, 0.368390, 0.216423),
    (20, 27, 0.303005, 0.178758),
    (21, 26, 0.224302, 0.179852),
    (22, 25, 0.155521, 0.231733),
    (23, 30, 0.229209, 0.245099),
    (24, 29, 0.307384, 0.244077),
    (31, 37, 0.235978, 0.780233),
    (32, 36, 0.149142, 0.745405),
    (33, 35, 0.061269, 0.727388),
    (34, 34, 0.0, 0.742578),
)
_MIDDLE = 0.490127


def _mean_face() -> Floats:
    """Return where the used points lie in the mean face: (28, 2), x and y, in faces."""
    face = np.zeros((28, 2))
    for left, right, away, y in _HALF:
        face[left - 10], face[right - 10] = (_MIDDLE - away, y), (_MIDDLE + away, y)
    return face


MEAN_FACE = (_mean_face() + PADDING) / (1 + 2 * PADDING)
"""Where the used points are to lie in a chip, as shares of its side."""
FIVE = (
    np.array(
        [
            (38.2946, 51.6963),
            (73.5318, 51.5014),
            (56.0252, 71.7366),
            (41.5493, 92.3655),
            (70.7299, 92.2041),
        ]
    )
    / 112
)
"""Where ArcFace has the middle of either eye, the nose's tip and the mouth's corners; left is the
picture's."""
DLIB, ARCFACE = "dlib", "arcface"
TEMPLATES = (DLIB, ARCFACE)
"""What a face is laid over: the mean face by 28 of its points, or five."""


@dataclass(frozen=True)
class Fit:
    """A similarity: a point z = x + iy of the picture comes to ``turn * z + shift``.

    Attributes
    ----------
    turn, shift : complex
        In pixels of the chip.
    miss : float
        How far the points lie from where they should, root mean square, as a share of the chip.
    """

    turn: complex
    shift: complex
    miss: float

    @property
    def tilt(self) -> float:
        """How far a face leans clockwise, degrees."""
        return float(-np.degrees(np.angle(self.turn)))


def five(points: Floats) -> Floats:
    """Return the middles of the eyes, the nose's tip and the mouth's corners of 68 points: (5, 2).

    They are numbered as those of iBUG 300-W are.
    """
    eyes = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    return np.stack([*eyes, points[30], points[48], points[54]])


def fit(points: Floats, side: int, template: str = DLIB) -> Fit:
    """Lay the 68 points of a face (68, 2) over one of ``TEMPLATES``, as well as can be."""
    used, places = (five(points), FIVE) if template == ARCFACE else (points[USED], MEAN_FACE)
    found, wanted = used @ [1, 1j], side * places @ [1, 1j]
    a, b = found - found.mean(), wanted - wanted.mean()
    turn = complex(np.vdot(a, b) / max(float(np.vdot(a, a).real), 1e-12))
    shift = complex(wanted.mean() - turn * found.mean())
    miss = np.sqrt(np.mean(np.abs(turn * found + shift - wanted) ** 2)) / side
    return Fit(turn, shift, float(miss))


def cut(image: Image.Image, how: Fit, side: int) -> NDArray[np.uint8]:
    """Cut a face out of an RGB image: (side, side, 3). What is beyond the image is black."""
    back = 1 / how.turn if how.turn else complex(1)
    start = -how.shift * back
    shrink = max(1, int(abs(back)))  # else pixels between those looked at would not count
    small = image.reduce(shrink) if shrink > 1 else image
    real, imaginary = back.real / shrink, back.imag / shrink
    matrix = (real, -imaginary, start.real / shrink, imaginary, real, start.imag / shrink)
    bilinear = Image.Resampling.BILINEAR
    return np.asarray(small.transform((side, side), Image.Transform.AFFINE, matrix, bilinear))


def whole(image: Image.Image, side: int) -> NDArray[np.uint8]:
    """Take all of an RGB image, padded with black to a square: (side, side, 3)."""
    scale = side / max(image.size)
    size = tuple(max(1, round(scale * s)) for s in image.size)
    canvas = Image.new("RGB", (side, side))
    corner = ((side - size[0]) // 2, (side - size[1]) // 2)
    canvas.paste(image.resize((size[0], size[1]), Image.Resampling.BILINEAR), corner)
    return np.asarray(canvas)
