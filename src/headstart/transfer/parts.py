"""What the training loop works with and leaves: inputs, objective, points of the curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


class Inputs(Protocol):
    """What a network is fed, by row: examples or activations."""

    def plain(self, rows: Rows) -> NDArray[np.generic]:
        """Return the rows as prediction sees them."""

    def varied(self, rows: Rows, rng: np.random.Generator) -> NDArray[np.generic]:
        """Return the rows as augmentation shows them this once."""


@runtime_checkable
class Sized(Protocol):
    """Inputs that may be of unlike sizes, which are faster in batches of like ones."""

    def sizes(self, rows: Rows) -> NDArray[np.int64] | None:
        """Return how large each is; None where all are alike."""


@dataclass(frozen=True)
class Point:
    """One point of the learning curves: an epoch (from 1) and a split.

    ``loss`` is the objective in training and the cross entropy in validation, in nats; ``accuracy``
    is None where labels were mixed, or no answers trained.
    """

    epoch: int
    split: str
    loss: float
    accuracy: float | None
    lr: float
    seconds: float


@dataclass(frozen=True)
class Trained:
    """What the loop leaves: curves, and how it ended ("" if nothing went wrong)."""

    history: list[Point]
    trouble: str


class DivergedError(ArithmeticError):
    """The loss is no number any more; the trouble is told in words."""

    def __init__(self, trouble: str) -> None:
        super().__init__(trouble)
        self.trouble = trouble


OnPoint = Callable[[Point], None]
