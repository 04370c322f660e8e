"""The charts of a run as files, for slides and papers: PNG and SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.judge.intervals import wilson
from headstart.report import study_figures
from headstart.report.adaptation_figures import draw_adaptation
from headstart.report.charts import PALETTE
from headstart.report.curves import Epoch
from headstart.report.facts import Facts
from headstart.report.plates import (
    INK,
    OTHER,
    OWN,
    RIVAL,
    RULE,
    errors,
    percent,
    plain,
    plate,
    scatter,
)
from headstart.report.scales import moments
from headstart.report.training_charts import measured, method_spots
from headstart.report.words import named
from headstart.said import _

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(facts: Facts) -> Iterator[tuple[str, bytes]]:
    """Draw what the run has numbers for, as ``(file name, content)``: each once PNG, once SVG."""
    side = min(2.4 + 0.5 * len(facts.classes), 9)
    plans: list[tuple[str, list[Callable[..., None]], tuple[float, float]]] = [
        ("baselines", [_baselines], (7.2, 2.9)),
        ("reliability", [_reliability], (4.8, 4.4)),
    ]
    if facts.several:
        plans.insert(1, ("labels", [_labels], (6.4, min(1.4 + 0.3 * len(facts.classes), 12))))
    else:
        plans.insert(1, ("confusion", [_confusion], (side + 0.6, side)))
    if len(facts.metrics["learning_curve"]) > 1:
        plans.append(("learning_curve", [_learning_curve], (5.6, 3.8)))
    if facts.points:
        plans.append(("map", [_map], (7.2, 5.4)))
    if facts.curves:
        plans.append(("training", [_loss, _accuracy], (9.6, 3.6)))
    if measured(facts.candidates):
        plans.append(("methods", [_methods], (6.4, 4.0)))
    if facts.risk:
        plans.append(("abstention", [_abstention], (5.6, 3.8)))
    if facts.ranking:
        plans.append(("ranking", [_ranking], (6.4, 4.0)))
    for name, painters, size in plans:
        yield from plate(name, [partial(paint, facts=facts) for paint in painters], size)
    if facts.adaptation:
        yield from draw_adaptation(facts.adaptation, facts.unit)


def _baselines(axes: Axes, facts: Facts) -> None:
    name = _("pretrained network (this model)") if facts.card.learned else _("this model")
    own = {"name": name, **facts.metrics["estimate"]}
    rows = [own, *facts.rivals][::-1]
    values = [float(r["accuracy"]) for r in rows]
    doubt = errors(values, [r["accuracy_ci95"] for r in rows])
    colours = [OWN if r is own else RIVAL for r in rows]
    places = range(len(rows))
    axes.barh(places, values, xerr=doubt, color=colours, ecolor=INK, capsize=3, height=0.62)
    axes.set_yticks(places, [plain(named(r["name"]), 48) for r in rows])
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(percent)
    axes.set_xlabel(_("accuracy on held-out {many}, 95 % intervals", many=facts.unit.many))


def _confusion(axes: Axes, facts: Facts) -> None:
    table = facts.confusion
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    k = len(table)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    if k <= 20:
        for t, s in zip(*np.nonzero(table), strict=True):
            ink = "white" if shares[t, s] > 0.55 else INK
            axes.text(s, t, str(table[t, s]), ha="center", va="center", color=ink, fontsize=8)
    names = [plain(name) for name in facts.classes]
    size = min(10.0, 400 / k)
    axes.set_yticks(range(k), names, fontsize=size)
    axes.set_ylabel(_("true class"))
    if k <= 40:
        axes.set_xticks(range(k), names, fontsize=size, rotation=0 if k <= 3 else 90)
        axes.set_xlabel(_("answer"))
    else:  # a hundred upright names more would be nothing but slow
        axes.set_xticks([])
        axes.set_xlabel(_("answer, in the same order"))


def _labels(axes: Axes, facts: Facts) -> None:
    """Draw F1 of every label with its interval, the weakest at the top; at most forty."""
    rows = [row for row in facts.label_rows if row["f1"] is not None][:40][::-1]
    values = [float(row["f1"]) for row in rows]
    doubt = errors(values, [row["f1_ci95"] or (v, v) for row, v in zip(rows, values, strict=True)])
    places = range(len(rows))
    axes.barh(places, values, xerr=doubt, color=OWN, ecolor=INK, capsize=2, height=0.62)
    axes.set_yticks(places, [plain(row["name"], 32) for row in rows])
    axes.set_xlim(0, 1)
    axes.set_xlabel(_("F1 on held-out {many}, 95 % intervals", many=facts.unit.many))


def _reliability(axes: Axes, facts: Facts) -> None:
    bins = facts.reliability
    stated = [b["confidence"] for b in bins]
    right = [b["accuracy"] for b in bins]
    ci95 = [wilson(b["accuracy"] * b["count"], int(b["count"])) for b in bins]
    axes.plot([0, 1], [0, 1], "--", color=RIVAL, linewidth=1)
    axes.errorbar(stated, right, yerr=errors(right, ci95), color=OWN, marker="o", capsize=2)
    for b in bins:
        axes.annotate(str(int(b["count"])), (b["confidence"], b["accuracy"]), (6, -11),
                      textcoords="offset points", fontsize=8, color=INK)  # fmt: skip
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.xaxis.set_major_formatter(percent)
    axes.yaxis.set_major_formatter(percent)
    axes.set_xlabel(_("stated confidence (small numbers: {many})", many=facts.unit.many))
    axes.set_ylabel(_("how often it was right"))


def _learning_curve(axes: Axes, facts: Facts) -> None:
    points = facts.metrics["learning_curve"]
    n = [p["n_train"] for p in points]
    lows, highs = zip(*(p["accuracy_ci95"] for p in points), strict=True)
    axes.fill_between(n, lows, highs, color=OWN, alpha=0.16, linewidth=0)
    axes.plot(n, [p["accuracy"] for p in points], color=OWN, marker="o")
    axes.set_xlim(left=0)
    axes.set_ylim(math.floor(10 * min(lows)) / 10, 1.005)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.yaxis.set_major_formatter(percent)
    axes.set_xlabel(_("{many} to learn from", many=facts.unit.many))
    axes.set_ylabel(_("accuracy, 95 % interval"))


def _loss(axes: Axes, facts: Facts) -> None:
    _by_epoch(axes, facts, "loss")
    axes.set_ylabel(_("loss"))
    axes.legend(frameon=False, fontsize=8)


def _accuracy(axes: Axes, facts: Facts) -> None:
    _by_epoch(axes, facts, "accuracy")
    axes.set_ylabel(_("accuracy"))
    axes.yaxis.set_major_formatter(percent)


def _by_epoch(axes: Axes, facts: Facts, value: str) -> None:
    """Draw training, validation and the final fit, told apart by colour, dashes and marks."""
    from matplotlib.ticker import MaxNLocator

    curves = facts.curves
    assert curves is not None
    lines: list[tuple[str, tuple[Epoch, ...], dict[str, Any]]] = [
        (_("training"), curves.training, {"color": OWN, "marker": "o"}),
        (_("validation"), curves.validation, {"color": OTHER, "marker": "s", "linestyle": "--"}),
        (_("final fit, training"), curves.final, {"color": RIVAL, "linestyle": ":"}),
    ]
    for name, curve, style in lines:
        known = [(p.step, getattr(p, value)) for p in curve if getattr(p, value) is not None]
        if known:
            axes.plot(*zip(*known, strict=True), label=name, markersize=4, **style)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_xlabel(_("epoch"))


def _methods(axes: Axes, facts: Facts) -> None:
    scatter(axes, method_spots(facts.candidates), moments)
    axes.set_xlabel(_("time it took, on a logarithmic scale"))
    axes.set_ylabel(_("accuracy, 95 % interval"))


def _ranking(axes: Axes, facts: Facts) -> None:
    assert facts.ranking is not None
    study_figures.ranking(axes, facts.ranking, facts.unit)


def _abstention(axes: Axes, facts: Facts) -> None:
    found = facts.abstention
    assert found is not None
    axes.plot([p["coverage"] for p in facts.risk], [p["error"] for p in facts.risk], color=OWN)
    if found["wanted_error"] is not None:
        axes.axhline(found["wanted_error"], color=RIVAL, linestyle="--", linewidth=1)
    if found["threshold"] is not None and found["error"] is not None:
        x, y = found["coverage"], found["error"]
        axes.errorbar([x], [y], xerr=errors([x], [found["coverage_ci95"]]),
                      yerr=errors([y], [found["error_ci95"]]), color=OTHER, marker="o",
                      markersize=8, capsize=2)  # fmt: skip
    axes.set_xlim(0, 1.02)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.xaxis.set_major_formatter(percent)
    axes.yaxis.set_major_formatter(percent)
    axes.set_xlabel(_("share of {many} answered, the surest first", many=facts.unit.many))
    axes.set_ylabel(_("wrong among the answered"))


def _map(axes: Axes, facts: Facts) -> None:
    for c, name in enumerate(facts.classes):
        colour = PALETTE[c % len(PALETTE)]
        own = [p for p in facts.points if p["label"] == name]
        fine = [p for p in own if p["right"] is not False]
        wrong = [p for p in own if p["right"] is False]
        axes.scatter(*_places(fine), s=16, color=colour, linewidth=0, label=plain(name))
        axes.scatter(*_places(wrong), s=26, color=colour, marker="x")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.invert_yaxis()
    if facts.card.learned:
        axes.set_xlabel(_("alike to the network = close together; crosses: wrong"))
    else:
        axes.set_xlabel(_("alike = close together; crosses: wrong"))
    if len(facts.classes) <= 20:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)


def _places(points: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    return [p["x"] for p in points], [p["y"] for p in points]
