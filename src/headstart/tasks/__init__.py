"""Tasks: what a label is. A task knows nothing of modalities or methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]


class Task(Protocol):
    """The contract of a task: how labels are numbered, and how right an answer is.

    Whoever judges asks for ``score`` and ``floor`` alone, and never what a label is. The answers of
    a model are an array of shape ``(n, n_outputs)``. ``headstart.testing.check_task`` holds a task
    to all of this.
    """

    @property
    def name(self) -> str:
        """As ``metrics.json`` calls the task: ``"classification"``."""

    @property
    def metric(self) -> str:
        """What the mean of ``score`` is called: ``"accuracy"``."""

    @property
    def n_outputs(self) -> int:
        """Columns of an answer: one per class."""

    def encode(self, labels: Sequence[str]) -> Ints:
        """Turn labels as they are written into numbers (n,); ``DataError`` for unknown ones."""

    def decode(self, y: Ints) -> list[str]:
        """Turn numbers into labels as they are written."""

    def floor(self, y: Ints, n: int) -> Floats:
        """Answer for ``n`` rows, ``(n, n_outputs)``, from the training labels ``y`` alone."""

    def score(self, y: Ints, out: Floats) -> Floats:
        """Say how right each answer is: (n,), 0 to 1, higher is better.

        All that is compared is compared row by row by this: verdicts, curves, abstention, rankings.

        Parameters
        ----------
        y : ndarray of int64, shape (n,)
        out : ndarray of shape (n, n_outputs)
            Probabilities or logits.
        """

    def scores(self, y: Ints, proba: Floats) -> dict[str, float]:
        """Return everything that is reported of answers, by name; the metric is among it."""
