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
from headstart.said import N_, _, commas, listed

SECTIONS = {"answer": N_("Answer"), "numbers": N_("Numbers"), "method": N_("Method")}
TITLES = {
    "rank": N_("Which backbone?"),
    "layers": N_("Which layer?"),
    "curve": N_("How many labels?"),
}
CHARTS = {
    "rank": N_("Accuracy against cost"),
    "layers": N_("Accuracy by depth"),
    "curve": N_("Accuracy against labels"),
}


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
    mend = _("Make it again with `headstart {command}`.", command=path.stem)
    document = read_document(path, mend)
    if document["study"] != path.stem:
        said = _(
            "{path} cannot be read: study is {found!r}, not {wanted!r}.",
            path=path,
            found=document["study"],
            wanted=path.stem,
        )
        raise ArtifactError(said, mend)
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
        sections={key: _(label) for key, label in SECTIONS.items()},
        study=document,
        unit=unit(document.get("modality", DEFAULT)),
        question=_(TITLES[document["study"]]),
        shown=_(CHARTS[document["study"]]),
        charts=charts,
    )


def _find(folder: Path) -> Path:
    """Find the one document of a folder."""
    found = [folder / name for name in STUDIES if (folder / name).is_file()]
    if len(found) == 1:
        return found[0]
    mend = _("Point to the folder of one `headstart rank`, `layers` or `curve`.")
    if not found:
        said = _(
            "{folder} holds none of {files}; a study has exactly one of them.",
            folder=folder,
            files=commas(STUDIES),
        )
        raise ArtifactError(said, mend)
    said = _(
        "{folder} holds {files}; a study has exactly one of them.",
        folder=folder,
        files=listed(path.name for path in found),
    )
    raise ArtifactError(said, mend)
