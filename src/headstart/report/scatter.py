"""A chart of named points: accuracy against a cost, every point with its name beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from headstart.judge.intervals import Interval
from headstart.report.scales import shares
from headstart.report.svg import Frame, tag

LABEL = 21
"""Height of a line of text, in units of the drawing."""
LONGEST = 26
AIR = 0.35
"""Room left and right of the points, in powers of ten."""
AWAY = 14
"""Between a point and its name."""
LETTER = 9.0
"""Mean width of a letter where letters are largest, on a phone."""

Box = tuple[float, float, float, float]
"""Left, right, top, bottom."""


@dataclass(frozen=True)
class Spot:
    """A named point.

    Attributes
    ----------
    name : str
    x : float
        log10 of the cost.
    y : float
        A share, 0..1.
    ci95 : (float, float) or None
    title : str
        Shows when the point is pointed at.
    mark : str
        What is said behind the name of the one that was picked (", chosen"), or "".
    behind : bool
        Drawn hollow: clearly worse than the best.
    """

    name: str
    x: float
    y: float
    ci95: Interval | None
    title: str
    mark: str = ""
    behind: bool = False

    @property
    def word(self) -> str:
        """The name, shortened, and the mark."""
        short = self.name if len(self.name) <= LONGEST else self.name[: LONGEST - 1] + "…"
        return short + self.mark


def reach(spots: Sequence[Spot]) -> tuple[Interval, Interval]:
    """Choose the ends of both axes."""
    xs = [spot.x for spot in spots]
    ys = [v for spot in spots for v in (spot.y, *(spot.ci95 or ()))]
    return (min(xs) - AIR, max(xs) + AIR), shares(ys)[0]


def scatter(
    said: str,
    spots: Sequence[Spot],
    x_ticks: Callable[[float, float], list[tuple[float, str]]],
    x_title: str,
    y_title: str,
) -> Markup:
    """Draw named points with their intervals.

    Parameters
    ----------
    said : str
        Describes the drawing to who cannot see it.
    spots : sequence of Spot, at least one
    x_ticks : callable
        Chooses the ticks between two ends of the axis of log10.
    x_title, y_title : str
    """
    x, y = reach(spots)
    frame = Frame(x, y, height=340)
    return frame.drawing(
        said,
        frame.axes(x_ticks(*x), shares(y)[1], x_title, y_title),
        *(frame.error(spot.x, *spot.ci95) for spot in spots if spot.ci95),
        *(_spot(frame, spot, box) for spot, box in zip(spots, places(frame, spots), strict=True)),
    )


def places(frame: Frame, spots: Sequence[Spot]) -> list[Box]:
    """Find room for the name of every point, off all points and off the names before it.

    Tried beside the point first, then higher and lower in steps of a line; where there is no
    room at all it stands beside the point.
    """
    taken = [_around(frame, spot) for spot in spots]
    found: dict[int, Box] = {}
    for i in sorted(range(len(spots)), key=lambda i: (not spots[i].mark, -spots[i].y)):
        tries = _tries(frame, spots[i])
        inside = [box for box in tries if _fits(frame, box)]
        free = [box for box in inside if not any(_touch(box, other) for other in taken)]
        found[i] = (free or inside or tries)[0]
        taken.append(found[i])
    return [found[i] for i in range(len(spots))]


def _tries(frame: Frame, spot: Spot) -> list[Box]:
    """List where a name may stand, the nearest first; on the side with more room first."""
    across, down, wide = frame.across(spot.x), frame.down(spot.y), LETTER * len(spot.word)
    right = (across + AWAY, across + AWAY + wide)
    left = (across - AWAY - wide, across - AWAY)
    sides = (left, right) if spot.x > sum(frame.x) / 2 else (right, left)
    steps = sorted(range(-12, 13), key=lambda k: (abs(k), -k))
    middles = [down + k * LABEL for k in steps]
    return [(*side, y - LABEL / 2, y + LABEL / 2) for y in middles for side in sides]


def _around(frame: Frame, spot: Spot) -> Box:
    across, down, r = frame.across(spot.x), frame.down(spot.y), _size(spot)
    return across - r, across + r, down - r, down + r


def _fits(frame: Frame, box: Box) -> bool:
    left, right, top, bottom = box
    floor = frame.height - frame.bottom
    return left >= 0 and right <= frame.width and top >= frame.top - 12 and bottom <= floor


def _touch(one: Box, other: Box) -> bool:
    beside = one[0] >= other[1] or other[0] >= one[1]
    above = one[2] >= other[3] or other[2] >= one[3]
    return not (beside or above)


def _size(spot: Spot) -> float:
    return 8.0 if spot.mark else 5.0


def _spot(frame: Frame, spot: Spot, box: Box) -> Markup:
    """Draw a point and its name, joined by a line where they are apart."""
    across, down = frame.across(spot.x), frame.down(spot.y)
    place, right = (box[2] + box[3]) / 2, box[0] > across
    away = AWAY if right else -AWAY
    kind = "dot chosen" if spot.mark else "dot behind" if spot.behind else "dot"
    parts = []
    if abs(place - down) > LABEL / 2:
        parts.append(tag("line", x1=across, y1=down, x2=across + 0.8 * away, y2=place,
                         class_="leader"))  # fmt: skip
    parts += [
        frame.dot(spot.x, spot.y, spot.title, kind, _size(spot)),
        tag("text", spot.word, x=across + away, y=place, dy="0.35em",
            text_anchor="start" if right else "end",
            class_="label chosen" if spot.mark else "label"),
    ]  # fmt: skip
    return Markup("").join(parts)
