"""Names that may be wrong: two in one folder, one in two folders, an example in a strange place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.recognition.open_set import OpenSet
from headstart.recognition.similarity import Floats, Ints, mean_by

FEWEST = 2
"""Examples that each of two parts of a folder must have to be called two."""
FEWEST_NAMES = 3
SURE = 0.99


@dataclass(frozen=True)
class Doubts:
    """Names that may be wrong, by rows and identities.

    Attributes
    ----------
    misplaced : list of (int, int)
        Row, and the identity it resembles instead of its own.
    twice : list of (int, int)
        Two identities that look like one.
    mixed : list of (int, tuple of int)
        An identity, and the rows of its smaller part, that looks like someone else.
    """

    misplaced: list[tuple[int, int]]
    twice: list[tuple[int, int]]
    mixed: list[tuple[int, tuple[int, ...]]]


def find_doubts(S: Floats, y: Ints, scored: OpenSet) -> Doubts:
    """Find names that may be wrong, where examples tell identities well enough to say so.

    What is usual are medians over identities: of the similarity inside one, and between two. A few
    wrong names do not move them, as they would a threshold. Two identities look like one where
    their examples resemble each other nearly as those of one usually do, and one falls into two
    where the parts of it (average linkage) hardly do; a third of the way from either end counts as
    "nearly" (plain choice). A single example is misplaced where it resembles another identity
    nearly so, and hardly its own.

    Returns
    -------
    Doubts
        Empty where fewer than ``FEWEST_NAMES`` have two examples, or where what is usual inside
        one is not above 99 of 100 pairs of two.
    """
    n = int(y.max()) + 1
    means = mean_by(mean_by(S, y, n).T, y, n)  # between identities, (n, n)
    present = np.unique(y)
    inside = np.array([_within(S[np.ix_(y == c, y == c)]) for c in present])
    inside = inside[np.isfinite(inside)]
    if len(inside) < FEWEST_NAMES:
        return Doubts([], [], [])
    different = S[y[:, None] != y[None]]
    usual, apart = float(np.median(inside)), float(np.median(different))
    if usual <= np.quantile(different, SURE):
        return Doubts([], [], [])
    nearly, hardly = usual - (usual - apart) / 3, apart + (usual - apart) / 3
    twice = [(int(a), int(b)) for a in present for b in present if a < b and means[a, b] >= nearly]
    parts = {int(c): _parts(S, y, int(c), nearly, hardly) for c in present}
    mixed = [(c, part) for c, part in parts.items() if part]
    told = {row for _, part in mixed for row in part}
    one = {pair for a, b in twice for pair in ((a, b), (b, a))}
    misplaced = [
        (int(row), int(scored.rival[row]))
        for row in np.flatnonzero((scored.own < hardly) & (scored.other >= nearly))
        if row not in told and (int(y[row]), int(scored.rival[row])) not in one
    ]
    return Doubts(misplaced, twice, mixed)


def _parts(S: Floats, y: Ints, c: int, nearly: float, hardly: float) -> tuple[int, ...]:
    """Return the smaller of two parts that an identity falls into; () where it is one."""
    rows = np.flatnonzero(y == c)
    if len(rows) < 2 * FEWEST:
        return ()
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    near = S[np.ix_(rows, rows)].astype(np.float64)
    far = np.clip(1 - (near + near.T) / 2, 0, None)
    np.fill_diagonal(far, 0)
    first = fcluster(linkage(squareform(far, checks=False), "average"), 2, "maxclust") == 1
    smaller = first if first.sum() <= len(rows) / 2 else ~first
    if smaller.sum() < FEWEST or near[np.ix_(first, ~first)].mean() >= hardly:
        return ()
    if min(_within(near[np.ix_(one, one)]) for one in (first, ~first)) < nearly:
        return ()
    return tuple(int(row) for row in rows[smaller])


def _within(near: Floats) -> float:
    """Return the mean similarity of the pairs of one; NaN where there is no pair."""
    above = near[np.triu_indices(len(near), 1)]
    return float(above.mean()) if len(above) else float("nan")
