"""A finished run that finds keywords: load it, ask it, render its report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from headstart.data.inputs import Input, each
from headstart.data.items import Examples
from headstart.data.pieces import Pieces
from headstart.errors import ArtifactError, ConfigError
from headstart.events import OnEvent, ignore
from headstart.features.engines import Kitchen
from headstart.folder.extractor import is_extractor, load_extractor
from headstart.folder.layout import METRICS, MODEL
from headstart.folder.reading import read_document
from headstart.kinds import declared
from headstart.machine import Machine, cache_folder, worker_count
from headstart.modalities import UnreadableError, modality
from headstart.phrases.documents import SIZE
from headstart.phrases.extractor import Keywords
from headstart.phrases.stop_words import refuse_without_extra
from headstart.phrases.vectors import Vectors
from headstart.said import _
from headstart.speaking import speaking

MOST = 1_000
"""Keywords that are given of one document, at most."""


class KeywordRun:
    """The run folder of ``keywords``.

    Parameters
    ----------
    folder : str or Path

    Raises
    ------
    ArtifactError
        No such run folder, from a newer headstart, or tampered with.
    MissingExtraError
        What keywords need is not installed.
    """

    @declared
    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise ArtifactError(
                _("There is no run folder {folder!r}.", folder=str(folder)),
                _("`headstart keywords DATA` makes one."),
            )
        refuse_without_extra()
        self.extractor, self._network, self._described = load_extractor(self.folder / MODEL)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Everything in ``metrics.json``."""
        return read_document(self.folder / METRICS)

    @declared
    def predict(
        self,
        inputs: Input | Iterable[Input],
        *,
        n: int | None = 10,
        x: str | None = None,
        encoding: str = "utf-8",
        strings: bool = True,
        on_event: OnEvent = ignore,
    ) -> Iterator[Keywords]:
        """Find the keywords of documents, one after the other, in bounded memory.

        Parameters
        ----------
        inputs : str, path, or iterable of these
            A string is a document itself; what is to be read is named by a ``pathlib.Path``: texts,
            folders, tables, archives, lists.
        n : int, 1 to 1,000, or None
            Keywords of each; None: as many as the model takes for keywords.
        x, encoding : str, optional
            The column of texts of tables, and their encoding. Default: the column that the run was
            made of; the encoding by the bytes.
        strings : bool, default=True
            With False strings name what is to be read, too.

        Raises
        ------
        DataError
            An input that names nothing.
        ConfigError
            Another ``n``.
        """
        pieces = self.pieces(inputs, x=x, encoding=encoding, strings=strings, on_event=on_event)
        return (one for part in self.in_parts(pieces, n, on_event=on_event) for one in part)

    def pieces(
        self,
        inputs: Input | Iterable[Input],
        *,
        x: str | None = None,
        encoding: str = "utf-8",
        strings: bool = True,
        on_event: OnEvent = ignore,
    ) -> Pieces:
        """Look through inputs, and give them in pieces; parameters as of ``predict``."""
        return Pieces(
            each(inputs),
            modality("text"),
            column=self._described["column"],
            x=x,
            encoding=encoding,
            strings=strings,
            cache_dir=cache_folder(),
            on_event=on_event,
            size=SIZE,
            marked=True,
        )

    def in_parts(
        self, pieces: Pieces, n: int | None, *, skip: int = 0, on_event: OnEvent = ignore
    ) -> Iterator[list[Keywords]]:
        """Find keywords part by part, the first ``skip`` parts left out."""
        if n is not None and not 1 <= n <= MOST:
            raise ConfigError(
                _("--top {n} is not possible.", n=n), _("Give 1 to {most:,}.", most=MOST)
            )
        return self._in_parts(pieces, n, skip, on_event)

    def _in_parts(
        self, pieces: Pieces, n: int | None, skip: int, on_event: OnEvent
    ) -> Iterator[list[Keywords]]:
        vectors, machine = self._vectors(on_event), Machine.here("auto")
        for k, examples in enumerate(pieces):
            if k >= skip:
                yield self._of(examples, vectors, n, machine)

    def _of(
        self, examples: Examples, vectors: Vectors, n: int | None, machine: Machine
    ) -> list[Keywords]:
        texts: dict[int, str] = {}
        errors: dict[int, str] = {}
        for row in range(len(examples)):
            try:
                texts[row] = examples.modality.read(examples.items.data(row))
            except (UnreadableError, OSError) as cause:
                errors[row] = str(cause)
        answers = self.extractor.answers(list(texts.values()), vectors, n or 0, machine)
        found = dict(zip(texts, answers, strict=True))
        return [
            Keywords(ref, error=errors[row]) if row in errors else Keywords.of(ref, found[row], n)
            for row, ref in enumerate(examples.refs)
        ]

    def _vectors(self, on_event: OnEvent) -> Vectors:
        """Repeat the arithmetic of the run, with the weights it was made with."""
        workers = worker_count()
        kitchen = Kitchen(cache_folder(), workers, on_event)
        name = self._described["engine"]
        engine = kitchen.engine(self._network, name=None if name.startswith("cuda") else name)
        if engine.card.weights_hash != self._described["backbone"]["weights_hash"]:
            raise ArtifactError(
                _(
                    "The installed weights of {network} are not those the model was trained with.",
                    network=engine.card.name,
                ),
                _("Install the versions that run.json names, or train again."),
            )
        return Vectors(engine, workers)

    @declared
    def report(self, *, lang: str | None = None) -> Path:
        """Render ``report.html`` afresh, in the language that is spoken or in ``lang``."""
        from headstart.report.keywords import REPORT

        with speaking(lang):
            return REPORT.render(self.folder)

    def __repr__(self) -> str:
        return f"<KeywordRun {str(self.folder)!r}>"

    def _repr_html_(self) -> str:
        """Show the run in a notebook: what came out, and the comparison; nothing is loaded."""
        from headstart.report.glance import of_keywords

        return of_keywords(self.folder, self.metrics)


def finds_keywords(folder: str | Path) -> bool:
    """Tell whether a run folder finds keywords, without reading its model."""
    return is_extractor(Path(folder) / MODEL)
