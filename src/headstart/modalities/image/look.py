"""The look: how an image becomes the pixels that a network takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from headstart.modalities import refuse_unknown
from headstart.modalities.image.deep import Levels
from headstart.modalities.image.read import Picture
from headstart.modalities.image.resize import resized
from headstart.said import N_, _, commas, sentences

Interpolation = Literal["nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"]
N_("nearest"), N_("bilinear"), N_("bicubic"), N_("box"), N_("hamming"), N_("lanczos")
LARGEST = 8192
"""Pixels of a side; no network takes more, and a damaged file may ask for any number."""


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes the pixels a network expects; it travels with the weights.

    The short side is resized to ``resize`` >= ``size`` pixels and the central ``size`` x ``size``
    square is kept; the network itself divides by 255 and applies ``mean`` and ``std``, each
    (red, green, blue). ``levels`` are the values that become black and white in images of more than
    8 bits; None: by each image's own.
    """

    size: int
    resize: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation = "bicubic"
    levels: Levels | None = None

    def __call__(self, x: Picture) -> NDArray[np.uint8]:
        """Prepare a picture as ``pixels`` does."""
        return self.pixels(self.scene(x))

    def scene(self, x: Picture) -> Image.Image:
        """Return the image that ``pixels`` takes, and that random crops are cut from."""
        return x.at(self.levels)

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and crop an RGB image: returns uint8 of shape (size, size, 3).

        Resizing only the part that is kept gives the pixels of "resize, then crop" at the price
        of the crop; offsets are rounded as torchvision rounds them.
        """
        width, height = image.size
        wide = self.resize if width <= height else int(self.resize * width / height)
        high = self.resize if height <= width else int(self.resize * height / width)
        left, top = round((wide - self.size) / 2), round((high - self.size) / 2)
        box = (
            left * width / wide,
            top * height / high,
            (left + self.size) * width / wide,
            (top + self.size) * height / high,
        )
        return np.asarray(resized(image, (self.size, self.size), self.interpolation, box))

    @property
    def detail(self) -> int:
        """The short side that an image is resized to."""
        return self.resize

    @property
    def columns(self) -> tuple[str, ...]:
        """None: an image lies in a file."""
        return ()

    def batch(self, fed: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
        """Stack images of one size."""
        return np.stack(fed)

    def drawn(self, n: int) -> NDArray[np.uint8]:
        """Draw smooth random pictures (n, size, size, 3): the statistics of photos."""
        rng = np.random.default_rng(0)
        coarse = rng.integers(0, 256, (n, 12, 12, 3), dtype=np.uint8)
        side, bicubic = (self.size, self.size), Image.Resampling.BICUBIC
        return np.stack([np.asarray(Image.fromarray(c).resize(side, bicubic)) for c in coarse])

    def asked(self, **options: Any) -> Preprocessing:
        """Take images of another ``size``: the whole short side becomes that many pixels.

        ``levels``: what becomes black and white in images of more than 8 bits.
        """
        size, levels = options.pop("size", None), options.pop("levels", None)
        refuse_unknown(options, _("an image"))
        look = self if size is None else replace(self, size=size, resize=size)
        return look if levels is None else replace(look, levels=tuple(levels))

    def to_json(self) -> dict[str, Any]:
        """Return plain types only."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Preprocessing:
        """Rebuild it; raises ``TypeError`` or ``ValueError`` for what is no look."""
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        look = cls(**{**values, **lists})
        look._refuse_nonsense()
        return look

    def _refuse_nonsense(self) -> None:
        """Refuse what no network asks for: the file may be damaged."""
        sides = (self.size, self.resize)
        if not all(isinstance(side, int) for side in sides):
            raise TypeError(_("sizes are whole numbers, not {sides}", sides=str(sides)))
        if not 1 <= self.size <= self.resize <= LARGEST:
            raise ValueError(
                _("no image has {size} pixels of {side}", size=self.size, side=self.resize)
            )
        triples, levels = (self.mean, self.std), (0.0, 0.0) if self.levels is None else self.levels
        if any(len(triple) != 3 for triple in triples) or len(levels) != 2 or not all(self.std):
            raise ValueError(
                _("mean and std are three numbers each, none of std zero; levels are two")
            )
        if not np.isfinite([*self.mean, *self.std, *levels]).all():
            raise ValueError(_("mean, std and levels are numbers"))
        if self.interpolation not in get_args(Interpolation):
            raise ValueError(_("there is no interpolation {name!r}", name=self.interpolation))

    def says(self) -> str:
        """Say what happens to an image before the network sees it."""
        if self.resize == self.size:
            square = N_(
                "Every image is turned upright and made RGB; its short side becomes {side} pixels "
                "({how} resizing) and its middle square is kept."
            )
        else:
            square = N_(
                "Every image is turned upright and made RGB; its short side becomes {side} pixels "
                "({how} resizing) and the central {size} × {size} of it are kept."
            )
        mean, std = (commas(f"{v:g}" for v in dict.fromkeys(vs)) for vs in (self.mean, self.std))
        return sentences(
            self._says_levels(),
            _(square, side=self.resize, how=_(self.interpolation), size=self.size),
            _(
                "Colours are scaled to 0..1, then {mean} is subtracted and the result is divided "
                "by {std}.",
                mean=mean,
                std=std,
            ),
        )

    def _says_levels(self) -> str:
        if not self.levels:
            return ""
        low, high = self.levels
        return _(
            "Of more than 8 bits, {low:g} becomes black and {high:g} white.", low=low, high=high
        )
