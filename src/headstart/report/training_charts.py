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
from headstart.report.curves import FINAL, TRAINING, VALIDATION, Curves, Epoch
from headstart.report.scales import moments, shares
from headstart.report.scatter import Spot, scatter
from headstart.report.svg import LABEL, NUMBERS, Frame, log_ticks, spread, tag, ticks
from headstart.said import N_, _, commas, number, sentences

NOTHING = Markup("")
LINES = {FINAL: N_("final fit"), TRAINING: N_("training"), VALIDATION: N_("validation")}
ENDS = {
    FINAL: N_("Final fit: {first} in epoch {start}, {last} in epoch {end}."),
    TRAINING: N_("Training: {first} in epoch {start}, {last} in epoch {end}."),
    VALIDATION: N_("Validation: {first} in epoch {start}, {last} in epoch {end}."),
}
"""What the lines by epoch are called, and where they begin and end."""


def loss(curves: Curves) -> Markup:
    """Draw the loss by epoch: training and validation, and the final fit as a thin line."""

    def between(values: Sequence[float]) -> tuple[Interval, list[tuple[float, str]]]:
        low, high = min(values), max(values)
        pad = 0.1 * ((high - low) or 1)
        ends = (0.0 if low < 0.5 * high else max(0.0, low - pad), high + pad)
        return ends, [(v, number(v, "g")) for v in ticks(*ends, 5)]

    said = _("Loss by epoch.")
    return _by_epoch(curves, "loss", said, _("loss, lower is better"), between, decimal)


def accuracy(curves: Curves) -> Markup:
    """Draw the accuracy by epoch; training has none where labels were mixed."""
    said = _("Accuracy by epoch.")
    return _by_epoch(curves, "accuracy", said, _("accuracy"), shares, percent)


def rate(curves: Curves) -> Markup:
    """Draw the learning rate by epoch, as a low chart; nothing for a single epoch."""
    points = [(float(step), lr) for step, lr in curves.rates]
    if len(points) < 2:
        return NOTHING
    top = max(lr for _step, lr in points) or 1.0
    levels = ticks(0, 2 * top, 6)
    levels = [v for v in levels if v < top + levels[1]]  # the first one above closes the chart
    frame = Frame(epochs(curves.longest), (0, levels[-1]), height=220, left=NUMBERS)
    return frame.drawing(
        _(
            "Learning rate: {first:.2g} in epoch 1, {last:.2g} in epoch {epoch:.0f}.",
            first=points[0][1],
            last=points[-1][1],
            epoch=points[-1][0],
        ),
        frame.axes(
            _whole(curves.longest),
            [(v, number(v, "g")) for v in levels],
            _("epoch"),
            _("learning rate at the end of the epoch"),
        ),
        frame.line(points),
        *(
            frame.dot(
                x, y, _("epoch {epoch:.0f}: {rate:.2g}", epoch=x, rate=y), r=_size(len(points))
            )
            for x, y in points
        ),
    )


def wise(points: Sequence[dict[str, Any]], alpha: float | None) -> Markup:
    """Draw the accuracy of mixtures of the weights before and after, the chosen one marked."""
    known = [p for p in points if p["accuracy"] is not None]
    if not known:
        return NOTHING
    xs = [float(p["alpha"]) for p in known]
    ys = [float(p["accuracy"]) for p in known]
    ends, levels = shares(ys)
    frame = Frame((0, 1), ends)
    found = list(zip(xs, ys, strict=True))
    titles = [_("alpha {alpha:g}: accuracy {accuracy:.1%}", alpha=x, accuracy=y) for x, y in found]
    marks = [
        frame.marked(x, y, title, _("alpha {alpha:g}, chosen", alpha=x))
        if alpha is not None and math.isclose(x, alpha, abs_tol=1e-9)
        else frame.dot(x, y, title, r=3.5)
        for (x, y), title in zip(found, titles, strict=True)
    ]
    return frame.drawing(
        _("Accuracy of mixed weights: {points}.", points=commas(titles)),
        frame.axes(
            [(v, number(v, "g")) for v in (0, 0.25, 0.5, 0.75, 1)],
            levels,
            _("alpha: 0 before training, 1 after"),
            _("accuracy"),
        ),
        frame.line(found),
        *marks,
    )


def finder(found: dict[str, Any]) -> Markup:
    """Draw the range test: loss against the learning rate, the suggested rate marked."""
    points = [
        (math.log10(lr), float(y))
        for lr, y in zip(found["lrs"], found["losses"], strict=False)
        if y is not None and math.isfinite(y) and lr > 0
    ]
    if len(points) < 2:
        return NOTHING
    losses, start = [y for _rate, y in points], points[0][1]
    low = min(losses)
    top = min(max(losses), 2 * start - low + 0.1)  # where it explodes is cut off
    pad = 0.12 * ((top - low) or 1)
    frame = Frame((points[0][0], points[-1][0]), (max(0.0, low - pad), top + pad), left=NUMBERS)
    suggested = found.get("suggested")
    mark, said = NOTHING, _("Loss while the learning rate rises; none suggested.")
    if suggested:
        at = math.log10(suggested)
        level = min(points, key=lambda p: abs(p[0] - at))[1]
        said = _("Loss while the learning rate rises; {rate:.2g}, suggested.", rate=suggested)
        title = _("Learning rate {rate:.2g}, suggested", rate=suggested)
        word = _("{rate:.2g}, suggested", rate=suggested)
        mark = frame.marked(at, min(level, top), title, word)
    return frame.drawing(
        said,
        frame.axes(
            [(math.log10(v), _power(v)) for v in log_ticks(*(10**x for x in frame.x))],
            [(v, number(v, "g")) for v in ticks(*frame.y, 4)],
            _("learning rate"), _("loss"),
        ),
        frame.line([(x, min(y, top)) for x, y in points[: _first_above(points, top) + 1]]),
        mark,
    )  # fmt: skip


def methods(candidates: Sequence[dict[str, Any]], unit: Unit) -> Markup:
    """Draw the accuracy of each method tried against the time it took, the chosen one marked."""
    spots = method_spots(candidates)
    if not spots:
        return NOTHING
    return scatter(
        _("Accuracy against time: {methods}.", methods=commas(spot.title for spot in spots)),
        spots,
        moments,
        _("time it took (logarithmic)"),
        _("accuracy on held-out {many}", many=unit.many),
    )


def method_spots(candidates: Iterable[dict[str, Any]]) -> list[Spot]:
    """Place the methods that were measured: log10 of the seconds, and the accuracy."""
    return [
        Spot(
            c["name"],
            math.log10(max(c["seconds"], 0.01)),
            float(c["accuracy"]),
            c["accuracy_ci95"],
            _(
                "{name}: {accuracy:.1%} in {seconds:.3g} s",
                name=c["name"],
                accuracy=c["accuracy"],
                seconds=c["seconds"],
            ),
            _("{name}, chosen", name="") if c["chosen"] else "",
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
    said: str,
    title: str,
    scale: Callable[[Sequence[float]], tuple[Interval, list[tuple[float, str]]]],
    written: Callable[[float], str],
) -> Markup:
    """Draw a value by epoch, every line with its name at its end."""
    lines = {
        FINAL: _points(curves.final, value),
        TRAINING: _points(curves.training, value),
        VALIDATION: _points(curves.validation, value),
    }
    lines = {kind: points for kind, points in lines.items() if points}
    if not lines:
        return NOTHING
    ends, levels = scale([y for points in lines.values() for _step, y in points])
    frame = Frame(epochs(curves.longest), ends, left=NUMBERS, right=118)
    parts = [frame.axes(_whole(curves.longest), levels, _("epoch"), title)]
    tall = (frame.top + 8, frame.height - frame.bottom - 6)
    places = spread([frame.down(points[-1][1]) for points in lines.values()], LABEL, *tall)
    for (kind, points), place in zip(lines.items(), places, strict=True):
        parts.append(frame.line(points, f"line {kind}"))
        if kind != FINAL:
            parts += [_mark(frame, p, kind, written, _size(len(points))) for p in points]
        parts.append(tag("text", _(LINES[kind]), x=frame.across(points[-1][0]) + 9, y=place,
                         dy="0.35em", class_=f"end {kind}"))  # fmt: skip
    return frame.drawing(
        sentences(said, *(_ends(kind, points, written) for kind, points in lines.items())), *parts
    )


def _ends(kind: str, points: Sequence[tuple[int, float]], written: Callable[[float], str]) -> str:
    """Say where a line begins and ends."""
    (start, first), (end, last) = points[0], points[-1]
    return _(ENDS[kind], start=start, first=written(first), end=end, last=written(last))


def _points(curve: Sequence[Epoch], value: str) -> list[tuple[int, float]]:
    return [(p.step, getattr(p, value)) for p in curve if getattr(p, value) is not None]


def _mark(
    frame: Frame, point: tuple[int, float], kind: str, written: Callable[[float], str], r: float
) -> Markup:
    """Mark a point: a disc for training, a square for validation, so that colour is not needed."""
    epoch, value = point
    title = _(
        "{line}, epoch {epoch}: {value}", line=_(LINES[kind]), epoch=epoch, value=written(value)
    )
    if kind == TRAINING:
        return frame.dot(*point, title, r=r)
    x, y = frame.across(point[0]), frame.down(point[1])
    return tag("rect", tag("title", title), x=x - r, y=y - r, width=2 * r, height=2 * r,
               class_=f"dot {kind}")  # fmt: skip


def _size(count: int) -> float:
    """Radius of the marks of a line: small where there are many."""
    return 4.0 if count <= 15 else 2.5


def _whole(longest: int) -> list[tuple[float, str]]:
    return [(t, f"{t:.0f}") for t in ticks(1, longest, 6) if t == int(t)]


def _first_above(points: Sequence[tuple[float, float]], top: float) -> int:
    return next((i for i, (_rate, y) in enumerate(points) if y > top), len(points))


def _power(value: float) -> str:
    """Write a power of ten as one."""
    k = round(math.log10(value))
    return f"10{raised(k)}" if math.isclose(value, 10.0**k) else number(value, "g")
