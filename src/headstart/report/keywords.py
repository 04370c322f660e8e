"""The page of a run that finds keywords: the answer, what it rests on, and documents with marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart._version import __version__
from headstart.folder.layout import HISTORY, METRICS, RUN
from headstart.folder.reading import read_document
from headstart.modalities import Unit
from headstart.phrases.trial import AT, FEWEST, FOLDS
from headstart.report import charts, keywords_words, training_charts
from headstart.report.curves import Curves, read_curves
from headstart.report.files import write
from headstart.report.page import fill
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


def render_keywords(folder: Path, *, name: str = "") -> Path:
    """Write the ``report.html`` and ``figures/`` of a run that finds keywords.

    Each file is replaced as a whole; the same run gives the same bytes again.

    Parameters
    ----------
    folder : Path
        Holds metrics.json and run.json.
    name : str, optional
        What the folder is called, where that is not yet its name.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    ArtifactError
        A file is missing or cannot be read.
    ConfigError
        The folder cannot be written to.
    """
    folder = Path(folder)
    found, record = read_document(folder / METRICS), read_document(folder / RUN)
    curves = read_curves(folder / HISTORY)
    page = compose_keywords(found, record, name or folder.resolve().name, curves)
    return write(folder, page, draw(found))


def compose_keywords(
    found: dict[str, Any], record: dict[str, Any], name: str, curves: Curves | None = None
) -> str:
    """Return the whole page.

    Parameters
    ----------
    found, record : dict
        As in metrics.json and run.json.
    name : str
        Of the run folder.
    curves : Curves or None
        Of a network that was trained.
    """
    versions = record.get("versions")
    versions = versions if isinstance(versions, dict) else {}
    there = {"ways": found["scores"], "examples": found["examples"], "training": curves}
    return fill(
        "keywords.html.j2",
        title=str(found["data"]["name"]),
        headline=keywords_words.headline(found),
        version=str(versions.get("headstart", __version__)),
        sections={key: _(label) for key, label in SECTIONS.items() if there.get(key, True)},
        unit=UNIT,
        m=found,
        own=keywords_words.own(found),
        name_of_run=name,
        curves=curves,
        charts=charts,
        drawn=training_charts,
        told=keywords_words,
        at=AT,
        folds=FOLDS,
        fewest=FEWEST,
    )


def draw(found: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
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
