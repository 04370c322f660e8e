"""Formats of recordings: which files are taken for recordings, and which of them are read.

libsndfile knows more formats than are read here; what is not listed is not read. Of those that it
does not know, the common ones are recognised all the same, so that they are refused by name.
"""

from __future__ import annotations

import codecs
from pathlib import PurePath

from headstart.said import N_, _

FORMATS = ("WAV", "WAVEX", "RF64", "W64", "NIST", "FLAC", "OGG", "MP3", "AIFF", "CAF", "AU")
"""libsndfile's names of what is read."""
SUFFIXES = frozenset(
    (
        *(".wav", ".wave", ".bwf", ".rf64", ".w64", ".sph", ".nist", ".flac", ".ogg", ".oga"),
        *(".opus", ".mp3", ".mp2", ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd"),
    )
)
OTHER_SUFFIXES = frozenset(
    (
        *(".m4a", ".m4b", ".aac", ".wma", ".amr", ".3gp", ".ac3", ".ape", ".mka"),
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".ts"),
    )
)
"""Sound and videos that have to be converted first."""
LOOKED_AT = 512
"""Bytes of a file's beginning that tell what it is."""
MAYBE = 0.5
"""How surely a file that has to be converted is a recording: a video may be none."""
_ISO = {
    b"M4A ": "M4A (AAC)",
    b"M4B ": "M4A (AAC)",
    b"qt  ": N_("QuickTime video"),
    b"isom": "MP4",
    b"iso2": "MP4",
    b"iso4": "MP4",
    b"iso5": "MP4",
    b"iso6": "MP4",
    b"mp41": "MP4",
    b"mp42": "MP4",
    b"M4V ": "MP4",
    b"dash": "MP4",
    b"3gp4": "3GP",
    b"3gp5": "3GP",
    b"3gp6": "3GP",
}
"""Brands of MPEG-4 files that hold sound or a video: HEIC and AVIF have others."""
_STRANGE = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"%PDF": "PDF",
    b"PK\x03\x04": "ZIP",
}
"""Files that often lie among others, and hold no sound."""


def may_be_recording(name: str, head: bytes) -> float:
    """Judge a file by its suffix or, whatever that is, by its first bytes: 0 to 1.

    Examples
    --------
    >>> may_be_recording("a.mp3", b""), may_be_recording("a", b"fLaC..."), may_be_recording("", b"")
    (1.0, 1.0, 0.0)
    """
    suffix = PurePath(name).suffix.lower()
    if suffix in SUFFIXES or _is_read(head):
        return 1.0
    return MAYBE if suffix in OTHER_SUFFIXES or other_format(head) else 0.0


def other_format(head: bytes) -> str:
    """Name a format of sound or video that is not read; "" where none is known."""
    if head[4:8] == b"ftyp":
        return _(_ISO.get(head[8:12], ""))
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "AVI"
    starts = {
        b"\x1aE\xdf\xa3": "Matroska/WebM",
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "WMA/WMV",
        b"#!AMR": "AMR",
        b"FLV\x01": "FLV",
        b"ADIF": "AAC",
        b"MAC ": "Monkey's Audio",
        b"wvpk": "WavPack",
        b"\x00\x00\x01\xba": "MPEG",
        b"\x00\x00\x01\xb3": "MPEG",
    }
    if head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0:  # ADTS
        return "AAC"
    return next((name for start, name in starts.items() if head.startswith(start)), "")


def why_not(head: bytes) -> str:
    """Say by its first ``LOOKED_AT`` bytes what a file is that cannot be opened, and the mend."""
    if not head:
        return _("empty file")
    other = other_format(head)
    if other:
        return _(
            "{format}, which is not read here: convert it, as {command} does",
            format=other,
            command="ffmpeg -i FILE FILE.wav",
        )
    strange = next((name for start, name in _STRANGE.items() if head.startswith(start)), "")
    if strange:
        return _("{format}, not a recording", format=strange)
    if _is_text(head):
        return _("a text, not a recording")
    return _("not a recording that can be read, or damaged")


def _is_text(head: bytes) -> bool:
    """Whether bytes that a file begins with are a text in UTF-8, perhaps cut in a character."""
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return False
    return all(c.isprintable() or c.isspace() for c in text)


def _is_read(head: bytes) -> bool:
    """Whether a file begins as one of ``FORMATS`` does."""
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"FORM"):
        return head[8:12] in (b"WAVE", b"AIFF", b"AIFC")
    starts = (b"fLaC", b"OggS", b"ID3", b"caff", b".snd", b"NIST_1A", b"riff\x2e\x91\xcf\x11")
    return head.startswith(starts) or _is_mp3(head)


def _is_mp3(head: bytes) -> bool:
    """Whether a file begins with the header of a frame of MPEG layer III.

    References
    ----------
    ISO/IEC 11172-3, section 2.4.1.3: eleven bits set, a version, a layer, a rate.
    """
    if len(head) < 3 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    version, bits, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and bits not in (0, 15) and rate != 3
