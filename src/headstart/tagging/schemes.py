"""Schemes: the ways in which one tag a token writes down entities, all of them turned into IOB2.

IOB2 begins every entity with ``B-`` and goes on with ``I-``; ``O`` is outside. IOB1 (the first
CoNLL files) writes ``B-`` only where two entities of one type touch; BIOES, also called BMES or
BILOU, marks the last token and the lone one too. Tags without a prefix are names of types (IO), or,
where there is no ``O`` at all, something every token has, such as parts of speech.

References
----------
.. [1] Ramshaw & Marcus (1995), "Text chunking using transformation-based learning": IOB1.
.. [2] Tjong Kim Sang & Veenstra (1999), "Representing text chunks": IOB2 and others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from headstart.said import N_
from headstart.tagging.sentences import Entity

Scheme = Literal["IOB2", "IOB1", "BIOES", "IO", "one each"]
OUTSIDE = "O"
AS_IN = {"M": "I", "E": "I", "L": "I", "S": "B", "U": "B", "W": "B"}
"""Prefixes of BIOES, BMES and BILOU, and what begins or goes on as they do."""
PREFIXES = frozenset("BI") | AS_IN.keys()
SAID: dict[Scheme, str] = {
    "IOB1": N_("B- stands only between two entities that touch (IOB1)"),
    "BIOES": N_("last and lone tokens have signs of their own (BIOES, BMES or BILOU)"),
    "IO": N_("there are no signs for beginnings, so neighbours of one type are one entity (IO)"),
    "one each": N_("every token has a tag of its own"),
}
"""What is said of a scheme that is not IOB2."""


def parted(tag: str) -> tuple[str, str]:
    """Return the prefix of a tag and its type; "" for the prefix where it has none.

    Examples
    --------
    >>> parted("B-geo-loc"), parted("O"), parted("PER"), parted("S_ORG")
    (('B', 'geo-loc'), ('', ''), ('', 'PER'), ('S', 'ORG'))
    """
    if tag == OUTSIDE:
        return "", ""
    if len(tag) > 2 and tag[0] in PREFIXES and tag[1] in "-_":
        return tag[0], tag[2:]
    return "", tag


def scheme_of(sentences: Iterable[Sequence[str]]) -> Scheme:
    """Tell in which scheme tags are written.

    Where tags fit IOB1 and IOB2 alike, since every entity begins with ``B-``, they are IOB2.
    """
    prefixes, outside, headless = set[str](), False, False
    for tags in sentences:
        before = ("", "")
        for tag in tags:
            prefix, kind = parted(tag)
            outside = outside or tag == OUTSIDE
            if kind:
                prefixes.add(prefix)
            headless = headless or (prefix == "I" and kind != before[1])
            before = (prefix, kind)
    if prefixes & AS_IN.keys():
        return "BIOES"
    if prefixes & {"B", "I"}:
        return "IOB1" if headless else "IOB2"
    return "one each" if prefixes and not outside else "IO" if prefixes else "IOB2"


def to_iob2(tags: Sequence[str], scheme: Scheme) -> tuple[tuple[str, ...], int]:
    """Write tags in IOB2; return with them how many had to be repaired.

    A repair is an ``I-`` (or what stands for it) that follows no token of its type, outside IOB1,
    where that is how an entity begins. It begins one here too.

    Examples
    --------
    >>> to_iob2(["B-PER", "E-PER", "S-LOC"], "BIOES")
    (('B-PER', 'I-PER', 'B-LOC'), 0)
    >>> to_iob2(["O", "I-PER", "I-LOC"], "IOB2")
    (('O', 'B-PER', 'B-LOC'), 2)
    """
    found, repaired, before = list[str](), 0, ("", "")
    for tag in tags:
        prefix, kind = parted(tag)
        goes_on = kind != "" and kind == before[1]
        if not kind:
            found.append(OUTSIDE)
        elif scheme == "one each":
            found.append(f"B-{kind}")
        elif scheme == "IO":
            found.append(f"{'I' if goes_on else 'B'}-{kind}")
        else:
            # What follows an end begins, whatever it says of itself.
            closed = scheme == "BIOES" and before[0] in ("E", "L", "S", "U", "W")
            begins = AS_IN.get(prefix, prefix or "B") == "B"
            broken = not begins and (not goes_on or closed)
            repaired += broken and scheme != "IOB1"
            found.append(f"{'B' if begins or broken else 'I'}-{kind}")
        before = (prefix, kind)
    return tuple(found), repaired


def entities(tags: Sequence[str]) -> list[Entity]:
    """Return the entities that tags in IOB2 write down, in order.

    An ``I-`` without a beginning begins an entity, as in the program ``conlleval``, which the first
    CoNLL tasks were scored with.

    Examples
    --------
    >>> entities(["B-PER", "I-PER", "O", "B-LOC", "B-LOC"])  # doctest: +NORMALIZE_WHITESPACE
    [Entity(kind='PER', start=0, end=2), Entity(kind='LOC', start=3, end=4),
     Entity(kind='LOC', start=4, end=5)]
    """
    found, start, now = list[Entity](), 0, ""
    for place, tag in enumerate([*tags, OUTSIDE]):
        prefix, kind = parted(tag)
        if now and (prefix == "B" or kind != now):
            found.append(Entity(now, start, place))
            now = ""
        if kind and not now:
            start, now = place, kind
    return found


def written(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """Write tags in IOB2 as a model gives them: bare where every token has one of its own."""
    return [parted(tag)[1] or OUTSIDE for tag in tags] if scheme == "one each" else list(tags)
