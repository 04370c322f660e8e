"""Circumstances of a text: how it came to be written down, not what it says."""

from __future__ import annotations

import re
import unicodedata

from headstart.modalities import Circumstance
from headstart.modalities.text.digest import TextDigest
from headstart.said import N_

MARKUP = re.compile(r"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?/?>|&(?:[A-Za-z]{2,8}|#\d{1,6});")
"""Tags and entities of HTML."""
OF_CONTENT = ("length in characters", "share of digits", "share of punctuation")
"""What it says has a part in these, too: complaints are long, a warning has exclamation marks."""
_LOOKED_AT = 2_000
"""Characters of a text that are counted through."""


def circumstances(d: TextDigest) -> dict[str, Circumstance]:
    """Count what a text is made of.

    Returns
    -------
    dict of str to number or str
        By the names that sentences use.
    """
    seen = d.text[:_LOOKED_AT]
    letters = max(sum(map(str.isalpha, seen)), 1)
    n = max(len(seen), 1)
    told: dict[str, Circumstance] = {
        N_("length in characters"): float(d.length),
        N_("share of capitals"): sum(map(str.isupper, seen)) / letters,
        N_("share of digits"): sum(map(str.isdigit, seen)) / n,
        N_("share of punctuation"): sum(unicodedata.category(c)[0] == "P" for c in seen) / n,
        N_("kind of last character"): _kind(seen[-1:]),
        N_("markup"): "HTML" if MARKUP.search(seen) else "",
    }
    if d.language:
        told[N_("language")] = d.language
    return told


def _kind(character: str) -> str:
    """Tell letters, digits, and marks by what they are."""
    if character.isalpha():
        return "letter"
    return "digit" if character.isdigit() else character
