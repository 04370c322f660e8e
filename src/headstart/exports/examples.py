"""Examples to compare on: those that are named, else those that the run keeps for its report."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from headstart.data.items import Examples
from headstart.errors import ConfigError
from headstart.events import OnEvent, ignore
from headstart.folder.layout import PICTURES
from headstart.folder.reading import read_document
from headstart.run import Run
from headstart.said import _

HELD = ("audio", "image")
"""Keys under which an entry of the gallery holds a file, as a data URL."""


def chosen(run: Run, data: str | Path | None, on_event: OnEvent = ignore) -> Examples:
    """Return the examples to compare on.

    Parameters
    ----------
    data : path, optional
        As ``predict`` takes it.

    Raises
    ------
    ConfigError
        None are named, and the run keeps none.
    """
    if data is not None:
        return run.examples([Path(data)], on_event=on_event)
    kept = [*dict.fromkeys(_kept(run))]
    if not kept:
        raise ConfigError(
            _("The run keeps no examples to compare the exported model on."),
            _("Name some: --examples DATA, for example what it was trained on."),
        )
    return run.examples(kept, strings=True)


def _kept(run: Run) -> Iterator[bytes | str]:
    """Give what the gallery of the report shows: files, or texts."""
    path = run.folder / PICTURES
    shown = read_document(path).get("gallery", {}) if path.is_file() else {}
    for entries in shown.values():
        for entry in entries:
            yield from _of(entry)


def _of(entry: dict[str, Any]) -> Iterator[bytes | str]:
    if isinstance(entry.get("text"), str):
        yield entry["text"]
        return
    for key in HELD:
        _start, comma, held = str(entry.get(key) or "").partition(";base64,")
        if comma:
            yield base64.b64decode(held)
            return
