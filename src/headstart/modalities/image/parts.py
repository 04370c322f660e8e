"""The parts of an image: its pixels as the network sees them, covered with their mean colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from headstart.modalities.image.look import Preprocessing
from headstart.modalities.image.read import Picture

Pixels = NDArray[np.uint8]  # (side, side, 3)


class PixelParts:
    """Pixels that may be covered. There are too many to be left out one by one."""

    def of(self, x: Picture, look: Preprocessing) -> Pixels:
        """Return the pixels that the network takes: (side, side, 3)."""
        return look(x)

    def shape(self, seen: Pixels) -> tuple[int, ...]:
        """Return (side, side)."""
        return seen.shape[:2]

    def without(self, seen: Pixels, gone: NDArray[np.bool_]) -> Pixels:
        """Paint pixels over with the mean colour of the picture."""
        mean = seen.mean(axis=(0, 1)).round().astype(np.uint8)
        return np.where(gone[..., None], mean, seen)

    def spread(self, coarse: NDArray[np.float32], seen: Pixels) -> NDArray[np.float32]:
        """Enlarge a map (h, w) to the pixels."""
        small = Image.fromarray(coarse.astype(np.float32))
        high, wide = self.shape(seen)
        heat = np.asarray(small.resize((wide, high), Image.Resampling.BICUBIC)).clip(0)
        return np.asarray(heat, np.float32)
