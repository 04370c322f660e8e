"""Texts enter as numbers of tokens: the tokenizer's own file lies beside the graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from headstart.modalities.entry import Batch, Plain, batch_of, contiguous
from headstart.modalities.text.look import Tokens
from headstart.modalities.text.tokenizer import kept
from headstart.said import N_, _

NEEDS = N_(
    "numbers of tokens (windows, tokens), as `prepare` in predict.py makes them with tokenizer.json"
)


class TokenIds(Plain):
    """A text, cut into tokens."""

    name = "tokens"
    axes: tuple[str, ...] = ("windows", "length")
    handed = Path(__file__).parent / "handed"

    def __init__(self, look: Tokens) -> None:
        self.look = look

    @property
    def needs(self) -> str:
        """Say what must have been done before."""
        return _(NEEDS)

    def given(self, x: str) -> NDArray[np.int32]:
        """Return the numbers of a text's tokens: (windows, tokens)."""
        return contiguous(self.look(x))

    def sample(self) -> NDArray[np.int32]:
        """Return two windows of made-up tokens."""
        return contiguous(self.look.asked(extent=(2, 24)).drawn(1)[0])

    def steps(self) -> list[nn.Module]:
        """Return the making of a batch of one."""
        return [Batch()]

    def beside(self) -> dict[str, bytes]:
        """Return the tokenizer."""
        return {"tokenizer.json": kept(self.look.tokenizer)}

    def prepare(self, x: str) -> list[Tensor]:
        """Return what the product makes of it."""
        return [batch_of(self.look, x)]
