"""The ranker: weights of what is known of phrases, learned from documents with gold keywords.

A logistic regression on phrases, gold or not. With a network it has the phrase's own vector too, by
which it learns what keywords of this collection are like; without one, in its place, the words and
the endings of the phrase, counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.phrases.scoring import SMALL

Floats = NDArray[np.floating]

C = 0.01
"""Inverse of the penalty: between .001 and .03 the first 10 were equally good on 500 abstracts of
which no score is quoted (docs/measurements.md)."""
WIDTH = 2**12
"""Columns that words and endings are hashed into."""
ENDING = 3
"""Letters of an ending."""
STEPS = 300
THRESHOLDS = tuple(np.round(np.arange(0.05, 0.65, 0.025), 3))
"""From which probability on a phrase may count as a keyword."""


@dataclass(frozen=True)
class Ranker:
    """A fitted ranker with a network.

    Attributes
    ----------
    mean, scale : ndarray of shape (F + D,)
        Of what is known of phrases, and of their vectors.
    coef : ndarray of shape (F + D,)
    intercept : ndarray of shape (1,)
    threshold : float
        The probability from which on phrases are keywords, where nobody says how many to give.
    """

    mean: Floats
    scale: Floats
    coef: Floats
    intercept: Floats
    threshold: float = 0.5

    def probability(self, known: Floats, vectors: Floats) -> Floats:
        """Return how likely each phrase is a keyword: (n,)."""
        X = np.hstack([known, vectors])
        z = ((X - self.mean) / self.scale) @ self.coef + self.intercept[0]
        return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))))


@dataclass(frozen=True)
class CountingRanker:
    """A fitted ranker without a network; attributes as of ``Ranker``, ``coef`` with the counts."""

    mean: Floats
    scale: Floats
    model: Any = field(repr=False)

    def score(self, known: Floats, keys: Sequence[str]) -> Floats:
        """Return scores: (n,)."""
        if not len(keys):
            return np.zeros(0)
        found: Floats = self.model.decision_function(
            _beside(np.asarray((known - self.mean) / self.scale), keys)
        )
        return found


def fit(known: Floats, vectors: Floats, gold: NDArray[np.bool_]) -> Ranker:
    """Learn from phrases.

    Parameters
    ----------
    known : ndarray of shape (n, F)
    vectors : ndarray of shape (n, D)
    gold : ndarray of bool, shape (n,)
        Has both values.
    """
    X = np.hstack([known, vectors]).astype(np.float32)
    mean, scale = _moments(X)
    X -= mean
    X /= scale
    model = _logistic(C).fit(X, gold)
    coef, intercept = (np.asarray(a, np.float32).ravel() for a in (model.coef_, model.intercept_))
    return Ranker(mean, scale, coef, intercept)


def fit_counting(known: Floats, keys: Sequence[str], gold: NDArray[np.bool_]) -> CountingRanker:
    """Learn from phrases without a network, of their words and endings instead."""
    mean, scale = _moments(known)
    X = _beside(np.asarray((known - mean) / scale), keys)
    return CountingRanker(mean, scale, _logistic(C).fit(X, gold))


def _logistic(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=STEPS, tol=1e-3)


def _moments(X: Floats) -> tuple[Floats, Floats]:
    """Return mean and deviation; dead columns keep their scale."""
    scale = X.std(axis=0)
    return X.mean(axis=0), np.where(scale > SMALL, scale, 1).astype(X.dtype)


def _beside(known: Floats, keys: Sequence[str]) -> Any:
    from scipy.sparse import csr_array, hstack
    from sklearn.feature_extraction.text import HashingVectorizer

    counter = HashingVectorizer(
        analyzer=_pieces, n_features=WIDTH, alternate_sign=False, norm=None, dtype=np.float64
    )
    return hstack([csr_array(known), csr_array(counter.transform(keys))], format="csr")


def _pieces(key: str) -> Iterator[str]:
    """Give the words of a key, and their endings, the last apart."""
    words = key.split()
    yield from words
    yield from (f"-{word[-ENDING:]}" for word in words[:-1])
    yield f"${words[-1][-ENDING:]}" if words else "$"
