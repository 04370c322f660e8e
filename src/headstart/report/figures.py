"""The charts as files, for slides and papers: PNG and SVG by matplotlib.

Only objects, never pyplot: nothing of a caller's matplotlib changes. What has no object to hold
it (the salt of SVG ids, without which the same figure has other bytes every time) is set for the
moment of saving.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.judge.intervals import wilson
from headstart.report.charts import PALETTE
from headstart.report.curves import Epoch
from headstart.report.facts import Facts
from headstart.report.svg import spread
from headstart.report.training_charts import measured, moments, shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FONTS = (
    *("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC"),
    *("PingFang SC", "Hiragino Sans", "Microsoft YaHei", "Malgun Gothic", "WenQuanYi Micro Hei"),
    *("SimHei", "Noto Serif CJK JP", "Noto Emoji", "Segoe UI Symbol", "Apple Symbols"),
)
"""In order of preference, letter by letter; those that are not installed are left out."""
OWN, RIVAL, INK, RULE, OTHER = "#2f6fd0", "#a3a7ae", "#1b1d21", "#dddbd4", "#d9730d"
LONGEST = 24
"""Letters of a class name; the rest becomes an ellipsis."""

Painter = Callable[["Axes", Facts], None]


def draw(facts: Facts) -> Iterator[tuple[str, bytes]]:
    """Draw what the run has numbers for, as ``(file name, content)``: each once PNG, once SVG."""
    k = len(facts.classes)
    side = min(2.4 + 0.5 * k, 9)
    plans: list[tuple[str, list[Painter], tuple[float, float]]] = [
        ("baselines", [_baselines], (7.2, 2.9)),
        ("confusion", [_confusion], (side + 0.6, side)),
        ("reliability", [_reliability], (4.8, 4.4)),
    ]
    if len(facts.metrics["learning_curve"]) > 1:
        plans.append(("learning_curve", [_learning_curve], (5.6, 3.8)))
    if facts.points:
        plans.append(("map", [_map], (7.2, 5.4)))
    if facts.curves:
        plans.append(("training", [_loss, _accuracy], (9.6, 3.6)))
    if measured(facts.candidates):
        plans.append(("methods", [_methods], (6.4, 4.0)))
    for name, painters, size in plans:
        figure = _figure(size, len(painters))
        for axes, paint in zip(figure.axes, painters, strict=True):
            paint(axes, facts)
        for kind in ("png", "svg"):
            yield f"{name}.{kind}", _saved(figure, kind)


def plain(name: str, longest: int = LONGEST) -> str:
    r"""Make a class name safe to draw: one line, no formulas, not too long.

    Examples
    --------
    >>> plain("price: $5 and\n$6"), plain("abcdefgh", 5)
    ('price: \\$5 and \\$6', 'abcd…')
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    short = line if len(line) <= longest else line[: longest - 1] + "…"
    return short.replace("$", r"\$")


def _figure(size: tuple[float, float], columns: int) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=150, layout="constrained")
    for axes in figure.subplots(1, columns, squeeze=False).flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(RULE)
        axes.tick_params(colors=INK, length=0)
    return figure


def _saved(figure: Figure, kind: str) -> bytes:
    from matplotlib import rc_context
    from matplotlib.font_manager import fontManager
    from matplotlib.text import Text

    there = set(fontManager.get_font_names())
    for text in figure.findobj(Text):
        text.set_fontfamily([font for font in FONTS if font in there])
    out = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {}
    with warnings.catch_warnings(), rc_context({"svg.hashsalt": "headstart"}):
        # Some letter of some class name is in no font here: a box stands for it.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(out, format=kind, metadata=metadata)
    return out.getvalue()


def _baselines(axes: Axes, facts: Facts) -> None:
    own = {"name": "pretrained network (this model)", **facts.metrics["estimate"]}
    rows = [own, *facts.rivals][::-1]
    values = [float(r["accuracy"]) for r in rows]
    errors = np.array([_reach(r["accuracy"], r["accuracy_ci95"]) for r in rows]).T
    colours = [OWN if r is own else RIVAL for r in rows]
    places = range(len(rows))
    axes.barh(places, values, xerr=errors, color=colours, ecolor=INK, capsize=3, height=0.62)
    axes.set_yticks(places, [plain(r["name"], 48) for r in rows])
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(_percent)
    axes.set_xlabel("accuracy on held-out images, 95 % intervals")


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
    axes.set_ylabel("true class")
    if k <= 40:
        axes.set_xticks(range(k), names, fontsize=size, rotation=0 if k <= 3 else 90)
        axes.set_xlabel("answer")
    else:  # a hundred upright names more would be nothing but slow
        axes.set_xticks([])
        axes.set_xlabel("answer, in the same order")


def _reliability(axes: Axes, facts: Facts) -> None:
    bins = facts.reliability
    stated = [b["confidence"] for b in bins]
    right = [b["accuracy"] for b in bins]
    reach = [_reach(b["accuracy"], wilson(b["accuracy"] * b["count"], int(b["count"])))
             for b in bins]  # fmt: skip
    axes.plot([0, 1], [0, 1], "--", color=RIVAL, linewidth=1)
    axes.errorbar(stated, right, yerr=np.array(reach).T, color=OWN, marker="o", capsize=2)
    for b in bins:
        axes.annotate(str(int(b["count"])), (b["confidence"], b["accuracy"]), (6, -11),
                      textcoords="offset points", fontsize=8, color=INK)  # fmt: skip
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.xaxis.set_major_formatter(_percent)
    axes.yaxis.set_major_formatter(_percent)
    axes.set_xlabel("stated confidence (small numbers: images)")
    axes.set_ylabel("how often it was right")


def _learning_curve(axes: Axes, facts: Facts) -> None:
    points = facts.metrics["learning_curve"]
    n = [p["n_train"] for p in points]
    lows, highs = zip(*(p["accuracy_ci95"] for p in points), strict=True)
    axes.fill_between(n, lows, highs, color=OWN, alpha=0.16, linewidth=0)
    axes.plot(n, [p["accuracy"] for p in points], color=OWN, marker="o")
    axes.set_xlim(left=0)
    axes.set_ylim(math.floor(10 * min(lows)) / 10, 1.005)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.yaxis.set_major_formatter(_percent)
    axes.set_xlabel("images to learn from")
    axes.set_ylabel("accuracy, 95 % interval")


def _loss(axes: Axes, facts: Facts) -> None:
    _by_epoch(axes, facts, "loss")
    axes.set_ylabel("loss")
    axes.legend(frameon=False, fontsize=8)


def _accuracy(axes: Axes, facts: Facts) -> None:
    _by_epoch(axes, facts, "accuracy")
    axes.set_ylabel("accuracy")
    axes.yaxis.set_major_formatter(_percent)


def _by_epoch(axes: Axes, facts: Facts, value: str) -> None:
    """Draw training, validation and the final fit, told apart by colour, dashes and marks."""
    from matplotlib.ticker import MaxNLocator

    curves = facts.curves
    assert curves is not None
    lines: list[tuple[str, tuple[Epoch, ...], dict[str, Any]]] = [
        ("training", curves.training, {"color": OWN, "marker": "o"}),
        ("validation", curves.validation, {"color": OTHER, "marker": "s", "linestyle": "--"}),
        ("final fit, training", curves.final, {"color": RIVAL, "linestyle": ":"}),
    ]
    for name, curve, style in lines:
        known = [(p.step, getattr(p, value)) for p in curve if getattr(p, value) is not None]
        if known:
            axes.plot(*zip(*known, strict=True), label=name, markersize=4, **style)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_xlabel("epoch")


def _methods(axes: Axes, facts: Facts) -> None:
    tried = measured(facts.candidates)
    values = [float(c["accuracy"]) for c in tried]
    logs = [math.log10(max(c["seconds"], 0.01)) for c in tried]
    reach = [c["accuracy_ci95"] or (c["accuracy"],) * 2 for c in tried]
    (low, high), _ = shares([*values, *(v for ends in reach for v in ends)])
    left, right = min(logs) - 0.35, max(logs) + 0.35
    places = spread(values, (high - low) / 16, low, high)
    for c, x, y, ends, place in zip(tried, logs, values, reach, places, strict=True):
        colour, side = (OTHER if c["chosen"] else OWN), (-1 if x > (left + right) / 2 else 1)
        axes.errorbar([x], [y], yerr=np.array([_reach(y, ends)]).T, color=colour, marker="o",
                      markersize=9 if c["chosen"] else 6, capsize=2)  # fmt: skip
        word = plain(c["name"]) + (", chosen" if c["chosen"] else "")
        axes.annotate(word, (x, place), (8 * side, 0), textcoords="offset points", fontsize=8,
                      va="center", ha="left" if side > 0 else "right", color=INK)  # fmt: skip
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    marks = moments(10**left, 10**right)
    axes.set_xticks([x for x, _ in marks], [said for _, said in marks])
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.yaxis.set_major_formatter(_percent)
    axes.set_xlabel("time it took, on a logarithmic scale")
    axes.set_ylabel("accuracy, 95 % interval")


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
    axes.set_xlabel("alike to the network = close together; crosses: wrong")
    if len(facts.classes) <= 20:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)


def _places(points: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    return [p["x"] for p in points], [p["y"] for p in points]


def _reach(value: float, ci95: tuple[float, float]) -> tuple[float, float]:
    """Turn an interval into the two distances from the value that matplotlib asks for."""
    return max(0.0, value - ci95[0]), max(0.0, ci95[1] - value)


def _percent(value: float, _: object) -> str:
    return f"{round(100 * value, 1):g}%"
