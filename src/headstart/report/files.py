"""Writing a report: every file is replaced as a whole, so a reader never sees half of one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from headstart.errors import ConfigError
from headstart.folder.files import WRITING
from headstart.folder.layout import CARD, FIGURES, PAGE
from headstart.said import _
from headstart.scratch import scratch


def write(
    folder: Path, page: str, figures: Iterable[tuple[str, bytes]], card: str | None = None
) -> Path:
    """Write a page, its figures and a model card into a folder; return where the page lies.

    Raises
    ------
    ConfigError
        The folder cannot be written to.
    """
    try:
        (folder / FIGURES).mkdir(exist_ok=True)
        with scratch(WRITING, folder) as beside:
            for filename, content in figures:
                _replace(beside, folder / FIGURES / filename, content)
            if card is not None:
                _replace(beside, folder / CARD, card.encode("utf-8", "backslashreplace"))
            _replace(beside, folder / PAGE, page.encode("utf-8", "backslashreplace"))
    except OSError as cause:
        raise ConfigError(
            _(
                "Cannot write the report into {folder!r}: {reason}.",
                folder=str(folder),
                reason=cause.strerror or cause,
            ),
            _("Free some space, or allow writing to the folder."),
        ) from cause
    return folder / PAGE


def _replace(beside: Path, path: Path, content: bytes) -> None:
    written = beside / path.name
    written.write_bytes(content)
    written.replace(path)
