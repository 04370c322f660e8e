"""Cutting a network in two at a block: a prefix that stays as it is, a suffix that is trained.

The top level of the network is traced once (torch.fx), with every block a single node, so a cut is
a node through which everything passes; nothing about any architecture is written down here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, fx, nn

from headstart.backbones import Loadable
from headstart.backbones.network import drawn
from headstart.errors import BackboneError, ConfigError
from headstart.said import _, commas

if TYPE_CHECKING:
    from headstart.backbones.network import Backbone

LAST_BLOCKS, LAST_STAGE, ALL = "last-blocks", "last-stage", "all"
POOL = "pooled_here"
"""Name of the part that pools, which no network has."""
LAST_SHARE = 4
"""Where the size of the maps never changes (transformers) the last quarter of the blocks counts
as the last stage."""


class Prefix(nn.Module):
    """Prepared examples to the activations at a cut, flattened: ``(B, ...)`` -> ``(B, size)``.

    Its ``card`` is that of the backbone, with a hash of its own, so that caches tell them apart.
    """

    def __init__(self, backbone: Backbone, after: str) -> None:
        super().__init__()
        self.backbone = backbone
        self.net = _part(backbone, after, first=True)
        card = backbone.card
        mark = hashlib.sha256(f"{card.weights_hash} up to {after}".encode()).hexdigest()
        with torch.no_grad():
            maps = self._maps(drawn(backbone, 1))
        self.shape = tuple(maps.shape[1:])
        self.card = replace(card, weights_hash=mark, dim=maps[0].numel())
        self.eval()

    def forward(self, fed: Tensor) -> Tensor:
        """Normalise and run the blocks up to the cut."""
        return self._maps(fed).flatten(1)

    def _maps(self, fed: Tensor) -> Tensor:
        maps: Tensor = self.net(self.backbone.normalise(fed))
        return maps


@dataclass(frozen=True)
class PrefixRef:
    """Stands where a :class:`~headstart.backbones.Ref` does, for the prefix of one."""

    ref: Loadable
    after: str

    def __str__(self) -> str:
        return _("{backbone} up to {block}", backbone=str(self.ref), block=self.after)

    def fingerprint(self) -> str | None:
        """Hash of the weights and the cut, or None if only loading can tell."""
        mark = self.ref.fingerprint()
        return mark and hashlib.sha256(f"{mark} up to {self.after}".encode()).hexdigest()

    def load(self) -> Prefix:
        """Build the whole network and keep the part before the cut."""
        return Prefix(self.ref.load(), self.after)


def suffix(backbone: Backbone, after: str) -> nn.Module:
    """Return the part behind a cut: activations ``(B, *shape)`` -> embeddings ``(B, dim)``.

    It shares its weights with the backbone: training the suffix trains the backbone.
    """
    return _part(backbone, after, first=False)


def unfrozen(backbone: Backbone, depth: str) -> list[str]:
    """Name the blocks that a depth stands for, shallow to deep.

    Parameters
    ----------
    depth : str
        A number of blocks counted from the last; ``"last-stage"``: those whose maps have the
        final size; ``"last-blocks"``: these without the first, which is the one that halves the
        maps and costs most; ``"all"``; or the name of a block: that one and all behind it.

    Raises
    ------
    ConfigError
        A depth that is none of these; more blocks than there are.
    BackboneError
        A network that has no blocks.
    """
    names = [name for name, _ in backbone.blocks()]
    if not names:
        raise BackboneError(
            _(
                "{backbone} has no blocks, so it can be probed but not fine-tuned.",
                backbone=backbone.card.name,
            ),
            _("Use --method probe, or another --backbone."),
        )
    if depth == ALL:
        return names
    if depth in (LAST_BLOCKS, LAST_STAGE):
        stage = names[_last_stage(backbone) :]
        return stage if depth == LAST_STAGE or len(stage) == 1 else stage[1:]
    if depth in names:
        return names[names.index(depth) :]
    if not depth.isdecimal() or not 1 <= int(depth) <= len(names):
        raise ConfigError(
            _(
                "--unfreeze {depth!r} is no depth of {backbone}, which has {n} blocks: {blocks}.",
                depth=depth,
                backbone=backbone.card.name,
                n=len(names),
                blocks=commas(names),
            ),
            _(
                "A number from 1 to {n}, {words}, or a name.",
                n=len(names),
                words=commas([LAST_BLOCKS, LAST_STAGE, ALL]),
            ),
        )
    return names[-int(depth) :]


def cut_before(backbone: Backbone, block: str) -> str | None:
    """Name the deepest block to cut behind with this one, and those that follow, still to come.

    The order that counts is the one in which blocks run; None if there is no such cut.
    """
    legal = legal_cuts(backbone)
    if not legal:
        return None
    names = [name for name, _ in backbone.blocks()]
    trained = tuple(f"{name}." for name in names[names.index(block) :])
    order = list(_crossings(_traced(backbone)))
    first = min(i for i, name in enumerate(order) if f"{name}.".startswith(trained))
    return next((name for name in reversed(order[:first]) if name in legal), None)


def legal_cuts(backbone: Backbone) -> list[str]:
    """Name the blocks after which everything passes through one tensor, in the order they run.

    There are none where the network cannot be traced.
    """
    try:
        graph = _traced(backbone)
    except Exception:  # tracing runs the network's own Python: anything may come out of it
        return []
    names = {name for name, _ in backbone.blocks()}
    return [name for name in _crossings(graph) if name in names and _alone(graph, name)]


def part_up_to(backbone: Backbone, block: str, pool: nn.Module) -> nn.Module:
    """Return the network up to a block, whose output goes through ``pool``.

    Its parts keep their names, so that weights saved of one fit the other. Any block will do, also
    one that is passed by (see ``legal_cuts``).
    """
    part = _part(backbone, block, first=True)
    assert isinstance(part, fx.GraphModule)
    part.add_submodule(POOL, pool)
    (out,) = (node for node in part.graph.nodes if node.op == "output")
    with part.graph.inserting_before(out):
        out.args = (part.graph.call_module(POOL, (out.args[0],)),)
    part.recompile()
    return part


def _part(backbone: Backbone, after: str, *, first: bool) -> nn.Module:
    whole = _traced(backbone)
    at = _crossings(whole)[after]
    graph, copies = fx.Graph(), {}
    if not first:
        copies[at] = graph.placeholder("activations")
    behind = False
    for node in whole.graph.nodes:
        if first or node.op == "get_attr" or (behind and node.op != "output"):
            copies[node] = graph.node_copy(node, copies.__getitem__)
        elif behind:
            graph.output(copies[node.args[0]])
        if node is at:
            behind = True
            if first:
                graph.output(copies[node])
                break
    return fx.GraphModule(whole, graph)


def _traced(backbone: Backbone) -> fx.GraphModule:
    names = [name for name, _ in backbone.blocks()]

    class TopLevel(fx.Tracer):
        """Follow only what holds blocks; everything else is one node."""

        def is_leaf_module(self, m: nn.Module, qualified_name: str) -> bool:
            return not any(name.startswith(qualified_name + ".") for name in names)

    return fx.GraphModule(backbone.net, TopLevel().trace(backbone.net))


def _crossings(traced: fx.GraphModule) -> dict[str, fx.Node]:
    return {str(n.target): n for n in traced.graph.nodes if n.op == "call_module"}


def _alone(traced: fx.GraphModule, name: str) -> bool:
    """Whether nothing but the output of this block is used behind it."""
    at = _crossings(traced)[name]
    known = {at}
    behind = False
    for node in traced.graph.nodes:
        if behind:
            if any(
                source not in known and source.op != "get_attr" for source in node.all_input_nodes
            ):
                return False
            known.add(node)
        behind = behind or node is at
    return True


def _last_stage(backbone: Backbone) -> int:
    """Place of the first block whose maps have the size of the last ones."""
    sizes = backbone.sizes_of_maps()
    names = [name for name, _ in backbone.blocks()]
    maps = [sizes.get(name, ()) for name in names]
    final = next((size for size in reversed(maps) if size), ())
    first = maps.index(final)
    return first if final and first else len(names) - max(1, len(names) // LAST_SHARE)
