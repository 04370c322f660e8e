"""What the studies share: their folder with its numbers as JSON, a page, the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.events import Event, OnEvent
from headstart.folder.files import whole_folder, write_json
from headstart.folder.sentences import with_sentences
from headstart.modalities import Modality
from headstart.prepare.config import Config
from headstart.report.study import render_study
from headstart.said import _

PathLike = str | Path
SCHEMA = 1


def write_study(
    folder: Path, found: dict[str, Any], modality: Modality[Any, Any], on_event: OnEvent
) -> dict[str, Any]:
    """Write the folder of a study: its numbers, its page and figures; whole or not at all."""
    document = with_sentences({**found, "modality": modality.name})
    on_event(Event(_("writing the study")))
    with whole_folder(folder) as beside:
        write_json(beside / f"{document['study']}.json", document)
        render_study(beside)
    return {**document, "folder": str(folder)}


def data_name(config: Config) -> str:
    """Return what the user would call the data."""
    return Path(config.data).name.removeprefix("builtin:")
