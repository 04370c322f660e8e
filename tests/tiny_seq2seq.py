"""Pairs of simple sentences, and small networks that translate, as transformers saves them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch

WORDS = {
    "the": "le", "a": "un", "big": "grand", "small": "petit", "red": "rouge", "black": "noir",
    "dog": "chien", "cat": "chat", "horse": "cheval", "bird": "oiseau", "house": "maison",
    "garden": "jardin", "river": "fleuve", "street": "rue", "sees": "voit", "hears": "entend",
    "wants": "veut", "finds": "trouve", "today": "aujourd'hui", "now": "maintenant",
    "never": "jamais", "always": "toujours", "mother": "mère", "brother": "frère", "in": "dans",
    "under": "sous", "behind": "derrière", "window": "fenêtre", "bread": "pain", "water": "eau",
}  # fmt: skip
ENGLISH = list(WORDS)


def pairs(n: int, seed: int = 0, length: tuple[int, int] = (4, 9)) -> list[tuple[str, str]]:
    """Draw sentences of known words, and translate them word by word, the last word first."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        words = [ENGLISH[i] for i in rng.integers(len(ENGLISH), size=rng.integers(*length))]
        there = [WORDS[words[-1]], *(WORDS[word] for word in words[:-1])]
        found.append((" ".join(words) + ".", " ".join(there) + "."))
    return found


def write_tsv(path: Path, rows: list[tuple[str, str]], header: str = "en\tfr") -> Path:
    lines = [header, *map("\t".join, rows)] if header else [*map("\t".join, rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def save_marian(folder: Path) -> Path:
    """Save a Marian network with random weights, and its tokenizer of two SentencePiece models."""
    import json

    import sentencepiece
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    folder.mkdir(parents=True)
    text = pairs(300, seed=9)
    pieces: dict[str, int] = {"</s>": 0, "<unk>": 1}
    for name, side in (("source", 0), ("target", 1)):
        made = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([pair[side] for pair in text]),
            model_writer=made,
            vocab_size=90,
            hard_vocab_limit=False,
            minloglevel=2,
        )
        (folder / f"{name}.spm").write_bytes(made.getvalue())
        model = sentencepiece.SentencePieceProcessor(model_proto=made.getvalue())
        for i in range(model.get_piece_size()):
            pieces.setdefault(model.id_to_piece(i), len(pieces))
    pieces["<pad>"] = len(pieces)
    (folder / "vocab.json").write_text(json.dumps(pieces), "utf-8")
    tokenizer = MarianTokenizer(
        str(folder / "source.spm"), str(folder / "target.spm"), str(folder / "vocab.json"),
        source_lang="en", target_lang="fr",
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    config = MarianConfig(
        vocab_size=len(pieces), d_model=32, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64,
        decoder_ffn_dim=64, max_position_embeddings=130, pad_token_id=pieces["<pad>"],
        eos_token_id=0, decoder_start_token_id=pieces["<pad>"], forced_eos_token_id=0,
        scale_embedding=True,
    )  # fmt: skip
    return _saved(folder, MarianMTModel, config)


def save_t5(folder: Path) -> Path:
    """Save a T5 network with random weights, and a tokenizer of words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    folder.mkdir(parents=True)
    signs = ["<pad>", "</s>", "<unk>", ".", ":", "'", "translate", "English", "to", "French"]
    words = list(dict.fromkeys([*signs, *WORDS, *WORDS.values(), "aujourd", "hui"]))
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    config = T5Config(
        vocab_size=len(words), d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2,
        decoder_start_token_id=0, pad_token_id=0, eos_token_id=1,
    )  # fmt: skip
    return _saved(folder, T5ForConditionalGeneration, config)


def save_m2m(folder: Path, kind: str) -> Path:
    """Save a network for many languages, with the tokenizer of M2M100 or of NLLB."""
    import json

    import sentencepiece
    from tokenizers import ByteLevelBPETokenizer
    from transformers import (
        M2M100Config,
        M2M100ForConditionalGeneration,
        M2M100Tokenizer,
        NllbTokenizer,
    )

    folder.mkdir(parents=True)
    text = [side for pair in pairs(300, seed=9) for side in pair]
    if kind == "m2m":
        made = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(text), model_writer=made, vocab_size=120,
            hard_vocab_limit=False, minloglevel=2,
        )  # fmt: skip
        (folder / "sentencepiece.bpe.model").write_bytes(made.getvalue())
        model = sentencepiece.SentencePieceProcessor(model_proto=made.getvalue())
        pieces = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
        for i in range(model.get_piece_size()):
            pieces.setdefault(model.id_to_piece(i), len(pieces))
        (folder / "vocab.json").write_text(json.dumps(pieces), "utf-8")
        tokenizer = M2M100Tokenizer(
            str(folder / "vocab.json"), str(folder / "sentencepiece.bpe.model")
        )
    else:
        trained = ByteLevelBPETokenizer()
        special = ["<s>", "<pad>", "</s>", "<unk>"]
        trained.train_from_iterator(text, 400, special_tokens=special, show_progress=False)
        said = json.loads(trained.to_str())["model"]
        merges = [tuple(one) for one in said["merges"]]
        tokenizer = NllbTokenizer(vocab=said["vocab"], merges=merges)
    tokenizer.save_pretrained(folder)
    config = M2M100Config(
        vocab_size=len(tokenizer) + 200, d_model=32, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64,
        decoder_ffn_dim=64, max_position_embeddings=130, pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id, decoder_start_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    return _saved(folder, M2M100ForConditionalGeneration, config)


def _saved(folder: Path, kind: Any, config: Any) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        kind(config).save_pretrained(folder)
    return folder
