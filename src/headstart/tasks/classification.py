"""Single-label classification: the names of the classes, and their order, which is fixed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.said import N_, _, _n, commas
from headstart.tasks import Floats, Ints, metrics
from headstart.tasks.splits import stratified_folds


@dataclass(frozen=True)
class Classification:
    """Labels as strings, classes as their sorted set.

    Attributes
    ----------
    classes : tuple of str
        Sorted, so that the order never depends on how a folder was listed.
    """

    classes: tuple[str, ...]
    name = "classification"
    metric = "accuracy"
    floor_name = N_("majority class")

    @classmethod
    def of(cls, labels: Sequence[str]) -> Classification:
        """Collect the classes that occur."""
        return cls(tuple(sorted(set(labels))))

    @classmethod
    def numbered(cls, n_classes: int) -> Classification:
        """Name the classes by their numbers, where there are no names."""
        return cls(tuple(str(c) for c in range(n_classes)))

    @property
    def n_outputs(self) -> int:
        """Columns of an answer: one per class."""
        return len(self.classes)

    def encode(self, labels: Sequence[str]) -> Ints:
        """Turn names into indices (n,), int64; raises ``DataError`` for unknown names."""
        index = {name: i for i, name in enumerate(self.classes)}
        unknown = sorted({label for label in labels if label not in index})
        if unknown:
            raise DataError(
                _n(
                    "Unknown label: {labels}.",
                    "Unknown labels: {labels}.",
                    len(unknown),
                    labels=commas(map(repr, unknown[:5])),
                ),
                _("The classes are {names}.", names=commas(self.classes)),
            )
        return np.array([index[label] for label in labels], dtype=np.int64)

    def decode(self, y: Ints) -> list[str]:
        """Turn indices into names."""
        return [self.classes[int(i)] for i in y]

    def decode_answers(self, out: Floats) -> tuple[list[str], Floats]:
        """Return the likeliest class of each answer, and its probabilities ``(n, K)``."""
        return self.decode(out.argmax(axis=1)), out

    def sureness(self, out: Floats) -> Floats:
        """Return the probability of the likeliest class: (n,)."""
        return out.max(axis=1)

    def folds(self, y: Ints, groups: Ints | None, k: int, rng: np.random.Generator) -> Ints:
        """Deal rows into folds: see :func:`headstart.tasks.splits.stratified_folds`."""
        return stratified_folds(y, groups, k, rng)

    def floor(self, y: Ints, n: int) -> Floats:
        """Answer with the shares of the classes: always the largest class, ``(n, K)``."""
        shares = np.bincount(y, minlength=self.n_outputs) / len(y)
        return np.tile(shares, (n, 1))

    def score(self, y: Ints, out: Floats) -> NDArray[np.float64]:
        """Return 1 where the likeliest class is the label, else 0: (n,)."""
        return (out.argmax(axis=1) == y).astype(np.float64)

    def stated(self, y: Ints, out: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the confidence of every answer, and whether it is right: ``(n, 1)`` each."""
        return out.max(axis=1)[:, None], (out.argmax(axis=1) == y)[:, None]

    def scores(self, y: Ints, proba: Floats) -> dict[str, float]:
        """Score probabilities by all that ``estimate`` reports."""
        predicted = proba.argmax(axis=1)
        return {
            "accuracy": metrics.accuracy(y, predicted),
            "balanced_accuracy": metrics.balanced_accuracy(y, predicted),
            "macro_f1": metrics.macro_f1(y, predicted),
            "log_loss": metrics.log_loss(y, proba),
            "ece": metrics.expected_calibration_error(y, proba),
        }
