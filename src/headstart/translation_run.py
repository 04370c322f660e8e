"""A finished run that translates: load it, translate with it, render its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from headstart.data.decoding import opened, settled
from headstart.data.formats import is_table, read_cells
from headstart.errors import ArtifactError, ConfigError, DataError
from headstart.events import Event, OnEvent, ignore
from headstart.folder.layout import METRICS, MODEL
from headstart.folder.reading import read_document
from headstart.folder.translator import is_translator, load_translator
from headstart.kinds import declared
from headstart.said import _, listed
from headstart.speaking import speaking
from headstart.translation.table import SOURCES, language_named
from headstart.translation.translator import BEAM, Translator

MOST_BEAM = 32


@dataclass(frozen=True)
class Translated:
    """A sentence and its translation.

    Attributes
    ----------
    source, translation : str
    note : str
        That the sentence was cut, or held nothing; or "".
    """

    source: str
    translation: str
    note: str = ""

    def row(self) -> dict[str, object]:
        """Return one flat row."""
        return asdict(self)


class TranslateRun:
    """The run folder of ``translate``.

    Parameters
    ----------
    folder : str or Path

    Raises
    ------
    ArtifactError
        No such run folder, from a newer headstart, or tampered with.
    """

    @declared
    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise ArtifactError(
                _("There is no run folder {folder!r}.", folder=str(folder)),
                _("`headstart translate PAIRS` makes one."),
            )
        self.translator: Translator = load_translator(self.folder / MODEL)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Everything in ``metrics.json``."""
        return read_document(self.folder / METRICS)

    @declared
    def predict(
        self, texts: Sequence[str], *, beam: int = BEAM, on_event: OnEvent = ignore
    ) -> list[Translated]:
        """Translate sentences, in order.

        Parameters
        ----------
        texts : sequence of str
            A sentence each: the network saw sentences, and cuts what is longer than 128 tokens.
        beam : int, 1 to 32
            Translations that are followed at once.

        Raises
        ------
        ConfigError
            Another ``beam``.
        """
        refuse_beam(beam)
        longest = self.translator.longest
        rows = [i for i, text in enumerate(texts) if text.strip()]
        asked = [" ".join(texts[i].split()) for i in rows]

        def tell(done: int, total: int) -> None:
            on_event(Event(_("translating"), done, total, _("sentences")))

        said = dict(zip(rows, self.translator.translate(asked, beam=beam, on_done=tell),
                        strict=True)) if rows else {}  # fmt: skip
        long = {i for i, ids in zip(rows, self.translator.fed(asked) if rows else [], strict=True)
                if len(ids) > longest}  # fmt: skip
        return [
            Translated(
                text,
                said.get(i, ""),
                _("cut after {n} tokens", n=longest) if i in long else
                "" if i in said else _("an empty text"),
            )
            for i, text in enumerate(texts)
        ]  # fmt: skip

    @declared
    def report(self, *, lang: str | None = None) -> Path:
        """Render ``report.html`` afresh, in the language that is spoken or in ``lang``."""
        from headstart.report.translation import REPORT

        with speaking(lang):
            return REPORT.render(self.folder)

    def __repr__(self) -> str:
        return f"<TranslateRun {str(self.folder)!r}>"

    def _repr_html_(self) -> str:
        """Show the run in a notebook: what came out, and the comparison; nothing is loaded."""
        from headstart.report.glance import of_translation

        return of_translation(self.folder, self.metrics)


def translates(folder: str | Path) -> bool:
    """Tell whether a run folder translates, without reading its model."""
    return is_translator(Path(folder) / MODEL)


def refuse_beam(beam: int) -> None:
    """Raise ``ConfigError`` for a number of translations that cannot be followed."""
    if not 1 <= beam <= MOST_BEAM:
        raise ConfigError(
            _("--beam {n} is not possible.", n=beam),
            _("Give 1 to {most:,}.", most=MOST_BEAM),
        )


def texts_from(path: Path, column: str | None, encoding: str) -> list[str]:
    """Read the sentences to translate: lines of a text, or a column of a table.

    Raises
    ------
    DataError
        There is no such file, or a table with several columns of which none looks like the one.
    """
    if not path.is_file():
        raise DataError(
            _("There is no file {name}.", name=str(path)),
            _("Name a .txt with a sentence a line or a table, or give --text."),
        )
    if not is_table(path):
        encoding, _notes = settled(path, encoding)
        with opened(path, encoding, "\n") as file:
            return [line.strip() for line in file]
    table = read_cells(path, encoding)
    names = list(table.cells)
    if column is None:
        column = table.guess((*SOURCES, "text", "文本"))
    if column is None:
        spoken = [name for name in names if language_named(name)]
        column = spoken[0] if spoken else names[0] if len(names) == 1 else None
    if column is None or column not in names:
        raise DataError(
            _("{table}: which column holds the sentences cannot be told.", table=table.name),
            _("Name it with --x; there are {names}.", names=listed([repr(n) for n in names])),
        )
    return table.cells[column]
