"""Pairs in TMX, the form in which translators' programs exchange their memories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from headstart.errors import ConfigError, DataError
from headstart.said import _, listed
from headstart.translation.pairs import Pairs
from headstart.translation.table import language_named

LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def read_tmx(path: Path, asked: Sequence[str | None]) -> Pairs:
    """Read the segments of two languages, with the text inside their markup.

    Parameters
    ----------
    asked : (str or None, str or None)
        The languages; default: the header's ``srclang``, and the other one.

    Raises
    ------
    DataError
        No well-formed TMX.
    ConfigError
        More than two languages, and nobody said which to take.
    """
    units: list[tuple[int, dict[str, str]]] = []
    first, n = "", 0
    try:
        for _event, element in ElementTree.iterparse(path):
            if element.tag == "header":
                first = language_named(element.get("srclang", ""))
            elif element.tag == "tu":
                n += 1
                units.append((n, _segments(element)))
                element.clear()
    except ElementTree.ParseError as cause:
        raise DataError(
            _("{name} is not well-formed XML: {cause}.", name=path.name, cause=str(cause)),
            _("Export it again from the program that holds the memory."),
        ) from cause
    there = list(dict.fromkeys(code for _n, unit in units for code in unit))
    source, target = _two(path.name, there, first, asked)
    kept = [(n, unit) for n, unit in units if source in unit and target in unit]
    return Pairs(
        path.name,
        tuple(unit[source] for _n, unit in kept),
        tuple(unit[target] for _n, unit in kept),
        tuple(n for n, _unit in kept),
        languages=(source, target),
    )


def _segments(unit: ElementTree.Element) -> dict[str, str]:
    """Return the text of each language; of several in one language, the first."""
    found: dict[str, str] = {}
    for variant in unit.iter("tuv"):
        code = language_named(variant.get(LANGUAGE) or variant.get("lang") or "")
        segment = variant.find("seg")
        if code and segment is not None:
            found.setdefault(code, " ".join("".join(segment.itertext()).split()))
    return found


def _two(
    name: str, there: Sequence[str], first: str, asked: Sequence[str | None]
) -> tuple[str, str]:
    source, target = (language_named(one) if one else None for one in asked)
    missing = [code for code in (source, target) if code and code not in there]
    if missing or len(there) < 2 or (len(there) > 2 and not (source and target)):
        raise ConfigError(
            _(
                "{name} holds these languages: {names}.",
                name=name,
                names=listed(there) if there else _("none"),
            ),
            _("Say which to take: --source-language en --target-language zh."),
        )
    if source is None and target is not None:
        source = next(code for code in there if code != target)
    source = source or (first if first in there else there[0])
    target = target or next(code for code in there if code != source)
    return source, target
