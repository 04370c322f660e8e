"""The sentences of a document: which language they are in, and how they are said in another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import reduce
from typing import Any

from headstart.language import in_force
from headstart.said import Said, from_plain, to_plain

SENTENCES = "sentences"
"""Key of a document under which lies what its sentences were made of."""


def with_sentences(document: dict[str, Any]) -> dict[str, Any]:
    """Add to a document its language, and what every sentence in it is made of.

    Returns
    -------
    dict
        With ``language`` and, by JSON pointer (RFC 6901), ``sentences``; without sentences as it
        was.
    """
    found = {place: to_plain(said)["said"] for place, said in _said_in(document)}
    if not found:
        return document
    return {**document, "language": in_force().code, SENTENCES: found}


def say_again(document: Any) -> None:
    """Put every sentence of a document, in place, into the language in force.

    What cannot be said again, for it came from another version or a stranger, stays as it was
    written. No type has been checked yet: what is said is checked with the rest.
    """
    found = document.get(SENTENCES) if isinstance(document, dict) else None
    for place, parts in found.items() if isinstance(found, dict) else ():
        with suppress(LookupError, TypeError, ValueError, AttributeError):
            _put(document, place, from_plain({"said": parts}))


def _put(document: dict[str, Any], place: str, said: str) -> None:
    """Put a sentence in the place of one."""
    *way, last = (_key(part) for part in place.split("/")[1:])
    box = reduce(_in, way, document)
    at: Any = int(last) if isinstance(box, list) else last
    if isinstance(box[at], str):
        box[at] = said


def _said_in(value: Any, place: str = "") -> Iterator[tuple[str, Said]]:
    if isinstance(value, Said):
        yield place, value
    elif isinstance(value, dict):
        for name, part in value.items():
            escaped = str(name).replace("~", "~0").replace("/", "~1")
            yield from _said_in(part, f"{place}/{escaped}")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _said_in(part, f"{place}/{index}")


def _key(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def _in(box: Any, part: str) -> Any:
    return box[int(part)] if isinstance(box, list) else box[part]
