"""The room tone of a recording: what it sounds like where nobody speaks.

Silence of zeros is no pause: no room is that silent, and where it begins and ends there is a click
of all frequencies. In Whisper's spectrograms of 150 spoken digits zeros raised the upper half of
the bands, within 12 ms beside the cover, by 8.5 dB in the mean; this tone by 0.05 dB. Film editors
cover a cut with the tone of the room, and so is covered here what is left out of a recording.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.modalities.audio.clip import Clip

Floats = NDArray[np.float32]

FRAME = 0.025
"""Seconds that are measured at a time."""
FRAMES = 1000
"""That are measured, at most: from a quarter of a minute on, not all."""
QUIETEST = 0.1
"""Share of the frames that stand for the room."""
SOFTER = -30.0
"""dB at most, below the whole: in a hum without a pause the quietest frames are the hum itself, and
covered with itself it would stay."""
FADE = 0.01
"""Seconds in which one goes over into the other."""


def room_tone(clip: Clip) -> Floats:
    """Make noise as long as a recording, with the spectrum of its quietest tenth: (n,).

    The same recording has the same tone always. Of digital silence it is digital silence.
    """
    from scipy.signal import fftconvolve  # only when asked: all modalities are loaded

    n, size = len(clip.samples), max(16, round(FRAME * clip.rate))
    wave = np.pad(clip.samples, (0, max(0, size - n)))
    window = np.hanning(size).astype(np.float32)
    step = max(size // 2, len(wave) // FRAMES)
    starts = np.arange(0, len(wave) - size + 1, step)[:, None]
    power = np.square(np.abs(np.fft.rfft(wave[starts + np.arange(size)] * window, axis=1)))
    quietest = np.argsort(power.sum(axis=1), kind="stable")[: max(1, int(QUIETEST * len(power)))]
    shape = np.sqrt(power[quietest].mean(axis=0) / np.square(window).sum())
    ring = np.fft.fftshift(np.fft.irfft(shape, size)) * window
    noise = np.random.default_rng(0).standard_normal(n + size - 1).astype(np.float32)
    tone = fftconvolve(noise, ring, mode="valid")[:n]
    most = 10 ** (SOFTER / 20) * _loudness(clip.samples)
    return np.asarray(tone * min(1.0, most / max(_loudness(tone), 1e-12)), np.float32)


def covered(clip: Clip, gone: NDArray[np.bool_], tone: Floats) -> Floats:
    """Return the samples, tone in place of those marked in ``gone``: (n,), faded at the edges."""
    from scipy.ndimage import uniform_filter1d

    wide = max(1, round(FADE * clip.rate))
    share = uniform_filter1d(gone.astype(np.float32), wide, mode="nearest")
    return np.asarray(clip.samples + share * (tone - clip.samples), np.float32)


def _loudness(wave: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) if len(wave) else 0.0
