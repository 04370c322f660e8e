"""A chart of named points: accuracy against a cost, every point with its name beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from headstart.judge.intervals import Interval
from headstart.notation import percent
from headstart.report.scales import shares
from headstart.report.svg import LABEL, Frame, breadth, tag, ticks

LONGEST = 26
AIR = 0.35
"""Room left and right of the points, in powers of ten."""
AWAY = 14
"""Between a point and its name."""

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
        return shortened(self.name) + self.mark


def shortened(name: str) -> str:
    """Cut a long name, so that it can stand in a drawing.

    Examples
    --------
    >>> shortened("vit_small_patch14_dinov2.lvd142m")
    'vit_small_patch14_dinov2.…'
    """
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


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
        frame.axes(x_ticks(*x), [(v, percent(v, 0)) for v in ticks(*y, 5)], x_title, y_title),
        *(frame.error(spot.x, *spot.ci95) for spot in spots if spot.ci95),
        *(_dot(frame, spot) for spot in spots),
        *(
            _name(frame, spot, box)
            for spot, box in zip(spots, places(frame, spots), strict=True)
            if box
        ),
    )


def places(frame: Frame, spots: Sequence[Spot]) -> list[Box | None]:
    """Find room for the name of every point, off all points and off the names before it.

    Tried beside the point first, then higher and lower in steps of a line. The one that was
    picked comes first, then the best; a name that finds no room is left out (None): the point has
    it as its title, and the table beside a chart names all.
    """
    taken, named = [_around(frame, spot) for spot in spots], list[Box]()
    found: dict[int, Box | None] = {}
    for i in sorted(range(len(spots)), key=lambda i: (not spots[i].mark, -spots[i].y)):
        inside = [box for box in _tries(frame, spots[i]) if _fits(frame, box)]
        apart = [box for box in inside if not any(_touch(box, other) for other in named)]
        free = [box for box in apart if not any(_touch(box, other) for other in taken)]
        found[i] = next(iter(free or (apart if spots[i].mark else [])), None)
        named += filter(None, [found[i]])
    return [found[i] for i in range(len(spots))]


def _tries(frame: Frame, spot: Spot) -> list[Box]:
    """List where a name may stand, the nearest first; on the side with more room first.

    Above and below the point it may also stand across, moved as far as the drawing asks for.
    """
    across, down, wide = frame.across(spot.x), frame.down(spot.y), breadth(spot.word)
    right = (across + AWAY, across + AWAY + wide)
    left = (across - AWAY - wide, across - AWAY)
    sides = [left, right] if spot.x > sum(frame.x) / 2 else [right, left]
    start = min(max(across - wide / 2, frame.left), frame.width - wide - 2)
    found = list[Box]()
    for k in sorted(range(-12, 13), key=lambda k: (abs(k), -k)):
        y = down + k * LABEL
        found += [(*ends, y - LABEL / 2, y + LABEL / 2)
                  for ends in (*sides, *([(start, start + wide)] if k else []))]  # fmt: skip
    return found


def _around(frame: Frame, spot: Spot) -> Box:
    across, down, r = frame.across(spot.x), frame.down(spot.y), _size(spot)
    return across - r, across + r, down - r, down + r


def _fits(frame: Frame, box: Box) -> bool:
    left, right, top, bottom = box
    floor = frame.height - frame.bottom
    return (
        left >= frame.left - 4
        and right <= frame.width
        and top >= frame.top - 12
        and bottom <= floor
    )


def _touch(one: Box, other: Box) -> bool:
    beside = one[0] >= other[1] or other[0] >= one[1]
    above = one[2] >= other[3] or other[2] >= one[3]
    return not (beside or above)


def _size(spot: Spot) -> float:
    return 8.0 if spot.mark else 5.0


def _dot(frame: Frame, spot: Spot) -> Markup:
    kind = "dot chosen" if spot.mark else "dot behind" if spot.behind else "dot"
    return frame.dot(spot.x, spot.y, spot.title, kind, _size(spot))


def _name(frame: Frame, spot: Spot, box: Box) -> Markup:
    """Write the name of a point, joined to it by a line where they are apart."""
    across, down = frame.across(spot.x), frame.down(spot.y)
    left, right, place = box[0], box[1], (box[2] + box[3]) / 2
    if left > across:
        at, anchor, end = left, "start", left - 0.2 * AWAY
    elif right < across:
        at, anchor, end = right, "end", right + 0.2 * AWAY
    else:
        at, anchor, end = (left + right) / 2, "middle", across
    name = tag("text", spot.word, x=at, y=place, dy="0.35em", text_anchor=anchor,
               class_="label chosen" if spot.mark else "label")  # fmt: skip
    if abs(place - down) <= LABEL / 2:
        return name
    return tag("line", x1=across, y1=down, x2=end, y2=place, class_="leader") + name
