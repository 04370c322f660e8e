"""Folders: class folders, or ``train/`` and ``test/`` of class folders, or a table with its files.

What lies there but is not read is said in the findings. Hidden files and what operating systems
leave behind (``.ipynb_checkpoints``, ``.DS_Store``, ``__MACOSX``, ``Thumbs.db``) count as absent.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.data import tables
from headstart.data.formats import is_table
from headstart.data.items import Files
from headstart.data.tables import TEST, TRAINING, VALIDATION, Columns, Rows
from headstart.errors import DataError
from headstart.findings import Finding
from headstart.modalities import modality, recognise, recognised

LAYOUTS = (
    "Give every class a folder of its own with its files in it, or write a CSV with the columns "
    "path and label."
)
_LITTER = frozenset({"__macosx", "thumbs.db", "desktop.ini"})


def read(
    root: Path, columns: Columns | None = None, *, shown: str = "", within: Path | None = None
) -> Rows:
    """List the examples of a folder.

    A folder that only wraps another one (as in most archives) is passed through. Every other file
    below a class folder is an example, readable or not: reading it will tell.

    Parameters
    ----------
    root : Path
    columns : Columns, optional
        For a folder that holds a table; naming columns of anything else is an error.
    shown : str, optional
        What the user calls the folder, for messages; default its path.
    within : Path, optional
        For what came out of an archive: the folder that no path in a table may leave.

    Raises
    ------
    DataError
        Nothing that could be classes, or several tables.
    """
    columns, shown = columns or Columns(), shown or str(root)
    root, here = _unwrap(root)
    found = [file for file in here.files if is_table(file)]
    split = any(_is_training(folder) for folder in here.folders)
    if len(found) == 1 and len(here.folders) < 2 and not split:
        # One folder beside a table holds its examples; two would be classes.
        return tables.read(found[0], columns, within=within)
    if not here.folders:
        raise _no_classes(shown, here.files, found)
    columns.refuse(shown)
    parts, findings = _splits(here.folders) if split else ([(root, False)], [])
    rows = _read_classes(root, parts, [*findings, *_loose(here.files)])
    if not rows.refs:
        raise DataError(f"The class folders of {shown} are all empty.", LAYOUTS)
    return rows


def natural(name: str) -> tuple[list[str | int], str]:
    """Sort key by which ``img2`` comes before ``img10``.

    Examples
    --------
    >>> sorted(["img10", "img2", "Img1"], key=natural)
    ['Img1', 'img2', 'img10']
    """
    # Digits stand at the odd places, so numbers are only ever compared with numbers.
    pieces = re.split(r"(\d+)", name.casefold())
    return [int(s) if i % 2 else s for i, s in enumerate(pieces)], name


@dataclass(frozen=True)
class _Here:
    """What is visible in a folder, in natural order."""

    folders: list[Path]
    files: list[Path]

    @classmethod
    def of(cls, folder: Path) -> _Here:
        try:
            with os.scandir(folder) as scan:
                entries = [(e.is_dir(), Path(e.path)) for e in scan if not _is_hidden(e.name)]
        except OSError as cause:
            raise DataError(
                f"The folder {folder} cannot be read: {cause.strerror}.", "Check its permissions."
            ) from cause
        entries.sort(key=lambda entry: natural(entry[1].name))
        return cls(
            [p for is_dir, p in entries if is_dir], [p for is_dir, p in entries if not is_dir]
        )


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.casefold() in _LITTER


def _unwrap(root: Path) -> tuple[Path, _Here]:
    """Go down while a folder holds only another one that has folders or a table in it."""
    here = _Here.of(root)
    while len(here.folders) == 1 and not here.files:
        inner = _Here.of(here.folders[0])
        if not inner.folders and not any(map(is_table, inner.files)):
            break
        root, here = here.folders[0], inner
    return root, here


def _is_training(folder: Path) -> bool:
    """Tell a training set from a class called "train": it has class folders in it."""
    return folder.name.casefold() in TRAINING and bool(_Here.of(folder).folders)


def _splits(folders: list[Path]) -> tuple[list[tuple[Path, bool]], list[Finding]]:
    """Tell training from test folders, with a note on those that are neither."""
    names = TRAINING | VALIDATION | TEST
    parts = [f for f in folders if f.name.casefold() in names and _Here.of(f).folders]
    test, findings = tables.held_out(folder.name for folder in parts)
    ignored = [folder.name for folder in folders if folder not in parts]
    if ignored:
        message = (
            f"Ignored beside the training set: {_named(ignored, 'folder')}. Only train, val and "
            "test with class folders in them are read."
        )
        findings.append(Finding("note", "warning", message, {"folders": ignored}))
    return [(folder, folder.name.casefold() in test) for folder in parts], findings


def _read_classes(root: Path, parts: list[tuple[Path, bool]], findings: Sequence[Finding]) -> Rows:
    """List training before test and, within each, class after class."""
    found: list[tuple[bool, str, Path]] = []
    empty: list[str] = []
    for part, is_test in parts:
        for kind in _Here.of(part).folders:
            files = list(_files(kind))
            found += [(is_test, kind.name, file) for file in files]
            if not files:
                empty.append(kind.relative_to(root).as_posix())
    found.sort(key=lambda row: (row[0], natural(row[1])))
    if empty:
        message = f"Without any file: {_named(empty, 'class folder')}."
        findings = [*findings, Finding("note", "warning", message, {"folders": empty})]
    return Rows(
        [file.relative_to(root).as_posix() for _, _, file in found],
        Files(tuple(file for _, _, file in found)),
        [kind for _, kind, _ in found],
        [is_test for is_test, _, _ in found],
        findings=tuple(findings),
    )


def _files(folder: Path) -> Iterator[Path]:
    """All visible files, at any depth; a link that leads back up is not followed."""
    here = _Here.of(folder)
    deeper = set(here.folders)
    for entry in sorted([*here.folders, *here.files], key=lambda path: natural(path.name)):
        if entry not in deeper:
            yield entry
        elif not (entry.is_symlink() and folder.resolve().is_relative_to(entry.resolve())):
            yield from _files(entry)


def _loose(files: list[Path]) -> list[Finding]:
    """Note examples and tables that lie beside the class folders."""
    loose = [file.name for file in files if recognised(file.name) or is_table(file)]
    if not loose:
        return []
    of = recognise("file", [(name, b"") for name in loose])
    message = (
        f"Ignored beside the class folders: {_named(loose, 'file')}. "
        f"{modality(of).unit.a.capitalize()} counts only in the folder of its class."
    )
    return [Finding("note", "warning", message, {"count": len(loose), "files": loose[:50]})]


def _no_classes(shown: str, files: list[Path], found: list[Path]) -> DataError:
    if not files:
        return DataError(f"The folder {shown} is empty.", LAYOUTS)
    if len(found) > 1:
        tables_named = _named([file.name for file in found], "table")
        return DataError(f"{shown} holds {tables_named}.", "Pass the one to use.")
    names = [file.name for file in files]
    what = _named(names, "file")
    known = [name for name in names if recognised(name)]
    if known:
        what = _named(known, modality(recognise("file", [(name, b"") for name in known])).unit.one)
    return DataError(f"{shown} holds {what}, but no class folder and no table.", LAYOUTS)


def _named(names: list[str], noun: str) -> str:
    """Count things and name three of them."""
    more = ", ..." if len(names) > 3 else ""
    plural = "s" if len(names) > 1 else ""
    return f"{len(names)} {noun}{plural} ({', '.join(map(repr, names[:3]))}{more})"
