"""The parts of a text: its words, or runs of words, each of which may be left out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headstart.modalities.text.look import Ids, Tokens

if TYPE_CHECKING:
    import regex

MOST, FEWEST = 60, 8
"""Parts of a short text, and of one that fills all that is read."""
TOKENS = 3_000
"""Tokens that pass through the network to explain a text: as many parts as that allows. Explaining
twelve reviews of 100 tokens then costs about what embedding 360 of them does (plain choice)."""
ALONE = r"[\p{Han}\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
"""Writing without spaces between words: each character is a piece."""
SIGN = r"\p{So}"
"""Symbols, such as faces: they say something by themselves."""


@dataclass(frozen=True)
class Taken:
    """A text taken apart.

    Attributes
    ----------
    pieces : tuple of str
        Joined, they are what is read of the text; spaces and marks go with the word before.
    rest : str
        What is not read of it.
    look : Tokens
    """

    pieces: tuple[str, ...]
    rest: str
    look: Tokens


class WordParts:
    """Words that may be left out; in longer texts several at a time."""

    def of(self, x: str, look: Tokens) -> Taken:
        """Take a text apart into at most 60 pieces."""
        tokens = look.counted(x)
        read = min(len(x), int(len(x) * look.room / tokens) + 1) if tokens > look.room else len(x)
        most = int(np.clip(TOKENS // max(min(tokens, look.room), 1), FEWEST, MOST))
        return Taken(pieces(x[:read], most), x[read:], look)

    def shape(self, seen: Taken) -> tuple[int, ...]:
        """Return (n_pieces,)."""
        return (len(seen.pieces),)

    def without(self, seen: Taken, gone: NDArray[np.bool_]) -> Ids:
        """Prepare the text without some pieces: what follows moves up."""
        return seen.look(self.left(seen, gone))

    def left(self, seen: Taken, gone: NDArray[np.bool_]) -> str:
        """Return the text without some pieces."""
        kept = [piece for piece, out in zip(seen.pieces, gone, strict=True) if not out]
        return "".join(kept) + seen.rest

    def spread(self, coarse: NDArray[np.float32], seen: Taken) -> NDArray[np.float32]:
        """Return the weights: there is one for every piece."""
        return coarse


def pieces(text: str, most: int) -> tuple[str, ...]:
    """Cut a text into at most so many pieces, of a word or of as many words each.

    What stands between words goes with the word before. Joined, the pieces are the text.

    Examples
    --------
    >>> pieces("Good food, bad service!", 9)
    ('Good ', 'food, ', 'bad ', 'service!')
    >>> pieces("好吃，但太慢", 3)
    ('好吃，', '但太', '慢')
    """
    words = [found.start() for found in _word().finditer(text)]
    size = max(1, -(-len(words) // most))
    starts = [0, *words[size::size], len(text)]
    return tuple(text[start:end] for start, end in pairwise(starts))


@cache
def _word() -> regex.Pattern[str]:
    import regex  # of the extra

    word = rf"[\w--{ALONE}]+"
    return regex.compile(rf"(?V1){ALONE}\p{{M}}*|{SIGN}+|{word}(?:['’\-]{word})*")
