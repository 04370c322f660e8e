"""Spectrograms on the mel scale, as the networks were trained on them.

Both are of 25 ms under a Hann window every 10 ms, at 16 kHz. The mel scale is Slaney's (Auditory
Toolbox, 1998): linear below 1 kHz, logarithmic above, triangles of equal area.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RATE, LENGTH, HOP = 16_000, 400, 160
"""Samples a second; of a frame; between frames."""
LINEAR, BREAK, LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27
"""Hz a mel below the break; where it lies; step of the logarithm of a mel above it."""
FLOOR, RANGE = 1e-10, 8.0
"""Of Whisper: the least power, and how many powers of ten below the loudest are told apart."""
FAINT = 1e-12
"""Power that stands for none: exact zeros are padding."""


@cache
def filters(mels: int) -> Floats:
    """Weights of frequencies in each mel: (1 + LENGTH // 2, mels)."""
    edges = _hertz(np.linspace(_mel(0.0), _mel(RATE / 2), mels + 2))
    there = np.linspace(0, RATE / 2, 1 + LENGTH // 2)
    widths = np.diff(edges)
    slopes = edges[:, None] - there
    rising, falling = -slopes[:-2] / widths[:-1, None], slopes[2:] / widths[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    triangles *= (2 / (edges[2:] - edges[:-2]))[:, None]
    return np.ascontiguousarray(triangles.T, np.float32)


def whisper(wave: Floats, mels: int) -> Floats:
    """Logarithms of power, from a loudest that is told apart from silence: (mels, n // HOP).

    Parameters
    ----------
    wave : ndarray of shape (n,), float32
        At ``RATE``.

    References
    ----------
    Radford et al. (2022), "Robust speech recognition via large-scale weak supervision",
    arXiv:2212.04356, section 2.2, and ``log_mel_spectrogram`` of its code.
    """
    power = _power(wave, "reflect") @ filters(mels)
    frames = power[: max(1, len(wave) // HOP)]  # the code leaves out the one that ends the sound
    logs = np.log10(np.maximum(frames, np.float32(FLOOR)))
    logs = np.maximum(logs, logs.max() - np.float32(RANGE))
    made: Floats = _present((logs + 4) / 4)
    return made


def resemblyzer(wave: Floats, mels: int) -> Floats:
    """Power, of a sound brought up to -30 dB where it is fainter: (mels, 1 + n // HOP).

    References
    ----------
    Wan et al. (2018), "Generalized end-to-end loss for speaker verification", arXiv:1710.10467;
    ``audio.py`` of the package resemblyzer 0.1.4, without its cutting out of silence.
    """
    loud = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))
    gain = max(1.0, 10 ** (-30 / 20) / loud) if loud else 1.0
    made: Floats = _present(_power(wave * np.float32(gain), "constant") @ filters(mels))
    return made


def _power(wave: Floats, edge: str) -> Floats:
    """Power by frequency of frames around every ``HOP``-th sample: (frames, 1 + LENGTH // 2)."""
    from scipy.fft import rfft  # only when asked: all modalities are loaded

    if len(wave) <= LENGTH:  # too short to be mirrored at its ends
        wave = np.pad(wave, (0, LENGTH + 1 - len(wave)))
    around = np.pad(wave, LENGTH // 2, mode=edge)  # type: ignore[call-overload]
    frames = np.lib.stride_tricks.sliding_window_view(around, LENGTH)[::HOP]
    spectrum = rfft(frames * _hann(), axis=1)
    return np.square(spectrum.real) + np.square(spectrum.imag)


def _present(frames: Floats) -> Floats:
    """Turn to (mels, t), and exact zeros to almost nothing: those alone are padding."""
    return np.where(frames == 0, np.float32(FAINT), frames).T


@cache
def _hann() -> Floats:
    return np.hanning(LENGTH + 1)[:-1].astype(np.float32)


def _mel(hertz: float) -> float:
    if hertz < BREAK:
        return hertz / LINEAR
    return float(BREAK / LINEAR + np.log(hertz / BREAK) / LOG_STEP)


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    first = BREAK / LINEAR
    above = BREAK * np.exp(LOG_STEP * (np.maximum(mels, first) - first))
    return np.where(mels < first, LINEAR * mels, above)
