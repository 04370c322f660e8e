"""Pages of runs of a kind of their own, such as those that find keywords, or tag words.

A kind says what it lays into the page; reading the run and writing the page is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headstart._version import __version__
from headstart.folder.layout import HISTORY, METRICS, RUN
from headstart.folder.reading import read_document
from headstart.modalities import Unit
from headstart.report import charts
from headstart.report.curves import Curves, read_curves
from headstart.report.files import write
from headstart.report.page import fill
from headstart.said import _

Document = dict[str, Any]


@dataclass(frozen=True)
class Laid:
    """What the page of one run has of its own.

    Attributes
    ----------
    title, headline : str
    unit : Unit
    there : mapping of str to object
        Sections that not every run has; false for those that this one has nothing for.
    values : mapping of str to object
        What the template takes besides.
    """

    title: str
    headline: str
    unit: Unit
    there: Mapping[str, object]
    values: Mapping[str, Any]


@dataclass(frozen=True)
class OwnPage:
    """The page of a kind of runs.

    Attributes
    ----------
    template : str
    sections : mapping of str to str
        Titles by what the sections are called in addresses, in their order.
    lay : callable
        (metrics.json, run.json, name of the run, and what ``reads`` reads by keyword) to ``Laid``.
    draw : callable
        metrics.json to figures as ``(file name, content)``.
    reads : mapping of str to callable
        What else is read of a run folder.
    """

    template: str
    sections: Mapping[str, str]
    lay: Callable[..., Laid]
    draw: Callable[[Document], Iterable[tuple[str, bytes]]]
    reads: Mapping[str, Callable[[Path], Any]] = field(default_factory=dict)

    def render(self, folder: Path, *, name: str = "") -> Path:
        """Write the ``report.html`` and ``figures/`` of a run.

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
        more = {key: read(folder) for key, read in self.reads.items()}
        page = self.compose(found, record, name or folder.resolve().name, **more)
        return write(folder, page, self.draw(found))

    def compose(self, found: Document, record: Document, name: str, **more: Any) -> str:
        """Return the whole page; parameters as of ``lay``."""
        laid = self.lay(found, record, name, **more)
        versions = record.get("versions")
        versions = versions if isinstance(versions, dict) else {}
        return fill(
            self.template,
            title=laid.title,
            headline=laid.headline,
            version=str(versions.get("headstart", __version__)),
            sections={k: _(label) for k, label in self.sections.items() if laid.there.get(k, True)},
            unit=laid.unit,
            m=found,
            name_of_run=name,
            charts=charts,
            **laid.values,
        )


def curves_of(folder: Path) -> Curves | None:
    """Read the curves of a network that was trained; None where none was."""
    return read_curves(folder / HISTORY)
