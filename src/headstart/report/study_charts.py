"""Charts of studies: backbones, layers, and accuracy against labels.

As in ``charts``: functions from the documents of the studies to inline SVG; one that has nothing
to draw returns "".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from headstart.judge.intervals import Interval
from headstart.modalities import Unit
from headstart.notation import percent
from headstart.report.scales import numbers, shares
from headstart.report.scatter import Spot, scatter, shortened
from headstart.report.study_words import sides
from headstart.report.svg import LABEL, Frame, breadth, spread, tag, ticks
from headstart.said import _, _n, commas, sentences

NOTHING = Markup("")
TRANSFER, BASELINE = "transfer", "baseline"
"""The two lines of a curve: their keys in its document."""


def ranking(document: dict[str, Any], unit: Unit) -> Markup:
    """Draw the accuracy of each backbone against its time, the recommended one marked."""
    spots = backbone_spots(document)
    if not spots:
        return NOTHING
    return scatter(
        _(
            "Accuracy against seconds per {examples}: {backbones}.",
            examples=unit.count(1000),
            backbones=commas(spot.title for spot in spots),
        ),
        spots,
        numbers,
        _("seconds per {examples} (logarithmic)", examples=unit.count(1000)),
        _("accuracy on held-out {many}", many=unit.many),
    )


def backbone_spots(document: dict[str, Any]) -> list[Spot]:
    """Place the backbones whose time is known: log10 of seconds per 1,000 examples, and accuracy.

    Called without their providers: the table has the whole names.
    """
    return [
        Spot(
            b["name"].partition(":")[2] or b["name"],
            math.log10(max(b["seconds_per_1000"], 0.01)),
            float(b["accuracy"]),
            b["accuracy_ci95"],
            _backbone(b),
            " ✓" if b["name"] == document["recommended"] else "",
            behind=not b["tie"],
        )
        for b in document["backbones"]
        if b["seconds_per_1000"] is not None
    ]


def _backbone(b: dict[str, Any]) -> str:
    values = {"name": b["name"], "accuracy": b["accuracy"], "seconds": b["seconds_per_1000"]}
    if b["tie"]:
        return _("{name}: {accuracy:.1%} in {seconds:.3g} s (tie)", **values)
    return _("{name}: {accuracy:.1%} in {seconds:.3g} s", **values)


def layers(document: dict[str, Any], unit: Unit) -> Markup:
    """Draw the accuracy by depth, with intervals; the combination of all layers as a level."""
    found, combined = document["layers"], document["combined"]
    if not found:
        return NOTHING
    xs, ys = [float(r["depth"]) for r in found], [float(r["accuracy"]) for r in found]
    values = [v for r in [*found, *filter(None, [combined])] for v in r["accuracy_ci95"]]
    ends, levels = shares([*ys, *values])
    frame = Frame((-0.02, 1.03), ends, height=340)
    said = [_("{name} {accuracy:.1%}", name=r["name"], accuracy=r["accuracy"]) for r in found]
    together = [_together(combined)] if combined else []
    return frame.drawing(
        _("Accuracy by depth: {layers}.", layers=commas([*said, *together])),
        frame.axes(
            [(v, percent(v, 0)) for v in ticks(0, 1, 4)],
            levels,
            _("depth: share of the work done so far"),
            _("accuracy on held-out {many}", many=unit.many),
        ),
        _combination(frame, combined, _corner(frame, found)) if combined else NOTHING,
        *(frame.error(x, *r["accuracy_ci95"]) for x, r in zip(xs, found, strict=True)),
        frame.line(list(zip(xs, ys, strict=True))),
        *(_layer(frame, r) for r in found),
        _name_of_best(frame, found),
    )


def labels(document: dict[str, Any], unit: Unit) -> Markup:
    """Draw accuracy against labels per class, and the fitted law beyond what was measured."""
    points = document["points"]
    if not points:
        return NOTHING
    lines, called = measured_lines(document), sides(document)
    forecast = document["forecast"]
    xs = [math.log10(p["per_class"]) for p in points]
    end = max(xs[-1], math.log10(forecast["per_class"])) if forecast else xs[-1]
    values = [v for rows in lines.values() for _x, _y, ci95 in rows for v in ci95]
    ends, levels = shares([*values, *(forecast["accuracy_ci95"] if forecast else ())])
    wide = max(breadth(called[name]) for name in lines)
    frame = Frame((xs[0] - 0.08, max(end, xs[0] + 0.3) + 0.05), ends, height=340, right=16 + wide)
    parts = [
        frame.axes(
            numbers(*frame.x),
            levels,
            _("labels per class (logarithmic)"),
            _("accuracy on held-out {many}", many=unit.many),
        ),
        _beyond(frame, document) if forecast else NOTHING,
    ]
    last = []
    for name, rows in lines.items():
        law = fitted(document, name)
        if law is not None:
            grid = np.linspace(xs[0], end, 60)
            inside = [(float(x), float(y)) for x, y in zip(grid, law(grid), strict=True)]
            parts.append(frame.line([p for p in inside if ends[0] <= p[1] <= ends[1]],
                                    f"law {_kind(name)}"))  # fmt: skip
        parts += [_whisker(frame, x, ci95, name) for x, _y, ci95 in rows]
        parts.append(frame.line([(x, y) for x, y, _ci95 in rows], f"line {_kind(name)}"))
        parts += [_reading(frame, x, y, name, called[name]) for x, y, _ci95 in rows]
        last.append(float(law(np.array([end]))[0]) if law else rows[-1][1])
    tall = (frame.top + 8, frame.height - frame.bottom - 6)
    heights = [frame.down(min(max(y, ends[0]), ends[1])) for y in last]
    parts += [
        tag("text", called[name], x=frame.across(end) + 12, y=place, dy="0.35em",
            class_=f"end {_kind(name)}")
        for name, place in zip(lines, spread(heights, LABEL, *tall), strict=True)
    ]  # fmt: skip
    said = sentences(*(_readings(called[name], rows) for name, rows in lines.items()))
    return frame.drawing(said, *parts)


def _readings(called: str, rows: Sequence[tuple[float, float, Interval]]) -> str:
    """Say where a line goes through."""
    points = [
        _n(
            "{accuracy:.1%} with {n:,} label per class",
            "{accuracy:.1%} with {n:,} labels per class",
            round(10**x),
            accuracy=y,
        )
        for x, y, _ci95 in rows
    ]
    return _("Accuracy against labels, {line}: {points}.", line=called, points=commas(points))


def measured_lines(document: dict[str, Any]) -> dict[str, list[tuple[float, float, Interval]]]:
    """List log10 labels per class, accuracy and interval, with and without transfer."""
    found = {
        key: [
            (math.log10(p["per_class"]), float(p[key]), p[f"{key}_ci95"])
            for p in document["points"]
            if p[key] is not None
        ]
        for key in (TRANSFER, BASELINE)
    }
    return {key: rows for key, rows in found.items() if rows}


def fitted(
    document: dict[str, Any], line: str
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]] | None:
    """Return accuracy as a function of log10 labels per class: 1 - (a n^-b + c)."""
    law = (document["fit"] or {}).get(line)
    if not law:
        return None
    a, b, c = (float(law[k]) for k in "abc")
    return lambda x: 1 - (a * 10 ** (-b * x) + c)


def band_beyond(
    document: dict[str, Any], steps: int = 12
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Widen the interval of the last measurement into that of the forecast, around the law.

    Returns
    -------
    x, low, high : ndarray of shape (steps,)
        log10 labels per class, from the last measured to the forecast, and the ends of the band.
        Only its two ends are intervals that were worked out; between them it is drawn.
    """
    last, forecast = document["points"][-1], document["forecast"]
    x = np.linspace(math.log10(last["per_class"]), math.log10(forecast["per_class"]), steps)
    law = fitted(document, TRANSFER)
    ends = np.array([last["transfer"], forecast["accuracy"]], float)
    middle = np.interp(x, x[[0, -1]], ends) if law is None else law(x)
    share = np.linspace(0, 1, steps)
    edges = [
        middle + (1 - share) * (last["transfer_ci95"][k] - middle[0])
        + share * (forecast["accuracy_ci95"][k] - middle[-1])
        for k in (0, 1)
    ]  # fmt: skip
    return x, np.clip(edges[0], 0, 1), np.clip(edges[1], 0, 1)


def _beyond(frame: Frame, document: dict[str, Any]) -> Markup:
    """Draw the band of the forecast, and its end as a point."""
    forecast = document["forecast"]
    x, low, high = (v.tolist() for v in band_beyond(document))
    title = _n(
        "forecast, {n:,} label per class: {accuracy:.1%}",
        "forecast, {n:,} labels per class: {accuracy:.1%}",
        round(forecast["per_class"]),
        accuracy=forecast["accuracy"],
    )
    return Markup("").join(
        [
            frame.band(x, low, high),
            frame.error(x[-1], low[-1], high[-1]),
            frame.dot(x[-1], forecast["accuracy"], title, "dot behind", 5),
        ]
    )


def _reading(frame: Frame, x: float, y: float, name: str, called: str) -> Markup:
    """Mark a point: a disc with transfer, a square without, so that colour is not needed."""
    title = _n(
        "{n:,} label per class, {line}: {accuracy:.1%}",
        "{n:,} labels per class, {line}: {accuracy:.1%}",
        round(10**x),
        line=called,
        accuracy=y,
    )
    if name == TRANSFER:
        return frame.dot(x, y, title)
    across, down, r = frame.across(x), frame.down(y), 4
    return tag("rect", tag("title", title), x=across - r, y=down - r, width=2 * r, height=2 * r,
               class_="dot validation")  # fmt: skip


def _whisker(frame: Frame, x: float, ci95: Sequence[float], name: str) -> Markup:
    at = frame.across(x)
    return tag("line", x1=at, x2=at, y1=frame.down(ci95[0]), y2=frame.down(ci95[1]),
               class_=f"whisker {_kind(name)}")  # fmt: skip


def _kind(name: str) -> str:
    """CSS class of a line: the same two colours as training and validation."""
    return "training" if name == TRANSFER else "validation"


def _layer(frame: Frame, layer: dict[str, Any]) -> Markup:
    values = {name: layer[name] for name in ("name", "depth", "accuracy")}
    if layer["tie"]:
        title = _("{name}, depth {depth:.0%}: {accuracy:.1%} (tie with the best)", **values)
    else:
        title = _("{name}, depth {depth:.0%}: {accuracy:.1%}", **values)
    kind = "dot" if layer["tie"] else "dot behind"
    return frame.dot(float(layer["depth"]), float(layer["accuracy"]), title, kind, 5)


def _name_of_best(frame: Frame, found: Sequence[dict[str, Any]]) -> Markup:
    """Mark the best layer; its name stands in the corner that the line leaves free."""
    best = max(found, key=lambda r: float(r["accuracy"]))
    title, said = (
        _("best: {name}, {accuracy:.1%}", name=name, accuracy=best["accuracy"])
        for name in (best["name"], shortened(best["name"]))
    )
    return frame.dot(float(best["depth"]), float(best["accuracy"]), title, "dot chosen", 8) + tag(
        "text", said, x=frame.width - frame.right - 4, y=_corner(frame, found), text_anchor="end",
        class_="label chosen")  # fmt: skip


def _corner(frame: Frame, found: Sequence[dict[str, Any]]) -> float:
    """Height of the corner on the right that the line leaves free."""
    high = float(found[-1]["accuracy"]) > sum(frame.y) / 2
    return frame.height - frame.bottom - 9 if high else frame.top + 16


def _combination(frame: Frame, combined: dict[str, Any], corner: float) -> Markup:
    """Draw the accuracy of all layers together as a level, its interval as a band.

    The words stand above the level, or below it where the title or the name in the corner is near.
    """
    low, high = combined["accuracy_ci95"]
    level, (left, right) = float(combined["accuracy"]), frame.x
    tries = [frame.down(level) + away for away in (-7, 20, -7 - LABEL, 20 + LABEL)]
    place = next(y for y in tries if y > frame.top + 8 and abs(y - corner) > LABEL)
    return Markup("").join(
        [
            frame.band([left, right], [low, low], [high, high], "band validation"),
            frame.line([(left, level), (right, level)], "line validation"),
            tag("text", _together(combined), x=frame.across(left) + 4,
                y=place, class_="label end validation"),
        ]
    )  # fmt: skip


def _together(combined: dict[str, Any]) -> str:
    return _("all layers together {accuracy:.1%}", accuracy=combined["accuracy"])
