"""Weights from a file of your own: ``file:PATH#ARCHITECTURE``.

``PATH`` is a ``.safetensors`` file or a state dict saved by torch (read with ``weights_only``, so
nothing in it can run). ``ARCHITECTURE`` is ``timm:NAME``, ``torchvision:NAME`` or an embedded name.
It may be left out where the file says it: a safetensors metadata key ``architecture``, or a
``config.json`` beside it as timm's own hub folders have.

``file:PATH.onnx`` is a whole network that recognises faces (``backbones/onnx_face.py``);
``#face:MEAN:STD`` says how it takes colours, where it is not as ArcFace does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.backbones import LISTING, Listing
from headstart.backbones.libraries import load_timm, load_torchvision
from headstart.errors import BackboneError
from headstart.registry import unknown_name
from headstart.said import N_, _

if TYPE_CHECKING:
    from headstart.backbones.network import Backbone
    from headstart.backbones.vision import VisionBackbone

NAMING = N_("Name it like file:weights.safetensors#timm:resnet18 or #torchvision:vgg16.")
SOURCE, LICENCE = N_("a file of the user's"), N_("the user's own")
ONNX, FACE, SCALE = ".onnx", "face", (127.5, 127.5)
"""What is subtracted from colours of 0 to 255, and what the result is divided by: ArcFace's."""


class FileProvider:
    """One weights file and the architecture it belongs to."""

    def listings(self) -> Iterable[Listing]:
        """List nothing: files are named by their path."""
        return ()

    def fingerprint(self, name: str) -> str | None:
        """Return None: only loading tells."""
        return None

    def load(self, name: str, *, pretrained: bool = True) -> Backbone:
        """Build the architecture and fill it from the file."""
        location, _mark, architecture = name.partition("#")
        path = Path(location).expanduser()
        if not path.is_file():
            raise BackboneError(_("There is no weights file {path!r}.", path=str(path)), _(NAMING))
        if path.suffix.lower() == ONNX:
            from headstart.backbones.onnx_face import build as build_onnx

            return build_onnx(
                path.read_bytes(),
                path.name,
                scale_of(architecture),
                licence=LICENCE,
                source=SOURCE,
                pretrained=pretrained,
            )
        architecture = architecture or said_architecture(path)
        return build(
            architecture,
            read_state(path) if pretrained else None,
            f"file:{path.name}#{architecture}",
        )


def scale_of(asked: str) -> tuple[float, float]:
    """Read ``face`` or ``face:MEAN:STD``; raises ``BackboneError`` for anything else."""
    kind, colon, scale = asked.partition(":")
    try:
        mean, std = map(float, scale.split(":")) if colon else SCALE
    except ValueError:
        mean, std = 0.0, 0.0
    if kind not in ("", FACE) or not (math.isfinite(mean) and 0 < std < math.inf):
        raise BackboneError(
            _("#{asked} does not say how an ONNX network takes faces.", asked=asked),
            _(
                "Name it like file:network.onnx, or file:network.onnx#face:127.5:128 where 127.5 "
                "is subtracted from colours of 0 to 255, and the result divided by 128."
            ),
        )
    return mean, std


def said_architecture(path: Path) -> str:
    """Read the architecture a weights file, or the config beside it, names."""
    if path.suffix == ".safetensors":
        metadata = _open_safetensors(path)[1]
        if metadata.get("architecture"):
            return metadata["architecture"]
    config = path.with_name("config.json")
    if config.is_file():
        try:
            name = json.loads(config.read_text("utf-8")).get("architecture")
        except (ValueError, AttributeError):
            name = None
        if isinstance(name, str):
            return name if ":" in name else f"timm:{name}"
    raise BackboneError(
        _("{file} does not say which architecture it belongs to.", file=path.name), _(NAMING)
    )


def read_state(path: Path) -> dict[str, Any]:
    """Read tensors by name from safetensors or from a torch state dict, without unpickling code."""
    if path.suffix == ".safetensors":
        return _open_safetensors(path)[0]
    import torch

    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as cause:  # torch raises many kinds for files that are not state dicts
        raise BackboneError(
            _(
                "{file} is not a state dict that can be read safely ({cause}).",
                file=path.name,
                cause=str(cause).splitlines()[0],
            ),
            _("Save `model.state_dict()` with safetensors or torch.save."),
        ) from cause
    for key in ("state_dict", "model"):  # the two usual wrappings of checkpoints
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(hasattr(v, "shape") for v in state.values()):
        raise BackboneError(
            _("{file} holds no state dict.", file=path.name), _("Save `model.state_dict()`.")
        )
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def build(architecture: str, state: dict[str, Any] | None, label: str) -> VisionBackbone:
    """Build an architecture and load a state dict into it, with or without its source head.

    Parameters
    ----------
    architecture : str
        ``timm:NAME`` or ``torchvision:NAME``; a bare embedded name is understood.
    state : dict of tensors or None
        None leaves the initialisation.
    """
    from headstart.backbones.embedded import PACKAGES

    provider, _colon, name = architecture.partition(":")
    if provider in PACKAGES:
        provider, name = "timm", PACKAGES[provider].architecture
    if provider == "timm":
        return _build_timm(name, state, label)
    if provider == "torchvision":
        return _build_torchvision(name, state, label)
    raise unknown_name(_("architecture"), architecture, ["timm:NAME", "torchvision:NAME"], LISTING)


def _build_timm(name: str, state: dict[str, Any] | None, label: str) -> VisionBackbone:
    load_timm()
    import timm

    from headstart.backbones.timm import wrap_timm

    if not timm.is_model(name.partition(".")[0]):
        raise unknown_name(_("timm architecture"), name, timm.list_models(), LISTING)
    model = timm.create_model(name)
    if state is not None:
        _fill(model, state, f"timm:{name}", label)
    return wrap_timm(model, name=label, source=SOURCE, licence=LICENCE)


def _build_torchvision(name: str, state: dict[str, Any] | None, label: str) -> VisionBackbone:
    load_torchvision()
    import torchvision

    from headstart.backbones.torchvision import wrap_torchvision

    if name not in torchvision.models.list_models():
        raise unknown_name(
            _("torchvision architecture"), name, torchvision.models.list_models(), LISTING
        )
    model = torchvision.models.get_model(name)
    if state is not None:
        _fill(model, state, f"torchvision:{name}", label)
    weights = torchvision.models.get_model_weights(name).DEFAULT
    return wrap_torchvision(model, name, weights, label=label, source=SOURCE)


def _fill(model: Any, state: dict[str, Any], architecture: str, label: str) -> None:
    """Copy tensors by name; the source head may be missing or of another number of classes."""
    wanted = model.state_dict()
    head = [n for n in wanted if n not in state or wanted[n].shape != state[n].shape]
    strange = [n for n in state if n not in wanted]
    last = set(list(wanted)[-2:])
    if strange or not set(head) <= last:
        wrong = (strange or head)[0]
        raise BackboneError(
            _(
                "{file} does not hold weights of {architecture}: {lacking} of {all} tensors are "
                "missing or of another shape and {strange} are unknown to it (first: {first!r}).",
                file=label.removeprefix("file:"),
                architecture=architecture,
                lacking=len(head),
                all=len(wanted),
                strange=len(strange),
                first=wrong,
            ),
            _(NAMING),
        )
    model.load_state_dict({**wanted, **{n: state[n] for n in wanted if n not in head}})


def _open_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as opened:
            return {k: opened.get_tensor(k) for k in opened.keys()}, opened.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as cause:
        raise BackboneError(
            _("{file} is not a safetensors file ({cause}).", file=path.name, cause=str(cause)),
            _("Save it with safetensors."),
        ) from cause
