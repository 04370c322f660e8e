"""Stretches of a recording, cut out by seeking: of a file of hours only what is asked for is read.

A stretch is written as an AU file of 32-bit floats, at the rate and with the channels of its
recording: every sample that soundfile gives is kept as it is, and, unlike WAV files of floats, such
a file holds no date, so that the same stretch always has the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from headstart.modalities import UnreadableError
from headstart.modalities.audio.formats import LOOKED_AT, why_not
from headstart.modalities.audio.read import DAMAGED, plain
from headstart.said import _

if TYPE_CHECKING:
    from soundfile import SoundFile


def seconds(file: Path | BinaryIO) -> float:
    """Return how long a recording is, as its header says."""
    with _opened(file) as sound:
        return float(sound.frames / sound.samplerate)


def cut(file: Path | BinaryIO, start: float, end: float) -> bytes:
    """Return a stretch of a recording as a file of its own.

    Parameters
    ----------
    file : Path or binary file
    start, end : float
        Seconds, ``0 <= start < end``; what lies beyond the end of the recording is left out.

    Raises
    ------
    OSError
        The file cannot be read.
    UnreadableError
        It is no recording, or ends before the stretch begins.
    """
    with _opened(file) as sound:
        first, last = (round(time * sound.samplerate) for time in (start, end))
        if first >= sound.frames:
            raise UnreadableError(_("the recording ends before this stretch begins"))
        sound.seek(first)
        samples = sound.read(min(last, sound.frames) - first, dtype="float32", always_2d=True)
        return _written(samples, sound.samplerate)


def stretches(file: Path | BinaryIO, every: float) -> Iterator[tuple[float, float, bytes]]:
    """Give start, end and bytes of stretches of ``every`` seconds, read one after the other.

    What is left at the end and shorter than half of ``every`` belongs to the last of them.
    """
    with _opened(file) as sound:
        rate, start = sound.samplerate, 0
        size = max(1, round(every * rate))
        held = sound.read(size, dtype="float32", always_2d=True)
        while len(held):
            following = sound.read(size, dtype="float32", always_2d=True)
            if 2 * len(following) < size:
                held, following = np.concatenate([held, following]), following[:0]
            end = start + len(held)
            yield start / rate, end / rate, _written(held, rate)
            held, start = following, end


@contextmanager
def _opened(file: Path | BinaryIO) -> Iterator[SoundFile]:
    """Open a recording; say why it cannot be opened, or read on."""
    from soundfile import SoundFile, SoundFileError

    head = _head(file)  # which tells a missing file from a damaged one, as soundfile does not
    try:
        sound = SoundFile(file)
    except (SoundFileError, RuntimeError, TypeError) as cause:  # TypeError: it may be raw samples
        raise UnreadableError(why_not(head)) from cause
    with sound:
        try:
            yield sound
        except SoundFileError as cause:
            raise UnreadableError(_(DAMAGED, cause=plain(cause))) from cause


def _head(file: Path | BinaryIO) -> bytes:
    """Return the first bytes of a file; one that is open stays where it is."""
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return opened.read(LOOKED_AT)
    at = file.tell()
    head = file.read(LOOKED_AT)
    file.seek(at)
    return head


def _written(samples: NDArray[np.float32], rate: int) -> bytes:
    """Write samples (n, channels) as a file."""
    from soundfile import write

    held = io.BytesIO()
    write(held, samples, rate, format="AU", subtype="FLOAT")
    return held.getvalue()
