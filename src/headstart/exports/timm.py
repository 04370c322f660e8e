"""timm's own layout: what ``timm.create_model("local-dir:FOLDER", pretrained=True)`` reads.

The head becomes the network's classifier; the temperature, its scale. timm resizes by itself, which
makes it a runtime like any other: its answers are compared, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from headstart.backbones.libraries import load_timm
from headstart.backbones.vision import VisionBackbone
from headstart.errors import ConfigError
from headstart.exports.graph import PROBABILITIES, Graph
from headstart.folder.model import SavedModel
from headstart.modalities.image.look import Preprocessing
from headstart.said import _
from headstart.transfer.heads import LinearHead

NAME = "config.json"
ABOUT = "headstart"
LIBRARY = "timm:"


def refuse(saved: SavedModel) -> None:
    """Raise ``ConfigError`` for a model that timm has no words for."""
    if not saved.card.architecture.startswith(LIBRARY) or not isinstance(
        saved.card.look, Preprocessing
    ):
        why = _("{network} is no network of timm", network=saved.card.name)
    elif not isinstance(saved.model.head, LinearHead):
        why = _("the head is {head}, and timm has linear ones", head=_(saved.model.head.kind))
    elif saved.model.thresholds is not None:
        why = _("it gives several labels, each with a threshold")
    elif saved.model.head.W.shape[0] != saved.card.dim or saved.card.layers == ():
        why = _("the head works on another layer than the last")
    else:
        return
    raise ConfigError(_("timm cannot hold this model: {why}.", why=why), _("Use --format onnx."))


def write(saved: SavedModel, graph: Graph, folder: Path, about: Mapping[str, str]) -> None:
    """Write ``config.json`` and ``model.safetensors``."""
    load_timm()
    import timm
    from timm.models import save_for_hf

    refuse(saved)
    backbone, look, head = graph.body.networks[0], saved.card.look, saved.model.head
    if not isinstance(backbone, VisionBackbone):
        raise ConfigError(
            _("timm cannot hold this model: {why}.", why=_("it has a head on several layers")),
            _("Use --format onnx."),
        )
    assert isinstance(look, Preprocessing)
    assert isinstance(head, LinearHead)
    name = saved.card.architecture.removeprefix(LIBRARY)
    net: Any = timm.create_model(name, pretrained=False, num_classes=len(saved.model.classes))
    missing, unknown = net.load_state_dict(backbone.net.state_dict(), strict=False)
    classifier = net.get_classifier()
    if unknown or not isinstance(classifier, nn.Linear) or len(missing) != 2:
        raise ConfigError(
            _("timm cannot hold this model: {why}.", why=_("its classifier is not one layer")),
            _("Use --format onnx."),
        )
    with torch.no_grad():
        classifier.weight.copy_(torch.tensor(head.W.T / saved.model.temperature))
        classifier.bias.copy_(torch.tensor(head.b / saved.model.temperature))
    net.pretrained_cfg.update(
        input_size=(3, look.size, look.size),
        crop_pct=look.size / look.resize,
        crop_mode="center",
        interpolation=look.interpolation,
        mean=look.mean,
        std=look.std,
    )
    save_for_hf(
        net,
        str(folder),
        model_config={
            "num_classes": len(saved.model.classes),
            "label_names": list(saved.model.classes),
            ABOUT: dict(about),
        },
        safe_serialization=True,
    )


class Timm:
    """Such a folder as timm loads it, with timm's own preparation of images."""

    def __init__(self, file: Path) -> None:
        load_timm()
        import timm
        from timm.data.config import resolve_model_data_config
        from timm.data.transforms_factory import create_transform

        self.about: dict[str, str] = json.loads(file.read_text("utf-8"))[ABOUT]
        name = f"local-dir:{file.parent}"
        self._net = timm.create_model(name, pretrained=True).eval()
        self._prepare = create_transform(**resolve_model_data_config(self._net))

    def named(self, given: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Answer for pixels of any size."""
        from PIL import Image

        with torch.inference_mode():
            logits = self._net(self._prepare(Image.fromarray(given))[None])
        return {PROBABILITIES: np.asarray(logits.softmax(1)[0])}
