"""A tagger: an encoder, a head, and from texts or tokens to tags.

Whatever else wants tags of words, such as keywords, learns them by a way (``ways.py``), keeps what
comes of it as a tagger, and asks it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.backbones.text_network import TextBackbone
from headstart.events import OnEvent, ignore
from headstart.machine import Machine
from headstart.modalities.text.look import Tokens
from headstart.tagging.decode import decode
from headstart.tagging.pieces import Cutter, Window
from headstart.tagging.probe import TagHead
from headstart.tagging.schemes import Scheme, entities, written
from headstart.tagging.sentences import Entity, Split
from headstart.tagging.vectors import Frozen, Pool, encoder_of, words_of
from headstart.transfer.logistic import Floats

_TOKEN = re.compile(r"\w+(?:[-'’.]\w+)*|[^\w\s]")


@dataclass(frozen=True)
class Answer:
    """The tags of a sentence.

    Attributes
    ----------
    tokens, tags : tuple of str
        Tags in IOB2, or bare where every token has one of its own.
    entities : tuple of Entity
    sureness : tuple of float
        Of each token, the probability of its tag; each token by itself.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    entities: tuple[Entity, ...]
    sureness: tuple[float, ...]


@dataclass(frozen=True)
class Tagger:
    """A fitted model.

    Attributes
    ----------
    backbone : TextBackbone
    head : TagHead
    pool : {"mean", "first"}
        What is read of the pieces of a word.
    split : {"words", "characters"}
        How texts are cut that are not cut yet.
    scheme : str
        In which the tags were written that it learned from.
    """

    backbone: TextBackbone
    head: TagHead
    pool: Pool
    split: Split
    scheme: Scheme

    def tag(
        self,
        sentences: Sequence[Sequence[str]],
        machine: Machine,
        on_event: OnEvent = ignore,
    ) -> list[Answer]:
        """Tag sentences that are cut into tokens."""
        scores = self.scores(sentences, machine, on_event)
        found = []
        for tokens, score, path in zip(
            sentences, scores, decode(scores, self.head.tags), strict=True
        ):
            tags = tuple(self.head.tags[k] for k in path)
            sure = np.exp(score[np.arange(len(path)), path])
            out = tuple(written(tags, self.scheme))
            found.append(Answer(tuple(tokens), out, tuple(entities(tags)), tuple(sure.tolist())))
        return found

    def scores(
        self,
        sentences: Sequence[Sequence[str]],
        machine: Machine,
        on_event: OnEvent = ignore,
    ) -> list[Floats]:
        """Return log probabilities of the tags of every word: (n_words, K) a sentence.

        Nothing is kept in the cache: there may be a million of them.
        """
        windows = windows_of(self.backbone, sentences)
        frozen = Frozen(self.backbone, self.head.space, machine, keeps=False)
        made = frozen([window for own in windows for window in own], on_event)
        return self.head.scores(words_of(windows, made, self.pool))

    def cut(self, text: str) -> list[str]:
        """Cut a text into tokens, as those it learned from were cut."""
        if self.split == "characters":
            return [sign for sign in text if not sign.isspace()]
        return _TOKEN.findall(text)


def windows_of(backbone: TextBackbone, sentences: Sequence[Sequence[str]]) -> list[list[Window]]:
    """Cut sentences into the windows that a network reads."""
    look = backbone.card.look
    assert isinstance(look, Tokens)
    cutter = Cutter(look)
    return [cutter(tokens) for tokens in sentences]


def layers_of(backbone: TextBackbone) -> tuple[int, ...]:
    """Return the layers that a probe chooses between: the one in the middle, and the last.

    Sentence encoders are trained to lay whole sentences together; what a single word is, they tell
    better further up (docs/measurements.md).
    """
    last = len(encoder_of(backbone).blocks)
    return tuple(dict.fromkeys([(last + 1) // 2, last]))


def vectors(
    backbone: TextBackbone,
    windows: Sequence[Sequence[Window]],
    layer: int,
    pool: Pool,
    machine: Machine,
    on_event: OnEvent = ignore,
) -> list[NDArray[np.float32]]:
    """Return the vectors of the words of sentences, by one layer: (n_words, D) each."""
    frozen = Frozen(backbone, layer, machine)
    return words_of(windows, frozen([w for own in windows for w in own], on_event), pool)
