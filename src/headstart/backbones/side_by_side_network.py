"""Networks side by side as one: each sees the example in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from headstart.backbones import Card
from headstart.backbones.network import Backbone
from headstart.modalities.side_by_side import SideBySide

if TYPE_CHECKING:
    from headstart.backbones.stages import Stages


class SideBySideNetwork(Backbone):
    """Networks for the same examples, their embeddings one after the other.

    It can be probed and not fine-tuned: it has no blocks that run one after the other.

    Parameters
    ----------
    networks : sequence of Backbone or Stages
    card : Card
        ``side_by_side.card_of`` those of the networks.
    """

    def __init__(self, networks: Sequence[Backbone | Stages], card: Card) -> None:
        super().__init__(nn.ModuleList(networks), card, [])

    def forward(self, fed: Tensor) -> Tensor:
        """Embed a batch of prepared examples, (B, bytes): float ``(B, dim)``."""
        look = self.card.look
        assert isinstance(look, SideBySide)
        networks: Sequence[nn.Module] = list(self.net.children())
        batches = [torch.from_numpy(one).to(fed.device) for one in look.apart(fed.cpu().numpy())]
        found = [network(one).float() for network, one in zip(networks, batches, strict=True)]
        return torch.cat(found, dim=1)
