"""Recordings: words, voices, noises, in files.

Read ``clip.py`` (what a recording is), ``read.py`` (bytes to a recording), ``formats.py`` and
``headers.py`` (what its file is), ``encode.py`` (out of memory), ``look.py`` and ``mels.py`` (what
networks take), ``spectrum.py`` and ``digest.py`` (what is kept of it), ``circumstances.py``,
``check.py``, ``copies.py``, ``baselines.py``, ``show.py``, ``parts.py``, ``augmentation.py`` and
``stretches.py`` (a stretch of a long one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from headstart.findings import Finding
from headstart.modalities import Circumstance, Fed, Kind, Modality, Unit
from headstart.modalities.audio import read
from headstart.modalities.audio.augmentation import SoundAugmentation
from headstart.modalities.audio.baselines import RIVALS
from headstart.modalities.audio.check import blank, check
from headstart.modalities.audio.circumstances import OF_CONTENT, circumstances
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.copies import find_copies
from headstart.modalities.audio.digest import DIGEST_KEY, AudioDigest, digest
from headstart.modalities.audio.encode import encode
from headstart.modalities.audio.formats import may_be_recording
from headstart.modalities.audio.look import Mels, Waves, look
from headstart.modalities.audio.packing import TAKEN, packs
from headstart.modalities.audio.parts import TimeParts
from headstart.modalities.audio.show import HINTS, ShowRecordings
from headstart.modalities.audio.stretches import cut, seconds, stretches
from headstart.modalities.copies import Copies
from headstart.said import N_, NN_

if TYPE_CHECKING:
    from headstart.modalities.entry import Entry

NN_("{n:,} recording", "{n:,} recordings"), N_("a recording")

RECIPE = {"lr": 1e-4, "augment": "none"}
"""A plain choice: what fine-tunes encoders of text, too, is between 2e-5 and 1e-4."""


class AudioModality(Modality[Clip, AudioDigest]):
    """Recordings in files."""

    name = "audio"
    unit = Unit(N_("recording"), N_("recordings"))
    held = N_(
        "Give the bytes of a file, or a pair of an array and its sampling rate in Hz: real numbers "
        "from -1 to 1, or whole ones of 16 or 32 bits, of shape (n,) or (n, channels); several of "
        "them as a list."
    )
    columns = ("audio", "audio_path", "recording", "wav", "clip", "录音", "音频")
    show = ShowRecordings()
    parts = TimeParts()
    hints = HINTS
    views = SoundAugmentation()
    rivals = RIVALS
    of_content = OF_CONTENT
    digest_key = DIGEST_KEY
    taken = TAKEN
    recipe = RECIPE
    layered = True
    encoders = ("whisper-tiny", "speaker")
    recognisers = ("speaker", "whisper-tiny")
    small_network = ("embedded:small-sound", {})

    def recognise(self, kind: Kind, name: str, head: bytes) -> float:
        """Judge a file by its suffix or its first bytes."""
        return may_be_recording(name, head) if kind == "file" else 0.0

    def read(self, data: bytes, detail: int = 0) -> Clip:
        """Decode a file at its own rate, whatever the detail."""
        return read.decode(data)

    def encode(self, held: object) -> bytes | None:
        """Write samples with their rate as WAV, without loss."""
        return encode(held)

    def level(self, data: bytes, detail: int) -> int:
        """Return 0: a recording is always read alike."""
        return 0

    def quiet(self) -> AbstractContextManager[None]:
        """Silence what reads MP3."""
        return read.quiet()

    def digest(self, x: Clip) -> AudioDigest:
        """Keep a small spectrogram, a print, and figures."""
        return digest(x)

    def pack(self, d: AudioDigest) -> bytes:
        """Write a digest."""
        return d.pack()

    def unpack(self, data: bytes) -> AudioDigest:
        """Read a digest."""
        return AudioDigest.unpack(data)

    def look(self, values: dict[str, Any]) -> Mels | Waves:
        """Rebuild a look."""
        return look(values)

    def packs(self, fed: Sequence[Fed]) -> list[list[int]]:
        """Pack recordings of one shape."""
        return packs(fed)

    def backbone(self, digests: Callable[[], Sequence[AudioDigest]]) -> str:
        """Name Whisper's smallest encoder, whatever the recordings are."""
        return "whisper-tiny"

    def check(
        self, digests: Sequence[AudioDigest], refs: Sequence[str], look: Mels | Waves
    ) -> list[Finding]:
        """Report silence, ends that are missing or not heard, channels, clipping, several rates."""
        return check(digests, refs, look)

    def blank(self, d: AudioDigest) -> str:
        """Tell silence, and noise that is hardly louder."""
        return blank(d)

    def circumstances(self, d: AudioDigest) -> Mapping[str, Circumstance]:
        """Tell its rate, length, loudness, noise, and what its file tells."""
        return circumstances(d)

    def copies(self, hashes: Sequence[str], digests: Sequence[AudioDigest]) -> Copies:
        """Find copies at another rate, gain, or codec, or that begin or end elsewhere."""
        return find_copies(hashes, digests)

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

    def entry(self, looks: Sequence[Mels | Waves], *, whole: bool = True) -> Entry | None:
        """Return how recordings enter a graph."""
        from headstart.modalities.audio.graph import Wave  # imports torch

        return Wave(looks)
