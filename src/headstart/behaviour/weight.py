"""How much a source may weigh: chosen on the target's own users, and nothing without evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key")
WEIGHTS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
"""What is tried (plain choice): 1 is a source that counts as much as the target."""
SURE, LIKELY = 2.0, 1.0
"""Standard errors a source has to be better by. The best of a dozen ways is ahead by one quite
often though the source says nothing (measured: 3 of 20 wrong sources were let in, and one seemed to
help), and known users are served well without. New users are not: all there is for them is what is
popular, they are asked a quarter at a time, and two errors would cost three to five points."""


def choose(scores: Mapping[Key, NDArray[np.floating]], none: Key, *, errors: float = SURE) -> Key:
    """Choose how the source is used, or that it is not.

    The best way, if it is better than ``none`` by more than so many standard errors of the paired
    difference; otherwise ``none``. A source that says nothing would else be let in by chance, and
    costs.

    Parameters
    ----------
    scores : dict to ndarray of shape (n_users,)
        How well each user's hidden item was ranked, by weight or by model; higher is better
        (``tasks.ranking.expected_discount``).
    none : key of it
        Without the source.
    errors : float
        ``SURE``, or ``LIKELY`` where doing without is known to be poor.
    """
    best = max(scores, key=lambda key: scores[key].mean())
    lead = scores[best] - scores[none]
    error = float(lead.std(ddof=1)) / np.sqrt(len(lead)) if len(lead) > 1 else np.inf
    return best if lead.mean() > errors * error else none
