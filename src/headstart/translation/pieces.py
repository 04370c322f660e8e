"""Pieces of words: the vocabulary of the small network, shared by both languages.

A unigram model over pieces (SentencePiece's), fitted to the pairs that are learned from. Another
network's pieces may come along: then what it knows of them need not be learned anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from headstart.translation.pairs import Pairs

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SIZE = 2_000
"""Pieces beside the single characters, of which Chinese has thousands (Sennrich & Zhang 2019: with
few pairs, few pieces). A plain choice."""
PAD, UNKNOWN, END = "<pad>", "<unk>", "</s>"
SPECIAL = (PAD, UNKNOWN, END)
SPACE = "▁"


def fit_pieces(pairs: Pairs, size: int = SIZE) -> Tokenizer:
    """Fit a vocabulary to both sides of pairs.

    References
    ----------
    Kudo (2018), "Subword regularization", arXiv:1804.10959, section 3.2.
    """
    from tokenizers import Tokenizer, models, trainers

    characters = {c for side in (pairs.source, pairs.target) for text in side for c in text}
    tokenizer = Tokenizer(models.Unigram())
    _dress(tokenizer)
    trainer = trainers.UnigramTrainer(
        vocab_size=size + len(characters),
        special_tokens=list(SPECIAL),
        unk_token=UNKNOWN,
        show_progress=False,
    )
    tokenizer.train_from_iterator((*pairs.source, *pairs.target), trainer)
    return _made(_listed(tokenizer))


def with_pieces_of(tokenizer: Tokenizer, other: Iterable[tuple[str, float]]) -> Tokenizer:
    """Add to a vocabulary the pieces of another one that it lacks, with their scores there."""
    listed = _listed(tokenizer)
    known = {piece for piece, _score in listed}
    return _made([*listed, *((piece, s) for piece, s in other if piece not in known)])


def pieces_used(tokenizer: Tokenizer, texts: Sequence[str]) -> list[tuple[str, float]]:
    """List the pieces, with their scores, that texts are made of."""
    used = {i for one in tokenizer.encode_batch(list(texts)) for i in one.ids}
    listed = _listed(tokenizer)
    return [listed[i] for i in sorted(used) if i >= len(SPECIAL)]


def _listed(tokenizer: Tokenizer) -> list[tuple[str, float]]:
    said: dict[str, Any] = json.loads(tokenizer.to_str())
    return [(str(piece), float(score)) for piece, score in said["model"]["vocab"]]


def _made(listed: Sequence[tuple[str, float]]) -> Tokenizer:
    from tokenizers import Tokenizer, models, processors

    rest = [one for one in listed if one[0] not in SPECIAL]
    vocabulary = [*((name, 0.0) for name in SPECIAL), *rest]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=SPECIAL.index(UNKNOWN)))
    _dress(tokenizer)
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", pair=f"$A {END} $B {END}", special_tokens=[(END, SPECIAL.index(END))]
    )
    return tokenizer


def _dress(tokenizer: Tokenizer) -> None:
    from tokenizers import decoders, normalizers, pre_tokenizers

    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE)
    tokenizer.decoder = decoders.Metaspace(replacement=SPACE)
