"""The charts of a run that translates: chrF by epoch, of each network that was trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from headstart.report.svg import LABEL, NUMBERS, Frame, breadth, spread, tag, ticks
from headstart.report.translation_words import short
from headstart.said import _, number, sentences

KINDS = ("training", "validation")
"""CSS classes of the lines: the two colours that tell them apart."""


def by_epoch(curves: Sequence[dict[str, Any]], value: str) -> Markup:
    """Draw chrF of the validation part, or the loss, by epoch; "" for single epochs.

    Parameters
    ----------
    curves : sequence of dict
        As in metrics.json, two at most.
    value : {"chrf", "loss"}
    """
    lines = [
        (short(curve["name"]), [(p["epoch"], _shown(p[value], value)) for p in curve["points"]
                                if p[value] is not None], curve["kept"])
        for curve in curves[: len(KINDS)]
    ]  # fmt: skip
    lines = [line for line in lines if len(line[1]) > 1]
    if not lines:
        return Markup("")
    longest = max(int(x) for _name, line, _kept in lines for x, _y in line)
    top = max(y for _name, line, _kept in lines for _x, y in line) or 1.0
    levels = ticks(0, 1.05 * top, 5)
    wide = max(breadth(name) for name, _line, _kept in lines)
    frame = Frame((1, longest), (0, 1.05 * top), left=NUMBERS, right=20 + wide)
    title = _("chrF of the validation part") if value == "chrf" else _("loss, lower is better")
    parts = [
        frame.axes(
            [(t, f"{t:.0f}") for t in ticks(1, longest, 6) if t == int(t)],
            [(v, number(v, "g")) for v in levels],
            _("epoch"),
            title,
        )
    ]
    tall = (frame.top + 8, frame.height - frame.bottom - 6)
    places = spread([frame.down(line[-1][1]) for _name, line, _kept in lines], LABEL, *tall)
    said = []
    for (name, line, kept), kind, place in zip(lines, KINDS, places, strict=False):
        parts.append(frame.line(line, f"line {kind}"))
        parts += [
            _mark(frame, x, y, kind, _("{line}, epoch {epoch}: {value}", line=name, epoch=x,
                                       value=number(y, ".2f")), x == kept)
            for x, y in line
        ]  # fmt: skip
        parts.append(tag("text", name, x=frame.across(line[-1][0]) + 12, y=place, dy="0.35em",
                         class_=f"end {kind}"))  # fmt: skip
        said.append(
            _("{line}: {first} in epoch {start}, {last} in epoch {end}.", line=name,
              first=number(line[0][1], ".2f"), start=line[0][0],
              last=number(line[-1][1], ".2f"), end=line[-1][0])
        )  # fmt: skip
    return frame.drawing(sentences(*said), *parts)


def _shown(value: float | None, kind: str) -> float:
    return 100 * float(value or 0) if kind == "chrf" else float(value or 0)


def _mark(frame: Frame, x: float, y: float, kind: str, title: str, kept: bool) -> Markup:
    """Mark a point: a disc, of the second line a square; larger where the weights were kept."""
    r = 6.0 if kept else 3.0
    if kind == KINDS[0]:
        return frame.dot(x, y, title, r=r)
    across, down = frame.across(x) - r, frame.down(y) - r
    return tag("rect", tag("title", title), x=across, y=down, width=2 * r, height=2 * r,
               class_=f"dot {kind}")  # fmt: skip
