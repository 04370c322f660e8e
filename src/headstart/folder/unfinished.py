"""The folder of an interrupted run, from which ``--resume`` goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from headstart.errors import ArtifactError, ConfigError
from headstart.events import Event, OnEvent
from headstart.folder.layout import IDENTITY
from headstart.folder.reading import read_document
from headstart.said import N_, Said, _

UNFINISHED = ".headstart-unfinished-"


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
            text = _("An interrupted run is discarded; with --resume it would have been continued.")
            on_event(Event(_("planning"), message=text, level="note"))
            self.clear()
        if before is not None and resume:
            self._compare(before, identity)
        if before is None:
            self.clear()  # whatever lies there, nobody knows what it is of
        if before is None and resume:
            text = _(
                "There is no interrupted training to resume; cached features are used as ever."
            )
            on_event(Event(_("planning"), message=text, level="note"))
        try:
            self.folder.mkdir(exist_ok=True)
            (self.folder / IDENTITY).write_text(json.dumps(identity, indent=1), "utf-8")
        except OSError as cause:
            raise ConfigError(
                _(
                    "Cannot write checkpoints to {folder!r}: {cause}.",
                    folder=str(self.folder),
                    cause=cause.strerror or str(cause),
                ),
                _("Free some space or choose another --out."),
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
            return read_document(self.folder / IDENTITY)
        except ArtifactError:
            return None

    def _compare(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        apart = [
            _(
                "{name} was {before!r}, now {now!r}",
                name=name,
                before=before.get(name),
                now=now.get(name),
            )
            for name in sorted(before.keys() | now.keys())
            if before.get(name) != now.get(name)
        ]
        if apart:
            raise ConfigError(
                _(
                    "--resume: the interrupted run in {folder!r} was another one: {differences}.",
                    folder=str(self.run),
                    differences=Said({"joined": apart, "by": N_("{before}; {after}")}),
                ),
                _("Give the same data and options, or leave out --resume to start anew."),
            )
