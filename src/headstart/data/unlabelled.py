"""Examples without labels: the target of an adaptation, and labels that may be shown later."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headstart.data import archives, builtin
from headstart.data.formats import is_table, is_text_table, read_cells
from headstart.data.inputs import expand
from headstart.data.items import Examples, column_of
from headstart.data.sources import open_source
from headstart.data.tables import LABEL_COLUMNS, UTF_8
from headstart.data.walk import first
from headstart.errors import ConfigError, DataError
from headstart.events import OnEvent, ignore
from headstart.modalities import Modality
from headstart.said import _, commas

STANDS_FOR = "stands_for"
"""Column of a table of proposals: how many examples of the target each was drawn for."""
NAMED = 3
"""How many things a sentence lists."""


@dataclass(frozen=True)
class Unlabelled:
    """Examples without labels.

    Attributes
    ----------
    name : str
        What the user would call the set.
    examples : Examples
        What they are, where they lie and how they are shown.
    note : str
        What looked like a label and was not read, or "".
    """

    name: str
    examples: Examples
    note: str = ""

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def refs(self) -> tuple[str, ...]:
        """How each is shown."""
        return self.examples.refs

    def take(self, rows: Sequence[int]) -> Unlabelled:
        """Return the chosen rows, in order."""
        return Unlabelled(self.name, self.examples.take(rows), self.note)


def open_unlabelled(
    data: str | Path,
    modality: Modality[Any, Any],
    *,
    columns: Sequence[str] = (),
    column: str = "",
    x: str | None = None,
    encoding: str = "utf-8",
    cache_dir: Path,
    on_event: OnEvent = ignore,
) -> Unlabelled:
    """List the examples of a folder, a table, an archive or a built-in set.

    Whatever would be a label there (class folders, a column) is not read, and that is said.

    Parameters
    ----------
    data : str or Path
        A folder, however deep its examples lie; a table that lists or holds them; a zip or tar;
        or ``builtin:NAME``.
    modality, columns, column
        What they are, the columns that make one, and that of the cells that a model was trained on,
        as ``inputs.expand`` takes them.
    x, encoding : str, optional
        The column of paths of a table, and its encoding.

    Raises
    ------
    DataError
        There is nothing to read.
    """
    if str(data).startswith("builtin:"):
        name = str(data).removeprefix("builtin:")
        rows = builtin.load(name, cache_dir, on_event)
        note = _(
            "The labels of {data} were not read: the target counts as unlabelled.", data=str(data)
        )
        return Unlabelled(name, Examples(tuple(rows.refs), rows.items, modality), note)
    path = Path(data).expanduser()
    if path.is_file() and archives.is_archive(path):
        root = archives.unpacked(path, cache_dir, on_event)
        return _below(root, modality, archives.stem(path), str(data), columns)
    if path.is_dir():
        name = Path(os.path.normpath(path.absolute())).name
        return _below(path, modality, name, str(data), columns)
    if not path.exists():
        raise DataError(
            _("There is no file or folder {path}.", path=str(path)),
            _("Check the path of the target."),
        )
    if not is_table(path) or columns:  # it is for the source, and named the columns known by now
        x = None
    if not is_text_table(path):
        encoding = UTF_8
    examples = expand(
        [path], modality, columns=columns, column=column, x=x, encoding=encoding, on_event=on_event
    )
    if not len(examples):
        raise DataError(
            _("{name} lists no {many}.", name=str(path), many=modality.unit.many),
            _("Give it a column of paths."),
        )
    return Unlabelled(path.stem, examples, _column_note(path, encoding) if is_table(path) else "")


def read_labels(
    data: str | Path,
    target: Examples,
    *,
    option: str,
    x: str | None = None,
    y: str | None = None,
    encoding: str,
    cache_dir: Path,
) -> dict[int, str]:
    """Find labels for examples of the target, in any source that labels the same ones.

    Parameters
    ----------
    data : str or Path
        A table with paths and labels (rows without a label are passed over), or whatever
        ``open_source`` reads: for example the folder of the target itself, if it has class folders.
    target : Examples
        Those of the target.
    option : str
        Which option named it, for messages.
    x, y : str, optional
        Columns of paths and labels, where a table has columns of these names.
    encoding : str
        Of a table.
    cache_dir : Path
        Where archives are unpacked.

    Returns
    -------
    dict of int to str
        Row of the target -> class.

    Raises
    ------
    DataError, ConfigError
        Nothing there is of the target, or it cannot be read.
    """
    path = Path(data).expanduser()
    if path.is_file() and is_table(path):
        found = _filled_rows(path, target, x, y, encoding, option)
    else:
        dataset = open_source(data, task="classification", cache_dir=cache_dir)
        said = dataset.written
        found = dict(zip(dataset.examples.places(), said, strict=True))
    labels = {i: found[place] for i, place in enumerate(target.places()) if place in found}
    if not labels:
        raise DataError(
            _(
                "{option} {data!r} labels none of the {examples} of the target.",
                option=option,
                data=str(data),
                examples=target.modality.unit.count(len(target)),
            ),
            _("Its paths must lead to the same files as those of the target."),
        )
    return labels


def read_weights(data: str | Path, target: Examples, *, encoding: str) -> dict[int, float]:
    """Read how many examples each row of a filled table of proposals stands for.

    Returns
    -------
    dict of int to float
        Row of the target -> number. Empty where the table says nothing of it, or is only partly
        filled: then what is labelled was picked, not drawn.
    """
    path = Path(data).expanduser()
    if not (path.is_file() and is_table(path)):
        return {}
    cells = read_cells(path, encoding).cells
    label = next((name for name in cells if name.lower() in LABEL_COLUMNS), None)
    if STANDS_FOR not in cells or label is None or not all(cells[label]):
        return {}
    try:
        numbers = [float(text) for text in cells[STANDS_FOR]]
    except ValueError:
        return {}
    listed = _examples_of(path, target, None, encoding).places()
    row = {place: i for i, place in enumerate(target.places())}
    found = zip(listed, numbers, strict=True)
    return {row[place]: n for place, n in found if place in row and n > 0}


def _below(
    root: Path, modality: Modality[Any, Any], name: str, shown: str, columns: Sequence[str]
) -> Unlabelled:
    try:
        found = expand([root], modality, columns=columns)
    except DataError as cause:  # which would name the folder an archive was unpacked to
        if "file" not in modality.kinds:
            raise
        raise DataError(
            _("There are no {many} below {folder!r}.", many=modality.unit.many, folder=shown),
            _("Name another."),
        ) from cause
    if found.items.kind != "file":
        return Unlabelled(name, found)
    refs = tuple(Path(ref).relative_to(root).as_posix() for ref in found.refs)
    folders = sorted({ref.split("/")[0] for ref in refs if "/" in ref})
    note = ""
    if len(folders) > 1:
        note = _(
            "The folders of {data} ({folders}) were not read as labels: the target counts as "
            "unlabelled.",
            data=name,
            folders=first(folders, NAMED),
        )
    return Unlabelled(name, replace(found, refs=refs), note)


def _column_note(path: Path, encoding: str) -> str:
    columns = [name for name in read_cells(path, encoding).cells if name.lower() in LABEL_COLUMNS]
    if not columns:
        return ""
    return _(
        "Column {column!r} of {table} was not read: the target counts as unlabelled.",
        column=columns[0],
        table=path.name,
    )


def _filled_rows(
    path: Path, target: Examples, x: str | None, y: str | None, encoding: str, option: str
) -> dict[str, str]:
    """Read place and label of the rows that have a label."""
    cells = read_cells(path, encoding).cells
    known = (name for name in cells if name.lower() in LABEL_COLUMNS)
    label = y if y in cells else next(known, None)
    if label is None:
        raise ConfigError(
            _(
                "{option} {table} has no column of labels; its columns are {columns}.",
                option=option,
                table=path.name,
                columns=commas(cells),
            ),
            _("Call one of them label."),
        )
    listed = _examples_of(path, target, x if x in cells else None, encoding)
    filled = [(p, said.strip()) for p, said in zip(listed.places(), cells[label], strict=True)]
    if not any(said for _place, said in filled):
        raise DataError(
            _(
                "{option} {table}: column {column!r} is empty in all {n} rows.",
                option=option,
                table=path.name,
                column=label,
                n=len(listed),
            ),
            _("Write the class of each {one} into it.", one=target.modality.unit.one),
        )
    found: dict[str, str] = {}
    for (place, said), name in zip(filled, listed.refs, strict=True):
        if said and found.setdefault(place, said) != said:
            raise DataError(
                _(
                    "{option} {table}: {name!r} has two labels, {first!r} and {second!r}.",
                    option=option,
                    table=path.name,
                    name=name,
                    first=found[place],
                    second=said,
                ),
                _("Keep one of them."),
            )
    return found


def _examples_of(path: Path, target: Examples, x: str | None, encoding: str) -> Examples:
    """Read the examples of a table as those of the target were read."""
    columns = target.items.columns
    x = None if columns else x
    encoding = encoding if is_text_table(path) else UTF_8
    return expand(
        [path],
        target.modality,
        columns=columns,
        column=column_of(target.items),
        x=x,
        encoding=encoding,
    )
