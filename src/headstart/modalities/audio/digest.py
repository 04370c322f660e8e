"""The digest of a recording: a small picture of its sound, its print, and a few figures."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from headstart.modalities.audio.clip import Clip, Origin
from headstart.modalities.audio.spectrum import BANDS, LINES, Spectrum, decibels, spectrum

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

CELLS = 32
"""Stretches that the picture is cut into, whatever the length."""
RANGE = 80.0
"""dB below its loudest band at which the picture of a recording is black."""
COEFFICIENTS = 20
PRINT_RANGE = 40.0
"""dB below its loudest cell at which a print is blank: softer noise belongs to the room, or to a
codec."""
MOST_CELLS = 256
"""Cells of a print at most. They last 10 ms, or that times 2, 4, 8... of what is longer than this
many of them, so that a print spans the whole recording."""
SILENT = -60.0
"""Loudness of a window, in dB below full scale, under which it is silence: 1/1000 of full scale."""
LEAST = -120.0
EDGE = 1e-6
"""Power below that of the strongest frequency at which a recording is taken to end: 60 dB. A
resampled one falls by over 100 dB at its old end; the noise of a quiet room stays above."""
DIGEST_KEY = f"{BANDS} mels of {CELLS} cells, {COEFFICIENTS} MFCC, print of {MOST_CELLS} cells"


@dataclass(frozen=True)
class AudioDigest:
    """What is kept of a recording.

    Attributes
    ----------
    picture : ndarray of shape (40, 32), uint8
        Mel bands, low ones first, over time: 255 the loudest, 0 what is 80 dB softer.
    mfcc : ndarray of shape (60,), float32
        Mean and standard deviation of 20 coefficients, and standard deviation of their slopes.
    sound : ndarray of shape (T, 33), uint8
        The print: 255 the loudest, 0 what is 40 dB softer; T is 256 at most.
    doublings : int
        A cell of the print lasts 10 ms times 2 to the power of this.
    rate : int
        Hz.
    seconds : float
        What was read.
    peak : float
        Largest absolute value; 1 is full scale.
    loudness : float
        Of the whole, dB below full scale; -120 at least.
    noise : float
        Loudness of the softest tenth of its windows, in dB below the whole; 0 to -120.
    silence : float
        Share of windows that are silent, 0 to 1.
    edge : float
        Hz: the highest frequency at which there is anything.
    origin : Origin
        What its file tells.
    """

    picture: Bytes
    mfcc: Floats
    sound: Bytes
    doublings: int
    rate: int
    seconds: float
    peak: float
    loudness: float
    noise: float
    silence: float
    edge: float
    origin: Origin

    def pack(self) -> bytes:
        """Write it for the cache: what has a fixed size, then the print behind the rest as JSON."""
        rest = json.dumps([getattr(self, name) for name in _FIGURES] + [asdict(self.origin)])
        told = rest.encode()
        size = len(told).to_bytes(4, "little")
        arrays = (self.picture, self.mfcc.astype("<f4"))
        return b"".join([*(a.tobytes() for a in arrays), size, told, self.sound.tobytes()])

    @classmethod
    def unpack(cls, data: bytes) -> AudioDigest:
        """Read what ``pack`` wrote."""
        n, m = BANDS * CELLS, 3 * COEFFICIENTS
        picture = np.frombuffer(data, np.uint8, n).reshape(BANDS, CELLS)
        mfcc = np.frombuffer(data, "<f4", m, n).astype(np.float32)
        first = n + 4 * m + 4
        end = first + int.from_bytes(data[first - 4 : first], "little")
        *figures, origin = json.loads(data[first:end])
        sound = np.frombuffer(data, np.uint8, offset=end).reshape(-1, LINES)
        told = dict(zip(_FIGURES, figures, strict=True))
        return cls(picture, mfcc, sound, origin=Origin(**origin), **told)


_FIGURES = tuple(f.name for f in fields(AudioDigest))[3:-1]


def digest(clip: Clip) -> AudioDigest:
    """Keep what copies, checks, rivals and maps need."""
    seen = spectrum(clip.samples, clip.rate)
    db = decibels(seen.bands, RANGE)
    sound, doublings = _print(seen.lines)
    loudness = _loudness(float(np.square(clip.samples, dtype=np.float64).mean()))
    softest = _loudness(float(np.quantile(seen.level, 0.1)))
    return AudioDigest(
        _to_bytes(_over_time(db).T, RANGE),
        mfcc(db),
        sound,
        doublings,
        clip.rate,
        round(clip.seconds, 4),
        float(np.abs(clip.samples).max()),
        loudness,
        min(softest - loudness, 0.0),
        float((seen.level < 10 ** (SILENT / 10)).mean()),
        _edge(seen, clip.rate),
        clip.origin,
    )


def mfcc(db: Floats) -> Floats:
    """Describe (T, 40) bands in dB by mel-frequency cepstral coefficients: (60,).

    References
    ----------
    Davis & Mermelstein (1980), "Comparison of parametric representations for monosyllabic word
    recognition", IEEE ASSP 28, equation 1. Furui (1986), "Speaker-independent isolated word
    recognition using dynamic features of speech spectrum", IEEE ASSP 34: slopes.
    """
    from scipy.fft import dct  # only when asked: all modalities are loaded

    told = dct(db / 10, type=2, norm="ortho", axis=1)[:, :COEFFICIENTS]
    ahead = np.pad(told, ((2, 2), (0, 0)), "edge")
    slope = (ahead[3:-1] - ahead[1:-3] + 2 * (ahead[4:] - ahead[:-4])) / 10
    parts = [told.mean(axis=0), told.std(axis=0), slope.std(axis=0)]
    return np.concatenate(parts).astype(np.float32)


def _print(lines: Floats) -> tuple[Bytes, int]:
    """Shrink (T, 33) lines to at most 256 cells; tell how often time was halved."""
    doublings = 0
    while len(lines) > MOST_CELLS:
        lines = halved(lines)
        doublings += 1
    return _to_bytes(decibels(lines, PRINT_RANGE), PRINT_RANGE), doublings


def halved(power: Floats) -> Floats:
    """Average neighbours in time; of an odd number the last one is left out."""
    return power[: len(power) // 2 * 2].reshape(-1, 2, power.shape[1]).mean(axis=1)


def _over_time(db: Floats) -> Floats:
    """Average (T, 40) over 32 stretches of time; of fewer rows some stand twice."""
    edges = np.arange(CELLS) * len(db) // CELLS
    counts = np.maximum(np.diff(np.append(edges, len(db))), 1)
    return (np.add.reduceat(db, edges, axis=0) / counts[:, None]).astype(np.float32)


def _to_bytes(db: Floats, below: float) -> Bytes:
    return np.ascontiguousarray((255 * (1 + db / below)).round().clip(0, 255).astype(np.uint8))


def _loudness(power: float) -> float:
    """Return a mean square in dB below full scale."""
    return max(LEAST, 10 * float(np.log10(max(power, 1e-30))))


def _edge(seen: Spectrum, rate: int) -> float:
    """Return the highest frequency that is less than 60 dB below the strongest."""
    most = seen.mean.max()
    if most <= 0:
        return 0.0
    last = np.flatnonzero(seen.mean >= EDGE * most)[-1]
    return round(float(last) * rate / 2 / (len(seen.mean) - 1), 1)
