"""Keywords written to a file, part by part, so that an interrupted call goes on where it was."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from headstart._version import __version__
from headstart.data.inputs import Input
from headstart.events import Event, OnEvent, ignore
from headstart.folder.layout import MODEL
from headstart.folder.model import described_in
from headstart.folder.partial import begun
from headstart.keyword_run import KeywordRun
from headstart.language import in_force
from headstart.phrases.extractor import Keywords
from headstart.said import _


def find_into(
    run: KeywordRun,
    inputs: Input | Iterable[Input],
    out: Path,
    *,
    n: int | None = 10,
    x: str | None = None,
    encoding: str = "utf-8",
    strings: bool = True,
    resume: bool = False,
    on_event: OnEvent = ignore,
) -> int:
    """Find keywords into a file, which appears when it is whole; return of how many documents.

    Parameters
    ----------
    inputs, n, x, encoding, strings
        As of ``KeywordRun.predict``.
    out : Path
        In a folder that is there; its suffix says the format (``folder.rows.SUFFIXES``).
    resume : bool
        Whether to go on where an interrupted call with the same model, inputs and options was.

    Raises
    ------
    DataError
        An input that names nothing.
    ConfigError
        ``resume`` with other inputs, options or another model.
    ArtifactError
        ``resume`` where what was kept was changed.
    """
    pieces = run.pieces(inputs, x=x, encoding=encoding, strings=strings, on_event=on_event)
    columns = list(Keywords("").row())
    identity = {
        "headstart": __version__,
        "model": described_in(run.folder / MODEL)["checksum"],
        "inputs": pieces.mark,
        "n": len(pieces),
        "options": {"--top": n, "--x": x, "--encoding": encoding},
        "columns": columns,
        "language": in_force().code,  # of reasons
    }
    with begun(out, identity, resume=resume, on_event=on_event) as partial:
        skip, total = partial.done.parts, len(pieces)
        for part in run.in_parts(pieces, n, skip=skip, on_event=on_event):
            partial.add([one.row() for one in part], {})
            on_event(Event(_("looking for keywords"), partial.done.rows, total, _("documents")))
        partial.finish(columns)
    return total
