"""Documents: texts in tables, files and archives, with the keywords that people gave them, if any.

Gold keywords stand in a column of a table, or in files ``NAME.key`` beside ``NAME.txt`` or in a
folder ``keys`` beside that of the texts, one a line (the layout of KeywordExtractor-Datasets).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Protocol

from headstart.data import archives
from headstart.data.formats import Table, is_table, read_pieces
from headstart.data.inputs import may_be_example
from headstart.data.pieces import Pieces
from headstart.data.tables import row_names
from headstart.data.texts import clean, columns_of_texts, refuse_numbers
from headstart.data.walk import files_below
from headstart.encodings import EncodingError, decoded
from headstart.errors import ConfigError, DataError
from headstart.events import OnEvent
from headstart.modalities import UnreadableError, modality
from headstart.said import _, commas, sentences

SIZE = 256
"""Documents that are read and embedded at a time."""
KEY, KEYS = ".key", "keys"
TITLES = ("keywords", "keyphrases", "keyword", "tags", "关键词", "关键字", "主题词")
"""Columns that are not taken for texts."""
_MANY = re.compile(r"[;；|\n\t、]")
_COMMAS = re.compile("[,，]")


@dataclass(frozen=True)
class Document:
    """A text, and what people say it is about.

    Attributes
    ----------
    ref : str
        How it is shown.
    text : str
        "" where it cannot be read.
    gold : tuple of str or None
        Its gold keywords; None where nobody gave any.
    error : str
        Why it cannot be read.
    """

    ref: str
    text: str = ""
    gold: tuple[str, ...] | None = None
    error: str = ""


class Documents(Protocol):
    """Documents in pieces; may be gone through again.

    Attributes
    ----------
    name : str
        Of the source.
    gold : str
        Where gold keywords come from: a column, or ``".key"``; "" without any.
    column : str
        Of the texts, in a table.
    """

    name: str
    gold: str
    column: str

    def __iter__(self) -> Iterator[list[Document]]:
        """Give them piece by piece."""


def open_documents(
    data: str | Path,
    *,
    gold: str | None,
    x: str | None,
    encoding: str,
    cache_dir: Path,
    on_event: OnEvent,
) -> Documents:
    """Find the documents of a source.

    Parameters
    ----------
    data : str or Path
        A table, a folder of texts, an archive of either, a text, a list, or a pattern.
    gold : str or None
        The column of gold keywords of a table.
    x : str or None
        The column of texts; default: the longest ones.

    Raises
    ------
    DataError
        Nothing to read, no such column, an archive that is damaged.
    ConfigError
        A column for what has none.
    """
    path = Path(data).expanduser()
    if path.is_file() and is_table(path):
        return _InTable(path, gold, x, encoding)
    root, shown = path, str(data)
    name = archives.stem(path) or path.resolve().name
    if path.is_file() and archives.is_archive(path):
        root = archives.unpacked(path, cache_dir, on_event)
        tables = [file for file in files_below(root) if is_table(file)]
        if len(tables) == 1 and not any(f.suffix.lower() == KEY for f in files_below(root)):
            return _InTable(tables[0], gold, x, encoding)
    for option, given in (("--gold", gold), ("--x", x)):
        if given is not None:
            raise ConfigError(
                _("{option} names a column, and {data} is no table.", option=option, data=shown),
                _(
                    "Leave it out. Gold keywords of NAME.txt are read from NAME.key, beside it or "
                    "in a folder called keys."
                ),
            )
    if root.is_dir() and (keys := _keys_below(root)):
        return _InFolder(root, keys, name)
    return _InFiles(path, encoding, cache_dir, on_event, name)


@dataclass
class _InTable:
    """Cells of a column."""

    path: Path
    asked: str | None
    x: str | None
    encoding: str
    column: str = ""

    def __post_init__(self) -> None:
        table = next(read_pieces(self.path, self.encoding, SIZE))
        _refuse_lacking(table, {"--x": self.x, "--gold": self.asked})
        taken = [name for name in table.cells if name == self.asked or name.casefold() in TITLES]
        texts = columns_of_texts(table, taken)
        named = table.guess(modality("text").columns, taken)
        texts += [named] if named is not None and not texts else []
        if self.x is None and not texts:
            raise DataError(
                _("{table}: no column holds texts.", table=table.name),
                _("Name it with --x. Its columns are {columns}.", columns=commas(table.cells)),
            )
        self.column = self.x or texts[0]
        refuse_numbers(table, self.column, _("texts"))
        if self.column == self.asked:
            raise ConfigError(
                _("Column {column!r} cannot be both the texts and their keywords.", column=self.x),
                _("Name another column with --x or --gold."),
            )
        self.name, self.gold = self.path.stem, self.asked or ""

    def __iter__(self) -> Iterator[list[Document]]:
        filled = False
        for table in read_pieces(self.path, self.encoding, SIZE):
            found = [*self._of(table)]
            filled |= any(one.gold for one in found)
            yield found
        if self.gold and not filled:
            raise DataError(
                _(
                    "{table}: column {column!r} has no keywords: all its cells are blank.",
                    table=self.path.name,
                    column=self.gold,
                ),
                _("Name another column, or leave out --gold."),
            )

    def _of(self, table: Table) -> Iterator[Document]:
        golds = table.cells[self.gold] if self.gold else [""] * len(table.numbers)
        names = row_names(table)
        for ref, cell, gold in zip(names, table.cells[self.column], golds, strict=True):
            text = clean(cell).strip()
            error = "" if text else str(_("an empty text"))
            yield Document(ref, text, keywords_in(gold) or None, error)


@dataclass
class _InFolder:
    """Texts with files of keywords."""

    root: Path
    keys: dict[Path, Path]
    name: str
    gold: str = KEY
    column: str = ""

    def __post_init__(self) -> None:
        folders = {text.parent for text in self.keys}
        text = modality("text")
        self._texts = [
            file
            for file in files_below(self.root)
            if file.parent in folders and file.suffix.lower() != KEY and may_be_example(file, text)
        ]

    def __iter__(self) -> Iterator[list[Document]]:
        for start in range(0, len(self._texts), SIZE):
            yield [self._of(file) for file in self._texts[start : start + SIZE]]

    def _of(self, file: Path) -> Document:
        ref = file.relative_to(self.root).as_posix()
        gold = _lines(self.keys[file]) if file in self.keys else ()
        try:
            return Document(ref, modality("text").read(file.read_bytes()), gold or None)
        except (UnreadableError, OSError) as cause:
            return Document(ref, "", gold or None, str(cause))


@dataclass
class _InFiles:
    """Texts without keywords, wherever they lie."""

    path: Path
    encoding: str
    cache_dir: Path
    on_event: OnEvent
    name: str
    gold: str = ""
    column: str = ""

    def __post_init__(self) -> None:
        self._pieces = Pieces(
            [self.path],
            modality("text"),
            encoding=self.encoding,
            cache_dir=self.cache_dir,
            on_event=self.on_event,
            size=SIZE,
        )

    def __iter__(self) -> Iterator[list[Document]]:
        for examples in self._pieces:
            yield documents_of(examples.refs, partial(_read, examples.items.data))


def _refuse_lacking(table: Table, asked: dict[str, str | None]) -> None:
    """Raise ``DataError`` for a column that is not there."""
    for option, name in asked.items():
        if name is not None and name not in table.cells:
            near = get_close_matches(name, table.cells, n=1)
            raise DataError(
                sentences(
                    _(
                        "{table} has no column {column!r} ({option}).",
                        table=table.name,
                        column=name,
                        option=option,
                    ),
                    _("Its columns are {columns}.", columns=commas(map(repr, table.cells))),
                ),
                _("Did you mean {names}?", names=repr(near[0]))
                if near
                else _("Name one of its columns."),
            )


def documents_of(refs: tuple[str, ...], read: Callable[[int], str]) -> list[Document]:
    """Read texts by row; what cannot be read says why."""
    found = []
    for row, ref in enumerate(refs):
        try:
            found.append(Document(ref, read(row)))
        except (UnreadableError, OSError) as cause:
            found.append(Document(ref, error=str(cause)))
    return found


def _read(data: Callable[[int], bytes], row: int) -> str:
    text: str = modality("text").read(data(row))
    return text


def keywords_in(cell: str) -> tuple[str, ...]:
    """Read the keywords in a cell: a JSON list, or with ; | 、 or line breaks between, else commas.

    Examples
    --------
    >>> keywords_in("deep learning; vision"), keywords_in('["a, b", "c"]'), keywords_in("x, y")
    (('deep learning', 'vision'), ('a, b', 'c'), ('x', 'y'))
    """
    if cell.startswith("["):
        try:
            listed = json.loads(cell)
        except (ValueError, RecursionError):
            listed = None
        if isinstance(listed, list):
            return _stripped([str(one) for one in listed])
    cell = clean(cell) if not _MANY.search(cell) else cell
    return _stripped((_MANY if _MANY.search(cell) else _COMMAS).split(cell))


def _stripped(parts: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for part in parts if (one := " ".join(clean(part).split()))))


def _lines(file: Path) -> tuple[str, ...]:
    """Read a file of keywords, one a line."""
    try:
        text, _encoding = decoded(file.read_bytes())
    except EncodingError as cause:
        raise DataError(
            _("{name} cannot be read: {cause}.", name=str(file), cause=cause.reason),
            _("Save it in UTF-8."),
        ) from None
    except OSError as cause:
        raise DataError(
            _("{name} cannot be read: {cause}.", name=str(file), cause=str(cause.strerror)),
            _("Check its permissions."),
        ) from cause
    return _stripped(text.splitlines())


def _keys_below(root: Path) -> dict[Path, Path]:
    """Find the file of keywords of every text that has one."""
    files = files_below(root)
    keys = {(f.parent, f.stem): f for f in files if f.suffix.lower() == KEY}
    found = {}
    for file in files:
        if file.suffix.lower() == KEY or not keys:
            continue
        near = (file.parent, file.parent / KEYS, file.parent.parent / KEYS)
        match = next((keys[p, file.stem] for p in near if (p, file.stem) in keys), None)
        if match is not None:
            found[file] = match
    return found
