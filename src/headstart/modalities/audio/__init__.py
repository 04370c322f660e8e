"""Recordings: words, voices, noises, in files."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

from headstart.modalities import Fed, Kind, Modality, Unit, UnreadableError
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.extra import refuse_without_extra
from headstart.modalities.audio.look import Mels, Waves, look
from headstart.modalities.audio.packing import TAKEN, packs
from headstart.said import N_, NN_, _

NN_("{n:,} recording", "{n:,} recordings"), N_("a recording")

RECIPE = {"lr": 1e-4, "augment": "none"}


class AudioModality(Modality[Clip, bytes]):
    """Recordings in files."""

    name = "audio"
    unit = Unit(N_("recording"), N_("recordings"))
    digest_key = "audio-0"
    taken = TAKEN
    recipe = RECIPE

    def recognise(self, kind: Kind, name: str, head: bytes) -> float:
        """Judge a file by its suffix."""
        return float(kind == "file" and name.lower().endswith(".wav"))

    def read(self, data: bytes, detail: int = 0) -> Clip:
        """Read the first channel."""
        refuse_without_extra()
        import soundfile

        try:
            samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            raise UnreadableError(_("no recording")) from None
        return Clip(samples[:, 0], rate)

    def digest(self, x: Clip) -> bytes:
        """Keep its length."""
        return str(len(x.samples)).encode()

    def pack(self, d: bytes) -> bytes:
        """Write a digest."""
        return d

    def unpack(self, data: bytes) -> bytes:
        """Read a digest."""
        return data

    def look(self, values: dict[str, Any]) -> Mels | Waves:
        """Rebuild a look."""
        return look(values)

    def packs(self, fed: Sequence[Fed]) -> list[list[int]]:
        """Pack recordings of one shape."""
        return packs(fed)

    def backbone(self, digests: Callable[[], Sequence[bytes]]) -> str:
        """Name Whisper's smallest encoder."""
        return "whisper-tiny"
