"""Marking: which words of a document begin a keyword, which go on with one, and which do neither.

The other ways look at phrases one by one; here the network reads the document, and a tagger that
learned from gold keywords says of every word what it is there (Sahrawat et al. 2020, "Keyphrase
Extraction from Scholarly Articles as Sequence Labeling using Contextualized Embeddings", ECIR,
arXiv:1910.08840). A phrase is as likely a keyword as its words are to be marked as one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.backbones.text_network import TextBackbone
from headstart.machine import Machine
from headstart.phrases.cutting import Cut, Phrase, tokens
from headstart.tagging.finetune import RECIPE
from headstart.tagging.sentences import Sentence
from headstart.tagging.tagger import Tagger
from headstart.tagging.ways import FINETUNE, PROBE, Finetune, Material, Probe, Scored, Way
from headstart.transfer.parts import Point
from headstart.transfer.recipe import Recipe

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

READ = 300
"""Words of a document that are marked, the first: an abstract has 100 to 250, and of 1,000
documents all their vectors are held (1 GB; plain choice)."""
BEGINS, GOES_ON, OUTSIDE = "B-KEY", "I-KEY", "O"
SMALL = 1e-6


@dataclass(frozen=True)
class Words:
    """The words of a document as they are marked.

    Attributes
    ----------
    tokens : tuple of str
    first, last : dict of int to int
        The word that begins, or ends, at a character.
    """

    tokens: tuple[str, ...]
    first: dict[int, int]
    last: dict[int, int]

    @classmethod
    def of(cls, text: str, language: str) -> Words:
        """Cut a text as its phrases were cut."""
        found = [one for one in tokens(text, language) if one.text.strip()][:READ]
        return cls(
            tuple(one.text for one in found),
            {one.start: k for k, one in enumerate(found)},
            {one.end: k for k, one in enumerate(found)},
        )

    def places(self, phrase: Phrase) -> list[tuple[int, int]]:
        """Return the first and the last word of a phrase wherever it stands."""
        return [
            (self.first[start], self.last[end])
            for start, end in phrase.spans
            if start in self.first and end in self.last
        ]


def marks(words: Words, each: Cut, gold: Collection[str]) -> tuple[str, ...]:
    """Mark the gold keywords of a document; of two that overlap, the longer.

    Parameters
    ----------
    gold : collection of str
        Keys.
    """
    found = [OUTSIDE] * len(words.tokens)
    phrases = (one for one in each.phrases if one.key in gold)
    places = [place for one in phrases for place in words.places(one)]
    for first, last in sorted(places, key=lambda p: (p[0] - p[1], p[0])):
        if all(mark == OUTSIDE for mark in found[first : last + 1]):
            found[first : last + 1] = [BEGINS, *[GOES_ON] * (last - first)]
    return tuple(found)


def odds(scores: Floats, tags: Sequence[str], words: Words, each: Cut) -> Floats:
    """Return the log odds of phrases to be marked, each at the likeliest of its places: (n,).

    Parameters
    ----------
    scores : ndarray of shape (t, K)
        Log probabilities of the tags of the words.

    Notes
    -----
    A phrase of words i to j is marked with the probability P(B at i) P(I at i+1) ... P(I at j)
    (1 - P(I at j+1)), as if words were independent. One that stands nowhere in what was read gets
    the odds in the middle, which neither praise nor blame it.
    """
    begins, goes_on = (_of_tag(scores, tags, tag) for tag in (BEGINS, GOES_ON))
    before = np.concatenate([[0.0], np.cumsum(goes_on)])  # of the words up to each
    ends = np.log(np.maximum(1 - np.exp(np.append(goes_on[1:], -np.inf)), SMALL))
    found = np.full(len(each.phrases), np.nan)
    for k, phrase in enumerate(each.phrases):
        if places := words.places(phrase):
            i, j = np.array(places).T
            likely = (begins[i] + before[j + 1] - before[i + 1] + ends[j]).max()
            p = float(np.clip(np.exp(likely), SMALL, 1 - SMALL))
            found[k] = np.log(p / (1 - p))
    there = found[np.isfinite(found)]
    return np.nan_to_num(found, nan=float(np.median(there)) if len(there) else 0.0)


def _of_tag(scores: Floats, tags: Sequence[str], tag: str) -> Floats:
    """Return the log probability of a tag at every word; next to none where it never came."""
    if tag not in tags:
        return np.full(len(scores), np.log(SMALL))
    return np.maximum(np.asarray(scores[:, list(tags).index(tag)], np.float64), np.log(SMALL))


@dataclass(frozen=True)
class Marker:
    """A tagger that marks keywords; what is kept of a marking.

    Attributes
    ----------
    tagger : Tagger
    method : {"probe", "finetune"}
        How it was learned.
    """

    tagger: Tagger
    method: str

    def odds(self, texts: Sequence[str], cuts: Sequence[Cut], machine: Machine) -> list[Floats]:
        """Return the log odds of the phrases of every document."""
        words = [Words.of(t, each.language) for t, each in zip(texts, cuts, strict=True)]
        asked = [k for k, one in enumerate(words) if one.tokens]
        scores = self.tagger.scores([words[k].tokens for k in asked], machine)
        found: list[Floats] = [np.zeros(len(each.phrases)) for each in cuts]
        for k, score in zip(asked, scores, strict=True):
            found[k] = odds(score, self.tagger.head.tags, words[k], cuts[k])
        return found


class Marking:
    """Documents with gold keywords, as sentences that taggers learn from.

    Parameters
    ----------
    texts : sequence of str
    cuts : sequence of Cut
        Into parts of runs.
    golds : sequence of set of str
        Keys.
    groups : ndarray of int, shape (n,)
    seed : int
    backbone : TextBackbone
    machine : Machine
    method : {"probe", "finetune"}
        ``"finetune"`` trains the last layers as well as a probe; the latter is always tried.
    """

    def __init__(
        self,
        texts: Sequence[str],
        cuts: Sequence[Cut],
        golds: Sequence[set[str]],
        groups: Ints,
        seed: int,
        *,
        backbone: TextBackbone,
        machine: Machine,
        method: str,
    ) -> None:
        self.cuts = cuts
        self.words = [Words.of(t, each.language) for t, each in zip(texts, cuts, strict=True)]
        self.read = np.flatnonzero([bool(one.tokens) for one in self.words])
        self._place = {int(k): place for place, k in enumerate(self.read)}
        sentences = [
            Sentence(self.words[k].tokens, marks(self.words[k], cuts[k], golds[k]))
            for k in self.read.tolist()
        ]
        none = np.zeros(0, np.int64)
        self.material = Material(sentences, groups[self.read], none, backbone, machine, seed)
        self.ways: dict[str, Way] = {PROBE: Probe(self.material)}
        if method == FINETUNE:
            self.ways[FINETUNE] = Finetune(self.material, Recipe(**RECIPE))
        for way in self.ways.values():
            way.read()

    def odds(self, method: str, rows: Ints, held: Ints, fold: int) -> dict[int, Floats]:
        """Learn from documents; return the log odds of the phrases of others."""
        known = self._known(held)
        if not known:
            return {}
        found: Scored = self.ways[method].scores(
            self._places(self._known(rows)), self._places(known), fold
        )
        return {
            k: odds(score, found.tags, self.words[k], self.cuts[k])
            for k, score in zip(known, found.scores, strict=True)
        }

    def learned(self, method: str) -> Marker:
        """Learn from all documents, to keep what comes of it."""
        way = self.ways[method]
        network, head = way.final(np.arange(len(self.read)))
        return Marker(Tagger(network, head, way.pool, "words", "IOB2"), method)

    @property
    def curves(self) -> dict[str, list[Point]]:
        """Of every training of the network, by its label."""
        way = self.ways.get(FINETUNE)
        return way.curves if isinstance(way, Finetune) else {}

    def _known(self, rows: Iterable[int]) -> list[int]:
        return [int(k) for k in rows if int(k) in self._place]

    def _places(self, rows: Sequence[int]) -> Ints:
        return np.array([self._place[k] for k in rows], np.int64)
