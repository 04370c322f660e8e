"""Identification, "who is it?", from one enrolled example and from several."""

from __future__ import annotations

import numpy as np

from headstart.recognition.similarity import Floats, Ints, mean_by

PARTNERS = 20
"""Enrolled examples that are tried for each that is asked about, at most (plain choice)."""
DRAWS = 20
"""Drawings of who is enrolled by which examples."""


def from_one(S: Floats, y: Ints, groups: Ints | None, seed: int) -> Floats:
    """Return how likely each example is recognised where one of each identity is enrolled: (n,).

    Over all ways to enrol one example of each: that of its own identity wins if it is more similar
    than every other, and those are drawn independently, so the chance is the product of the shares
    of each other identity's examples that are less similar (ties count half). NaN where an identity
    has no second example.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(y, kind="stable")
    sorted_y = y[order]
    present, first = np.unique(sorted_y, return_index=True)
    sizes = np.diff([*first, len(y)])
    found = np.full(len(y), np.nan)
    for row in range(len(y)):
        own = np.flatnonzero(may_answer(y, groups, row))
        if not len(own):
            continue
        if len(own) > PARTNERS:
            own = rng.choice(own, PARTNERS, replace=False)
        mine, others = S[row, own][:, None], S[row, order][None]
        beaten = (others < mine) + 0.5 * (others == mine)
        shares = np.add.reduceat(beaten, first, axis=1) / sizes
        shares[:, present == y[row]] = 1
        found[row] = shares.prod(axis=1).mean()
    return found


def from_several(S: Floats, y: Ints, groups: Ints | None, k: int, seed: int) -> Floats:
    """Return how often each example is recognised where ``k`` of each identity are enrolled: (n,).

    Those with fewer enrol what they have, and are not asked about. NaN for what never was.
    """
    right, asked = np.zeros(len(y)), np.zeros(len(y))
    rows = np.arange(len(y))
    n = int(y.max()) + 1
    rng = np.random.default_rng([seed, k])
    rich = np.bincount(y, minlength=n) > k
    for _ in range(DRAWS):
        shuffled = rng.permutation(rows)
        place = np.empty(len(y), np.int64)  # among those of its identity
        by = shuffled[np.argsort(y[shuffled], kind="stable")]
        starts = np.searchsorted(y[by], y[by])
        place[by] = rows - starts
        enrolled = place < k
        probes = np.flatnonzero(~enrolled & rich[y])
        if groups is not None:
            used = set(zip(y[enrolled].tolist(), groups[enrolled].tolist(), strict=True))
            probes = np.array(
                [i for i in probes if (int(y[i]), int(groups[i])) not in used], np.int64
            )
        if not len(probes):
            continue
        scores = mean_by(S[np.ix_(probes, enrolled)], y[enrolled], n)
        right[probes] += scores.argmax(axis=1) == y[probes]
        asked[probes] += 1
    with np.errstate(invalid="ignore"):
        return np.where(asked > 0, right / np.maximum(asked, 1), np.nan)


def may_answer(y: Ints, groups: Ints | None, row: int) -> np.ndarray:
    """Tell which examples may stand for the identity of ``row``: not itself, nor its group."""
    own = y == y[row]
    own[row] = False
    return own if groups is None else own & (groups != groups[row])
