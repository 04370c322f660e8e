"""Inputs without labels: files, folders, tables, lists, archives, and what is in memory."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
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
from headstart.data.formats import is_table, is_text_table, read_cells
from headstart.data.items import (
    Cells,
    Examples,
    Files,
    Items,
    Memory,
    Mixed,
    NumberRows,
    first_bytes,
)
from headstart.data.lists import STANDARD_INPUT, is_list, lists_files, located, read_list
from headstart.data.numbers import number_rows
from headstart.data.tables import (
    BLANK,
    UTF_8,
    locator,
    path_column,
    refuse_headless,
    refuse_lacking,
    refuse_prose,
    refuse_several,
    refuse_x,
    row_names,
)
from headstart.data.walk import is_litter, walk
from headstart.errors import ConfigError, DataError
from headstart.events import OnEvent, ignore
from headstart.modalities import KINDS, Modality, UnreadableError
from headstart.said import N_, _, commas, listed

Input = str | Path | bytes | NDArray[Any] | object
"""Names, the bytes of a file, an array; what else is an example, a modality knows."""
Listed = tuple[str, list[str], Items]
"""What was read, how its examples are shown, and where they lie."""


def each(inputs: Input | Iterable[Input]) -> list[Input]:
    """Tell one input from several."""
    if isinstance(inputs, str | Path | bytes | bytearray | np.ndarray):
        return [inputs]
    return list(inputs) if isinstance(inputs, Iterable) else [inputs]


def expand(
    inputs: Sequence[Input],
    modality: Modality[Any, Any],
    *,
    columns: Sequence[str] = (),
    x: str | None = None,
    encoding: str = "utf-8",
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
    x, encoding : str, optional
        The column of paths or examples of tables, and their encoding.
    cache_dir : Path, optional
        Where archives are unpacked; None: they are not taken.
    on_event : callable, optional
        Hears of the unpacking.

    Raises
    ------
    DataError
        An input that names nothing or is none, or tables without those columns.
    """
    _refuse_without_tables(inputs, modality, x, encoding)
    reading = _Reading(modality, columns, x, encoding, cache_dir, on_event)
    read: list[Listed] = []
    for place, given in enumerate(inputs, 1):
        if isinstance(given, str | Path):
            read += reading.listed(given)
        else:
            read.append(_in_memory(given, place, modality, columns))
    kinds = {items.kind for *_named, items in read}
    if len(kinds) > 1:
        raise DataError(
            _("The inputs are {kinds}.", kinds=listed(_(KINDS[kind]) for kind in sorted(kinds))),
            _("Give those of one kind at a time."),
        )
    of_several = len(read) > 1 and kinds != {"file"}  # "row 2" alone would say too little
    names = [
        f"{source} {name}" if of_several else name
        for source, found, _items in read
        for name in found
    ]
    return Examples(tuple(names), _joined([items for *_named, items in read]), modality)


@dataclass(frozen=True)
class _Reading:
    """How inputs are to be read; parameters as of ``expand``."""

    modality: Modality[Any, Any]
    columns: Sequence[str]
    x: str | None
    encoding: str
    cache_dir: Path | None
    on_event: OnEvent

    @property
    def in_files(self) -> bool:
        """Whether an example may be a file."""
        return "file" in self.modality.kinds

    def listed(self, given: str | Path) -> Iterator[Listed]:
        """List what one input stands for."""
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

    def _below(self, root: Path, shown: str) -> Iterator[Listed]:
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
            yield "", refs, Files(tuple(held))
        else:
            for table in held:
                yield from self._in_file(table)

    def _in_file(self, path: Path) -> Iterator[Listed]:
        if is_table(path):
            yield self._in_table(path)
        elif is_array_file(path) and "row" in self.modality.kinds:
            names, rows = read_unlabelled_arrays(path)
            yield path.name, names, with_columns(path.name, rows, self.columns)
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

    def _in_text(self, path: Path) -> Listed:
        """Read a list of paths; prose is an example that cannot be read, as its row will say."""
        try:
            lines = read_list(path.name, path.read_bytes(), self.encoding)
        except OSError:
            return _files([path])
        if lines and not lists_files(lines, path.parent):
            return _files([path])
        return self._in_list(path.name, lines, path.parent, path.stem)

    def _from_standard_input(self) -> Listed:
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

    def _in_list(self, name: str, lines: list[str], folder: Path, stem: str) -> Listed:
        if not lines:
            raise DataError(
                _("{name} lists no {many}.", name=name, many=self.modality.unit.many),
                _("Write one path on each line."),
            )
        return name, lines, Files(tuple(located(lines, folder, stem)))

    def _matching(self, pattern: str) -> Iterator[Listed]:
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

    def _in_table(self, path: Path) -> Listed:
        """Read the column asked for, or named like one of examples, or the first; or numbers."""
        table = read_cells(path, self.encoding)
        cells, x, kinds = table.cells, self.x, self.modality.kinds
        if x is not None and x not in cells and not ("," in x and "row" in kinds):
            refuse_headless(table)
            raise DataError(
                _("{table} has no column {column!r}.", table=table.name, column=x),
                _("Its columns are {columns}.", columns=commas(cells)),
            )
        refuse_headless(table, named=x is not None or bool({*self.columns} & cells.keys()))
        if "row" in kinds:
            if self.columns:
                refuse_x(x)
            refuse_lacking(table, self.columns)
            return table.name, row_names(table), number_rows(table, self.columns or list(cells))
        known = [x] if x else path_column(table, files=kinds == ("file",))
        column = (known or list(cells))[0]
        blank = [(n, "") for n, cell in zip(table.numbers, cells[column], strict=True) if not cell]
        table.refuse(BLANK, blank, _("Fill the cells, or delete those rows."), column=column)
        find = locator(table)
        if self.in_files and ("cell" not in kinds or find.leads(cells[column])):
            found = [find.find(text) for text in cells[column]]
            refuse_several(table, column, found)
            pairs = zip(cells[column], found, strict=True)
            files = tuple(at[0] if at else find.direct(text) for text, at in pairs)
            return table.name, cells[column], Files(files)
        if not known:
            refuse_prose(table, column)
        return table.name, row_names(table), Cells(tuple(cells[column]))


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
    inputs: Sequence[Input], modality: Modality[Any, Any], x: str | None, encoding: str
) -> None:
    """Refuse options of tables where there is none; a folder of tables may hold some."""
    if "file" not in modality.kinds:
        return
    paths = [Path(given) for given in inputs if isinstance(given, str | Path)]
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


def _files(found: Sequence[Path]) -> Listed:
    return "", [p.as_posix() for p in found], Files(tuple(found))


def _in_memory(
    held: Any, place: int, modality: Modality[Any, Any], columns: Sequence[str]
) -> Listed:
    """Take what a program holds: the rows of an array, or one example as a file would hold it."""
    if isinstance(held, np.ndarray) and "row" in modality.kinds:
        names, rows = named_rows(_("the array"), held)
        return "array", names, with_columns(_("the array"), rows, columns)
    name = f"{modality.unit.singular} {place}"  # the same in every language, as names of files are
    if "file" not in modality.kinds:
        raise _no_example(held, place, modality)
    if isinstance(held, bytes | bytearray):
        return "", [name], Memory((bytes(held),))
    try:
        data = modality.encode(held)
    except UnreadableError as cause:
        raise DataError(
            _("{name} cannot be read: {cause}.", name=name, cause=str(cause)), _("Leave it out.")
        ) from cause
    if data is None:
        raise _no_example(held, place, modality)
    return "", [name], Memory((data,))


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


def _joined(parts: Sequence[Items]) -> Items:
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
        return Cells(tuple(t for part in parts if isinstance(part, Cells) for t in part.texts))
    rows = [part for part in parts if isinstance(part, NumberRows)]
    return NumberRows(np.concatenate([part.numbers for part in rows]), rows[0].columns)


def may_be_example(file: Path, modality: Modality[Any, Any]) -> bool:
    """Whether a file that is found in a folder may be an example, by its name and first bytes."""
    if "file" in modality.kinds:
        return modality.recognise("file", file.name, first_bytes(file)) > 0
    return is_table(file) or is_array_file(file)
