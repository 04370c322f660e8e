"""Charts of how a network was trained and of the methods that were compared.

As in ``charts``: functions from numbers to inline SVG. One that has nothing to draw returns "".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from markupsafe import Markup

from headstart.judge.intervals import Interval
from headstart.modalities import Unit
from headstart.notation import decimal, percent
from headstart.report.charts import raised
from headstart.report.curves import TRAINING, VALIDATION, Curves, Epoch
from headstart.report.scales import moments, shares
from headstart.report.scatter import Spot, scatter
from headstart.report.svg import LABEL, NUMBERS, Frame, log_ticks, spread, tag, ticks

NOTHING = Markup("")


def loss(curves: Curves) -> Markup:
    """Draw the loss by epoch: training and validation, and the final fit as a thin line."""

    def between(values: Sequence[float]) -> tuple[Interval, list[tuple[float, str]]]:
        low, high = min(values), max(values)
        pad = 0.1 * ((high - low) or 1)
        ends = (0.0 if low < 0.5 * high else max(0.0, low - pad), high + pad)
        return ends, [(v, f"{v:g}") for v in ticks(*ends, 5)]

    return _by_epoch(curves, "loss", "loss, lower is better", between, decimal)


def accuracy(curves: Curves) -> Markup:
    """Draw the accuracy by epoch; training has none where labels were mixed."""
    return _by_epoch(curves, "accuracy", "accuracy", shares, percent)


def rate(curves: Curves) -> Markup:
    """Draw the learning rate by epoch, as a low chart; nothing for a single epoch."""
    points = [(float(step), lr) for step, lr in curves.rates]
    if len(points) < 2:
        return NOTHING
    top = max(lr for _, lr in points) or 1.0
    levels = ticks(0, 2 * top, 6)
    levels = [v for v in levels if v < top + levels[1]]  # the first one above closes the chart
    frame = Frame(epochs(curves.longest), (0, levels[-1]), height=220, left=NUMBERS)
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
        frame.marked(x, y, f"alpha {x:g}: accuracy {y:.1%}", f"alpha {x:g}, chosen")
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
    frame = Frame((points[0][0], points[-1][0]), (max(0.0, low - pad), top + pad), left=NUMBERS)
    suggested = found.get("suggested")
    mark, said = NOTHING, "none suggested"
    if suggested:
        at = math.log10(suggested)
        level = min(points, key=lambda p: abs(p[0] - at))[1]
        said = f"{suggested:.2g}, suggested"
        mark = frame.marked(at, min(level, top), f"Learning rate {said}", said)
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


def methods(candidates: Sequence[dict[str, Any]], unit: Unit) -> Markup:
    """Draw the accuracy of each method tried against the time it took, the chosen one marked."""
    spots = method_spots(candidates)
    if not spots:
        return NOTHING
    said = "; ".join(spot.title for spot in spots)
    return scatter(
        f"Accuracy against time: {said}.",
        spots,
        moments,
        "time it took (logarithmic)",
        f"accuracy on held-out {unit.many}",
    )


def method_spots(candidates: Iterable[dict[str, Any]]) -> list[Spot]:
    """Place the methods that were measured: log10 of the seconds, and the accuracy."""
    return [
        Spot(
            c["name"],
            math.log10(max(c["seconds"], 0.01)),
            float(c["accuracy"]),
            c["accuracy_ci95"],
            f"{c['name']}: {c['accuracy']:.1%} in {c['seconds']:.3g} s",
            ", chosen" if c["chosen"] else "",
        )
        for c in measured(candidates)
    ]


def measured(candidates: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the methods that have both an accuracy and a time."""
    return [c for c in candidates if c["accuracy"] is not None and c["seconds"] is not None]


def epochs(longest: int) -> Interval:
    """Choose the ends of an axis of epochs, with a little air.

    Examples
    --------
    >>> epochs(1), epochs(51)
    ((0.5, 1.5), (-0.5, 52.5))
    """
    air = 0.03 * (longest - 1) or 0.5
    return 1 - air, longest + air


def _by_epoch(
    curves: Curves,
    value: str,
    title: str,
    scale: Callable[[Sequence[float]], tuple[Interval, list[tuple[float, str]]]],
    number: Callable[[float], str],
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
    frame = Frame(epochs(curves.longest), ends, left=NUMBERS, right=118)
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
        f"{name} {number(points[0][1])} in epoch {points[0][0]}, "
        f"{number(points[-1][1])} in epoch {points[-1][0]}"
        for name, points in lines.items()
    )
    return frame.drawing(f"{value.capitalize()} by epoch: {said}.", *parts)


def _points(curve: Sequence[Epoch], value: str) -> list[tuple[int, float]]:
    return [(p.step, getattr(p, value)) for p in curve if getattr(p, value) is not None]


def _mark(
    frame: Frame, point: tuple[int, float], name: str, number: Callable[[float], str], r: float
) -> Markup:
    """Mark a point: a disc for training, a square for validation, so that colour is not needed."""
    title = f"{name}, epoch {point[0]}: {number(point[1])}"
    if name == TRAINING:
        return frame.dot(*point, title, r=r)
    x, y = frame.across(point[0]), frame.down(point[1])
    return tag("rect", tag("title", title), x=x - r, y=y - r, width=2 * r, height=2 * r,
               class_=f"dot {name}")  # fmt: skip


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
