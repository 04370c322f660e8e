"""The chart of a run that recommends: new users, by how many choices of their own they have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from headstart.report.scales import shares
from headstart.report.svg import LABEL, Frame, breadth, spread, tag
from headstart.said import _, _n, commas, number, sentences

SIDES = {"with": "training", "without": "validation"}
"""The two lines, and their CSS classes: the two colours of training and validation."""


def sides() -> dict[str, str]:
    """Name the two lines."""
    return {"with": _("with the source"), "without": _("without")}


def new_users(curve: Sequence[dict[str, Any]], at: int) -> Markup:
    """Draw recall among the first ``at`` with and without the source.

    Parameters
    ----------
    curve : sequence of dict
        Its rows have ``k``, ``n``, ``with`` and ``without``, by rising ``k``; at least one.
    """
    ends, levels = shares([float(row[side]) for row in curve for side in SIDES])
    called, far = sides(), max(1, int(curve[-1]["k"]))
    wide = max(breadth(name) for name in called.values())
    frame = Frame((-0.03 * far, 1.02 * far), ends, height=340, right=16 + wide)
    parts = [
        frame.axes(
            [(float(row["k"]), number(row["k"], "d")) for row in curve],
            levels,
            _("choices of their own in the shop"),
            _("Recall@{at}", at=at),
        )
    ]
    for side, kind in SIDES.items():
        parts.append(frame.line([(row["k"], row[side]) for row in curve], f"line {kind}"))
        parts += [_mark(frame, row, side) for row in curve]
    tall = (frame.top + 8, frame.height - frame.bottom - 6)
    places = spread([frame.down(float(curve[-1][side])) for side in SIDES], LABEL, *tall)
    parts += [
        tag("text", called[side], x=frame.across(curve[-1]["k"]) + 12, y=place, dy="0.35em",
            class_=f"end {kind}")
        for (side, kind), place in zip(SIDES.items(), places, strict=True)
    ]  # fmt: skip
    said = [
        _("Recall@{at}, {line}: {points}.", at=at, line=called[side],
          points=commas(_point(row, side) for row in curve))
        for side in SIDES
    ]  # fmt: skip
    return frame.drawing(sentences(*said), *parts)


def _point(row: dict[str, Any], side: str) -> str:
    return _n(
        "{share:.1%} with {n} choice",
        "{share:.1%} with {n} choices",
        row["k"],
        share=row[side],
    )


def _mark(frame: Frame, row: dict[str, Any], side: str) -> Markup:
    """Mark a point: a disc with the source, a square without, so that colour is not needed."""
    title = _("{line}: {point}", line=sides()[side], point=_point(row, side))
    if side == "with":
        return frame.dot(row["k"], row[side], title)
    r = 4
    across, down = frame.across(row["k"]) - r, frame.down(row[side]) - r
    return tag("rect", tag("title", title), x=across, y=down, width=2 * r, height=2 * r,
               class_="dot validation")  # fmt: skip
