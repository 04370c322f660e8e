"""Stems: what two spellings of a phrase have in common, so that they count as one.

English is stemmed by Porter's algorithm, by which keywords are compared in the literature, other
languages by their Snowball algorithm, and those without one not at all.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

ALGORITHMS = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "porter",
    "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french",
    "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian",
    "it": "italian", "lt": "lithuanian", "nl": "dutch", "no": "norwegian", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip
"""Snowball's algorithms, by ISO 639-1 code."""
LONGEST = 100
"""Letters of a word that is stemmed; longer ones are no words."""
_alone = threading.Lock()


@cache
def _stem_of(language: str) -> Callable[[str], str]:
    name = ALGORITHMS.get(language)
    if name is None:
        return str
    import snowballstemmer

    algorithm = snowballstemmer.stemmer(name)

    def stem(word: str) -> str:
        with _alone:  # a stemmer keeps the word it is at
            found: str = algorithm.stemWord(word)
        return found or word

    return stem


@lru_cache(2**17)
def stem(word: str, language: str) -> str:
    """Return the stem of a word in small letters."""
    return word if len(word) > LONGEST else _stem_of(language)(word)


@cache
def _word() -> Any:
    import regex  # knows marks, with which many writings write their vowels, as parts of words

    return regex.compile(r"[\p{L}\p{M}\p{N}]+")


def plain(text: str) -> str:
    """Return words in small letters with single spaces: what phrases have in common *exactly*.

    Examples
    --------
    >>> plain("Separate-Account  Industry")
    'separate account industry'
    """
    return " ".join(_word().findall(unicodedata.normalize("NFKC", text).casefold()))


def key(text: str, language: str) -> str:
    """Return the stems of a phrase; phrases with equal ones count as the same. "" without words.

    Examples
    --------
    >>> key("Neural Networks", "en"), key("neural-network", "en"), key("神经网络", "zh")
    ('neural network', 'neural network', '神经网络')
    """
    return " ".join(stem(word, language) for word in plain(text).split())
