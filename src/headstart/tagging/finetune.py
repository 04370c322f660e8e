"""Fine-tuning for tags: the head first, then it and the last layers together.

The loop is that of all fine-tuning (``headstart.transfer.loop``). What is fed is what the frozen
layers made of a window, computed once; a word is trained, and answered, at its first piece.

References
----------
Devlin et al. (2019), "BERT", arXiv:1810.04805, section 5.3 (labels at first pieces) and appendix
A.3 (rates); Kumar et al. (2022), arXiv:2202.10054 (the head first).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.backbones.cutting import unfrozen
from headstart.backbones.maps import to_sequences
from headstart.backbones.network import hash_weights
from headstart.backbones.text_network import TextBackbone
from headstart.errors import ConfigError
from headstart.machine import Machine
from headstart.said import _
from headstart.tagging.pieces import Window
from headstart.tagging.probe import TagHead, log_softmax
from headstart.tagging.vectors import encoder_of, pad_of
from headstart.transfer.checkpoint import Forgetful
from headstart.transfer.crew import crew
from headstart.transfer.loop import Loop
from headstart.transfer.network import Network
from headstart.transfer.parts import Point, Rows
from headstart.transfer.recipe import Recipe

AT_ONCE = 256
"""Windows that are answered for together; of each, vectors of all places are held."""
UNASKED = -100
"""Target of what no loss and no score is taken of: torch's own number for it."""
RECIPE: dict[str, Any] = {
    "unfreeze": "3",
    "epochs": 6,
    "batch_size": 16,
    "lr": 5e-5,
    "head_lr": 5e-4,
    "augment": "none",
}
"""Batch and rate of Devlin et al. (2019), appendix A.3; depth, epochs and the head's rate are plain
choices."""
Floats = NDArray[np.floating]
Answering = Callable[[Sequence[int]], list[Floats]]
"""Numbers of windows to log probabilities of the tags of their words: (m, K) each."""
OnEpoch = Callable[[int, Answering], tuple[float, float] | None]


class Tail(nn.Module):
    """The last layers of an encoder: (B, D, 1, t), or ids (B, 1, t), to (B, T, D), padded to T."""

    def __init__(self, blocks: Sequence[nn.Module], longest: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.longest = longest

    def forward(self, x: Tensor) -> Tensor:
        """Run the layers; every window has as many places as the longest of all has."""
        for block in self.blocks:
            x = block(x)
        rows = to_sequences(x)  # (B, t, D)
        return F.pad(rows, (0, 0, 0, self.longest - rows.shape[1]))


@dataclass(frozen=True)
class Ragged:
    """Windows of different lengths, as inputs of the loop.

    Attributes
    ----------
    rows : sequence of ndarray of shape (t, D) or (t,)
        What the frozen layers made of each, or ids where none is frozen.
    pad : int
        What stands beyond the end of ids.
    """

    rows: Sequence[NDArray[np.generic]]
    pad: int

    def plain(self, rows: Rows) -> NDArray[np.generic]:
        """Return windows padded to the longest: (B, D, 1, t), or ids (B, 1, t)."""
        taken = [self.rows[row] for row in rows]
        t = max(len(one) for one in taken)
        if taken[0].ndim == 1:
            ids = np.full((len(taken), 1, t), self.pad, np.int32)
            for place, one in zip(ids, taken, strict=True):
                place[0, : len(one)] = one
            return ids
        maps = np.zeros((len(taken), taken[0].shape[1], 1, t), np.float32)
        for place, one in zip(maps, taken, strict=True):
            place[:, 0, : len(one)] = one.T
        return maps

    def varied(self, rows: Rows, rng: np.random.Generator) -> NDArray[np.generic]:
        """Return the same: texts are not varied."""
        return self.plain(rows)

    def sizes(self, rows: Rows) -> NDArray[np.int64]:
        """Return how long each is."""
        return np.array([len(self.rows[row]) for row in rows], np.int64)


@dataclass(frozen=True)
class AtFirstPieces:
    """Mean cross entropy at the first pieces of words."""

    def __call__(self, network: Network, features: Tensor, logits: Tensor, y: Tensor) -> Tensor:
        """Return the loss of logits (B, T, K) for targets (B, T)."""
        asked = y != UNASKED
        each = F.cross_entropy(logits[asked], y[asked], reduction="sum")
        return each / asked.sum().clamp(min=1)


def depth(backbone: TextBackbone, asked: str) -> int:
    """Return how many layers stay as they are; raises ``ConfigError`` for no depth."""
    names = [name for name, _block in backbone.blocks()]
    return len(names) - len(unfrozen(backbone, asked))


@dataclass(frozen=True)
class Tuning:
    """All that the fits of one run have in common.

    Attributes
    ----------
    backbone : TextBackbone
        Copied, never changed.
    frozen : int
        Of its blocks, the look-up of tokens included, those that are not trained.
    recipe : Recipe
    windows : sequence of Window
    fed : sequence of ndarray
        What the frozen part made of each: (t, D); or its ids.
    machine : Machine
    seed : int
    on_trouble : callable
        Hears what had to be changed, in words.
    """

    backbone: TextBackbone
    frozen: int
    recipe: Recipe
    windows: Sequence[Window]
    fed: Sequence[NDArray[np.generic]]
    machine: Machine
    seed: int
    on_trouble: Callable[[str], None]

    def fit(
        self,
        rows: Rows,
        tags: Sequence[Sequence[str]],
        start: TagHead,
        X: NDArray[np.float32],
        on_epoch: OnEpoch = lambda epoch, answer: None,
    ) -> Tuned:
        """Train on windows.

        Parameters
        ----------
        rows : ndarray of int64
            The windows to learn from.
        tags : sequence of sequence of str
            Of the words of every window, in the order of all windows; not looked at elsewhere.
        start : TagHead
            The probe, where training begins.
        X : ndarray of shape (n_words, D)
            Vectors of the words before training, which the head's inputs are scaled by.
        on_epoch : callable
            Asked after every epoch for loss and accuracy of held-out windows; gets what answers
            for them.
        """
        own = copy.deepcopy(self.backbone).cpu()
        own.requires_grad_(False)
        net = encoder_of(own)
        parts = [("embed", net.embed), *((f"blocks.{k}", b) for k, b in enumerate(net.blocks))]
        trained = parts[self.frozen :]
        longest = max(len(window.ids) for window in self.windows)
        body = Tail([block for _name, block in trained], longest)
        device = self.machine.device
        network = Network(body, trained, start.head, self.recipe, None, X, device)
        inputs = Ragged(self.fed, pad_of(own))
        points = list[Point]()

        def answer(asked: Sequence[int]) -> list[Floats]:
            return self._scores(network, inputs, asked)

        def heard(point: Point) -> None:
            points.append(point)
            seen = on_epoch(point.epoch, answer)
            if seen is not None:
                loss, accuracy = seen
                points.append(replace(point, split="validation", loss=loss, accuracy=accuracy))

        loop = Loop(
            network,
            inputs,
            self._targets(rows, tags, start.tags, longest),
            AtFirstPieces(),
            self.recipe,
            rows,
            np.zeros(0, np.int64),
            seed=self.seed,
            keeper=Forgetful(),
            on_point=heard,
            on_trouble=self.on_trouble,
            workers=self.machine.workers if device == "cpu" else 1,
        )
        trouble = loop.run().trouble
        if trouble:
            raise ConfigError(trouble, _("Try a smaller --lr."))
        own.cpu()
        head = TagHead(start.tags, network.fitted_head(), 0.0, start.space)
        own.use(replace(own.card, weights_hash=hash_weights(own.net)))
        return Tuned(own.eval(), head, points)

    def _targets(
        self, rows: Rows, tags: Sequence[Sequence[str]], known: Sequence[str], longest: int
    ) -> NDArray[np.int64]:
        """Lay out what is asked at every place of every window: (n, T)."""
        code = {tag: k for k, tag in enumerate(known)}
        y = np.full((len(self.windows), longest), UNASKED, np.int64)
        for row in rows:
            y[row, self.windows[row].first] = [code[tag] for tag in tags[row]]
        return y

    def _scores(self, network: Network, inputs: Ragged, asked: Sequence[int]) -> list[Floats]:
        """Score the words of windows: log probabilities (m, K) each."""
        rows = np.asarray(asked, np.int64)
        order = rows[np.argsort(inputs.sizes(rows), kind="stable")]
        found: dict[int, Floats] = {}
        with crew(self.machine.workers if self.machine.device == "cpu" else 1) as threads:
            for at in range(0, len(order), AT_ONCE):
                part = order[at : at + AT_ONCE]
                logits = network.logits(inputs, part, threads)[1].double().numpy()
                for k, row in zip(part.tolist(), logits, strict=True):
                    found[k] = log_softmax(row[self.windows[k].first])
        return [found[k] for k in rows.tolist()]


@dataclass(frozen=True)
class Tuned:
    """What a fit leaves.

    Attributes
    ----------
    backbone : TextBackbone
        With the weights that were learned.
    head : TagHead
        On the vectors of its last layer.
    points : list of Point
        Of the curves; an accuracy is of words.
    """

    backbone: TextBackbone
    head: TagHead
    points: list[Point]


def as_ids(windows: Sequence[Window]) -> list[NDArray[np.int32]]:
    """Return what a network that is trained as a whole is fed."""
    return [window.ids for window in windows]
