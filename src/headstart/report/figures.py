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
from headstart.report.facts import Facts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FONTS = (
    *("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC"),
    *("PingFang SC", "Hiragino Sans", "Microsoft YaHei", "Malgun Gothic", "WenQuanYi Micro Hei"),
    *("SimHei", "Noto Serif CJK JP", "Noto Emoji", "Segoe UI Symbol", "Apple Symbols"),
)
"""In order of preference, letter by letter; those that are not installed are left out."""
OWN, RIVAL, INK, RULE = "#2f6fd0", "#a3a7ae", "#1b1d21", "#dddbd4"
LONGEST = 24
"""Letters of a class name; the rest becomes an ellipsis."""

Painter = Callable[["Axes", Facts], None]


def draw(facts: Facts) -> Iterator[tuple[str, bytes]]:
    """Draw what the run has numbers for, as ``(file name, content)``: each once PNG, once SVG."""
    k = len(facts.classes)
    side = min(2.4 + 0.5 * k, 9)
    painters: list[tuple[str, Painter, tuple[float, float]]] = [
        ("baselines", _baselines, (7.2, 2.9)),
        ("confusion", _confusion, (side + 0.6, side)),
        ("reliability", _reliability, (4.8, 4.4)),
    ]
    if len(facts.metrics["learning_curve"]) > 1:
        painters.append(("learning_curve", _learning_curve, (5.6, 3.8)))
    if facts.points:
        painters.append(("map", _map, (7.2, 5.4)))
    for name, paint, size in painters:
        figure = _figure(size)
        paint(figure.axes[0], facts)
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


def _figure(size: tuple[float, float]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=150, layout="constrained")
    axes = figure.add_subplot()
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
    return f"{value:.0%}"
