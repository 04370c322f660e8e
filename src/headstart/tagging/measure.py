"""Measures of tags: entities that are found whole, and words that are tagged right.

An entity counts as found where type, beginning and end all fit. Precision, recall and F1 are over
all entities together (micro); a sentence has no F1 of its own, so what is compared, and drawn again
for intervals, are sentences' counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.judge.intervals import Interval
from headstart.said import N_
from headstart.tagging.schemes import entities

METRIC = N_("entity F1")
DRAWS = 2_000
Tags = Sequence[str]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Counts:
    """Entities of sentences, by type.

    Attributes
    ----------
    kinds : tuple of str
    right, given, there : ndarray of int64, shape (n, n_kinds)
        Entities that are in both, that the model gives, and that are there.
    words_right, words : ndarray of int64, shape (n,)
    """

    kinds: tuple[str, ...]
    right: Ints
    given: Ints
    there: Ints
    words_right: Ints
    words: Ints

    @classmethod
    def of(cls, truth: Sequence[Tags], answers: Sequence[Tags]) -> Counts:
        """Count the entities of sentences in IOB2 and of the answers for them."""
        own, told = ([set(entities(tags)) for tags in side] for side in (truth, answers))
        kinds = tuple(sorted({e.kind for side in (own, told) for one in side for e in one}))
        place = {kind: k for k, kind in enumerate(kinds)}
        table = np.zeros((3, len(own), len(kinds)), np.int64)
        for i, (there, given) in enumerate(zip(own, told, strict=True)):
            for counts, some in zip(table, (there & given, given, there), strict=True):
                for entity in some:
                    counts[i, place[entity.kind]] += 1
        hits = [
            sum(a == b for a, b in zip(one, other, strict=True))
            for one, other in zip(truth, answers, strict=True)
        ]
        words = np.array([len(one) for one in truth], np.int64)
        return cls(kinds, table[0], table[1], table[2], np.array(hits, np.int64), words)

    def of_kind(self, kind: str) -> NDArray[np.int64]:
        """Return right, given and there of one type, sentence by sentence: (n, 3)."""
        if kind not in self.kinds:
            return np.zeros((len(self.words), 3), np.int64)
        k = self.kinds.index(kind)
        return np.stack([self.right[:, k], self.given[:, k], self.there[:, k]], axis=1)

    def of_all(self) -> NDArray[np.int64]:
        """Return right, given and there of all types, sentence by sentence: (n, 3)."""
        return np.stack([part.sum(axis=1) for part in (self.right, self.given, self.there)], axis=1)

    def scores(self) -> dict[str, float | None]:
        """Return ``f1``, ``precision``, ``recall`` and ``token_accuracy``."""
        said = shares(self.of_all().sum(axis=0))
        return {**said, "token_accuracy": float(self.words_right.sum() / self.words.sum())}

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each type, the most frequent first."""
        found = []
        for kind in self.kinds:
            right, given, there = self.of_kind(kind).sum(axis=0).tolist()
            said = shares(np.array([right, given, there]))
            found.append({"name": kind, "n": there, "given": given, "right": right, **said})
        return sorted(found, key=lambda row: (-row["n"], row["name"]))


def shares(counts: Ints) -> dict[str, float | None]:
    """Return F1, precision and recall of right, given and there; None where there is nothing.

    Examples
    --------
    >>> shares(np.array([1, 2, 4]))
    {'f1': 0.3333333333333333, 'precision': 0.5, 'recall': 0.25}
    >>> shares(np.array([0, 0, 4]))
    {'f1': 0.0, 'precision': None, 'recall': 0.0}
    """
    right, given, there = map(int, counts)
    return {
        "f1": 2 * right / (given + there) if given + there else None,
        "precision": right / given if given else None,
        "recall": right / there if there else None,
    }


def interval(counts: NDArray[np.int64], groups: Ints) -> Interval:
    """Return the bootstrap interval of F1: groups of sentences are drawn again, whole.

    Parameters
    ----------
    counts : ndarray of shape (n, 3)
        Right, given and there of every sentence.
    groups : ndarray of int64, shape (n,)

    References
    ----------
    Efron & Tibshirani (1993), "An introduction to the bootstrap", chapter 13 (percentiles).
    """
    member = np.unique(groups, return_inverse=True)[1]
    G = int(member.max()) + 1
    per_group = np.stack([np.bincount(member, column, G) for column in counts.T], axis=1)
    drawn = np.random.default_rng(0).multinomial(G, np.full(G, 1 / G), DRAWS)  # (DRAWS, G)
    right, given, there = (drawn @ per_group).T
    whole = given + there
    f1 = np.divide(2 * right, whole, out=np.zeros(DRAWS), where=whole > 0)
    low, high = np.quantile(f1, [0.025, 0.975])
    return float(low), float(high)


def influence(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what every sentence says of F1: numbers whose mean is F1, and that scatter as it does.

    F1 is ``2 R / N``, with N entities given and there; a sentence with r and n of them counts as
    ``F1 + (2 r - F1 n) / (N / sentences)``. So two models can be compared sentence by sentence by
    tests that compare means, and the difference they see is that of the two F1.

    Parameters
    ----------
    counts : ndarray of shape (n, 3)

    References
    ----------
    The linear part of the delta method ("influence function"): Efron & Tibshirani (1993), chapter
    21.
    """
    right, sized = counts[:, 0], counts[:, 1] + counts[:, 2]
    if not sized.sum():
        return np.zeros(len(counts))
    f1 = 2 * right.sum() / sized.sum()
    return f1 + (2 * right - f1 * sized) / sized.mean()
