"""Folders: class folders, or ``train/`` and ``test/`` of class folders, or a table with its files.

What lies there but is not read is said in the findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headstart.data import tables
from headstart.data.class_lists import are_class_lists, read_class_lists
from headstart.data.formats import is_table
from headstart.data.items import FILE, Files
from headstart.data.name_fields import shape
from headstart.data.name_patterns import NamePattern
from headstart.data.parts import (
    Part,
    are_flat_parts,
    check_alike,
    held_out,
    is_plain,
    parts_of,
)
from headstart.data.tables import Columns, Rows
from headstart.data.walk import FOLDER, Here, files_below, named, natural
from headstart.errors import DataError
from headstart.findings import Finding
from headstart.modalities import Unit, modality, recognise, recognised, recognised_as_file
from headstart.said import N_, NN_, _, sentences

LAYOUTS = N_(
    "Give every class a folder of its own with its files in it, or write a CSV with the columns "
    "path and label."
)
NOTES = (".txt", ".md")
"""Suffixes of texts, which may be examples or tell about them."""
CLASS_FOLDER, TABLE = Unit(N_("class folder"), N_("class folders")), Unit(N_("table"), N_("tables"))
NN_("{n:,} class folder", "{n:,} class folders"), NN_("{n:,} table", "{n:,} tables")


def read(
    root: Path,
    columns: Columns | None = None,
    *,
    groups_from: str | None = None,
    names: NamePattern | None = None,
    shown: str = "",
    within: Path | None = None,
) -> Rows:
    """List the examples of a folder.

    A folder that only wraps another one (as in most archives) is passed through. Every other file
    below a class folder is an example, readable or not: reading it will tell.

    Parameters
    ----------
    root : Path
    columns : Columns, optional
        For a folder that holds a table; naming columns of anything else is an error.
    groups_from : str, optional
        The pattern that groups are read with, as far as it tells groups from classes.
    names : NamePattern, optional
        What the names of files say. Where they tell the classes, folders do not.
    shown : str, optional
        What the user calls the folder, for messages; default its path.
    within : Path, optional
        For what came out of an archive: the folder that no path in a table may leave.

    Raises
    ------
    DataError
        Nothing that could be classes, several tables, or folders that may be parts or classes.
    """
    columns, shown = columns or Columns(), shown or str(root)
    root, here = _unwrap(root)
    found = [file for file in here.files if is_table(file)]
    parts, findings = parts_of(here.folders)
    flat = are_flat_parts(here.folders)
    if names is not None and names.labelled:
        columns.refuse(shown)
        if flat:
            test, findings = held_out(f.name for f in here.folders)
            parts = [Part(f, f.name in test) for f in here.folders]
        return _read_names(root, parts or [Part(root, False)], names, findings, shown)
    sole = len(here.folders) < 2 and not any(map(is_plain, here.folders))
    if len(found) == 1 and (flat or sole or (len(here.folders) < 2 and not parts)):
        # One folder beside a table, or train and test, hold its examples; two would be classes.
        return tables.read(found[0], columns, within=within)
    if not found and (flat or not here.folders):
        lists = read_class_lists(root, here, columns, shown)
        if lists is not None:
            return lists
    if flat:
        raise _flat(shown, here.folders, found)
    if not here.folders:
        raise _no_classes(shown, here.files, found)
    columns.refuse(shown)
    if not parts:
        by_folder = names is not None and names.group and names.depth
        findings = [] if by_folder else check_alike(here.folders, shown, groups_from)
        parts = [Part(root, False)]
    rows = _read_classes(root, parts, [*findings, *_loose(here.files)])
    if not rows.refs:
        raise DataError(_("The class folders of {folder} are all empty.", folder=shown), _(LAYOUTS))
    return rows


def _unwrap(root: Path) -> tuple[Path, Here]:
    """Go down while a folder holds only another one that has folders, a table or lists in it."""
    here, seen = Here.of(root), {root.resolve()}
    while len(here.folders) == 1 and not here.files:
        inner, real = Here.of(here.folders[0]), here.folders[0].resolve()
        wraps = inner.folders or any(map(is_table, inner.files)) or are_class_lists(inner.files)
        if real in seen or not wraps:
            break
        root, here = here.folders[0], inner
        seen.add(real)
    return root, here


def _read_classes(root: Path, parts: Sequence[Part], findings: Sequence[Finding]) -> Rows:
    """List training before test and, within each, class after class."""
    found: list[tuple[bool, str, Path]] = []
    empty: list[str] = []
    beside: list[str] = []
    for part in parts:
        for kind in Here.of(part.root).folders:
            files, about = _apart(files_below(kind))
            beside += about
            found += [(part.is_test, kind.name, file) for file in files]
            if not files:
                empty.append(kind.relative_to(root).as_posix())
    found.sort(key=lambda row: (row[0], natural(row[1])))
    if empty:
        message = _("Without any file: {folders}.", folders=named(empty, CLASS_FOLDER))
        findings = [*findings, Finding("note", "warning", message, {"folders": empty})]
    if beside:
        message = _("Left out, since they are about the set: {files}.", files=named(beside, FILE))
        findings = [*findings, Finding("note", "info", message, {"files": beside[:50]})]
    return Rows(
        [file.relative_to(root).as_posix() for _, _, file in found],
        Files(tuple(file for _, _, file in found)),
        [kind for _, kind, _ in found],
        [is_test for is_test, _, _ in found],
        findings=tuple(findings),
    )


def _read_names(
    root: Path,
    parts: Sequence[Part],
    names: NamePattern,
    findings: Sequence[Finding],
    shown: str,
) -> Rows:
    """List training before test, whatever the folders; the class of each stands in its name."""
    found = [(part.is_test, file) for part in parts for file in files_below(part.root)]
    found.sort(key=lambda row: row[0])
    kept = [row for row in found if recognised_as_file(row[1].name)]
    kept = kept or [row for row in found if recognised(row[1].name)]
    if not kept:
        raise DataError(
            _("There are no files to learn from below {folder}.", folder=shown),
            _("Check the path."),
        )
    refs = [file.relative_to(root).as_posix() for _test, file in kept]
    labels, _groups = names.read(refs)
    others = [file.name for _test, file in found if (_test, file) not in set(kept)]
    if others:
        message = _("Left out, since they are about the set: {files}.", files=named(others, FILE))
        findings = [*findings, Finding("note", "info", message, {"files": others[:50]})]
    return Rows(
        refs,
        Files(tuple(file for _test, file in kept)),
        labels or [],
        [is_test for is_test, _file in kept],
        findings=tuple(findings),
    )


def _apart(files: list[Path]) -> tuple[list[Path], list[str]]:
    """Tell examples from texts about them (``README.txt``), which no modality takes for one."""
    about = [f for f in files if f.suffix.lower() in NOTES and not recognised(f.name)]
    return ([f for f in files if f not in about] if about else files), [f.name for f in about]


def _loose(files: list[Path]) -> list[Finding]:
    """Note examples and tables that lie beside the class folders."""
    loose = [file.name for file in files if recognised(file.name) or is_table(file)]
    if not loose:
        return []
    of = recognise("file", [(name, b"") for name in loose])
    message = sentences(
        _("Ignored beside the class folders: {files}.", files=named(loose, FILE)),
        _("Any {one} counts only in the folder of its class.", one=modality(of).unit.one),
    )
    return [Finding("note", "warning", message, {"count": len(loose), "files": loose[:50]})]


def _flat(shown: str, folders: list[Path], found: list[Path]) -> DataError:
    without = named([folder.name for folder in folders], FOLDER)
    if not found:
        message = _(
            "{folder} holds {parts} without class folders in them: these are parts, not classes.",
            folder=shown,
            parts=without,
        )
        return DataError(message, _(LAYOUTS))
    message = _(
        "{folder} holds {parts} without class folders in them, beside {tables}: these are parts, "
        "not classes.",
        folder=shown,
        parts=without,
        tables=named([file.name for file in found], TABLE),
    )
    return DataError(message, _("Pass the table that holds the labels."))


def _no_classes(shown: str, files: list[Path], found: list[Path]) -> DataError:
    if not files:
        return DataError(_("The folder {folder} is empty.", folder=shown), _(LAYOUTS))
    if len(found) > 1:
        there = named([file.name for file in found], TABLE)
        return DataError(
            _("{folder} holds {tables}.", folder=shown, tables=there), _("Pass the one to use.")
        )
    names = [file.name for file in files]
    what = named(names, FILE)
    known = [name for name in names if recognised(name)]
    if known:
        what = named(known, modality(recognise("file", [(name, b"") for name in known])).unit)
    pattern = shape(known)
    return DataError(
        _("{folder} holds {files}, but no class folder and no table.", folder=shown, files=what),
        sentences(
            _(LAYOUTS),
            _(
                "Or, if the names of the files tell their classes, say how: {option}.",
                option=f"--names '{pattern}'",
            )
            if pattern
            else "",
        ),
    )
