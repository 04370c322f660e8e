"""Lists of paths, one a line: ``list.txt``, or what another program writes on standard input."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from headstart.data.decoding import decode
from headstart.data.located import Locator, is_file
from headstart.modalities import recognised

LIST_SUFFIXES = (".txt", ".lst", ".list")
STANDARD_INPUT = "-"


def is_list(path: Path) -> bool:
    """Judge by the suffix."""
    return path.suffix.lower() in LIST_SUFFIXES


def read_list(name: str, data: bytes, encoding: str) -> list[str]:
    """Read lines, or what NUL bytes stand between, as ``find -print0`` writes it."""
    utf8 = encoding.casefold().replace("_", "-") in ("utf-8", "utf8")
    # A file's name may be any bytes; the command line reads them in the same way.
    text = os.fsdecode(data.removeprefix(b"\xef\xbb\xbf")) if utf8 else decode(name, data, encoding)
    lines = text.split("\0") if "\0" in text else text.split("\n")
    return [line.strip() for line in lines if line.strip()]


def lists_files(lines: Sequence[str], folder: Path) -> bool:
    """Tell paths from prose: one of the first lines leads to a file, or looks like an example."""
    return any(is_file(path) or recognised(path.name) for path in located(lines[:20], folder))


def located(lines: Sequence[str], folder: Path, stem: str = "") -> list[Path]:
    """Find the files: from the list's folder or, as ``find`` writes them, from the current one."""
    locator = Locator(folder, stem)
    found: list[Path] = []
    for line in lines:
        files = locator.find(line)
        here = Path(line)
        found.append(files[0] if len(files) == 1 else here if is_file(here) else folder / line)
    return found
