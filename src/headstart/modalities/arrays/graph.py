"""Rows of numbers enter as they are; the graph centres them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from headstart.modalities.arrays.look import Centred
from headstart.modalities.entry import Plain, contiguous
from headstart.said import N_, _

NEEDS = N_("numbers (columns,), 64-bit, in the order of the columns")


class Numbers(Plain):
    """A row of numbers."""

    name = "row"
    handed = Path(__file__).parent / "handed"

    def __init__(self, look: Centred) -> None:
        self.look = look

    @property
    def needs(self) -> str:
        """Say what must have been done before."""
        return _(NEEDS)

    def given(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the numbers: (columns,)."""
        return contiguous(np.asarray(x, np.float64))

    def sample(self) -> NDArray[np.float64]:
        """Return normal numbers around the middles."""
        return contiguous(self.look.drawn(1)[0])

    def steps(self) -> list[nn.Module]:
        """Return the centring: all that embeds a row."""
        return [Centre(self.look)]

    def prepare(self, x: NDArray[np.float64]) -> list[Tensor]:
        """Return what the product makes of it."""
        return [torch.from_numpy((x - self.look.middle)[None].astype(np.float32))]


class Centre(nn.Module):
    """A row less the medians of its columns, as a batch of one: subtracted before it is rounded."""

    middle: Tensor

    def __init__(self, look: Centred) -> None:
        super().__init__()
        self.register_buffer("middle", torch.tensor(look.middle, dtype=torch.float64))

    def forward(self, row: Tensor) -> Tensor:
        """Centre: float64 (columns,) -> float32 (1, columns)."""
        return (row - self.middle)[None].float()
