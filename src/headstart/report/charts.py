"""Charts as inline SVG: small functions from numbers to markup.

Colours are CSS classes and ``currentColor``, so a chart follows the page's light or dark theme.
One-dimensional bars use percentages and stretch with the page, their text unscaled; charts with
two axes have a fixed drawing area that the page scales.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from headstart.judge.intervals import Interval, wilson

PALETTE = (
    *("#2f6fd0", "#d9730d", "#1c9468", "#c2417c", "#7a5bd0"),
    *("#97790a", "#0d8fa0", "#d1453b", "#5f7f2c", "#8d6a58"),
)
"""One colour per class, used again after ten; each at least 3:1 on white and on the dark card."""

MAP_WIDTH, MAP_HEIGHT, MAP_MARGIN = 640, 440, 16
PICTURE = 24
"""Side of a picture on the map, in units of its width."""


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


def bar(value: float, ci95: Sequence[float], *, tone: str = "own", height: int = 22) -> Markup:
    """Draw a share as a bar from 0 to 100 %, its interval as a whisker.

    Parameters
    ----------
    value : float, 0..1
    ci95 : (float, float)
    tone : str
        CSS class: ``own``, ``rival``, ``warn``, ``good``.
    height : int, pixels
    """
    low, high = ci95
    said = f"{value:.1%}, 95 % interval {low:.1%} to {high:.1%}"
    return tag(
        "svg",
        tag("rect", class_="track", width="100%", height=height, rx=4),
        tag("rect", class_="fill", width=_percent(value), height=height, rx=4),
        _whisker(_percent(low), _percent(high), height / 2, height / 4),
        class_=f"bar {tone}",
        role="img",
        aria_label=said,
        width="100%",
        height=height,
    )


def gain(value: float, ci95: Sequence[float]) -> Markup:
    """Draw a difference with its interval on a scale around zero: left is worse, right better."""
    low, high = ci95
    reach = 1.15 * max(abs(low), abs(high), 0.01)

    def place(x: float) -> str:
        return _percent(0.5 + x / reach / 2)

    said = f"{100 * value:+.1f} points, 95 % interval {100 * low:+.1f} to {100 * high:+.1f} points"
    return tag(
        "svg",
        tag("rect", class_="track", y=8, width="100%", height=24, rx=4),
        tag("line", class_="zero", x1="50%", x2="50%", y1=2, y2=38),
        _whisker(place(low), place(high), 20, 8),
        tag("circle", class_="dot", cx=place(value), cy=20, r=6),
        tag("text", "worse with it", x="0%", y=54),
        tag("text", "no difference", x="50%", y=54, text_anchor="middle"),
        tag("text", "better with it", x="100%", y=54, text_anchor="end"),
        class_="bar gain",
        role="img",
        aria_label=said,
        width="100%",
        height=60,
    )


@dataclass(frozen=True)
class Frame:
    """A drawing area with two axes.

    Attributes
    ----------
    x, y : (float, float)
        The values at the ends of the axes.
    width, height : float
        Of the whole drawing; the margins hold the labels.
    """

    x: Interval
    y: Interval
    width: float = 480
    height: float = 310
    left: float = 58
    right: float = 18
    top: float = 34
    bottom: float = 56

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
        """Draw grid lines, tick labels and titles."""
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
            tag("text", label, x=self.across(v), y=floor + 20, text_anchor="middle")
            for v, label in x_ticks
        ]
        titles = [
            tag("text", y_title, x=2, y=14, class_="title"),
            tag("text", x_title, x=end, y=self.height - 8, text_anchor="end", class_="title"),
        ]
        return Markup("").join([*lines, *beside, *below, *titles])

    def line(self, points: Sequence[tuple[float, float]], kind: str = "line") -> Markup:
        """Join points (x, y) by straight lines."""
        return tag("polyline", points=self._path(points), class_=kind)

    def band(self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float]) -> Markup:
        """Fill between two lines."""
        there = list(zip(xs, highs, strict=True))
        back = list(zip(xs, lows, strict=True))[::-1]
        return tag("polygon", points=self._path(there + back), class_="band")

    def dot(self, x: float, y: float, title: str, kind: str = "dot", r: float = 4.5) -> Markup:
        """Mark a point; the title shows when it is pointed at."""
        mark = tag("title", title)
        return tag("circle", mark, cx=self.across(x), cy=self.down(y), r=r, class_=kind)

    def error(self, x: float, low: float, high: float) -> Markup:
        """Draw a vertical interval."""
        at = self.across(x)
        return tag("line", x1=at, x2=at, y1=self.down(low), y2=self.down(high), class_="whisker")

    def drawing(self, said: str, *parts: Markup) -> Markup:
        """Close the drawing; ``said`` describes it to who cannot see it."""
        view = f"0 0 {self.width:g} {self.height:g}"
        return tag("svg", *parts, viewBox=view, class_="plot", role="img", aria_label=said)

    def _path(self, points: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{self.across(x):.1f},{self.down(y):.1f}" for x, y in points)


def reliability(bins: Sequence[dict[str, float]]) -> Markup:
    """Draw how often answers of a given confidence are right, and how many there are."""
    frame = Frame((0, 1), (0, 1), height=380, bottom=126)
    ticks = [(x, f"{x:.0%}") for x in (0, 0.25, 0.5, 0.75, 1)]
    most = max(int(b["count"]) for b in bins)
    parts = [
        frame.axes(ticks, ticks, "stated confidence", "how often it was right"),
        frame.line([(0, 0), (1, 1)], "ideal"),
        tag("text", "number of images", x=frame.left, y=frame.height - 86, class_="title"),
    ]
    wide = frame.across(0.1) - frame.across(0) - 4
    for b in bins:
        count, share = int(b["count"]), b["accuracy"]
        low, high = wilson(share * count, count)
        place = math.floor(min(b["confidence"], 0.9999) * 10) / 10
        tall = max(1.5, 26 * count / most)
        left, floor = frame.across(place) + 2, frame.height - 34
        parts += [
            tag("rect", x=left, y=floor - tall, width=wide, height=tall, class_="count"),
            tag("text", count, x=left + wide / 2, y=floor - tall - 4, text_anchor="middle",
                class_="small"),
            frame.error(b["confidence"], low, high),
        ]  # fmt: skip
    parts.append(frame.line([(b["confidence"], b["accuracy"]) for b in bins]))
    parts += [
        frame.dot(b["confidence"], b["accuracy"], f"{int(b['count'])} images: stated "
                  f"{b['confidence']:.0%}, right {b['accuracy']:.0%}")
        for b in bins
    ]  # fmt: skip
    said = "; ".join(f"stated {b['confidence']:.0%}, right {b['accuracy']:.0%}" for b in bins)
    return frame.drawing(f"Reliability: {said}.", *parts)


def learning_curve(points: Sequence[dict[str, Any]]) -> Markup:
    """Draw accuracy against the number of training images, with intervals."""
    xs = [float(p["n_train"]) for p in points]
    ys = [float(p["accuracy"]) for p in points]
    lows, highs = zip(*(p["accuracy_ci95"] for p in points), strict=True)
    floor = math.floor(10 * min(lows)) / 10
    frame = Frame((0, 1.04 * max(xs)), (floor, 1))
    parts = [
        frame.axes(
            [(x, f"{x:,.0f}") for x in ticks(0, max(xs), 5)],
            [(y, f"{y:.0%}") for y in ticks(floor, 1, 5)],
            "images to learn from",
            "accuracy on held-out images",
        ),
        frame.band(xs, lows, highs),
        frame.line(list(zip(xs, ys, strict=True))),
        *(
            frame.dot(x, y, f"{x:,.0f} images: {y:.1%} ({low:.1%} to {high:.1%})")
            for x, y, low, high in zip(xs, ys, lows, highs, strict=True)
        ),
    ]
    said = "; ".join(f"{x:,.0f} images {y:.1%}" for x, y in zip(xs, ys, strict=True))
    return frame.drawing(f"Learning curve: {said}.", *parts)


def candidates(head: dict[str, Any]) -> Markup:
    """Draw the heads that were tried: log loss against the freedom C, the chosen one marked."""
    tried = head["candidates"]
    free = [c for c in tried if c["head"] == "logistic"]
    others = [c for c in tried if c["head"] != "logistic"]
    xs = [math.log10(c["C"]) for c in free]
    ys = [float(c["log_loss"]) for c in free]
    errors = [float(c["log_loss_se"]) for c in free]
    lows = [y - e for y, e in zip(ys, errors, strict=True)]
    highs = [y + e for y, e in zip(ys, errors, strict=True)]
    levels = [float(c["log_loss"]) for c in others]
    top, bottom = max([*highs, *levels]), min([*lows, *levels])
    pad = 0.16 * ((top - bottom) or 1)
    frame = Frame((min(xs) - 0.2, max(xs) + 0.2), (max(0.0, bottom - pad), top + pad / 3))
    right = frame.width - frame.right
    parts = [
        frame.axes(
            [(k, f"10{_raised(k)}") for k in range(math.ceil(min(xs)), math.floor(max(xs)) + 1)
             if k % 2 == 0 or max(xs) - min(xs) < 5],
            [(y, f"{y:g}") for y in ticks(*frame.y, 5)],
            "C: freedom to follow the training images",
            "log loss, lower is better",
        ),
        frame.band(xs, lows, highs),
        frame.line(list(zip(xs, ys, strict=True))),
    ]  # fmt: skip
    for c, level in zip(others, levels, strict=True):
        chosen = " chosen" if c["head"] == head["kind"] else ""
        parts += [
            frame.line([(frame.x[0], level), (frame.x[1], level)], f"rival{chosen}"),
            tag("text", c["head"], x=right - 4, y=frame.down(level) - 5, text_anchor="end",
                class_="small"),
        ]  # fmt: skip
    for c, x, y in zip(free, xs, ys, strict=True):
        chosen = head["kind"] == "logistic" and math.isclose(c["C"], head["C"], rel_tol=1e-6)
        title = f"C = {c['C']:.3g}: log loss {y:.3f}, accuracy {c['accuracy']:.1%}"
        if chosen:
            parts.append(frame.dot(x, y, f"Chosen. {title}", "dot chosen", 8))
            parts.append(
                tag("text", "chosen", x=frame.across(x), y=frame.down(y) + 26,
                    text_anchor="middle", class_="chosen")
            )  # fmt: skip
        else:
            parts.append(frame.dot(x, y, title, r=3.5))
    chosen_as = f"C = {head['C']:.3g}" if head["kind"] == "logistic" else head["kind"]
    return frame.drawing(f"Log loss of {len(tried)} heads; chosen: {chosen_as}.", *parts)


def embedding(points: Sequence[dict[str, Any]], classes: Sequence[str]) -> Markup:
    """Draw the map: a dot per image, a cross where the held-out answer was wrong.

    Every point is an element with its picture and its words inside, so it works without scripts;
    only the first is in the tab order, the page's script moves from there with the arrow keys.
    """
    index = {name: c for c, name in enumerate(classes)}
    marks = [_point(p, index[p["label"]], first=i == 0) for i, p in enumerate(points)]
    return tag(
        "svg",
        *marks,
        viewBox=f"0 0 {MAP_WIDTH} {MAP_HEIGHT}",
        class_="map",
        role="group",
        aria_label=f"Map of {len(points)} images: what the network sees as alike lies together.",
    )


def point_words(point: dict[str, Any]) -> str:
    """Say what a point of the map is.

    Examples
    --------
    >>> point_words({"label": "cat", "predicted": "dog", "right": False, "path": "a.jpg"})
    'cat, called dog: wrong (a.jpg)'
    """
    if point["right"] is None:
        answer = "trained on"
    elif point["right"]:
        answer = "right"
    else:
        answer = f"called {point['predicted']}: wrong"
    return f"{point['label']}, {answer} ({point['path']})"


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


def _point(point: dict[str, Any], c: int, *, first: bool) -> Markup:
    x = MAP_MARGIN + point["x"] * (MAP_WIDTH - 2 * MAP_MARGIN)
    y = MAP_MARGIN + point["y"] * (MAP_HEIGHT - 2 * MAP_MARGIN)
    kind = {True: "right", False: "wrong", None: "trained"}[point["right"]]
    shape = (
        tag("path", d="M-4-4 4 4M-4 4 4-4") if kind == "wrong" else tag("circle", r=4)
    )
    half = PICTURE / 2
    frame = tag("rect", x=-half, y=-half, width=PICTURE, height=PICTURE, class_="frame")
    image = tag("image", href=point["image"], x=-half, y=-half, width=PICTURE, height=PICTURE,
                preserveAspectRatio="xMidYMid slice")  # fmt: skip
    return tag(
        "g",
        tag("title", point_words(point)),
        image,
        frame,
        shape,
        class_=f"point {kind} c{c % len(PALETTE)}",
        data_class=c,
        transform=f"translate({x:.1f} {y:.1f})",
        tabindex=0 if first else -1,
        role="img",
    )


def _whisker(low: str, high: str, middle: float, cap: float) -> Markup:
    lines = [(low, high, middle, middle)]
    lines += [(at, at, middle - cap, middle + cap) for at in (low, high)]
    return Markup("").join(
        tag("line", class_="whisker", x1=x1, x2=x2, y1=y1, y2=y2) for x1, x2, y1, y2 in lines
    )


def _percent(share: float) -> str:
    return f"{100 * min(max(share, 0), 1):.2f}%"


def _short(value: object) -> object:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


def _raised(k: int) -> str:
    return str(k).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
