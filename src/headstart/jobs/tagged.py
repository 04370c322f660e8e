"""Whether a dataset is one of words with tags, which ``train`` alone knows what to do with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headstart.errors import ConfigError
from headstart.folder.layout import TAGGING
from headstart.machine import cache_folder
from headstart.said import _
from headstart.tagging.read import recognised


def tags_are_given(data: str | Path, given: Mapping[str, Any]) -> bool:
    """Tell whether the words of sentences have tags: as the user says, or as the files look."""
    if given["task"] is None and given["modality"] is None:
        return recognised(data, cache_folder())
    return given["task"] == TAGGING


def refuse_tags(command: str, data: str | Path, given: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` for words with tags, which a command does not take."""
    if tags_are_given(data, given):
        raise ConfigError(
            _(
                "{data} holds words with tags, and `headstart {command}` looks at examples with "
                "labels.",
                data=str(data),
                command=command,
            ),
            _("`headstart train` learns tags of words, checks them and compares."),
        )
