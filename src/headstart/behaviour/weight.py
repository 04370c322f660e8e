"""How much a source may weigh: chosen on the target's own users, and nothing without evidence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

WEIGHTS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
"""What is tried (plain choice): 1 is a source that counts as much as the target."""


def choose(scores: Mapping[float, NDArray[np.floating]]) -> float:
    """Choose the weight of the source.

    The best one, if it is better than no source by more than one standard error of the paired
    difference; otherwise 0. A source that says nothing would else be let in by chance, and costs.

    Parameters
    ----------
    scores : dict of float to ndarray of shape (n_users,)
        By weight, 0 among them: how well each user's hidden item was ranked, higher is better
        (``tasks.ranking.discount``).
    """
    best = max(scores, key=lambda weight: scores[weight].mean())
    lead = scores[best] - scores[0.0]
    error = float(lead.std(ddof=1)) / np.sqrt(len(lead)) if len(lead) > 1 else np.inf
    return best if lead.mean() > error else 0.0
