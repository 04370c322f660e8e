"""Images for training a whole network: read once, augmented anew every time they are seen."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from headstart.events import Event, OnEvent, ignore
from headstart.modalities.image.look import Preprocessing
from headstart.modalities.image.read import Picture, quiet
from headstart.modalities.image.resize import resized
from headstart.modalities.image.views import AREA
from headstart.said import _

if TYPE_CHECKING:
    from torchvision.transforms import v2


MAX_BYTES = 2 * 2**30
"""Decoded images kept in memory; a set that is larger is read again every epoch."""
PADDING = 4
"""Pixels around the image for random crops of its own size: He et al. (2016), section 4.2."""


@dataclass(frozen=True)
class Pictures:
    """Images by row, as a network's pixels: uint8 (B, size, size, 3).

    Attributes
    ----------
    read_one : callable
        Row -> Picture, read at ``look.detail``.
    n : int
    look : Preprocessing
        How prediction sees them.
    kind : str
        The augmentation: ``none``, ``mirror``, ``flips``, ``crops`` (area and shape, mirrored),
        ``pad`` (moved by up to 4 pixels, mirrored), ``colour`` (crops in other light),
        ``randaugment`` (crops, and two random operations: Cubuk et al. 2020, arXiv:1909.13719).
    kept : list of Image
        The images, at the size they are resized to; empty where there are too many.
    workers : int
        Threads that read.
    """

    read_one: Callable[[int], Picture]
    n: int
    look: Preprocessing
    kind: str
    kept: list[Image.Image]
    workers: int

    @classmethod
    def read(
        cls,
        read: Callable[[int], Picture],
        n: int,
        look: Preprocessing,
        kind: str,
        *,
        workers: int,
        on_event: OnEvent = ignore,
    ) -> Pictures:
        """Read all images, if they fit in memory once they are resized."""
        empty = cls(read, n, look, kind, [], workers)
        if n * 3 * look.resize**2 * 4 / 3 > MAX_BYTES:  # most photos are 4 by 3
            return empty
        kept = []
        with quiet(), ThreadPoolExecutor(workers) as pool:
            for image in pool.map(empty._small, range(n)):
                kept.append(image)
                on_event(Event(_("reading images"), len(kept), n, _("images")))
        return cls(read, n, look, kind, kept, workers)

    def plain(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return images as prediction sees them."""
        return np.stack([self.look.pixels(image) for image in self._images(rows)])

    def varied(self, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return images as augmentation shows them this once; draws from torch's generator too.

        The caller seeds that one, so the same epoch shows the same pictures.
        """
        augment = _augmentation(self.kind, self.look)
        seen = [augment(torch.from_numpy(pixels).permute(2, 0, 1)) for pixels in self._seen(rows)]
        return torch.stack(seen).permute(0, 2, 3, 1).contiguous().numpy()

    def _seen(self, rows: NDArray[np.int64]) -> list[NDArray[np.uint8]]:
        """Return whole images where crops are cut from them, else what prediction sees."""
        if self.kind in ("crops", "colour", "randaugment"):
            return [np.array(image) for image in self._images(rows)]
        return [np.array(self.look.pixels(image)) for image in self._images(rows)]

    def _images(self, rows: NDArray[np.int64]) -> list[Image.Image]:
        if self.kept:
            return [self.kept[row] for row in rows]
        with quiet(), ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(self._small, rows))

    def _small(self, row: int) -> Image.Image:
        """Read one image and shrink its short side to what prediction resizes it to."""
        image = self.look.scene(self.read_one(row))
        short = min(image.size)  # rounded down, as ``Preprocessing`` does
        wide, high = (int(self.look.resize * side / short) for side in image.size)
        return resized(image, (wide, high), self.look.interpolation)


def _augmentation(kind: str, look: Preprocessing) -> v2.Compose:
    from torchvision.transforms import v2

    crops = [v2.RandomResizedCrop(look.size, scale=AREA, antialias=True), v2.RandomHorizontalFlip()]
    steps: dict[str, list[v2.Transform]] = {
        "none": [v2.Identity()],
        "mirror": [v2.RandomHorizontalFlip()],
        "flips": [v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()],
        "crops": crops,
        "pad": [v2.RandomCrop(look.size, padding=PADDING), v2.RandomHorizontalFlip()],
        "colour": [*crops, v2.ColorJitter(0.3, 0.3, 0.3, 0.05)],
        "randaugment": [*crops, v2.RandAugment()],
    }
    return v2.Compose(steps[kind])
