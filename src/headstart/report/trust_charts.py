"""The chart of withheld answers: errors among the answered against the share answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from headstart.modalities import Unit
from headstart.notation import percent
from headstart.report.svg import LABEL, Frame, tag, ticks
from headstart.said import _


def risk(curve: Sequence[dict[str, float]], held: dict[str, Any], unit: Unit) -> Markup:
    """Draw the risk-coverage curve (El-Yaniv & Wiener 2010), the chosen threshold marked.

    Parameters
    ----------
    curve : sequence of dict
        ``coverage`` and ``error``, the smallest coverage first.
    held : dict
        ``wanted_error``, ``threshold``, ``coverage``, ``error`` and their intervals; all None
        where no limit was asked for.
    """
    wanted = held["wanted_error"]
    chosen = held["threshold"] is not None and held["error"] is not None
    errors = [float(p["error"]) for p in curve] + [wanted or 0.0]
    if chosen:
        errors += [float(v) for v in held["error_ci95"]]
    top = 1.1 * (max(errors) or 0.05)
    frame = Frame((0, 1.02), (0, top), left=80)
    parts = [
        frame.axes(
            [(v, percent(v, 0)) for v in ticks(0, 1, 4)],
            [(v, f"{100 * v:g}%") for v in ticks(0, top, 5)],
            _("share of {many} answered, the surest first", many=unit.many),
            _("wrong among the answered"),
        )
    ]
    if wanted is not None:
        parts.append(frame.line([(0, wanted), (1.02, wanted)], "ideal"))
        taken = frame.below(float(held["error"])) if chosen else 0.0
        tries = [frame.down(wanted) + away for away in (-6, 19, -6 - LABEL, -6 - 2 * LABEL)]
        inside = [y for y in tries if y < frame.height - frame.bottom]
        place = next(y for y in inside if abs(y - taken) > LABEL)
        parts.append(tag("text", _("asked for: {share:.1%}", share=wanted), x=frame.left + 4,
                         y=place, class_="label"))  # fmt: skip
    parts.append(frame.line([(float(p["coverage"]), float(p["error"])) for p in curve]))
    if chosen:
        parts.append(_threshold(frame, held))
    first, last = curve[0], curve[-1]
    said = _(
        "Errors against answers: {share:.0%} answered, {error:.1%} wrong; {most:.0%} answered, "
        "{error_of_most:.1%} wrong.",
        share=first["coverage"],
        error=first["error"],
        most=last["coverage"],
        error_of_most=last["error"],
    )
    return frame.drawing(said, *parts)


def _threshold(frame: Frame, held: dict[str, Any]) -> Markup:
    """Mark the threshold with the intervals of both its figures."""
    x, y = float(held["coverage"]), float(held["error"])
    low, high = (frame.across(v) for v in held["coverage_ci95"])
    level = frame.down(y)
    return Markup("").join(
        [
            tag("line", x1=low, x2=high, y1=level, y2=level, class_="whisker"),
            frame.error(x, *held["error_ci95"]),
            frame.marked(
                x,
                y,
                _("{share:.1%} answered, {error:.1%} of those wrong", share=x, error=y),
                _("threshold {confidence:.0%}", confidence=held["threshold"]),
            ),
        ]
    )
