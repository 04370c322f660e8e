"""Sources: whatever the user points at becomes one :class:`~headstart.data.dataset.Dataset`.

A folder of class folders, a folder with ``train/`` and ``test/``, a table, an archive of any of
these, or a built-in name. What was guessed or ignored on the way is said in the findings.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from headstart.data import archives, builtin, folders, tables
from headstart.data.array_files import is_array_file, read_arrays
from headstart.data.dataset import Dataset, groups_from_pattern, places
from headstart.data.formats import is_table
from headstart.data.items import Examples, NumberRows, Stretches, glimpse
from headstart.data.name_fields import offer
from headstart.data.name_patterns import NamePattern
from headstart.data.spellings import check_spellings
from headstart.data.tables import Columns, Rows
from headstart.data.together import of_recordings
from headstart.errors import ConfigError, DataError
from headstart.events import OnEvent, ignore
from headstart.findings import Finding
from headstart.modalities import KINDS, Timed, modality, recognise
from headstart.said import _, _n, commas, listed, sentences
from headstart.tasks import Task
from headstart.tasks.classification import Classification
from headstart.tasks.multilabel import MultiLabel, apart
from headstart.text import in_utf8


def open_source(
    data: str | Path,
    *,
    x: str | None = None,
    y: str | None = None,
    groups: str | None = None,
    groups_from: str | None = None,
    names: str | None = None,
    encoding: str = "utf-8",
    modality: str | None = None,
    row: Sequence[str] = (),
    elsewhere: bool = False,
    task: str | None = None,
    cache_dir: Path,
    on_event: OnEvent = ignore,
) -> Dataset:
    """List the examples of a source with their labels; nothing is decoded yet.

    Parameters
    ----------
    data : str or Path
        A folder of class folders; a folder with ``train/`` and any of
        ``val|valid|validation|test|testing|dev`` of class folders; a CSV, TSV, Parquet or JSONL
        file; arrays of numpy (``.npz``, ``.npy``); a zip or tar of any of these; or
        ``builtin:NAME``.
    x, y, groups : str, optional
        Columns of a table: examples (paths, or numbers: several names with commas), labels, and
        what must stay together. Examples and labels are guessed from the names of the columns,
        and the guess is stated.
    groups_from : str, optional
        Regular expression that reads the group out of each path (its first parenthesis).
    names : str, optional
        What the names of files say, such as ``{label}_{speaker}_{n}``: classes, groups, or both
        (see ``name_patterns``).
    encoding : str, default="utf-8"
        Of a text table.
    modality : str, optional
        What the examples are; default: as their names and first bytes tell.
    row : sequence of str
        The columns whose numbers make an example, where a model knows them already.
    elsewhere : bool
        Whether ``x`` and ``encoding`` may be meant for another table.
    task : {"classification", "multilabel"}, optional
        Whether an example has one label or several; default: as the labels in a table look.
    cache_dir : Path
        Where archives are unpacked and built-in sets are kept.
    on_event : callable, optional
        Hears of progress.

    Returns
    -------
    Dataset
        Rows in the order of the source: training before test for folders, natural order (``img2``
        before ``img10``) within a class; as listed for tables.

    Raises
    ------
    DataError
        There is nothing to read, or it cannot be read; the hint says what would do.
    ConfigError
        Options that make no sense for this source.
    UnknownNameError, MissingExtraError
        As ``builtin.load``.
    """
    if groups and groups_from:
        raise ConfigError(
            _(
                "Groups come from column {column!r} or from the pattern {pattern!r}, not both.",
                column=groups,
                pattern=groups_from,
            ),
            _("Drop --groups or --groups-from."),
        )
    pattern = None if names is None else NamePattern.of(names)
    by_names = pattern if pattern is not None and pattern.group else None
    if by_names and (groups or groups_from):
        raise ConfigError(
            _(
                "Groups come from {option} or from --names {pattern!r}, not both.",
                option="--groups" if groups else "--groups-from",
                pattern=names,
            ),
            _("Write * in place of {field}.", field=f"{{{by_names.group}}}"),
        )
    grouped = bool(groups_from or by_names)
    columns = Columns(x, y, groups, encoding, tuple(row), elsewhere, task, modality, grouped)
    if str(data).startswith("builtin:"):
        name = str(data).removeprefix("builtin:")
        columns.refuse(str(data))
        rows = builtin.load(name, cache_dir, on_event)
    else:
        path = Path(data).expanduser()
        rows, name = _list(path, columns, groups_from, pattern, cache_dir, on_event), _name(path)
    return _assemble(name, rows, groups_from, pattern, modality)


def _list(
    path: Path,
    columns: Columns,
    groups_from: str | None,
    names: NamePattern | None,
    cache_dir: Path,
    on_event: OnEvent,
) -> Rows:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError) as cause:
        raise _missing(path) from cause
    except OSError as cause:
        raise DataError(
            _("{name} cannot be read: {cause}.", name=str(path), cause=cause.strerror),
            _("Check the path and its permissions."),
        ) from cause
    if path.is_dir():
        return folders.read(
            path.absolute(), columns, groups_from=groups_from, names=names, shown=str(path)
        )
    if names is not None and names.labelled and (is_table(path) or is_array_file(path)):
        raise ConfigError(
            _(
                "--names {pattern!r}: the labels of {name} stand in it.",
                pattern=names.written,
                name=path.name,
            ),
            _("Write * in place of {field}.", field="{label}"),
        )
    if is_table(path):
        return tables.read(path, columns)
    if is_array_file(path):
        columns.refuse(str(path))
        return read_arrays(path, columns.row)
    if archives.is_archive(path):
        root = archives.unpacked(path, cache_dir, on_event)
        return folders.read(
            root, columns, groups_from=groups_from, names=names, shown=path.name, within=root
        )
    raise DataError(
        _(
            "{name} is neither a folder, nor a table (.csv, .tsv, .parquet, .jsonl, .npz, .npy), "
            "nor an archive (.zip, .tar, .tar.gz, .tar.bz2, .tar.xz).",
            name=str(path),
        ),
        sentences(
            _("Save a spreadsheet as CSV; unpack other archives."),
            _(folders.LAYOUTS),
        ),
    )


def _assemble(
    name: str,
    rows: Rows,
    groups_from: str | None,
    names: NamePattern | None,
    asked: str | None,
) -> Dataset:
    """Turn labels into numbers; every number that training needs is made here, once."""
    shown, said = (list(map(in_utf8, texts)) for texts in (rows.refs, rows.labels))
    rows = replace(rows, refs=shown, labels=said)
    _refuse_undecodable(rows)
    kind_of_task = MultiLabel if rows.several else Classification
    task: Task = kind_of_task.of(rows.labels)
    labels, is_test = task.encode(rows.labels), np.array(rows.is_test, dtype=np.bool_)
    position = np.empty(len(labels))
    for part in (is_test, ~is_test):  # each has an order of its own
        position[part] = places(labels[part])
    groups = None if rows.groups is None else np.array(rows.groups)
    refs = tuple(rows.refs)
    of = asked or recognise(rows.items.kind, glimpse(refs, rows.items))
    kind, unit = rows.items.kind, modality(of).unit
    if isinstance(rows.items, NumberRows) and kind not in modality(of).kinds:
        raise _numbers(rows.items, of)
    if kind not in modality(of).kinds:
        raise ConfigError(
            _(
                "{option}: {many} do not lie in {kinds}, as these examples do.",
                option=f"--modality {of}",
                many=unit.many,
                kinds=_(KINDS[kind]),
            ),
            _("Leave it out: names and first bytes tell."),
        )
    together: list[Finding] = []
    if groups_from:
        groups = groups_from_pattern(refs, groups_from)
    elif names is not None and names.group:
        groups = np.array(names.read(_file_names(rows))[1])
    elif groups is None:
        groups, together = of_recordings(rows.items, refs, is_test)
    dataset = Dataset(
        name=name,
        examples=Examples(refs, rows.items, modality(of)),
        labels=labels,
        classes=task.classes,
        is_test=is_test,
        position=position,
        groups=groups,
        findings=(*rows.findings, *check_spellings(_each(rows)), *together),
    )
    if rows.items.kind != "file":
        return dataset
    return _offering(dataset, rows, labelled=names is not None and names.labelled)


def _offering(dataset: Dataset, rows: Rows, *, labelled: bool) -> Dataset:
    """Add what file names may say of what belongs together, where nothing else says it."""
    if any(finding.kind == "groups" for finding in dataset.findings) or dataset.groups is not None:
        return dataset
    found = offer(
        _file_names(rows),
        dataset.alike,
        dataset.written,
        over_time=isinstance(dataset.modality, Timed),
        labelled=labelled,
    )
    return dataset if found is None else dataset.noting(found)


def _file_names(rows: Rows) -> list[str]:
    """Return the paths of files, also of those that the examples are stretches of."""
    if isinstance(rows.items, Stretches):
        return [ref.rpartition(" [")[0] for ref in rows.refs]
    return rows.refs


def _each(rows: Rows) -> list[str]:
    """Return all labels, each by itself."""
    return [part for text in rows.labels for part in apart(text)] if rows.several else rows.labels


def _numbers(rows: NumberRows, asked: str) -> ConfigError:
    """Say what was seen in columns that were asked to be of another modality."""
    seen = commas([f"{value:g}" for value in rows.numbers[:3, 0]])
    return ConfigError(
        _(
            "{option}: column {column!r} holds numbers ({cells}, ...), not {many}.",
            option=f"--modality {asked}",
            column=rows.columns[0],
            cells=seen,
            many=modality(asked).unit.many,
        ),
        _("Name another column with --x, or leave --modality out."),
    )


def _name(path: Path) -> str:
    path = Path(os.path.normpath(path.absolute()))
    if path.is_dir():
        return path.name or "data"
    return archives.stem(path) if archives.is_archive(path) else path.stem


def _missing(path: Path) -> DataError:
    if str(path) in builtin.BUILTIN:
        near = [f"builtin:{path}"]
    elif path.parent.is_dir():
        near = [*map(repr, tables.similar_names(path))]
    else:
        missing = _(
            "There is no {path}, nor a folder {folder}.", path=str(path), folder=str(path.parent)
        )
        return DataError(missing, _("Check the path."))
    return DataError(
        _("There is no file or folder {path}.", path=str(path)),
        _("Did you mean {names}?", names=listed(near, "or")) if near else _("Check the path."),
    )


def _refuse_undecodable(rows: Rows) -> None:
    """Refuse names that no report could show: bytes that are not UTF-8, as foreign zips leave."""
    bad = [name for name in dict.fromkeys((*rows.refs, *rows.labels)) if not _is_unicode(name)]
    if bad:
        shown = bad[0].encode("utf-8", "backslashreplace").decode()
        raise DataError(
            _n(
                "{n} name is not UTF-8 (first: {name}).",
                "{n} names are not UTF-8 (first: {name}).",
                len(bad),
                name=shown,
            ),
            _(
                "If they came out of a zip, pass the zip itself; or rename them with {command}.",
                command="`convmv -f gb18030 -t utf-8 -r --notest FOLDER`",
            ),
        )


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
