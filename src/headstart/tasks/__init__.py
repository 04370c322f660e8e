"""Tasks: what a label is. A task knows nothing of modalities or methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Encoded = NDArray[Any]
"""Labels as numbers: an integer per row (n,), or a row of yes and no (n, K)."""
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
    def floor_name(self) -> str:
        """What ``floor`` is called, marked with ``N_``: ``"majority class"``."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what a head scores, in order."""

    @property
    def n_outputs(self) -> int:
        """Columns of an answer: one per class, or whatever else ``score`` goes by."""

    def encode(self, labels: Sequence[str]) -> Encoded:
        """Turn labels as they are written into numbers; ``DataError`` for unknown ones."""

    def decode(self, y: Encoded) -> list[str]:
        """Turn numbers into labels as they are written."""

    def decode_answers(self, out: Floats) -> tuple[list[str], Floats]:
        """Return what each answer says, as labels are written, and its probabilities (n, K)."""

    def sureness(self, out: Floats) -> Floats:
        """Return how sure each answer is: (n,), 0 to 1."""

    def folds(self, y: Encoded, groups: Ints | None, k: int, rng: np.random.Generator) -> Ints:
        """Deal rows into k folds that are alike in their labels, groups whole: (n,), 0..k-1."""

    def floor(self, y: Encoded, n: int) -> Floats:
        """Answer for ``n`` rows, ``(n, n_outputs)``, from the training labels ``y`` alone."""

    def score(self, y: Encoded, out: Floats) -> Floats:
        """Say how right each answer is: (n,), 0 to 1, higher is better.

        All that is compared is compared row by row by this: verdicts, curves, abstention, rankings.

        Parameters
        ----------
        y : ndarray
            As ``encode`` gives it.
        out : ndarray of shape (n, n_outputs)
            Probabilities or logits.
        """

    def stated(self, y: Encoded, out: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the probabilities that an answer states, and what came true: ``(n, m)`` each."""

    def scores(self, y: Encoded, proba: Floats) -> dict[str, float]:
        """Return everything that is reported of answers, by name; the metric is among it."""
