"""Ways to learn tags by transfer: the probe, and fine-tuning from it on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from headstart.backbones.text_network import TextBackbone
from headstart.events import Event
from headstart.machine import Machine
from headstart.said import _
from headstart.tagging.decode import decode
from headstart.tagging.finetune import Answering, OnEpoch, Tuned, Tuning, as_ids, depth
from headstart.tagging.pieces import Window
from headstart.tagging.probe import Ints, TagHead, Vectors, fit_probe, named
from headstart.tagging.sentences import Sentence
from headstart.tagging.tagger import layers_of, vectors, windows_of
from headstart.tagging.vectors import Frozen, Pool
from headstart.transfer.parts import Point
from headstart.transfer.recipe import Recipe

PROBE, FINETUNE = "probe", "finetune"
Answers = list[tuple[str, ...]]


@dataclass(frozen=True)
class Material:
    """Sentences as a network reads them, each once.

    Attributes
    ----------
    sentences : sequence of Sentence
    groups : ndarray of int64, shape (n,)
        Sentences of one number stay on one side of every split.
    dev : ndarray of int64
        Rows that settings are chosen on; empty: parts of the training rows are held out for that.
    backbone : TextBackbone
    machine : Machine
    seed : int
    """

    sentences: Sequence[Sentence]
    groups: Ints
    dev: Ints
    backbone: TextBackbone
    machine: Machine
    seed: int

    @cached_property
    def windows(self) -> list[list[Window]]:
        """The windows of every sentence."""
        return windows_of(self.backbone, [one.tokens for one in self.sentences])

    @cached_property
    def flat(self) -> list[Window]:
        """All windows, one after the other."""
        return [window for own in self.windows for window in own]

    @cached_property
    def spaces(self) -> dict[int, list[NDArray[np.float32]]]:
        """Vectors of the words of every sentence, by the layers that a probe chooses between."""
        return {layer: self._vectors(layer, "mean") for layer in layers_of(self.backbone)}

    @cached_property
    def firsts(self) -> list[NDArray[np.float32]]:
        """Vectors of the first pieces, by the last layer: where fine-tuning starts."""
        return self._vectors(layers_of(self.backbone)[-1], "first")

    def _vectors(self, layer: int, pool: Pool) -> list[NDArray[np.float32]]:
        on_event = self.machine.on_event
        return vectors(self.backbone, self.windows, layer, pool, self.machine, on_event)

    def tags(self, rows: Ints) -> list[tuple[str, ...]]:
        """Return the tags of some sentences."""
        return [self.sentences[row].tags for row in rows]


@dataclass(frozen=True)
class Scored:
    """What a fit says of the words of some sentences.

    Attributes
    ----------
    scores : list of ndarray of shape (n_words, K)
        Log probabilities of the tags.
    tags : tuple of str
    """

    scores: Sequence[NDArray[np.floating]]
    tags: tuple[str, ...]

    @property
    def answers(self) -> Answers:
        """The best legal tags of every sentence."""
        return named(decode(self.scores, self.tags), self.tags)


class Way(Protocol):
    """A way to learn: fits on rows, and answers for others."""

    @property
    def name(self) -> str:
        """What it is called as a method."""

    @property
    def pool(self) -> Pool:
        """What it reads of the pieces of a word."""

    @property
    def threads(self) -> int:
        """How many fits may go on at once."""

    def read(self) -> None:
        """Compute what all fits have in common, which the cache keeps."""

    def scores(self, rows: Ints, held: Ints, fold: int) -> Scored:
        """Learn from rows and answer for others."""

    def final(self, rows: Ints) -> tuple[TextBackbone, TagHead]:
        """Learn from all rows, to keep what comes of it."""


@dataclass(frozen=True)
class Probe:
    """A head on the frozen network."""

    material: Material
    name: str = PROBE
    pool: Pool = "mean"

    @property
    def threads(self) -> int:
        """As many as there are cores: each fit keeps to one."""
        return self.material.machine.workers

    def read(self) -> None:
        """Compute the vectors."""
        _ = self.material.spaces

    def scores(self, rows: Ints, held: Ints, fold: int) -> Scored:
        """Learn from rows and answer for others."""
        head = fitted(self.material, self.material.spaces, rows)
        return Scored(head.scores(of(self.material.spaces[head.space], held)), head.tags)

    def final(self, rows: Ints) -> tuple[TextBackbone, TagHead]:
        """Fit the head that is kept."""
        return self.material.backbone, fitted(self.material, self.material.spaces, rows)


def fitted(m: Material, spaces: Mapping[int, Vectors], rows: Ints) -> TagHead:
    """Fit a probe to some rows, its settings chosen on others where those were given."""
    own = {name: of(X, rows) for name, X in spaces.items()}
    dev = ({name: of(X, m.dev) for name, X in spaces.items()}, m.tags(m.dev))
    return fit_probe(own, m.tags(rows), m.groups[rows], m.seed, dev if len(m.dev) else None)


def of(X: Vectors, rows: Ints) -> Vectors:
    """Return the vectors of some sentences."""
    return [X[row] for row in rows]


@dataclass(frozen=True)
class Finetune:
    """The probe first, then its head and the last layers together.

    Attributes
    ----------
    curves : dict of str to list of Point
        Of every fit, by its label.
    """

    material: Material
    recipe: Recipe
    curves: dict[str, list[Point]] = field(default_factory=dict)
    name: str = FINETUNE
    pool: Pool = "first"

    @property
    def threads(self) -> int:
        """One: its batches are shared by all cores already."""
        return 1

    def read(self) -> None:
        """Compute what the frozen layers make of all windows, and the vectors to start from."""
        _ = self.tuning, self.material.firsts

    def _start(self, rows: Ints) -> TagHead:
        m = self.material
        return fitted(m, {layers_of(m.backbone)[-1]: m.firsts}, rows)

    @cached_property
    def tuning(self) -> Tuning:
        """What all fits have in common."""
        m = self.material
        frozen = depth(m.backbone, self.recipe.unfreeze)
        fed: Sequence[NDArray[np.generic]] = (
            Frozen(m.backbone, frozen - 1, m.machine)(m.flat, m.machine.on_event)
            if frozen
            else as_ids(m.flat)
        )
        return Tuning(
            m.backbone, frozen, self.recipe, m.flat, fed, m.machine, m.seed, self._trouble
        )

    @cached_property
    def _ends(self) -> Ints:
        """Where the windows of each sentence end, among all."""
        return np.cumsum([len(own) for own in self.material.windows]).astype(np.int64)

    def scores(self, rows: Ints, held: Ints, fold: int) -> Scored:
        """Learn from rows and answer for others; their score is watched, and decides nothing."""
        m, last = self.material, list[Scored]()
        known = self._start(rows)

        def on_epoch(epoch: int, answer: Answering) -> tuple[float, float]:
            asked = self._windows(held)
            scores = dict(zip(asked.tolist(), answer(asked.tolist()), strict=True))
            whole = [np.concatenate([scores[k] for k in self._windows([row])]) for row in held]
            last[:] = [Scored(whole, known.tags)]
            return _watched(m.tags(held), last[0])

        label = _("fold {f}", f=fold)
        self.curves[f"{FINETUNE} / fold {fold}"] = self._fit(rows, known, label, on_epoch).points
        return last[0]

    def final(self, rows: Ints) -> tuple[TextBackbone, TagHead]:
        """Train the network that is kept."""
        label = _("all that may be trained on")
        tuned = self._fit(rows, self._start(rows), label, lambda epoch, answer: None)
        self.curves[f"{FINETUNE} / final"] = tuned.points
        return tuned.backbone, tuned.head

    def _fit(
        self,
        rows: Ints,
        start: TagHead,
        label: str,
        on_epoch: OnEpoch,
    ) -> Tuned:
        m = self.material

        def heard(epoch: int, answer: Answering) -> tuple[float, float] | None:
            stage = _("fine-tuning: {fit}", fit=label)
            m.machine.on_event(Event(stage, epoch, self.recipe.epochs, _("epochs")))
            return on_epoch(epoch, answer)

        X = np.concatenate(of(m.firsts, rows))
        return self.tuning.fit(self._windows(rows), self._tags, start, X, heard)

    def _windows(self, rows: Sequence[int] | Ints) -> Ints:
        """Return the numbers of the windows of some sentences."""
        sizes = [len(self.material.windows[row]) for row in rows]
        parts = [
            np.arange(self._ends[row] - n, self._ends[row])
            for row, n in zip(rows, sizes, strict=True)
        ]
        return np.concatenate(parts).astype(np.int64)

    @cached_property
    def _tags(self) -> list[tuple[str, ...]]:
        """Tags of the words of every window."""
        return [
            one.tags[window.start : window.start + len(window.first)]
            for one, own in zip(self.material.sentences, self.material.windows, strict=True)
            for window in own
        ]

    def _trouble(self, message: str) -> None:
        self.material.machine.on_event(Event(_("fine-tuning"), message=message, level="warning"))


def _watched(
    truth: Sequence[tuple[str, ...]],
    found: Scored,
) -> tuple[float, float]:
    """Return cross entropy, of words whose tag was seen in training, and share of right words."""
    code = {tag: k for k, tag in enumerate(found.tags)}
    pairs = [
        (tag, told, row)
        for own, other, score in zip(truth, found.answers, found.scores, strict=True)
        for tag, told, row in zip(own, other, score, strict=True)
    ]
    losses = [-float(row[code[tag]]) for tag, _told, row in pairs if tag in code]
    right = sum(tag == told for tag, told, _row in pairs)
    return float(np.mean(losses)) if losses else 0.0, right / len(pairs)
