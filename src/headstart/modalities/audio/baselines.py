"""What a model without pretrained knowledge can do with the same recordings: the other side of the
verdict.

Both descriptions are made from the digest; nothing is learned.
"""  # noqa: D205

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.modalities.audio.digest import AudioDigest
from headstart.said import N_

MFCC = N_("MFCC statistics")
MELS = N_("small spectrogram")


@dataclass(frozen=True)
class SoundBaseline:
    """What a digest says without any learned knowledge: (n, d)."""

    says: str
    one: Callable[[AudioDigest], NDArray[np.float32]]

    def describe(self, digests: Sequence[AudioDigest]) -> NDArray[np.float32]:
        """Describe recordings."""
        return np.stack([self.one(d) for d in digests])


def coefficients(d: AudioDigest) -> NDArray[np.float32]:
    """Return mean, spread and slopes of its cepstral coefficients: (60,)."""
    return d.mfcc


def pixels(d: AudioDigest) -> NDArray[np.float32]:
    """Return its picture as it is: (1280,), 0 to 1.

    The head standardises it and rotates it to its principal axes inside every fold.
    """
    return d.picture.ravel().astype(np.float32) / np.float32(255)


RIVALS = {
    MFCC: SoundBaseline(
        N_("classic features of speech: the colour of the sound and how it changes, on average"),
        coefficients,
    ),
    MELS: SoundBaseline(
        N_("the spectrogram shrunk to 40 pitches × 32 moments, used as it is"), pixels
    ),
}
