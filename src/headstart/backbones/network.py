"""A network as headstart sees it, whatever its examples are: one array in, one embedding out."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from headstart.backbones import Card


class Backbone(nn.Module):
    """A network from prepared examples to embeddings.

    Parameters
    ----------
    net : nn.Module
        What ``normalise`` returns -> ``(B, dim)``.
    card : Card
        What travels with the weights.
    stages : list of (str, nn.Module)
        The blocks of ``net`` from shallow to deep, named; none: it can be probed, not fine-tuned.
    source_head : nn.Module or None
        The classifier the weights were trained with, ``(B, dim)`` -> ``(B, n_source_classes)``.
    """

    def __init__(
        self,
        net: nn.Module,
        card: Card,
        stages: list[tuple[str, nn.Module]],
        source_head: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.source_head = source_head
        self._stages = stages
        self.use(card)
        self.eval()

    def use(self, card: Card) -> None:
        """Take a card, and what it states of the look."""
        self.card = card

    def ask(self, **asked: Any) -> None:
        """Take another look at examples (``Look.asked``); raises what the network cannot take."""
        self.use(replace(self.card, look=self.card.look.asked(**asked)))

    def normalise(self, fed: Tensor) -> Tensor:
        """Turn a batch of prepared examples into what ``net`` takes."""
        return fed

    def forward(self, fed: Tensor) -> Tensor:
        """Embed a batch of prepared examples: float ``(B, dim)``."""
        embedding: Tensor = self.net(self.normalise(fed))
        return embedding

    def blocks(self) -> list[tuple[str, nn.Module]]:
        """Return the named blocks, shallow to deep."""
        return list(self._stages)

    def pooled(self, out: Tensor) -> Tensor:
        """Average what a block gives over its places: maps ``(B, C, H, W)``, tokens ``(B, T, D)``.

        Returns
        -------
        Tensor of shape (B, C) or (B, D), float32
            Vectors as they are.
        """
        if out.dim() == 2:
            return out.float()
        if out.dim() == 3:
            return out.float().mean(1)
        return channels_first(out).float().mean((2, 3))

    def end_in(self, net: nn.Module, card: Card, stages: list[tuple[str, nn.Module]]) -> None:
        """Become a shorter network that takes the same examples."""
        self.net, self._stages, self.source_head = net, stages, None
        self.use(card)
        self.eval()

    def save_beside(self, folder: Path) -> None:
        """Write what rebuilding needs besides weights and card; by default, nothing."""

    def sizes_of_maps(self) -> dict[str, tuple[int, ...]]:
        """Measure the extent of what every block gives; empty for networks without maps."""
        return {}


def channels_first(out: Tensor) -> Tensor:
    """Turn maps (B, H, W, C) of a network that keeps them so into (B, C, H, W).

    Images are square, so the two equal sides are the places.
    """
    if out.dim() == 4 and out.shape[1] == out.shape[2] != out.shape[3]:
        return out.permute(0, 3, 1, 2)
    return out


def drawn(backbone: Backbone, n: int) -> Tensor:
    """Make up a batch of ``n`` prepared examples for a backbone."""
    return torch.from_numpy(backbone.card.look.drawn(n))


def stages_of(net: nn.Module) -> list[tuple[str, nn.Module]]:
    """Cut a network into blocks: its children, and the children of its long sequences.

    Parts without parameters (pooling, activations) are left out.
    """
    stages: list[tuple[str, nn.Module]] = []
    for name, child in net.named_children():
        if isinstance(child, nn.Sequential | nn.ModuleList) and len(child) > 1:
            stages += [(f"{name}.{part}", module) for part, module in child.named_children()]
        else:
            stages.append((name, child))
    return [(name, module) for name, module in stages if count_parameters(module)]


def count_parameters(module: nn.Module) -> int:
    """Count the parameters of a module, trainable or not."""
    return sum(p.numel() for p in module.parameters())


def hash_weights(module: nn.Module) -> str:
    """SHA-256 over all weights and buffers, in order, whatever their names."""
    digest = hashlib.sha256()
    for tensor in module.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
