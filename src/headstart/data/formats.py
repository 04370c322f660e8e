"""Formats of tables: CSV, TSV, JSONL and Parquet files become columns of text.

Everything after this is the same for all of them (see tables.py). Whatever is wrong is reported
together, by the row numbers that the user's own program shows.
"""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from headstart.data.cells import unguarded
from headstart.data.decoding import opened, settled
from headstart.errors import DataError
from headstart.findings import Finding
from headstart.said import N_, NN_, _, _n, commas

LONGEST = 2**24
"""Characters of a cell: a library of books; more is a quotation mark that nothing closes."""
MOST = 2**24
"""Characters from which on a piece is not made longer."""
HEAD = 2**16
"""Characters by which the separator is told."""
AT_ONCE = 64
"""Rows that are read at once."""
_ENCLOSED = re.compile(r'"(?:[^"]|"")*"\s*')

Row = tuple[int, Any]
"""Number and content."""


@dataclass(frozen=True)
class Table:
    """Columns of text, and what the user calls their rows.

    Attributes
    ----------
    name : str
        The file's name, for messages.
    folder : Path
        Resolved; relative paths in the table start here.
    cells : dict of str to list of str
        Stripped text by column; ``""`` where there is nothing.
    numbers : list of int
        Row numbers as a spreadsheet shows them (the header is row 1), or line numbers of JSONL. A
        Parquet file shows no header: its first row is row 1.
    row : str
        ``"row"`` or ``"line"``.
    embedded : tuple of str
        Columns that hold bytes, lists or records: not read, but named.
    findings : tuple of Finding
        How the file was read, where that is not as usual.
    """

    name: str
    folder: Path
    cells: dict[str, list[str]]
    numbers: list[int]
    row: str = "row"
    embedded: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def refuse(
        self, message: str, problems: Sequence[tuple[int, str]], hint: str, **values: str
    ) -> None:
        """Raise if there are problems: (row number, what stands there).

        The message says what they are, with ``{table}`` and ``{rows}``, which show three.
        """
        if problems:
            rows = self.listed(problems)
            raise DataError(_(message, table=self.name, rows=rows, **values), hint)

    def guess(self, known: Sequence[str], taken: Collection[str | None] = ()) -> str | None:
        """Return the column that has the first of these names, in any case; None without one."""
        free = {name.casefold(): name for name in self.cells if name not in taken}
        return next((free[name] for name in known if name in free), None)

    def listed(self, problems: Sequence[tuple[int, str]]) -> str:
        """Count rows and show three: ``"5 of 90 rows: row 2 'a.jpg', ... and 87 more"``."""
        return _listed(problems, len(self.numbers), self.row)


def is_table(path: Path) -> bool:
    """Judge by the suffix."""
    return path.suffix.lower() in _READERS


def is_text_table(path: Path) -> bool:
    """Judge by the suffix whether a table has an encoding."""
    return is_table(path) and path.suffix.lower() != ".parquet"


def read_cells(path: Path, encoding: str) -> Table:
    """Read a table by its suffix; raises ``DataError`` for what cannot be parsed or has no rows."""
    (table,) = read_pieces(path, encoding, None)
    return table


def read_pieces(path: Path, encoding: str, size: int | None) -> Iterator[Table]:
    """Read a table in pieces, all with the same columns, in bounded memory.

    Parameters
    ----------
    size : int or None
        Rows of a piece; of very long ones fewer. None: all are one piece.

    Raises
    ------
    DataError
        What cannot be parsed; at the end, what is wrong with single rows, and if there are none.
    """
    try:
        path.open("rb").close()
    except OSError as cause:
        raise DataError(
            _("{name} cannot be read: {cause}.", name=path.name, cause=cause.strerror),
            _("Check its permissions."),
        ) from cause
    return _READERS[path.suffix.lower()](path, encoding, size)


def read_delimited(
    path: Path,
    encoding: str,
    size: int | None,
    header: Sequence[str] | None = None,
    separator: str | None = None,
) -> Iterator[Table]:
    """Read a text of cells in pieces, whatever its suffix.

    Parameters
    ----------
    header : sequence of str, optional
        Names of the columns where the file has none: its first row is row 1.
    separator : str, optional
        One character; default: as it looks.

    Raises
    ------
    DataError
        As ``read_pieces``.
    """
    return _read_csv(path, encoding, size, header, separator)


def first_rows(path: Path, encoding: str, n: int) -> tuple[Form, list[list[str]]]:
    """Tell how a text of cells is cut, and give its first rows, stripped; the header is one."""
    encoding, _notes = settled(path, encoding)
    with opened(path, encoding, "") as file:
        form = Form.of(path.name, file)
    with opened(path, encoding, "") as file:
        file.read(form.skip)
        rows = itertools.islice(_records(path.name, file, form), n)
        return form, [[unguarded(cell.strip()) for cell in cells] for _number, cells in rows]


def _batches(rows: Iterable[Row], size: int | None) -> Iterator[list[Row]]:
    """Put rows together, as many as a piece may hold."""
    batch: list[Row] = []
    length = 0
    for row in rows:
        batch.append(row)
        length += _length(row[1])
        if size is not None and (len(batch) == size or length > MOST):
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def _length(row: Any) -> int:
    return sum(len(c) for c in (row.values() if isinstance(row, dict) else row) if type(c) is str)


def _read_csv(
    path: Path,
    encoding: str,
    size: int | None,
    names: Sequence[str] | None = None,
    separator: str | None = None,
) -> Iterator[Table]:
    encoding, notes = settled(path, encoding)
    with opened(path, encoding, "") as file:
        form = Form.of(path.name, file)
    if separator is not None:
        form = replace(form, separator=separator)
    if form.plain is not None:
        notes.append(form.plain)
    with opened(path, encoding, "") as file:
        file.read(form.skip)
        rows = _records(path.name, file, form)
        if names is None:
            header = next(rows, None)
            if header is None:
                raise _no_rows(path)
            names = names_of(path, header[1])
        ragged: list[tuple[int, str]] = []
        count = 0
        for batch in _batches(rows, size):
            count += len(batch)
            short = [(n, len(cells)) for n, cells in batch if len(cells) != len(names)]
            ragged += [(n, _("(has {n})", n=held)) for n, held in short]
            if not ragged:
                columns = zip(*(cells for _, cells in batch), strict=True)
                cells = {
                    name: [unguarded(cell.strip()) for cell in column]
                    for name, column in zip(names, columns, strict=True)
                }
                numbers = [n for n, _ in batch]
                yield Table(path.name, path.parent.resolve(), cells, numbers, findings=tuple(notes))
    if ragged:
        raise DataError(
            _(
                "{name}: wrong number of cells (the header has {n}) in {rows}.",
                name=path.name,
                n=len(names),
                rows=_listed(ragged, count, "row"),
            ),
            _('A cell that contains the separator must stand in "quotation marks".'),
        )
    if not count:
        raise _no_rows(path)


def names_of(path: Path, header: Sequence[str]) -> list[str]:
    """Return the names of columns as a header has them; raises ``DataError`` for one twice."""
    names = [unguarded(name.strip()) for name in header]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise DataError(
            _("{name} has two columns called {column!r}.", name=path.name, column=twice[0]),
            _("Rename one of them."),
        )
    return names


def _records(name: str, file: IO[str], form: Form) -> Iterator[tuple[int, list[str]]]:
    """Give the rows that are not blank, with their numbers."""
    reader = csv.reader(
        file,
        delimiter=form.separator,
        strict=True,
        quoting=csv.QUOTE_MINIMAL if form.plain is None else csv.QUOTE_NONE,
    )
    done = 0
    while True:
        try:
            with _long_cells():
                some = list(itertools.islice(reader, AT_ONCE))
        except csv.Error as cause:
            raise DataError(
                _(
                    "{name} is not well-formed near line {line}: {cause}.",
                    name=name,
                    line=reader.line_num,
                    cause=str(cause),
                ),
                _(
                    "Look for an unclosed quotation mark (a quotation mark inside a cell is "
                    'written "").'
                ),
            ) from cause
        if not some:
            return
        for number, cells in enumerate(some, done + 1):
            if any(map(str.strip, cells)):
                yield number, cells
        done += len(some)


@contextmanager
def _long_cells() -> Iterator[None]:
    """Let a cell be a whole document; the limit belongs to the process, so it is put back."""
    before = csv.field_size_limit(LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)


@dataclass(frozen=True)
class Form:
    """How a text is cut into cells.

    Attributes
    ----------
    separator : str
    skip : int
        Characters before the header: the line by which Excel is told the separator.
    plain : Finding or None
        Says that quotation marks are characters like any other, where they are.
    """

    separator: str
    skip: int = 0
    plain: Finding | None = None

    @classmethod
    def of(cls, name: str, file: IO[str]) -> Form:
        """Look at the beginning and, where tabs separate, at the quotation marks."""
        start = file.read(HEAD)
        text, said = _separator_said(start)
        header = text.lstrip().partition("\n")[0]
        tabs = name.lower().endswith(".tsv") and "\t" in header
        separator = said or ("\t" if tabs else _delimiter(header))
        skip = len(start) - len(text)
        file.seek(0)
        file.read(skip)
        if separator != "\t" or not _has_plain_marks(file):
            return cls(separator, skip)
        message = _(
            "{table}: quotation marks do not enclose cells; they were read as they stand.",
            table=name,
        )
        return cls(separator, skip, Finding("note", "info", message))


def _has_plain_marks(file: IO[str]) -> bool:
    """Whether every line between tabs has as many cells, some with a mark that nothing closes.

    Tables of sentences with tabs between are often written so.
    """
    width, open_mark = 0, False
    for line in file:
        if not line.strip():
            continue
        cells = line.rstrip("\r\n").split("\t")
        width = width or len(cells)
        if len(cells) != width:
            return False
        marks = (cell for cell in cells if cell.startswith('"'))
        open_mark = open_mark or not all(map(_ENCLOSED.fullmatch, marks))
    return open_mark


def _separator_said(text: str) -> tuple[str, str]:
    """Take off the first line by which Excel is told the separator, ``sep=;``; it shows no row."""
    said = re.match(r'\s*"?sep=(\\t|[^\r\n"])"?[,;\t ]*(\r\n|\r|\n)', text, re.IGNORECASE)
    if said is None:
        return text, ""
    return text[said.end() :], "\t" if said[1] == r"\t" else said[1]


def _delimiter(header: str) -> str:
    """Take the separator that the header has most of, outside quotation marks."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(",;\t|", key=bare.count)


def _read_jsonl(path: Path, encoding: str, size: int | None) -> Iterator[Table]:
    encoding, notes = settled(path, encoding)
    with opened(path, encoding, "\n") as file:
        flat, nested = _keys(path, file)
    with opened(path, encoding, "\n") as file:
        for batch in _batches(_objects(file), size):
            cells = {name: [text_of(record.get(name)) for _, record in batch] for name in flat}
            numbers = [number for number, _ in batch]
            folder = path.parent.resolve()
            yield Table(path.name, folder, cells, numbers, "line", nested, tuple(notes))


def _keys(path: Path, file: IO[str]) -> tuple[list[str], tuple[str, ...]]:
    """Read all lines: names of plain values, and of lists and records; or what is wrong."""
    names: dict[str, bool] = {}  # name -> whether it holds lists or records
    broken: list[tuple[int, str]] = []
    count = 0
    for number, record in _objects(file):
        count += 1
        if isinstance(record, str):
            broken.append((number, record))
            continue
        for name, value in record.items():
            names[name] = names.get(name, False) or _is_nested(value)
    if broken:
        raise DataError(
            _(
                "{name}: malformed JSON in {rows}.",
                name=path.name,
                rows=_listed(broken, count, "line"),
            ),
            _(
                "Every line must be one JSON object, for example {object}.",
                object='{"path": "a.jpg", "label": "cat"}',
            ),
        )
    if not count:
        raise _no_rows(path)
    flat = [name for name, is_nested in names.items() if not is_nested]
    return flat, tuple(name for name, is_nested in names.items() if is_nested)


def _objects(file: IO[str]) -> Iterator[tuple[int, Any]]:
    """Give the object on every line, with its number; what is wrong with it, where it is none."""
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as cause:
            yield number, f"({str(cause).partition(':')[0]})"
            continue
        if isinstance(record, dict):
            yield number, record
        else:
            yield number, _("(a {kind}, not an object)", kind=type(record).__name__)


def _read_parquet(path: Path, encoding: str, size: int | None) -> Iterator[Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    apart = (pa.types.is_nested, pa.types.is_binary, pa.types.is_large_binary)
    del encoding  # a Parquet file knows its own
    done = 0
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            embedded = tuple(
                c.name
                for c in schema
                if any(is_kind(c.type) for is_kind in apart) and not _holds_texts(c.type)
            )
            flat = [name for name in schema.names if name not in embedded]
            count = file.metadata.num_rows
            for batch in file.iter_batches(batch_size=size or max(count, 1), columns=flat):
                values: dict[str, list[object]] = batch.to_pydict()
                cells = {
                    name: [text_of(value) for value in column] for name, column in values.items()
                }
                numbers = list(range(done + 1, done + batch.num_rows + 1))
                done += batch.num_rows
                if numbers:
                    yield Table(path.name, path.parent.resolve(), cells, numbers, embedded=embedded)
    except (OSError, pa.ArrowException) as cause:
        raise DataError(
            _(
                "{name} cannot be read as Parquet: {cause}",
                name=path.name,
                cause=str(cause).splitlines()[0],
            ),
            _("Write it again, for example with pandas.DataFrame.to_parquet."),
        ) from cause
    if not done:
        raise _no_rows(path)


def _holds_texts(kind: Any) -> bool:
    """Whether a type of Arrow is a list of texts."""
    import pyarrow as pa

    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return listed and (
        pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type)
    )


def _is_nested(value: object) -> bool:
    """Whether a value is a record, or a list of anything but texts."""
    if isinstance(value, list):
        return not all(isinstance(part, str) for part in value)
    return isinstance(value, dict)


def text_of(value: object) -> str:
    """Write a value of a table as text; ``""`` for none."""
    if isinstance(value, list):  # of texts, such as labels
        return json.dumps(value, ensure_ascii=False)
    if value is None or value != value:  # NaN is how pandas writes "nothing"
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # pandas turns integers with a gap among them into floats
    return str(value).strip()


_ROWS = {
    "row": NN_("{bad} of {n} row: {shown}", "{bad} of {n} rows: {shown}"),
    "line": NN_("{bad} of {n} line: {shown}", "{bad} of {n} lines: {shown}"),
}
_ROW = {"row": N_("row {number}"), "line": N_("line {number}")}


def _listed(problems: Sequence[tuple[int, str]], total: int, row: str) -> str:
    shown = commas(row_and(row, number, text) for number, text in problems[:3])
    if len(problems) > 3:
        shown = _("{shown} and {n} more", shown=shown, n=len(problems) - 3)
    return _n(*_ROWS[row], total, bad=len(problems), shown=shown)


def row_and(row: str, number: int, text: str = "") -> str:
    """Name a row or line in a sentence, and what stands there."""
    named = _(_ROW[row], number=number)
    return _("{row} {text}", row=named, text=text) if text else named


def _no_rows(path: Path) -> DataError:
    return DataError(
        _("{name} has no rows.", name=path.name),
        _("A table needs column names and one row for every example."),
    )


_READERS: dict[str, Callable[[Path, str, int | None], Iterator[Table]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
}
