"""Weights of CTranslate2: what is read, and what is refused, never followed."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.backbones import whisper
from headstart.backbones.audio_network import built
from headstart.backbones.ct2 import TYPES, read
from headstart.errors import BackboneError


def _string(text: str) -> bytes:
    raw = text.encode() + b"\0"
    return struct.pack("<H", len(raw)) + raw


def packed(tensors: dict[str, np.ndarray], aliases: dict[str, str] | None = None) -> bytes:
    """Write tensors as CTranslate2 does."""
    kinds = {np.dtype(form): kind for kind, form in TYPES.items()}
    out = struct.pack("<I", 6) + _string("WhisperSpec") + struct.pack("<II", 3, len(tensors))
    for name, tensor in tensors.items():
        out += _string(name) + struct.pack(f"<B{tensor.ndim}I", tensor.ndim, *tensor.shape)
        out += struct.pack("<BI", kinds[tensor.dtype], tensor.nbytes) + tensor.tobytes()
    out += struct.pack("<I", len(aliases or {}))
    return out + b"".join(_string(a) + _string(b) for a, b in (aliases or {}).items())


SMALL = {
    "a/weight": np.arange(6, dtype=np.float16).reshape(2, 3),
    "b": np.array(2, np.int8),
    "c": np.zeros((0, 4), np.float32),
}
WHOLE = packed(SMALL, {"d": "a/weight"})


def test_every_tensor_is_read_with_its_type_and_its_other_name() -> None:
    found = read(WHOLE, "model.bin")
    assert list(found) == ["a/weight", "b", "c", "d"]
    for name, tensor in SMALL.items():
        assert found[name].dtype == tensor.dtype and np.array_equal(found[name], tensor)
    assert np.array_equal(found["d"], SMALL["a/weight"])


@pytest.mark.parametrize("end", range(len(WHOLE)))
def test_a_file_that_ends_too_soon_is_refused(end: int) -> None:
    with pytest.raises(BackboneError, match=r"model\.bin does not hold weights of CTranslate2"):
        read(WHOLE[:end], "model.bin")


@settings(max_examples=60)
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_a_damaged_file_is_read_or_refused(at: int, value: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[at] = value
    try:
        found = read(bytes(damaged), "model.bin")
    except BackboneError:
        return
    assert all(isinstance(tensor, np.ndarray) for tensor in found.values())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (struct.pack("<I", 5) + WHOLE[4:], "version 5, not 6"),
        (WHOLE + b"more", "4 bytes follow its end"),
        (packed({}, {"a": "b"}), "'b' is not in it"),
        (packed({"a": np.zeros((1,) * 9, np.int8)}), "'a' has 9 axes"),
    ],
)
def test_what_is_amiss_is_said(data: bytes, said: str) -> None:
    with pytest.raises(BackboneError, match=said):
        read(data, "model.bin")


def test_an_encoder_gets_its_weights_by_the_names_of_hugging_face() -> None:
    width, layers = 16, 2
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = built(whisper.config(width, layers, places=50))
    wanted = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    tensors = {"encoder/position_encodings/encodings": wanted["embed_positions.weight"]}
    for part in ("conv1", "conv2"):
        tensors |= {f"encoder/{part}/{e}": wanted[f"{part}.{e}"] for e in ("weight", "bias")}
    pairs = [("encoder/layer_norm", "layer_norm")]
    for k in range(layers):
        ours, theirs = f"layers.{k}", f"encoder/layer_{k}"
        pairs += [(f"{theirs}/{a}", f"{ours}.{b}") for a, b in whisper.LAYER.items()]
        rows = [f"{ours}.self_attn.{p}_proj" for p in "qkv"]
        bias = [wanted.get(f"{row}.bias", np.zeros(width, np.float32)) for row in rows]
        joined = f"{theirs}/self_attention/linear_0"
        tensors[f"{joined}/weight"] = np.concatenate([wanted[f"{row}.weight"] for row in rows])
        tensors[f"{joined}/bias"] = np.concatenate(bias)
    for theirs, ours in pairs:
        ends = whisper.NORM if theirs.endswith("norm") else {"weight": "weight", "bias": "bias"}
        tensors |= {f"{theirs}/{a}": wanted[f"{ours}.{b}"] for a, b in ends.items()}
    found = whisper.state(read(packed(tensors), "model.bin"), layers, "model.bin")
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
    del tensors["encoder/conv2/bias"]
    with pytest.raises(BackboneError, match="does not hold 'conv2/bias' of Whisper"):
        whisper.state(tensors, layers, "model.bin")
