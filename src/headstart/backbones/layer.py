"""One layer of a network as a backbone of its own: what comes behind it is left away.

Which layer serves a task is measured (``choose/layer.py``); what a model then needs is the network
up to there, with the output of that block pooled to one vector an example.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from headstart.backbones import Loadable
from headstart.backbones.cutting import part_up_to
from headstart.backbones.network import count_parameters, drawn
from headstart.errors import BackboneError
from headstart.said import _

if TYPE_CHECKING:
    from headstart.backbones import Card
    from headstart.backbones.network import Backbone


@dataclass(frozen=True)
class LayerRef:
    """Stands where a :class:`~headstart.backbones.Ref` does, for one that ends at a block."""

    ref: Loadable
    block: str

    def __str__(self) -> str:
        return str(self.ref)

    def fingerprint(self) -> str | None:
        """Hash of the weights and the place, or None if only loading can tell."""
        mark = self.ref.fingerprint()
        return mark and _marked(mark, self.block)

    def load(self) -> Backbone:
        """Build the whole network and leave away what comes behind the block."""
        backbone = self.ref.load()
        end_at(backbone, self.block)
        return backbone


def end_at(backbone: Backbone, block: str) -> None:
    """Let a network end at a block: its embedding is what that block gives, pooled.

    Where the network's own Python cannot be followed (see ``headstart.backbones.cutting``) every
    pass is broken off behind the block, and blocks that are never reached are dropped; the
    embedding is the same.

    Parameters
    ----------
    backbone : Backbone
        Freshly loaded: it is changed.
    block : str
        One of ``backbone.blocks()``.

    Raises
    ------
    BackboneError
        A block that there is not.
    """
    card, stages, pool = backbone.card, backbone.blocks(), Pool(backbone.pooled)
    if block not in dict(stages):
        raise BackboneError(
            _("{backbone} has no layer {layer!r}.", backbone=card.name, layer=block),
            _("Install the versions that run.json names, or train again."),
        )
    try:
        net: nn.Module = part_up_to(backbone, block, pool)
        stages = [(name, module) for name, module in stages if _has(net, name)]
    except Exception:  # tracing runs the network's own Python: anything may come out of it
        net = Stopped(backbone.net, dict(stages)[block], pool)
        reached = _reached(backbone, net)
        for name in [name for name, module in stages if module not in reached]:
            backbone.net.set_submodule(name, nn.Identity())
        stages = [(name, module) for name, module in stages if module in reached]
    backbone.end_in(net, card, stages)
    with torch.no_grad():
        dim = int(backbone(drawn(backbone, 1)).shape[1])
    backbone.use(_card_at(card, block, net, [name for name, _module in stages], dim))


class Pool(nn.Module):
    """Maps or tokens of a block to one vector an example, as the backbone pools them."""

    def __init__(self, pooled: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.pooled = pooled

    def forward(self, out: Tensor) -> Tensor:
        """Pool ``(B, ...)`` -> ``(B, dim)``."""
        return self.pooled(out)


class _ReachedError(Exception):
    """What the block gave, on its way out of the network."""

    def __init__(self, out: Tensor) -> None:
        super().__init__()
        self.out = out


class Stopped(nn.Module):
    """A network that is run up to a block, by its own Python."""

    def __init__(self, whole: nn.Module, block: nn.Module, pool: Pool) -> None:
        super().__init__()
        self.whole = whole
        self.pool = pool
        block.register_forward_hook(self._stop)

    def forward(self, fed: Tensor) -> Tensor:
        """Run until the block has answered, and pool that."""
        try:
            self.whole(fed)
        except _ReachedError as reached:
            vectors: Tensor = self.pool(reached.out)
            return vectors
        raise AssertionError("the block was never run")

    @staticmethod
    def _stop(_module: nn.Module, _given: object, out: Tensor) -> None:
        raise _ReachedError(out)


def _reached(backbone: Backbone, net: nn.Module) -> set[nn.Module]:
    """Return the blocks that run in a pass of a network made of this one's."""
    reached = set[nn.Module]()

    def note(module: nn.Module, _given: object) -> None:
        reached.add(module)

    hooks = [module.register_forward_pre_hook(note) for _name, module in backbone.blocks()]
    with torch.no_grad():
        net(backbone.normalise(drawn(backbone, 1)))
    for hook in hooks:
        hook.remove()
    return reached


def _card_at(card: Card, block: str, net: nn.Module, there: list[str], dim: int) -> Card:
    """Return the card of a network that ends at a block."""
    return replace(
        card,
        dim=dim,
        parameters=count_parameters(net),
        weights_hash=_marked(card.weights_hash, block),
        layers=tuple(layer for layer in card.layers if layer[0] in there),
    )


def _marked(mark: str, block: str) -> str:
    return hashlib.sha256(f"{mark} pooled at {block}".encode()).hexdigest()


def _has(net: nn.Module, name: str) -> bool:
    try:
        net.get_submodule(name)
    except AttributeError:
        return False
    return True
