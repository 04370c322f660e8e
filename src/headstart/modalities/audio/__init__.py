"""Recordings: words, voices, noises, in files."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from headstart.modalities import Kind, Modality, Unit, UnreadableError
from headstart.modalities.audio.augmentation import SoundAugmentation
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.digest import AudioDigest, digest
from headstart.modalities.audio.look import Mels
from headstart.modalities.audio.parts import TimeParts
from headstart.modalities.audio.show import HINTS, ShowRecordings
from headstart.said import N_, NN_

NN_("{n:,} recording", "{n:,} recordings"), N_("a recording")


RECIPE = {"augment": "sound"}


class AudioModality(Modality[Clip, AudioDigest]):
    """Recordings in files."""

    name = "audio"
    unit = Unit(N_("recording"), N_("recordings"))
    digest_key = "stand-in"
    show = ShowRecordings()
    parts = TimeParts()
    hints = HINTS
    views = SoundAugmentation()
    recipe = RECIPE

    def recognise(self, kind: Kind, name: str, head: bytes) -> float:
        """Judge a file by its suffix."""
        return float(kind == "file" and name.lower().endswith((".wav", ".flac", ".ogg")))

    def read(self, data: bytes, detail: int = 0) -> Clip:
        """Decode a file."""
        import soundfile

        try:
            wave, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, ValueError, TypeError) as cause:
            raise UnreadableError("no sound") from cause
        if len(wave) < 2 or not np.isfinite(wave).all():
            raise UnreadableError("no sound")
        return Clip(np.ascontiguousarray(wave[:, 0]), rate)

    def digest(self, x: Clip) -> AudioDigest:
        """Keep what stands in for it."""
        return digest(x)

    def pack(self, d: AudioDigest) -> bytes:
        """Write a digest."""
        return d.pack()

    def unpack(self, data: bytes) -> AudioDigest:
        """Read a digest."""
        return AudioDigest.unpack(data)

    def look(self, values: dict[str, Any]) -> Mels:
        """Rebuild a look."""
        return Mels(**{**values, "extent": tuple(values["extent"])})

    def backbone(self, digests: Callable[[], Sequence[AudioDigest]]) -> str:
        """Name the network that comes with the extra."""
        return "whisper-tiny"
