"""The page of a run that tags words: the answer, types, and sentences with their entities."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart._version import __version__
from headstart.folder.layout import HISTORY, METRICS, RUN
from headstart.folder.reading import read_document
from headstart.modalities import Unit
from headstart.report import charts, tagging_words, training_charts
from headstart.report.curves import Curves, read_curves
from headstart.report.files import write
from headstart.report.page import fill
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


def render_tagging(folder: Path, *, name: str = "") -> Path:
    """Write the ``report.html`` and ``figures/`` of a run that tags words.

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
    page = compose_tagging(found, record, name or folder.resolve().name, curves)
    return write(folder, page, _draw(found))


def compose_tagging(
    found: dict[str, Any], record: dict[str, Any], name: str, curves: Curves | None
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
    versions, config = record.get("versions"), record.get("config")
    versions = versions if isinstance(versions, dict) else {}
    config = config if isinstance(config, dict) else {}
    return fill(
        "tagging.html.j2",
        title=str(config.get("data", name)),
        headline=tagging_words.headline(found),
        version=str(versions.get("headstart", __version__)),
        sections=_contents(found, curves),
        unit=UNIT,
        m=found,
        name_of_run=name,
        rows=_compared(found),
        curves=curves,
        charts=charts,
        drawn=training_charts,
        told=tagging_words,
    )


def _contents(found: dict[str, Any], curves: Curves | None) -> dict[str, str]:
    """Return the sections that a run has something for, in their order."""
    there = {
        "types": found["types"],
        "worst": found["examples"]["worst"],
        "best": found["examples"]["best"],
        "training": curves is not None,
    }
    return {key: _(label) for key, label in SECTIONS.items() if there.get(key, True)}


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
