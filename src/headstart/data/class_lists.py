"""Class lists: a folder of ``pos.txt`` and ``neg.txt``, every line of which is an example.

Such a folder and one of documents look alike. These are lists of examples: a few text files, not
numbered nor named for a part, each of several lines that a modality reads; and nothing else there
is an example.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from headstart.data.decoding import opened, settled
from headstart.data.formats import is_table
from headstart.data.items import Cells
from headstart.data.lists import is_list
from headstart.data.parts import held_out, role
from headstart.data.tables import UTF_8, Columns, Rows
from headstart.data.texts import SURE, clean, names_files
from headstart.data.walk import Here, first, natural
from headstart.errors import DataError
from headstart.findings import Finding
from headstart.modalities import reads_cells, recognised, takes_cells
from headstart.said import _

MOST, LEAST = 20, 2
"""The most files that are taken for classes, and the fewest lines of each (plain choice)."""
LOOKED_AT = 100
"""Lines of a file by which they are known."""
NAMED = 3

Lines = list[tuple[int, str]]
"""Those that are not blank, with their numbers."""


def read_class_lists(root: Path, here: Here, columns: Columns, shown: str) -> Rows | None:
    """Read the class lists of a folder, or of its folders for training and testing.

    Returns
    -------
    Rows or None
        None where there are none.

    Raises
    ------
    ConfigError
        Columns are named: lists have none.
    """
    parts = [root] if not here.folders else here.folders if _are_parts(here) else []
    held = {folder: _class_lists(Here.of(folder).files, columns.encoding) for folder in parts}
    if not held or not all(held.values()):
        return None
    replace(columns, encoding=UTF_8).refuse(shown)
    test, findings = held_out(folder.name for folder in held if folder != root)
    every = [
        (folder.name in test and folder != root, file, lines)
        for folder, lists in held.items()
        for file, lines in lists.items()
    ]
    every.sort(key=lambda one: (one[0], natural(one[1].stem)))
    for _is_test, file, _lines in every:
        findings += settled(file, columns.encoding)[1]
    names = list(dict.fromkeys(file.name for _, file, _ in every))
    message = _(
        "Every line of {files} was read as an example; its class is the name of the file.",
        files=first(names, NAMED),
    )
    return Rows(
        [
            f"{file.relative_to(root).as_posix()} line {number}"
            for _, file, lines in every
            for number, _ in lines
        ],
        Cells(tuple(clean(line) for _, _, lines in every for _, line in lines)),
        [file.stem for _, file, lines in every for _ in lines],
        [is_test for is_test, _, lines in every for _ in lines],
        findings=(*findings, Finding("note", "info", message, {"files": names})),
    )


def are_class_lists(files: Sequence[Path], encoding: str = UTF_8) -> bool:
    """Whether files hold examples line by line, each those of one class."""
    return bool(_class_lists(files, encoding))


def _are_parts(here: Here) -> bool:
    """Whether all folders are named for parts, and hold no folders of their own."""
    roles = {role(folder.name) for folder in here.folders}
    flat = not any(Here.of(folder).folders for folder in here.folders)
    return flat and None not in roles and "training" in roles and not here.files


def _class_lists(files: Sequence[Path], encoding: str) -> dict[Path, Lines]:
    """Return the lists and their lines; empty where the files are anything else."""
    lists = [file for file in files if is_list(file) and recognised(file.name)]
    others = [f for f in files if f not in lists and (recognised(f.name) or is_table(f))]
    stems = {re.sub(r"\d+", "", file.stem.casefold()) for file in lists}
    numbered = len(stems) < len(lists)
    if others or numbered or not 1 < len(lists) <= MOST or any(map(role, stems)):
        return {}
    if not takes_cells():
        return {}
    try:
        found = {file: _lines(file, encoding) for file in lists}
    except DataError:  # one that is no text: the folder is told as one of files
        return {}
    return found if all(map(_are_examples, found.values())) else {}


def _lines(file: Path, encoding: str) -> Lines:
    with opened(file, settled(file, encoding)[0], "\n") as text:
        return [(n, line.strip()) for n, line in enumerate(text, 1) if line.strip()]


def _are_examples(lines: Lines) -> bool:
    some = [line for _number, line in lines[:LOOKED_AT]]
    paths = names_files([line.split()[0] for line in some])
    return len(lines) >= LEAST and not paths and reads_cells(some) >= SURE
