"""The parts of a recording: stretches of time that may be covered with the tone of the room."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.modalities import Fed
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.tone import covered, room_tone

PART, SHORTEST = 0.25, 0.05
"""Seconds of a part, a syllable or a little more; of a short recording down to the latter, a single
sound."""
MOST, FEWEST = 40, 8
"""Parts of a recording."""
PASSED = 120.0
"""Seconds of sound that pass through the network to explain a recording, about: as many parts as
that allows. Explaining twelve then costs what embedding 1,500 of a second does (plain choice)."""


@dataclass(frozen=True)
class Heard:
    """A recording taken apart.

    Attributes
    ----------
    clip : Clip
        As much of it as the network hears.
    rest : ndarray of float32
        The samples that it does not hear.
    look : object
        Makes of a clip what the network takes.
    tone : ndarray of shape (n,), float32
        What covers parts of the clip.
    parts : int
    """

    clip: Clip
    rest: NDArray[np.float32]
    look: Any
    tone: NDArray[np.float32]
    parts: int


class TimeParts:
    """Quarters of a second that may be covered; in longer recordings, longer stretches."""

    def of(self, x: Clip, look: Any) -> Heard:
        """Cut a recording into at most 40 stretches of equal length."""
        n = min(len(x.samples), round(look.most * look.seconds * x.rate))
        clip = replace(x, samples=x.samples[:n])
        return Heard(clip, x.samples[n:], look, room_tone(clip), parts_of(clip.seconds))

    def shape(self, seen: Heard) -> tuple[int, ...]:
        """Return (n_parts,)."""
        return (seen.parts,)

    def without(self, seen: Heard, gone: NDArray[np.bool_]) -> Fed:
        """Prepare the recording with some stretches covered."""
        fed: Fed = seen.look(self.left(seen, gone))
        return fed

    def left(self, seen: Heard, gone: NDArray[np.bool_]) -> Clip:
        """Return the recording with some stretches covered."""
        wave = seen.clip.samples
        if gone.any():
            part = (np.arange(len(wave)) * seen.parts) // max(len(wave), 1)
            wave = covered(seen.clip, gone[part], seen.tone)
        return replace(seen.clip, samples=np.concatenate([wave, seen.rest]))

    def spread(self, coarse: NDArray[np.float32], seen: Heard) -> NDArray[np.float32]:
        """Lay a map over time, the last axis, over the parts; other axes are averaged."""
        over_time = coarse.reshape(-1, coarse.shape[-1]).mean(axis=0)
        here = (np.arange(seen.parts) + 0.5) / seen.parts
        there = (np.arange(len(over_time)) + 0.5) / len(over_time)
        return np.interp(here, there, over_time).astype(np.float32)


def parts_of(seconds: float) -> int:
    """Say into how many parts a recording falls.

    Examples
    --------
    >>> [parts_of(s) for s in (0.05, 0.5, 1, 5, 8, 20, 60)]
    [1, 8, 8, 20, 15, 8, 8]
    """
    quarters, sounds = round(seconds / PART), int(seconds / SHORTEST + 1e-9)
    affordable = int(PASSED / max(seconds, 1e-9))
    most = int(np.clip(affordable, FEWEST, MOST))
    return max(1, min(max(quarters, FEWEST), most, sounds))
