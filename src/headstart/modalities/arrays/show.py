"""How a row of numbers is shown: drawn as bars, or as a line where there are many."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.modalities.arrays.look import Centred, Row

WIDTH, HEIGHT = 160, 100
BARS = 40
"""Up to so many columns each has a bar of its own; more are a line."""
MOST = 400
"""Points of a line; longer rows are thinned."""
HIDES = 20
"""Times the usual number of a row from which on its greatest would hide the others."""
COLD, HOT = (150, 150, 150), (214, 90, 20)


@dataclass(frozen=True)
class Taken:
    """A row taken apart, and what stands for a column that is left out."""

    numbers: Row
    middle: Row


class RowParts:
    """Columns, each of which may be set to its middle."""

    def of(self, x: Row, look: Centred) -> Taken:
        """Take a row apart."""
        return Taken(x, np.array(look.middle))

    def shape(self, seen: Taken) -> tuple[int, ...]:
        """Return (n_columns,)."""
        return seen.numbers.shape

    def without(self, seen: Taken, gone: NDArray[np.bool_]) -> Row:
        """Set columns to their middle."""
        return np.where(gone, seen.middle, seen.numbers)

    def spread(self, coarse: NDArray[np.float32], seen: Taken) -> NDArray[np.float32]:
        """Return the weights: there is one for every column."""
        return coarse


class ShowRows:
    """Rows on a page: small drawings, from the least number of a row to its greatest."""

    detail = 0

    def large(self, x: Row) -> dict[str, Any]:
        """Draw a row."""
        return {"image": drawing(x)}

    def stand_in(self, d: Row) -> dict[str, Any]:
        """Draw a row: its digest is all of it."""
        return self.large(d)

    def point(self, d: Row) -> dict[str, Any]:
        """Draw a row."""
        return self.large(d)

    def marked(self, seen: Taken, weight: NDArray[np.floating]) -> dict[str, Any]:
        """Draw a row plainly, and with the columns coloured by weight."""
        return {"image": drawing(seen.numbers), "map": drawing(seen.numbers, weight)}


def _readable(y: Row) -> Row:
    """Return numbers as they are drawn: by their logarithm where one would hide the others."""
    size = np.abs(y[y != 0])
    if not len(size) or size.max() <= HIDES * np.median(size):
        return y
    return np.sign(y) * np.log1p(np.abs(y) / np.median(size))


def drawing(numbers: Row, weight: NDArray[np.floating] | None = None) -> str:
    """Draw numbers as an SVG in a ``data:`` address."""
    step = max(1, -(-len(numbers) // MOST))
    y = _readable(numbers[::step])
    heat = np.zeros(len(y)) if weight is None else np.asarray(weight)[::step]
    low, high = min(float(y.min()), 0.0), max(float(y.max()), 0.0)
    if len(y) > BARS:
        low, high = float(y.min()), float(y.max())
    at = HEIGHT - 4 - (y - low) / ((high - low) or 1.0) * (HEIGHT - 8)
    wide = WIDTH / len(y)
    parts = []
    if len(y) > BARS:
        points = " ".join(f"{wide * (k + 0.5):.1f},{v:.1f}" for k, v in enumerate(at))
        bands = [
            f'<rect x="{wide * k:.1f}" y="0" width="{wide + 0.1:.1f}" height="{HEIGHT}" '
            f'fill="rgb{HOT}" fill-opacity="{0.7 * h:.2f}"/>'
            for k, h in enumerate(heat)
            if h > 0.05
        ]
        line = f'<polyline points="{points}" fill="none" stroke="#555" stroke-width="1.5"/>'
        parts = [*bands, line]
    else:
        zero = HEIGHT - 4 - (0.0 - low) / ((high - low) or 1.0) * (HEIGHT - 8)
        for k, (v, h) in enumerate(zip(at, heat, strict=True)):
            colour = tuple(round(c + h * (w - c)) for c, w in zip(COLD, HOT, strict=True))
            top, tall = min(v, zero), max(abs(v - zero), 1.0)
            parts.append(
                f'<rect x="{wide * k + 0.1 * wide:.1f}" y="{top:.1f}" width="{0.8 * wide:.1f}" '
                f'height="{tall:.1f}" fill="rgb{colour}"/>'
            )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}"><rect width="{WIDTH}" height="{HEIGHT}" '
        f'fill="#f4f4f2"/>{"".join(parts)}</svg>'
    )
    return "data:image/svg+xml;base64," + b64encode(svg.encode()).decode("ascii")
