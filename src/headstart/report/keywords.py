"""The page of a run that finds keywords: the answer, what it rests on, and documents with marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from headstart.modalities import Unit
from headstart.phrases.trial import AT, FEWEST, FOLDS
from headstart.report import keywords_words, training_charts
from headstart.report.curves import Curves
from headstart.report.own_page import Laid, OwnPage, curves_of
from headstart.report.plates import INK, OWN, RIVAL, errors, plain, plate
from headstart.said import N_, NN_, _

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNIT = Unit(N_("document"), N_("documents"))
NN_("{n:,} document", "{n:,} documents"), N_("a document")  # what Unit may ask for
SECTIONS = {
    "answer": N_("Answer"),
    "ways": N_("Ways"),
    "examples": N_("Examples"),
    "training": N_("Training"),
    "findings": N_("Checks"),
    "numbers": N_("Numbers"),
    "method": N_("Method"),
}


def _lay(found: dict[str, Any], record: dict[str, Any], name: str, curves: Curves | None) -> Laid:
    return Laid(
        str(found["data"]["name"]),
        keywords_words.headline(found),
        UNIT,
        {"ways": found["scores"], "examples": found["examples"], "training": curves},
        {
            "own": keywords_words.own(found),
            "curves": curves,
            "drawn": training_charts,
            "told": keywords_words,
            "at": AT,
            "folds": FOLDS,
            "fewest": FEWEST,
        },
    )


def _draw(found: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Draw what the run has numbers for, as ``(file name, content)``: each once PNG, once SVG."""
    rows = found["scores"]
    if rows:
        yield from plate("ways", [partial(_ways, rows=rows)], (7.2, 1.2 + 0.35 * len(rows)))


def _ways(axes: Axes, rows: Sequence[dict[str, Any]]) -> None:
    rows = rows[::-1]
    values = [float(row["f1_10"]) for row in rows]
    doubt = errors(values, [row["f1_10_ci95"] for row in rows])
    colours = [OWN if row["network"] else RIVAL for row in rows]
    places = range(len(rows))
    axes.barh(places, values, xerr=doubt, color=colours, ecolor=INK, capsize=3, height=0.62)
    axes.set_yticks(places, [plain(_(row["name"]), 48) for row in rows])
    axes.set_xlim(0, 1)
    axes.set_xlabel(_("F1@{at}, 95 % intervals", at=AT))


REPORT = OwnPage("keywords.html.j2", SECTIONS, _lay, _draw, {"curves": curves_of})
