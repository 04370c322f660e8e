"""The charts of studies as files, for slides and papers: PNG and SVG."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.modalities import DEFAULT, Unit, unit
from headstart.report.plates import OTHER, OWN, RULE, errors, percent, plain, plate, scatter
from headstart.report.scales import numbers
from headstart.report.study_charts import (
    TRANSFER,
    backbone_spots,
    band_beyond,
    fitted,
    measured_lines,
)
from headstart.report.study_words import sides
from headstart.said import _

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(document: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Draw the one chart of a study, as ``(file name, content)``: once PNG, once SVG."""
    name, paint, there = {
        "rank": ("ranking", ranking, bool(document.get("backbones"))),
        "layers": ("layers", layers, bool(document.get("layers"))),
        "curve": ("curve", labels, bool(document.get("points"))),
    }[document["study"]]
    called = unit(document.get("modality", DEFAULT))
    if there:
        yield from plate(name, [partial(paint, document=document, unit=called)], (6.4, 4.0))


def ranking(axes: Axes, document: dict[str, Any], unit: Unit) -> None:
    """Draw the accuracy of each backbone against its time."""
    spots = backbone_spots(document)
    if spots:
        scatter(axes, spots, numbers)
    axes.set_xlabel(_("seconds per {examples}, on a logarithmic scale", examples=unit.count(1000)))
    axes.set_ylabel(_("accuracy, 95 % interval (hollow: clearly behind)"))


def layers(axes: Axes, document: dict[str, Any], unit: Unit) -> None:
    """Draw the accuracy by depth, and the combination as a level."""
    found, combined = document["layers"], document["combined"]
    xs, ys = [r["depth"] for r in found], [r["accuracy"] for r in found]
    if combined:
        axes.axhspan(*combined["accuracy_ci95"], color=OTHER, alpha=0.12, linewidth=0)
        axes.axhline(combined["accuracy"], color=OTHER, linestyle="--",
                     label=_("all layers together"))  # fmt: skip
    axes.errorbar(xs, ys, yerr=errors(ys, [r["accuracy_ci95"] for r in found]), color=OWN,
                  marker="o", capsize=2, label=_("one layer"))  # fmt: skip
    best = max(found, key=lambda r: float(r["accuracy"]))
    axes.annotate(plain(_("best: {name}", name=best["name"]), 40),
                  (best["depth"], best["accuracy"]), (0, 10), textcoords="offset points",
                  fontsize=8, ha="right")  # fmt: skip
    axes.set_xlim(-0.02, 1.03)
    _share_right(axes, unit)
    axes.xaxis.set_major_formatter(percent)
    axes.set_xlabel(_("depth: share of the network's work done up to here"))
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def labels(axes: Axes, document: dict[str, Any], unit: Unit) -> None:
    """Draw accuracy against labels per class, and the fitted law beyond the data."""
    forecast, lines, called = document["forecast"], measured_lines(document), sides(document)
    if forecast:
        axes.fill_between(*band_beyond(document), color=OWN, alpha=0.16, linewidth=0)
    for name, rows in lines.items():
        colour, mark = (OWN, "o") if name == TRANSFER else (OTHER, "s")
        xs, ys, ci95 = zip(*rows, strict=True)
        axes.errorbar(xs, ys, yerr=errors(ys, ci95), color=colour, marker=mark, capsize=2,
                      label=called[name])  # fmt: skip
        law = fitted(document, name)
        if law:
            end = np.log10(forecast["per_class"]) if forecast else xs[-1]
            grid = np.linspace(xs[0], end, 60)
            axes.plot(grid, law(grid), "--", color=colour, linewidth=1)
    _share_right(axes, unit)
    marks = numbers(*axes.get_xlim())
    axes.set_xticks([x for x, _said in marks], [said for _x, said in marks])
    axes.set_xlabel(_("labels per class, on a logarithmic scale (dashed: the fitted law)"))
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _share_right(axes: Axes, unit: Unit) -> None:
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.yaxis.set_major_formatter(percent)
    axes.set_ylabel(_("accuracy on held-out {many}, 95 % interval", many=unit.many))
