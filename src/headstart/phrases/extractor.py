"""The extractor: texts in, the phrases that say what they are about out, the best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.machine import Machine
from headstart.modalities.text.language import language_of
from headstart.phrases.cutting import LONGEST, Cut, cut
from headstart.phrases.ranker import Ranker
from headstart.phrases.scoring import DIVERSITY, SMALL, Rarity, by_fixed_weights, known, picked
from headstart.phrases.vectors import Vectors
from headstart.said import _

if TYPE_CHECKING:
    from headstart.phrases.marking import Marker  # imports torch

Floats = NDArray[np.floating]

SHARE = 1 / 3
"""Of its phrases, so many are a document's keywords where nothing was learned (Mihalcea & Tarau
2004, "TextRank", EMNLP, section 3.1, take a third of its words)."""
MARKED = 0.25
"""Share of the marker in the odds of a phrase: the best of .15 to .75 on 500 abstracts of which no
score is quoted, for a probe and for a trained network (docs/measurements.md)."""


@dataclass(frozen=True)
class Settings:
    """How documents are cut and keywords picked.

    Attributes
    ----------
    language : str
        ISO 639-1 code of all documents; "" tells it of each.
    usual : str
        The language of documents whose own cannot be told.
    longest : int
        Words of a phrase.
    diversity : float
        See ``scoring.picked``.
    """

    language: str = ""
    usual: str = "en"
    longest: int = LONGEST
    diversity: float = DIVERSITY

    def of(self, text: str) -> str:
        """Tell the language to cut a text by."""
        return self.language or language_of(" ".join(text[:5000].split())) or self.usual


@dataclass(frozen=True)
class Answer:
    """The keywords of a document.

    Attributes
    ----------
    cut : Cut
    order : list of int
        Places of phrases, the best first.
    scores : ndarray of shape (n_phrases,)
        Of all phrases.
    many : int
        How many of them are keywords, where nobody says how many to give.
    """

    cut: Cut
    order: list[int]
    scores: Floats
    many: int

    def first(self, n: int | None) -> list[tuple[str, float]]:
        """Return the best ``n`` with their scores; as many as are keywords where None."""
        order = self.order[: self.many if n is None else n]
        return [(self.cut.phrases[k].text, float(self.scores[k])) for k in order]


@dataclass(frozen=True)
class Extractor:
    """Finds keywords; what it learned from gold ones lies in ``ranker``.

    Attributes
    ----------
    settings : Settings
    ranker : Ranker or None
        None: fixed weights.
    rarity : Rarity
        Of the documents that it learned from.
    marker : Marker or None
        Marks the words of documents; what it says is mixed into what the ranker says.
    """

    settings: Settings
    ranker: Ranker | None = None
    rarity: Rarity = field(default_factory=Rarity)
    marker: Marker | None = None

    def cut(self, text: str) -> Cut:
        """Cut a text into the phrases that are scored."""
        language = self.settings.of(text)
        return cut(text, language, longest=self.settings.longest, parts=self.ranker is not None)

    def answers(
        self, texts: Sequence[str], vectors: Vectors, n: int, machine: Machine
    ) -> list[Answer]:
        """Find the best ``n`` keywords of each text, and those beyond that count as keywords."""
        cuts = [self.cut(text) for text in texts]
        X = vectors.phrases([one.text for each in cuts for one in each.phrases])
        of_documents = vectors.documents(texts)
        marked: Sequence[Floats | None] = (
            [None] * len(texts) if self.marker is None else self.marker.odds(texts, cuts, machine)
        )
        found, start = [], 0
        for each, whole, odds in zip(cuts, of_documents, marked, strict=True):
            own = X[start : start + len(each.phrases)]
            start += len(own)
            found.append(self.answer(each, own, own @ whole, n, odds))
        return found

    def answer(
        self, cut: Cut, vectors: Floats, close: Floats, n: int, odds: Floats | None = None
    ) -> Answer:
        """Pick the keywords of one document.

        Parameters
        ----------
        vectors : ndarray of shape (n_phrases, D)
        close : ndarray of shape (n_phrases,)
            Cosine of each and the document.
        odds : ndarray of shape (n_phrases,), optional
            What a marker says of them.
        """
        if self.ranker is None:
            many = share_of(len(cut.phrases))
            score = by_fixed_weights(cut, close)
            order = picked(score, vectors, max(n, many), self.settings.diversity)
            return Answer(cut, order, np.round(score, 4), many)
        score = self.ranker.probability(known(cut, close, self.rarity), vectors)
        if odds is not None:
            score = mixed(score, odds)
        many = above(score, self.ranker.threshold)
        order = np.argsort(-score, kind="stable")[: max(n, many)].tolist()
        return Answer(cut, order, np.round(score, 4), many)


@dataclass(frozen=True)
class Keywords:
    """The keywords of one document.

    Attributes
    ----------
    path : str
        How the document is shown.
    keywords : tuple of str
        The best first.
    scores : tuple of float
        Closeness to the document, less what its place costs; the probability of being a keyword,
        where that was learned.
    language : str
        By which it was cut.
    error : str
        Why it cannot be read.
    """

    path: str
    keywords: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    language: str = ""
    error: str = ""

    @classmethod
    def of(cls, path: str, answer: Answer, n: int | None) -> Keywords:
        """Take the first of an answer."""
        first = answer.first(n)
        words, scores = tuple(text for text, _s in first), tuple(score for _t, score in first)
        error = "" if words else str(_("no phrase in it could be a keyword"))
        return cls(path, words, scores, answer.cut.language, error)

    def row(self) -> dict[str, Any]:
        """Return it as a row of a table: keywords with ``; `` between them, as gold ones may be."""
        return {
            "path": self.path,
            "keywords": "; ".join(self.keywords),
            "scores": "; ".join(f"{score:.4f}" for score in self.scores),
            "language": self.language,
            "error": self.error,
        }


def rarity_of(cuts: Sequence[Cut]) -> Rarity:
    """Count in how many documents each stem stands."""
    counts: dict[str, int] = {}
    for each in cuts:
        for word in {word for one in each.phrases for word in one.key.split()}:
            counts[word] = counts.get(word, 0) + 1
    return Rarity(len(cuts), counts)


def mixed(probability: Floats, odds: Floats) -> Floats:
    """Mix what the ranker says of phrases with what the marker says.

    Notes
    -----
    The odds are averaged, ``MARKED`` of them the marker's: a logarithmic opinion pool (Genest &
    Zidek 1986, "Combining Probability Distributions", Statistical Science 1:114, section 3).
    """
    p = np.clip(probability, SMALL, 1 - SMALL)
    both = (1 - MARKED) * np.log(p / (1 - p)) + MARKED * odds
    return np.asarray(1 / (1 + np.exp(-both)))


def above(scores: Floats, threshold: float) -> int:
    """Count the phrases that are keywords: one at least, where there is one."""
    return max(int((scores >= threshold).sum()), min(1, len(scores)))


def share_of(phrases: int) -> int:
    """Return how many of so many phrases are keywords, where nothing was learned."""
    return max(round(SHARE * phrases), min(1, phrases))
