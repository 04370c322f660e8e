"""From bytes to a text, and which bytes may be one."""

from __future__ import annotations

import codecs
import re
import unicodedata
from functools import cache
from importlib.util import find_spec
from pathlib import PurePath

from headstart.encodings import EncodingError, decoded
from headstart.errors import MissingExtraError
from headstart.modalities import Kind, UnreadableError
from headstart.said import _

NEEDS = ("tokenizers", "transformers", "eld", "datasketch", "charset_normalizer")
"""Modules of the extra ``text``."""
SUFFIXES = frozenset({".txt", ".text", ".md"})
ABOUT = frozenset(
    {"readme", "license", "licence", "copying", "changelog", "citation", "classes", "labels"}
)
"""Stems of files that come with a set and are about it, not in it."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]+")
_FILE_NAME = re.compile(r"\S+\.[A-Za-z][A-Za-z0-9]{0,4}|(?:[A-Za-z]:|[./~])?[\w.\-]*[/\\][!-~]+")
_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read(data: bytes) -> str:
    """Decode a text in UTF-8, UTF-16 or GB18030, as its bytes tell.

    Control characters become spaces; markup stays as it is written.

    Raises
    ------
    UnreadableError
        No text, an empty one, or one of control characters alone.
    MissingExtraError
        What texts need is not installed.
    """
    refuse_without_extra()
    try:
        text, _encoding = decoded(data)
    except EncodingError as cause:
        raise UnreadableError(cause.reason) from None
    text = _CONTROL.sub(" ", text)
    if not text.strip():
        raise UnreadableError(_("an empty text"))
    return text


def encode(held: object) -> bytes | None:
    """Write a string in UTF-8; half characters, which no file of text has, as question marks."""
    return held.encode("utf-8", "replace") if isinstance(held, str) else None


@cache
def refuse_without_extra() -> None:
    """Raise ``MissingExtraError`` where a package of the extra is not installed."""
    lacking = [name for name in NEEDS if find_spec(name) is None]
    if lacking:
        raise MissingExtraError(
            _("Texts need the package {name}, which is not installed.", name=lacking[0]),
            _("Install it: {command}", command="pip install 'headstart[text]'"),
        )


def looks_like_text(kind: Kind, name: str, head: bytes) -> float:
    """Say how surely a cell or a file is a text, 0 to 1."""
    if kind == "cell":
        return _prose(head.decode("utf-8", "ignore"))
    if kind != "file":
        return 0.0
    path = PurePath(name)
    suffix = path.suffix.lower()
    if path.stem.casefold() in ABOUT or (suffix not in SUFFIXES and suffix.strip(".0123456789")):
        return 0.0
    if not head:
        return float(suffix in SUFFIXES)
    if suffix in SUFFIXES:
        return float(head.startswith(_BOMS) or b"\0" not in head)
    return float(_printable(head))


def _prose(cell: str) -> float:
    """Return 1 for what has words, less for one word, and 0 for numbers, dates, paths."""
    text = unicodedata.normalize("NFKC", cell).strip()
    letters = sum(c.isalpha() for c in text)
    if not letters or 3 * letters < len(re.sub(r"\s", "", text)) or _FILE_NAME.fullmatch(text):
        return 0.0
    return 1.0 if len(text.split()) > 1 or any(c > "\u2e7f" for c in text) else 0.4


def _printable(head: bytes) -> bool:
    """Whether bytes that a file begins with are a text in UTF-8, perhaps cut in a character."""
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(text.strip()) and not _CONTROL.search(text)
