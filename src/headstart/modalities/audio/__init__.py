"""Recordings: words, voices, noises, in files.

Read ``clip.py`` (what a recording is) and ``stretches.py`` (a stretch of a long one).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from headstart.modalities import (
    Circumstance,
    Fed,
    Kind,
    Modality,
    Unit,
    UnreadableError,
    refuse_unknown,
)
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.stretches import cut, seconds, stretches
from headstart.said import N_, NN_, _

NN_("{n:,} recording", "{n:,} recordings"), N_("a recording")

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".au", ".caf", ".opus")
BANDS = 64


@dataclass(frozen=True)
class Spectrum:
    """A look: the mean spectrum in bands, as a square of one channel thrice."""

    detail: int = 0
    columns: tuple[str, ...] = ()

    def __call__(self, x: Clip) -> Fed:
        """Describe a recording by how loud its bands are: float32 (BANDS,)."""
        return spectrum(x)

    def batch(self, fed: Sequence[Fed]) -> Fed:
        """Join along a new first axis."""
        return np.stack(fed)

    def drawn(self, n: int) -> Fed:
        """Make up a batch."""
        return np.random.default_rng(0).normal(size=(n, BANDS)).astype(np.float32)

    def asked(self, **options: Any) -> Self:
        """Take nothing."""
        refuse_unknown({k: v for k, v in options.items() if v is not None}, _("a recording"))
        return self

    def to_json(self) -> dict[str, Any]:
        """Return nothing: there is nothing to set."""
        return {}

    def says(self) -> str:
        """Say what happens to a recording."""
        return _("Each {one} becomes how loud its bands are.", one=_("recording"))


def spectrum(x: Clip) -> NDArray[np.float32]:
    """Return the loudness of ``BANDS`` equal bands of the whole recording, in log."""
    power = np.abs(np.fft.rfft(x.samples, max(len(x.samples), 4 * BANDS))) ** 2
    bands = [band.mean() for band in np.array_split(power, BANDS)]
    return np.log10(np.array(bands) + 1e-10).astype(np.float32)


class AudioModality(Modality[Clip, NDArray[np.float32]]):
    """Recordings in files."""

    name = "audio"
    unit = Unit(N_("recording"), N_("recordings"))
    digest_key = "audio-bands"
    columns = ("audio", "wav", "recording", "录音", "音频")

    def recognise(self, kind: Kind, name: str, head: bytes) -> float:
        """Judge by the suffix."""
        return float(kind == "file" and Path(name).suffix.lower() in SUFFIXES)

    def read(self, data: bytes, detail: int = 0) -> Clip:
        """Decode a recording."""
        from soundfile import LibsndfileError
        from soundfile import read as decode

        try:
            samples, rate = decode(io.BytesIO(data), dtype="float32", always_2d=True)
        except LibsndfileError as cause:
            raise UnreadableError(cause.error_string) from cause
        if len(samples) < 0.05 * rate:
            raise UnreadableError(_("shorter than 50 ms"))
        return Clip(samples.mean(axis=1), rate)

    def digest(self, x: Clip) -> NDArray[np.float32]:
        """Keep its bands."""
        return spectrum(x)

    def pack(self, d: NDArray[np.float32]) -> bytes:
        """Write bands."""
        return d.tobytes()

    def unpack(self, data: bytes) -> NDArray[np.float32]:
        """Read bands."""
        return np.frombuffer(data, np.float32)

    def look(self, values: dict[str, Any]) -> Spectrum:
        """Rebuild a look."""
        return Spectrum(**values)

    def backbone(self, digests: object) -> str:
        """Name none: there is none yet."""
        return "identity"

    def seconds(self, file: Path | BinaryIO) -> float:
        """Return how long a recording is."""
        return seconds(file)

    def cut(self, file: Path | BinaryIO, start: float, end: float) -> bytes:
        """Return a stretch of a recording."""
        return cut(file, start, end)

    def stretches(
        self, file: Path | BinaryIO, every: float
    ) -> Iterator[tuple[float, float, bytes]]:
        """Give one stretch of a recording after the other."""
        return stretches(file, every)

    def circumstances(self, d: NDArray[np.float32]) -> Mapping[str, Circumstance]:
        """Tell nothing yet."""
        return {}
