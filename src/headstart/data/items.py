"""Items: bytes by row, wherever they lie. Everything that reads an example reads it here."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.modalities import HEAD, LOOKED_AT, Kind, Modality, Timed, Unit, UnreadableError
from headstart.said import N_, NN_, _

FILE = Unit(N_("file"), N_("files"))
"""What is listed, where an example lies in a file."""
NN_("{n:,} file", "{n:,} files"), N_("a file")

Ints = NDArray[np.integer]


class Items(Protocol):
    """The bytes of examples, by row; what they mean is a modality's business."""

    @property
    def kind(self) -> Kind:
        """Where they lie."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that make an example together; empty unless it is a row."""

    def __len__(self) -> int:
        """How many there are."""

    def data(self, row: int) -> bytes:
        """Return the bytes of a row; raises ``OSError`` where a file cannot be read."""

    def path(self, row: int) -> Path | None:
        """Return where a row can be opened; None where it lies in a table."""

    def take(self, rows: Sequence[int]) -> Self:
        """Return the chosen rows, in order."""


@dataclass(frozen=True)
class Files:
    """Every example is a file."""

    files: tuple[Path, ...]
    kind: Kind = "file"
    columns: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    def data(self, row: int) -> bytes:
        """Read a file."""
        try:
            return self.files[row].read_bytes()
        except ValueError as cause:  # a null byte, or half a character
            raise FileNotFoundError(errno.ENOENT, _("no file can have this name")) from cause

    def path(self, row: int) -> Path:
        """Return the file."""
        return self.files[row]

    def take(self, rows: Sequence[int]) -> Files:
        """Return the chosen files."""
        return Files(tuple(self.files[i] for i in rows))


@dataclass(frozen=True)
class Stretches:
    """Every example is a stretch of a file, of which only that stretch is read.

    Attributes
    ----------
    files : tuple of Path
    times : tuple of (float, float)
        Where each starts and ends in its file, in seconds.
    timed : Timed
        Knows how to cut them out.
    """

    files: tuple[Path, ...]
    times: tuple[tuple[float, float], ...]
    timed: Timed
    kind: Kind = "file"
    columns: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    def data(self, row: int) -> bytes:
        """Cut a stretch out of its file."""
        try:
            return self.timed.cut(self.files[row], *self.times[row])
        except ValueError as cause:  # a null byte, or half a character
            if isinstance(cause, UnreadableError):
                raise
            raise FileNotFoundError(errno.ENOENT, _("no file can have this name")) from cause

    def path(self, row: int) -> Path:
        """Return the file."""
        return self.files[row]

    def take(self, rows: Sequence[int]) -> Stretches:
        """Return the chosen stretches."""
        files = tuple(self.files[i] for i in rows)
        return Stretches(files, tuple(self.times[i] for i in rows), self.timed)


@dataclass(frozen=True)
class Memory:
    """Every example is what a file would hold, in memory."""

    contents: tuple[bytes, ...]
    kind: Kind = "file"
    columns: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.contents)

    def data(self, row: int) -> bytes:
        """Return the bytes."""
        return self.contents[row]

    def path(self, row: int) -> None:
        """Return None: there is no file."""

    def take(self, rows: Sequence[int]) -> Memory:
        """Return the chosen contents."""
        return Memory(tuple(self.contents[i] for i in rows))


@dataclass(frozen=True)
class Mixed:
    """Items of one kind from several places, one after the other."""

    single: tuple[Items, ...]
    """Of one row each."""

    @classmethod
    def of(cls, parts: Sequence[Items]) -> Mixed:
        """Put parts one after the other."""
        return cls(tuple(part.take([row]) for part in parts for row in range(len(part))))

    @property
    def kind(self) -> Kind:
        """That of all."""
        return self.single[0].kind

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of all."""
        return self.single[0].columns

    def __len__(self) -> int:
        return len(self.single)

    def data(self, row: int) -> bytes:
        """Return the bytes of a row."""
        return self.single[row].data(0)

    def path(self, row: int) -> Path | None:
        """Return where a row can be opened."""
        return self.single[row].path(0)

    def take(self, rows: Sequence[int]) -> Mixed:
        """Return the chosen rows."""
        return Mixed(tuple(self.single[i] for i in rows))


@dataclass(frozen=True)
class Cells:
    """Every example is the text of a cell.

    Attributes
    ----------
    texts : tuple of str
    column : str
        What the column is called that they stand in; "" where they stand in none.
    """

    texts: tuple[str, ...]
    column: str = ""
    kind: Kind = "cell"
    columns: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)

    def data(self, row: int) -> bytes:
        """Return the text in UTF-8."""
        return self.texts[row].encode("utf-8", "replace")

    def path(self, row: int) -> None:
        """Return None: a cell cannot be opened."""

    def take(self, rows: Sequence[int]) -> Cells:
        """Return the chosen cells."""
        return Cells(tuple(self.texts[i] for i in rows), self.column)


@dataclass(frozen=True)
class NumberRows:
    """Every example is a row of numbers.

    Attributes
    ----------
    numbers : ndarray of float64, shape (n, n_columns)
    columns : tuple of str
        Their names.
    """

    numbers: NDArray[np.float64]
    columns: tuple[str, ...]
    kind: Kind = "row"

    def __len__(self) -> int:
        return len(self.numbers)

    def data(self, row: int) -> bytes:
        """Return the numbers, in the byte order of this machine."""
        return np.ascontiguousarray(self.numbers[row]).tobytes()

    def path(self, row: int) -> None:
        """Return None: a row cannot be opened."""

    def take(self, rows: Sequence[int]) -> NumberRows:
        """Return the chosen rows."""
        return NumberRows(self.numbers[np.asarray(rows, np.int64)], self.columns)


@dataclass(frozen=True)
class Examples:
    """Items with what they are: the one way to an example of any modality.

    Attributes
    ----------
    refs : tuple of str
        How each is shown: its path relative to the source, or its row in a table.
    items : Items
        In the same rows.
    modality : Modality
    """

    refs: tuple[str, ...]
    items: Items
    modality: Modality[Any, Any]

    @classmethod
    def of_files(cls, files: Sequence[str | Path], modality: Modality[Any, Any]) -> Examples:
        """Take files for examples, shown by their paths."""
        return cls(tuple(map(str, files)), Files(tuple(map(Path, files))), modality)

    def __len__(self) -> int:
        return len(self.refs)

    @property
    def listed(self) -> Unit:
        """What a list of them holds: files, where examples lie in files."""
        return FILE if self.items.kind == "file" else self.modality.unit

    def take(self, rows: Sequence[int] | Ints) -> Examples:
        """Return the chosen rows, in order."""
        chosen = [int(i) for i in rows]
        refs = tuple(self.refs[i] for i in chosen)
        return Examples(refs, self.items.take(chosen), self.modality)

    def read(self, row: int, detail: int = 0) -> Any:
        """Read an example that could be read when the data were read.

        Raises
        ------
        DataError
            It no longer can.
        """
        try:
            return self.modality.read(self.items.data(row), detail)
        except (OSError, UnreadableError) as cause:
            where = with_times(str(self.items.path(row) or self.refs[row]), self.items, row)
            raise DataError(
                _("{name} can no longer be read: {cause}.", name=where, cause=str(cause)),
                _("Leave the data in place."),
            ) from cause

    def places(self) -> list[str]:
        """Say where each lies: equal for what is the same example, from whatever list it comes."""
        return [place(self.items, row) for row in range(len(self))]


def column_of(items: Items) -> str:
    """Return the column whose cells are the examples; "" where they are no cells of a table."""
    if isinstance(items, Mixed):
        return column_of(items.single[0]) if items.single else ""
    return items.column if isinstance(items, Cells) else ""


def times_of(items: Items, row: int) -> tuple[float, float] | None:
    """Return start and end, in seconds, of a row that is a stretch of a file."""
    if isinstance(items, Mixed):
        return times_of(items.single[row], 0)
    return items.times[row] if isinstance(items, Stretches) else None


def with_times(name: str, items: Items, row: int) -> str:
    """Name a row by its file and, if it is one, its stretch: ``a.wav [3.5–5.0 s]``."""
    times = times_of(items, row)
    if times is None:
        return name
    start, end = map(in_seconds, times)
    return f"{name} [{start}–{end} s]"


def in_seconds(time: float) -> str:
    """Write seconds in all languages alike, to a millisecond where they are no round number.

    Examples
    --------
    >>> in_seconds(5), in_seconds(3.25), in_seconds(0.0004)
    ('5.0', '3.25', '0.0')
    """
    whole, _point, part = f"{time:.3f}".partition(".")
    return f"{whole}.{part.rstrip('0') or '0'}"


def place(items: Items, row: int) -> str:
    """Say where a row lies: the real path of a file, with its stretch; the content of another."""
    path = items.path(row)
    if path is not None:
        return with_times(os.path.realpath(path), items, row)
    return hashlib.sha256(items.data(row)).hexdigest()


def distinct(examples: Examples) -> tuple[Examples, Ints]:
    """Take out cells that are there before; files are not read for it.

    Returns
    -------
    once : Examples
    rows : ndarray of int, shape (n,)
        For each of ``examples`` its row in ``once``.
    """
    n = len(examples)
    if not isinstance(examples.items, Cells):
        return examples, np.arange(n)
    first: dict[str, int] = {}
    rows = np.array([first.setdefault(text, len(first)) for text in examples.items.texts], int)
    if len(first) == n:
        return examples, rows
    return examples.take(np.unique(rows, return_index=True)[1]), rows


def glimpse(refs: Sequence[str], items: Items) -> Iterator[tuple[str, bytes]]:
    """Give names and first bytes of some examples, spread over all, for recognition."""
    step = max(1, len(items) // LOOKED_AT)
    for row in range(0, len(items), step):
        path = items.path(row)
        yield refs[row] if path is None else path.name, head(items, row)


def head(items: Items, row: int) -> bytes:
    """Return the first bytes of an example; none where it cannot be read, as reading will tell."""
    path = items.path(row)
    return items.data(row)[:HEAD] if path is None else first_bytes(path)


def first_bytes(path: Path) -> bytes:
    """Return what a file begins with; nothing where it cannot be read."""
    try:
        with path.open("rb") as opened:
            return opened.read(HEAD)
    except OSError:
        return b""


def written(examples: Examples, row: int) -> dict[str, Any]:
    """Return what a table has to hold to lead back to an example: its path, text or numbers."""
    items, path = examples.items, examples.items.path(row)
    if path is not None:
        times = times_of(items, row)
        found = {} if times is None else {"start": times[0], "end": times[1]}
        return {"path": str(path.resolve()), **found}
    if isinstance(items, NumberRows):
        return dict(zip(items.columns, items.numbers[row].tolist(), strict=True))
    column = column_of(items) or next(iter(examples.modality.columns), "example")
    return {column: items.data(row).decode()}
