"""What lies in a folder and counts: not what is hidden, nor what systems leave behind.

Links are followed, so that linked folders count, but no folder twice: circles end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.errors import DataError
from headstart.modalities import Unit
from headstart.said import N_, NN_, _, commas

FOLDER = Unit(N_("folder"), N_("folders"))
NN_("{n:,} folder", "{n:,} folders")

LITTER = frozenset(
    {
        *("__macosx", "_ds_store", "icon\r"),  # macOS; a ._DS_Store that lost its dot
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini"),
        *("$recycle.bin", "recycler", "system volume information"),
        *("@eadir", "#recycle", "#snapshot", "@recycle"),  # disks on the network
        "lost+found",
    }
)
"""Names, in lower case, of what operating systems and network disks leave behind."""


def is_litter(name: str) -> bool:
    """Tell names that count as absent: hidden ones (``.Trash``, ``._1.png``) and ``LITTER``."""
    return name.startswith(".") or name.casefold() in LITTER


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
class Here:
    """What lies directly in a folder, in natural order; no link that leads back up.

    Attributes
    ----------
    folders, files : list of Path
    """

    folders: list[Path]
    files: list[Path]

    @classmethod
    def of(cls, folder: Path) -> Here:
        """Look into a folder; raises ``DataError`` where that is not allowed."""
        folders, files = _look(folder)
        by_name = sorted(folders, key=lambda path: natural(path.name))
        return cls(by_name, sorted(map(Path, files), key=lambda path: natural(path.name)))


def folders_in(folder: Path) -> list[Path]:
    """List the folders directly in a folder, without sorting its files, of which may be many."""
    return sorted(_look(folder)[0], key=lambda path: natural(path.name))


def walk(folder: Path) -> Iterator[Path]:
    """Give all files, at any depth, in no order.

    The folders themselves come first, then linked ones that were not among them; without
    recursion, since folders may lie very deep.
    """
    seen = set(folder.resolve().parents)
    plain, linked = [folder], list[Path]()
    while plain or linked:
        now = (plain or linked).pop()
        real = now.resolve()
        if real in seen:
            continue
        seen.add(real)
        folders, files = _look(now)
        yield from map(Path, files)
        for inner in sorted(folders, reverse=True):
            (linked if inner.is_symlink() else plain).append(inner)


def files_below(folder: Path) -> list[Path]:
    """List all files, at any depth, in natural order."""
    top = len(folder.parts)
    return sorted(walk(folder), key=lambda file: [*map(natural, file.parts[top:])])


def holds_files(folder: Path) -> bool:
    """Whether there is any file, at any depth."""
    return any(True for _ in walk(folder))


def named(names: Sequence[str], unit: Unit) -> str:
    """Count things and name three of them.

    Examples
    --------
    >>> named(["a", "b"], FOLDER)
    "2 folders ('a', 'b')"
    """
    shown = first([*map(repr, names)], 3)
    return _("{counted} ({names})", counted=unit.count(len(names)), names=shown)


def first(names: Sequence[str], most: int) -> str:
    """List the first of some names, and say that there are more.

    Examples
    --------
    >>> first(["a", "b"], 2), first(["a", "b", "c"], 2)
    ('a, b', 'a, b, ...')
    """
    return commas([*names[:most], "..."] if len(names) > most else names)


def _look(folder: Path) -> tuple[list[Path], list[str]]:
    """List folders, without links that lead back up, and paths of files; in no order."""
    try:
        with os.scandir(folder) as scan:
            seen = [(_is_folder(e), e.path) for e in scan if not is_litter(e.name)]
    except OSError as cause:
        raise DataError(
            _(
                "The folder {folder} cannot be read: {cause}.",
                folder=str(folder),
                cause=cause.strerror,
            ),
            _("Check its permissions."),
        ) from cause
    folders = [Path(path) for is_folder, path in seen if is_folder]
    files = [path for is_folder, path in seen if not is_folder]
    return [inner for inner in folders if not _leads_up(inner, folder)], files


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # such as a link to itself
        return False


def _leads_up(inner: Path, folder: Path) -> bool:
    return inner.is_symlink() and folder.resolve().is_relative_to(inner.resolve())
