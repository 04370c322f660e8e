"""SVG by hand: elements as escaped markup, and an area with two axes to draw in."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from markupsafe import Markup, escape

from headstart.judge.intervals import Interval

LETTER = 11.0
"""Width of a digit or a bold letter where letters are largest, on a phone; in a drawing's units."""
HAN = 17.5
"""Width of a Chinese character there."""
LABEL = 21
"""Height of a line of text there."""
NUMBERS = 86.0
"""Margin for numbers like 0.00025."""


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """Build one element; everything that is not markup already is escaped.

    Underscores in attribute names stand for hyphens, a trailing one is dropped; ``None`` leaves
    an attribute out.

    Examples
    --------
    >>> print(tag("text", "a < b", class_="note", text_anchor="end", x=1.25))
    <text class="note" text-anchor="end" x="1.25">a &lt; b</text>
    """
    given = {k.rstrip("_").replace("_", "-"): v for k, v in attributes.items() if v is not None}
    opening = Markup("").join(Markup(' {}="{}"').format(k, _short(v)) for k, v in given.items())
    inside = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(name, opening, inside)


def breadth(text: str) -> float:
    """Return how wide a text is where letters are largest.

    Examples
    --------
    >>> breadth("cat"), breadth("猫")
    (33.0, 17.5)
    """
    return sum(HAN if unicodedata.east_asian_width(c) in "WF" else LETTER for c in text)


@dataclass(frozen=True)
class Frame:
    """A drawing area with two axes.

    Attributes
    ----------
    x, y : (float, float)
        The values at the ends of the axes.
    width, height : float
        Of the whole drawing; the margins hold the labels, as large as they are on a phone.
    """

    x: Interval
    y: Interval
    width: float = 480
    height: float = 310
    left: float = 58
    right: float = 26
    top: float = 34
    bottom: float = 60

    def across(self, value: float) -> float:
        """Horizontal place of a value."""
        share = (value - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        return self.left + share * (self.width - self.left - self.right)

    def down(self, value: float) -> float:
        """Vertical place of a value."""
        share = (value - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)

    def axes(
        self,
        x_ticks: Sequence[tuple[float, str]],
        y_ticks: Sequence[tuple[float, str]],
        x_title: str,
        y_title: str,
    ) -> Markup:
        """Draw grid lines, tick labels and titles; where labels would touch, only some stay."""
        floor, end = self.height - self.bottom, self.width - self.right
        lines = [
            tag("line", x1=self.left, x2=end, y1=self.down(v), y2=self.down(v), class_="grid")
            for v, _ in y_ticks
        ]
        beside = [
            tag("text", label, x=self.left - 8, y=self.down(v), dy="0.35em", text_anchor="end")
            for v, label in y_ticks
        ]
        below = [
            tag("text", label, x=self.across(v), y=floor + 27, text_anchor="middle")
            for v, label in self._apart(x_ticks)
        ]
        titles = [
            tag("text", y_title, x=2, y=17, class_="title"),
            tag("text", x_title, x=self.width - 2, y=self.height - 8, text_anchor="end",
                class_="title"),
        ]  # fmt: skip
        return Markup("").join([*lines, *beside, *below, *titles])

    def _apart(self, ticks: Sequence[tuple[float, str]]) -> Sequence[tuple[float, str]]:
        """Keep every first, second, third... tick: the most whose labels stand apart."""
        for every in range(1, len(ticks)):
            kept = ticks[::every]
            if all(
                self.across(v) - self.across(u) > (breadth(one) + breadth(other)) / 2 + LETTER
                for (u, one), (v, other) in pairwise(kept)
            ):
                return kept
        return ticks[:1]

    def line(self, points: Sequence[tuple[float, float]], kind: str = "line") -> Markup:
        """Join points (x, y) by straight lines."""
        return tag("polyline", points=self._path(points), class_=kind)

    def band(
        self,
        xs: Sequence[float],
        lows: Sequence[float],
        highs: Sequence[float],
        kind: str = "band",
    ) -> Markup:
        """Fill between two lines."""
        there = list(zip(xs, highs, strict=True))
        back = list(zip(xs, lows, strict=True))[::-1]
        return tag("polygon", points=self._path(there + back), class_=kind)

    def dot(self, x: float, y: float, title: str, kind: str = "dot", r: float = 4.5) -> Markup:
        """Mark a point; the title shows when it is pointed at."""
        mark = tag("title", title)
        return tag("circle", mark, cx=self.across(x), cy=self.down(y), r=r, class_=kind)

    def error(self, x: float, low: float, high: float) -> Markup:
        """Draw a vertical interval."""
        at = self.across(x)
        return tag("line", x1=at, x2=at, y1=self.down(low), y2=self.down(high), class_="whisker")

    def marked(self, x: float, y: float, title: str, word: str) -> Markup:
        """Mark the chosen point, with a word below it, or above where there is no room."""
        across, half = self.across(x), breadth(word) / 2
        at_left, at_right = across - half < self.left, across + half > self.width - self.right
        anchor = "start" if at_left else "end" if at_right else "middle"
        text = tag("text", word, x=across, y=self.below(y), text_anchor=anchor,
                   class_="label chosen")  # fmt: skip
        return self.dot(x, y, title, "dot chosen", 8) + text

    def below(self, y: float) -> float:
        """Height of the word at a marked point: below it, or above where there is no room."""
        down = self.down(y)
        return down + 26 if down + 26 < self.height - self.bottom else down - 14

    def drawing(self, said: str, *parts: Markup) -> Markup:
        """Close the drawing; ``said`` describes it to who cannot see it."""
        view = f"0 0 {self.width:g} {self.height:g}"
        return tag("svg", *parts, viewBox=view, class_="plot", role="img", aria_label=said)

    def _path(self, points: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{self.across(x):.1f},{self.down(y):.1f}" for x, y in points)


def ticks(low: float, high: float, count: int) -> list[float]:
    """Choose about ``count`` round values within [low, high].

    Examples
    --------
    >>> ticks(0, 239, 5)
    [0.0, 50.0, 100.0, 150.0, 200.0]
    >>> ticks(0.6, 1, 5)
    [0.6, 0.7, 0.8, 0.9, 1.0]
    """
    rough = ((high - low) or 1) / count
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(m * unit for m in (1, 2, 2.5, 5, 10) if m * unit >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Choose round values within [low, high] for a logarithmic axis; 0 < low < high.

    Examples
    --------
    >>> log_ticks(2e-6, 0.3)
    [1e-05, 0.0001, 0.001, 0.01, 0.1]
    >>> log_ticks(0.4, 7)
    [0.5, 1.0, 2.0, 5.0]
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for steps in ((1,), (1, 3), (1, 2, 5)):
        values = [float(f"{m}e{k}") for k in range(first, last + 1) for m in steps]
        inside = [v for v in values if low <= v <= high]
        if len(inside) >= 3:
            break
    return inside[:: math.ceil(len(inside) / 6)] if inside else []


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move places as little as it takes to stand ``gap`` apart, in the same order.

    Parameters
    ----------
    wanted : sequence of float
        Where the labels would stand if they were alone.
    gap, low, high : float
        Less than ``gap`` where there is no room for so many between ``low`` and ``high``.

    Notes
    -----
    Least squares under ``p[i + 1] - p[i] >= gap`` is isotonic regression of ``wanted[i] - i gap``.

    Examples
    --------
    >>> spread([50, 10, 50], 10, 0, 100)
    [45.0, 10.0, 55.0]
    >>> spread([98, 99], 10, 0, 100)
    [90.0, 100.0]
    """
    n = len(wanted)
    if not n:
        return []
    from scipy.optimize import isotonic_regression  # a tenth of a second: few pages need it

    gap = min(gap, (high - low) / max(n - 1, 1))
    order = np.argsort(np.asarray(wanted, float), kind="stable")
    room = gap * np.arange(n)
    moved = isotonic_regression(np.asarray(wanted, float)[order] - room).x
    places = np.empty(n)
    places[order] = np.clip(moved, low, max(low, high - room[-1])) + room
    return [float(p) for p in places]


def _short(value: object) -> object:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
