"""Decoding: the likeliest tags of a sentence of which each may follow the one before (Viterbi).

A model scores every word by itself, and may call one ``I-PER`` behind ``O``. In IOB2 that means
nothing, so of all sequences without such steps the one with the highest sum of log probabilities
is taken.

References
----------
Viterbi (1967), IEEE Transactions on Information Theory 13; for hard constraints on tags: Ratinov &
Roth (2009), "Design challenges and misconceptions in named entity recognition".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from headstart.tagging.schemes import parted

Floats = NDArray[np.floating]
AT_ONCE = 256
"""Sentences that are decoded together, padded to the longest."""
NEVER = -1e9


def may_follow(tags: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which tag may follow which, (K, K), and which may stand first, (K,)."""
    parts = [parted(tag) for tag in tags]
    first = np.array([prefix != "I" for prefix, _ in parts])
    follows = np.array(
        [[prefix != "I" or kind == before for prefix, kind in parts] for _, before in parts]
    )
    return follows.reshape(len(tags), len(tags)), first


def decode(scores: Sequence[Floats], tags: Sequence[str]) -> list[NDArray[np.int64]]:
    """Find the best legal sequence of every sentence.

    Parameters
    ----------
    scores : sequence of ndarray of shape (t, K)
        Logarithms of probabilities, up to a constant a word.
    tags : sequence of str, length K

    Returns
    -------
    list of ndarray of int64, shape (t,)
        Places among ``tags``.
    """
    follows, first = may_follow(tags)
    step, start = np.where(follows, 0.0, NEVER), np.where(first, 0.0, NEVER)
    order = np.argsort([len(one) for one in scores], kind="stable")
    found: list[NDArray[np.int64]] = [np.zeros(0, np.int64)] * len(scores)
    for at in range(0, len(order), AT_ONCE):
        rows = order[at : at + AT_ONCE]
        for row, path in zip(rows, _together([scores[r] for r in rows], step, start), strict=True):
            found[row] = path
    return found


def _together(scores: list[Floats], step: Floats, start: Floats) -> list[NDArray[np.int64]]:
    """Decode a few sentences of like length at once."""
    lengths = np.array([len(one) for one in scores])
    B, T, K = len(scores), int(lengths.max()), len(start)
    padded = np.zeros((B, T, K))
    for row, one in zip(padded, scores, strict=True):
        row[: len(one)] = one
    came = np.zeros((B, T, K), np.int64)
    best = padded[:, 0] + start
    ends = best.copy()  # the scores at the last word of each
    for t in range(1, T):
        ways = best[:, :, None] + step  # (B, before, now)
        came[:, t] = ways.argmax(1)
        best = ways.max(1) + padded[:, t]
        ends[lengths > t] = best[lengths > t]
    paths = []
    for b, length in enumerate(lengths):
        path = np.zeros(length, np.int64)
        path[-1] = ends[b].argmax()
        for t in range(length - 1, 0, -1):
            path[t - 1] = came[b, t, path[t]]
        paths.append(path)
    return paths
