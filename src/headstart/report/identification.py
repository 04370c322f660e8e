"""The page of a run that knows who is who: the answer, errors by threshold, the hardest pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart._version import __version__
from headstart.folder.layout import METRICS, PICTURES, RUN
from headstart.folder.reading import read_document
from headstart.modalities import unit
from headstart.report import charts, identification_charts, identification_words
from headstart.report.files import write
from headstart.report.identification_figures import draw
from headstart.report.page import fill
from headstart.said import N_, _

SECTIONS = {
    "answer": N_("Answer"),
    "comparison": N_("Comparison"),
    "errors": N_("Threshold"),
    "hardest": N_("Hardest pairs"),
    "names": N_("Names"),
    "consent": N_("Consent"),
    "findings": N_("Checks"),
    "numbers": N_("Numbers"),
    "method": N_("Method"),
}


def render_identification(folder: Path, *, name: str = "") -> Path:
    """Write the ``report.html`` and ``figures/`` of a run that knows who is who.

    Each file is replaced as a whole; the same run gives the same bytes again.

    Parameters
    ----------
    folder : Path
        Holds metrics.json, pictures.json and run.json.
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
    found, shown, record = (read_document(folder / file) for file in (METRICS, PICTURES, RUN))
    page = compose_identification(found, shown, record, name or folder.resolve().name)
    return write(folder, page, draw(found))


def compose_identification(
    found: dict[str, Any], shown: dict[str, Any], record: dict[str, Any], name: str
) -> str:
    """Return the whole page.

    Parameters
    ----------
    found, shown, record : dict
        As in metrics.json, pictures.json and run.json.
    name : str
        Of the run folder.
    """
    there = {
        "comparison": found["identification"],
        "errors": len(found["verification"]["curve"]) > 1,
        "hardest": shown["same"] or shown["different"],
        "consent": found["modality"] in identification_words.OF_PEOPLE,
    }
    return fill(
        "identification.html.j2",
        title=str(record["config"]["data"]),
        headline=identification_words.headline(found),
        version=str(record.get("versions", {}).get("headstart", __version__)),
        sections={key: _(label) for key, label in SECTIONS.items() if there.get(key, True)},
        unit=unit(found["modality"]),
        m=found,
        shown=shown,
        name_of_run=name,
        rows=identification_words.rivals(found),
        charts=charts,
        drawn=identification_charts,
        told=identification_words,
        consent=_(identification_words.CONSENT),
    )
