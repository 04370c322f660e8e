"""The charts of an adaptation: both domains on one map, and the shares of a class in each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from headstart.modalities import Unit
from headstart.report.adaptation_facts import ClassShare
from headstart.report.charts import PALETTE
from headstart.report.svg import tag
from headstart.said import N_, _, commas

WIDTH, HEIGHT, MARGIN = 640, 440, 14
DOMAINS = {
    "source": N_("source {many} labelled {name} ({n} here)"),
    "target": N_("target {many} called {name} ({n} here)"),
}
"""What is drawn, and how the points of a class are said."""


def domains(points: dict[str, Any] | None, classes: Sequence[str], unit: Unit) -> Markup:
    """Draw both domains on one map: examples of the source as discs, of the target as triangles.

    One path per domain and class, with its name as title, so that over a thousand points stay
    small; colours come from the style of the page, by domain or by class.

    Parameters
    ----------
    points : dict or None
        ``source`` and ``target``: rows (x, y, class); the target's classes are answers.
    classes : sequence of str
        Names, by index.
    unit : Unit

    Returns
    -------
    Markup
        Empty where there are no points.
    """
    found = {name: list((points or {}).get(name) or []) for name in DOMAINS}
    if not any(found.values()):
        return Markup("")
    far = [max(1, *(row[axis] for rows in found.values() for row in rows)) for axis in (0, 1)]
    layers = [_layer(name, found[name], far, classes, unit) for name in DOMAINS]
    return tag(
        "svg",
        *layers,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_="domains",
        role="img",
        aria_label=_(
            "Map of {source} source {many} and {target} target {many}: what the network sees as "
            "alike lies close together.",
            source=len(found["source"]),
            target=len(found["target"]),
            many=unit.many,
        ),
    )


def widest(rows: Sequence[ClassShare]) -> float:
    """Return the largest share among all, the ends of intervals too; 1 where there is none."""
    found = [
        v
        for row in rows
        for v in (row.source, row.target, row.answers, *(row.target_ci95 or ()))
        if v is not None
    ]
    return max(found, default=1.0) or 1.0


def shares(row: ClassShare, most: float) -> Markup:
    """Draw the share of a class in the source above that in the target, with its interval.

    Parameters
    ----------
    row : ClassShare
    most : float
        The share that takes the whole width.
    """

    def wide(share: float) -> str:
        return f"{100 * min(max(share / most, 0), 1):.2f}%"

    parts = [tag("rect", class_="track", width="100%", height=26, rx=4)]
    if row.source is not None:
        parts.append(tag("rect", class_="fill of-source", width=wide(row.source), height=12, rx=3))
    now = row.answers if row.target is None else row.target
    if now is not None:
        where = {"y": 14, "height": 12} if row.source is not None else {"y": 0, "height": 26}
        parts.append(tag("rect", class_="fill of-target", width=wide(now), rx=3, **where))
    if row.target_ci95:
        low, high = (wide(v) for v in row.target_ci95)
        ends = [(low, high, 20, 20), (low, low, 16, 24), (high, high, 16, 24)]
        parts += [tag("line", class_="whisker", x1=x1, x2=x2, y1=y1, y2=y2)
                  for x1, x2, y1, y2 in ends]  # fmt: skip
    return tag("svg", *parts, class_="bar pair", width="100%", height=26, role="img",
               aria_label=_said(row))  # fmt: skip


def _layer(
    name: str,
    rows: Sequence[Sequence[int]],
    far: Sequence[int],
    classes: Sequence[str],
    unit: Unit,
) -> Markup:
    """Draw one domain; points run from 0 to ``far`` along either axis."""
    by_class: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
    for x, y, c in rows:
        by_class[int(c)].append(
            (
                MARGIN + x / far[0] * (WIDTH - 2 * MARGIN),
                MARGIN + y / far[1] * (HEIGHT - 2 * MARGIN),
            )
        )
    marks = [
        tag(
            "path",
            tag("title", _(DOMAINS[name], many=unit.many, name=classes[c], n=len(places))),
            d="".join(_mark(name, x, y) for x, y in places),
            class_=f"c{c % len(PALETTE)}",
        )
        for c, places in sorted(by_class.items())
    ]
    return tag("g", *marks, class_=name)


def _mark(name: str, x: float, y: float) -> str:
    """Draw a line without length, whose round ends make a disc; or a triangle."""
    return f"M{x:.0f} {y:.0f}h0" if name == "source" else f"M{x - 4:.0f} {y + 3:.0f}l4-8 4 8z"


def _said(row: ClassShare) -> str:
    said = [] if row.source is None else [_("source {share:.1%}", share=row.source)]
    if row.target is not None:
        said.append(_("target {share:.1%}", share=row.target))
    elif row.answers is not None:
        said.append(_("answers on the target {share:.1%}", share=row.answers))
    if row.target_ci95:
        low, high = row.target_ci95
        said.append(_("95 % interval {low:.1%} to {high:.1%}", low=low, high=high))
    return _("{name}: {shares}", name=row.name, shares=commas(said))
