"""Text out of names that need not be text: what we write is UTF-8, whatever the locale.

A name of a file may be any bytes. Python holds those that it cannot read as halves of characters
("surrogate escapes"), which UTF-8 does not know. On stdout and in CSV they become the bytes that
they were, so that the name still leads to the file; in JSON, which must be Unicode, they are
escaped, and ``json.loads`` gives back what was written.
"""

from __future__ import annotations

import codecs
import json
from typing import Any

ANY_NAME = "headstart.any-name"
"""How to encode what is no Unicode: ``open(..., encoding="utf-8", errors=ANY_NAME)``."""


def _bytes_again(error: UnicodeError) -> tuple[str | bytes, int]:
    """Write the byte that stood in a name; any other half of a character as its escape."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


codecs.register_error(ANY_NAME, _bytes_again)


def in_utf8(text: str) -> str:
    r"""Read a name as UTF-8 as far as it is: in a locale without it Python leaves that undone.

    Examples
    --------
    >>> in_utf8("\udce4\udcb8\udcad.png"), in_utf8("caf\udce9")
    ('中.png', 'caf\udce9')
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # halves of characters that no bytes stand for
        return text


def to_json(value: Any, *, indent: int | None = None) -> str:
    r"""Write plain values, for people to read too; it can be encoded whatever is in it.

    Examples
    --------
    >>> print(to_json({"path": "caf\udce9"}), to_json("中"))
    {"path": "caf\udce9"} "中"
    """
    written = in_utf8(json.dumps(value, indent=indent, ensure_ascii=False))
    return written.encode("utf-8", "backslashreplace").decode("utf-8")
