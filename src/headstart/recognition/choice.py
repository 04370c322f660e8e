"""Which network knows who is who best: chosen on names, and judged on others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from headstart.recognition.outcome import Space
from headstart.recognition.similarity import Floats

FOLDS = 5


@dataclass(frozen=True)
class Choice:
    """The network that was chosen among several.

    Attributes
    ----------
    name : str
    rates : dict of str to float
        Recognition from one example by each, over all names; none where it could not be told.
    one : ndarray of shape (n,)
        Recognition of each example by the network that is best on the names of other folds: an
        estimate of choosing, not of the best one that was seen.
    """

    name: str
    rates: dict[str, float]
    one: Floats

    def judged(self, space: Space) -> Space:
        """Return the space of the network that was chosen, as the choice is judged."""
        return replace(space, one=self.one)


def choose(spaces: Mapping[str, Space], seed: int) -> Choice:
    """Choose by recognition from one example; the first of those that are equal, or all unknown."""
    names = list(spaces)
    ones = np.stack([space.one for space in spaces.values()])
    y = next(iter(spaces.values())).pairs.y
    asked = np.isfinite(ones[0])
    if len(np.unique(y[asked])) < 2:
        return Choice(names[0], {}, ones[0])
    present = np.unique(y)
    fold = np.random.default_rng(seed).permutation(len(present)) % min(FOLDS, len(present))
    fold = fold[np.searchsorted(present, y)]
    one = np.full(len(y), np.nan)
    for k in np.unique(fold):
        others = asked & (fold != k)
        best = int(_means(ones[:, others]).argmax()) if others.any() else 0
        one[fold == k] = ones[best, fold == k]
    rates = _means(ones[:, asked])
    told = dict(zip(names, rates.tolist(), strict=True))
    return Choice(names[int(rates.argmax())], told, one)


def _means(ones: Sequence[Floats] | Floats) -> Floats:
    return np.asarray(ones).mean(axis=1)
