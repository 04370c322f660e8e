"""The charts of a run that recommends as files, for slides and papers: PNG and SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from headstart.behaviour.outcome import AT
from headstart.report.plates import INK, OTHER, OWN, RIVAL, RULE, errors, percent, plain, plate
from headstart.report.recommendation_charts import sides
from headstart.report.recommendation_words import kept, model
from headstart.said import _

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(found: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Draw what the run has numbers for, as ``(file name, content)``: each once PNG, once SVG."""
    rows = compared(found)
    tall = 1.2 + 0.35 * len(rows)
    yield from plate("models", [partial(_models, rows=rows)], (7.2, tall))
    if found["new"] and found["new"]["curve"]:
        yield from plate("new_users", [partial(_new_users, curve=found["new"]["curve"])], (6.4, 4))


def compared(found: dict[str, Any]) -> list[dict[str, Any]]:
    """List the models that were compared, the one that is kept first.

    Without a source, or where it is left out, the one that is kept is one of the others too.
    """
    known = found["known"]
    own = {"name": kept(known["chosen"]), "own": True, **known}
    kind = None if known["chosen"]["weight"] else known["chosen"]["kind"]
    others = [one for one in known["rivals"] if one["name"] != kind]
    return [
        own,
        *({**one, "own": False, "key": one["name"], "name": model(one["name"])} for one in others),
    ]


def _models(axes: Axes, rows: Sequence[dict[str, Any]]) -> None:
    rows = rows[::-1]
    values = [float(row["recall"]) for row in rows]
    doubt = errors(values, [row["recall_ci95"] for row in rows])
    colours = [OWN if row["own"] else RIVAL for row in rows]
    places = range(len(rows))
    axes.barh(places, values, xerr=doubt, color=colours, ecolor=INK, capsize=3, height=0.62)
    axes.set_yticks(places, [plain(row["name"], 48) for row in rows])
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(percent)
    axes.set_xlabel(_("Recall@{at}, 95 % intervals", at=AT))


def _new_users(axes: Axes, curve: Sequence[dict[str, Any]]) -> None:
    ks = [row["k"] for row in curve]
    for side, colour, mark in (("with", OWN, "o-"), ("without", OTHER, "s--")):
        shares = [row[side] for row in curve]
        axes.plot(ks, shares, mark, color=colour, label=sides()[side])
    axes.set_xticks(ks)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.yaxis.set_major_formatter(percent)
    axes.set_xlabel(_("choices of their own in the shop"))
    axes.set_ylabel(_("Recall@{at}", at=AT))
    axes.legend(frameon=False, fontsize=8)
