"""Where a run folder goes, and how it appears whole or not at all."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headstart.errors import ConfigError
from headstart.events import Event, OnEvent
from headstart.prepare import Config

WRITING = ".headstart-writing-"
"""How folders begin that are not complete yet; old ones are cleared away by the next run."""
UNFINISHED = ".headstart-unfinished-"
IDENTITY = "identity.json"


def destination(
    config: Config,
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
    study : str
        ``"rank"``, ``"layers"`` or ``"curve"``; a run otherwise.
    target : str
        Of an adaptation: the data it goes to.
    labels : sequence of paths
        What else is read; the table of proposals may have been filled in where it was written.
    """
    suffix = f"to-{_stem(target)}" if target else study
    folder = _default_folder(config, overwrite, suffix) if out is None else Path(out)
    for data in filter(None, (config.data, target, *labels)):
        _refuse_the_data(str(data), folder)
    if folder.exists() and not overwrite:
        raise ConfigError(
            f"The output {str(folder)!r} exists.", "Choose another --out, or pass --overwrite."
        )
    mark = Path(f"{study}.json") if study else Path("model", "model.json")
    if folder.exists() and not (folder / mark).exists():
        kind = f"the folder of a {study} study" if study else "a run folder"
        raise ConfigError(
            f"{str(folder)!r} is not {kind}, so --overwrite will not replace it.",
            "Choose another --out.",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder.parent):
            pass
    except OSError as cause:
        raise ConfigError(
            f"Cannot write to {str(folder.parent)!r}: {cause.strerror or cause}.",
            "Choose another folder with --out.",
        ) from cause
    return folder


def _default_folder(config: Config, overwrite: bool, suffix: str) -> Path:
    """``runs/NAME-SUFFIX``; unless it may be overwritten, with the first number that is free."""
    stem = _stem(config.data)
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
            f"The output {str(folder)!r} and the data {data!r} lie in one another.",
            "Choose an --out elsewhere.",
        )


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write in, and put it in place only when everything in it is there."""
    for stale in folder.parent.glob(f"{WRITING}*"):  # of runs killed while writing
        if time.time() - stale.stat().st_mtime > 3600:
            shutil.rmtree(stale, ignore_errors=True)
    beside = Path(tempfile.mkdtemp(prefix=f"{WRITING}{folder.name}-", dir=folder.parent))
    try:
        yield beside
        beside.chmod(0o755)
        if folder.exists():
            old = folder.with_name(f".headstart-replaced-{folder.name}-{os.getpid()}")
            folder.rename(old)
            beside.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            beside.rename(folder)
    except OSError as cause:
        shutil.rmtree(beside, ignore_errors=True)
        raise ConfigError(
            f"Cannot write the run folder {str(folder)!r}: {cause.strerror or cause}.",
            "Free some space or choose another --out; the computed features are cached.",
        ) from cause
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


class Unfinished:
    """The folder beside a run folder to be, where checkpoints lie until that is written.

    Parameters
    ----------
    run : Path
        The run folder to be.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self.folder = run.with_name(f"{UNFINISHED}{run.name}")

    def begin(self, identity: dict[str, Any], resume: bool, on_event: OnEvent) -> None:
        """Start anew, or go on where an interrupted run of the same data and options stopped.

        Raises
        ------
        ConfigError
            ``resume`` with other data or options than the interrupted run had.
        """
        before = self._identity()
        if before is not None and not resume:
            text = "An interrupted run is discarded; with --resume it would have been continued."
            on_event(Event("planning", message=text, level="note"))
            self.clear()
        if before is not None and resume:
            self._compare(before, identity)
            for half_written in self.run.parent.glob(f"{WRITING}{self.run.name}-*"):
                shutil.rmtree(half_written, ignore_errors=True)
        if before is None:
            self.clear()  # whatever lies there, nobody knows what it is of
        if before is None and resume:
            text = "There is no interrupted training to resume; cached features are used as ever."
            on_event(Event("planning", message=text, level="note"))
        try:
            self.folder.mkdir(exist_ok=True)
            (self.folder / IDENTITY).write_text(json.dumps(identity, indent=1), "utf-8")
        except OSError as cause:
            raise ConfigError(
                f"Cannot write checkpoints to {str(self.folder)!r}: {cause.strerror or cause}.",
                "Free some space or choose another --out.",
            ) from cause

    def clear_if_empty(self) -> None:
        """Remove it unless there is something to resume."""
        if {p.name for p in self.folder.glob("*")} <= {IDENTITY}:
            self.clear()

    def clear(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _identity(self) -> dict[str, Any] | None:
        try:
            return dict(json.loads((self.folder / IDENTITY).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _compare(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        apart = [
            f"{name} was {before.get(name)!r}, now {now.get(name)!r}"
            for name in sorted(before.keys() | now.keys())
            if before.get(name) != now.get(name)
        ]
        if apart:
            raise ConfigError(
                f"--resume: the interrupted run in {str(self.run)!r} was another one: "
                f"{'; '.join(apart)}.",
                "Give the same data and options, or leave out --resume to start anew.",
            )
