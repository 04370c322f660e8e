"""Rivals: what ranks phrases without a network, and without having learned anything.

They get the phrases that the network gets without gold, runs between stop words, so that what they
differ in is the ranking alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from headstart.phrases.cutting import Cut
from headstart.phrases.scoring import Rarity
from headstart.said import N_

Floats = NDArray[np.floating]

PLACE, RARE, LONG = N_("first in the text"), N_("TF-IDF"), N_("longest first")


def by_place(cut: Cut, rarity: Rarity) -> Floats:
    """Prefer what stands first."""
    return -np.array([one.place for one in cut.phrases], np.float64)


def by_rarity(cut: Cut, rarity: Rarity) -> Floats:
    """Prefer what comes often here and whose words are rare elsewhere: times x sum of idf."""
    return np.array([one.count * rarity.of(one.key).sum() for one in cut.phrases], np.float64)


def by_length(cut: Cut, rarity: Rarity) -> Floats:
    """Prefer phrases of many words; of as many, the first."""
    return np.array(
        [one.words - one.place / max(2 * cut.words, 1) for one in cut.phrases], np.float64
    )


RIVALS: dict[str, Callable[[Cut, Rarity], Floats]] = {
    PLACE: by_place,
    RARE: by_rarity,
    LONG: by_length,
}
"""By what they are called; YAKE stands apart (``yake.py``), for it reads the text itself."""
