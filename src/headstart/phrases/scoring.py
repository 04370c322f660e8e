"""Scoring: how well a phrase would do as a keyword, by fixed weights or by what is known of it.

Without gold keywords there is nothing to learn from, and the weights are fixed: how close a phrase
is to its document in the space of the network (EmbedRank, Bennani-Smires et al. 2018, CoNLL,
arXiv:1801.04470), less a little for standing late. Keywords are then picked one by one, each as
unlike as may be those picked before (maximal marginal relevance, Carbonell & Goldstein 1998).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from headstart.phrases.cutting import Cut

Floats = NDArray[np.floating]

RELEVANCE, LATE, LENGTH, DIVERSITY = 1.0, 0.1, 0.0, 0.3
"""What closeness to the document counts, what standing at its end costs, what every word beyond the
first brings, and what likeness to a keyword already picked costs: the best on a grid for 500
abstracts of which no score is quoted; a bonus for length brought nothing there
(docs/measurements.md)."""
KNOWN = (
    *("closeness", "closeness in the document", "rank by closeness"),
    *("place", "words before", "times", "times whole", "share whole"),
    *("one word", "two words", "three words", "four words or more", "characters"),
    *("rarity", "rarity of the commonest word", "rarity by times"),
    *("capitals", "all capitals", "hyphen", "opens", "closes"),
)
"""What is known of a phrase, in the columns of ``known``."""
BY_NETWORK = 3
"""So many of them, the first, need a network."""
SMALL = 1e-6


@dataclass(frozen=True)
class Rarity:
    """In how many documents words stand.

    Attributes
    ----------
    documents : int
    counts : mapping of str to int
        By stem; words of none are not in it.
    """

    documents: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)

    def of(self, key: str) -> Floats:
        """Return ln((1 + N) / (1 + n)) for every word of a key: 0 where all documents have it."""
        n = np.array([self.counts.get(word, 0) for word in key.split()], np.float64)
        found: Floats = np.log((1 + self.documents) / (1 + n))
        return found


def by_fixed_weights(cut: Cut, close: Floats) -> Floats:
    """Score the phrases of a document.

    Parameters
    ----------
    close : ndarray of shape (n,)
        Cosine of each phrase and the document.
    """
    place = np.array([one.place for one in cut.phrases], np.float64) / max(cut.words, 1)
    words = np.array([one.words for one in cut.phrases], np.float64)
    return np.asarray(RELEVANCE * close - LATE * place + LENGTH * (words - 1))


def known(cut: Cut, close: Floats, rarity: Rarity) -> NDArray[np.float32]:
    """Return what is known of the phrases of a document: (n, ``len(KNOWN)``)."""
    n = len(cut.phrases)
    if not n:
        return np.zeros((0, len(KNOWN)), np.float32)
    spread = (close - close.mean()) / (close.std() + SMALL)
    rank = np.empty(n)
    rank[np.argsort(-close, kind="stable")] = np.arange(n) / n
    rows = []
    for one in cut.phrases:
        rare = rarity.of(one.key)
        letters = [word for word in one.text.split() if word[0].isalpha()]
        rows.append(
            (
                *(one.place / max(cut.words, 1), np.log1p(one.place)),
                *(np.log(one.count), np.log1p(one.whole), one.whole / one.count),
                *(one.words == 1, one.words == 2, one.words == 3, one.words > 3, len(one.text)),
                *(rare.mean(), rare.min(), rare.mean() * one.count),
                sum(word[0].isupper() for word in letters) / max(len(letters), 1),
                *(one.text.isupper(), "-" in one.text, one.opens, one.closes),
            )
        )
    return np.column_stack([close, spread, rank, np.array(rows, np.float64)]).astype(np.float32)


def picked(score: Floats, vectors: Floats, n: int, diversity: float = DIVERSITY) -> list[int]:
    """Pick ``n`` phrases by maximal marginal relevance, the best first.

    Parameters
    ----------
    score : ndarray of shape (n_phrases,)
    vectors : ndarray of shape (n_phrases, D)
        Of length one each.
    diversity : float, at least 0
        What likeness to one picked before costs; 0 picks by score alone.

    Notes
    -----
    Phrase k is picked that maximises ``score[k] - diversity * max(cosine to those picked)``.

    Examples
    --------
    >>> vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]])
    >>> picked(np.array([0.9, 0.85, 0.7]), vectors, 2, 0), picked(
    ...     np.array([0.9, 0.85, 0.7]), vectors, 2, 0.3)
    ([0, 1], [0, 2])
    """
    left = np.array(score, np.float64)
    alike = np.zeros(len(left))
    chosen: list[int] = []
    while len(chosen) < min(n, len(score)):
        now = left - diversity * alike
        best = int(np.argmax(now))
        chosen.append(best)
        left[best] = -np.inf
        if diversity:
            close = vectors @ vectors[best]
            alike = close if len(chosen) == 1 else np.maximum(alike, close)
    return chosen
