"""Candidates compared on the same folds, one of which was kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.choose.candidates import Entry, line_of
from headstart.tasks.labels import Labels


@dataclass(frozen=True)
class Compared:
    """Candidates and their held-out answers.

    Attributes
    ----------
    entries : sequence of Entry
        The probe first.
    held : sequence of ndarray of int64
        Rows held out in each fold of the comparison.
    labels : Labels
        Of all rows.
    chosen : Entry
        The one that was kept.
    """

    entries: Sequence[Entry]
    held: Sequence[NDArray[np.int64]]
    labels: Labels
    chosen: Entry

    def to_json(self) -> list[dict[str, Any]]:
        """Return ``candidates`` of ``metrics.json``."""
        return [line_of(e, self.held, self.labels, e is self.chosen) for e in self.entries]
