"""An image network as headstart sees it: pixels in, one embedding per image out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from headstart.backbones import Card
from headstart.backbones.network import Backbone, count_parameters, hash_weights, stages_of
from headstart.errors import BackboneError
from headstart.modalities.image.look import Preprocessing
from headstart.said import _


class VisionBackbone(Backbone):
    """A network from uint8 pixels to embeddings, with its normalisation inside.

    ``net`` takes ``(B, 3, H, W)`` float32, normalised.
    """

    mean: Tensor
    std: Tensor

    def use(self, card: Card) -> None:
        """Take a card, and the normalisation it states."""
        self.card = card
        for name in ("mean", "std"):
            scale = 255 * torch.tensor(getattr(self.look, name))
            self.register_buffer(name, scale.view(1, 3, 1, 1))

    @property
    def look(self) -> Preprocessing:
        """How it takes images."""
        look = self.card.look
        assert isinstance(look, Preprocessing)
        return look

    def ask(self, **asked: Any) -> None:
        """Take another look at images, as ``Preprocessing.asked`` makes it of ``size=96``.

        Raises
        ------
        ConfigError
            Anything but a size.
        BackboneError
            A size that the network cannot work with: below its stride, or any other than its own
            where positions are learned one by one.
        """
        card, look = self.card, self.look.asked(**asked)
        side = look.size
        try:
            with torch.no_grad():
                out = self.net(torch.zeros(1, 3, side, side))
        except (RuntimeError, ValueError, AssertionError) as cause:
            raise BackboneError(
                _(
                    "{backbone} cannot work on images of {side} pixels ({cause}).",
                    backbone=card.name,
                    side=side,
                    cause=str(cause).splitlines()[0] if str(cause) else type(cause).__name__,
                ),
                _("Leave out --size: its own size is {own} pixels.", own=self.look.size),
            ) from cause
        least = self.stride()
        if side < least or out.shape[1:] != (card.dim,):
            raise BackboneError(
                _(
                    "{backbone} reduces images {least} times, so {side} pixels leave nothing to "
                    "see.",
                    backbone=card.name,
                    least=least,
                    side=side,
                ),
                _(
                    "--size must be at least {least}; its own is {own} pixels.",
                    least=least,
                    own=self.look.size,
                ),
            )
        self.use(replace(card, look=look))

    def stride(self) -> int:
        """Pixels of the image per step of the coarsest maps, 1 where there are none."""
        side = self.look.size
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
        side = self.look.size
        with torch.no_grad():
            self.net(torch.zeros(1, 3, side, side))
        for hook in hooks:
            hook.remove()
        return sizes

    def normalise(self, fed: Tensor) -> Tensor:
        """Scale pixels as the network expects them: uint8 (B, H, W, 3) -> float (B, 3, H, W)."""
        scaled: Tensor = (fed.permute(0, 3, 1, 2).float() - self.mean) / self.std
        return scaled


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
        look=preprocessing,
        layers=tuple((n, type(m).__name__, count_parameters(m)) for n, m in stages),
    )
    return VisionBackbone(net, card, stages, source_head)
