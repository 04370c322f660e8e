"""Formats of answers: rows as bytes, which can be written on where they were cut off.

CSV and JSON lines are that by nature. A Parquet file is not: it is read from its end, which is
written last. So its rows are kept as batches of Arrow one after the other, and at the end these are
packed into a Parquet file, group by group.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from headstart.data.cells import write_lines
from headstart.text import ANY_NAME, in_utf8, to_json

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")
"""Of files that answers can be written to."""
GROUP_ROWS, GROUP_BYTES = 2**16, 2**26
"""Most of a row group, whichever comes first: 64 MB at a time are in memory (plain choice)."""
NUMBERS = frozenset({"confidence", "start", "end", "score"})
TRUTHS = frozenset({"unfamiliar", "abstained"})
COUNTS = frozenset({"rank"})
"""Columns by type; those of probabilities begin with ``p:``, and all others hold text."""


class Rows(Protocol):
    """A format of rows."""

    def head(self, columns: Sequence[str]) -> bytes:
        """Return what stands before the first row."""

    def body(self, rows: Sequence[Row]) -> bytes:
        """Return rows, all with the same columns."""

    def whole(self, kept: Path) -> Path:
        """Make the file out of what was kept; it may be the same, else it lies beside it."""


class Csv:
    """Comma-separated values, guarded as ``data/cells.py`` says."""

    def head(self, columns: Sequence[str]) -> bytes:
        """Return the line of names."""
        return _lines([columns])

    def body(self, rows: Sequence[Row]) -> bytes:
        """Return a line for each row."""
        return _lines(list(row.values()) for row in rows)

    def whole(self, kept: Path) -> Path:
        """Return what was kept."""
        return kept


class JsonLines:
    """One JSON object on each line."""

    def head(self, columns: Sequence[str]) -> bytes:
        """Return nothing: every row names its columns."""
        return b""

    def body(self, rows: Sequence[Row]) -> bytes:
        """Return a line for each row."""
        return "".join(to_json(row) + "\n" for row in rows).encode("utf-8", ANY_NAME)

    def whole(self, kept: Path) -> Path:
        """Return what was kept."""
        return kept


class Parquet:
    """Columns with types, in row groups."""

    def head(self, columns: Sequence[str]) -> bytes:
        """Return the schema."""
        found: bytes = _schema(columns).serialize().to_pybytes()
        return found

    def body(self, rows: Sequence[Row]) -> bytes:
        """Return a batch."""
        import pyarrow as pa

        schema = _schema(list(rows[0]))
        columns = [[_unicode(row[name]) for row in rows] for name in schema.names]
        arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
        found: bytes = pa.record_batch(arrays, schema=schema).serialize().to_pybytes()
        return found

    def whole(self, kept: Path) -> Path:
        """Pack the batches into row groups."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        made = kept.with_name(f"{kept.name}.parquet")
        with kept.open("rb") as opened:
            batches = pa.ipc.open_stream(opened)
            with pq.ParquetWriter(made, batches.schema) as out:
                for group in _groups(batches):
                    out.write_table(pa.Table.from_batches(group), row_group_size=GROUP_ROWS)
        return made


def rows_of(path: Path) -> Rows:
    """Choose the format by the suffix: CSV, unless it says something else."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return Parquet()
    return JsonLines() if suffix in (".jsonl", ".ndjson") else Csv()


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    out = io.StringIO(newline="")
    write_lines(out, rows)
    return out.getvalue().encode("utf-8", ANY_NAME)


def _unicode(value: Any) -> Any:
    """Return a value that Arrow takes: half a character in a file's name as its escape."""
    if not isinstance(value, str):
        return value
    return in_utf8(value).encode("utf-8", "backslashreplace").decode("utf-8")


def _schema(columns: Sequence[str]) -> pa.Schema:
    import pyarrow as pa

    def of(name: str) -> pa.DataType:
        if name in NUMBERS or name.startswith("p:"):
            return pa.float64()
        if name in TRUTHS:
            return pa.bool_()
        return pa.int64() if name in COUNTS else pa.string()

    return pa.schema([(_unicode(name), of(name)) for name in columns])


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Put batches together until a row group is full."""
    group: list[pa.RecordBatch] = []
    n = size = 0
    for batch in batches:
        if group and (n + batch.num_rows > GROUP_ROWS or size + batch.nbytes > GROUP_BYTES):
            yield group
            group, n, size = [], 0, 0
        group.append(batch)
        n, size = n + batch.num_rows, size + batch.nbytes
    if group:
        yield group
