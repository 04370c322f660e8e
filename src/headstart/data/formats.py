"""Formats of tables: CSV, TSV, JSONL and Parquet files become columns of text.

Everything after this is the same for all of them (see tables.py). Whatever is wrong is reported
together, by the row numbers that the user's own program shows.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.data.cells import unguarded
from headstart.errors import ConfigError, DataError
from headstart.said import N_, NN_, _, _n, commas


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
    """

    name: str
    folder: Path
    cells: dict[str, list[str]]
    numbers: list[int]
    row: str = "row"
    embedded: tuple[str, ...] = ()

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
    try:
        path.open("rb").close()
    except OSError as cause:
        raise DataError(
            _("{name} cannot be read: {cause}.", name=path.name, cause=cause.strerror),
            _("Check its permissions."),
        ) from cause
    return _READERS[path.suffix.lower()](path, encoding)


def _read_csv(path: Path, encoding: str) -> Table:
    text, said = _separator_said(decode(path.name, path.read_bytes(), encoding))
    delimiter = said or _delimiter(text.lstrip().partition("\n")[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        records = [(n, cells) for n, cells in enumerate(reader, 1) if any(map(str.strip, cells))]
    except csv.Error as cause:
        raise DataError(
            _(
                "{name} is not well-formed near line {line}: {cause}.",
                name=path.name,
                line=reader.line_num,
                cause=str(cause),
            ),
            _(
                "Look for an unclosed quotation mark (a quotation mark inside a cell is written "
                '"").'
            ),
        ) from cause
    if len(records) < 2:
        raise _no_rows(path)
    names, body = [unguarded(name.strip()) for name in records[0][1]], records[1:]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise DataError(
            _("{name} has two columns called {column!r}.", name=path.name, column=twice[0]),
            _("Rename one of them."),
        )
    ragged = [(n, _("(has {n})", n=len(cells))) for n, cells in body if len(cells) != len(names)]
    if ragged:
        raise DataError(
            _(
                "{name}: wrong number of cells (the header has {n}) in {rows}.",
                name=path.name,
                n=len(names),
                rows=_listed(ragged, len(body), "row"),
            ),
            _('A cell that contains the separator must stand in "quotation marks".'),
        )
    columns = zip(*(cells for _, cells in body), strict=True)
    cells = {
        name: [unguarded(cell.strip()) for cell in column]
        for name, column in zip(names, columns, strict=True)
    }
    return Table(path.name, path.parent.resolve(), cells, [n for n, _ in body])


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


def _read_jsonl(path: Path, encoding: str) -> Table:
    lines = [
        (n, s)
        for n, s in enumerate(decode(path.name, path.read_bytes(), encoding).split("\n"), 1)
        if s.strip()
    ]
    records: list[dict[str, object]] = []
    broken: list[tuple[int, str]] = []
    for number, line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as cause:
            broken.append((number, f"({str(cause).partition(':')[0]})"))
            continue
        if isinstance(record, dict):
            records.append(record)
        else:
            kind = type(record).__name__
            broken.append((number, _("(a {kind}, not an object)", kind=kind)))
    if broken:
        raise DataError(
            _(
                "{name}: malformed JSON in {rows}.",
                name=path.name,
                rows=_listed(broken, len(lines), "line"),
            ),
            _(
                "Every line must be one JSON object, for example {object}.",
                object='{"path": "a.jpg", "label": "cat"}',
            ),
        )
    if not records:
        raise _no_rows(path)
    names = dict.fromkeys(name for record in records for name in record)
    values = {name: [record.get(name) for record in records] for name in names}
    values = {name: _lists_as_text(column) for name, column in values.items()}
    nested = [n for n, column in values.items() if any(isinstance(v, dict | list) for v in column)]
    cells = {n: [_text(v) for v in column] for n, column in values.items() if n not in nested}
    numbers = [number for number, _ in lines]
    return Table(path.name, path.parent.resolve(), cells, numbers, "line", tuple(nested))


def _read_parquet(path: Path, encoding: str) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    apart = (pa.types.is_nested, pa.types.is_binary, pa.types.is_large_binary)
    del encoding  # a Parquet file knows its own
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            embedded = tuple(
                c.name
                for c in schema
                if any(is_kind(c.type) for is_kind in apart) and not _holds_texts(c.type)
            )
            flat = [name for name in schema.names if name not in embedded]
            values: dict[str, list[object]] = file.read(columns=flat).to_pydict()
            count = file.metadata.num_rows
    except (OSError, pa.ArrowException) as cause:
        raise DataError(
            _(
                "{name} cannot be read as Parquet: {cause}",
                name=path.name,
                cause=str(cause).splitlines()[0],
            ),
            _("Write it again, for example with pandas.DataFrame.to_parquet."),
        ) from cause
    if not count:
        raise _no_rows(path)
    cells = {
        name: [_text(value) for value in _lists_as_text(column)] for name, column in values.items()
    }
    numbers = list(range(1, count + 1))
    return Table(path.name, path.parent.resolve(), cells, numbers, embedded=embedded)


def _holds_texts(kind: Any) -> bool:
    """Whether a type of Arrow is a list of texts."""
    import pyarrow as pa

    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return listed and (
        pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type)
    )


def _lists_as_text(column: list[object]) -> list[object]:
    """Write lists of texts, such as labels, as JSON; a column that holds other lists stays."""
    lists = [value for value in column if isinstance(value, list)]
    if not lists or not all(isinstance(part, str) for value in lists for part in value):
        return column
    return [
        json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
        for value in column
    ]


def _text(value: object) -> str:
    if value is None or value != value:  # NaN is how pandas writes "nothing"
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # pandas turns integers with a gap among them into floats
    return str(value).strip()


def decode(name: str, data: bytes, encoding: str) -> str:
    """Turn the bytes of a file into text, or say which of them cannot be and what may fit.

    Raises
    ------
    ConfigError
        There is no such encoding.
    DataError
        The bytes are in another one.
    """
    try:
        # "utf-8-sig" also takes the mark that Excel puts in front.
        is_utf8 = codecs.lookup(encoding).name == "utf-8"
        return data.decode("utf-8-sig" if is_utf8 else encoding)
    except LookupError as cause:
        raise ConfigError(
            _("--encoding {encoding!r} is not a text encoding.", encoding=encoding),
            _("Try utf-8, gb18030 or latin-1."),
        ) from cause
    except UnicodeDecodeError as cause:
        row = data.count(b"\n", 0, cause.start) + 1
        raise DataError(
            _(
                "{name} is not {encoding}: byte {place}, in row {row}, is {byte}.",
                name=name,
                encoding=encoding,
                place=cause.start,
                row=row,
                byte=f"0x{data[cause.start]:02x}",
            ),
            _(
                "Pass --encoding {encoding}, or save the table as UTF-8.",
                encoding=_fitting(data, encoding),
            ),
        ) from cause


def _fitting(data: bytes, refused: str) -> str:
    """Suggest an encoding: UTF-16 by its mark, then what fits; latin-1 fits everything."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-8", "gb18030"):
        if codecs.lookup(refused).name != encoding:
            try:
                data.decode(encoding)
            except UnicodeDecodeError:
                continue
            return encoding
    return "latin-1"


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


_READERS: dict[str, Callable[[Path, str], Table]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
}
