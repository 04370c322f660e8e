"""Heads as parts of a graph: the formulas of :mod:`headstart.transfer.heads`, in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from headstart.errors import ConfigError
from headstart.said import _
from headstart.transfer import FittedModel
from headstart.transfer.familiar import Familiarity, FamiliarSideBySide
from headstart.transfer.heads import arrays_of

TINY = 1e-12


class Part(nn.Module):
    """A formula with arrays, which are kept under their own names."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, **arrays: Any) -> None:
        super().__init__()
        for name, array in arrays.items():
            whole = np.issubdtype(np.asarray(array).dtype, np.integer)
            dtype = torch.int64 if whole else torch.float32
            self.register_buffer(name, torch.tensor(np.asarray(array), dtype=dtype))


class Linear(Part):
    """``x W + b``."""

    def forward(self, x: Tensor) -> Tensor:
        """Score vectors: (1, dim) -> (1, K)."""
        return x @ self.W + self.b


class Centroid(Part):
    """Minus ten times the squared distance to each centroid, of centred unit vectors."""

    def forward(self, x: Tensor) -> Tensor:
        """Score vectors: (1, dim) -> (1, K)."""
        cross = _unit(x - self.mean) @ self.centroids.T
        return -10 * (1 - 2 * cross + self.centroids.square().sum(1))


class Neighbour(Part):
    """The log of each class's share of the votes of the most similar examples."""

    def __init__(self, **arrays: Any) -> None:
        self.k, self.n_classes = (int(n) for n in arrays.pop("shape"))
        super().__init__(**arrays)

    def forward(self, x: Tensor) -> Tensor:
        """Score vectors: (1, dim) -> (1, K)."""
        similar = _unit(x - self.mean) @ self.bank.T
        near, rows = similar.topk(min(self.k, self.bank.shape[0]), dim=1)
        votes = torch.exp((near - 1) / 0.07)
        member = nn.functional.one_hot(self.labels, self.n_classes).float()[rows[0]]
        shares = votes @ member
        return torch.log(shares / shares.sum(1, keepdim=True) + 1e-3)


class Cosine(Part):
    """Sharpness times the cosine to each direction, after standardising."""

    def __init__(self, *, scale: Any, **arrays: Any) -> None:
        super().__init__(per_scale=1 / np.asarray(scale), **arrays)

    def forward(self, x: Tensor) -> Tensor:
        """Score vectors: (1, dim) -> (1, K)."""
        return self.sharpness * (_unit((x - self.mean) * self.per_scale) @ self.directions.T)


class Bottleneck(Part):
    """One hidden layer on the standardised vector."""

    def __init__(self, *, scale: Any, **arrays: Any) -> None:
        super().__init__(per_scale=1 / np.asarray(scale), **arrays)

    def forward(self, x: Tensor) -> Tensor:
        """Score vectors: (1, dim) -> (1, K)."""
        return torch.relu((x - self.mean) * self.per_scale @ self.A + self.a) @ self.W + self.b


class Familiar(Part):
    """How familiar a vector is, as :class:`Familiarity` scores it."""

    def forward(self, x: Tensor) -> Tensor:
        """Score vectors: (1, dim) -> (1,)."""
        z = _unit(x[:, -self.centroids.shape[1] :])
        off = z - self.centroids
        along = z @ self.basis - self.centroids @ self.basis
        squared = off.square().sum(1) - along.square() @ self.discount
        return torch.clamp(-squared.min(), max=0.0)[None]


class FamiliarApart(nn.Module):
    """The same of networks side by side, as :class:`FamiliarSideBySide` adds up their scores."""

    scale: Tensor

    def __init__(self, found: FamiliarSideBySide) -> None:
        super().__init__()
        self.widths = found.widths
        self.parts = nn.ModuleList(familiar(part) for part in found.parts)
        self.register_buffer("scale", torch.tensor(found.scale, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """Score vectors: (1, dim) -> (1,)."""
        apart = x[:, -sum(self.widths) :].split(self.widths, dim=1)
        scores = [part(own) for part, own in zip(self.parts, apart, strict=True)]
        return (torch.cat(scores) / self.scale).sum()[None]


def familiar(found: Familiarity | FamiliarSideBySide) -> nn.Module:
    """Build the part that scores how familiar a vector is."""
    if isinstance(found, FamiliarSideBySide):
        return FamiliarApart(found)
    return Familiar(centroids=found.centroids, basis=found.basis, discount=found.discount)


HEADS: dict[str, type[Part]] = {
    "logistic": Linear,
    "centroid": Centroid,
    "kNN": Neighbour,
    "cosine": Cosine,
    "bottleneck": Bottleneck,
}


class Answer(nn.Module):
    """From a vector to calibrated probabilities, and to how familiar it is."""

    temperature: Tensor

    def __init__(self, model: FittedModel) -> None:
        super().__init__()
        if model.head.kind not in HEADS:
            raise ConfigError(
                _("The head, {head}, counts words, which no graph does.", head=_(model.head.kind)),
                _("Train with --method probe, contrastive, finetune or full."),
            )
        self.head = HEADS[model.head.kind](**arrays_of(model.head))
        self.register_buffer("temperature", torch.tensor(model.temperature, dtype=torch.float32))
        self.familiar = None if model.familiar is None else familiar(model.familiar)
        self.several = model.thresholds is not None

    def forward(self, vector: Tensor) -> list[Tensor]:
        """Answer: (1, dim) -> probabilities (K,) and, where it can be told, familiarity (1,)."""
        logits = self.head(vector) / self.temperature
        p = torch.sigmoid(logits) if self.several else torch.softmax(logits, dim=1)
        return [p[0]] if self.familiar is None else [p[0], self.familiar(vector)]


def _unit(x: Tensor) -> Tensor:
    return x / torch.clamp(torch.linalg.vector_norm(x, dim=1, keepdim=True), min=TINY)
