"""Inputs without labels: files, folders, globs, tables, and rows of numbers in memory."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.array_files import (
    is_array_file,
    named_rows,
    read_unlabelled_arrays,
    with_columns,
)
from headstart.data.formats import Table, is_table, read_cells
from headstart.data.items import Cells, Examples, Files, Items, NumberRows
from headstart.data.numbers import number_rows
from headstart.data.tables import path_column, refuse_lacking, row_names
from headstart.data.walk import files_below, is_litter
from headstart.errors import DataError
from headstart.modalities import Modality

Input = str | Path | NDArray[Any]
Listed = tuple[str, list[str], Items]
"""What was read, how its examples are shown, and where they lie."""


def expand(
    inputs: Sequence[Input],
    modality: Modality[Any, Any],
    *,
    columns: Sequence[str] = (),
    x: str | None = None,
    encoding: str = "utf-8",
) -> Examples:
    """Turn what a user named into examples, in order.

    Parameters
    ----------
    inputs : sequence of path or ndarray of shape (n, n_columns)
        A folder stands for the examples below it, sorted; a table for those it lists or holds; an
        array for its rows.
    modality : Modality
        What they are.
    columns : sequence of str
        Where rows of numbers are examples: the columns that make one (``Look.columns``).
    x, encoding : str, optional
        The column of paths or examples of tables, and their encoding.

    Raises
    ------
    DataError
        An input that names nothing, or tables without those columns.
    """
    listed = [part for given in inputs for part in _listed(given, modality, columns, x, encoding)]
    kinds = {items.kind for _, _, items in listed}
    if len(kinds) > 1:
        raise DataError(
            f"The inputs are {' and '.join(f'{kind}s' for kind in sorted(kinds))}.",
            "Give those of one kind at a time.",
        )
    of_several = len(listed) > 1 and kinds != {"file"}  # "row 2" alone would say too little
    names = [
        f"{read} {name}" if of_several else name for read, found, _ in listed for name in found
    ]
    return Examples(tuple(names), _joined([items for _, _, items in listed]), modality)


def _listed(
    given: Input,
    modality: Modality[Any, Any],
    columns: Sequence[str],
    x: str | None,
    encoding: str,
) -> Iterator[Listed]:
    """List what one input stands for."""
    if isinstance(given, np.ndarray):
        yield _in_memory(given, modality, columns)
        return
    path, many = Path(given), modality.unit.many
    if path.is_dir():
        held = [file for file in sorted(files_below(path)) if may_be_example(file, modality)]
        if not held:
            raise DataError(f"There are no {many} below {str(given)!r}.", "Name another.")
        if "file" in modality.kinds:
            yield _files(held)
        else:
            for table in held:
                yield from _listed(table, modality, columns, x, encoding)
    elif path.is_file() and is_table(path):
        yield _in_table(path, read_cells(path, encoding), modality, columns, x)
    elif path.is_file() and is_array_file(path) and "row" in modality.kinds:
        names, rows = read_unlabelled_arrays(path)
        yield path.name, names, with_columns(path.name, rows, columns)
    elif path.exists():
        if "file" not in modality.kinds:
            raise DataError(f"{path.name} is no table: {many} lie in tables.", "Name a table.")
        yield _files([path])
    else:
        found = _matching(str(given))
        if not found:
            raise DataError(f"{str(given)!r} names no file.", "Check the path or the pattern.")
        if "file" in modality.kinds:
            yield _files(found)
        else:
            for file in found:
                yield from _listed(file, modality, columns, x, encoding)


def _matching(pattern: str) -> list[Path]:
    """List the files that a pattern names; litter only where it says so."""
    said = Path(pattern).parts
    if "**" in said:  # glob would go round in every circle of links
        k = said.index("**")
        tops = glob.glob(str(Path(*said[:k]))) if k else ["."]  # noqa: PTH207
        below = [(Path(top), file) for top in tops for file in files_below(Path(top))]
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


def _files(found: Sequence[Path]) -> Listed:
    return "", [p.as_posix() for p in found], Files(tuple(found))


def _in_memory(
    numbers: NDArray[Any], modality: Modality[Any, Any], columns: Sequence[str]
) -> Listed:
    if "row" not in modality.kinds:
        raise DataError(
            f"An array of shape {numbers.shape} holds no {modality.unit.many}.",
            "Name files, folders or tables.",
        )
    names, rows = named_rows("the array", numbers)
    return "array", names, with_columns("the array", rows, columns)


def _in_table(
    path: Path, table: Table, modality: Modality[Any, Any], columns: Sequence[str], x: str | None
) -> Listed:
    """Read the column asked for, or named like one of examples, or the first; or the numbers."""
    cells = table.cells
    if x is not None and x not in cells and not ("," in x and "row" in modality.kinds):
        raise DataError(
            f"{table.name} has no column {x!r}.", f"Its columns are {', '.join(cells)}."
        )
    if "row" in modality.kinds:
        refuse_lacking(table, columns)
        return table.name, row_names(table), number_rows(table, columns or list(cells))
    column = x or next(iter(path_column(table)), None) or next(iter(cells))
    blank = [(n, "") for n, cell in zip(table.numbers, cells[column], strict=True) if not cell]
    table.refuse(f"nothing in column {column!r}", blank, "Fill the cells, or delete those rows.")
    if "file" in modality.kinds and ("cell" not in modality.kinds or _is_path(path, cells[column])):
        files = tuple(path.parent / name for name in cells[column])
        return table.name, cells[column], Files(files)
    return table.name, row_names(table), Cells(tuple(cells[column]))


def _is_path(table: Path, cells: Sequence[str]) -> bool:
    return any((table.parent / name).is_file() for name in cells[:20])


def _joined(parts: Sequence[Items]) -> Items:
    """Join items of one kind."""
    if not parts:
        return Files(())
    first = parts[0]
    if isinstance(first, Files):
        return Files(tuple(f for part in parts if isinstance(part, Files) for f in part.files))
    if isinstance(first, Cells):
        return Cells(tuple(t for part in parts if isinstance(part, Cells) for t in part.texts))
    rows = [part for part in parts if isinstance(part, NumberRows)]
    return NumberRows(np.concatenate([part.numbers for part in rows]), rows[0].columns)


def may_be_example(file: Path, modality: Modality[Any, Any]) -> bool:
    """Whether a file that is found in a folder may be an example, by its name."""
    if "file" in modality.kinds:
        return modality.recognise("file", file.name, b"") > 0
    return is_table(file) or is_array_file(file)
