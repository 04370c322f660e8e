"""Vectors of words: what a frozen network makes of a sentence, word by word.

A probe reads the mean over the pieces of a word; fine-tuning, which may put into a piece whatever
serves, its first piece. What was computed of a window of tokens is kept in the cache of features,
and never computed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from headstart.backbones.maps import to_sequences
from headstart.backbones.text_network import Encoder, TextBackbone
from headstart.events import Event, OnEvent, ignore
from headstart.features.store import FeatureStore
from headstart.machine import Machine
from headstart.said import _
from headstart.tagging.pieces import Window
from headstart.transfer.crew import crew

FORMAT = "1"
"""Raise it when the numbers change."""
BATCH = 16
AT_ONCE = 64
"""Windows between two notes of progress, for each worker."""

Halves = NDArray[np.float16]
Pool = Literal["mean", "first"]


@dataclass(frozen=True)
class Frozen:
    """The part of a network that is not trained, with what is kept of it.

    Parameters
    ----------
    backbone : TextBackbone
    blocks : int
        How many of its layers are run.
    machine : Machine
    keeps : bool, default=True
        Whether what is made is kept in the cache, for whoever asks again.
    """

    backbone: TextBackbone
    blocks: int
    machine: Machine
    keeps: bool = True

    def __call__(self, windows: Sequence[Window], on_event: OnEvent = ignore) -> list[Halves]:
        """Return what the last of these layers makes of windows: (t, D) each, in order."""
        keys = [self._key(window) for window in windows]
        found: dict[str, Halves] = {}
        with FeatureStore(self.machine.cache) if self.keeps else nullcontext() as store:
            for key in dict.fromkeys(keys):
                kept = None if store is None else store.get(key)
                if kept is not None:
                    found[key] = np.frombuffer(kept, np.float16).reshape(-1, self.dim)
            todo = {k: w for k, w in zip(keys, windows, strict=True) if k not in found}
            order = sorted(todo, key=lambda key: len(todo[key].ids))
            size = AT_ONCE * self.machine.workers
            for at in range(0, len(order), size):
                part = order[at : at + size]
                made = self._run([todo[key] for key in part])
                found |= zip(part, made, strict=True)
                if store is not None:
                    store.put((k, a.tobytes()) for k, a in zip(part, made, strict=True))
                done = min(at + size, len(order))
                on_event(Event(_("reading sentences"), done, len(order), _("sentences")))
        return [found[key] for key in keys]

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.backbone.card.dim

    def _key(self, window: Window) -> str:
        card = self.backbone.card
        said = f"tagging|{FORMAT}|{card.weights_hash}|{self.blocks}|"
        return hashlib.sha256(said.encode() + window.ids.tobytes()).hexdigest()

    def _run(self, windows: list[Window]) -> list[Halves]:
        net, pad = encoder_of(self.backbone), pad_of(self.backbone)
        device = torch.device(self.machine.device)
        net.to(device)

        def work(part: list[Window]) -> list[Halves]:
            with torch.inference_mode():
                maps = net.embed(filled(part, pad).to(device))
                for block in list(net.blocks)[: self.blocks]:
                    maps = block(maps)
                rows = to_sequences(maps).float().cpu().numpy()
            # float16 ends at 65,504; no layer that ends in a norm comes near.
            cut = np.clip(rows, -6e4, 6e4).astype(np.float16)
            return [row[: len(w.ids)].copy() for row, w in zip(cut, part, strict=True)]

        parts = [windows[i : i + BATCH] for i in range(0, len(windows), BATCH)]
        with crew(self.machine.workers if device.type == "cpu" else 1) as threads:
            return [row for rows in threads.map(work, parts) for row in rows]


def encoder_of(backbone: TextBackbone) -> Encoder:
    """Return the network itself."""
    net = backbone.net
    assert isinstance(net, Encoder)
    return net


def pad_of(backbone: TextBackbone) -> int:
    """Return the number of the token that fills up."""
    return int(encoder_of(backbone).embed.pad)


def filled(windows: Sequence[Window], pad: int) -> Tensor:
    """Pad windows to the longest: (B, 1, t), int32."""
    t = max(len(window.ids) for window in windows)
    out = np.full((len(windows), 1, t), pad, np.int32)
    for row, window in zip(out, windows, strict=True):
        row[0, : len(window.ids)] = window.ids
    return torch.from_numpy(out)


def words_of(
    windows: Sequence[Sequence[Window]], made: Sequence[Halves], pool: Pool
) -> list[NDArray[np.float32]]:
    """Gather the vectors of the words of every sentence.

    Parameters
    ----------
    windows : sequence of sequence of Window
        Those of each sentence.
    made : sequence of ndarray of shape (t, D)
        What was made of all of them, one after the other.
    pool : {"mean", "first"}
        What is taken of the pieces of a word.

    Returns
    -------
    list of ndarray of float32, shape (n_words, D)
    """
    rest = iter(made)
    return [
        np.concatenate([_pooled(next(rest), window, pool) for window in own]) for own in windows
    ]


def _pooled(rows: Halves, window: Window, pool: Pool) -> NDArray[np.float32]:
    """Take one vector a word: (t, D) -> (m, D)."""
    if pool == "first":
        return rows[window.first].astype(np.float32)
    sums = np.add.reduceat(
        np.concatenate([rows, rows[:1]]).astype(np.float32),  # an end may be that of the window
        np.stack([window.first, window.end], axis=1).ravel(),
    )[::2]
    return np.asarray(sums / (window.end - window.first)[:, None], np.float32)
