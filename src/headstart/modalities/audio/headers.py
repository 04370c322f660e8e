"""How long a recording says it is: libsndfile goes by the bytes that are there, and says nothing.

A file that was cut off while it was copied or recorded is read short without an error; what its
header promises tells.
"""

from __future__ import annotations

import struct

UNKNOWN = (0, 0xFFFFFFFF)
"""Sizes that programs write which do not know them yet, such as into a pipe."""


def promised(data: bytes) -> float:
    """Return how much sound a file promises, as a multiple of what it holds.

    Returns
    -------
    float
        1 where the file is whole, or where its header does not say.
    """
    first, size = _sound(data)
    there = max(len(data) - first, 1)
    return max(1.0, size / there) if size not in UNKNOWN else 1.0


def is_unfinished(data: bytes) -> bool:
    """Whether an Ogg file lacks its last page, or part of it.

    References
    ----------
    RFC 3533, section 6: a header of 27 bytes, of which the sixth has flags, 4 for the last page,
    and the last counts the sizes that follow; then as many bytes as they say.
    """
    last = data.rfind(b"OggS")
    if not data.startswith(b"OggS") or len(data) < last + 27:
        return data.startswith(b"OggS")
    sizes = data[last + 27 : last + 27 + data[last + 26]]
    whole = len(data) >= last + 27 + data[last + 26] + sum(sizes)
    return not (whole and data[last + 5] & 4)


def _sound(data: bytes) -> tuple[int, int]:
    """Return where the bytes of the sound begin, and how many the header promises."""
    kind, form = data[:4], data[8:12]
    if kind in (b"RIFF", b"RF64") and form == b"WAVE":
        return _chunk(data, "<", b"data")
    if kind == b"FORM" and form in (b"AIFF", b"AIFC"):
        return _chunk(data, ">", b"SSND")
    if kind == b".snd" and len(data) >= 12:
        first, size = struct.unpack_from(">II", data, 4)
        return first, size
    return 0, 0


def _chunk(data: bytes, order: str, wanted: bytes) -> tuple[int, int]:
    """Walk the chunks of an IFF file, each a name, a size and that many bytes, to an even place."""
    at, large = 12, 0
    while at + 8 <= len(data):
        name = data[at : at + 4]
        size = struct.unpack_from(f"{order}I", data, at + 4)[0]
        if name == b"ds64" and at + 24 <= len(data):  # RF64: sizes in 64 bits (EBU Tech 3306)
            large = struct.unpack_from("<Q", data, at + 16)[0]
        if name == wanted:
            return at + 8, large if size == UNKNOWN[1] and large else size
        at += 8 + size + size % 2
    return 0, 0
