"""A recording as headstart holds it: one channel of numbers, and how many make a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Clip:
    """A stretch of sound.

    Attributes
    ----------
    samples : ndarray of shape (n,), float32
        Pressure over time, finite; a file of whole numbers fills -1 to 1.
    rate : int
        Samples a second, Hz: as they were recorded.
    """

    samples: NDArray[np.float32]
    rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate
