"""The charts of an adaptation as files: the map, the class shares, the candidates."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from headstart.adaptation.names import called
from headstart.modalities import Unit
from headstart.report.adaptation_facts import Adaptation, Row
from headstart.report.plates import OTHER, OWN, RIVAL, RULE, errors, percent, plain, plate
from headstart.said import N_, _

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST = 30
"""Classes in the figure of shares, those that changed most."""


def draw_adaptation(a: Adaptation, unit: Unit) -> Iterator[tuple[str, bytes]]:
    """Draw what there are numbers for, as ``(file name, content)``: each once PNG, once SVG."""
    tall = len(_scored(a))
    wide = min(len([row for row in a.shares if row.source is not None]), LONGEST)
    points = a.shift["map"] or {}
    plans = [
        ("adaptation_domains", _domains, (7.2, 5.2), bool(points.get("source"))),
        ("adaptation_shares", _shares, (6.4, 1.4 + 0.36 * wide), wide > 0),
        ("adaptation_candidates", _candidates, (6.8, 1.4 + 0.3 * tall), tall > 0),
    ]
    for name, paint, size, there in plans:
        if there:
            yield from plate(name, [partial(paint, a=a, unit=unit)], size)


def _domains(axes: Axes, a: Adaptation, unit: Unit) -> None:
    """Draw both domains, told apart by colour and shape."""
    for key, domain, said, colour, mark in (
        ("source", a.source, N_("source: {name}"), OWN, "o"),
        ("target", a.target, N_("target: {name}"), OTHER, "^"),
    ):
        rows = np.asarray(a.shift["map"].get(key) or np.empty((0, 3)), float)
        axes.scatter(rows[:, 0], rows[:, 1], s=18, color=colour, marker=mark, alpha=0.75,
                     linewidth=0, label=_(said, name=plain(str(domain["name"]), 32)))  # fmt: skip
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_xlabel(_("alike to the network = close together"))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.09), ncols=2, frameon=False, fontsize=9)


def _shares(axes: Axes, a: Adaptation, unit: Unit) -> None:
    """Draw the share of each class in the source and, as estimated, in the target."""
    rows = [row for row in a.shares if row.source is not None][:LONGEST][::-1]
    places = np.arange(len(rows))
    now = [row.answers if row.target is None else row.target for row in rows]
    values = [v if v is not None else 0.0 for v in now]
    ci95 = [row.target_ci95 or (v, v) for row, v in zip(rows, values, strict=True)]
    axes.barh(places + 0.2, [row.source or 0.0 for row in rows], height=0.36, color=RIVAL,
              label=_("source"))  # fmt: skip
    axes.barh(places - 0.2, values, xerr=errors(values, ci95), height=0.36, color=OTHER, capsize=2,
              label=_("target, estimated without labels"))  # fmt: skip
    axes.set_yticks(places, [plain(row.name) for row in rows])
    axes.xaxis.set_major_formatter(percent)
    axes.set_xlim(left=0)
    axes.set_xlabel(_("share of the {many}, 95 % intervals", many=unit.many))
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=2, frameon=False, fontsize=8)


def _candidates(axes: Axes, a: Adaptation, unit: Unit) -> None:
    """Draw the accuracy of each candidate on the source and, with labels, on the target."""
    rows = _scored(a)[::-1]
    places = np.arange(len(rows))
    for key, said, colour, mark, up in (
        ("source_accuracy", N_("held-out source {many}"), OWN, "o", 0.12),
        ("target_accuracy", N_("target {many} (decided nothing)"), OTHER, "^", -0.12),
    ):
        known = [(p, c) for p, c in zip(places, rows, strict=True) if c[key] is not None]
        if not known:
            continue
        values = [c[key] for _place, c in known]
        ci95 = [c[f"{key}_ci95"] or (c[key], c[key]) for _place, c in known]
        where = [p + up for p, _row in known]
        axes.errorbar(values, where, xerr=errors(values, ci95), fmt=mark, color=colour, capsize=2,
                      label=_(said, many=unit.many))  # fmt: skip
    axes.set_yticks(places, [_called(a, c) for c in rows])
    for tick, c in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_fontweight("bold" if c["name"] == a.own["name"] else "normal")
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.xaxis.set_major_formatter(percent)
    axes.set_xlabel(_("accuracy, 95 % intervals"))
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=2, frameon=False, fontsize=8)


def _scored(a: Adaptation) -> list[Row]:
    """List the candidates with an accuracy on either domain."""
    keys = ("source_accuracy", "target_accuracy")
    return [c for c in a.candidates if any(c[key] is not None for key in keys)]


def _called(a: Adaptation, candidate: dict[str, object]) -> str:
    name = plain(called(str(candidate["name"])), 30)
    if candidate["name"] == a.own["name"]:
        if a.labelled:
            return _("{name} (chosen without labels)", name=name)
        return _("{name} (chosen)", name=name)
    return _("{name} (ruled out)", name=name) if candidate["guards"] else name
