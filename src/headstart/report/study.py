"""Pages of studies: which backbone, which layer, how many labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from headstart._version import __version__
from headstart.errors import ArtifactError
from headstart.modalities import DEFAULT, unit
from headstart.report import charts, study_figures, study_words
from headstart.report.files import write
from headstart.report.page import fill

STUDIES = ("rank", "layers", "curve")
"""A study called X lies in X.json."""
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
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["study"] != path.stem:
            raise ValueError(f"study is {document['study']!r}, not {path.stem!r}")
        page, figures = compose_study(document), list(study_figures.draw(document))
    except (OSError, KeyError, TypeError, ValueError, LookupError) as cause:
        raise ArtifactError(
            f"{path} cannot be read ({type(cause).__name__}: {cause}).",
            f"Make it again with `headstart {path.stem}`.",
        ) from cause
    return write(folder, page, figures)


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
    found = [folder / f"{name}.json" for name in STUDIES if (folder / f"{name}.json").is_file()]
    if len(found) == 1:
        return found[0]
    seen = " and ".join(path.name for path in found) or "none of rank.json, layers.json, curve.json"
    raise ArtifactError(
        f"{folder} holds {seen}; a study has exactly one of them.",
        "Point to the folder of one `headstart rank`, `layers` or `curve`.",
    )
