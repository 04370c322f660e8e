"""The spectrum of a recording over time, on the mel scale, whatever its rate.

Windows last as long at every rate and powers are densities, so that a recording has the same
numbers when it is resampled, up to the highest frequency that it still has.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

WINDOW, HOP = 0.025, 0.01
"""Seconds of a window, and from one to the next: usual for speech."""
BANDS = 40
HIGHEST = 8000.0
"""Hz; bands above half the rate hold nothing."""
LINES, LINES_FROM, LINES_APART = 33, 100.0, 50.0
"""Narrow bands, Hz, in which the harmonics of a voice move: 100 to 1,750 Hz, which every telephone
lets through."""
AT_A_TIME = 2048
"""Windows that are transformed together: memory does not grow with the length."""


@dataclass(frozen=True)
class Spectrum:
    """What a recording is made of.

    Attributes
    ----------
    bands : ndarray of shape (T, 40), float32
        Power density in mel bands, one row for every 10 ms.
    lines : ndarray of shape (T, 33), float32
        The same in narrow bands of equal width.
    mean : ndarray of shape (F,), float64
        Power density at each frequency, 0 to half the rate, over the whole recording.
    level : ndarray of shape (T,), float32
        Mean square of the samples in each window.
    """

    bands: Floats
    lines: Floats
    mean: NDArray[np.float64]
    level: Floats


def spectrum(samples: Floats, rate: int) -> Spectrum:
    """Analyse a recording; one that is shorter than three windows is followed by silence."""
    from scipy.fft import next_fast_len, rfft  # only when asked: all modalities are loaded

    long = round(WINDOW * rate)
    samples = np.pad(samples, (0, max(3 * long - len(samples), 0)))
    starts = np.round(np.arange(0, len(samples) - long + 1, HOP * rate)).astype(np.int64)
    starts = starts[starts <= len(samples) - long]
    windows = np.lib.stride_tricks.sliding_window_view(samples, long)
    hann = np.hanning(long + 2)[1:-1].astype(np.float32)
    density = np.float32(1 / (rate * np.square(hann).sum()))
    n_fft = next_fast_len(2 * long, real=True)
    weights = np.concatenate([mel_weights(rate, n_fft), line_weights(rate, n_fft)], axis=1)
    bands = np.empty((len(starts), BANDS + LINES), np.float32)
    level = np.empty(len(starts), np.float32)
    mean = np.zeros(n_fft // 2 + 1)
    for first in range(0, len(starts), AT_A_TIME):
        rows = slice(first, first + AT_A_TIME)
        seen = windows[starts[rows]]
        level[rows] = np.square(seen).mean(axis=1)
        wave = rfft(seen * hann, n_fft, axis=1)
        power = (np.square(wave.real) + np.square(wave.imag)) * density
        bands[rows] = power @ weights
        mean += power.sum(axis=0, dtype=np.float64)
    return Spectrum(bands[:, :BANDS], bands[:, BANDS:], mean / len(starts), level)


@lru_cache(maxsize=16)
def mel_weights(rate: int, n_fft: int) -> Floats:
    """Triangles over frequencies, as (F, 40), each of sum 1; zero above half the rate.

    Notes
    -----
    mel = 2595 log10(1 + f / 700).

    References
    ----------
    O'Shaughnessy (1987), "Speech communication: human and machine", p. 150.
    """
    edges = 700 * (10 ** (np.linspace(0, _mel(HIGHEST), BANDS + 2) / 2595) - 1)
    return _triangles(edges, rate, n_fft)


@lru_cache(maxsize=16)
def line_weights(rate: int, n_fft: int) -> Floats:
    """Triangles 50 Hz apart, as (F, 33), each of sum 1; zero above half the rate."""
    edges = LINES_FROM + LINES_APART * np.arange(LINES + 2, dtype=np.float64)
    return _triangles(edges, rate, n_fft)


def _triangles(edges: NDArray[np.float64], rate: int, n_fft: int) -> Floats:
    """Triangles that rise from one edge to the next and fall to the one after."""
    f = np.arange(n_fft // 2 + 1)[:, None] * rate / n_fft
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    up, down = (f - low) / (middle - low), (high - f) / (high - middle)
    weights = np.maximum(0, np.minimum(up, down))
    weights[:, high > rate / 2] = 0
    return (weights / np.maximum(weights.sum(axis=0), 1e-12)).astype(np.float32)


def decibels(power: Floats, below: float) -> Floats:
    """Return powers in dB below their highest, at least ``-below``; silence is all ``-below``."""
    most = float(power.max(initial=0.0))
    if most <= 0:
        return np.full(power.shape, -below, np.float32)
    share = np.maximum(power / most, 10 ** (-below / 10))
    return (10 * np.log10(share)).astype(np.float32)


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))
