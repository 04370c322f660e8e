"""Tables: which columns hold paths and labels, and where the files are.

Columns are guessed from their names unless the user names them, and every guess is stated.
Relative paths start from the table's folder.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from headstart.data.formats import Table, read_cells
from headstart.errors import ConfigError, DataError
from headstart.findings import Finding

PATH_COLUMNS = (
    *("path", "file", "filename", "file_name", "filepath", "image", "image_path", "img", "id"),
    *("路径", "文件", "图片"),
)
LABEL_COLUMNS = (
    *("label", "labels", "class", "classname", "category", "target", "y"),
    *("标签", "类别"),
)
SPLIT_COLUMNS = ("split", "set")

TRAINING = frozenset({"train", "training"})
VALIDATION = frozenset({"val", "valid", "validation", "dev"})
TEST = frozenset({"test", "testing"})


@dataclass(frozen=True)
class Columns:
    """What the user said about a table; None leaves a column to be guessed from its name.

    Attributes
    ----------
    x, y : str or None
        Columns of paths and of labels.
    groups : str or None
        Column of groups; never guessed.
    encoding : str
        Of text tables. ``"utf-8"`` also takes the mark that Excel puts in front.
    """

    x: str | None = None
    y: str | None = None
    groups: str | None = None
    encoding: str = "utf-8"

    def refuse(self, shown: str) -> None:
        """Raise ``ConfigError`` if any is named although the source is not a table."""
        asked = {"--x": self.x, "--y": self.y, "--groups": self.groups}
        for flag, name in asked.items():
            if name:
                raise ConfigError(
                    f"{flag} {name!r} names a column, but {shown} is not a table.",
                    "Read groups out of the paths instead: --groups-from 'patient(\\d+)'."
                    if flag == "--groups"
                    else f"Drop {flag}, or pass a table.",
                )


@dataclass(frozen=True)
class Rows:
    """What a source lists, before labels become numbers: one entry per example in each list.

    Attributes
    ----------
    refs : list of str
        Paths as shown, with forward slashes.
    files : list of Path
    labels : list of str
    is_test : list of bool
    groups : list of str, or None
    findings : tuple of Finding
    """

    refs: list[str]
    files: list[Path]
    labels: list[str]
    is_test: list[bool]
    groups: list[str] | None = None
    findings: tuple[Finding, ...] = ()


def read(path: Path, columns: Columns | None = None, *, within: Path | None = None) -> Rows:
    """Read a table of paths and labels.

    Parameters
    ----------
    path : Path
        A file for which ``formats.is_table`` holds.
    columns : Columns, optional
        Which columns to read.
    within : Path, optional
        For a table out of an archive: the folder that no path may leave.

    Raises
    ------
    DataError
        A table that cannot be parsed, columns that are not there, blank cells, files that do not
        exist or lie outside ``within``, one file with two labels, an unknown split.
    ConfigError
        ``x`` and ``y`` are one column, or there is no such encoding.
    """
    columns = columns or Columns()
    table = read_cells(path, columns.encoding)
    x, y, guesses = _choose(table, columns)
    wanted = [name for name in (x, y, columns.groups) if name]
    for name in wanted:
        blank = [(n, "") for n, v in zip(table.numbers, table.cells[name], strict=True) if not v]
        table.refuse(f"nothing in column {name!r}", blank, "Fill the cells, or delete those rows.")
    files = _locate(table, x, within)
    _refuse_two_labels(table, files, table.cells[y])
    is_test, splits = _split(table, wanted)
    keep, repeats = _first_of_each(table, list(zip(files, is_test, strict=True)))
    refs = _refs(table.folder, files)
    return Rows(
        [refs[i] for i in keep],
        [files[i] for i in keep],
        [table.cells[y][i] for i in keep],
        [is_test[i] for i in keep],
        [table.cells[columns.groups][i] for i in keep] if columns.groups else None,
        (*guesses, *splits, *repeats),
    )


def held_out(names: Iterable[str]) -> tuple[frozenset[str], list[Finding]]:
    """Decide which of the splits there are make the test set.

    ``test`` where there is one, and then ``val`` joins training; otherwise ``val``.

    Examples
    --------
    >>> sorted(held_out(["train", "val"])[0]), sorted(held_out(["train", "val", "test"])[0])
    (['val'], ['test'])
    """
    present = {name.casefold() for name in names}
    test, validation = present & TEST, present & VALIDATION
    if not (test and validation):
        return frozenset(test or validation), []
    joining, testing = " and ".join(sorted(validation)), " and ".join(sorted(test))
    message = f"{testing!r} is the test set; {joining!r} joins training."
    return frozenset(test), [Finding("note", "info", message)]


def _choose(table: Table, columns: Columns) -> tuple[str, str, list[Finding]]:
    """Return the columns of paths and labels, and a note on what was guessed."""
    _refuse_missing_columns(table, columns)
    x = columns.x or _guess(table, PATH_COLUMNS, (columns.y, columns.groups))
    y = columns.y or _guess(table, LABEL_COLUMNS, (x, columns.groups))
    if not x or not y:
        lacking = [what for what, name in (("paths", x), ("labels", y)) if not name]
        raise DataError(
            f"No column of {table.name} looks like {' or '.join(lacking)}; {_columns_of(table)}",
            _header_hint(table) or "Name them with --x (paths) and --y (labels).",
        )
    if x == y:
        raise ConfigError(f"--x and --y both name {x!r}.", "Paths and labels are two columns.")
    guesses = [f"paths from column {x!r} (--x chooses another)"] if not columns.x else []
    guesses += [f"labels from column {y!r} (--y chooses another)"] if not columns.y else []
    message = f"{table.name}: guessed {' and '.join(guesses)}."
    return x, y, [Finding("note", "info", message, {"x": x, "y": y})] if guesses else []


def _guess(table: Table, known: Sequence[str], taken: Collection[str | None]) -> str | None:
    free = {name.casefold(): name for name in table.cells if name not in taken}
    return next((free[name] for name in known if name in free), None)


def _refuse_missing_columns(table: Table, columns: Columns) -> None:
    asked = {"--x": columns.x, "--y": columns.y, "--groups": columns.groups}
    missing = {flag: name for flag, name in asked.items() if name and name not in table.cells}
    if not missing:
        return
    named = " and ".join(f"{name!r} ({flag})" for flag, name in missing.items())
    near = [n for m in missing.values() for n in difflib.get_close_matches(m, table.cells, n=1)]
    raise DataError(
        f"{table.name} has no column {named}; {_columns_of(table)}",
        f"Did you mean {' and '.join(map(repr, near))}?" if near else "Name one of its columns.",
    )


def _columns_of(table: Table) -> str:
    text = f"its columns are {', '.join(map(repr, table.cells)) or 'none'}."
    if table.embedded:
        text += f" ({', '.join(map(repr, table.embedded))} holds data itself, not paths to files.)"
    return text


def _header_hint(table: Table) -> str:
    """Recognise a table without a header: its first file has become a column's name."""
    if any(name and _is_file(table.folder / name) for name in table.cells):
        return "The first line looks like data: put a header line, such as path,label, above it."
    return ""


def _locate(table: Table, column: str, within: Path | None) -> list[Path]:
    """Find the files; absolute, without ``..``."""
    written = table.cells[column]
    files = [_path(table.folder, text) for text in written]
    rows = list(zip(table.numbers, map(repr, written), files, strict=True))
    if within is not None:
        inside = within.resolve()
        table.refuse(
            "paths that leave the archive",
            [(n, text) for n, text, file in rows if not file.is_relative_to(inside)],
            "Write paths relative to the table, to files in the same archive.",
        )
    missing = [(n, text, file) for n, text, file in rows if not _is_file(file)]
    if missing:
        table.refuse("no such file", [(n, t) for n, t, _ in missing], _where(missing[0][2]))
    return files


def _path(folder: Path, written: str) -> Path:
    """Join, and fold ``..`` away so that one file has one path."""
    file = folder / written
    if "\\" in written and not _is_file(file):  # a table written on Windows
        file = folder / written.replace("\\", "/")
    return Path(os.path.normpath(file))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False


def _where(file: Path) -> str:
    """Tell where a missing file was looked for, and what is there instead."""
    hint = f"Paths start from the table's own folder; the first was looked for at {file}."
    near = similar_names(file, 1)
    return f"{hint} Did you mean {near[0]!r}, which is there?" if near else hint


def similar_names(path: Path, n: int = 3) -> list[str]:
    """List what lies beside a path that does not exist and is called nearly the same."""
    try:
        names = [entry.name for entry in islice(path.parent.iterdir(), 2000)]
    except (OSError, ValueError):  # no such folder, or one that cannot be
        return []
    return difflib.get_close_matches(path.name, names, n=n)


def _refuse_two_labels(table: Table, files: list[Path], labels: list[str]) -> None:
    first: dict[Path, tuple[int, str]] = {}
    clashes: list[tuple[int, str]] = []
    for number, file, label in zip(table.numbers, files, labels, strict=True):
        before, other = first.setdefault(file, (number, label))
        if label != other:
            clash = f"({file.name} is {label!r}, but {other!r} in {table.row} {before})"
            clashes.append((number, clash))
    table.refuse("another label for the same file", clashes, "Delete the rows that are wrong.")


def _split(table: Table, taken: Collection[str]) -> tuple[list[bool], list[Finding]]:
    """Read a column called split or set, if there is one."""
    column = _guess(table, SPLIT_COLUMNS, taken)
    if column is None:
        return [False] * len(table.numbers), []
    values = [value.casefold() for value in table.cells[column]]
    table.refuse(
        f"unknown value in column {column!r}",
        [
            (number, repr(value))
            for number, value in zip(table.numbers, table.cells[column], strict=True)
            if value.casefold() not in TRAINING | VALIDATION | TEST
        ],
        "Write train, val or test; or rename the column if it means something else.",
    )
    test, findings = held_out(values)
    is_test = [value in test for value in values]
    message = f"{table.name}: column {column!r} sets {sum(is_test)} of {len(values)} rows apart."
    return is_test, [Finding("note", "info", message), *findings]


def _first_of_each(table: Table, keys: list[tuple[Path, bool]]) -> tuple[list[int], list[Finding]]:
    """Drop rows that say again what an earlier row said.

    A file in both training and test stays in both: the search for copies judges that, with the
    copies that have another name.
    """
    keep = sorted({key: i for i, key in reversed(list(enumerate(keys)))}.values())
    if len(keep) == len(keys):
        return keep, []
    again = sorted(set(range(len(keys))) - set(keep))
    repeated = table.listed([(table.numbers[i], f"({keys[i][0].name})") for i in again])
    message = f"{table.name}: the same file again in {repeated}; each file counts once."
    return keep, [Finding("duplicate_rows", "info", message, {"count": len(again)})]


def _refs(folder: Path, files: list[Path]) -> list[str]:
    """Show paths from the table's folder or, if files lie elsewhere, from what they share."""
    if not all(file.is_relative_to(folder) for file in files):
        try:
            folder = Path(os.path.commonpath([file.parent for file in files]))
        except ValueError:  # files on several drives
            return [file.as_posix() for file in files]
    return [file.relative_to(folder).as_posix() for file in files]
