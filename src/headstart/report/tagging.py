"""The page of a run that tags words: the answer, types, and sentences with their entities."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from headstart.modalities import Unit
from headstart.report import tagging_words, training_charts
from headstart.report.curves import Curves
from headstart.report.own_page import Laid, OwnPage, curves_of
from headstart.report.plates import INK, OWN, RIVAL, errors, percent, plain, plate
from headstart.said import N_, NN_, _

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNIT = Unit(N_("sentence"), N_("sentences"))
NN_("{n:,} sentence", "{n:,} sentences"), N_("a sentence")  # what Unit may ask for
SECTIONS = {
    "answer": N_("Answer"),
    "types": N_("Types"),
    "models": N_("Comparison"),
    "worst": N_("Mistakes"),
    "best": N_("Found"),
    "training": N_("Training"),
    "findings": N_("Checks"),
    "numbers": N_("Numbers"),
    "method": N_("Method"),
}


def _lay(found: dict[str, Any], record: dict[str, Any], name: str, curves: Curves | None) -> Laid:
    config = record.get("config")
    config = config if isinstance(config, dict) else {}
    return Laid(
        str(config.get("data", name)),
        tagging_words.headline(found),
        UNIT,
        {
            "types": found["types"],
            "worst": found["examples"]["worst"],
            "best": found["examples"]["best"],
            "training": curves is not None,
        },
        {
            "rows": _compared(found),
            "curves": curves,
            "drawn": training_charts,
            "told": tagging_words,
        },
    )


def _compared(found: dict[str, Any]) -> list[dict[str, Any]]:
    """List what was compared, the best first."""
    own = {"name": tagging_words.method(found), "own": True, **found["estimate"]}
    others = [{**row, "own": False} for row in found["baselines"]]
    return sorted([own, *others], key=lambda row: (-(row["f1"] or 0.0), not row["own"]))


def _draw(found: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Draw the comparison and the types, each once PNG, once SVG."""
    rows = [
        {**row, "name": row["name"] if row["own"] else _(row["name"])} for row in _compared(found)
    ]
    yield from plate("models", [partial(_models, rows=rows)], (7.2, 1.2 + 0.35 * len(rows)))
    types = [row for row in found["types"] if row["f1"] is not None][:20]
    if types:
        yield from plate("types", [partial(_types, rows=types)], (6.4, 1.2 + 0.3 * len(types)))


def _models(axes: Axes, rows: list[dict[str, Any]]) -> None:
    rows = rows[::-1]
    values = [float(row["f1"] or 0.0) for row in rows]
    doubt = errors(values, [row["f1_ci95"] for row in rows])
    colours = [OWN if row["own"] else RIVAL for row in rows]
    places = range(len(rows))
    axes.barh(places, values, xerr=doubt, color=colours, ecolor=INK, capsize=3, height=0.62)
    _shares(axes, places, [plain(row["name"], 48) for row in rows])
    axes.set_xlabel(_("entity F1, 95 % intervals"))


def _types(axes: Axes, rows: list[dict[str, Any]]) -> None:
    rows = rows[::-1]
    places = range(len(rows))
    axes.barh(places, [float(row["f1"]) for row in rows], color=OWN, height=0.62)
    _shares(axes, places, [plain(f"{row['name']} ({row['n']})") for row in rows])
    axes.set_xlabel(_("entity F1"))


def _shares(axes: Axes, places: range, names: list[str]) -> None:
    """Mark rows by their names, and the other side in per cent."""
    axes.set_yticks(places, names)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(percent)


REPORT = OwnPage("tagging.html.j2", SECTIONS, _lay, _draw, {"curves": curves_of})
