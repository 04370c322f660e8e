"""Where the files lie that a table or list names: beside it, or in the folder of its images.

Paths start from the table's own folder. A bare name or an id (``0001`` for ``train/0001.jpg``, as
tables of competitions have them) is also looked for in the folders beside the table that such
files usually lie in.
"""

from __future__ import annotations

import os
from collections import defaultdict
from functools import cached_property
from pathlib import Path, PurePosixPath

from headstart.data.parts import role, words
from headstart.data.walk import Here
from headstart.errors import DataError
from headstart.modalities import recognised, recognised_as_file

_USUAL = frozenset(
    {
        *("image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "pics"),
        *("jpg", "jpgs", "jpeg", "png", "pngs", "data", "files"),
    }
)
_DEEP = 3
"""How many folders below the table: ``data/train/images/`` (plain choice)."""


class Locator:
    """Finds the files of one table.

    Parameters
    ----------
    folder : Path
        Where paths start.
    stem : str, default=""
        Name of the table, which is that of the folder of its files if there are several.
    """

    def __init__(self, folder: Path, stem: str = "") -> None:
        self.folder, self.stem = folder, stem
        self._held: dict[Path, dict[str, list[Path]]] = {}

    def find(self, written: str) -> list[Path]:
        """Return what a cell leads to: one file, none, or several that it may mean."""
        direct = self.direct(written)
        if is_file(direct):
            return [direct]
        name = PurePosixPath(written.replace("\\", "/"))
        if not name.name or name.is_absolute() or ".." in name.parts:
            return []
        by_folder = {f: self._in(f / name.parent).get(name.name, []) for f in self._folders}
        found = [file for files in by_folder.values() for file in files]
        if len(found) < 2:
            return found
        own = [file for f, files in by_folder.items() if self._is_own(f) for file in files]
        # 0001.png and 0001.txt: the text is about the image.
        return [f for f in own or found if recognised_as_file(f.name)] or own or found

    def direct(self, written: str) -> Path:
        """Join, and fold ``..`` away so that one file has one path."""
        file = self.folder / written
        if "\\" in written and not is_file(file):  # a table written on Windows
            file = self.folder / written.replace("\\", "/")
        return Path(os.path.normpath(file))

    def leads(self, cells: list[str]) -> bool:
        """Whether any of the first cells leads to files."""
        return any(self.find(text) for text in cells[:20] if text)

    @cached_property
    def _folders(self) -> list[Path]:
        found = level = [self.folder]
        for _ in range(_DEEP):
            level = [inner for folder in level for inner in self._likely(folder)]
            found = found + level
        return found

    def _likely(self, folder: Path) -> list[Path]:
        inner = _look(folder).folders
        return [
            f
            for f in inner
            if len(inner) == 1 or role(f.name) or _USUAL & {*words(f.name)} or f.name == self.stem
        ]

    def _is_own(self, folder: Path) -> bool:
        """Whether a folder is named as the table: ``train_images/`` for ``train.csv``."""
        names = folder.relative_to(self.folder).parts
        told = role(self.stem)
        return any(name == self.stem or (told and role(name) == told) for name in names)

    def _in(self, folder: Path) -> dict[str, list[Path]]:
        """Files of a folder by name, and examples also by their name without its suffix."""
        if folder not in self._held:
            held = self._held[folder] = defaultdict(list)
            for file in _look(folder).files:
                held[file.name].append(file)
                if file.suffix and recognised(file.name):
                    held[file.stem].append(file)
        return self._held[folder]


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that cannot be is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # such as one that is too long
        return False


def _look(folder: Path) -> Here:
    try:
        return Here.of(folder)
    except (DataError, ValueError):  # not there, or not to be read
        return Here([], [])
