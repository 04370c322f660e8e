"""An image network as headstart sees it: pixels in, one embedding per image out."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

from headstart.backbones import Card, Preprocessing


class VisionBackbone(nn.Module):
    """A network from uint8 pixels to embeddings, with its normalisation inside.

    Parameters
    ----------
    net : nn.Module
        ``(B, 3, H, W)`` float32, normalised -> ``(B, dim)``.
    card : Card
        What travels with the weights.
    stages : list of (str, nn.Module)
        The blocks of ``net`` from shallow to deep, named.
    source_head : nn.Module or None
        The classifier the weights were trained with, ``(B, dim)`` -> ``(B, n_source_classes)``.
    """

    mean: Tensor
    std: Tensor

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
        """Take a card, and the normalisation it states."""
        self.card = card
        self.register_buffer("mean", 255 * torch.tensor(card.preprocessing.mean).view(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(card.preprocessing.std).view(1, 3, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed pixels: uint8 ``(B, H, W, 3)`` -> float ``(B, dim)``."""
        x = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std  # (B, 3, H, W)
        embedding: Tensor = self.net(x)
        return embedding

    def blocks(self) -> list[tuple[str, nn.Module]]:
        """Return the named blocks, shallow to deep."""
        return list(self._stages)


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


def wrap(
    net: nn.Module,
    *,
    name: str,
    architecture: str,
    preprocessing: Preprocessing,
    licence: str,
    source: str,
    source_head: nn.Module | None = None,
) -> VisionBackbone:
    """Measure a network and wrap it with its :class:`Card`."""
    net.eval()
    with torch.inference_mode():
        look = torch.zeros(1, 3, preprocessing.size, preprocessing.size)
        dim = int(net(look).shape[1])
    stages = stages_of(net)
    card = Card(
        name=name,
        architecture=architecture,
        modality="image",
        dim=dim,
        parameters=count_parameters(net),
        licence=licence,
        source=source,
        weights_hash=hash_weights(net),
        preprocessing=preprocessing,
        layers=tuple((n, type(m).__name__, count_parameters(m)) for n, m in stages),
    )
    return VisionBackbone(net, card, stages, source_head)
