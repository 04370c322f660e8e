"""The graph: one module from what is given for an example to the answer of the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from headstart.backbones import Card
from headstart.backbones.side_by_side_network import SideBySideNetwork
from headstart.errors import ConfigError
from headstart.exports.heads import Answer
from headstart.features.engines import RunsItself
from headstart.folder.model import SavedModel
from headstart.modalities import Exported, modality
from headstart.modalities.entry import Entry, Given
from headstart.modalities.side_by_side import looks_of
from headstart.said import _
from headstart.transfer import FittedModel

PROBABILITIES, FAMILIARITY, VECTOR = "probabilities", "familiarity", "vector"
BATCH = "batch"
"""What lies between body and tail."""


class Traced(nn.Module):
    """What is written in a runtime's own form: a module with names for what it takes and gives.

    Parameters
    ----------
    entry : Given
    outputs : tuple of str
        Names of what ``forward`` returns, in order.
    """

    def __init__(self, entry: Given, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.entry, self.outputs = entry, outputs


class Vector:
    """A batch of one vector, as the body gives it."""

    name = BATCH
    axes: tuple[str, ...] = ()

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def sample(self) -> NDArray[np.float32]:
        """Return zeros."""
        return np.zeros((1, self.dim), np.float32)


class Body(Traced):
    """From an example to its vector.

    Parameters
    ----------
    entry : Entry
    networks : sequence of nn.Module
        From a prepared batch to vectors, one beside the other.
    """

    def __init__(self, entry: Entry, networks: Sequence[nn.Module]) -> None:
        super().__init__(entry, (BATCH, *entry.prepared))
        self.entry: Entry = entry
        self.steps = nn.ModuleList(entry.steps())
        self.networks = nn.ModuleList(networks)
        self.eval().requires_grad_(False)

    def forward(self, given: Tensor) -> tuple[Tensor, ...]:
        """Embed one example: (1, dim), and what it became on the way."""
        prepared = [step(given) for step in self.steps]
        shown = [fed[0] for fed in prepared] if self.entry.prepared else []
        return (self.embed(prepared), *shown)

    def embed(self, prepared: Sequence[Tensor]) -> Tensor:
        """Embed what is prepared, a batch of one for each network: (1, dim)."""
        vectors = [net(fed) for net, fed in zip(self.networks, prepared, strict=True)]
        return torch.cat(vectors, dim=1) if len(vectors) > 1 else vectors[0]


class Tail(Traced):
    """From a vector to the answer of a model."""

    def __init__(self, model: FittedModel, dim: int) -> None:
        told = (PROBABILITIES,) if model.familiar is None else (PROBABILITIES, FAMILIARITY)
        super().__init__(Vector(dim), (*told, VECTOR))
        self.answer = Answer(model)
        self.eval().requires_grad_(False)

    def forward(self, batch: Tensor) -> tuple[Tensor, ...]:
        """Answer for a batch of one, (1, dim): (K,), (1,), and the vector, (dim,)."""
        return (*self.answer(batch), batch[0])


class Graph(Traced):
    """Everything that lies between an example and its answer."""

    def __init__(self, body: Body, tail: Tail) -> None:
        super().__init__(body.entry, (*tail.outputs, *body.entry.prepared))
        self.body, self.tail = body, tail
        self.entry: Entry = body.entry

    def forward(self, given: Tensor) -> tuple[Tensor, ...]:
        """Answer for one example: (K,), (1,), (dim,), and what it became on the way."""
        batch, *shown = self.body(given)
        return (*self.tail(batch), *shown)

    def answered(self, prepared: Sequence[Tensor]) -> NDArray[np.float32]:
        """Answer for what is prepared, a batch of one for each network: probabilities (K,)."""
        with torch.inference_mode():
            found: NDArray[np.float32] = self.tail(self.body.embed(prepared))[0].numpy()
        return found


def graph_of(saved: SavedModel, *, whole: bool = True) -> Graph:
    """Build the graph of a model.

    Parameters
    ----------
    whole : bool, default=True
        As ``modalities.Exported.entry`` takes it.

    Raises
    ------
    ConfigError
        A model that is no graph; it says what of it is not.
    """
    entry = entry_of(saved.card, whole=whole)
    return Graph(Body(entry, _networks(saved)), Tail(saved.model, saved.card.dim))


def entry_of(card: Card, *, whole: bool = True) -> Entry:
    """Find how examples enter a model; raises ``ConfigError`` where they cannot."""
    known = modality(card.modality)
    found = known.entry(looks_of(card.look), whole=whole) if isinstance(known, Exported) else None
    if found is None:
        raise ConfigError(
            _(
                "{network} takes {many} in a way that no graph does.",
                network=card.name,
                many=known.unit.many,
            ),
            _("Train on one backbone."),
        )
    return found


def _networks(saved: SavedModel) -> list[nn.Module]:
    if isinstance(saved.backbone, RunsItself) and saved.backbone.engine() is not None:
        return [nn.Identity()]  # so simple that the entry does it
    network = saved.backbone.load()
    return list(network.net.children()) if isinstance(network, SideBySideNetwork) else [network]
