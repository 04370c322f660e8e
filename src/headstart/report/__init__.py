"""The report: one self-contained page per run or study, and its figures as files.

``facts`` reads the numbers, ``words`` says them, ``charts`` and ``figures`` draw them, ``page``
puts them together, and ``card`` those that a stranger may see; ``shown`` is called during training,
while the examples are at hand. ``study`` does the same for the documents of studies.
"""

from __future__ import annotations

from pathlib import Path

from headstart.folder.layout import CARD, FIGURES, PAGE
from headstart.report import card
from headstart.report.facts import read
from headstart.report.figures import draw
from headstart.report.files import write
from headstart.report.page import compose
from headstart.report.study import render_study

__all__ = ["CARD", "FIGURES", "PAGE", "render", "render_study"]


def render(folder: Path, *, name: str = "") -> Path:
    """Write a run's ``report.html``, ``figures/`` and model card from the numbers in its folder.

    Each file is replaced as a whole, so a reader never sees half of one; the same run gives the
    same bytes again.

    Parameters
    ----------
    folder : Path
        A run folder with metrics.json, predictions.csv, split.json, run.json and model/;
        pictures.json may be missing.
    name : str, optional
        What the folder is called, where that is not yet its name.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    ArtifactError
        A file of the run is missing or cannot be read.
    ConfigError
        The folder cannot be written to.
    """
    folder = Path(folder)
    facts = read(folder, name or folder.resolve().name)
    return write(folder, compose(facts), draw(facts), card.compose(facts))
