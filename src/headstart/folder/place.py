"""Where a run folder goes; what could not be written later is refused now."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path

from headstart.errors import ConfigError
from headstart.folder.layout import MODEL, MODEL_JSON
from headstart.said import _


def destination(
    data: str,
    out: str | Path | None,
    overwrite: bool,
    *,
    study: str = "",
    target: str = "",
    labels: Sequence[str | Path | None] = (),
) -> Path:
    """Decide the folder of a run (or study), and refuse now what could not be written later.

    Parameters
    ----------
    data : str
        What is read.
    study : str
        ``"rank"``, ``"layers"`` or ``"curve"``; a run otherwise.
    target : str
        Of an adaptation: the data it goes to.
    labels : sequence of paths
        What else is read; the table of proposals may have been filled in where it was written.
    """
    suffix = f"to-{_stem(target)}" if target else study
    folder = _default_folder(data, overwrite, suffix) if out is None else Path(out)
    for read in filter(None, (data, target, *labels)):
        _refuse_the_data(str(read), folder)
    if folder.exists() and not overwrite:
        raise ConfigError(
            _("The output {folder!r} exists.", folder=str(folder)),
            _("Choose another --out, or pass --overwrite."),
        )
    mark = Path(f"{study}.json") if study else Path(MODEL, MODEL_JSON)
    if folder.exists() and not (folder / mark).exists():
        message = _(
            "{folder!r} is not a run folder, so --overwrite will not replace it.",
            folder=str(folder),
        )
        if study:
            message = _(
                "{folder!r} is not the folder of a {study} study, so --overwrite will not replace "
                "it.",
                folder=str(folder),
                study=study,
            )
        raise ConfigError(message, _("Choose another --out."))
    make_room(folder.parent)
    return folder


def make_room(parent: Path) -> None:
    """Make a folder to write in, where it is not there; refuse one that cannot be written to."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as cause:
        raise ConfigError(
            _(
                "Cannot write to {folder!r}: {cause}.",
                folder=str(parent),
                cause=cause.strerror or str(cause),
            ),
            _("Choose another folder with --out."),
        ) from cause


def _default_folder(data: str, overwrite: bool, suffix: str) -> Path:
    """``runs/NAME-SUFFIX``; unless it may be overwritten, with the first number that is free."""
    stem = _stem(data)
    stem = f"{stem}-{suffix}" if suffix else stem
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    folders = (Path("runs") / name for name in names)
    return next(f for f in folders if overwrite or not f.exists())


def _stem(data: str) -> str:
    given = Path(data.removeprefix("builtin:")).resolve().name
    return given.partition(".")[0] or "run"


def _refuse_the_data(data: str, folder: Path) -> None:
    """Refuse a run folder that is, holds or lies in the data: it would mix or lose the data."""
    source, target = Path(data).resolve(), folder.resolve()
    if not source.exists():
        return
    if (
        target == source
        or target in source.parents
        or (source.is_dir() and source in target.parents)
    ):
        raise ConfigError(
            _(
                "The output {folder!r} and the data {data!r} lie in one another.",
                folder=str(folder),
                data=data,
            ),
            _("Choose an --out elsewhere."),
        )
