"""Fixed views of an image: augmentation that can be cached, because it is the same every time.

Random augmentation makes every epoch send every image through the whole network anew. Of a few
views fixed in advance the frozen part sees each once, and the rest trains on what it made of them.
Not for training the whole network for many epochs, where nothing can be cached.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ConfigError
from headstart.modalities.image.look import Preprocessing
from headstart.modalities.image.read import Picture
from headstart.modalities.image.resize import Box, resized
from headstart.said import N_, _, _n, commas

COUNTS: dict[str, int] = {"none": 1, "mirror": 2, "flips": 4, "crops": 4}
"""How many views each kind makes by default: all it has; of crops as many as of flips, a plain
choice that quadruples the first pass."""
AREA = (0.5, 1.0)
"""Share of the image a random crop shows. Milder than the 0.08 of training from scratch: few
images leave no room for crops that miss the subject (plain choice)."""
RATIO = (3 / 4, 4 / 3)
"""Width over height of a random crop, as in torchvision's RandomResizedCrop."""
_FLIPS = {  # in words, and the steps down and across the plain pixels
    "plain": (N_("plain"), 1, 1),
    "mirror": (N_("mirrored"), 1, -1),
    "flip": (N_("upside down"), -1, 1),
    "turn": (N_("rotated by 180°"), -1, -1),
}


@dataclass(frozen=True)
class Views:
    """Which fixed views of every image are made; view 0 is the plain image as prediction sees it.

    Attributes
    ----------
    kind : {"none", "mirror", "flips", "crops"}
        "none": the plain image. "mirror": also mirrored left to right; not where sides matter
        (text, road signs). "flips": also upside down and both; only for pictures without an up,
        such as from a microscope. "crops": plain, mirrored, then random resized crops, each
        mirrored with probability one half; not where the subject may be at the edge.
    count : int, >= 1
        How many of the kind's views are made, in that order; only "crops" has more than its
        default.
    seed : int, default=0
        Of the random crops.

    Raises
    ------
    ConfigError
        No such kind, or not that many views of it.

    Examples
    --------
    >>> views("crops").describe()
    '4 fixed views: plain, mirrored, 2 random crops (half of them mirrored)'
    """

    kind: str
    count: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in COUNTS:
            raise ConfigError(
                _("--augment has no fixed views called {kind!r}.", kind=self.kind),
                _("One of: {names}.", names=commas(COUNTS)),
            )
        if self.count < 1:
            raise ConfigError(
                _("--views {n} is too few.", n=self.count),
                _("Ask for at least 1: the plain image."),
            )
        if self.kind != "crops" and self.count > COUNTS[self.kind]:
            most = COUNTS[self.kind]
            raise ConfigError(
                _n(
                    "--augment {kind} has {n} view, not --views {wanted}.",
                    "--augment {kind} has {n} views, not --views {wanted}.",
                    most,
                    kind=self.kind,
                    wanted=self.count,
                ),
                _(
                    "Ask for at most {n}, or use --augment crops, which has any number.",
                    n=most,
                ),
            )

    def __call__(self, x: Picture, look: Preprocessing, mark: str, view: int) -> NDArray[np.uint8]:
        """Make one view of an image.

        Parameters
        ----------
        x : Picture
            At the scale it was decoded.
        look : Preprocessing
            Of the backbone.
        mark : str
            SHA-256 of the file, hexadecimal: with the seed and the number of the view it alone
            decides a random crop, whatever else is read and in whatever order.
        view : int in 0..count-1

        Returns
        -------
        ndarray of shape (size, size, 3), uint8
        """
        if not 0 <= view < self.count:
            raise IndexError(f"view {view} of {self.count}")
        name = self._names[view]
        if name in _FLIPS:
            _words, down, across = _FLIPS[name]
            # A copy where flipped, since torch refuses arrays with negative strides.
            return np.ascontiguousarray(look(x)[::down, ::across])
        # Python promises the same random() for the same text in every version; numpy does not.
        rng = Random(f"{self.seed} {mark} {view}")
        image = look.scene(x)
        box, mirrored = crop_box(*image.size, rng), rng.random() < 0.5
        crop = np.asarray(resized(image, (look.size, look.size), look.interpolation, box))
        return np.ascontiguousarray(crop[:, ::-1]) if mirrored else crop

    @property
    def key(self) -> str:
        """Identify all that the pixels depend on besides the image and the preprocessing.

        Views that are equal one by one have the same key: "mirror" is the first two of "flips".
        """
        return "+".join(self._names)

    def describe(self) -> str:
        """Say in plain words what the views are."""
        words = [_(_FLIPS[name][0]) for name in self._names if name in _FLIPS]
        random = self.count - len(words)
        if random:
            crops = _n(
                "{n} random crop (mirrored for half of the images)",
                "{n} random crops (half of them mirrored)",
                random,
            )
            words.append(crops)
        return _n(
            "{n} fixed view: {views}", "{n} fixed views: {views}", self.count, views=commas(words)
        )

    @property
    def _names(self) -> tuple[str, ...]:
        """One name a view; it changes when, and only when, the pixels do."""
        flips = tuple(_FLIPS)[: self.count]
        if self.kind != "crops":
            return flips
        return (*flips[:2], *(f"crop{view}/seed{self.seed}" for view in range(2, self.count)))


def views(kind: str, count: int | None = None, seed: int = 0) -> Views:
    """Choose views; a ``count`` of None is the kind's default (``COUNTS``)."""
    return Views(kind, COUNTS.get(kind, 1) if count is None else count, seed)


def crop_box(width: int, height: int, rng: Random) -> Box:
    """Draw a box by the rule of torchvision's RandomResizedCrop: area, then shape, then place.

    Boxes need not end on whole pixels, so tiny images have them too. An image more than 8/3 as long
    as wide has no box of both the area and the shape wanted; it gets, as does one whose ten draws
    did not fit, the largest box of the nearest shape, at a random place (torchvision's is central).

    Parameters
    ----------
    width, height : int, pixels, >= 1
    rng : random.Random

    Returns
    -------
    (left, top, right, bottom) : tuple of float, pixels
        Inside the image.
    """
    for _draw in range(10):
        area = width * height * rng.uniform(*AREA)
        ratio = math.exp(rng.uniform(*map(math.log, RATIO)))
        wide, high = math.sqrt(area * ratio), math.sqrt(area / ratio)
        if wide <= width and high <= height:
            break
    else:
        wide, high = min(width, height * RATIO[1]), min(height, width / RATIO[0])
    left, top = rng.random() * (width - wide), rng.random() * (height - high)
    return left, top, left + wide, top + high
