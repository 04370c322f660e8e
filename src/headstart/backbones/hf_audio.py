"""Networks for sound out of folders as Hugging Face lays them out: Whisper and those of waves.

Of Whisper only the encoder is used. Whether what is used of the others is all there is to one is
not looked up but tried: its own answer must be the same.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.errors import BackboneError
from headstart.modalities.audio.extra import refuse_without_extra
from headstart.modalities.audio.look import LONGEST, Mels, Waves
from headstart.modalities.audio.mels import HOP, RATE
from headstart.said import _, commas

if TYPE_CHECKING:
    from headstart.backbones.audio_network import AudioBackbone, Encoder

KINDS = ("whisper", "wav2vec2", "hubert", "wavlm")
"""By the names of transformers."""
PREPARATION = "preprocessor_config.json"
TOLERANCE = 1e-4


def is_for_sound(config: Mapping[str, Any]) -> bool:
    """Whether a form, ``config.json``, is that of a network for sound."""
    return config.get("model_type") in KINDS


def from_folder(
    folder: Path, name: str, *, pretrained: bool, licence: str, source: str
) -> AudioBackbone:
    """Load a network.

    Parameters
    ----------
    folder : Path
        With ``config.json`` and weights; ``preprocessor_config.json`` is read where it is there.

    Raises
    ------
    BackboneError
        A folder that is not whole, or a network that hears otherwise.
    MissingExtraError
        The extra ``audio`` is not installed.
    """
    refuse_without_extra()
    from headstart.backbones.audio_network import wrap

    model = _model(folder, name, pretrained)
    look = _look(folder, model.config, name)
    net = _alike(model, look, name)
    return wrap(net, model.config, name=name, look=look, licence=licence, source=source)


def _model(folder: Path, name: str, pretrained: bool) -> Any:
    """Load what ``audio_network.Encoder`` takes, in eval mode."""
    from transformers import AutoModel
    from transformers.utils import logging

    from headstart.backbones.audio_network import built

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        if not pretrained:
            return built(json.loads((folder / "config.json").read_text("utf-8"))).eval()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = AutoModel.from_pretrained(folder, local_files_only=True)
    except Exception as cause:  # the library raises many kinds for folders that are not whole
        raise BackboneError(
            _(
                "{name} cannot be loaded as a network for sound ({kind}: {cause}).",
                name=name,
                kind=type(cause).__name__,
                cause=str(cause).splitlines()[0] if str(cause) else "",
            ),
            _(
                "It needs {files}, as transformers' save_pretrained writes them.",
                files="config.json, model.safetensors",
            ),
        ) from cause
    if model.config.model_type == "whisper":
        model = model.encoder
    return model.eval().requires_grad_(False)


def _look(folder: Path, config: Any, name: str) -> Mels | Waves:
    said = _said(folder)
    rate = said.get("sampling_rate", RATE)
    if rate != RATE:
        raise BackboneError(
            _(
                "{name} hears {rate:,} Hz; only networks of {wanted:,} Hz are read.",
                name=name,
                rate=rate,
                wanted=RATE,
            ),
            _("Name another."),
        )
    if config.model_type == "whisper":
        seconds = 2 * config.max_source_positions * HOP / RATE
        return Mels(mels=config.num_mel_bins, seconds=min(LONGEST, seconds))
    kernels, strides = config.conv_kernel, config.conv_stride
    field, stride = 1, 1
    for kernel, step in zip(kernels, strides, strict=True):
        field, stride = field + (kernel - 1) * stride, stride * step
    return Waves(bool(said.get("do_normalize", True)), field, stride)


def _said(folder: Path) -> dict[str, Any]:
    try:
        said = json.loads((folder / PREPARATION).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _alike(model: Any, look: Mels | Waves, name: str) -> Encoder:
    """Take a network apart; raises ``BackboneError`` where stem and layers are not all of it."""
    import torch

    from headstart.backbones.audio_network import Encoder

    if isinstance(look, Mels):  # of which there is one kind
        return Encoder(model)
    fed = torch.from_numpy(look.drawn(1))
    try:
        with torch.no_grad():
            theirs = model(fed[:, 0]).last_hidden_state
            net = Encoder(model).eval()
            maps = net.stem(fed)
            for block in net.blocks:
                maps = block(maps)
        far = float((maps[:, :, 0].transpose(1, 2) - theirs).abs().max())
    except (AttributeError, TypeError, ValueError, RuntimeError):
        far = float("inf")
    if far < TOLERANCE:
        return net
    raise BackboneError(
        _("{name} is built otherwise than networks of its kind are.", name=name),
        _("Those of these kinds are read, without adapters: {kinds}.", kinds=commas(KINDS)),
    )
