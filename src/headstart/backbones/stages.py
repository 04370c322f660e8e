"""Every stage of a network at once: what each block knows, pooled to one vector an example.

One pass gives all of them: the network runs as it is, and hooks on its blocks keep what passes.
Whoever converts or traces the network sees their pooled outputs as part of it, whatever its
architecture and whether or not it can be cut there.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from headstart.backbones import EMBEDDING, Loadable
from headstart.backbones.network import channels_first, drawn
from headstart.errors import BackboneError
from headstart.said import _

if TYPE_CHECKING:
    from headstart.backbones.network import Backbone

HOW = "pooled at every stage"


class Stages(nn.Module):
    """Prepared examples to the pooled outputs of all blocks: ``(B, ...)`` -> ``(B, sum(dims))``.

    Maps and tokens are averaged over their places, vectors stay as they are; the blocks come in
    the order in which they run, and last the embedding itself. Left out are blocks that give no
    tensor of examples, and one whose pooled output is the embedding.

    Attributes
    ----------
    names : tuple of str
        The blocks, then ``"embedding"``.
    dims : tuple of int
        Columns of each stage.
    shapes : tuple of tuple of int
        One example's activations behind each: (C, H, W) for maps, (T, D) for tokens, (D,) else.
    overwritten : frozenset of str
        Blocks whose output the network changes in place afterwards: here it is what becomes of it,
        not what a network gives that ends there.
    card : Card
        That of the backbone with a ``weights_hash`` of its own, so that caches tell them apart,
        and ``dim`` = sum of ``dims``.

    Raises
    ------
    BackboneError
        A network without blocks to look at.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self._passing = threading.local()  # several threads run one network at the same time
        for name, module in backbone.blocks():
            module.register_forward_hook(self._note(name))
        card = backbone.card
        with torch.no_grad():
            maps, embedding = self._run(drawn(backbone, 2), keep=True)
        self.overwritten = self._overwritten(maps)
        maps = {name: out for name, out in maps.items() if self._usable(out, embedding)}
        if not maps:
            raise BackboneError(
                _("{backbone} has no blocks whose outputs could be compared.", backbone=card.name),
                _("Use --method probe, or another --backbone."),
            )
        shown = [channels_first(out) for out in maps.values()]
        self.names = (*maps, EMBEDDING)
        self.dims = (*(backbone.pooled(out).shape[1] for out in maps.values()), embedding.shape[1])
        self.shapes = (*(tuple(out.shape[1:]) for out in shown), tuple(embedding.shape[1:]))
        mark = hashlib.sha256(f"{card.weights_hash} {HOW}".encode()).hexdigest()
        self.card = replace(card, weights_hash=mark, dim=sum(self.dims))
        self.eval()

    def forward(self, fed: Tensor) -> Tensor:
        """Run the network once and pool what its blocks gave."""
        maps, embedding = self._run(fed)
        stages = [self.backbone.pooled(maps[name]) for name in self.names[:-1]]
        return torch.cat([*stages, embedding.float()], dim=1)

    def columns(self) -> dict[str, slice]:
        """Return where each stage lies in the output."""
        ends = torch.tensor((0, *self.dims)).cumsum(0).tolist()
        return {n: slice(ends[i], ends[i + 1]) for i, n in enumerate(self.names)}

    def _run(self, fed: Tensor, *, keep: bool = False) -> tuple[dict[str, Tensor], Tensor]:
        self._passing.maps, self._passing.first = {}, {} if keep else None
        try:
            embedding = self.backbone(fed)
            return self._passing.maps, embedding
        finally:
            del self._passing.maps

    def _overwritten(self, maps: dict[str, Tensor]) -> frozenset[str]:
        first: dict[str, Tensor] = self._passing.first
        return frozenset(name for name, out in first.items() if not torch.equal(out, maps[name]))

    def _usable(self, out: object, embedding: Tensor) -> bool:
        if (
            not isinstance(out, Tensor)
            or out.dim() not in (2, 3, 4, 5)
            or len(out) != len(embedding)
        ):
            return False
        if not out.is_floating_point():
            return False
        vectors = self.backbone.pooled(out)
        same = vectors.shape == embedding.shape and torch.allclose(vectors, embedding, 1e-5, 1e-6)
        return not same

    def _note(self, name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(_module: nn.Module, _given: object, out: object) -> None:
            maps: dict[str, object] | None = getattr(self._passing, "maps", None)
            if maps is not None:  # else the network runs for somebody else
                maps.pop(name, None)  # a block that runs twice counts where it ran last
                maps[name] = out
                if self._passing.first is not None and isinstance(out, Tensor):
                    self._passing.first[name] = out.clone()

        return hook


@dataclass(frozen=True)
class StagesRef:
    """Stands where a :class:`~headstart.backbones.Ref` does, for all stages of one."""

    ref: Loadable

    def __str__(self) -> str:
        return _("{backbone} pooled at every stage", backbone=str(self.ref))

    def fingerprint(self) -> str | None:
        """Hash of the weights and of what is made of them, or None if only loading can tell."""
        mark = self.ref.fingerprint()
        return mark and hashlib.sha256(f"{mark} {HOW}".encode()).hexdigest()

    def load(self) -> Stages:
        """Build the network and watch its blocks."""
        return Stages(self.ref.load())


def macs(backbone: Backbone) -> dict[str, float]:
    """Measure the share of all multiplications done when each block is through.

    Counted by torch's own counter (matrix products, convolutions, attention) on one example.

    Returns
    -------
    dict of str to float
        In the order in which blocks run, growing, 0..1; ``"embedding"`` last, with 1.
    """
    from torch.utils.flop_counter import FlopCounterMode

    counter, done = FlopCounterMode(display=False), dict[str, int]()

    def note(name: str) -> Callable[..., None]:
        def hook(*_: object) -> None:
            done.pop(name, None)
            done[name] = counter.get_total_flops()

        return hook

    hooks = [module.register_forward_hook(note(name)) for name, module in backbone.blocks()]
    try:
        with torch.no_grad(), counter:
            backbone(drawn(backbone, 1))
    finally:
        for hook in hooks:
            hook.remove()
    total = max(counter.get_total_flops(), 1)
    return {**{name: flops / total for name, flops in done.items()}, EMBEDDING: 1.0}
