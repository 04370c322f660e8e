"""A backbone kept inside a model folder: its weights, rebuilt by the architecture on its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.backbones import Card, untrained
from headstart.errors import ArtifactError, HeadstartError
from headstart.said import _

if TYPE_CHECKING:
    from headstart.backbones.network import Backbone

REBUILT = ("timm", "torchvision", "transformers", "onnx")
"""Libraries that build an architecture by its name; any other is built by its provider."""


@dataclass(frozen=True)
class SavedBackbone:
    """Stands where a :class:`~headstart.backbones.Ref` does, for weights in a folder."""

    path: Path
    card: Card
    seed: None = None
    block: str = ""
    """Where it ends; "": it is whole. The card is that of the whole network."""

    def __str__(self) -> str:
        return self.card.name

    def fingerprint(self) -> str:
        """Hash of the weights, as their card has it."""
        mark = f"{self.card.weights_hash}|{self.card.look!r}"
        return f"{mark}|{self.block}" if self.block else mark

    def load(self) -> Backbone:
        """Build the architecture and fill it; raises ``ArtifactError`` where they do not fit."""
        from safetensors.torch import load_file

        try:
            backbone = self._built()
            backbone.use(self.card)
            if self.block:
                from headstart.backbones.layer import end_at

                end_at(backbone, self.block)
            backbone.net.load_state_dict(load_file(self.path))
        except (RuntimeError, HeadstartError) as cause:
            raise ArtifactError(
                _(
                    "{path} does not fit {architecture} as installed here: {cause}",
                    path=str(self.path),
                    architecture=self.card.architecture,
                    cause=str(cause).splitlines()[0],
                ),
                _("Install the versions that run.json names."),
            ) from cause
        return backbone

    def _built(self) -> Backbone:
        if self.card.architecture.partition(":")[0] not in REBUILT:
            return untrained(self.card.architecture)
        if self.card.architecture.startswith("onnx:"):
            from headstart.backbones.onnx_face import rebuilt as rebuilt_onnx

            return rebuilt_onnx(self.path.parent, self.card)
        if self.card.architecture.startswith("transformers:") and self.card.modality == "audio":
            from headstart.backbones.audio_network import rebuilt as rebuilt_audio

            return rebuilt_audio(self.path.parent, self.card)
        if self.card.architecture.startswith("transformers:"):
            from headstart.backbones.text_network import rebuilt

            return rebuilt(self.path.parent, self.card)
        from headstart.backbones.file import build

        return build(self.card.architecture, None, self.card.name)

    @staticmethod
    def save(backbone: Backbone, path: Path) -> None:
        """Write the weights of the network, without its source head."""
        from safetensors.torch import save_file

        tensors = {k: v.contiguous().clone() for k, v in backbone.net.state_dict().items()}
        save_file(tensors, path, metadata={"architecture": backbone.card.architecture})
        backbone.save_beside(path.parent)
