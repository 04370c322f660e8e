"""Charts as inline SVG: small functions from numbers to markup.

Colours are CSS classes and ``currentColor``, so a chart follows the page's light or dark theme.
One-dimensional bars use percentages and stretch with the page, their text unscaled; charts with
two axes have a fixed drawing area that the page scales.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from headstart.judge.intervals import wilson
from headstart.modalities import Unit
from headstart.notation import percent
from headstart.report.svg import LABEL, NUMBERS, Frame, breadth, spread, tag, ticks
from headstart.report.words import named
from headstart.said import N_, _, _n, number, sentences

PALETTE = (
    *("#2f6fd0", "#d9730d", "#1c9468", "#c2417c", "#7a5bd0"),
    *("#97790a", "#0d8fa0", "#d1453b", "#5f7f2c", "#8d6a58"),
)
"""One colour per class, used again after ten; each at least 3:1 on white and on the dark card."""

MAP_WIDTH, MAP_HEIGHT, MAP_MARGIN = 640, 440, 16
PICTURE = 24
"""Side of a picture on the map, in units of its width."""


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
    said = _(
        "{share:z.1%}, 95 % interval {low:z.1%} to {high:z.1%}", share=value, low=low, high=high
    )
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

    said = _(
        "{gain:+z.1f} points, 95 % interval {low:+z.1f} to {high:+z.1f} points",
        gain=100 * value,
        low=100 * low,
        high=100 * high,
    )
    return tag(
        "svg",
        tag("rect", class_="track", y=8, width="100%", height=24, rx=4),
        tag("line", class_="zero", x1="50%", x2="50%", y1=2, y2=38),
        _whisker(place(low), place(high), 20, 8),
        tag("circle", class_="dot", cx=place(value), cy=20, r=6),
        tag("text", _("worse with it"), x="0%", y=54),
        tag("text", _("no difference"), x="50%", y=54, text_anchor="middle"),
        tag("text", _("better with it"), x="100%", y=54, text_anchor="end"),
        class_="bar gain",
        role="img",
        aria_label=said,
        width="100%",
        height=60,
    )


def reliability(bins: Sequence[dict[str, float]], unit: Unit) -> Markup:
    """Draw how often answers of a given confidence are right, and how many there are."""
    frame = Frame((0, 1), (0, 1), height=396, bottom=142)
    quarters = [(x, percent(x, 0)) for x in (0, 0.25, 0.5, 0.75, 1)]
    most = max(int(b["count"]) for b in bins)
    parts = [
        frame.axes(quarters, quarters, _("stated confidence"), _("how often it was right")),
        frame.line([(0, 0), (1, 1)], "ideal"),
        tag("text", _("number of {many}", many=unit.many), x=frame.left, y=frame.height - 90,
            class_="title"),
    ]  # fmt: skip
    wide = frame.across(0.1) - frame.across(0) - 4
    for b in bins:
        count, share = int(b["count"]), b["accuracy"]
        low, high = wilson(share * count, count)
        place = math.floor(min(b["confidence"], 0.9999) * 10) / 10
        tall = max(1.5, 26 * count / most)
        left, floor = frame.across(place) + 2, frame.height - 34
        parts += [
            tag("rect", x=left, y=floor - tall, width=wide, height=tall, class_="count"),
            tag("text", _thousands(count), x=left + wide / 2, y=floor - tall - 4,
                text_anchor="middle", class_="small"),
            frame.error(b["confidence"], low, high),
        ]  # fmt: skip
    parts.append(frame.line([(b["confidence"], b["accuracy"]) for b in bins]))
    parts += [frame.dot(b["confidence"], b["accuracy"], _stated(b, unit)) for b in bins]
    said = (_stated(b, unit) for b in bins)
    return frame.drawing(sentences(_("Reliability:"), *said), *parts)


def _stated(b: dict[str, float], unit: Unit) -> str:
    """Say how often the answers of a bin are right."""
    return _(
        "{examples}: stated {confidence:.0%}, right {accuracy:.0%}.",
        examples=unit.count(int(b["count"])),
        confidence=b["confidence"],
        accuracy=b["accuracy"],
    )


def learning_curve(points: Sequence[dict[str, Any]], unit: Unit) -> Markup:
    """Draw accuracy against the number of training examples, with intervals."""
    xs = [float(p["n_train"]) for p in points]
    ys = [float(p["accuracy"]) for p in points]
    lows, highs = zip(*(p["accuracy_ci95"] for p in points), strict=True)
    floor = math.floor(10 * min(lows)) / 10
    frame = Frame((0, 1.04 * max(xs)), (floor, 1))
    parts = [
        frame.axes(
            [(x, number(x, ",.0f")) for x in ticks(0, max(xs), 5)],
            [(y, percent(y, 0)) for y in ticks(floor, 1, 5)],
            _("{many} to learn from", many=unit.many),
            _("accuracy on held-out {many}", many=unit.many),
        ),
        frame.band(xs, lows, highs),
        frame.line(list(zip(xs, ys, strict=True))),
        *(frame.dot(x, y, _learned(p, unit)) for x, y, p in zip(xs, ys, points, strict=True)),
    ]
    said = (_learned(p, unit) for p in points)
    return frame.drawing(sentences(_("Learning curve:"), *said), *parts)


def _learned(point: dict[str, Any], unit: Unit) -> str:
    """Say how accurate a model is that has learned from so many."""
    low, high = point["accuracy_ci95"]
    return _(
        "{examples}: {accuracy:.1%} ({low:.1%} to {high:.1%}).",
        examples=unit.count(point["n_train"]),
        accuracy=point["accuracy"],
        low=low,
        high=high,
    )


def candidates(head: dict[str, Any], unit: Unit) -> Markup:
    """Draw the heads that were tried: log loss against the freedom C, the chosen one marked."""
    tried = head["candidates"]
    free = [c for c in tried if c["head"] == "logistic"]
    others = [c for c in tried if c["head"] != "logistic"]
    xs = [math.log10(c["C"]) for c in free]
    ys = [float(c["log_loss"]) for c in free]
    lows = [c["log_loss"] - c["log_loss_se"] for c in free]
    highs = [c["log_loss"] + c["log_loss_se"] for c in free]
    levels = [float(c["log_loss"]) for c in others]
    top, bottom = max(highs + levels), min(lows + levels)
    pad = 0.16 * ((top - bottom) or 1)
    ends = (min(xs) - 0.2, max(xs) + 0.2), (max(0.0, bottom - pad), top + pad / 3)
    names = max([0.0, *(breadth(named(c["head"])) for c in others)])
    frame = Frame(*ends, left=NUMBERS, right=18 + names)
    every = 2 if max(xs) - min(xs) > 5 else 1
    powers = [k for k in range(math.ceil(min(xs)), math.floor(max(xs)) + 1) if k % every == 0]
    chosen_as = (
        f"C = {number(head['C'], '.3g')}" if head["kind"] == "logistic" else named(head["kind"])
    )
    return frame.drawing(
        _n(
            "Log loss of {n} head; chosen: {head}.",
            "Log loss of {n} heads; chosen: {head}.",
            len(tried),
            head=chosen_as,
        ),
        frame.axes(
            [(k, f"10{raised(k)}") for k in powers],
            [(y, number(y, "g")) for y in ticks(*frame.y, 5)],
            _("C: freedom to follow the training {many}", many=unit.many),
            _("log loss, lower is better"),
        ),
        frame.band(xs, lows, highs),
        frame.line(list(zip(xs, ys, strict=True))),
        *_levels(frame, others, head["kind"]),
        *(
            _candidate(frame, c, head["kind"] == "logistic" and math.isclose(c["C"], head["C"]))
            for c in free
        ),
    )


def embedding(points: Sequence[dict[str, Any]], classes: Sequence[str], unit: Unit) -> Markup:
    """Draw the map: a dot per example, a cross where the held-out answer was wrong.

    Every point is an element with its words, and its picture or text where it has one, inside, so
    it works without scripts; only the first is in the tab order, the page's script moves from there
    with the arrow keys.
    """
    index = {name: c for c, name in enumerate(classes)}
    wrong_on_top = sorted(points, key=lambda p: p["right"] is False)
    marks = [_point(p, index[p["label"]], first=i == 0) for i, p in enumerate(wrong_on_top)]
    return tag(
        "svg",
        *marks,
        viewBox=f"0 0 {MAP_WIDTH} {MAP_HEIGHT}",
        class_="map",
        role="group",
        aria_label=_(
            "Map of {examples}: those that are alike lie together.",
            examples=unit.count(len(points)),
        ),
    )


def point_words(point: dict[str, Any]) -> str:
    """Say what a point of the map is.

    Examples
    --------
    >>> point_words({"label": "cat", "predicted": "dog", "right": False, "path": "a.jpg"})
    'cat, called dog: wrong (a.jpg)'
    """
    if point["right"] is None:
        said = N_("{label}, trained on ({path})")
    elif point["right"]:
        said = N_("{label}, right ({path})")
    else:
        said = N_("{label}, called {answer}: wrong ({path})")
    return _(said, label=point["label"], answer=point["predicted"], path=point["path"])


def _point(point: dict[str, Any], c: int, *, first: bool) -> Markup:
    x = MAP_MARGIN + point["x"] * (MAP_WIDTH - 2 * MAP_MARGIN)
    y = MAP_MARGIN + point["y"] * (MAP_HEIGHT - 2 * MAP_MARGIN)
    kind = {True: "right", False: "wrong", None: "trained"}[point["right"]]
    shape = tag("path", d="M-4-4 4 4M-4 4 4-4") if kind == "wrong" else tag("circle", r=4)
    return tag(
        "g",
        tag("title", "\n".join(filter(None, (point_words(point), point.get("text"))))),
        *_picture(point),
        shape,
        class_=f"point {kind} c{c % len(PALETTE)}",
        data_class=c,
        transform=f"translate({x:.1f} {y:.1f})",
        tabindex=0 if first else -1,
        role="img",
    )


def _picture(point: dict[str, Any]) -> tuple[Markup, ...]:
    """Draw the picture of a point, where it has one, and its frame."""
    if "image" not in point:
        return ()
    square = {"x": -PICTURE / 2, "y": -PICTURE / 2, "width": PICTURE, "height": PICTURE}
    return (
        tag("image", href=point["image"], **square, preserveAspectRatio="xMidYMid slice"),
        tag("rect", **square, class_="frame"),
    )


def _candidate(frame: Frame, candidate: dict[str, Any], chosen: bool) -> Markup:
    """Mark one strength of logistic regression."""
    x, y = math.log10(candidate["C"]), float(candidate["log_loss"])
    title = _(
        "C = {C:.3g}: log loss {log_loss:z.3f}, accuracy {accuracy:.1%}",
        C=candidate["C"],
        log_loss=y,
        accuracy=candidate["accuracy"],
    )
    if not chosen:
        return frame.dot(x, y, title, r=3.5)
    return frame.marked(x, y, sentences(_("Chosen."), title), _("chosen"))


def _levels(frame: Frame, found: Sequence[dict[str, Any]], chosen: str) -> Iterator[Markup]:
    """Draw heads without a strength as levels across the drawing, their names beside it."""
    levels = [float(c["log_loss"]) for c in found]
    tall = (frame.top + 8, frame.height - frame.bottom - 6)
    places = spread([frame.down(level) for level in levels], LABEL, *tall)
    for c, level, place in zip(found, levels, places, strict=True):
        own = " chosen" if c["head"] == chosen else ""
        yield frame.line([(x, level) for x in frame.x], f"rival{own}")
        yield tag("text", named(c["head"]), x=frame.width - frame.right + 8, y=place, dy="0.35em",
                  class_=f"small{own}")  # fmt: skip
        if own:
            high = frame.down(level) - 7
            yield tag("text", _("chosen"), x=frame.left + 6, class_="label chosen",
                      y=high if high > frame.top + 16 else frame.down(level) + 20)  # fmt: skip


def _whisker(low: str, high: str, middle: float, cap: float) -> Markup:
    lines = [(low, high, middle, middle)]
    lines += [(at, at, middle - cap, middle + cap) for at in (low, high)]
    return Markup("").join(
        tag("line", class_="whisker", x1=x1, x2=x2, y1=y1, y2=y2) for x1, x2, y1, y2 in lines
    )


def _thousands(count: int) -> str:
    """Write a count in four letters, as wide as a bar is."""
    return str(count) if count < 10_000 else f"{count / 1000:.0f}k"


def _percent(share: float) -> str:
    return f"{100 * min(max(share, 0), 1):.2f}%"


def raised(k: int) -> str:
    """Write a whole number as an exponent.

    Examples
    --------
    >>> raised(-3)
    '⁻³'
    """
    return str(k).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
