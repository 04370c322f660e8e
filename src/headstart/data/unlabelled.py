"""Images without labels: the target of an adaptation, and labels that may be shown for it later."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.data import archives, builtin
from headstart.data.formats import is_table, read_cells
from headstart.data.inputs import expand
from headstart.data.sources import open_source
from headstart.data.tables import LABEL_COLUMNS
from headstart.errors import ConfigError, DataError
from headstart.events import OnEvent, ignore

STANDS_FOR = "stands_for"
"""Column of a table of proposals: how many images of the target each was drawn for."""
NAMED = 3
"""How many things a sentence lists."""


@dataclass(frozen=True)
class Unlabelled:
    """Files without labels.

    Attributes
    ----------
    name : str
        What the user would call the set.
    refs : tuple of str
        How each is shown.
    files : tuple of Path
        Where each lies.
    note : str
        What looked like a label and was not read, or "".
    """

    name: str
    refs: tuple[str, ...]
    files: tuple[Path, ...]
    note: str = ""

    def __len__(self) -> int:
        return len(self.refs)

    def take(self, rows: Sequence[int]) -> Unlabelled:
        """Return the chosen rows, in order."""
        refs, files = (tuple(seq[i] for i in rows) for seq in (self.refs, self.files))
        return Unlabelled(self.name, refs, files, self.note)  # type: ignore[arg-type]


def open_unlabelled(
    data: str | Path,
    *,
    x: str | None = None,
    encoding: str = "utf-8",
    cache_dir: Path,
    on_event: OnEvent = ignore,
) -> Unlabelled:
    """List the images of a folder, a table of paths, an archive or a built-in set.

    Whatever would be a label there (class folders, a column) is not read, and that is said.

    Parameters
    ----------
    data : str or Path
        A folder, however deep its images lie; a table with a column of paths; a zip or tar; or
        ``builtin:NAME``.
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
        note = f"The labels of builtin:{name} were not read: the target counts as unlabelled."
        return Unlabelled(name, tuple(rows.refs), tuple(rows.files), note)
    path = Path(data).expanduser()
    if path.is_file() and archives.is_archive(path):
        root = archives.unpacked(path, cache_dir, on_event)
        return _below(root, archives.stem(path), str(data))
    if path.is_dir():
        return _below(path, Path(os.path.normpath(path.absolute())).name, str(data))
    if not path.exists():
        raise DataError(f"There is no file or folder {path}.", "Check the path of the target.")
    names, files = expand([path], x, encoding)
    if not files:
        raise DataError(f"{path} lists no images.", "Give it a column of paths.")
    table = is_table(path)
    return Unlabelled(
        path.stem, tuple(names), tuple(files), _column_note(path, encoding) if table else ""
    )


def read_labels(
    data: str | Path,
    files: Sequence[Path],
    *,
    option: str,
    x: str | None = None,
    y: str | None = None,
    encoding: str,
    cache_dir: Path,
) -> dict[int, str]:
    """Find labels for images of the target, in any source that labels the same files.

    Parameters
    ----------
    data : str or Path
        A table with paths and labels (rows without a label are passed over), or whatever
        ``open_source`` reads: for example the folder of the target itself, if it has class folders.
    files : sequence of Path
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
        Place in ``files`` -> class.

    Raises
    ------
    DataError, ConfigError
        Nothing there is of the target, or it cannot be read.
    """
    path = Path(data).expanduser()
    if path.is_file() and is_table(path):
        found = _filled_rows(path, x, y, encoding, option)
    else:
        dataset = open_source(data, encoding=encoding, cache_dir=cache_dir)
        said = [dataset.classes[c] for c in dataset.labels]
        found = dict(zip(map(_place, dataset.files), said, strict=True))
    labels = {i: found[_place(file)] for i, file in enumerate(files) if _place(file) in found}
    if not labels:
        raise DataError(
            f"{option} {str(data)!r} labels none of the {len(files)} images of the target.",
            "Its paths must lead to the same files as those of the target.",
        )
    return labels


def read_weights(data: str | Path, files: Sequence[Path], *, encoding: str) -> dict[int, float]:
    """Read how many images each row of a filled table of proposals stands for.

    Returns
    -------
    dict of int to float
        Place in ``files`` -> number. Empty where the table says nothing of it, or is only partly
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
    _, listed = expand([path], None, encoding)
    place = {_place(file): i for i, file in enumerate(files)}
    found = zip(listed, numbers, strict=True)
    return {place[_place(f)]: n for f, n in found if _place(f) in place and n > 0}


def _below(root: Path, name: str, shown: str) -> Unlabelled:
    try:
        _, files = expand([root])
    except DataError as cause:  # which would name the folder an archive was unpacked to
        raise DataError(f"There are no images below {shown!r}.", "Name another.") from cause
    refs = tuple(file.relative_to(root).as_posix() for file in files)
    folders = sorted({ref.split("/")[0] for ref in refs if "/" in ref})
    note = ""
    if len(folders) > 1:
        listed = ", ".join(folders[:NAMED]) + (", ..." if len(folders) > NAMED else "")
        note = (
            f"The folders of {name} ({listed}) were not read as labels: the target counts as "
            "unlabelled."
        )
    return Unlabelled(name, refs, tuple(files), note)


def _column_note(path: Path, encoding: str) -> str:
    columns = [name for name in read_cells(path, encoding).cells if name.lower() in LABEL_COLUMNS]
    if not columns:
        return ""
    return f"Column {columns[0]!r} of {path.name} was not read: the target counts as unlabelled."


def _filled_rows(
    path: Path, x: str | None, y: str | None, encoding: str, option: str
) -> dict[str, str]:
    """Read path and label of the rows that have a label."""
    cells = read_cells(path, encoding).cells
    known = (name for name in cells if name.lower() in LABEL_COLUMNS)
    label = y if y in cells else next(known, None)
    if label is None:
        raise ConfigError(
            f"{option} {path.name} has no column of labels; its columns are {', '.join(cells)}.",
            "Call one of them label.",
        )
    names, files = expand([path], x if x in cells else None, encoding)
    filled = [(f, said.strip()) for f, said in zip(files, cells[label], strict=True)]
    if not any(said for _, said in filled):
        raise DataError(
            f"{option} {path.name}: column {label!r} is empty in all {len(names)} rows.",
            "Write the class of each image into it.",
        )
    found: dict[str, str] = {}
    for (file, said), name in zip(filled, names, strict=True):
        if said and found.setdefault(_place(file), said) != said:
            raise DataError(
                f"{option} {path.name}: {name!r} has two labels, {found[_place(file)]!r} and "
                f"{said!r}.",
                "Keep one of them.",
            )
    return found


def _place(file: Path) -> str:
    return os.path.realpath(file)
