"""Cutting: a text becomes the phrases that could be its keywords.

Stop words and punctuation cut a text into runs, as RAKE does (Rose, Engel, Cramer & Cowley 2010,
"Automatic keyword extraction from individual documents"). A run is a phrase, if it is not too long;
so are, for a ranker that has learned which to prefer, the parts of runs. Chinese is cut into words
by jieba, whose nouns, and what may stand before them, make runs. Japanese runs are cut at Hiragana,
in which its particles and endings are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from headstart.phrases.stems import key
from headstart.phrases.stop_words import ENGLISH, stop_words

LONGEST = 4
"""Words of a phrase: with 3, 4 or 5 the first 10 were equally good on abstracts that no score is
quoted of (docs/measurements.md)."""
MOST = 300
"""Phrases of a document that are looked at: those that come most often, of them the first. An
abstract has 30, a paper some hundreds."""
WIDEST = 120
"""Characters of a phrase."""
NOUNS = frozenset(
    {"n", "nr", "ns", "nt", "nz", "ng", "nrt", "nrfg", "vn", "an", "eng", "l", "j", "b", "nw", "i"}
)
"""Tags of Chinese words that phrases are made of."""
HEADS = NOUNS - {"b"}
"""Those that one may end with; "b" stands before a noun."""
SPANS = 50
"""Places of a phrase that are kept, to mark them."""
_LETTERS = r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*"
_ELSE = r"|\n[^\S\n]*\n|[^\p{L}\p{M}\p{N}\s]"
_SPACED = rf"{_LETTERS}(?:[-‐‑./&+_]{_LETTERS})*[+#]*{_ELSE}"
_ENGLISH = rf"{_LETTERS}(?:[-‐‑./&+_'’]{_LETTERS})*[+#]*{_ELSE}"
_JAPANESE = r"[\p{Han}\u3005\u3006\p{Katakana}\u30fcA-Za-z0-9\uff21-\uff5a]+|\p{Hiragana}+" + _ELSE
_END = re.compile(r"[.!?。！？…।]|\n")
_HIRAGANA = re.compile(r"[\u3041-\u309f]")


@cache
def _pattern(written: str) -> Any:
    import regex

    return regex.compile(written)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, or what stands between words.

    Attributes
    ----------
    text : str
    start, end : int
        Characters of the text.
    sentence : int
        Which it belongs to.
    fits : bool
        Whether it may be in a phrase; phrases are cut at all others.
    word : bool
        Whether it is a word at all.
    """

    text: str
    start: int
    end: int
    sentence: int
    fits: bool
    word: bool


@dataclass(frozen=True, slots=True)
class Phrase:
    """What could be a keyword.

    Attributes
    ----------
    key : str
        Its stems: phrases of one key are the same.
    text : str
        As it first stands, with single spaces.
    place : int
        Words before it, where it first stands.
    words : int
    count : int
        How often it stands in the document.
    whole : int
        How often it is all there is between two stop words or stops.
    opens, closes : bool
        Whether it ever begins or ends such a run.
    spans : tuple of (int, int)
        Where it stands, in characters: the first ``SPANS``.
    """

    key: str
    text: str
    place: int
    words: int
    count: int
    whole: int
    opens: bool
    closes: bool
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """A document that was cut.

    Attributes
    ----------
    language : str
    words : int
        How many it has.
    phrases : tuple of Phrase
        In the order in which they first stand.
    left_out : int
        Phrases beyond ``MOST``.
    """

    language: str
    words: int
    phrases: tuple[Phrase, ...]
    left_out: int = 0

    @property
    def whole(self) -> tuple[int, ...]:
        """Places of the phrases that fill a run somewhere."""
        return tuple(k for k, one in enumerate(self.phrases) if one.whole)


def tokens(text: str, language: str) -> Iterator[Token]:
    """Cut a text into words and what stands between them."""
    if language == "zh":
        return _chinese(text)
    if language == "ja":
        return _japanese(text)
    return _spaced(text, language)


def cut(text: str, language: str, *, longest: int = LONGEST, parts: bool = False) -> Cut:
    """Find the phrases of a document.

    Parameters
    ----------
    text : str
    language : str
        ISO 639-1 code; of one without stop words, only punctuation cuts.
    longest : int
        Words of a phrase, at most.
    parts : bool
        Whether parts of runs are phrases as well; they are where no run is short enough.

    Examples
    --------
    >>> [one.text for one in cut("We train deep neural networks.", "en").phrases]
    ['train deep neural networks']
    >>> [one.text for one in cut("训练了卷积神经网络。", "zh").phrases]
    ['卷积神经网络']
    """
    found: dict[str, _Growing] = {}
    words, run = 0, list[tuple[Token, int]]()
    for token in tokens(text, language):
        if token.fits:
            run.append((token, words))
        elif run:
            _take(run, text, language, longest, parts, found)
            run = []
        words += token.word
    _take(run, text, language, longest, parts, found)
    if not found and not parts:
        return cut(text, language, longest=longest, parts=True)
    kept = list(found.values())
    if len(kept) > MOST:
        best = sorted(range(len(kept)), key=lambda k: (-kept[k].count, kept[k].place, k))[:MOST]
        kept = [kept[k] for k in sorted(best)]
    return Cut(language, words, tuple(one.done() for one in kept), len(found) - len(kept))


class _Growing:
    """A phrase of which more may come."""

    def __init__(self, key: str, text: str, place: int, words: int) -> None:
        self.key, self.text, self.place, self.words = key, text, place, words
        self.count = self.whole = 0
        self.opens = self.closes = False
        self.spans: list[tuple[int, int]] = []

    def done(self) -> Phrase:
        return Phrase(
            *(self.key, self.text, self.place, self.words, self.count, self.whole),
            *(self.opens, self.closes, tuple(self.spans)),
        )


def _take(
    run: list[tuple[Token, int]],
    text: str,
    language: str,
    longest: int,
    parts: bool,
    found: dict[str, _Growing],
) -> None:
    """Note the phrases of a run."""
    n = len(run)
    for first in range(n if parts else min(n, 1)):
        least = first + 1 if parts else n
        for last in range(least, min(n, first + longest) + 1):
            start, end = run[first][0].start, run[last - 1][0].end
            if not 1 < end - start <= WIDEST:
                continue
            shown = " ".join(text[start:end].split())
            name = key(shown, language)
            if not name or name.replace(" ", "").isdigit():
                continue
            if name not in found:
                found[name] = _Growing(name, shown, run[first][1], last - first)
            one = found[name]
            one.count += 1
            one.whole += last - first == n
            one.opens |= first == 0
            one.closes |= last == n
            if one.count <= SPANS:
                one.spans.append((start, end))


def _spaced(text: str, language: str) -> Iterator[Token]:
    """Cut at spaces and punctuation; small single letters and numbers are no part of a phrase."""
    stops, sentence = stop_words(language), 0
    pattern = _pattern(_ENGLISH if language == ENGLISH else _SPACED)
    for match in pattern.finditer(text):
        word = match.group()
        if not word[0].isalnum():
            yield Token(word, match.start(), match.end(), sentence, fits=False, word=False)
            sentence += bool(_END.match(word))
            continue
        low = word.casefold()
        fits = (
            low not in stops
            and any(map(str.isalpha, word))
            and not (len(word) == 1 and word.islower())
        )
        yield Token(word, match.start(), match.end(), sentence, fits, word=True)


@cache
def _tagger() -> object:
    import rjieba

    return rjieba.Jieba()


def _chinese(text: str) -> Iterator[Token]:
    stops, sentence, start = stop_words("zh"), 0, 0
    waiting: list[Token] = []  # words that need a noun behind them
    for word, tag in _tagger().tag(text):  # type: ignore[attr-defined]
        end = start + len(word)
        is_word = word[0].isalnum()
        fits = is_word and tag in NOUNS and word.casefold() not in stops
        token = Token(word, start, end, sentence, fits, is_word)
        sentence += bool(_END.match(word))
        start = end
        if fits and tag not in HEADS:
            waiting.append(token)
            continue
        for one in waiting:
            yield one if fits else _unfit(one)
        waiting = []
        yield token
    yield from map(_unfit, waiting)


def _unfit(one: Token) -> Token:
    return Token(one.text, one.start, one.end, one.sentence, fits=False, word=one.word)


def _japanese(text: str) -> Iterator[Token]:
    stops, sentence = stop_words("ja"), 0
    for match in _pattern(_JAPANESE).finditer(text):
        word = match.group()
        is_word = word[0].isalnum()
        fits = is_word and not _HIRAGANA.match(word) and word not in stops and len(word) > 1
        yield Token(word, match.start(), match.end(), sentence, fits, is_word)
        sentence += bool(_END.match(word))
