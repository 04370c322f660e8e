"""What counting words can do with the same texts: the other side of the verdict.

Nothing is learned here. Words, or pieces of words, are hashed into columns and counted, so that a
text is described without a look at any other; which columns count, and how much, is for the head to
learn, inside the folds (``headstart.transfer.counts``).

Texts are cut by what they are written in, not by what language they are said to be in. In Chinese,
Japanese and Korean characters stand for words, where letters do in other scripts: there a single
character is a "word", and pieces are 1 to 3 characters long instead of 2 to 5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from headstart.modalities.text.digest import TextDigest
from headstart.said import N_

if TYPE_CHECKING:
    from scipy.sparse import csr_array

WORDS = N_("TF-IDF of words")
CHARACTERS = N_("TF-IDF of characters")

WIDTH = 2**22
"""Columns that are hashed into. Of the 530,000 different pieces of 7,800 long Chinese reviews one
in sixteen shares its column with another; empty columns cost nothing. Hashing instead of a
vocabulary, so that none has to be fitted, kept or looked up, and no text depends on others."""
CJK = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
LETTERS, SIGNS = (2, 5), (1, 3)
"""Lengths of pieces, from and to: of words written in letters, and in CJK (plain choices; of words
as in scikit-learn's ``char_wb``, with a space at both ends)."""
_SIGN = re.compile(f"[{CJK}]")
_WORD = re.compile(rf"[{CJK}]|[^\W{CJK}]+")


@dataclass(frozen=True)
class Counted:
    """Counts of what texts are cut into, in small letters: (n, ``WIDTH``)."""

    says: str
    cut: Callable[[str], Iterator[str]]

    def describe(self, digests: Sequence[TextDigest]) -> csr_array:
        """Cut, hash and count."""
        from scipy.sparse import csr_array
        from sklearn.feature_extraction.text import HashingVectorizer

        if not digests:  # of which HashingVectorizer makes nothing
            return csr_array((0, WIDTH), dtype=np.float32)
        counter = HashingVectorizer(
            analyzer=self.cut, n_features=WIDTH, alternate_sign=False, norm=None, dtype=np.float32
        )
        return csr_array(counter.transform([d.text.lower() for d in digests]))


def words(text: str) -> Iterator[str]:
    """Cut into words, and pairs of neighbours.

    Examples
    --------
    >>> list(words("not bad, 好吃"))
    ['not', 'bad', '好', '吃', 'not bad', 'bad 好', '好 吃']
    """
    found = _WORD.findall(text)
    yield from found
    yield from (f"{a} {b}" for a, b in pairwise(found))


def characters(text: str) -> Iterator[str]:
    """Cut every word, with what stands at it, into pieces of neighbouring characters.

    Examples
    --------
    >>> list(characters("ab 好吃"))
    [' a', 'ab', 'b ', ' ab', 'ab ', ' ab ', '好', '吃', '好吃']
    """
    for word in text.split():
        least, most = SIGNS if _SIGN.search(word) else LETTERS
        whole = word if least == 1 else f" {word} "
        for k in range(least, min(most, len(whole)) + 1):
            for start in range(len(whole) - k + 1):
                yield whole[start : start + k]


RIVALS = {
    WORDS: Counted(
        N_("logistic regression on how often words and pairs of words occur; rare ones count more"),
        words,
    ),
    CHARACTERS: Counted(
        N_(
            "logistic regression on how often pieces of words occur, a few characters long; rare "
            "ones count more"
        ),
        characters,
    ),
}
