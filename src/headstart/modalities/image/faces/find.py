"""Faces in a picture: boxes of a detector, each looked at for its 68 points.

A box counts as a face where its points lie about as those of faces do; so a dog's head, a shoe or a
face that is upside down do not. Large faces are looked for first, and smaller ones only where there
are none; then the picture is turned over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from headstart.errors import BackboneError
from headstart.modalities.image.faces import package
from headstart.modalities.image.faces.chip import Fit, Floats, fit
from headstart.said import _

PASSES = ((224, 0.5), (320, 0.1), (416, 0.05))
"""Sides of the square that a picture is laid into, pixels, and the border left around it, as a
share of the picture: without it, faces that fill a picture are missed."""
LARGE = 0.25
"""Share of the longer side from which a face is large: then no smaller ones are looked for (plain
choice)."""
TURNS = (180, 90, 270)
"""Degrees by which a picture is turned where there is no face, or only one that is no good."""
SURE, CERTAIN = 0.35, 0.6
"""How sure the detector must be of a face: its authors want 0.5, but the points tell, too. And how
sure where no other way up is tried."""
OVERLAP = 0.4
"""Share of two boxes' union that is common to both, from which they are of one face."""
MISS, GOOD, BETTER = 0.035, 0.024, 0.85
"""How far points lie from those of the mean face, as ``Fit.miss`` has it: at most; so near that no
other way up is tried; and what share of it another way up has to stay under. Nine in ten upright
faces of 200 have less than 0.025, and none that is upside down."""
SPAN = 32
"""Brightest less darkest of 0 to 255, from which there is something to see (plain choice)."""
MOST = 16
"""Boxes that are looked at: those of which the detector is surest."""


class Least(NamedTuple):
    """What makes a face of a box: how sure the detector is at least; what points miss at most."""

    sure: float
    miss: float


LEAST, UNSURE = Least(SURE, MISS), Least(0.15, GOOD)
"""The usual; and, where there is nothing else, a box that the detector is less sure of but in which
points lie well: so a tenth more faces of 30 pixels are found, and two more of 200 photos of other
things are taken for faces. Last comes the whole picture, if its points lie as well."""


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    Attributes
    ----------
    box : ndarray (4,)
        Left, top, right, bottom, pixels of the picture as it was looked at.
    sure : float
        0 to 1; 0 where the whole picture is taken for one.
    points : ndarray (68, 2)
        In pixels, too.
    how : Fit
        How it becomes a chip.
    """

    box: Floats
    sure: float
    points: Floats
    how: Fit

    @property
    def side(self) -> float:
        """The geometric mean of its width and height, pixels."""
        return float(np.sqrt(np.prod(self.box[2:] - self.box[:2])))


@dataclass(frozen=True)
class Found:
    """What was found in a picture.

    Attributes
    ----------
    faces : list of Face
        The largest first; empty where there is none.
    image : PIL image
        As it was looked at.
    turned : int
        How far it was turned before, anticlockwise: 0, 90, 180 or 270 degrees.
    """

    faces: list[Face]
    image: Image.Image
    turned: int = 0

    @property
    def miss(self) -> float:
        """How far the points of the largest face lie from the mean face; infinite without one."""
        return self.faces[0].how.miss if self.faces else np.inf


def find(image: Image.Image, side: int, weights: str) -> Found:
    """Find the faces of an RGB image.

    Parameters
    ----------
    side : int
        Of a chip, pixels.
    weights : str
        The mark of the package.

    Raises
    ------
    BackboneError
        The weights cannot be had.
    """
    nets = _nets(weights)
    with _one_thread():
        found = nets.seen(image, 0, side, PASSES)
        if found.miss <= GOOD and found.faces[0].sure >= CERTAIN:
            return found
        turned = (image.rotate(turn, expand=True) for turn in TURNS)
        others = [
            nets.seen(over, turn, side, PASSES[:1])
            for over, turn in zip(turned, TURNS, strict=True)
        ]
        other = min(others, key=lambda each: each.miss)
        if other.miss < BETTER * found.miss:
            return other
        if found.faces:
            return found
        unsure = nets.seen(image, 0, side, PASSES[:1], UNSURE)
        return unsure if unsure.faces else Found(nets.filling(image, side), image)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Hold torch to the calling thread: each of the threads that read has a core of its own."""
    import torch

    own = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(own)


@dataclass(frozen=True)
class _Nets:
    """The detector, and the network for the points."""

    detector: Any
    points: Any

    def seen(
        self,
        image: Image.Image,
        turned: int,
        side: int,
        scales: Sequence[tuple[int, float]],
        least: Least = LEAST,
    ) -> Found:
        """Return what is found at the first scale with a large face, else where most are found."""
        most: list[Face] = []
        for square, border in scales:
            faces = self.faces(image, square, border, side, least)
            most = max(most, faces, key=len)
            if faces and faces[0].side >= LARGE * max(image.size):
                break
        return Found(most, image, turned)

    def faces(
        self, image: Image.Image, square: int, border: float, side: int, least: Least
    ) -> list[Face]:
        """Return the faces that are seen at a scale, the largest first."""
        boxes, sure = self._boxes(image, square, border)
        kept = _apart(boxes, sure, least.sure)
        faces = [self._face(image, boxes[k], float(sure[k]), side) for k in kept]
        good = [face for face in faces if face.how.miss <= least.miss]
        return sorted(good, key=lambda face: -face.side)

    def filling(self, image: Image.Image, side: int) -> list[Face]:
        """Return the whole picture as a face, where its points lie well.

        The detector sees none that is cut off all around. Where all is dark, points lie as in the
        mean of all faces, so there has to be something to see.
        """
        if np.ptp(np.asarray(image.convert("L"))) < SPAN:
            return []
        face = self._face(image, np.array([0.0, 0.0, *image.size]), 0.0, side)
        return [face] if face.how.miss <= GOOD else []

    def _face(self, image: Image.Image, box: Floats, sure: float, side: int) -> Face:
        points = self._points(image, box)
        return Face(box, sure, points, fit(points, side))

    def _boxes(self, image: Image.Image, square: int, border: float) -> tuple[Floats, Floats]:
        longest = max(image.size) * (1 + 2 * border)
        scale = square / longest
        wide, high = (max(1, round(scale * s)) for s in image.size)
        left, top = (square - wide) // 2, (square - high) // 2
        canvas = Image.new("RGB", (square, square))
        canvas.paste(image.resize((wide, high), Image.Resampling.BILINEAR), (left, top))
        boxes, sure = self._run(self.detector, canvas)
        shift = np.array([left, top, left, top])
        return (boxes * square - shift) / scale, sure

    def _points(self, image: Image.Image, box: Floats) -> Floats:
        """Find 68 points in the square around a box: (68, 2)."""
        n = self.points.SIDE
        side = float((box[2:] - box[:2]).max())
        corner = (box[:2] + box[2:]) / 2 - side / 2
        shrink = max(1, int(side / n))
        small = image.reduce(shrink) if shrink > 1 else image
        step = side / n / shrink
        matrix = (step, 0, corner[0] / shrink, 0, step, corner[1] / shrink)
        seen = small.transform((n, n), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
        (points,) = self._run(self.points, seen)
        return points[0] * side + corner

    @staticmethod
    def _run(net: Any, image: Image.Image) -> tuple[Floats, ...]:
        import torch

        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
        with torch.inference_mode():
            out = net(pixels.contiguous(memory_format=torch.channels_last))
        out = out if isinstance(out, tuple) else (out,)
        return tuple(part.double().numpy() for part in out)


@cache
def _nets(weights: str) -> _Nets:
    """Build the networks, once a process."""
    import torch

    from headstart.modalities.image.faces.nets import Points, TinyDetector

    source = package.FACE_API
    if weights != source.mark:
        raise BackboneError(
            _("The faces were found with other weights than those that this version knows."),
            _("Install the versions that run.json names, or train again."),
        )
    nets = (TinyDetector(source.tensors(package.DETECTOR)), Points(source.tensors(package.POINTS)))
    detector, points = (_fast(net, torch) for net in nets)
    return _Nets(detector, points)


def _fast(net: Any, library: Any) -> Any:
    """Lay filters out as torch is fastest with."""
    return net.eval().to(memory_format=library.channels_last)


def _apart(boxes: Floats, sure: Floats, least: float = SURE) -> list[int]:
    """Name the boxes of which the detector is sure, the surest of those that overlap."""
    kept: list[int] = []
    for k in np.argsort(-sure, kind="stable")[:200]:
        if sure[k] < least or len(kept) == MOST:
            break
        if all(_common(boxes[k], boxes[j]) <= OVERLAP for j in kept):
            kept.append(int(k))
    return kept


def _common(a: Floats, b: Floats) -> float:
    """Return the common share of two boxes' union, or of the smaller one where that is more."""
    shared = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    one, other = np.prod(a[2:] - a[:2]), np.prod(b[2:] - b[:2])
    union, least = one + other - shared, min(one, other)
    return float(max(shared / union, 0.5 * shared / least)) if least > 0 else 1.0
