"""How much a source may weigh: chosen on the target's own users, and nothing without evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key")
WEIGHTS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
"""What is tried (plain choice): 1 is a source that counts as much as the target."""


def choose(scores: Mapping[Key, NDArray[np.floating]], none: Key) -> Key:
    """Choose how the source is used, or that it is not.

    The best way, if it is better than ``none`` by more than one standard error of the paired
    difference; otherwise ``none``. A source that says nothing would else be let in by chance, and
    costs.

    Parameters
    ----------
    scores : dict to ndarray of shape (n_users,)
        How well each user's hidden item was ranked, by weight or by model; higher is better
        (``tasks.ranking.expected_discount``).
    none : key of it
        Without the source.
    """
    best = max(scores, key=lambda key: scores[key].mean())
    lead = scores[best] - scores[none]
    error = float(lead.std(ddof=1)) / np.sqrt(len(lead)) if len(lead) > 1 else np.inf
    return best if lead.mean() > error else none
