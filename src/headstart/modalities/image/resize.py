"""Resizing: the same pixels whatever version of Pillow is installed.

Pillow resizes one direction after the other and rounds in between, and which comes first depends
on its version and on the shape. Here the width always comes first.
"""

from __future__ import annotations

import math

from PIL import Image

Box = tuple[float, float, float, float]
_SUPPORT = {  # how many target pixels away a source pixel is still weighed in
    Image.Resampling.NEAREST: 0.5,
    Image.Resampling.BOX: 0.5,
    Image.Resampling.BILINEAR: 1.0,
    Image.Resampling.HAMMING: 1.0,
    Image.Resampling.BICUBIC: 2.0,
    Image.Resampling.LANCZOS: 3.0,
}


def resized(
    image: Image.Image, size: tuple[int, int], interpolation: str, box: Box | None = None
) -> Image.Image:
    """Resize an image, or a part of it: its width, then its height.

    Parameters
    ----------
    image : PIL image
    size : (int, int)
        Width and height wanted, pixels.
    interpolation : str
        As ``Preprocessing`` names it.
    box : (left, top, right, bottom), pixels, optional
        The part, whose edges need not be whole pixels; default: all.
    """
    how = Image.Resampling[interpolation.upper()]
    left, top, right, bottom = box or (0, 0, *image.size)
    # Only the rows that the second step looks at, a row more for its rounding.
    reach = math.ceil(_SUPPORT[how] * max(1.0, (bottom - top) / size[1])) + 1
    first, last = max(0, math.floor(top) - reach), min(image.height, math.ceil(bottom) + reach)
    rows = image.resize((size[0], last - first), how, box=(left, first, right, last))
    return rows.resize(size, how, box=(0, top - first, size[0], bottom - first))
