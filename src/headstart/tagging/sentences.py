"""Sentences and their tags: what is learned from, and what is answered."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["words", "characters"]
CHARACTERS = 0.9
"""Share of tokens that are one character of Chinese or Japanese, or stand among such, from which on
texts are cut into characters."""


@dataclass(frozen=True)
class Sentence:
    """Words, or characters, in order.

    Attributes
    ----------
    tokens : tuple of str
        None is blank; one or more.
    tags : tuple of str
        One for each token, in IOB2; () where they are not known.
    document : str
        What sentences belong together by; "" where nothing says so.
    part : {"train", "dev", "test"}
        What the file that it came from is for.
    where : str
        The file and the row that it begins in, for messages.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...] = ()
    document: str = ""
    part: str = "train"
    where: str = ""


@dataclass(frozen=True)
class Entity:
    """A stretch of a sentence, and what it is.

    Attributes
    ----------
    kind : str
    start, end : int
        Its first token, and the one behind its last.
    """

    kind: str
    start: int
    end: int


def is_cjk(sign: str) -> bool:
    """Tell characters of Chinese and Japanese, between which there are no spaces.

    Examples
    --------
    >>> [is_cjk(sign) for sign in "中，あa한"]
    [True, True, True, False, False]
    """
    hangul = "\uac00" <= sign <= "\ud7af"
    return unicodedata.east_asian_width(sign) in "WF" and not hangul


def joined(tokens: Sequence[str]) -> str:
    """Write tokens as a text: with spaces between words, none between characters.

    Examples
    --------
    >>> joined(["New", "York"]), joined(["北", "京"])
    ('New York', '北京')
    """
    parts = list(tokens[:1])
    for before, token in pairwise(tokens):
        parts += ["" if is_cjk(before[-1]) or is_cjk(token[0]) else " ", token]
    return "".join(parts)


def split_of(sentences: Sequence[Sentence]) -> Split:
    """Tell whether sentences are cut into words or into characters."""
    tokens = [token for one in sentences for token in one.tokens]
    cjk = [token for token in tokens if is_cjk(token[0])]
    single = sum(len(token) == 1 for token in cjk)
    return "characters" if cjk and single >= CHARACTERS * len(cjk) else "words"


def groups_of(sentences: Sequence[Sentence]) -> NDArray[np.int64]:
    """Group what may not be parted: sentences of one document, and those with the same words."""
    parent = list(range(len(sentences)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    documents = {one.document for one in sentences if one.document}
    seen: dict[object, int] = {}
    for i, one in enumerate(sentences):
        marks: list[object] = [one.tokens]
        if one.document and len(documents) > 1:  # one document groups nothing
            marks.append(one.document)
        for mark in marks:
            parent[root(i)] = root(seen.setdefault(mark, i))
    roots = [root(i) for i in range(len(sentences))]
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)
