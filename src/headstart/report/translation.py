"""The page of a run that translates: the answer, the systems, and sentences side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart._version import __version__
from headstart.folder.layout import METRICS, RUN
from headstart.folder.reading import read_document
from headstart.modalities import Unit
from headstart.report import charts, translation_charts, translation_words
from headstart.report.files import write
from headstart.report.page import fill
from headstart.report.translation_figures import draw
from headstart.said import N_, NN_, _

UNIT = Unit(N_("sentence pair"), N_("sentence pairs"))
NN_("{n:,} sentence pair", "{n:,} sentence pairs"), N_("a sentence pair")  # what Unit may ask for
SECTIONS = {
    "answer": N_("Answer"),
    "systems": N_("Comparison"),
    "examples": N_("Sentences"),
    "training": N_("Training"),
    "findings": N_("Checks"),
    "numbers": N_("Numbers"),
    "method": N_("Method"),
}


def render_translation(folder: Path, *, name: str = "") -> Path:
    """Write the ``report.html`` and ``figures/`` of a run that translates from its metrics.json.

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
    page = compose_translation(found, record, name or folder.resolve().name)
    return write(folder, page, draw(found))


def compose_translation(found: dict[str, Any], record: dict[str, Any], name: str) -> str:
    """Return the whole page.

    Parameters
    ----------
    found, record : dict
        As in metrics.json and run.json.
    name : str
        Of the run folder.
    """
    versions = record.get("versions")
    versions = versions if isinstance(versions, dict) else {}
    there = {"examples": found["examples"], "training": found["curves"]}
    return fill(
        "translation.html.j2",
        title=f"{found['data']['name']}, {translation_words.direction(found)}",
        headline=translation_words.headline(found),
        version=str(versions.get("headstart", __version__)),
        sections={key: _(label) for key, label in SECTIONS.items() if there.get(key, True)},
        unit=UNIT,
        m=found,
        name_of_run=name,
        charts=charts,
        drawn=translation_charts,
        told=translation_words,
    )
