"""Which pairs are learned from, which are watched, and which are the test.

What is nearly the same never stands on both sides, neither as a source nor as a translation: a
network would be praised for its memory. Where documents are known, whole documents are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.modalities.copies import linked
from headstart.modalities.text.copies import find_copies
from headstart.modalities.text.digest import TextDigest
from headstart.translation.pairs import Pairs

TEST, VALIDATION = 0.1, 0.1
MOST_TEST, MOST_VALIDATION = 1_000, 300
"""Sentences: translating them takes longer than learning from them (plain choices)."""
FEW_DOCUMENTS = 10
"""Documents from which on they are drawn as wholes."""
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """Places of pairs.

    Attributes
    ----------
    train, validation, test : ndarray of int
        In order. Of a source that stands in ``validation`` or ``test`` several times, the first.
    cluster : ndarray of int, (n,)
        Equal numbers for pairs that are near copies, of one side or the other.
    left_out : int
        Pairs that are nearly the same as one in ``validation`` or ``test`` of another document.
    by : {"document", "cluster"}
    """

    train: Ints
    validation: Ints
    test: Ints
    cluster: Ints
    left_out: int
    by: str


def clusters(digests: tuple[Sequence[TextDigest], Sequence[TextDigest]]) -> Ints:
    """Give equal numbers (n,) to pairs whose sources or whose targets are near copies."""
    n = len(digests[0])
    links = []
    for side in digests:
        component = find_copies([one.text for one in side], side).component
        first = np.unique(component, return_index=True)[1]
        place = np.searchsorted(component[first], component)
        links.append(np.stack([np.arange(n), first[place]]))
    return linked(links, n)


def split(pairs: Pairs, cluster: Ints, seed: int) -> Parts:
    """Draw the parts.

    Parameters
    ----------
    cluster : ndarray of int, (n,)
        As ``clusters`` gives it.
    """
    n = len(pairs)
    documents = len(set(pairs.documents)) >= FEW_DOCUMENTS
    named = np.array(pairs.documents, object) if documents else cluster
    group = np.unique(named, return_inverse=True)[1].astype(np.int64)
    sizes = np.bincount(group)
    order = np.random.default_rng(seed).permutation(len(sizes))
    before = np.concatenate([[0], np.cumsum(sizes[order])[:-1]])
    test_n = max(1, round(min(TEST * n, MOST_TEST)))
    held_n = test_n + max(1, round(min(VALIDATION * n, MOST_VALIDATION)))
    part = np.where(before < test_n, 2, np.where(before < held_n, 1, 0))
    where = np.empty(len(sizes), np.int64)
    where[order] = part
    of_pair = where[group]
    held = np.isin(cluster, cluster[of_pair > 0])
    test, watched = of_pair == 2, of_pair == 1
    watched &= ~np.isin(cluster, cluster[test])
    train = (of_pair == 0) & ~held
    return Parts(
        np.flatnonzero(train),
        _first_of_each(pairs, np.flatnonzero(watched))[:MOST_VALIDATION],
        _first_of_each(pairs, np.flatnonzero(test))[:MOST_TEST],
        cluster,
        int(((of_pair == 0) & held).sum()),
        "document" if documents else "cluster",
    )


def _first_of_each(pairs: Pairs, rows: Ints) -> Ints:
    """Keep the first pair of each source."""
    seen: dict[str, int] = {}
    for row in rows.tolist():
        seen.setdefault(pairs.source[row], row)
    return np.array(sorted(seen.values()), np.int64)
