"""Read pairs of sentences: a table, TMX, or two files whose lines belong together (Moses)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from headstart.data.formats import is_table
from headstart.errors import DataError
from headstart.said import _
from headstart.translation.moses import read_folder, read_two
from headstart.translation.pairs import Pairs
from headstart.translation.table import language_named, read_table
from headstart.translation.tmx import read_tmx


@dataclass(frozen=True)
class Spec:
    """What the user said about the pairs; None leaves it to be guessed, and the guess is said.

    Attributes
    ----------
    source_column, target_column, document_column : str or None
        Columns of a table; of one without a header their places, from ``"1"``.
    source_language, target_language : str or None
        Languages, as ISO 639-1 codes such as ``"en"``.
    encoding : str
        Of a text; ``"utf-8"`` leaves it to the bytes.
    """

    source_column: str | None = None
    target_column: str | None = None
    document_column: str | None = None
    source_language: str | None = None
    target_language: str | None = None
    encoding: str = "utf-8"


def read_pairs(path: Path, other: Path | None = None, spec: Spec | None = None) -> Pairs:
    """Read pairs from wherever they lie.

    Parameters
    ----------
    path : Path
        A CSV, TSV, JSONL or Parquet table, or a ``.txt`` with tabs; ``.tmx``; a folder with files
        of one name and two suffixes, such as ``news.en`` and ``news.zh``; or one of two files.
    other : Path, optional
        The file with the translations, line by line.
    spec : Spec, optional

    Raises
    ------
    DataError
        There is no such file, nothing in it, or it cannot be read as pairs.
    """
    spec = spec or Spec()
    for one in (path, other):
        if one is not None and not one.exists():
            raise DataError(
                _("There is no file or folder {name!r}.", name=str(one)),
                _("Check the path; a name with spaces in it needs quotation marks."),
            )
    if other is not None:
        pairs = read_two(path, other, spec.encoding)
    elif path.is_dir():
        pairs = read_folder(path, spec.encoding, (spec.source_language, spec.target_language))
    elif path.suffix.lower() == ".tmx":
        pairs = read_tmx(path, (spec.source_language, spec.target_language))
    elif is_table(path) or path.suffix.lower() in (".txt", ".tab"):
        columns = (spec.source_column, spec.target_column, spec.document_column)
        pairs = read_table(path, columns, spec.encoding)
    else:
        raise DataError(
            _("{name} is no file of pairs.", name=path.name),
            _(
                "Pass a table with two columns (TSV, CSV, JSONL, Parquet), TMX, a folder, "
                "or two files whose lines belong together."
            ),
        )
    if not len(pairs):
        raise DataError(
            _("{name} holds no pairs.", name=path.name),
            _("Every pair needs a sentence and its translation."),
        )
    told = (
        spec.source_language or pairs.languages[0],
        spec.target_language or pairs.languages[1],
    )
    return replace(pairs, languages=(language_named(told[0]), language_named(told[1])))
