"""YAKE: keywords by how words are used in a text, without a network, a collection or training.

After Campos, Mangaravite, Pasquali, Jorge, Nunes & Jatowt (2020), "YAKE! Keyword extraction from
single documents using multiple local features", Information Sciences 509, sections 3.2-3.4: the
score of their words, on our phrases. Theirs draws phrases from windows of text and drops those that
look alike, so its figures differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from headstart.phrases.cutting import Cut, Token
from headstart.said import N_

Floats = NDArray[np.floating]

YAKE = N_("YAKE's features")


class _Word:
    """How one word is used."""

    def __init__(self) -> None:
        self.count = self.capital = self.acronym = 0
        self.sentences: list[int] = []
        self.left: defaultdict[str, int] = defaultdict(int)
        self.right: defaultdict[str, int] = defaultdict(int)


def scores_of_words(tokens: Iterable[Token]) -> dict[str, float]:
    """Score the words of a text: the lower, the more it is about them."""
    words: defaultdict[str, _Word] = defaultdict(_Word)
    before: Token | None = None
    fitting = set[str]()
    for token in tokens:
        if not token.word:
            before = None
            continue
        low = token.text.casefold()
        one = words[low]
        one.count += 1
        first = before is None or before.sentence != token.sentence
        one.acronym += token.text.isupper() and len(token.text) > 1
        one.capital += token.text[0].isupper() and not first
        one.sentences.append(token.sentence)
        if token.fits:
            fitting.add(low)
        if before is not None:
            other = before.text.casefold()
            one.left[other] += 1
            words[other].right[low] += 1
        before = token
    counts = np.array([words[low].count for low in fitting] or [1], np.float64)
    most = max(one.count for one in words.values()) if words else 1
    last = 1 + max((one.sentences[-1] for one in words.values()), default=0)
    found = {}
    for low, one in words.items():
        casing = max(one.acronym, one.capital) / (1 + np.log(one.count))
        position = np.log(np.log(3 + float(np.median(one.sentences))))
        frequency = one.count / (counts.mean() + counts.std())
        spread = [len(s) / max(sum(s.values()), 1) for s in (one.left, one.right)]
        related = 1 + sum(spread) * one.count / most
        different = len(set(one.sentences)) / last
        found[low] = related * position / (casing + frequency / related + different / related)
    return found


def by_use(cut: Cut, tokens: Iterable[Token]) -> Floats:
    """Score phrases by the words they are made of: the higher, the better."""
    of_words = scores_of_words(tokens)
    found = []
    for one in cut.phrases:
        parts = [of_words[p] for p in one.text.casefold().split() if p in of_words] or [1.0]
        found.append(-float(np.prod(parts)) / (one.count * (1 + sum(parts))))
    return np.array(found, np.float64)
