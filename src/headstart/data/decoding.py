"""Decoding: the encoding of a text table or list, by its bytes or as the user said."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from headstart.encodings import (
    UTF_8,
    Blocks,
    EncodingError,
    blocks_of,
    encoding_of,
    first_bad,
    likely,
)
from headstart.errors import ConfigError, DataError
from headstart.findings import Finding
from headstart.said import _


def settled(path: Path, asked: str) -> tuple[str, list[Finding]]:
    """Settle how a file is to be read, and make sure that all of it can be.

    Parameters
    ----------
    asked : str
        The encoding that the user named; ``"utf-8"``, which nobody has to name, leaves it to the
        bytes.

    Returns
    -------
    encoding : str
        As ``open`` takes it.
    findings : list of Finding
        Says it, where it is not UTF-8 and nobody said so.

    Raises
    ------
    ConfigError
        There is no such encoding.
    DataError
        The bytes are in another one, or in two.
    """
    encoding = _settled(path.name, blocks_of(path), asked)
    plain = encoding.removesuffix("-sig")
    if plain == UTF_8 or not _is_utf_8(asked):
        return encoding, []
    message = _(
        "{name} was read as {encoding} (--encoding chooses another).",
        name=path.name,
        encoding=plain,
    )
    return encoding, [Finding("note", "info", message, {"encoding": plain})]


def decode(name: str, data: bytes, asked: str) -> str:
    """Turn the bytes of a file into text, as ``settled`` would have it read."""
    return data.decode(_settled(name, lambda: (data,), asked))


@contextmanager
def opened(path: Path, encoding: str, newline: str) -> Iterator[IO[str]]:
    """Open a text, so that it can be read line by line; ``newline`` as ``open`` takes it."""
    with path.open(encoding=encoding, newline=newline) as file:
        yield file


def _is_utf_8(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding).name == UTF_8
    except LookupError:
        return False


def _settled(name: str, blocks: Blocks, asked: str) -> str:
    if _is_utf_8(asked):
        try:
            return encoding_of(blocks)
        except EncodingError as cause:
            raise _refused(name, cause) from cause
    try:
        "a".encode(asked)  # fails for what is a codec, but no encoding of texts
        bad = first_bad(blocks, asked)
    except (LookupError, UnicodeError) as cause:
        raise ConfigError(
            _("--encoding {encoding!r} is not a text encoding.", encoding=asked),
            _("Try utf-8, gb18030 or latin-1."),
        ) from cause
    if bad is not None:
        raise _other(name, blocks, asked, bad)
    return asked


def _refused(name: str, cause: EncodingError) -> DataError:
    """Say why a file of unknown encoding cannot be read."""
    save = _("Save the table as UTF-8.")
    if cause.other:
        return DataError(
            _(
                "{name} holds two encodings: row {other} is UTF-8, row {row} is not (from byte "
                "{place} on: {bytes}).",
                name=name,
                other=cause.other,
                row=cause.line,
                place=cause.place,
                bytes=cause.shown,
            ),
            _("Correct those rows, or put the table together anew, with all its parts in UTF-8."),
        )
    message: str
    if not cause.shown:
        message = _("{name} cannot be read: {cause}.", name=name, cause=cause.reason)
    else:
        message = _not_so(name, UTF_8, cause.place, cause.line, cause.shown)
    return DataError(message, _pass(cause.likely) if cause.likely else save)


def _other(name: str, blocks: Blocks, asked: str, bad: int) -> DataError:
    """Say which byte is not of the encoding that was asked for, and what may fit."""
    try:
        fits = encoding_of(blocks).removesuffix("-sig")
    except EncodingError as cause:
        fits = cause.likely
    data = b"".join(blocks())
    row = data.count(b"\n", 0, bad) + 1
    byte = f"0x{data[bad]:02x}" if bad < len(data) else ""
    return DataError(_not_so(name, asked, bad, row, byte), _pass(fits or likely(data)))


def _not_so(name: str, encoding: str, place: int, row: int, shown: str) -> str:
    return _(
        "{name} is not {encoding}: byte {place}, in row {row}, is {byte}.",
        name=name,
        encoding=encoding,
        place=place,
        row=row,
        byte=shown.split()[0] if shown else "",
    )


def _pass(encoding: str) -> str:
    return _("Pass --encoding {encoding}, or save the table as UTF-8.", encoding=encoding)
