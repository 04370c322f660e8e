"""Spellings: labels that may be one, written in several ways, or that may stand for none.

They are said and stay apart: only whoever wrote them knows what they mean.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable

from headstart.findings import Finding
from headstart.said import N_, Said, _, commas, sentences

NOTHING = frozenset({"nan", "none", "null", "n/a", "na", "<na>", "#n/a", "nil", "-", "--", "?"})
"""How programs and people write that there is no label."""
ALPHABET = 4
"""From so many pairs of single letters on, upper and lower case are meant (plain choice)."""
NAMED = 5
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_JOINED = re.compile(r"(?<=\w)[\s_-]+(?=\w)")  # not the minus of "A-"


def plain(label: str) -> str:
    """Write a label as all its spellings may be written.

    Examples
    --------
    >>> plain("Golden_Retriever "), plain("golden  retriever"), plain("TRUE"), plain("0.0")
    ('golden retriever', 'golden retriever', 'true', '0')
    """
    text = " ".join(unicodedata.normalize("NFKC", label).casefold().split())
    text = unicodedata.normalize("NFKC", text)
    if _NUMBER.fullmatch(text):
        return f"{float(text):.15g}"
    return _JOINED.sub(" ", text)


def check_spellings(labels: Iterable[str]) -> list[Finding]:
    """Name labels that differ only in how they are written, and those that may mean "none".

    Case, spaces, hyphens, the forms of Unicode and those of numbers count as writing.
    """
    counts = Counter(labels)
    by_plain: dict[str, list[str]] = defaultdict(list)
    for label in sorted(counts):
        by_plain[plain(label)].append(label)
    several = _without_alphabet([same for same in by_plain.values() if len(same) > 1])
    nothing = [label for label in sorted(counts) if _is_nothing(label, counts)]
    told = []
    if several:
        told.append(
            _(
                "Labels that differ only in how they are written are classes of their own: "
                "{labels}. If they mean the same, write them in one way.",
                labels=_listed([_shown(same, counts) for same in several]),
            )
        )
    if nothing:
        told.append(
            _(
                "{labels} may stand for no label but count as a class. If so, take those examples "
                "out.",
                labels=_shown(nothing, counts),
            )
        )
    if not told:
        return []
    figures: dict[str, object] = {
        "spellings": [{label: counts[label] for label in same} for same in several],
        "nothing": {label: counts[label] for label in nothing},
    }
    return [Finding("label_spellings", "warning", sentences(*told), figures)]


def _without_alphabet(several: list[list[str]]) -> list[list[str]]:
    """Leave out ``A`` beside ``a`` where many letters are classes: then those are meant."""
    letters = [same for same in several if all(len(label) == 1 for label in same)]
    return several if len(letters) < ALPHABET else [s for s in several if s not in letters]


def _is_nothing(label: str, counts: Counter[str]) -> bool:
    text = label.strip().casefold()
    return text in NOTHING and not (text == "-" and "+" in counts)


def _shown(labels: list[str], counts: Counter[str]) -> str:
    forms = {unicodedata.normalize("NFC", label) for label in labels}
    show = repr if len(forms) == len(labels) else ascii  # what looks the same to a reader
    return commas(f"{show(label)} ({counts[label]})" for label in labels)


def _listed(shown: list[str]) -> str:
    listed = Said({"joined": shown[:NAMED], "by": N_("{before}; {after}")})
    if len(shown) <= NAMED:
        return listed
    return _("{labels}; and {n} more", labels=listed, n=len(shown) - NAMED)
