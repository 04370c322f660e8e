"""The chart of a run that knows who is who: both errors by threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from headstart.notation import percent
from headstart.report.svg import Frame, tag, ticks
from headstart.said import _, number, sentences


def errors(curve: Sequence[dict[str, Any]], threshold: float) -> Markup:
    """Draw the shares of false accepts and false rejects, and where the threshold stands.

    Parameters
    ----------
    curve : sequence of dict
        ``threshold``, ``false_accepts``, ``false_rejects``, by rising threshold; two at least.
    threshold : float, -1 to 1
        From which on two examples count as one.
    """
    low, high = curve[0]["threshold"], curve[-1]["threshold"]
    frame = Frame((low, high), (0, 1), height=340)
    accepts = [(row["threshold"], row["false_accepts"]) for row in curve]
    rejects = [(row["threshold"], row["false_rejects"]) for row in curve]
    levels = [(v, percent(v, 0)) for v in (0, 0.25, 0.5, 0.75, 1)]
    at = frame.across(min(max(threshold, low), high))
    parts = [
        frame.axes(
            [(v, number(v, ".2g")) for v in ticks(low, high, 5)],
            levels,
            _("similarity from which on two count as the same"),
            _("share of pairs"),
        ),
        frame.line(rejects, "line training"),
        frame.line(accepts, "line validation"),
        tag("line", class_="ideal", x1=at, x2=at, y1=frame.top, y2=frame.height - frame.bottom),
    ]
    said = sentences(
        _("Errors by the similarity from which on two examples count as the same."),
        _("The threshold of this run is {threshold:.2f}.", threshold=threshold),
    )
    return frame.drawing(said, *parts)
