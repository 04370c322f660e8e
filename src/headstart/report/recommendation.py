"""The page of a run that recommends: the answer, what it rests on, and examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart._version import __version__
from headstart.behaviour.outcome import AT, DEEP, TOP
from headstart.folder.layout import METRICS, RUN
from headstart.folder.reading import read_document
from headstart.judge.intervals import Interval, wilson
from headstart.modalities import Unit
from headstart.report import charts, recommendation_charts, recommendation_words
from headstart.report.files import write
from headstart.report.page import fill
from headstart.report.recommendation_figures import compared, draw
from headstart.said import N_, NN_, _

UNIT = Unit(N_("interaction"), N_("interactions"))
NN_("{n:,} interaction", "{n:,} interactions"), N_("an interaction")  # what Unit may ask for
SECTIONS = {
    "answer": N_("Answer"),
    "new": N_("New users"),
    "models": N_("Models"),
    "histories": N_("Histories"),
    "popularity": N_("Popular and rare"),
    "examples": N_("Examples"),
    "findings": N_("Checks"),
    "numbers": N_("Numbers"),
    "method": N_("Method"),
}


def render_recommendation(folder: Path, *, name: str = "") -> Path:
    """Write the ``report.html`` and ``figures/`` of a run that recommends from its metrics.json.

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
    page = compose_recommendation(found, record, name or folder.resolve().name)
    return write(folder, page, draw(found))


def compose_recommendation(found: dict[str, Any], record: dict[str, Any], name: str) -> str:
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
    return fill(
        "recommendation.html.j2",
        title=_title(found["data"]),
        headline=recommendation_words.headline(found),
        version=str(versions.get("headstart", __version__)),
        sections=_contents(found),
        unit=UNIT,
        m=found,
        name_of_run=name,
        rows=compared(found),
        with_source=bool(found["transferred"] and found["known"]["chosen"]["weight"]),
        interval_of=_interval,
        charts=charts,
        drawn=recommendation_charts,
        told=recommendation_words,
        at=AT,
        deep=DEEP,
        top=TOP,
    )


def _contents(found: dict[str, Any]) -> dict[str, str]:
    """Return the sections that a run has numbers for, in their order."""
    known = found["known"]
    there = {
        "new": found["new"] and found["new"]["curve"],
        "histories": known["by_history"],
        "popularity": known["by_popularity"],
        "examples": found["examples"],
    }
    return {key: _(label) for key, label in SECTIONS.items() if there.get(key, True)}


def _title(data: dict[str, Any]) -> str:
    target = str(data["target"]["name"])
    return f"{data['source']['name']} → {target}" if data["source"] else target


def _interval(share: float, n: int) -> Interval:
    """Return the interval of a share of ``n`` users."""
    return wilson(min(max(share, 0.0), 1.0) * n, max(n, 1))
