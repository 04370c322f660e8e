"""Rows on their way to a file, kept so that ``kill -9`` costs one part of them.

They lie in a folder beside the file to be, and a journal says after every part how far they are
good. The journal begins with what the rows are of, so that nobody goes on with other inputs or with
another model. Whatever was written behind the last part that the journal knows is cut off.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from headstart.errors import ArtifactError, ConfigError
from headstart.events import Event, OnEvent, ignore
from headstart.folder.rows import Row, rows_of
from headstart.folder.unfinished import UNFINISHED
from headstart.said import N_, Said, _
from headstart.scratch import held

ROWS, JOURNAL = "rows", "journal"
CHUNK = 2**20
"""Bytes that are read at a time."""
APART = {
    "headstart": N_("headstart was {before}, now {now}"),
    "model": N_("the model is another one"),
    "inputs": N_("the inputs are others, or were changed ({before:,} then, {now:,} now)"),
    "language": N_("the language was {before}, now {now}"),
    "columns": N_("the columns are others"),
}
"""What may be another one, in words."""


@dataclass(frozen=True)
class Commit:
    """How far rows are good.

    Attributes
    ----------
    parts, rows, bytes : int
        Whole parts; the rows in them; the bytes these take.
    sha256 : str
        Of these bytes.
    state : dict
        What the caller wants to know again; plain values.
    """

    parts: int = 0
    rows: int = 0
    bytes: int = 0
    sha256: str = field(default_factory=lambda: hashlib.sha256().hexdigest())
    state: dict[str, Any] = field(default_factory=dict)


class Partial:
    """Rows of which some are written; ``begun`` makes one.

    Parameters
    ----------
    out : Path
        The file to be.
    """

    def __init__(self, out: Path) -> None:
        self.out, self.folder = out, folder_of(out)
        self.done = Commit()
        self._format = rows_of(out)
        self._hash = hashlib.sha256()
        self._check, self._known = "", 0
        self._rows: IO[bytes]
        self._journal: IO[bytes]

    def add(self, rows: Sequence[Row], state: dict[str, Any]) -> None:
        """Write a part, then a line of the journal that says so.

        Raises
        ------
        ConfigError
            There is no room.
        """
        head = b"" if self.done.rows or not rows else self._format.head(list(rows[0]))
        written = head + (self._format.body(rows) if rows else b"")
        done, self._hash = self.done, self._hash.copy()
        self._hash.update(written)
        try:
            _keep(self._rows, written)  # before the journal tells of it, whatever loses power
            self.done = Commit(
                done.parts + 1,
                done.rows + len(rows),
                done.bytes + len(written),
                self._hash.hexdigest(),
                state,
            )
            self._note(asdict(self.done))
        except OSError as cause:
            raise ConfigError(
                _(
                    "Cannot write to {folder!r}: {cause}.",
                    folder=str(self.folder),
                    cause=cause.strerror or str(cause),
                ),
                _("Free some space; the same command with --resume goes on from there."),
            ) from cause

    def finish(self, columns: Sequence[str]) -> None:
        """Put the file in its place; ``columns`` are those of a file without rows."""
        if not self.done.rows:
            _keep(self._rows, self._format.head(columns))
        self._rows.close()
        self._journal.close()
        self._format.whole(self.folder / ROWS).replace(self.out)
        self.discard()

    def discard(self) -> None:
        """Remove what is kept."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def open(self, identity: dict[str, Any], resume: bool, on_event: OnEvent) -> None:
        """Find what is kept, and go on behind it or start anew; parameters as of ``begun``."""
        if found := (self.folder / JOURNAL).exists():
            found = resume and self._recall(identity)
            if not resume:
                text = _(
                    "Interrupted predictions are discarded; with --resume they would have been "
                    "continued."
                )
                on_event(Event(_("predicting"), message=text, level="note"))
        elif resume:
            text = _("There are no interrupted predictions to resume; these start anew.")
            on_event(Event(_("predicting"), message=text, level="note"))
        self._rows = _opened(self.folder / ROWS, self.done.bytes if found else None)
        self._journal = _opened(self.folder / JOURNAL, self._known if found else None)
        if not found:
            self._note(identity)

    def close(self) -> None:
        """Close the files; nothing to go on with is not kept."""
        for name in ("_rows", "_journal"):
            if opened := getattr(self, name, None):
                opened.close()
        if not self.done.rows:
            self.discard()

    def _note(self, told: dict[str, Any]) -> None:
        text = json.dumps(told)
        self._check = _checked(self._check, text)
        _keep(self._journal, f"{self._check} {text}\n".encode())

    def _recall(self, identity: dict[str, Any]) -> bool:
        """Find the last part that is whole; whether there is a beginning to go on with.

        Raises
        ------
        ConfigError
            Rows of something else.
        ArtifactError
            Rows that are not those that were written.
        """
        lines = _read_journal(self.folder / JOURNAL, self.out)
        first = next(lines, None)
        path = self.folder / ROWS
        if first is None or not path.exists():
            return False
        before, self._check, self._known = first
        _compare(before, identity, self.out)
        size = path.stat().st_size
        for told, check, known in lines:
            if told["bytes"] <= size:  # else it was cut off, and is to be made again
                self.done, self._check, self._known = Commit(**told), check, known
        self._hash = _hashed(path, self.done.bytes)
        if self._hash.hexdigest() != self.done.sha256:
            raise _damaged(self.out)
        return True


@contextmanager
def begun(
    out: Path, identity: dict[str, Any], *, resume: bool = False, on_event: OnEvent = ignore
) -> Iterator[Partial]:
    """Give rows to write on; left half done, they are kept.

    Parameters
    ----------
    out : Path
        The file to be, in a folder that is there.
    identity : dict
        What the rows are of, plain values: ``headstart``, ``model``, ``inputs``, ``n``, ``options``
        (a dict), ``columns``, ``language``.
    resume : bool
        Whether to go on behind the rows that are kept; else these are replaced.

    Raises
    ------
    ConfigError
        Somebody else writes them; ``resume`` with rows of something else; no room.
    ArtifactError
        ``resume`` with rows that were changed.
    """
    partial = Partial(out)
    with ExitStack() as stack:
        try:
            partial.folder.mkdir(exist_ok=True)
            stack.enter_context(held(partial.folder, wait=False))
            partial.folder.mkdir(exist_ok=True)  # who held it before may just have finished
        except BlockingIOError:
            raise ConfigError(
                _("Another headstart is writing {file!r}.", file=str(out)),
                _("Wait until it is done, or choose another --out."),
            ) from None
        partial.open(identity, resume, on_event)
        try:
            yield partial
        finally:
            partial.close()


def rows_kept(out: Path) -> int:
    """Count the rows with which an interrupted file could go on."""
    try:
        told = list(_read_journal(folder_of(out) / JOURNAL, out))
    except (OSError, ArtifactError):
        return 0
    return int(told[-1][0].get("rows", 0)) if told else 0


def folder_of(out: Path) -> Path:
    """Name the folder in which rows lie before the file is whole."""
    return out.with_name(f"{UNFINISHED}{out.name}")


def _keep(opened: IO[bytes], written: bytes) -> None:
    """Write, and wait until it is on the disk."""
    opened.write(written)
    opened.flush()
    os.fsync(opened.fileno())


def _opened(path: Path, size: int | None) -> IO[bytes]:
    """Open a file to write behind its first bytes, all others cut off; None: from its beginning."""
    opened = path.open("wb" if size is None else "r+b")
    if size is not None:
        opened.truncate(size)
        opened.seek(size)
    return opened


def _checked(before: str, text: str) -> str:
    return hashlib.sha256(f"{before}{text}".encode()).hexdigest()


def _read_journal(path: Path, out: Path) -> Iterator[tuple[dict[str, Any], str, int]]:
    """Read the lines that are whole; the last may not be, any other must.

    Yields
    ------
    (dict, str, int)
        What a line tells, its checksum, and the bytes up to its end.
    """
    check, broken, known = "", False, 0
    with path.open("rb") as opened:
        for line in opened:
            if broken:
                raise _damaged(out)
            mark, _space, text = line.decode("utf-8", "replace").partition(" ")
            check = _checked(check, text.removesuffix("\n"))
            broken = mark != check or not text.endswith("\n")
            known += len(line)
            if not broken:
                yield json.loads(text), check, known


def _hashed(path: Path, size: int) -> Any:
    """Hash the first bytes of a file."""
    found = hashlib.sha256()
    with path.open("rb") as opened:
        while size and (chunk := opened.read(min(CHUNK, size))):
            found.update(chunk)
            size -= len(chunk)
    return found


def _compare(before: dict[str, Any], now: dict[str, Any], out: Path) -> None:
    """Raise ``ConfigError`` where rows are of something else, and say of what."""
    apart = [
        _(sentence, before=before.get(own, 0), now=now.get(own, 0))
        for name, sentence in APART.items()
        if before.get(name) != now[name]
        for own in ["n" if name == "inputs" else name]
    ]
    then, asked = before.get("options", {}), now["options"]
    apart += [
        _("{name} was {before!r}, now {now!r}", name=name, before=then.get(name), now=asked[name])
        for name in asked
        if then.get(name) != asked[name]
    ]
    if apart:
        raise ConfigError(
            _(
                "--resume: the interrupted predictions for {file!r} were others: {differences}.",
                file=str(out),
                differences=Said({"joined": apart, "by": N_("{before}; {after}")}),
            ),
            _("Give the same model, inputs and options, or leave out --resume to start anew."),
        )


def _damaged(out: Path) -> ArtifactError:
    return ArtifactError(
        _(
            "What is kept of {file!r} was changed or damaged, so nothing can go on from it.",
            file=str(out),
        ),
        _("Leave out --resume to start anew."),
    )
