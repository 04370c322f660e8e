"""Inputs without labels: files, folders, globs and tables of paths."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from headstart.data.formats import is_table, read_cells
from headstart.data.tables import PATH_COLUMNS
from headstart.errors import DataError
from headstart.modalities.image.read import ImageModality


def expand(
    inputs: Sequence[str | Path], x: str | None = None, encoding: str = "utf-8"
) -> tuple[list[str], list[Path]]:
    """Turn what a user named into names and files, in order.

    Parameters
    ----------
    inputs : sequence of paths
        A folder stands for the images below it, sorted; a table for the paths in it.
    x, encoding : str, optional
        The column of paths of tables, and their encoding.

    Raises
    ------
    DataError
        An input that names nothing.
    """
    names: list[str] = []
    files: list[Path] = []
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            found = [p for p in sorted(path.rglob("*")) if _is_image(p, path)]
            if not found:
                raise DataError(f"There are no images below {str(given)!r}.", "Name another.")
        elif path.is_file() and is_table(path):
            written = _paths_in(path, x, encoding)
            names += written
            files += [path.parent / name for name in written]
            continue
        elif path.exists():
            found = [path]
        else:
            found = [
                p
                for p in map(Path, sorted(glob.glob(str(given), recursive=True)))  # noqa: PTH207
                if p.is_file()
            ]
            if not found:
                raise DataError(f"{str(given)!r} names no file.", "Check the path or the pattern.")
        names += [p.as_posix() for p in found]
        files += found
    return names, files


def _paths_in(table: Path, x: str | None, encoding: str) -> list[str]:
    """Read the column of paths of a table: the one asked for, or named like it, or the first."""
    read = read_cells(table, encoding)
    cells = read.cells
    if x is not None and x not in cells:
        raise DataError(
            f"{table.name} has no column {x!r}.", f"Its columns are {', '.join(cells)}."
        )
    known = (name for name in cells if name.lower() in PATH_COLUMNS)
    column = x or next(known, next(iter(cells)))
    blank = [(n, "") for n, cell in zip(read.numbers, cells[column], strict=True) if not cell]
    read.refuse(f"nothing in column {column!r}", blank, "Fill the cells, or delete those rows.")
    return cells[column]


def _is_image(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return path.is_file() and not hidden and ImageModality().recognise(path) > 0
