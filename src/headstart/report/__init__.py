"""The report: one self-contained page per run, and its figures as files.

``facts`` reads the numbers, ``words`` says them, ``charts`` and ``figures`` draw them, ``page``
puts them together; ``pictures`` is called during training, while the images are at hand.
"""

from __future__ import annotations

import os
from pathlib import Path

from headstart.errors import ConfigError
from headstart.report.facts import read
from headstart.report.figures import draw
from headstart.report.page import compose

PAGE, FIGURES = "report.html", "figures"


def render(folder: Path, *, name: str = "") -> Path:
    """Write a run's ``report.html`` and ``figures/`` from the numbers in its folder.

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
    try:
        (folder / FIGURES).mkdir(exist_ok=True)
        for filename, content in draw(facts):
            _replace(folder / FIGURES / filename, content)
        _replace(folder / PAGE, compose(facts).encode("utf-8"))
    except OSError as cause:
        raise ConfigError(
            f"Cannot write the report into {str(folder)!r}: {cause.strerror or cause}.",
            "Free some space, or allow writing to the folder.",
        ) from cause
    return folder / PAGE


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
