"""From bytes to a recording: any file that soundfile reads becomes one channel at its own rate.

Rules, one test each: channels become their mean, or the loudest where they cancel each other;
values over 1 of files of real numbers are kept; what is no finite number, or larger than any that a
sound is written in, is zero where it is rare, and else refuses the file; a file is decoded in
blocks, and of a long one the first ``MOST_SECONDS`` are kept.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headstart.modalities import UnreadableError
from headstart.modalities.audio.clip import Clip, Origin
from headstart.modalities.audio.extra import refuse_without_extra
from headstart.modalities.audio.formats import FORMATS, LOOKED_AT, why_not
from headstart.modalities.audio.headers import is_unfinished, promised
from headstart.modalities.libraries import Libraries
from headstart.said import N_, _

if TYPE_CHECKING:
    from soundfile import SoundFile

LEAST_SECONDS = 0.05
"""Two windows of 25 ms: of less there is no sound to speak of."""
MOST_SECONDS = 1800
"""What is kept of one recording: half an hour takes 345 MB at 48,000 samples a second."""
RATES = (1_000, 384_000)
"""Samples a second, Hz: of telemetry and of studios; other numbers stand in damaged headers."""
BLOCK, SMALL_BLOCK = 2**22, 2**12
"""Values that are decoded at a time, 16 MB; few, where the next ones are damaged."""
CANCELLED = 0.1
"""The energy of the mean of the channels, as a part of what it is where they have nothing in
common, below which they cancel each other: 1 where they are unlike or one is silent, as many as
there are channels where they are alike, 0 in anti-phase (plain choice)."""
MENDED = 0.01
"""Share of samples that are no usable numbers up to which they are set to zero (plain choice)."""
LARGEST = 2.0**32
"""Samples are at most 1, or whole numbers of up to 32 bits. A damaged file of real numbers goes up
to 1e38, the square of which is no number."""
FULL, FLAT = 0.98, 3
"""A value near full scale (the upper step of mu-law is .98), and how many equal ones follow each
other where a recording is clipped: a loud tone only touches its peak."""
LOSSY = frozenset({"MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III", "VORBIS", "OPUS"})
DAMAGED = N_("damaged ({cause})")
_LIBRARIES = Libraries()


def decode(data: bytes) -> Clip:
    """Decode one file's bytes.

    Raises
    ------
    UnreadableError
        Empty, no recording, of a format that is not read, damaged from the first moment, shorter
        than 50 ms, or largely not made of numbers.
    MissingExtraError
        What recordings need is not installed.
    """
    refuse_without_extra()
    with _opened(data) as file:
        about = _about(file)
    mix = _mixed(data, about)
    _refuse_what_is_too_little(mix, about.rate)
    opposed = mix.opposed
    samples = _mixed(data, about, mix.loudest).samples if opposed else mix.samples
    whole = max(about.frames, mix.frames) * promised(data)
    reached = mix.frames >= min(about.most, about.frames) and not mix.damage
    origin = Origin(
        about.format,
        about.subtype,
        about.channels,
        declared=whole / about.rate,
        broken=not reached or whole > about.frames * 1.001 + 1 or is_unfinished(data),
        cut=reached and about.frames > about.most,
        opposed=opposed,
        mended=mix.strange,
        clipped=mix.clipped / max(mix.frames * about.channels, 1),
    )
    return Clip(samples, about.rate, origin)


@dataclass(frozen=True)
class _About:
    """What the header of a file says."""

    format: str
    subtype: str
    channels: int
    rate: int
    frames: int

    @property
    def most(self) -> int:
        """Frames that are kept."""
        return MOST_SECONDS * self.rate


@dataclass
class _Mix:
    """One channel, as it grows block by block, and what is counted on the way."""

    parts: list[NDArray[np.float32]] = field(default_factory=list)
    energy: NDArray[np.float64] | float = 0.0  # of each channel
    mean_energy: float = 0.0
    strange: int = 0
    clipped: int = 0
    frames: int = 0
    damage: str = ""

    @property
    def samples(self) -> NDArray[np.float32]:
        """All of it."""
        return self.parts[0] if len(self.parts) == 1 else np.concatenate(self.parts)

    @property
    def loudest(self) -> int:
        """Which channel has the most energy."""
        return int(np.argmax(self.energy))

    @property
    def opposed(self) -> bool:
        """Whether the channels cancel each other in their mean."""
        energy = np.atleast_1d(self.energy)
        unlike = float(energy.sum()) / len(energy) ** 2
        return self.mean_energy < CANCELLED * unlike

    def add(self, block: NDArray[np.float32], channel: int | None) -> None:
        """Take the next block, (frames, channels)."""
        fine = np.abs(block) <= LARGEST  # which NaN is not
        if not fine.all():
            self.strange += int((~fine).sum())
            block[~fine] = 0
        mixed = block.mean(axis=1) if channel is None else block[:, channel].copy()
        self.energy = self.energy + np.square(block, dtype=np.float64).sum(axis=0)
        self.mean_energy += float(np.square(mixed, dtype=np.float64).sum())
        self.frames += len(block)
        self.parts.append(mixed)


def _mixed(data: bytes, about: _About, channel: int | None = None) -> _Mix:
    """Decode a file block by block into one channel: the mean of all, or one of them.

    Where a block is damaged the file is decoded anew in small ones, up to the damage.
    """
    from soundfile import SoundFileError

    mix = _Mix()
    for size in (BLOCK, SMALL_BLOCK):
        mix = _Mix(damage=mix.damage)
        try:
            for block in _blocks(data, about, max(size // about.channels, 1)):
                mix.clipped += _clipped(block, about.subtype in LOSSY)
                mix.add(block, channel)
        except (SoundFileError, RuntimeError) as cause:
            mix.damage = plain(cause)
        else:
            break
    if not mix.parts and mix.damage:
        raise UnreadableError(_(DAMAGED, cause=mix.damage))
    return mix


def _blocks(data: bytes, about: _About, frames: int) -> Iterator[NDArray[np.float32]]:
    """Decode the beginning of a file, (frames, channels) at a time."""
    left = about.most
    with _opened(data) as file:
        while left > 0:
            block = file.read(min(frames, left), dtype="float32", always_2d=True)
            if not len(block):
                return
            left -= len(block)
            yield block


class _Held(io.BytesIO):
    """Bytes as a file, in which a damaged header may point to before the beginning."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Stay where that is no place: an error would be printed, as nobody could catch it."""
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


@contextmanager
def _opened(data: bytes) -> Iterator[SoundFile]:
    """Open a file; say why it cannot be."""
    from soundfile import SoundFile, SoundFileError

    try:
        file = SoundFile(_Held(data))
    except (SoundFileError, RuntimeError, TypeError) as cause:  # TypeError: it may be raw samples
        raise UnreadableError(why_not(data[:LOOKED_AT])) from cause
    with file:
        yield file


def quiet() -> AbstractContextManager[None]:
    """Silence what mpg123 prints over damaged MP3: what is missing of one is said by ``check``."""
    return _LIBRARIES.caught()


def _about(file: SoundFile) -> _About:
    """Read the header; refuse what is out of all bounds."""
    if file.format not in FORMATS:
        raise UnreadableError(_("not a recording that can be read"))
    low, high = RATES
    if not low <= file.samplerate <= high:
        raise UnreadableError(
            _(
                "its header gives a sampling rate of {rate:,} Hz, which no recording has ({low:,} "
                "to {high:,} Hz)",
                rate=file.samplerate,
                low=low,
                high=high,
            )
        )
    return _About(file.format, file.subtype, file.channels, file.samplerate, file.frames)


def _refuse_what_is_too_little(mix: _Mix, rate: int) -> None:
    if mix.frames < LEAST_SECONDS * rate:
        raise UnreadableError(
            _(
                "too short: {long:.0f} ms, and a recording has at least {least:.0f} ms",
                long=1000 * mix.frames / rate,
                least=1000 * LEAST_SECONDS,
            )
        )
    share = mix.strange / (mix.frames * np.size(mix.energy))
    if share > MENDED:
        raise UnreadableError(
            _(
                "{share:.0%} of its values are no usable numbers (NaN, infinite, or beyond "
                "4 billion)",
                share=share,
            )
        )


def _clipped(block: NDArray[np.float32], lossy: bool) -> int:
    """Count values of (frames, channels) that stay at full scale for three or more.

    A lossy codec rounds what is flat: there, values beyond full scale count.
    """
    high = np.abs(block) >= FULL
    if not high.any():
        return 0
    if lossy:
        return int((np.abs(block) >= 1).sum())
    same = (block[1:] == block[:-1]) & high[1:]
    runs = same[1:] & same[:-1]  # a value like the two before it
    flat = np.zeros(block.shape, bool)
    for k in range(FLAT):
        flat[k : k + len(runs)] |= runs
    return int(flat.sum())


def plain(cause: Exception) -> str:
    """Return what libsndfile says, without the name of what it reads from."""
    said = getattr(cause, "error_string", "") or str(cause)
    return said.rstrip(".") or type(cause).__name__
