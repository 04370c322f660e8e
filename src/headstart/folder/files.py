"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headstart.errors import ConfigError
from headstart.folder.rows import rows_of
from headstart.folder.sentences import with_sentences
from headstart.said import _
from headstart.scratch import held, left_behind, scratch
from headstart.text import to_json

WRITING = ".headstart-writing-"
"""How folders begin that are not complete yet; left behind, they are swept by the next run."""
REPLACED = ".headstart-replaced-"
"""How a run folder begins, for a moment, in whose place another one is put."""
AT_A_TIME = 4096
"""Rows that are written at a time."""


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write in, and put it in place only when everything in it is there."""
    _put_back(folder.parent)
    try:
        with scratch(WRITING, folder.parent, folder.name) as beside:
            yield beside
            beside.chmod(0o755)
            if folder.exists():
                _replace(folder, beside)
            else:
                beside.rename(folder)
    except OSError as cause:
        raise ConfigError(
            _(
                "Cannot write the run folder {folder!r}: {cause}.",
                folder=str(folder),
                cause=cause.strerror or str(cause),
            ),
            _("Free some space or choose another --out; the computed features are cached."),
        ) from cause


def _replace(folder: Path, beside: Path) -> None:
    """Put a folder in the place of another, which is gone only when the new one is there."""
    old = folder.with_name(f"{REPLACED}{folder.name}-{os.getpid()}")
    with held(folder):
        folder.rename(old)
        beside.rename(folder)
        shutil.rmtree(old, ignore_errors=True)


def _put_back(parent: Path) -> None:
    """Bring back the folder of a process that died between its two renames; clear what is over."""
    for old in left_behind(REPLACED, parent):
        named = re.fullmatch(rf"{re.escape(REPLACED)}(.+)-\d+", old.name)
        if named and not (parent / named[1]).exists():
            old.rename(parent / named[1])
        else:
            shutil.rmtree(old, ignore_errors=True)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write to, and put the file in place only when it is complete."""
    with scratch(WRITING, path.parent, path.name) as folder:
        beside = folder / path.name
        yield beside
        beside.replace(path)


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write plain values, for people to read too; its sentences can be said again."""
    path.write_text(to_json(with_sentences(document), indent=1) + "\n", "utf-8")


def write_rows(rows: Iterable[dict[str, Any]], path: Path) -> None:
    """Write rows of predictions in the format of the suffix, by default CSV; whole or not at all.

    They are written as they come; the columns are those of the first, or ``path`` alone.
    """
    form, coming = rows_of(path), iter(rows)
    with whole_file(path) as beside:
        kept = beside.with_name(f"{beside.name}.rows")
        with kept.open("wb") as out:
            part = list(itertools.islice(coming, AT_A_TIME))
            out.write(form.head(list(part[0]) if part else ["path"]))
            while part:
                out.write(form.body(part))
                part = list(itertools.islice(coming, AT_A_TIME))
        form.whole(kept).replace(beside)
