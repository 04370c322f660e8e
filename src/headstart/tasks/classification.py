"""Single-label classification: the names of the classes, and their order, which is fixed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError

NAME = "classification"


@dataclass(frozen=True)
class Classification:
    """Labels as strings, classes as their sorted set.

    Attributes
    ----------
    classes : tuple of str
        Sorted, so that the order never depends on how a folder was listed.
    """

    classes: tuple[str, ...]

    @classmethod
    def of(cls, labels: Sequence[str]) -> Classification:
        """Collect the classes that occur."""
        return cls(tuple(sorted(set(labels))))

    def encode(self, labels: Sequence[str]) -> NDArray[np.int64]:
        """Turn names into indices (n,), int64; raises ``DataError`` for unknown names."""
        index = {name: i for i, name in enumerate(self.classes)}
        unknown = sorted({label for label in labels if label not in index})
        if unknown:
            raise DataError(
                f"Unknown label{'s' if len(unknown) > 1 else ''}: "
                f"{', '.join(map(repr, unknown[:5]))}.",
                f"The classes are {', '.join(self.classes)}.",
            )
        return np.array([index[label] for label in labels], dtype=np.int64)

    def decode(self, indices: NDArray[np.integer]) -> list[str]:
        """Turn indices into names."""
        return [self.classes[int(i)] for i in indices]
