"""Train a network to translate: batches, loss, steps, and when to stop.

The loop of ``transfer`` is for classes, one answer an example; here a sentence is an answer, and
what decides is chrF of sentences that were not learned from.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.transfer.crew import one_thread, seeded
from headstart.translation.pairs import Pairs
from headstart.translation.scores import corpus_chrf
from headstart.translation.translator import LONGEST, Translator, padded

IGNORED = -100
"""Where there is nothing to predict: what transformers leaves out of the loss."""
CLIP = 1.0
"""Of the gradient's norm, as transformers' Trainer does."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes
    ----------
    epochs : int, from 1
    lr : float, per step
        Reached after ``warmup``, then falling to zero in a line.
    batch : int
        Pairs of a batch, at most.
    tokens : int
        Tokens of a batch, with what fills up the shorter sentences, at most.
    weight_decay : float
    warmup : float
        Share of all steps.
    smoothing : float
        Share of probability that is spread over all tokens (Szegedy et al. 2016; 0.1 in
        Vaswani et al. 2017, section 5.4).
    patience : int
        Epochs without a better chrF of the validation part until training stops; counted from the
        middle on: at first a network says one thing to everything, and chrF wanders.
    """

    epochs: int
    lr: float
    batch: int = 16
    tokens: int = 16 * LONGEST
    weight_decay: float = 0.01
    warmup: float = 0.0
    smoothing: float = 0.0
    patience: int = 3


TUNING = Recipe(epochs=3, lr=2e-5)
"""For pretrained networks: what Hugging Face's course takes for Marian (learning rate 2e-5, weight
decay 0.01, 3 epochs)."""
SMALL = Recipe(epochs=8, lr=1e-3, batch=32, tokens=1_000, warmup=0.1, smoothing=0.1, patience=5)
"""For the small network; plain choices after Vaswani et al. (2017)."""
STEPS, MOST_EPOCHS = 2_000, 100
"""Steps that a network needs to learn from nothing, and epochs beyond which there is little to
gain: with few pairs, more epochs. After 500 to 750 it says one thing to everything; on
English-French, after 2,000 it has learned; with 500 pairs no number is enough (measurements.md)."""
LORA_PACE = 10
"""The rate of LoRA, times the usual one, as in ``transfer.recipe``."""


def for_few(recipe: Recipe, n: int) -> Recipe:
    """Give a recipe more epochs where there are few pairs, and more patience with them.

    Examples
    --------
    >>> [for_few(SMALL, n).epochs for n in (200, 500, 2_000, 8_000)]
    [100, 100, 32, 8]
    """
    per_epoch = -(-n // recipe.batch)
    epochs = min(max(recipe.epochs, -(-STEPS // per_epoch)), max(MOST_EPOCHS, recipe.epochs))
    return replace(recipe, epochs=epochs, patience=max(recipe.patience, epochs // 4))


@dataclass(frozen=True)
class Point:
    """An epoch.

    Attributes
    ----------
    epoch : int, from 1
    loss : float
        Of what was learned from, in nats a token.
    chrf : float
        Of the validation part, 0 to 1, translated greedily.
    lr : float
        At its end.
    """

    epoch: int
    loss: float
    chrf: float
    lr: float


@dataclass(frozen=True)
class Trained:
    """What came of it: the curve, the epoch that was kept (from 1; 0: as it was), what was long."""

    curve: tuple[Point, ...]
    kept: int
    left_out: int


def train(
    translator: Translator,
    pairs: Pairs,
    watched: Pairs,
    recipe: Recipe,
    seed: int,
    *,
    lora: bool = False,
    start: float | None = None,
    on_point: Callable[[Point], None] = lambda point: None,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> Trained:
    """Train in place; the weights of the best epoch are kept.

    Pairs with more tokens than the network takes are left out.

    Parameters
    ----------
    watched : Pairs
        Translated after every epoch.
    lora : bool
        Train a product of two thin matrices beside the weights of linear layers alone.
    start : float, optional
        chrF of ``watched`` as the network is; an epoch must be better to be kept.
    on_point, on_step : callable
        Hear of every epoch, and of every step.
    """
    import torch

    model = translator.model
    fed, wanted = translator.fed(pairs.source), translator.wanted(pairs.target)
    fits = [
        i
        for i, (a, b) in enumerate(zip(fed, wanted, strict=True))
        if max(len(a), len(b)) <= translator.longest
    ]
    left_out = len(pairs) - len(fits)
    if not fits:
        return Trained((), 0, left_out)
    learned = _learned(model, lora)
    optimizer = torch.optim.AdamW(learned, recipe.lr, weight_decay=recipe.weight_decay, fused=True)
    lengths = np.array([(len(fed[i]), len(wanted[i])) for i in fits])
    rng = np.random.default_rng(seed)
    per_epoch = len(batches(lengths, recipe, np.random.default_rng(0)))
    total, step = per_epoch * recipe.epochs, 0
    best, kept, curve = -1.0 if start is None else start, 0, list[Point]()
    state = copy.deepcopy(_state(learned))
    with quietly(translator), seeded(torch.device("cpu"), seed):
        for epoch in range(1, recipe.epochs + 1):
            model.train()
            lost, counted = 0.0, 0
            for batch in batches(lengths, recipe, rng):
                rate = recipe.lr * pace(step, total, recipe.warmup)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                rows = [fits[i] for i in batch]
                loss, n = _loss(translator, [fed[i] for i in rows], [wanted[i] for i in rows],
                                recipe.smoothing)  # fmt: skip
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(learned, CLIP)
                optimizer.step()
                lost, counted = lost + float(loss.detach()) * n, counted + n
                step += 1
                on_step(min(step, total), total)
            said = translator.translate(watched.source, beam=1)
            chrf = corpus_chrf(said, watched.target)
            curve.append(Point(epoch, lost / max(counted, 1), chrf, rate))
            on_point(curve[-1])
            if chrf > best:
                best, kept, state = chrf, epoch, copy.deepcopy(_state(learned))
            stale = epoch - max(kept, recipe.epochs // 2)
            if not math.isfinite(lost) or stale >= recipe.patience:
                break
    with torch.no_grad():
        for weight, good in zip(learned, state, strict=True):
            weight.copy_(good)
    if lora:
        _merge(model)
    model.requires_grad_(True)
    model.eval()
    return Trained(tuple(curve), kept, left_out)


def quietly(translator: Translator) -> AbstractContextManager[None]:
    """Keep the small network on one thread: its layers are so small that others would only wait."""
    return one_thread() if translator.small else nullcontext()


def pace(step: int, total: int, warmup: float) -> float:
    """Return the share of the rate at a step: up in a line, then down in one.

    Examples
    --------
    >>> [pace(step, 10, 0.2) for step in (0, 1, 2, 6, 10)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    rising = warmup * total
    if step < rising:
        return (step + 1) / rising
    return max(0.0, (total - step) / max(total - rising, 1))


def batches(
    lengths: NDArray[np.int64], recipe: Recipe, rng: np.random.Generator
) -> list[list[int]]:
    """Put pairs of like lengths together, in an order that is drawn.

    Parameters
    ----------
    lengths : ndarray of int, (n, 2)
        Tokens of both sides.
    """
    order = rng.permutation(len(lengths))
    order = order[np.lexsort((lengths[order, 1], lengths[order, 0]))]
    found: list[list[int]] = []
    widest = 0
    for i in order.tolist():
        width = int(lengths[i].max())
        n = len(found[-1]) if found else recipe.batch
        if n >= recipe.batch or max(widest, width) * (n + 1) > recipe.tokens:
            found.append([])
            widest = 0
        found[-1].append(i)
        widest = max(widest, width)
    return [found[i] for i in rng.permutation(len(found))]


def _loss(
    translator: Translator,
    fed: Sequence[Sequence[int]],
    wanted: Sequence[Sequence[int]],
    smoothing: float,
) -> tuple[Any, int]:
    """Return the mean loss of a batch, and how many tokens it is the mean of."""
    import torch
    from torch.nn import functional as F

    ids, there = padded(fed, translator.tokenizer.pad_token_id)
    labels, said = padded(wanted, IGNORED)
    n = int(said.sum())
    if not smoothing:
        return translator.model(input_ids=ids, attention_mask=there, labels=labels).loss, n
    start = translator.model.config.decoder_start_token_id
    shifted = torch.full_like(labels, start)
    shifted[:, 1:] = labels[:, :-1].masked_fill(
        labels[:, :-1] == IGNORED, translator.tokenizer.pad_token_id
    )
    logits = translator.model(
        input_ids=ids, attention_mask=there, decoder_input_ids=shifted, use_cache=False
    ).logits
    flat = logits.reshape(-1, logits.shape[-1])
    loss = F.cross_entropy(
        flat, labels.reshape(-1), ignore_index=IGNORED, label_smoothing=smoothing
    )
    return loss, n


def _learned(model: Any, lora: bool) -> list[Any]:
    """Return what is to be trained."""
    if not lora:
        return [p for p in model.parameters() if p.requires_grad]
    from headstart.transfer.lora import add_low_rank

    model.requires_grad_(False)
    halves = [("encoder", model.get_encoder()), ("decoder", model.get_decoder())]
    return [p for some in add_low_rank(halves).values() for p in some]


def _merge(model: Any) -> None:
    from headstart.transfer.lora import merge

    merge(model)


def _state(learned: Sequence[Any]) -> list[Any]:
    return [p.detach() for p in learned]
