"""The columns of a log as they come out of its file, in bounded memory.

Arrow reads what it can, a piece at a time, and writes each id once with its place among them: ten
million rows are three columns of whole numbers. What Arrow cannot take apart goes through
``data.formats``, which reads slower, forgives more, and says in which row something is wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from headstart.behaviour.columns import Roles, choose, columns_of, without_header
from headstart.behaviour.found import CELLS
from headstart.behaviour.times import Times
from headstart.data.cells import unguarded
from headstart.data.decoding import settled
from headstart.data.formats import (
    Form,
    Table,
    first_rows,
    names_of,
    read_delimited,
    read_pieces,
    row_and,
    text_of,
)
from headstart.encodings import blocks_of
from headstart.errors import DataError
from headstart.events import Event, OnEvent
from headstart.findings import Finding
from headstart.said import _, commas, listed, sentences

if TYPE_CHECKING:
    import pyarrow as pa

AT_ONCE, BY_PYTHON = 2**18, 2**15
"""Rows of a piece, of Arrow's and of texts that Python holds one by one."""
BLOCK = 2**23
"""Bytes of a text that are read at once, 8 MB: enough to keep Arrow busy."""
MIB = 2**20
SHOWN = 3
Codes = NDArray[np.int32]


class Piece(NamedTuple):
    """Some rows: columns by what they hold, and what the user's program calls the rows."""

    columns: dict[str, pa.Array]
    numbers: Sequence[int]


@dataclass(frozen=True)
class Coded:
    """A column of texts, each written once.

    Attributes
    ----------
    values : list of str
        Stripped, none twice; ``""`` where a cell is blank.
    codes : ndarray of int32, shape (n,)
        Places among ``values``.
    """

    values: list[str]
    codes: Codes

    def blank(self) -> NDArray[np.bool_]:
        """Tell the rows without anything."""
        return self.among([value == "" for value in self.values])

    def among(self, chosen: Sequence[bool]) -> NDArray[np.bool_]:
        """Tell the rows whose value is chosen."""
        rows: NDArray[np.bool_] = np.array(chosen, bool)[self.codes]
        return rows


@dataclass
class Raw:
    """A log before it is checked.

    Attributes
    ----------
    name : str
        The file's, for messages.
    roles : Roles
    row : {"row", "line"}
        What the user's program calls a row.
    user, item : Coded
    rating : Coded or None
    time : Times or None
    findings : list of Finding
    """

    name: str
    roles: Roles
    row: str
    user: Coded
    item: Coded
    rating: Coded | None
    time: Times | None
    findings: list[Finding]
    numbers: list[Sequence[int]] = field(default_factory=list)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.user.codes)

    def listed(self, wrong: NDArray[np.bool_], shown: Coded | None = None) -> str:
        """Name three of some rows, with what stands there, and count the rest."""
        places = np.flatnonzero(wrong)
        rows = []
        for place in map(int, places[:SHOWN]):
            text = "" if shown is None else f"{shown.values[shown.codes[place]][:40]!r}"
            rows.append(row_and(self.row, self._number(place), text))
        said = commas(rows)
        if len(places) > SHOWN:
            return _("{shown} and {n} more", shown=said, n=len(places) - SHOWN)
        return said

    def _number(self, place: int) -> int:
        for numbers in self.numbers:
            if place < len(numbers):
                return int(numbers[place])
            place -= len(numbers)
        raise IndexError(place)


class _OddError(Exception):
    """A text that Arrow cannot take apart as ``data.formats`` would."""


def read_raw(path: Path, asked: dict[str, str | None], encoding: str, on_event: OnEvent) -> Raw:
    """Read the columns of a log.

    Parameters
    ----------
    path : Path
        A file for which ``found.is_log`` holds.
    asked : dict
        As ``columns.choose``.

    Raises
    ------
    DataError, ConfigError
        As ``read_pieces`` and ``columns.choose``.
    """
    suffix = path.suffix.lower()
    if suffix in CELLS:
        return _read_cells(path, asked, encoding, on_event)
    if suffix == ".parquet":
        return _read_parquet(path, asked, on_event)
    return _read_pieces(path, asked, read_pieces(path, encoding, BY_PYTHON), on_event)


@dataclass(frozen=True)
class _Head:
    """How a text of cells begins.

    Attributes
    ----------
    form : Form
    separator : str
    names : list of str
        Of the columns; where ``::`` stands between them, blank ones come between.
    bare : bool
        Whether it has no header.
    findings : list of Finding
    """

    form: Form
    separator: str
    names: list[str]
    bare: bool
    findings: list[Finding]

    @classmethod
    def of(cls, path: Path, asked: dict[str, str | None], encoding: str) -> _Head:
        form, rows = first_rows(path, encoding, 1)
        if not rows:
            raise no_rows(path.name)
        (cells,), separator, doubled = rows, form.separator, False
        if len(cells) == 1 and "::" in cells[0]:
            cells, separator, doubled = cells[0].split("::"), ":", True
        names = without_header(cells)
        by_place = [str(place) for place in range(1, len(cells) + 1)]
        wanted = [column for column in asked.values() if column]
        if wanted and all(column in by_place and column not in cells for column in wanted):
            names = by_place
        elif wanted:
            names = None
        bare, findings = names is not None, []
        if names is None:
            names = names_of(path, cells)
        elif names != by_place:
            findings.append(_said_bare(path.name, names))
        if doubled:
            names = [part for name in names for part in (name, "")][:-1]
        return cls(form, separator, names, bare, findings)


def _said_bare(name: str, names: list[str]) -> Finding:
    message = _(
        "{table} has no header: its columns were read as {columns} (--user 1 --item 2 and so on "
        "choose others by their place).",
        table=name,
        columns=listed(names),
    )
    return Finding("note", "info", message, {"columns": names})


def _read_cells(path: Path, asked: dict[str, str | None], encoding: str, on_event: OnEvent) -> Raw:
    head = _Head.of(path, asked, encoding)
    roles, guessed = choose(path.name, [n for n in head.names if n], asked)
    said = head.findings if head.bare else guessed
    try:
        settled_as, notes = settled(path, encoding)
        pieces = _by_arrow(path, head, roles, settled_as, on_event)
        raw = _collected(path.name, roles, pieces)
        raw.findings = [*notes, *([head.form.plain] if head.form.plain else []), *said]
        return raw
    except _OddError:
        names = head.names if head.bare else None
        tables = read_delimited(path, encoding, BY_PYTHON, names, head.separator)
        raw = _read_pieces(path, {}, tables, on_event, roles)
        raw.findings += said
        return raw


def _by_arrow(
    path: Path, head: _Head, roles: Roles, encoding: str, on_event: OnEvent
) -> Iterator[Piece]:
    """Read a text of cells with Arrow; raises ``_OddError`` where ``data.formats`` has to."""
    import pyarrow as pa
    from pyarrow import csv

    quotes = 0 if head.form.plain else sum(block.count(b'"') for block in blocks_of(path)())
    if quotes % 2:
        raise _OddError
    of = {role: f"c{head.names.index(name)}" for role, name in _by_role(roles).items()}
    texts = pa.dictionary(pa.int32(), pa.string())
    utf_8 = encoding.removesuffix("-sig") == "utf-8"
    total = path.stat().st_size
    try:
        with pa.OSFile(str(path)) as file:
            reader = csv.open_csv(
                file,
                csv.ReadOptions(
                    block_size=BLOCK,
                    skip_rows=1 if head.form.skip else 0,
                    column_names=[f"c{place}" for place in range(len(head.names))],
                    skip_rows_after_names=0 if head.bare else 1,
                    encoding="utf8" if utf_8 else encoding,
                ),
                csv.ParseOptions(
                    delimiter=head.separator,
                    quote_char='"' if quotes else False,
                    newlines_in_values=bool(quotes),
                    ignore_empty_lines=False,
                ),
                csv.ConvertOptions(
                    include_columns=list(of.values()),
                    column_types={c: pa.string() if r == "time" else texts for r, c in of.items()},
                    strings_can_be_null=False,
                ),
            )
            first = 1 if head.bare else 2
            for batch in reader:
                columns = {role: batch.column(name) for role, name in of.items()}
                if quotes:
                    _refuse_long(columns)
                yield Piece(columns, range(first, first + batch.num_rows))
                first += batch.num_rows
                _tell(on_event, min(file.tell(), total), total)
    except (pa.ArrowException, UnicodeError) as cause:
        raise _OddError from cause


def _refuse_long(columns: dict[str, pa.Array]) -> None:
    """Distrust an id with a line break: a quotation mark may have opened that nothing closes."""
    import pyarrow.compute as pc

    for role in ("user", "item"):
        if pc.any(pc.match_substring_regex(columns[role].dictionary, "[\r\n]")).as_py():
            raise _OddError


def _read_parquet(path: Path, asked: dict[str, str | None], on_event: OnEvent) -> Raw:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            roles, guessed = choose(path.name, names, asked)
            nested = [
                c for c in roles.named() if pa.types.is_nested(file.schema_arrow.field(c).type)
            ]
            if nested:
                raise DataError(
                    sentences(
                        _(
                            "{table}: column {column!r} holds lists.",
                            table=path.name,
                            column=nested[0],
                        ),
                        columns_of(names),
                    ),
                    _("Write one row for every user and item."),
                )
            raw = _collected(path.name, roles, _parquet_pieces(file, roles, on_event))
            raw.findings = guessed
            return raw
    except (OSError, KeyError, UnicodeError, pa.ArrowException) as cause:
        raise DataError(
            _(
                "{name} cannot be read as Parquet: {cause}",
                name=path.name,
                cause=(str(cause).splitlines() or [type(cause).__name__])[0],
            ),
            _("Write it again, for example with pandas.DataFrame.to_parquet."),
        ) from cause


def _parquet_pieces(file: Any, roles: Roles, on_event: OnEvent) -> Iterator[Piece]:
    first, total = 1, file.metadata.num_rows
    for batch in file.iter_batches(batch_size=AT_ONCE, columns=roles.named()):
        columns = {role: batch.column(name) for role, name in _by_role(roles).items()}
        yield Piece(columns, range(first, first + batch.num_rows))
        first += batch.num_rows
        on_event(Event(_("reading interactions"), first - 1, total, _("rows")))


def _read_pieces(
    path: Path,
    asked: dict[str, str | None],
    tables: Iterator[Table],
    on_event: OnEvent,
    roles: Roles | None = None,
) -> Raw:
    """Read tables as ``data.formats`` gives them; the first tells the columns."""
    with closing(tables) as tables:  # type: ignore[type-var]
        first = next(tables)
        guessed: list[Finding] = []
        if roles is None:
            roles, guessed = choose(path.name, list(first.cells), asked)
        raw = _collected(path.name, roles, _table_pieces(first, tables, roles, on_event))
    raw.row = first.row
    raw.findings = [*first.findings, *guessed]
    return raw


def _table_pieces(
    first: Table, rest: Iterable[Table], roles: Roles, on_event: OnEvent
) -> Iterator[Piece]:
    import pyarrow as pa

    done = 0
    for table in itertools.chain([first], rest):
        columns = {
            role: pa.array(table.cells[name], pa.string()) for role, name in _by_role(roles).items()
        }
        yield Piece(columns, np.array(table.numbers, np.int32))  # type: ignore[arg-type]
        done += len(table.numbers)
        on_event(Event(_("reading interactions"), done, 0, _("rows")))


def _by_role(roles: Roles) -> dict[str, str]:
    found = {"user": roles.user, "item": roles.item, "rating": roles.rating, "time": roles.time}
    return {role: name for role, name in found.items() if name is not None}


def _tell(on_event: OnEvent, done: int, total: int) -> None:
    on_event(Event(_("reading interactions"), done // MIB, max(total // MIB, 1), _("MiB")))


def _collected(name: str, roles: Roles, pieces: Iterable[Piece]) -> Raw:
    """Put pieces together."""
    held: dict[str, list[pa.Array]] = {role: [] for role in _by_role(roles) if role != "time"}
    time = None if roles.time is None else Times(name, roles.time)
    numbers: list[Sequence[int]] = []
    for piece in pieces:
        for role, chunks in held.items():
            chunks.append(_coded(name, piece.columns[role]))
        if time is not None:
            time.add(piece.columns["time"], piece.numbers)
        numbers.append(piece.numbers)
    if not any(map(len, numbers)):
        raise no_rows(name)
    columns = {role: _joined(held.pop(role)) for role in list(held)}
    return Raw(
        name,
        roles,
        "row",
        columns["user"],
        columns["item"],
        columns.get("rating"),
        time,
        [],
        numbers,
    )


def _coded(name: str, cells: pa.Array) -> pa.DictionaryArray:
    """Write every text of a piece once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(cells.type):
        if cells.type.value_type == pa.string() and not cells.null_count:
            return cells
        cells = cells.dictionary_decode()
    kind = cells.type
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        once = cells.dictionary_encode()
        texts = pa.array([text_of(v) for v in once.dictionary.to_pylist()], pa.string())
        cells = texts.take(once.indices)
    try:
        texts = pc.fill_null(cells.cast(pa.string()), "")
    except pa.ArrowException as cause:
        raise DataError(
            _("{table}: a column of {kind} cannot be read as ids.", table=name, kind=str(kind)),
            _("Write it as text or as whole numbers."),
        ) from cause
    return texts.dictionary_encode()


def _joined(chunks: list[pa.DictionaryArray]) -> Coded:
    """Put pieces together, their texts stripped."""
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = pa.chunked_array(chunks).unify_dictionaries()
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in whole.chunks])
    values = pc.utf8_trim_whitespace(whole.chunk(0).dictionary)
    if pc.any(pc.starts_with(values, "'")).as_py():
        values = pa.array([unguarded(value) for value in values.to_pylist()], pa.string())
    once = values.dictionary_encode()
    if len(once.dictionary) < len(values):
        codes = once.indices.to_numpy()[codes]
    return Coded(once.dictionary.to_pylist(), codes)


def no_rows(name: str) -> DataError:
    """Say that a table is empty."""
    return DataError(
        _("{name} has no rows.", name=name),
        _("A log needs column names and one row for every interaction."),
    )
