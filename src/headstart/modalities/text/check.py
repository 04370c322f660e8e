"""Checks of texts: languages, length, markup, and words that a network does not know."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from headstart.findings import Finding
from headstart.modalities.text.circumstances import MARKUP
from headstart.modalities.text.digest import MOST, TextDigest
from headstart.modalities.text.language import OTHERS
from headstart.modalities.text.look import CHARACTERS, Tokens
from headstart.said import _, _n, commas, sentences, tongue

SECOND = 0.02
"""Share of the texts from which on a second language among them is said: of one-language sets,
under half a percent are taken for any other language (docs/measurements.md)."""
STRANGE = 0.1
"""Share of unknown tokens from which on a network is said not to know the writing: MiniLM knows all
tokens of English reviews and 40 % of those of Chinese ones, e5 over 99.9 % of both."""
MARKED_UP = 0.02
ASKED = 500
"""Texts whose tokens are looked at for strange ones."""
NAMED = 3


def check(digests: Sequence[TextDigest], refs: Sequence[str], look: Tokens) -> list[Finding]:
    """Report languages, unknown tokens, texts that are cut, and markup."""
    return [
        *check_languages(digests, refs),
        *check_strange(digests, look),
        *check_length(digests, refs, look),
        *check_markup(digests, refs),
    ]


def blank(d: TextDigest) -> str:
    """Say that there is nothing to read: neither letters nor digits nor emoji."""
    kinds = map(unicodedata.category, d.text)
    told = any(kind[0] in "LN" or kind == "So" for kind in kinds)
    return "" if told else _("nothing but punctuation")


def check_languages(digests: Sequence[TextDigest], refs: Sequence[str]) -> list[Finding]:
    """Name languages besides that of most texts."""
    told = np.array([d.language for d in digests])
    counts = Counter(told[told != ""].tolist())
    least = max(2, SECOND * counts.total())
    common = [code for code, n in counts.most_common() if n >= least]
    if len(common) < 2:
        return []
    first, *others = common
    rows = np.flatnonzero(np.isin(told, others))
    named = [_("{language} ({n:,})", language=tongue(code), n=counts[code]) for code in others]
    said = _n(
        "Most texts are in {language}, but {n:,} is in another language: {others} (first: "
        "{names}).",
        "Most texts are in {language}, but {n:,} are in other languages: {others} (first: "
        "{names}).",
        len(rows),
        language=tongue(first),
        others=commas(named),
        names=_first(refs, rows),
    )
    mend = _(
        "A network that knows only one of them is of little use for the rest. If new texts will be "
        "of one language, take the others out."
    )
    figures: dict[str, object] = {
        "languages": dict(counts.most_common()),
        "files": [refs[i] for i in rows[:50]],
    }
    return [Finding("languages", "info", sentences(said, mend), figures)]


def check_strange(digests: Sequence[TextDigest], look: Tokens) -> list[Finding]:
    """Warn where a network does not know the writing."""
    n = len(digests)
    rows = np.unique(np.linspace(0, n - 1, min(n, ASKED)).astype(int))
    share = float(np.mean([look.strange(digests[i].text[:MOST]) for i in rows]))
    if share < STRANGE:
        return []
    message = _(
        "The network does not know {share:.0%} of the tokens (words and pieces of words) of these "
        "texts: to it they are blanks. Take one that was trained on their language: --backbone "
        "{backbone} knows about 100 languages.",
        share=share,
        backbone=OTHERS,
    )
    return [Finding("unknown", "warning", message, {"share": round(share, 4)})]


def check_length(digests: Sequence[TextDigest], refs: Sequence[str], look: Tokens) -> list[Finding]:
    """Say how many texts are longer than what is read of them."""
    # No token is shorter than half a character, as in emoji; most texts are far from the bound.
    long = [i for i, d in enumerate(digests) if 2 * d.length > look.room]
    rows = np.array([i for i in long if _tokens(digests[i], look) > look.room], int)
    if not len(rows):
        return []
    message = _n(
        "{n:,} text is longer than the {room:,} tokens (words and pieces of words) that are read "
        "of one: only its beginning counts (the longest: {longest}, {length:,} characters).",
        "{n:,} texts are longer than the {room:,} tokens (words and pieces of words) that are read "
        "of one: only their beginning counts (the longest: {longest}, {length:,} characters).",
        len(rows),
        room=look.room,
        longest=refs[(most := rows[np.argmax([digests[i].length for i in rows])])],
        length=digests[most].length,
    )
    figures: dict[str, object] = {
        "count": len(rows),
        "room": look.room,
        "files": [refs[i] for i in rows[:50]],
    }
    return [Finding("cut", "info", message, figures)]


def check_markup(digests: Sequence[TextDigest], refs: Sequence[str]) -> list[Finding]:
    """Say where texts hold HTML."""
    rows = np.array([i for i, d in enumerate(digests) if MARKUP.search(d.text)], int)
    if len(rows) < max(1, MARKED_UP * len(digests)):
        return []
    found = MARKUP.search(digests[rows[0]].text)
    message = _n(
        "{n:,} text holds tags or signs of HTML, such as {tag} (first: {names}). They are read as "
        "they are written; better take them out, and out of new texts too.",
        "{n:,} texts hold tags or signs of HTML, such as {tag} (first: {names}). They are read as "
        "they are written; better take them out, and out of new texts too.",
        len(rows),
        tag=found[0][:40] if found else "",
        names=_first(refs, rows),
    )
    figures: dict[str, object] = {"count": len(rows), "files": [refs[i] for i in rows[:50]]}
    return [Finding("markup", "info", message, figures)]


def _tokens(d: TextDigest, look: Tokens) -> int:
    """Count tokens of a text, or guess, where the digest has not kept all of it."""
    if len(d.text) < MOST:
        return look.counted(d.text)
    seen = min(MOST, CHARACTERS * look.room)
    return round(look.counted(d.text) * max(d.length, seen) / seen)


def _first(refs: Sequence[str], rows: NDArray[np.int64]) -> str:
    return commas([*(refs[i] for i in rows[:NAMED]), *(["..."] if len(rows) > NAMED else [])])
