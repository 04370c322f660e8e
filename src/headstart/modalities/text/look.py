"""How a text becomes what a network takes: numbers of tokens, in windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.modalities import refuse_unknown
from headstart.modalities.text.tokenizer import tokenizer
from headstart.said import _

Ids = NDArray[np.int32]

STEP = 8
"""Windows are padded to a multiple of so many tokens: few shapes, for which kernels are kept."""
CHARACTERS = 16
"""Of a text, so many characters are looked at for every token that may be read: English has four
to a token, and what is longer than that is no prose."""


@dataclass(frozen=True)
class Tokens:
    """Texts as numbers of tokens.

    Attributes
    ----------
    tokenizer : str
        SHA-256 of its ``tokenizer.json`` (:mod:`headstart.modalities.text.tokenizer`).
    pad, unknown, vocabulary : int
        Number of the token that fills up, of the one for what has none, and how many there are.
    window : int, tokens
        The longest sequence, its special tokens included.
    most : int
        Windows that are read of a text; the rest of a longer one is not.
    prefix : str
        What the network was trained to see in front.
    extent : tuple of int, (W, t)
        What every text is padded to; () for what a batch needs.
    """

    tokenizer: str
    pad: int
    unknown: int
    vocabulary: int
    window: int = 256
    most: int = 8
    prefix: str = ""
    extent: tuple[int, ...] = ()

    @property
    def detail(self) -> int:
        """Nothing of a text is left out when it is read."""
        return 0

    @property
    def columns(self) -> tuple[str, ...]:
        """One cell or file makes a text."""
        return ()

    @property
    def room(self) -> int:
        """How many tokens are read of a text, special ones included."""
        return self.window * self.most

    def __call__(self, x: str) -> Ids:
        """Return the numbers of its tokens: (W, t), each window a whole sequence, padded."""
        made = tokenizer(self.tokenizer, self.window).encode(
            self.prefix + x[: CHARACTERS * self.room]
        )
        windows = [made.ids, *(more.ids for more in made.overflowing)][: self.most]
        return self._filled([np.array([ids], np.int32) for ids in windows])

    def batch(self, fed: Sequence[NDArray[np.generic]]) -> Ids:
        """Pad to one extent and stack: (B, W, t)."""
        W, t = self.extent or np.max([one.shape for one in fed], axis=0)
        out = np.full((len(fed), W, t), self.pad, np.int32)
        for one, row in zip(fed, out, strict=True):
            cut = one[:W, :t]
            row[: cut.shape[0], : cut.shape[1]] = cut
        return out

    def drawn(self, n: int) -> Ids:
        """Draw numbers of tokens, in windows of 24 to 32: (n, 1, 32)."""
        rng = np.random.default_rng(0)
        W, t = self.extent or (1, 4 * STEP)
        out = rng.integers(self.vocabulary, size=(n, W, t), dtype=np.int32)
        out[out == self.pad] = self.unknown
        for k, row in enumerate(out):
            row[:, t - k % STEP :] = self.pad if k % STEP else row[:, t:]
        return out

    def places(self, extent: tuple[int, ...]) -> tuple[int, ...]:
        """Return the same: every token is a place in the maps of the network."""
        return extent

    def asked(self, **options: Any) -> Tokens:
        """Take another extent, window or number of windows."""
        own = ("extent", "window", "most")
        given = {name: options.pop(name) for name in own if options.get(name) is not None}
        refuse_unknown({k: v for k, v in options.items() if v is not None}, _("a text"))
        if "extent" in given:
            given["extent"] = tuple(given["extent"])
        return replace(self, **given)

    def to_json(self) -> dict[str, Any]:
        """Return plain types only."""
        return {**asdict(self), "extent": list(self.extent)}

    def says(self) -> str:
        """Say what happens to a text."""
        return _(
            "Texts are cut into tokens, words and pieces of words, of which the network knows "
            "{vocabulary:,}. It reads {window} at a time; of longer texts it reads up to {most} "
            "such parts, and takes their mean.",
            vocabulary=self.vocabulary,
            window=self.window,
            most=self.most,
        )

    def counted(self, x: str) -> int:
        """Count the tokens of a text, also those beyond what is read, special ones once."""
        made = tokenizer(self.tokenizer, self.window).encode(
            self.prefix + x[: CHARACTERS * self.room]
        )
        return sum(len(part.ids) for part in (made, *made.overflowing))

    def strange(self, x: str) -> float:
        """Return the share of a text's tokens that the network does not know, 0..1."""
        ids = self(x)
        there = ids != self.pad
        return float((ids == self.unknown).sum() / max(there.sum(), 1))

    def _filled(self, windows: list[Ids]) -> Ids:
        longest = max(window.shape[1] for window in windows)
        t = min(self.window, -(-longest // STEP) * STEP)
        out = np.full((len(windows), t), self.pad, np.int32)
        for row, window in zip(out, windows, strict=True):
            row[: window.shape[1]] = window[0]
        return out
