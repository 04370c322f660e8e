"""The identity as a torch network, for those who look for blocks to train and find none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from headstart.backbones import Card
from headstart.backbones.network import Backbone
from headstart.modalities.arrays.look import Centred


class IdentityBackbone(Backbone):
    """Rows of numbers, centred: float64 ``(B, dim)`` -> float32 ``(B, dim)``; it has no blocks."""

    def __init__(self, card: Card) -> None:
        super().__init__(nn.Identity(), card, [])

    def ask(self, **asked: Any) -> None:
        """Take the columns of the data."""
        look = self.card.look.asked(**asked)
        self.use(replace(self.card, look=look, dim=len(look.columns)))

    def normalise(self, fed: Tensor) -> Tensor:
        """Subtract the middle of each column."""
        look = self.card.look
        assert isinstance(look, Centred)
        return (fed - torch.tensor(look.middle, dtype=fed.dtype)).float()
