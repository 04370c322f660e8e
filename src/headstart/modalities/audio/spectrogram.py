"""The picture of a recording: time runs right, pitch runs up, and the louder the brighter."""

from __future__ import annotations

import io
from base64 import b64encode
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from headstart.modalities.audio.clip import Clip

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

BANDS, WIDTH = 64, 256
"""Rows and columns of a picture at most: some 4 kB."""
WINDOW = 0.032
"""Seconds of a frame: as long as a vowel holds still."""
FRAMES = 4
"""Frames that are averaged in a column, at most: an hour costs no more than a minute."""
TOP = 8000.0
"""Hz at the upper edge, for every recording: what one of 8 kHz cannot have stays black."""
RANGE, QUIET = 70.0, -50.0
"""dB from the loudest to black; and full scale in dB that a picture begins at, at least, so that
silence is not blown up into a storm."""
QUALITY = 75
SHADE = 0.7
"""How much of a mark's colour covers the grey under it, as over images."""
BAR = 10
"""Rows of the bars below a marked picture."""


def spectrogram(clip: Clip) -> Bytes:
    """Measure loudness by pitch and time: (64, columns), uint8, low pitch in the last row.

    Notes
    -----
    Power of frames under Hann's window, in triangles that are even in mels, ``2595 log10(1 + f /
    700)`` (O'Shaughnessy 1987, "Speech communication"); in dB below the loudest.
    """
    size = max(16, round(WINDOW * clip.rate))
    wave = np.pad(clip.samples, (0, max(0, size - len(clip.samples))))
    columns = int(np.clip(4 * len(wave) / size, 1, WIDTH))
    each = int(np.clip(4 * len(wave) / size / columns, 1, FRAMES))
    starts = np.linspace(0, len(wave) - size, columns * each).round().astype(np.int64)
    frames = wave[starts[:, None] + np.arange(size)] * np.hanning(size).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(frames, 2 * size, axis=1))) / np.square(size / 4)
    bands = power @ _triangles(clip.rate, 2 * size)
    decibels = 10 * np.log10(bands.reshape(columns, each, BANDS).mean(axis=1) + 1e-12).T
    top = max(float(decibels.max()), QUIET)
    shade = 1 + (decibels[::-1] - top) / RANGE
    return np.asarray((255 * shade.clip(0, 1)).round(), np.uint8)


def coloured(seen: Bytes) -> Image.Image:
    """Colour a picture: black over purple and orange to a pale yellow, by loudness."""
    return Image.fromarray(_colours("magma")[seen])


def marked(seen: Bytes, weight: NDArray[np.floating]) -> Image.Image:
    """Lay weights over a picture in grey, and bars of their height below it.

    Parameters
    ----------
    seen : ndarray of shape (64, columns), uint8
    weight : ndarray of shape (n_parts,), 0 to 1
        Over time, in parts of equal length.
    """
    wide = np.asarray(Image.fromarray(seen).resize((WIDTH, BANDS), Image.Resampling.BILINEAR))
    cell = (np.arange(WIDTH) * len(weight)) // WIDTH
    heat = np.asarray(weight, np.float32).clip(0, 1)[cell]
    # Lighter than the grey itself: what matters in a pause is seen in the black, too.
    grey = np.repeat((40 + 0.8 * wide.astype(np.float32))[..., None], 3, axis=2)
    colour = _colours("inferno")[(255 * heat).round().astype(np.uint8)].astype(np.float32)
    over = SHADE * heat[None, :, None] * (0.35 + 0.65 * wide[..., None] / 255)
    picture = grey + over * (colour[None] - grey)
    tall = np.arange(BAR, 0, -1)[:, None] <= np.ceil(BAR * heat)[None]
    bars = np.where(tall[..., None] & (heat > 0)[None, :, None], colour[None], 24.0)
    return Image.fromarray(np.concatenate([picture, bars]).round().clip(0, 255).astype(np.uint8))


def data_uri(image: Image.Image, quality: int = QUALITY) -> str:
    """Encode a picture as a ``data:`` address: WebP where this Pillow writes it, else PNG."""
    out = io.BytesIO()
    kind = "webp" if features.check("webp") else "png"
    image.save(out, kind, quality=quality, method=4)
    return f"data:image/{kind};base64," + b64encode(out.getvalue()).decode("ascii")


@cache
def _colours(name: str) -> Bytes:
    """Return a colour map of matplotlib as bytes: (256, 3)."""
    from matplotlib import colormaps

    return np.asarray((255 * colormaps[name](np.arange(256))[:, :3]).round(), np.uint8)


@cache
def _triangles(rate: int, size: int) -> Floats:
    """Return the weights of frequencies in bands: (1 + size // 2, 64)."""
    mels = np.linspace(0, 2595 * np.log10(1 + TOP / 700), BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    at = np.fft.rfftfreq(size, 1 / rate)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    shares = np.minimum((at - low) / (middle - low), (high - at) / (high - middle)).clip(0)
    return np.asarray(shares / np.maximum(shares.sum(axis=0), 1e-9), np.float32)
