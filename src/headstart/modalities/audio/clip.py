"""A recording as headstart holds it: one channel of numbers, and how many make a second."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Origin:
    """What the file of a recording tells of how it was made, and how it was read.

    Attributes
    ----------
    format, subtype : str
        As libsndfile calls them, such as "WAV" and "PCM_16"; "" of what was never a file.
    channels : int
        In the file.
    declared : float
        Seconds that its header promises; 0 where it does not say.
    broken : bool
        It ends before it should.
    cut : bool
        It goes on after what was read of it.
    opposed : bool
        Its channels cancel each other, so that the loudest was taken instead of their mean.
    mended : int
        Samples that were no usable numbers and were set to zero.
    clipped : float
        Share of the samples that are flat at full scale, 0 to 1.
    """

    format: str = ""
    subtype: str = ""
    channels: int = 1
    declared: float = 0.0
    broken: bool = False
    cut: bool = False
    opposed: bool = False
    mended: int = 0
    clipped: float = 0.0


@dataclass(frozen=True)
class Clip:
    """A stretch of sound.

    Attributes
    ----------
    samples : ndarray of shape (n,), float32
        Pressure over time, finite; a file of whole numbers fills -1 to 1.
    rate : int
        Samples a second, Hz: as they were recorded.
    origin : Origin
        What its file tells.
    """

    samples: NDArray[np.float32]
    rate: int
    origin: Origin = field(default=Origin())

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate
