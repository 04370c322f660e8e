"""Networks for sound of two layers, saved as Hugging Face lays them out, and recordings to hear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from headstart.modalities.audio.clip import Clip

WHISPER: dict[str, Any] = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "vocab_size": 20,
    "max_source_positions": 100,
    "max_target_positions": 8,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}
WAVES: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "vocab_size": 20,
}


def save_tiny(folder: Path, kind: str, **changed: Any) -> Path:
    """Save a network of a kind that transformers knows, with random weights."""
    from transformers import AutoConfig, AutoModel

    form = {**(WHISPER if kind == "whisper" else WAVES), **changed}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModel.from_config(AutoConfig.for_model(kind, **form)).save_pretrained(folder)
    return folder


def clip(seconds: float, seed: int = 0, rate: int = 16_000) -> Clip:
    """Draw a tone in noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * rng.uniform(100, 1000) * t) * np.exp(-3 * t)
    return Clip((0.3 * tone + 0.02 * rng.standard_normal(len(t))).astype(np.float32), rate)
