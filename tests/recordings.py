"""Recordings as tests make them: spoken-like sounds, in files of every kind."""

from __future__ import annotations

import io

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16_000
FORMATS = (
    *(("WAV", "PCM_U8"), ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_32"), ("WAV", "FLOAT")),
    *(("WAV", "ULAW"), ("RF64", "PCM_16"), ("W64", "PCM_16"), ("NIST", "PCM_16")),
    *(("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")),
    *(("AIFF", "PCM_16"), ("CAF", "PCM_16"), ("AU", "PCM_16")),
)


def voice(seed: int = 0, seconds: float = 1.0, rate: int = RATE) -> NDArray[np.float32]:
    """A voice that says nothing: harmonics of a pitch that wanders, louder and softer."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)
    t = np.arange(n) / rate
    knots = np.linspace(0, seconds, max(4, round(8 * seconds)))
    pitch = np.interp(t, knots, rng.uniform(110, 220, len(knots)))
    loud = np.interp(t, knots, rng.uniform(0.05, 1.0, len(knots)))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    tone = np.zeros(n)
    for k in range(1, 16):
        gain = np.interp(t, knots, rng.uniform(0, 1, len(knots)))
        tone += gain * np.sin(k * phase) / k
    tone = loud * tone + 0.001 * rng.standard_normal(n)
    return (0.4 * tone / np.abs(tone).max()).astype(np.float32)


def written(
    samples: NDArray[np.generic], rate: int = RATE, format: str = "WAV", subtype: str | None = None
) -> bytes:
    """Samples (n,) or (n, channels) as a file."""
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=format, subtype=subtype)
    return out.getvalue()
