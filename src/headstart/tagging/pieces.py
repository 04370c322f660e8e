"""Pieces: words as the parts that a network knows, in windows as long as it can read.

A word is cut by itself, with the space that stands before it in a sentence, and none between two
characters of Chinese or Japanese. A sentence longer than a window is read in several that overlap:
each word is taken from the one in which it has the most context on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from headstart.modalities.text.look import Tokens
from headstart.modalities.text.tokenizer import tokenizer
from headstart.tagging.sentences import is_cjk

Ints = NDArray[np.int64]
MOST = 16
"""Pieces that are read of a word: what has more is an address or a number, and known by then."""
OVERLAP = 4
"""Of a window, one part in so many is read again by the next one."""
SPACE = "▁"
"""How vocabularies such as that of e5 write a space."""


@dataclass(frozen=True)
class Window:
    """A stretch of a sentence, as a network reads it.

    Attributes
    ----------
    ids : ndarray of int32, shape (t,)
        Numbers of tokens, special ones included.
    first, end : ndarray of int64, shape (m,)
        Where the first piece of each word stands that is taken from this window, and the place
        behind its last.
    start : int
        The first of these words, which follow each other.
    """

    ids: NDArray[np.int32]
    first: Ints
    end: Ints
    start: int


class Cutter:
    """Cuts sentences into windows.

    Parameters
    ----------
    look : Tokens
        Of the network.
    """

    def __init__(self, look: Tokens) -> None:
        self.look = look
        self._known: dict[tuple[str, bool], list[int]] = {}

    @cached_property
    def _tokenizer(self) -> object:
        return tokenizer(self.look.tokenizer, self.look.window)

    @cached_property
    def around(self) -> tuple[list[int], list[int]]:
        """Numbers of the tokens that stand before and behind every window."""
        probe = f"{self.look.prefix} a"
        inner, own = self._plain(probe), self._plain(" a")
        whole = list(self._encoded(probe, special=True))
        at = next(k for k in range(len(whole)) if whole[k : k + len(inner)] == inner)
        end = at + len(inner)
        return whole[: end - len(own)], whole[end:]

    def __call__(self, tokens: Sequence[str]) -> list[Window]:
        """Cut a sentence: every word in exactly one window."""
        words = self._words(tokens)
        before, behind = self.around
        room = self.look.window - len(before) - len(behind)
        sizes = np.array([len(word) for word in words])
        ends = np.cumsum(sizes)  # pieces up to and with each word
        windows: list[tuple[int, int]] = []
        start = 0
        while True:
            taken = ends[start] - sizes[start]
            stop = max(int(np.searchsorted(ends, taken + room, side="right")), start + 1)
            windows.append((start, stop))
            if stop >= len(words):
                break
            again = ends[stop - 1] - room // OVERLAP
            start = max(int(np.searchsorted(ends, again, side="right")), start + 1)
        # Of words that two windows have, each takes those nearer to its own middle.
        cuts = [0, *((a[1] + b[0]) // 2 for a, b in pairwise(windows))]
        found = []
        for (a, b), low, high in zip(windows, cuts, [*cuts[1:], len(words)], strict=True):
            ids = [*before, *(piece for word in words[a:b] for piece in word), *behind]
            stops = len(before) + ends[low:high] - (ends[a] - sizes[a])
            found.append(Window(np.array(ids, np.int32), stops - sizes[low:high], stops, low))
        return found

    def _words(self, tokens: Sequence[str]) -> list[list[int]]:
        """Return the pieces of every word: at least one, at most ``MOST``."""
        found, cjk = [], False
        for token in tokens:
            joined = cjk and is_cjk(token[0])
            cjk = is_cjk(token[-1])
            key = (token, joined)
            if key not in self._known:
                self._known[key] = self._pieces(token, joined or is_cjk(token[0]))
            found.append(self._known[key])
        return found

    def _pieces(self, token: str, bare: bool) -> list[int]:
        pieces = self._plain(f" {token}")
        if bare and len(pieces) > 1 and pieces[0] == self._space:
            pieces = pieces[1:]
        return pieces[:MOST] or [max(self.look.unknown, 0)]

    @cached_property
    def _space(self) -> int:
        found = self._tokenizer.token_to_id(SPACE)  # type: ignore[attr-defined]
        return -1 if found is None else int(found)

    def _plain(self, text: str) -> list[int]:
        return list(self._encoded(text, special=False))

    def _encoded(self, text: str, *, special: bool) -> list[int]:
        made = self._tokenizer.encode(text, add_special_tokens=special)  # type: ignore[attr-defined]
        return list(made.ids)
