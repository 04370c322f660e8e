"""The look: how an image becomes the pixels that a network takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Interpolation = Literal["nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"]


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes the pixels a network expects; it travels with the weights.

    The short side is resized to ``resize`` >= ``size`` pixels and the central ``size`` x ``size``
    square is kept; the network itself divides by 255 and applies ``mean`` and ``std``, each
    (red, green, blue).
    """

    size: int
    resize: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation = "bicubic"

    def __call__(self, image: Image.Image) -> NDArray[np.uint8]:
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
        resampling = Image.Resampling[self.interpolation.upper()]
        return np.asarray(image.resize((self.size, self.size), resampling, box=box))
