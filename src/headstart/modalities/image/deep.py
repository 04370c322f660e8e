"""Images of more than 8 bits: which values become black and white, alike for a whole set.

A file tells the type of its values, not which of them a set uses: a 16-bit file may hold 12 bits
of a camera or hundredths of a kelvin. Scaling every image by its own extremes would make a dim
image look like a bright one and let one hot pixel darken the rest; so the levels come from all
images of a set, travel with the model, and look past single pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Levels = tuple[float, float]
"""The values that become 0 and 255; what lies beyond is clipped."""
STRAY = 0.001
"""Share of pixels at either end that may be stray, such as hot ones (plain choice: 50 pixels of
224 x 224); of a small image at least one."""

ENOUGH = 2_000_000
"""Values, spread over an image, that its span is found from."""
STRIP = 256
"""Rows that are worked on at a time: what is needed in between does not grow with the image."""


class Span(NamedTuple):
    """What values an image has, but for stray pixels, and whether they are whole numbers."""

    low: float
    high: float
    whole: bool


@dataclass(frozen=True)
class Deep:
    """The values of an image of more than 8 bits.

    Attributes
    ----------
    values : ndarray of shape (h, w) or (h, w, 3), integers or floats
    alpha : PIL image of mode L, or None
        Opacity, laid over white.
    """

    values: NDArray[np.generic]
    alpha: Image.Image | None = None

    def span(self) -> Span:
        """Find the lowest and highest value, but for stray pixels and what is no number."""
        step = int(np.ceil(np.sqrt(self.values.size / ENOUGH)))
        seen = self.values[::step, ::step]
        x = seen[np.isfinite(seen)]
        if not x.size:
            return Span(0.0, 1.0, False)
        low = np.quantile(x, STRAY, method="higher" if x.size > 2 else "lower")
        high = np.quantile(x, 1 - STRAY, method="lower" if x.size > 2 else "higher")
        return Span(float(low), float(high), x.dtype.kind in "iu")

    def image(self, levels: Levels) -> Image.Image:
        """Scale to 8-bit RGB."""
        low, high = levels
        scaled = np.empty(self.values.shape, np.uint8)
        for top in range(0, len(scaled), STRIP):
            x = self.values[top : top + STRIP].astype(np.float64)
            x = np.nan_to_num(x, nan=low, posinf=high, neginf=low)
            shares = ((x - low) / max(high - low, 1e-12)).clip(0, 1)
            scaled[top : top + STRIP] = np.round(255 * shares)
        image = Image.fromarray(scaled).convert("RGB")
        return image if self.alpha is None else over_white(image, self.alpha)


def over_white(image: Image.Image, alpha: Image.Image) -> Image.Image:
    """Lay an RGB image over white, in place."""
    for top in range(0, image.height, STRIP):
        box = (0, top, image.width, min(top + STRIP, image.height))
        strip = image.crop(box)
        white = Image.new("RGB", strip.size, "white")
        image.paste(Image.composite(strip, white, alpha.crop(box)), box)
    return image


def levels_of(spans: Sequence[Span]) -> Levels:
    """Choose the levels of a set.

    Whole numbers: 0 and the largest number of the bits that are used, of 8 or more, so that there
    is room for brighter images to come; where no image comes below half of that, as in thermal
    ones, what is used. Other numbers: what is used.

    Examples
    --------
    >>> levels_of([Span(12, 900, True), Span(5, 3100, True)])
    (0.0, 4095.0)
    >>> levels_of([Span(29000, 30100, True), Span(29500, 31500, True)])
    (29000.0, 31500.0)
    """
    low, high = min(span.low for span in spans), max(span.high for span in spans)
    if not all(span.whole for span in spans):
        return low, max(high, low + 1e-12)
    bits = max(8, int(np.ceil(np.log2(max(high, 1.0) + 1))))
    top = float(2**bits - 1)
    return (low, high) if top / 2 < low < high else (min(low, 0.0), top)
