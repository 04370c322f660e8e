"""Drawing with matplotlib into files: what all figures share.

Only objects, never pyplot: nothing of a caller's matplotlib changes. What has no object to hold
it (fonts; the salt of SVG ids, without which the same figure has other bytes every time) is set
while a figure is drawn.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.judge.intervals import Interval
from headstart.language import ENGLISH
from headstart.report.scatter import Spot, reach
from headstart.report.svg import spread
from headstart.said import N_, _
from headstart.speaking import speaking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FONTS = (
    *("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC"),
    *("PingFang SC", "Hiragino Sans GB", "Hiragino Sans", "Microsoft YaHei", "Malgun Gothic"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "SimHei", "Noto Serif CJK JP", "Noto Emoji"),
    *("Segoe UI Symbol", "Apple Symbols"),
)
"""In order of preference, letter by letter; those that are not installed are left out."""
LAST_RESORT = "Last Resort"
"""The family whose fonts have a box for every letter."""
SAMPLE = N_("accuracy on held-out {many}, 95 % interval")
"""A label that the drawings have: whichever fonts write it write all of a language."""
OWN, RIVAL, INK, RULE, OTHER = "#2f6fd0", "#a3a7ae", "#1b1d21", "#dddbd4", "#d9730d"
LONGEST = 24
"""Letters of a class name; the rest becomes an ellipsis."""

Painter = Callable[["Axes"], None]


def plate(
    name: str, painters: Sequence[Painter], size: tuple[float, float]
) -> list[tuple[str, bytes]]:
    """Draw a figure with one panel per painter: ``(file name, content)``, once PNG, once SVG.

    Where no font here has the letters of the language, it is in English.

    Parameters
    ----------
    size : (float, float)
        Width and height, inches.
    """
    from matplotlib import rc_context

    found = []
    with _silence():
        fonts = _fonts(_(SAMPLE, many=""))
        with (
            speaking(None if fonts else ENGLISH),
            rc_context({"svg.hashsalt": "headstart", "font.family": fonts or _fonts()}),
        ):
            figure = _figure(size, len(painters))
            for axes, paint in zip(figure.axes, painters, strict=True):
                paint(axes)
            for kind in ("png", "svg"):
                found.append((f"{name}.{kind}", _saved(figure, kind)))
                figure.set_layout_engine("none")  # it is laid out: that takes as long as drawing
    return found


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


def scatter(
    axes: Axes, spots: Sequence[Spot], x_ticks: Callable[[float, float], list[tuple[float, str]]]
) -> None:
    """Draw named points with their intervals, each with its name on the side with room."""
    (left, right), (low, high) = reach(spots)
    places = spread([spot.y for spot in spots], (high - low) / 16, low, high)
    for spot, place in zip(spots, places, strict=True):
        colour, side = (OTHER if spot.mark else OWN), (-1 if spot.x > (left + right) / 2 else 1)
        axes.errorbar([spot.x], [spot.y], yerr=errors([spot.y], [spot.ci95 or (spot.y, spot.y)]),
                      color=colour, marker="o", markersize=9 if spot.mark else 6, capsize=2,
                      markerfacecolor="white" if spot.behind else colour)  # fmt: skip
        axes.annotate(plain(spot.word, 40), (spot.x, place), (8 * side, 0),
                      textcoords="offset points", fontsize=8, va="center",
                      ha="left" if side > 0 else "right", color=INK)  # fmt: skip
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    marks = x_ticks(left, right)
    axes.set_xticks([x for x, _said in marks], [said for _x, said in marks])
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.yaxis.set_major_formatter(percent)


def errors(values: Sequence[float], ci95: Sequence[Interval]) -> np.ndarray:
    """Turn intervals into the distances from the values that matplotlib asks for: (2, n)."""
    ends = np.asarray(ci95, float).reshape(-1, 2)
    middle = np.asarray(values, float)
    return np.maximum(0.0, [middle - ends[:, 0], ends[:, 1] - middle])


def percent(value: float, _place: object) -> str:
    """Write a share as a tick label."""
    return f"{round(100 * value, 1):g}%"


def _figure(size: tuple[float, float], columns: int) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=150, layout="constrained")
    for axes in figure.subplots(1, columns, squeeze=False).flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(RULE)
        axes.tick_params(colors=INK, length=0)
    return figure


@contextmanager
def _silence() -> Iterator[None]:
    """Leave out what is said of fonts: of a letter of a class name, drawn as a box, or a weight."""
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        log.setLevel(logging.ERROR)
        try:
            yield
        finally:
            log.setLevel(level)


@cache
def _fonts(text: str = "") -> list[str]:
    """List the fonts to look letters up in; none where together they cannot write the text."""
    from matplotlib.font_manager import fontManager

    there = set(fontManager.get_font_names())
    found = [font for font in FONTS if font in there]
    missing = set(text)
    for font in found:
        missing -= _written(missing, font)
    if not missing:
        return found
    others = sorted(font for font in there.difference(FONTS) if LAST_RESORT not in font)
    more = [font for font in others if missing == _written(missing, font)]
    return [*found, *more[:1]] if more else []


def _written(letters: set[str], font: str) -> set[str]:
    """Keep the letters that a font has."""
    from matplotlib.font_manager import findfont, get_font

    if not letters:
        return letters
    face = get_font(findfont(font))
    return {letter for letter in letters if face.get_char_index(ord(letter))}


def _saved(figure: Figure, kind: str) -> bytes:
    out = io.BytesIO()
    own: dict[str, Any] = {"metadata": {"Date": None}}
    if kind == "png":
        own = {"pil_kwargs": {"compress_level": 3}}  # a tenth larger, in half of the time
    figure.savefig(out, format=kind, **own)
    return out.getvalue()
