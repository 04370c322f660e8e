"""Inputs without labels: files, folders, tables, lists, archives, and what is in memory."""

from __future__ import annotations

import glob
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import archives
from headstart.data.array_files import (
    is_array_file,
    named_rows,
    read_unlabelled_arrays,
    with_columns,
)
from headstart.data.formats import Table, is_table, is_text_table, read_pieces
from headstart.data.items import (
    Cells,
    Examples,
    Files,
    Items,
    Memory,
    Mixed,
    NumberRows,
    first_bytes,
    with_times,
)
from headstart.data.lists import STANDARD_INPUT, is_list, lists_files, located, read_list
from headstart.data.located import Locator, is_file
from headstart.data.numbers import number_rows
from headstart.data.spans import Span, span_of, stretches_of
from headstart.data.tables import (
    BLANK,
    UTF_8,
    columns_named,
    locator,
    path_column,
    refuse_headless,
    refuse_lacking,
    refuse_prose,
    refuse_several,
    refuse_x,
    row_names,
)
from headstart.data.texts import clean, columns_of_texts, read_texts, refuse_numbers
from headstart.data.walk import is_litter, walk
from headstart.errors import ConfigError, DataError
from headstart.events import Event, OnEvent, ignore
from headstart.findings import Finding
from headstart.modalities import KINDS, Kind, Modality, Timed, UnreadableError, recognised
from headstart.said import N_, _, commas, listed

Input = str | Path | bytes | NDArray[Any] | object
"""Names, the bytes of a file, an array; what else is an example, a modality knows."""
LONGEST_NAME = 255
"""Characters of a file's name."""
Piece = tuple[list[str], Items]
"""How some examples are shown, and where they lie."""


@dataclass(frozen=True)
class Source:
    """What one input stands for, or one table of several below it.

    Attributes
    ----------
    name : str
        What its rows are called after, beside those of others; "" of files.
    pieces : callable
        Gives its examples in pieces; may be called again.
    """

    name: str
    pieces: Callable[[], Iterator[Piece]]

    @classmethod
    def held(cls, name: str, refs: list[str], items: Items) -> Source:
        """Take examples that are listed already."""
        return cls(name, lambda: iter([(refs, items)]))


def each(inputs: Input | Iterable[Input]) -> list[Input]:
    """Tell one input from several."""
    if isinstance(inputs, np.ndarray) and inputs.dtype.kind in "OU":  # of strings
        return list(inputs)
    if isinstance(inputs, str | Path | bytes | bytearray | np.ndarray):
        return [inputs]
    if isinstance(inputs, tuple) and any(isinstance(one, int | np.integer) for one in inputs):
        return [inputs]  # samples and their rate: a number alone is no input
    return list(inputs) if isinstance(inputs, Iterable) else [inputs]


def expand(
    inputs: Sequence[Input],
    modality: Modality[Any, Any],
    *,
    columns: Sequence[str] = (),
    column: str = "",
    x: str | None = None,
    encoding: str = "utf-8",
    strings: bool = False,
    cache_dir: Path | None = None,
    on_event: OnEvent = ignore,
) -> Examples:
    """Turn what a user named into examples, in order.

    Parameters
    ----------
    inputs : sequence of path, ndarray, bytes or anything that the modality encodes
        A folder or archive stands for the examples below it, sorted; a table for those it lists or
        holds; a text file for those it lists, one a line, and ``"-"`` for such a list on standard
        input; an array for its rows, where these are examples. What is in memory is shown by its
        place among the inputs.
    modality : Modality
        What they are.
    columns : sequence of str
        Where rows of numbers are examples: the columns that make one (``Look.columns``).
    column : str
        Where cells are examples: the column of the table that a model was trained on, or "".
    x, encoding : str, optional
        The column of paths or examples of tables, and their encoding.
    strings : bool
        Whether strings are examples themselves, where the modality encodes them; else they name
        what is to be read, as a ``Path`` always does.
    cache_dir : Path, optional
        Where archives are unpacked; None: they are not taken.
    on_event : callable, optional
        Hears of the unpacking, and how tables were read.

    Raises
    ------
    DataError
        An input that names nothing or is none, or tables without those columns.
    """
    reading = Reading(modality, columns, column, x, encoding, strings, cache_dir, on_event)
    sources = list(reading.sources(inputs))
    read = [(source.name, *piece) for source in sources for piece in source.pieces()]
    several = are_several(sources, {items.kind for *_named, items in read})
    names = [ref for source, refs, _items in read for ref in called(source, refs, several)]
    return Examples(tuple(names), joined([items for *_named, items in read]), modality)


def are_several(sources: Sequence[Source], kinds: Collection[Kind]) -> bool:
    """Whether rows have to be called after their source; raise where kinds are mixed."""
    if len(kinds) > 1:
        raise DataError(
            _("The inputs are {kinds}.", kinds=listed(_(KINDS[kind]) for kind in sorted(kinds))),
            _("Give those of one kind at a time."),
        )
    return len(sources) > 1 and set(kinds) != {"file"}


def called(source: str, refs: Sequence[str], several: bool) -> list[str]:
    """Name examples; "row 2" alone would say too little where there are several tables."""
    return [f"{source} {ref}" for ref in refs] if several and source else list(refs)


@dataclass(frozen=True)
class Reading:
    """How inputs are to be read; parameters as of ``expand``.

    Attributes
    ----------
    size : int or None
        Rows that are read of a table at a time; None: all.
    """

    modality: Modality[Any, Any]
    columns: Sequence[str]
    column: str
    x: str | None
    encoding: str
    strings: bool
    cache_dir: Path | None
    on_event: OnEvent
    size: int | None = None
    _said: set[str] = field(default_factory=set)

    @property
    def in_files(self) -> bool:
        """Whether an example may be a file."""
        return "file" in self.modality.kinds

    def sources(self, inputs: Sequence[Input]) -> Iterator[Source]:
        """Find out what inputs stand for, one after the other."""
        strings = self.strings and self.modality.encode("") is not None
        names = Path if strings else (str, Path)
        named = [given for given in inputs if isinstance(given, names)]
        _refuse_without_tables(named, self.modality, self.x, self.encoding)
        for place, given in enumerate(inputs, 1):
            if isinstance(given, names):
                yield from self._named(given)
            else:
                yield _in_memory(given, place, self.modality, self.columns)

    def _named(self, given: Any) -> Iterator[Source]:
        """Find out what a name stands for."""
        if str(given) == STANDARD_INPUT:
            yield self._from_standard_input()
        elif Path(given).is_dir():
            yield from self._below(Path(given), str(given))
        elif Path(given).is_file():
            yield from self._in_file(Path(given))
        elif Path(given).exists():
            yield _files([Path(given)])
        else:
            yield from self._matching(str(given))

    def _below(self, root: Path, shown: str) -> Iterator[Source]:
        """List a folder, or an archive that was unpacked there; ``shown`` is its name."""
        held = [file for file in sorted(walk(root)) if may_be_example(file, self.modality)]
        if not held:
            raise DataError(
                _(
                    "There are no {many} below {folder!r}.",
                    many=self.modality.unit.many,
                    folder=shown,
                ),
                _("Name another."),
            )
        if self.in_files:
            refs = [(Path(shown) / file.relative_to(root)).as_posix() for file in held]
            yield Source.held("", refs, Files(tuple(held)))
        else:
            for table in held:
                yield from self._in_file(table)

    def _in_file(self, path: Path) -> Iterator[Source]:
        if is_table(path):
            yield Source(path.name, partial(self._in_table, path))
        elif is_array_file(path) and "row" in self.modality.kinds:
            names, rows = read_unlabelled_arrays(path)
            yield Source.held(path.name, names, with_columns(path.name, rows, self.columns))
        elif archives.is_archive(path) and self.cache_dir is not None:
            yield from self._below(
                archives.unpacked(path, self.cache_dir, self.on_event), str(path)
            )
        elif not self.in_files:
            raise DataError(
                _(
                    "{name} is no table: {many} lie in tables.",
                    name=path.name,
                    many=self.modality.unit.many,
                ),
                _("Name a table."),
            )
        elif is_list(path) and not may_be_example(path, self.modality):
            yield self._in_text(path)
        else:
            yield _files([path])

    def _in_text(self, path: Path) -> Source:
        """Read a list of paths; prose is an example that cannot be read, as its row will say."""
        try:
            lines = read_list(path.name, path.read_bytes(), self.encoding)
        except OSError:
            return _files([path])
        if lines and not lists_files(lines, path.parent):
            return _files([path])
        return self._in_list(path.name, lines, path.parent, path.stem)

    def _from_standard_input(self) -> Source:
        if not self.in_files:
            raise DataError(
                _(
                    "Standard input is read as a list of files, one a line; {many} lie in tables.",
                    many=self.modality.unit.many,
                ),
                _("Name a table."),
            )
        name = _("standard input")
        lines = read_list(name, sys.stdin.buffer.read(), self.encoding)
        return self._in_list(name, lines, Path(), "")

    def _in_list(self, name: str, lines: list[str], folder: Path, stem: str) -> Source:
        if not lines:
            raise DataError(
                _("{name} lists no {many}.", name=name, many=self.modality.unit.many),
                _("Write one path on each line."),
            )
        return Source.held(name, lines, Files(tuple(located(lines, folder, stem))))

    def _matching(self, pattern: str) -> Iterator[Source]:
        found = _matching(pattern)
        if not found:
            raise DataError(
                _("{pattern!r} names no file.", pattern=pattern),
                _("Check the path or the pattern."),
            )
        if self.in_files:
            yield _files(found)
        else:
            for file in found:
                yield from self._in_file(file)

    def _in_table(self, path: Path) -> Iterator[Piece]:
        """Read a table in pieces; the first tells which column, and what is in it."""
        read: Callable[[Table], Piece] | None = None
        for table in read_pieces(path, self.encoding, self.size):
            if read is None:
                self._say(*table.findings)
                read = self._reader(table)
            yield read(table)

    def _reader(self, table: Table) -> Callable[[Table], Piece]:
        """Choose numbers, or the column asked for, of the model, named like one, or the first."""
        cells, x, kinds = table.cells, self.x, self.modality.kinds
        of_file = columns_named(table, x) if x is not None else []
        timed = len(of_file) == 3 and isinstance(self.modality, Timed)
        lacking = [name for name in (of_file if timed else [x]) if name and name not in cells]
        if lacking and not ("," in lacking[0] and "row" in kinds):
            refuse_headless(table)
            raise DataError(
                _("{table} has no column {column!r}.", table=table.name, column=lacking[0]),
                _("Its columns are {columns}.", columns=commas(cells)),
            )
        of_model = {self.column, *self.columns} & cells.keys()
        refuse_headless(table, named=x is not None or bool(of_model))
        if "row" in kinds:
            if self.columns:
                refuse_x(x)
            return self._numbers
        known = (of_file[:1] if timed else [x]) if x else self._column_of_examples(table)
        column = (known or list(cells))[0]
        find = locator(table)
        if self.in_files and ("cell" not in kinds or find.leads(cells[column])):
            span = self._span(table, of_file, column)
            return partial(self._paths, column=column, find=find, span=span)
        if not known:
            refuse_prose(table, column)
        if column != self.column:
            refuse_numbers(table, column, self.modality.unit.many)
        return partial(self._cells, column=column)

    def _column_of_examples(self, table: Table) -> list[str]:
        """Find the column by its name; cells also by what is in them, which is said."""
        if self.column in table.cells:
            return [self.column]
        if "cell" not in self.modality.kinds:
            return path_column(table, files=self.modality.kinds == ("file",))
        own = table.guess(self.modality.columns)
        named = [own] if own else path_column(table)
        if named and (own or locator(table).leads(table.cells[named[0]])):
            return named
        texts = columns_of_texts(table)[:1]
        if texts:
            refuse_prose(table, texts[0])
        if texts and len(table.cells) > 1:
            message = _(
                "{table}: guessed {many} from column {column!r} (--x chooses another).",
                table=table.name,
                many=self.modality.unit.many,
                column=texts[0],
            )
            self._say(Finding("note", "info", message))
        return texts or named

    def _numbers(self, table: Table) -> Piece:
        refuse_lacking(table, self.columns)
        return row_names(table), number_rows(table, self.columns or list(table.cells))

    def _span(self, table: Table, named: Sequence[str], column: str) -> Span | None:
        """Choose the columns of stretches, as training does."""
        if not isinstance(self.modality, Timed):
            return None
        if len(named) == 3:
            return Span.named(named[1], named[2])
        return None if named else span_of(table, [column])

    def _paths(self, table: Table, column: str, find: Locator, span: Span | None) -> Piece:
        written = table.cells[column]
        blank = [(n, "") for n, cell in zip(table.numbers, written, strict=True) if not cell]
        table.refuse(BLANK, blank, _("Fill the cells, or delete those rows."), column=column)
        found = [find.find(text) for text in written]
        refuse_several(table, column, found)
        pairs = zip(written, found, strict=True)
        files = [at[0] if at else find.direct(text) for text, at in pairs]
        if span is None:
            return written, Files(tuple(files))
        items = stretches_of(table, span, files, self.modality)
        return [with_times(text, items, row) for row, text in enumerate(written)], items

    def _cells(self, table: Table, column: str) -> Piece:
        cells, cleaned = read_texts(table, column)
        if table.name not in self._said:  # once for a table, not for every piece
            self._say(*cleaned)
            self._said.update(table.name for _finding in cleaned)
        return row_names(table), cells

    def _say(self, *findings: Finding) -> None:
        """Say what was noticed, each once, however often a table is read."""
        for finding in findings:
            if finding.message not in self._said:
                self._said.add(finding.message)
                self.on_event(Event(_("reading"), message=finding.message, level="note"))


def _matching(pattern: str) -> list[Path]:
    """List the files that a pattern names; litter only where it says so."""
    said = Path(pattern).parts
    if "**" in said:  # glob would go round in every circle of links
        k = said.index("**")
        tops = glob.glob(str(Path(*said[:k]))) if k else ["."]  # noqa: PTH207
        below = [(Path(top), file) for top in tops for file in walk(Path(top))]
        return sorted(f for top, f in below if _fits(f.relative_to(top).parts, said[k:]))
    found = map(Path, sorted(glob.glob(pattern)))  # noqa: PTH207
    return [
        path
        for path in found
        if path.is_file() and not any(is_litter(part) for part in path.parts if part not in said)
    ]


def _fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether a path fits a pattern, part by part; ``**`` stands for any number of them."""
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return any(_fits(parts[k:], wanted[1:]) for k in range(len(parts) + 1))
    return bool(parts) and fnmatch(parts[0], wanted[0]) and _fits(parts[1:], wanted[1:])


def _refuse_without_tables(
    names: Sequence[Any], modality: Modality[Any, Any], x: str | None, encoding: str
) -> None:
    """Refuse options of tables where there is none; a folder of tables may hold some."""
    if "file" not in modality.kinds:
        return
    paths = [*map(Path, names)]
    if x is not None and not any(map(is_table, paths)):
        raise ConfigError(_("--x {x!r}: none of the inputs is a table.", x=x), _("Leave it out."))
    if encoding != UTF_8 and not any(map(_has_encoding, paths)):
        raise ConfigError(
            _(
                "--encoding {encoding!r}: none of the inputs is a text table or a list.",
                encoding=encoding,
            ),
            _("Leave it out."),
        )


def _has_encoding(path: Path) -> bool:
    return is_text_table(path) or is_list(path) or str(path) == STANDARD_INPUT


def _files(found: Sequence[Path]) -> Source:
    return Source.held("", [p.as_posix() for p in found], Files(tuple(found)))


def _in_memory(
    held: Any, place: int, modality: Modality[Any, Any], columns: Sequence[str]
) -> Source:
    """Take what a program holds: the rows of an array, or one example as a file would hold it."""
    if isinstance(held, np.ndarray) and "row" in modality.kinds:
        names, rows = named_rows(_("the array"), held)
        return Source.held("array", names, with_columns(_("the array"), rows, columns))
    name = f"{modality.unit.singular} {place}"  # the same in every language, as names of files are
    if "file" not in modality.kinds:
        raise _no_example(held, place, modality)
    if isinstance(held, bytes | bytearray):
        return Source.held("", [name], Memory((bytes(held),)))
    if isinstance(held, str) and "cell" in modality.kinds:
        _refuse_names(held, place, modality)
        return Source.held("", [name], Cells((clean(held),)))
    try:
        data = modality.encode(held)
    except UnreadableError as cause:
        raise DataError(
            _("{name} cannot be read: {cause}.", name=name, cause=str(cause)), _("Leave it out.")
        ) from cause
    if data is None:
        raise _no_example(held, place, modality)
    return Source.held("", [name], Memory((data,)))


def _refuse_names(text: str, place: int, modality: Modality[Any, Any]) -> None:
    """Refuse a string that would be an example, but names a file or table that is there."""
    path = Path(text[:LONGEST_NAME])
    like_one = is_table(path) or archives.is_archive(path) or recognised(path.name)
    if len(text) <= LONGEST_NAME and like_one and is_file(path):
        raise DataError(
            _(
                "Input {place}, {text!r}, is the name of a file, but a string is {one} itself to "
                "this model.",
                place=place,
                text=text,
                one=modality.unit.a,
            ),
            _("To have the file read, give {path}.", path=f"pathlib.Path({text!r})"),
        )


def _no_example(held: Any, place: int, modality: Modality[Any, Any]) -> DataError:
    one = modality.unit.one
    if isinstance(held, np.ndarray):
        message = _(
            "Input {place} is an array of {dtype}, shape {shape}, which holds no {one}.",
            place=place,
            dtype=str(held.dtype),
            shape=str(held.shape),
            one=one,
        )
    else:
        message = _(
            "Input {place} is a {type}, which holds no {one}.",
            place=place,
            type=type(held).__name__,
            one=one,
        )
    return DataError(message, _(modality.held or N_("Name files, folders or tables.")))


def joined(parts: Sequence[Items]) -> Items:
    """Join items of one kind."""
    if not parts:
        return Files(())
    first = parts[0]
    if len(parts) == 1:
        return first
    if first.kind == "file" and not all(isinstance(part, Files) for part in parts):
        return Mixed.of(parts)
    if isinstance(first, Files):
        return Files(tuple(f for part in parts if isinstance(part, Files) for f in part.files))
    if isinstance(first, Cells):
        texts = (t for part in parts if isinstance(part, Cells) for t in part.texts)
        return Cells(tuple(texts), first.column)
    rows = [part for part in parts if isinstance(part, NumberRows)]
    return NumberRows(np.concatenate([part.numbers for part in rows]), rows[0].columns)


def may_be_example(file: Path, modality: Modality[Any, Any]) -> bool:
    """Whether a file that is found in a folder may be an example, by its name and first bytes."""
    if "file" in modality.kinds:
        return modality.recognise("file", file.name, first_bytes(file)) > 0
    return is_table(file) or is_array_file(file)
