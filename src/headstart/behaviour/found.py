"""Where a log lies: a table, a known file in a folder, or either of them compressed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headstart.data import archives
from headstart.data.headers import decompressed
from headstart.data.walk import Here, first
from headstart.errors import DataError
from headstart.events import OnEvent, ignore
from headstart.said import _
from headstart.scratch import scratch

CELLS = frozenset({".csv", ".tsv", ".data", ".dat", ".inter", ".item", ".txt", ".base", ".test"})
"""Suffixes of texts of cells: with commas, tabs and the like, and those of MovieLens, RecBole."""
RECORDS = frozenset({".jsonl", ".ndjson", ".parquet"})
LAYOUTS = ("u.data", "ratings.dat", "ratings.csv", "rating.csv")
"""Names that MovieLens gives to logs; RecBole has the suffix ``.inter``."""
DEEP = 3
"""Folders in one another that hold nothing else, as archives have them (plain choice)."""
_CHUNK = 2**20


def is_log(path: Path) -> bool:
    """Judge by the suffix."""
    return path.suffix.lower() in CELLS | RECORDS


@contextmanager
def log_file(path: Path, on_event: OnEvent = ignore) -> Iterator[Path]:
    """Give the one file of a log; what is compressed is unpacked beside, and gone afterwards.

    Raises
    ------
    DataError
        There is none, there are several, or it cannot be unpacked.
    """
    if path.is_dir():
        yield _in_folder(path)
    elif archives.is_archive(path):
        with scratch("headstart-log-", Path(tempfile.gettempdir())) as room:
            archives.extract(path, room / "all", on_event)
            yield _in_folder(room / "all", path.name)
    elif path.suffix.lower() == ".gz":
        with scratch("headstart-log-", Path(tempfile.gettempdir())) as room:
            plain = room / path.stem
            _refuse_other(plain)
            _gunzip(path, plain)
            yield plain
    else:
        if not path.is_file():
            raise DataError(
                _("There is no file {name}.", name=str(path)),
                _("Pass a table of interactions: one row for every user and item."),
            )
        _refuse_other(path)
        yield path


def _refuse_other(path: Path) -> None:
    if not is_log(path):
        raise DataError(
            _("{name} is no table that can be read.", name=path.name),
            _("Pass a CSV, TSV, JSONL or Parquet file, or one of MovieLens or RecBole."),
        )


def _in_folder(folder: Path, name: str = "") -> Path:
    """Find the log in a folder: by its name, or the only table that there is."""
    here = Here.of(folder)
    for _level in range(DEEP):
        if here.files or len(here.folders) != 1:
            break
        here = Here.of(here.folders[0])
    known = [f for f in here.files if f.name.lower() in LAYOUTS or f.suffix.lower() == ".inter"]
    found = known or [file for file in here.files if is_log(file)]
    if len(found) == 1:
        return found[0]
    shown = name or folder.name
    if found:
        raise DataError(
            _(
                "{folder} holds several tables: {names}.",
                folder=shown,
                names=first([repr(file.name) for file in found], 4),
            ),
            _("Pass the one whose rows are interactions."),
        )
    raise DataError(
        _("{folder} holds no table of interactions.", folder=shown),
        _("Pass a CSV, TSV, JSONL or Parquet file, or one of MovieLens or RecBole."),
    )


def _gunzip(path: Path, to: Path) -> None:
    """Unpack a single file, within the limits of archives."""
    limit = min(archives.MAX_BYTES, max(archives.SMALL, archives.MAX_GROWTH * path.stat().st_size))
    written = 0
    try:
        with decompressed(path) as source, to.open("xb") as out:
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > limit:
                    raise DataError(
                        _(
                            "{name} unpacks to more than {mib:,} MiB.",
                            name=path.name,
                            mib=limit >> 20,
                        ),
                        _("Unpack it yourself if you trust it, and pass the table."),
                    )
                out.write(chunk)
    except archives.DAMAGE as cause:
        raise DataError(
            _("{name} cannot be unpacked: {cause}.", name=path.name, cause=str(cause)),
            _("It may be damaged or cut short: copy or download it again."),
        ) from cause
