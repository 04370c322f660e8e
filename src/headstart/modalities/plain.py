"""No augmentation: examples are only ever seen as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.said import _

Rows = NDArray[np.int64]
Fed = NDArray[np.generic]


@dataclass(frozen=True)
class PlainView:
    """One fixed view: what prediction sees."""

    count: int = 1
    key: str = "plain"

    def __call__(self, x: Any, look: Any, mark: str, view: int) -> Fed:
        """Prepare an example."""
        fed: Fed = look(x)
        return fed

    def describe(self) -> str:
        """Say what it is."""
        return _("every example as it is")


@dataclass(frozen=True)
class PlainExamples:
    """Examples by row, prepared when they are wanted."""

    read: Callable[[int], Any]
    look: Any
    known: dict[int, int] = field(default_factory=dict)  # sizes, by row

    def plain(self, rows: Rows) -> Fed:
        """Prepare rows."""
        fed: Fed = self.look.batch([self.look(self.read(int(row))) for row in rows])
        return fed

    def varied(self, rows: Rows, rng: np.random.Generator) -> Fed:
        """Prepare rows: there is nothing to vary."""
        return self.plain(rows)

    def sizes(self, rows: Rows) -> Rows | None:
        """Return how large each is; None where all are alike."""
        if not hasattr(self.look, "extent"):
            return None
        for row in map(int, rows):
            if row not in self.known:
                self.known[row] = int(self.look(self.read(row)).size)
        return np.array([self.known[int(row)] for row in rows])


class Plain:
    """What stands where a modality has no augmentation."""

    kinds: Mapping[str, int] = {"none": 1}

    def fixed(self, kind: str, count: int | None = None, seed: int = 0) -> PlainView:
        """Return the one view there is."""
        return PlainView()

    def fresh(
        self, read: Callable[[int], Any], n: int, look: Any, kind: str, **others: Any
    ) -> PlainExamples:
        """Prepare examples as they are."""
        return PlainExamples(read, look)
