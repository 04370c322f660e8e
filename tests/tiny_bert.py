"""A text network of two layers, saved as Hugging Face lays one out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

LETTERS = [chr(c) for c in range(ord("a"), ord("z") + 1)]
WORDS = ["good", "bad", "food", "slow", "fast", "room", "very", "not", "好", "坏", "吃", "慢", "快"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [*SPECIAL, *WORDS, *LETTERS, *(f"##{c}" for c in LETTERS), ",", ".", "!"]


def tokenizer() -> Tokenizer:
    """Words, and letters for what is none."""
    made = Tokenizer(models.WordPiece({p: k for k, p in enumerate(PIECES)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def save_tiny(folder: Path, kind: str = "bert", **changed: Any) -> Path:
    """Save a network of a kind that transformers knows, with random weights."""
    from transformers import AutoConfig, AutoModel

    form = {
        "vocab_size": len(PIECES),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
        **changed,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModel.from_config(AutoConfig.for_model(kind, **form)).save_pretrained(folder)
    tokenizer().save(str(folder / "tokenizer.json"))
    said = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(said), "utf-8")
    return folder
