"""An image network as headstart sees it: pixels in, one embedding per image out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from headstart.backbones import Card
from headstart.errors import BackboneError
from headstart.modalities.image.look import Preprocessing


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

    def resize(self, side: int) -> None:
        """Take images of another size: the whole short side becomes ``side`` pixels.

        Raises
        ------
        BackboneError
            A size that the network cannot work with: below its stride, or any other than its own
            where positions are learned one by one.
        """
        card = self.card
        try:
            with torch.no_grad():
                out = self.net(torch.zeros(1, 3, side, side))
        except (RuntimeError, ValueError, AssertionError) as cause:
            raise BackboneError(
                f"{card.name} cannot work on images of {side} pixels "
                f"({str(cause).splitlines()[0] if str(cause) else type(cause).__name__}).",
                f"Leave out --size: its own size is {card.preprocessing.size} pixels.",
            ) from cause
        least = self.stride()
        if side < least or out.shape[1:] != (card.dim,):
            raise BackboneError(
                f"{card.name} reduces images {least} times, so {side} pixels leave nothing to see.",
                f"--size must be at least {least}; its own is {card.preprocessing.size} pixels.",
            )
        look = replace(card.preprocessing, size=side, resize=side)
        self.use(replace(card, preprocessing=look))

    def stride(self) -> int:
        """Pixels of the image per step of the coarsest maps, 1 where there are none."""
        side = self.card.preprocessing.size
        sizes = self.sizes_of_maps().values()
        return side // min((min(s) for s in sizes if s), default=side)

    def sizes_of_maps(self) -> dict[str, tuple[int, ...]]:
        """Measure (height, width) of what every block gives; () where it gives no maps.

        Maps of one pixel are no maps: they come behind the pooling.
        """
        sizes: dict[str, tuple[int, ...]] = {}

        def note(name: str) -> Callable[..., None]:
            def hook(_module: nn.Module, _given: object, out: object) -> None:
                size = tuple(out.shape[2:]) if isinstance(out, Tensor) and out.dim() == 4 else ()
                sizes[name] = () if size == (1, 1) else size

            return hook

        hooks = [module.register_forward_hook(note(name)) for name, module in self._stages]
        side = self.card.preprocessing.size
        with torch.no_grad():
            self.net(torch.zeros(1, 3, side, side))
        for hook in hooks:
            hook.remove()
        return sizes

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed pixels: uint8 ``(B, H, W, 3)`` -> float ``(B, dim)``."""
        embedding: Tensor = self.net(self.normalise(pixels))
        return embedding

    def normalise(self, pixels: Tensor) -> Tensor:
        """Scale pixels as the network expects them: uint8 (B, H, W, 3) -> float (B, 3, H, W)."""
        scaled: Tensor = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
        return scaled

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
