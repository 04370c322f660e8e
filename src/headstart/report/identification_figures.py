"""The charts of a run that knows who is who as files, for slides and papers: PNG and SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from headstart.report.identification_words import rivals
from headstart.report.plates import INK, OTHER, OWN, RIVAL, RULE, errors, percent, plain, plate
from headstart.said import _

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(found: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Draw what the run has numbers for, as ``(file name, content)``: each once PNG, once SVG."""
    if rows := rivals(found):
        tall = 1.2 + 0.35 * len(rows)
        yield from plate("comparison", [partial(_compared, rows=rows)], (7.2, tall))
    curve = found["verification"]["curve"]
    if len(curve) > 1:
        threshold = found["thresholds"]["pair"]
        painter = partial(_errors, curve=curve, threshold=threshold)
        yield from plate("errors", [painter], (6.4, 4))


def _compared(axes: Axes, rows: Sequence[dict[str, Any]]) -> None:
    rows = rows[::-1]
    values = [float(row["rate"]) for row in rows]
    doubt = errors(values, [row["ci95"] for row in rows])
    colours = [OWN if row["own"] else RIVAL for row in rows]
    places = range(len(rows))
    axes.barh(places, values, xerr=doubt, color=colours, ecolor=INK, capsize=3, height=0.62)
    axes.set_yticks(places, [plain(row["name"], 48) for row in rows])
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(percent)
    axes.set_xlabel(_("recognised from one example each, 95 % intervals"))


def _errors(axes: Axes, curve: Sequence[dict[str, Any]], threshold: float) -> None:
    at = [row["threshold"] for row in curve]
    axes.plot(at, [row["false_rejects"] for row in curve], color=OWN, label=_("same, rejected"))
    axes.plot(
        at,
        [row["false_accepts"] for row in curve],
        "--",
        color=OTHER,
        label=_("different, accepted"),
    )
    axes.axvline(threshold, color=INK, linewidth=0.8)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.yaxis.set_major_formatter(percent)
    axes.set_xlabel(_("similarity from which on two count as the same"))
    axes.set_ylabel(_("share of pairs"))
    axes.legend(frameon=False, fontsize=8)
