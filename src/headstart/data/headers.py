"""Headers of archives, read through a guard: they are a stranger's words about sizes.

``tarfile`` and ``zipfile`` read whatever length a header states, at once, and keep it all. The
guard stands between them and the file and hands out no more headers than honest archives have.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
from pathlib import Path
from typing import IO, TypedDict, cast

from headstart.said import _


class Room(TypedDict):
    """How many bytes headers may take.

    Attributes
    ----------
    longest : int
        At once.
    shared : int
        In all, beyond ``each`` of every entry.
    each : int
        For an entry: an ordinary header, a long name, times and the like.
    """

    longest: int
    shared: int
    each: int


GUARDED: dict[str, Room] = {
    "tar": {"longest": 64 * 2**10, "shared": 8 * 2**20, "each": 2048},
    "zip": {"longest": 16 * 2**20, "shared": 20 * 2**20, "each": 0},
}
"""A name has at most 4 KiB; 100,000 entries of a zip, with their names, are 16 MiB."""

READS = 64
"""Reads for one entry; a longer chain of headers, each about the next, leads nowhere."""
_DIGITS = re.compile(rb"\d{64}")
"""No number in a header is as long; to look for its end, some versions of Python take minutes."""


class HeaderError(Exception):
    """More headers than there is room for, as the end of a sentence about the archive."""


class Headers(io.RawIOBase):
    """A file of which only so much may be read until ``done`` is called.

    Parameters
    ----------
    file : binary file
        Seekable.
    """

    def __init__(self, file: IO[bytes], *, longest: int, shared: int, each: int) -> None:
        self._file, self._longest, self._each = file, longest, each
        self._left = shared
        self._reads = 0
        self._after: str = _("the beginning")
        self._guards = True

    def begin(self, entry: str) -> None:
        """Give room for the header that follows an entry."""
        self._left += self._each
        self._reads = 0
        self._after = entry

    def done(self) -> None:
        """Let everything be read: what follows is content."""
        self._guards = False

    def read(self, size: int | None = -1) -> bytes:
        """Read; raises ``HeaderError`` for a header that is too long."""
        if not self._guards:
            return self._file.read(-1 if size is None else size)
        self._reads += 1
        if self._reads > READS:
            raise HeaderError(
                _("the chain of headers after {entry} is too long", entry=self._after)
            )
        most = min(self._longest, self._left)
        if size is None or size < 0:
            size = most + 1
            found = self._file.read(size)
        else:
            found = self._file.read(min(size, most + 1))
        if len(found) > most or size > most + 1:
            raise HeaderError(
                _(
                    "the header after {entry} is too long ({size:,} bytes; there is room for "
                    "{room:,})",
                    entry=self._after,
                    size=size,
                    room=most,
                )
            )
        if len(found) > 1024 and _DIGITS.search(found):
            raise HeaderError(
                _("the header after {entry} holds a number without end", entry=self._after)
            )
        self._left -= len(found)
        return found

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def readable(self) -> bool:
        """Say yes."""
        return True


def decompressed(archive: Path) -> IO[bytes]:
    """Open a file for reading what is in it, by its first bytes: gzip, bzip2, xz, or as it is."""
    with archive.open("rb") as file:
        first = file.read(6)
    if first.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.open(archive))
    if first.startswith(b"BZh"):
        return bz2.open(archive)
    if first == b"\xfd7zXZ\0":
        return lzma.open(archive)
    return archive.open("rb")
