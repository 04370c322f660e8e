"""Pages of studies: which backbone, which layer, how many labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart._version import __version__
from headstart.errors import ArtifactError
from headstart.folder.layout import STUDIES
from headstart.folder.reading import read_document
from headstart.modalities import DEFAULT, unit
from headstart.report import charts, study_figures, study_words
from headstart.report.files import write
from headstart.report.page import fill

SECTIONS = {"answer": "Answer", "numbers": "Numbers", "method": "Method"}
TITLES = {"rank": "Which backbone?", "layers": "Which layer?", "curve": "How many labels?"}


def render_study(folder: Path) -> Path:
    """Write the ``report.html`` and ``figures/`` of a study from the document in its folder.

    Each file is replaced as a whole; the same document gives the same bytes again.

    Parameters
    ----------
    folder : Path
        Holds rank.json, layers.json or curve.json.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    ArtifactError
        There is no document, more than one, or it cannot be read.
    ConfigError
        The folder cannot be written to.
    """
    folder = Path(folder)
    path = _find(folder)
    mend = f"Make it again with `headstart {path.stem}`."
    document = read_document(path, mend)
    if document["study"] != path.stem:
        said = f"study is {document['study']!r}, not {path.stem!r}"
        raise ArtifactError(f"{path} cannot be read: {said}.", mend)
    return write(folder, compose_study(document), list(study_figures.draw(document)))


def compose_study(document: dict[str, Any]) -> str:
    """Return the whole page of a study.

    Parameters
    ----------
    document : dict
        As in rank.json, layers.json or curve.json; ``study`` says which of them.
    """
    return fill(
        "study.html.j2",
        title=str(document["data"]).removeprefix("builtin:"),
        headline=study_words.headline(document),
        version=str(document.get("headstart", __version__)),
        sections=SECTIONS,
        study=document,
        unit=unit(document.get("modality", DEFAULT)),
        question=TITLES[document["study"]],
        charts=charts,
    )


def _find(folder: Path) -> Path:
    """Find the one document of a folder."""
    found = [folder / name for name in STUDIES if (folder / name).is_file()]
    if len(found) == 1:
        return found[0]
    seen = " and ".join(path.name for path in found) or f"none of {', '.join(STUDIES)}"
    raise ArtifactError(
        f"{folder} holds {seen}; a study has exactly one of them.",
        "Point to the folder of one `headstart rank`, `layers` or `curve`.",
    )
