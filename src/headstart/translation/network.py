"""The small network: built as Marian is, and small enough to be trained on a laptop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headstart.transfer.crew import seeded
from headstart.translation.pieces import END, PAD, UNKNOWN

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WIDTH, LAYERS, HEADS, INNER = 160, 2, 4, 640
"""Numbers for each piece, layers of either half, heads of attention, and units inside a layer:
about 2 million weights with 4,000 pieces (plain choice: 350 pairs a second on one core)."""
LONGEST = 128
"""Pieces of a sentence."""
DROPOUT = 0.2
"""Sennrich & Zhang (2019), "Revisiting low-resource neural machine translation", arXiv:1905.11901,
table 2: with few pairs, more than the usual 0.1 helps."""


def small_network(tokenizer: Tokenizer, seed: int) -> tuple[Any, Any]:
    """Make an untrained network for a vocabulary.

    Returns
    -------
    model : M2M100ForConditionalGeneration
    tokenizer : PreTrainedTokenizerFast
    """
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration, PreTrainedTokenizerFast

    pad, end = tokenizer.token_to_id(PAD), tokenizer.token_to_id(END)
    config = M2M100Config(
        vocab_size=tokenizer.get_vocab_size(),
        d_model=WIDTH,
        encoder_layers=LAYERS,
        decoder_layers=LAYERS,
        encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS,
        encoder_ffn_dim=INNER,
        decoder_ffn_dim=INNER,
        activation_function="relu",
        dropout=DROPOUT,
        attention_dropout=0.0,
        encoder_layerdrop=0.0,
        decoder_layerdrop=0.0,
        max_position_embeddings=LONGEST + 2,
        scale_embedding=True,
        pad_token_id=pad,
        eos_token_id=end,
        bos_token_id=None,
        decoder_start_token_id=pad,
    )
    with seeded(torch.device("cpu"), seed):
        model = M2M100ForConditionalGeneration(config)
    model.generation_config.bad_words_ids = [[pad], [tokenizer.token_to_id(UNKNOWN)]]
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNKNOWN,
        eos_token=END,
        model_max_length=LONGEST,
    )
    return model, fast


def start_from(model: Any, tokenizer: Any, source: Any, source_tokenizer: Any) -> int:
    """Start a network from the weights of another one of the same build.

    All layers are taken over, and the embeddings of the pieces that both have; the rest stays as it
    was drawn.

    Returns
    -------
    int
        Pieces that were taken over.

    References
    ----------
    Zoph, Yuret, May & Knight (2016), "Transfer learning for low-resource neural machine
    translation", arXiv:1604.02201; Kocmi & Bojar (2018), "Trivial transfer learning for
    low-resource neural machine translation", arXiv:1809.00357: all weights, whatever the languages.
    """
    import torch

    ours, theirs = tokenizer.get_vocab(), source_tokenizer.get_vocab()
    shared = [(ours[piece], theirs[piece]) for piece in ours if piece in theirs]
    to, back = (torch.tensor(ids) for ids in zip(*shared, strict=True))
    own, given = model.state_dict(), source.state_dict()
    with torch.no_grad():
        for name, weight in own.items():
            other = given.get(name)
            if other is None:
                continue
            if weight.shape == other.shape and weight.shape[0] != len(ours):
                weight.copy_(other)
            elif weight.dim() == 2 and weight.shape[0] == len(ours):
                weight[to] = other[back]
            elif weight.dim() == 2 and weight.shape[1] == len(ours):  # final_logits_bias
                weight[:, to] = other[:, back]
    return len(shared)
