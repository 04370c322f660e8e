"""The charts of a run that translates as files, for slides and papers: PNG and SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from headstart.report.plates import INK, OTHER, OWN, RIVAL, RULE, errors, plain, plate
from headstart.report.translation_words import short
from headstart.said import _

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(found: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Draw what the run has numbers for, as ``(file name, content)``: each once PNG, once SVG."""
    rows = found["scores"]
    yield from plate("systems", [partial(_systems, rows=rows)], (7.2, 1.2 + 0.45 * len(rows)))
    curves = [one for one in found["curves"] if len(one["points"]) > 1]
    if curves:
        yield from plate("training", [partial(_curves, curves=curves)], (6.4, 4))


def _systems(axes: Axes, rows: Sequence[dict[str, Any]]) -> None:
    rows = rows[::-1]
    values = [100 * float(row["chrf"]) for row in rows]
    doubt = errors(values, [(100 * row["chrf_ci95"][0], 100 * row["chrf_ci95"][1]) for row in rows])
    colours = [OWN if row["name"] == "trained" else RIVAL for row in rows]
    places = range(len(rows))
    axes.barh(places, values, xerr=doubt, color=colours, ecolor=INK, capsize=3, height=0.62)
    axes.set_yticks(places, [plain(short(row["name"]), 48) for row in rows])
    axes.set_xlim(0, 100)
    axes.set_xlabel(_("chrF, 95 % intervals"))


def _curves(axes: Axes, curves: Sequence[dict[str, Any]]) -> None:
    for curve, colour, mark in zip(curves, (OWN, OTHER), ("o-", "s--"), strict=False):
        steps = [point["epoch"] for point in curve["points"]]
        chrf = [100 * point["chrf"] for point in curve["points"]]
        axes.plot(steps, chrf, mark, color=colour, label=plain(short(curve["name"]), 48))
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_xlabel(_("epoch"))
    axes.set_ylabel(_("chrF of the validation part"))
    axes.legend(frameon=False, fontsize=8)
