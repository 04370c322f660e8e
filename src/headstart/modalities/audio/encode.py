"""Recordings that a program holds in memory, written as files would hold them: without loss."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.extra import refuse_without_extra
from headstart.modalities.audio.read import RATES

CHANNELS = 32
"""Channels of an array at most: one that lies the other way round has thousands."""
_SUBTYPES = {"i2": "PCM_16", "i4": "PCM_32", "f4": "FLOAT", "f8": "FLOAT"}


def encode(held: object) -> bytes | None:
    """Write samples with their rate as WAV; None for anything else.

    Parameters
    ----------
    held : Clip, or tuple of ndarray and int
        Samples of shape (n,) or (n, channels) and samples a second, in either order, as soundfile
        and scipy give them: real numbers, of which 1 is full scale, or whole ones of 16 or 32 bits.
    """
    refuse_without_extra()
    if isinstance(held, Clip):
        held = (held.samples, held.rate)
    found = _samples_and_rate(held)
    if found is None:
        return None
    samples, rate = found
    import soundfile

    out = io.BytesIO()
    subtype = _SUBTYPES[samples.dtype.str[1:]]
    soundfile.write(out, samples, rate, format="WAV", subtype=subtype)
    return out.getvalue()


def _samples_and_rate(held: object) -> tuple[NDArray[np.generic], int] | None:
    """Take a pair apart, if it is one that makes a recording."""
    if not isinstance(held, tuple) or len(held) != 2:
        return None
    samples, rate = held if isinstance(held[0], np.ndarray) else held[::-1]
    if not isinstance(samples, np.ndarray) or not isinstance(rate, int | np.integer):
        return None
    known = samples.dtype.str[1:] in _SUBTYPES
    shaped = samples.ndim == 1 or (samples.ndim == 2 and 0 < samples.shape[1] <= CHANNELS)
    if not known or not shaped or not RATES[0] <= int(rate) <= RATES[1]:
        return None
    return samples.astype(np.float32) if samples.dtype.kind == "f" else samples, int(rate)
