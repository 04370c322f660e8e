"""A recording that a page can play: its beginning, in few kilobytes, in a ``data:`` address."""

from __future__ import annotations

import io
from base64 import b64encode

import numpy as np
from numpy.typing import NDArray

from headstart.modalities.audio.clip import Clip

RATE = 16_000
"""Hz: what networks hear, and a telephone of today."""
SECONDS, BYTES = 10.0, 40_000
"""What is played at most, and how long its address may be."""
FORMS: tuple[tuple[str, str, str, dict[str, float]], ...] = (
    ("ogg", "OGG", "OPUS", {"compression_level": 0.94}),
    ("flac", "FLAC", "PCM_16", {}),
    ("wav", "WAV", "PCM_16", {}),
)
"""The first that libsndfile writes here. Opus at that level takes 2.3 kB a second; the others take
so much more that less is played."""


def playable(clip: Clip) -> tuple[str, float]:
    """Encode the beginning of a recording, as much of it as fits.

    Returns
    -------
    str
        A ``data:`` address of 40,000 characters at most.
    float
        Seconds that are played.
    """
    kind, wave = _form(), _at_16_khz(clip)
    while True:
        data = _written(wave, kind)
        if len(data) <= BYTES or len(wave) <= RATE // 4:
            return data, len(wave) / RATE
        wave = wave[: int(0.95 * len(wave) * BYTES / len(data))]


def _at_16_khz(clip: Clip) -> NDArray[np.float32]:
    import soxr  # of the extra

    first = clip.samples[: int(SECONDS * clip.rate)]
    wave = first if clip.rate == RATE else soxr.resample(first, clip.rate, RATE)
    loud = float(np.abs(wave).max(initial=0.0))
    return np.asarray(wave / max(loud, 1.0), np.float32)  # resampling may go a little over 1


def _written(wave: NDArray[np.float32], kind: int) -> str:
    import soundfile

    name, form, subtype, options = FORMS[kind]
    out = io.BytesIO()
    soundfile.write(out, wave, RATE, format=form, subtype=subtype, **options)
    return f"data:audio/{name};base64," + b64encode(out.getvalue()).decode("ascii")


def _form() -> int:
    import soundfile

    return next(k for k, form in enumerate(FORMS) if soundfile.check_format(form[1], form[2]))
