"""Whisper's encoder out of the weights that CTranslate2 keeps, under Hugging Face's names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.backbones.ct2 import Tensors
from headstart.errors import BackboneError
from headstart.said import _

HEAD = 64
"""Channels of a head of attention: as many in all of Whisper's networks (table 1 of the paper)."""
NORM = {"gamma": "weight", "beta": "bias"}
LAYER = {
    "self_attention/layer_norm": "self_attn_layer_norm",
    "self_attention/linear_1": "self_attn.out_proj",
    "ffn/layer_norm": "final_layer_norm",
    "ffn/linear_0": "fc1",
    "ffn/linear_1": "fc2",
}
"""Parts of a layer, by their names there and here."""


def config(width: int, layers: int, places: int = 1500, mels: int = 80) -> dict[str, Any]:
    """Return the form of an encoder, as transformers has it."""
    return {
        "model_type": "whisper",
        "d_model": width,
        "encoder_layers": layers,
        "encoder_attention_heads": max(1, width // HEAD),
        "encoder_ffn_dim": 4 * width,
        "max_source_positions": places,
        "num_mel_bins": mels,
        "activation_function": "gelu",
    }


def state(tensors: Tensors, layers: int, name: str) -> dict[str, NDArray[np.float32]]:
    """Return the weights of the encoder by the names of ``WhisperEncoder``, float32.

    Parameters
    ----------
    tensors : dict
        As :func:`headstart.backbones.ct2.read` gives them.
    layers : int
    name : str
        Of the file, for messages.

    Raises
    ------
    BackboneError
        A tensor that is missing, or kept in whole numbers.
    """

    def get(key: str) -> NDArray[np.float32]:
        tensor = tensors.get(f"encoder/{key}")
        if tensor is None or tensor.dtype.kind != "f":
            raise BackboneError(
                _("{file} does not hold {tensor!r} of Whisper.", file=name, tensor=key),
                _("Install the package again."),
            )
        return tensor.astype(np.float32)

    found = {"embed_positions.weight": get("position_encodings/encodings")}
    for part in ("conv1", "conv2"):
        found |= {f"{part}.{end}": get(f"{part}/{end}") for end in ("weight", "bias")}
    found |= _norm(get, "layer_norm", "layer_norm")
    for k in range(layers):
        for theirs, ours in LAYER.items():
            if theirs.endswith("norm"):
                found |= _norm(get, f"layer_{k}/{theirs}", f"layers.{k}.{ours}")
            else:
                for end in ("weight", "bias"):
                    found[f"layers.{k}.{ours}.{end}"] = get(f"layer_{k}/{theirs}/{end}")
        found |= _attention(get, k)
    return found


def _norm(get: Any, theirs: str, ours: str) -> dict[str, NDArray[np.float32]]:
    return {f"{ours}.{end}": get(f"{theirs}/{kind}") for kind, end in NORM.items()}


def _attention(get: Any, k: int) -> dict[str, NDArray[np.float32]]:
    """Cut one matrix into those of queries, keys and values; keys have no bias."""
    found = {}
    for end in ("weight", "bias"):
        parts = np.split(get(f"layer_{k}/self_attention/linear_0/{end}"), 3)
        for part, values in zip("qkv", parts, strict=True):
            if (part, end) != ("k", "bias"):  # which is zero there
                found[f"layers.{k}.self_attn.{part}_proj.{end}"] = values
    return found
