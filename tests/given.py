"""Examples as tests give them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from headstart.data.items import Examples
from headstart.modalities import modality
from headstart.modalities.image.read import Picture

IMAGE = modality("image")


def images(files: Sequence[str | Path]) -> Examples:
    """Image files as examples."""
    return Examples.of_files(files, IMAGE)


def picture(image: Image.Image) -> Picture:
    """A picture in memory, as if it had been read at full size."""
    return Picture(image, image.size)
