"""What a model without pretrained knowledge can do with the same images: the other side of the
verdict.

The re-initialised network (same architecture, same head, random weights) comes from the feature
pass itself; here are the descriptors people used before networks, made from the small copies.
"""  # noqa: D205

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.modalities.image.digest import Digest

HOG = "colour histogram + HOG"
PIXELS = "small pixels"


@dataclass(frozen=True)
class PixelBaseline:
    """What small copies (n, 64, 64, 3) say without any learned knowledge."""

    says: str
    describe_thumbs: Callable[[NDArray[np.uint8]], NDArray[np.float32]]

    def describe(self, digests: Sequence[Digest]) -> NDArray[np.float32]:
        """Describe 256 images at a time: what is needed in between does not grow with them."""
        parts = [
            self.describe_thumbs(np.stack([d.thumb for d in digests[i : i + 256]]))
            for i in range(0, len(digests), 256)
        ]
        return np.concatenate(parts)


def small_pixels(thumbs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Average to 16x16 RGB: (n, 768), 0..1.

    The head standardises them and rotates them to their principal axes inside every fold, which
    is the PCA of "PCA + logistic regression", with the ridge deciding how many axes count.
    """
    n, side = len(thumbs), thumbs.shape[1] // 4
    blocks = thumbs.reshape(n, side, 4, side, 4, 3).astype(np.float32).mean(axis=(2, 4))
    return blocks.reshape(n, -1) / 255


def colour_histogram(thumbs: NDArray[np.uint8], bins: int = 6) -> NDArray[np.float32]:
    """Joint RGB histogram, square-rooted (the Hellinger map): (n, bins³)."""
    n = len(thumbs)
    level = thumbs.reshape(n, -1, 3).astype(np.int64) * bins // 256
    code = (level[..., 0] * bins + level[..., 1]) * bins + level[..., 2]  # (n, pixels)
    flat = code + bins**3 * np.arange(n)[:, None]
    counts = np.bincount(flat.ravel(), minlength=n * bins**3).reshape(n, bins**3)
    return np.sqrt(counts / code.shape[1]).astype(np.float32)


def hog(thumbs: NDArray[np.uint8], cell: int = 8, angles: int = 9) -> NDArray[np.float32]:
    """Histograms of oriented gradients, cells of 8x8, blocks of 2x2 cells, L2-Hys.

    One array operation over all images; the usual library loops image by image and took ten times
    as long on 64x64 copies.

    References
    ----------
    Dalal & Triggs (2005), "Histograms of oriented gradients for human detection", sections 6.3-6.4.
    """
    gray = thumbs.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    dy, dx = np.gradient(gray, axis=(1, 2))
    size = np.hypot(dx, dy)
    turn = (np.arctan2(dy, dx) % np.pi) * angles / np.pi  # unsigned, 0..angles
    low = np.floor(turn).astype(np.int64) % angles
    share = turn - np.floor(turn)
    n, side = len(gray), gray.shape[1] // cell
    rows = np.arange(side * cell) // cell
    where = (np.arange(n)[:, None, None] * side + rows[:, None]) * side + rows
    cells = np.zeros(n * side * side * angles)
    for angle, weight in ((low, 1 - share), ((low + 1) % angles, share)):
        index = (where * angles + angle).ravel()
        cells += np.bincount(index, (size * weight).ravel(), minlength=len(cells))
    cells = cells.reshape(n, side, side, angles)
    blocks = np.concatenate(
        [cells[:, i : side - 1 + i, j : side - 1 + j] for i in (0, 1) for j in (0, 1)], axis=-1
    )
    blocks = np.minimum(_unit(blocks), 0.2)
    return _unit(blocks).reshape(n, -1).astype(np.float32)


def _unit(x: NDArray[np.floating]) -> NDArray[np.floating]:
    return x / np.sqrt(np.square(x).sum(axis=-1, keepdims=True) + 1e-3)


def _histograms(thumbs: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.concatenate([colour_histogram(thumbs), hog(thumbs)], axis=1)


RIVALS = {
    HOG: PixelBaseline(
        "classic image features: colours and edge directions, nothing learned", _histograms
    ),
    PIXELS: PixelBaseline("the image shrunk to 16 × 16 dots, used as it is", small_pixels),
}
