"""Charts of how a network was trained and of the methods that were compared.

As in ``charts``: functions from numbers to inline SVG. One that has nothing to draw returns "".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from markupsafe import Markup

from headstart.judge.intervals import Interval
from headstart.report.charts import raised
from headstart.report.curves import TRAINING, VALIDATION, Curves, Epoch
from headstart.report.svg import Frame, log_ticks, spread, tag, ticks

NOTHING = Markup("")
TIMES: dict[float, str] = {
    **{s: f"{s:g} s" for s in (0.01, 0.03, 0.1, 0.3, 1, 4, 15)},
    **{60 * m: f"{m} min" for m in (1, 4, 15)},
    **{3600 * h: f"{h} h" for h in (1, 4, 16, 64)},
}
"""Seconds that stand on an axis of time, and how they are written; about four times apart."""
LABEL = 21
"""Height of a line of text, in units of the drawing."""
LONGEST = 26


def loss(curves: Curves) -> Markup:
    """Draw the loss by epoch: training and validation, and the final fit as a thin line."""

    def between(values: Sequence[float]) -> tuple[Interval, list[tuple[float, str]]]:
        low, high = min(values), max(values)
        pad = 0.1 * ((high - low) or 1)
        ends = (0.0 if low < 0.5 * high else max(0.0, low - pad), high + pad)
        return ends, [(v, f"{v:g}") for v in ticks(*ends, 5)]

    return _by_epoch(curves, "loss", "loss, lower is better", between, "{:.3f}")


def accuracy(curves: Curves) -> Markup:
    """Draw the accuracy by epoch; training has none where labels were mixed."""
    return _by_epoch(curves, "accuracy", "accuracy", shares, "{:.1%}")


def rate(curves: Curves) -> Markup:
    """Draw the learning rate by epoch, as a low chart; nothing for a single epoch."""
    points = [(float(step), lr) for step, lr in curves.rates]
    if len(points) < 2:
        return NOTHING
    top = max(lr for _, lr in points) or 1.0
    levels = ticks(0, 2 * top, 6)
    levels = [v for v in levels if v < top + levels[1]]  # the first one above closes the chart
    frame = Frame(epochs(curves.longest), (0, levels[-1]), height=220, left=76)
    return frame.drawing(
        f"Learning rate: {points[0][1]:.2g} in epoch 1, {points[-1][1]:.2g} in epoch "
        f"{points[-1][0]:.0f}.",
        frame.axes(_whole(curves.longest), [(v, f"{v:g}") for v in levels],
                   "epoch", "learning rate at the end of the epoch"),
        frame.line(points),
        *(frame.dot(x, y, f"epoch {x:.0f}: {y:.2g}", r=_size(len(points))) for x, y in points),
    )  # fmt: skip


def wise(points: Sequence[dict[str, Any]], alpha: float | None) -> Markup:
    """Draw the accuracy of mixtures of the weights before and after, the chosen one marked."""
    known = [p for p in points if p["accuracy"] is not None]
    if not known:
        return NOTHING
    xs = [float(p["alpha"]) for p in known]
    ys = [float(p["accuracy"]) for p in known]
    ends, levels = shares(ys)
    frame = Frame((0, 1), ends)
    marks = [
        _marked(frame, x, y, f"alpha {x:g}: accuracy {y:.1%}", f"alpha {x:g}, chosen")
        if alpha is not None and math.isclose(x, alpha, abs_tol=1e-9)
        else frame.dot(x, y, f"alpha {x:g}: accuracy {y:.1%}", r=3.5)
        for x, y in zip(xs, ys, strict=True)
    ]
    return frame.drawing(
        "Accuracy of mixed weights: "
        + "; ".join(f"alpha {x:g} {y:.1%}" for x, y in zip(xs, ys, strict=True)) + ".",
        frame.axes([(v, f"{v:g}") for v in (0, 0.25, 0.5, 0.75, 1)], levels,
                   "alpha: 0 before training, 1 after", "accuracy"),
        frame.line(list(zip(xs, ys, strict=True))),
        *marks,
    )  # fmt: skip


def finder(found: dict[str, Any]) -> Markup:
    """Draw the range test: loss against the learning rate, the suggested rate marked."""
    points = [
        (math.log10(lr), float(y))
        for lr, y in zip(found["lrs"], found["losses"], strict=False)
        if y is not None and math.isfinite(y) and lr > 0
    ]
    if len(points) < 2:
        return NOTHING
    low, start = min(y for _, y in points), points[0][1]
    top = min(max(y for _, y in points), 2 * start - low + 0.1)  # where it explodes is cut off
    pad = 0.12 * ((top - low) or 1)
    frame = Frame((points[0][0], points[-1][0]), (max(0.0, low - pad), top + pad))
    suggested = found.get("suggested")
    mark, said = NOTHING, "none suggested"
    if suggested:
        at = math.log10(suggested)
        level = min(points, key=lambda p: abs(p[0] - at))[1]
        said = f"{suggested:.2g}, suggested"
        mark = _marked(frame, at, min(level, top), f"Learning rate {said}", said)
    return frame.drawing(
        f"Loss while the learning rate rises; {said}.",
        frame.axes(
            [(math.log10(v), _power(v)) for v in log_ticks(*(10**x for x in frame.x))],
            [(v, f"{v:g}") for v in ticks(*frame.y, 4)],
            "learning rate", "loss",
        ),
        frame.line([(x, min(y, top)) for x, y in points[: _first_above(points, top) + 1]]),
        mark,
    )  # fmt: skip


def methods(candidates: Sequence[dict[str, Any]]) -> Markup:
    """Draw the accuracy of each method tried against the time it took, the chosen one marked."""
    tried = measured(candidates)
    if not tried:
        return NOTHING
    xs = [math.log10(max(c["seconds"], 0.01)) for c in tried]
    frame = Frame(
        (min(xs) - 0.35, max(xs) + 0.35),
        shares([v for c in tried for v in (c["accuracy"], *(c["accuracy_ci95"] or ()))])[0],
        height=340,
    )
    tall = (frame.top + 8, frame.height - frame.bottom - 6)
    beside = spread([frame.down(c["accuracy"]) for c in tried], LABEL, *tall)
    said = "; ".join(f"{c['name']} {c['accuracy']:.1%} in {c['seconds']:.3g} s" for c in tried)
    return frame.drawing(
        f"Accuracy against time: {said}.",
        frame.axes(
            moments(*(10**x for x in frame.x)),
            shares(frame.y)[1],
            "time it took, on a logarithmic scale",
            "accuracy on held-out images",
        ),
        *(
            frame.error(x, *c["accuracy_ci95"])
            for c, x in zip(tried, xs, strict=True)
            if c["accuracy_ci95"]
        ),
        *(_method(frame, c, x, y) for c, x, y in zip(tried, xs, beside, strict=True)),
    )


def measured(candidates: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the methods that have both an accuracy and a time."""
    return [c for c in candidates if c["accuracy"] is not None and c["seconds"] is not None]


def shares(values: Sequence[float]) -> tuple[Interval, list[tuple[float, str]]]:
    """Choose the ends and the ticks of an axis for shares.

    Examples
    --------
    >>> shares([0.91, 0.93])
    ((0.9, 0.95), [(0.9, '90%'), (0.91, '91%'), (0.92, '92%'), (0.93, '93%'), (0.94, '94%'), (0.95, '95%')])
    """  # noqa: E501
    step = 20 if max(values) - min(values) < 0.25 else 10
    low = math.floor(step * min(values) + 1e-9) / step
    high = min(1.0, math.ceil(step * max(values) - 1e-9) / step)
    if high - low < 1e-9:
        low, high = (low - 1 / step, high) if high > 0.5 else (low, high + 1 / step)
    return (low, high), [(v, f"{v:.0%}") for v in ticks(low, high, 5)]


def epochs(longest: int) -> Interval:
    """Choose the ends of an axis of epochs, with a little air.

    Examples
    --------
    >>> epochs(1), epochs(51)
    ((0.5, 1.5), (-0.5, 52.5))
    """
    air = 0.03 * (longest - 1) or 0.5
    return 1 - air, longest + air


def moments(low: float, high: float) -> list[tuple[float, str]]:
    """Choose at most six ticks of an axis of log10 seconds.

    Examples
    --------
    >>> [said for _, said in moments(2, 200)]
    ['4 s', '15 s', '1 min']
    """
    inside = [(math.log10(s), said) for s, said in TIMES.items() if low <= s <= high]
    return inside[:: math.ceil(len(inside) / 6) or 1]


def _by_epoch(
    curves: Curves,
    value: str,
    title: str,
    scale: Callable[[Sequence[float]], tuple[Interval, list[tuple[float, str]]]],
    number: str,
) -> Markup:
    """Draw a value by epoch, every line with its name at its end."""
    lines = {
        "final fit": _points(curves.final, value),
        TRAINING: _points(curves.training, value),
        VALIDATION: _points(curves.validation, value),
    }
    lines = {name: points for name, points in lines.items() if points}
    if not lines:
        return NOTHING
    ends, levels = scale([y for points in lines.values() for _, y in points])
    frame = Frame(epochs(curves.longest), ends, right=96)
    parts = [frame.axes(_whole(curves.longest), levels, "epoch", title)]
    tall = (frame.top + 8, frame.height - frame.bottom - 6)
    places = spread([frame.down(points[-1][1]) for points in lines.values()], LABEL, *tall)
    for (name, points), place in zip(lines.items(), places, strict=True):
        kind = name.partition(" ")[0]
        parts.append(frame.line(points, f"line {kind}"))
        if kind != "final":
            parts += [_mark(frame, p, name, number, _size(len(points))) for p in points]
        parts.append(tag("text", name, x=frame.across(points[-1][0]) + 9, y=place, dy="0.35em",
                         class_=f"end {kind}"))  # fmt: skip
    said = "; ".join(
        f"{name} {number.format(points[0][1])} in epoch {points[0][0]}, "
        f"{number.format(points[-1][1])} in epoch {points[-1][0]}"
        for name, points in lines.items()
    )
    return frame.drawing(f"{value.capitalize()} by epoch: {said}.", *parts)


def _points(curve: Sequence[Epoch], value: str) -> list[tuple[int, float]]:
    return [(p.step, getattr(p, value)) for p in curve if getattr(p, value) is not None]


def _mark(frame: Frame, point: tuple[int, float], name: str, number: str, r: float) -> Markup:
    """Mark a point: a disc for training, a square for validation, so that colour is not needed."""
    title = f"{name}, epoch {point[0]}: {number.format(point[1])}"
    if name == TRAINING:
        return frame.dot(*point, title, r=r)
    x, y = frame.across(point[0]), frame.down(point[1])
    return tag("rect", tag("title", title), x=x - r, y=y - r, width=2 * r, height=2 * r,
               class_=f"dot {name}")  # fmt: skip


def _marked(frame: Frame, x: float, y: float, title: str, word: str) -> Markup:
    """Mark the chosen point, with a word below it, or above where there is no room."""
    down = frame.down(y)
    below = down + 26 < frame.height - frame.bottom
    side = (frame.across(x) - frame.left) / (frame.width - frame.left - frame.right)
    anchor = "start" if side < 0.2 else "end" if side > 0.8 else "middle"
    text = tag("text", word, x=frame.across(x), y=down + 26 if below else down - 14,
               text_anchor=anchor, class_="label chosen")  # fmt: skip
    return frame.dot(x, y, title, "dot chosen", 8) + text


def _method(frame: Frame, candidate: dict[str, Any], x: float, place: float) -> Markup:
    """Draw a method: its point and, on the side where there is room, its name."""
    y, chosen = float(candidate["accuracy"]), bool(candidate["chosen"])
    across, right = frame.across(x), x > sum(frame.x) / 2
    short = candidate["name"]
    short = short if len(short) <= LONGEST else short[: LONGEST - 1] + "…"
    title = f"{candidate['name']}: {y:.1%} in {candidate['seconds']:.3g} s"
    away = -14 if right else 14
    parts = []
    if abs(place - frame.down(y)) > LABEL / 2:
        parts.append(tag("line", x1=across, y1=frame.down(y), x2=across + 0.8 * away, y2=place,
                         class_="leader"))  # fmt: skip
    parts += [
        frame.dot(x, y, title, "dot chosen" if chosen else "dot", 8 if chosen else 5),
        tag("text", f"{short}, chosen" if chosen else short, x=across + away, y=place, dy="0.35em",
            text_anchor="end" if right else "start",
            class_="label chosen" if chosen else "label"),
    ]  # fmt: skip
    return Markup("").join(parts)


def _size(count: int) -> float:
    """Radius of the marks of a line: small where there are many."""
    return 4.0 if count <= 15 else 2.5


def _whole(longest: int) -> list[tuple[float, str]]:
    return [(t, f"{t:.0f}") for t in ticks(1, longest, 6) if t == int(t)]


def _first_above(points: Sequence[tuple[float, float]], top: float) -> int:
    return next((i for i, (_, y) in enumerate(points) if y > top), len(points))


def _power(value: float) -> str:
    """Write a power of ten as one."""
    k = round(math.log10(value))
    return f"10{raised(k)}" if math.isclose(value, 10.0**k) else f"{value:g}"
