"""The digest of a recording: a small picture of it."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.spectrogram import spectrogram

BANDS, CELLS = 40, 32


@dataclass(frozen=True)
class AudioDigest:
    """What is kept of a recording.

    Attributes
    ----------
    picture : ndarray of shape (40, 32), uint8
        Bands, low ones first, over time.
    rate : int
        Hz.
    seconds : float
    """

    picture: NDArray[np.uint8]
    rate: int
    seconds: float

    def pack(self) -> bytes:
        """Write it for the cache."""
        return self.picture.tobytes() + json.dumps([self.rate, self.seconds]).encode()

    @classmethod
    def unpack(cls, data: bytes) -> AudioDigest:
        """Read what ``pack`` wrote."""
        picture = np.frombuffer(data, np.uint8, BANDS * CELLS).reshape(BANDS, CELLS)
        return cls(picture, *json.loads(data[BANDS * CELLS :]))


def digest(clip: Clip) -> AudioDigest:
    """Keep a small picture."""
    seen = spectrogram(clip)
    rows, columns = (np.arange(n) * m // n for n, m in zip((BANDS, CELLS), seen.shape, strict=True))
    return AudioDigest(seen[np.ix_(rows, columns)][::-1].copy(), clip.rate, clip.seconds)
