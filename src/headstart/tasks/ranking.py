"""Ranking: where in the order of all items the one stands that was chosen next.

All items are ranked, but those seen before. Scores that compare with a few drawn others instead
disagree with this one about which model is better (Krichene & Rendle 2020, "On sampled metrics for
item recommendation", KDD).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]


def ranks(scores: Floats, wanted: Ints, seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the rank of one item of each user, 1 for the first.

    Parameters
    ----------
    scores : ndarray of shape (n_users, n_items)
        Higher is better; finite.
    wanted : ndarray of int, shape (n_users,)
        The item that was chosen next; not among those seen.
    seen : ndarray of bool, shape (n_users, n_items)
        Items that are not recommended again.

    Returns
    -------
    ndarray of float64, shape (n_users,)
        Items of one score share the mean of their ranks: whoever gives all items one score does
        not win by the order they are listed in.
    """
    better, alike = places(scores, wanted, seen)
    return better + (alike + 1) / 2


def places(scores: Floats, wanted: Ints, seen: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Count the items that rank before the one wanted, and those of its score, itself among them.

    Parameters
    ----------
    scores, wanted, seen
        As of ``ranks``.
    """
    own = np.take_along_axis(scores, wanted[:, None], axis=1)
    better = ((scores > own) & ~seen).sum(axis=1)
    return better, ((scores == own) & ~seen).sum(axis=1)


def recall_at(rank: Floats, k: int) -> NDArray[np.float64]:
    """Tell, per user, whether the item is among the first ``k``: with one item wanted, a hit."""
    return (rank <= k).astype(np.float64)


def ndcg_at(rank: Floats, k: int) -> NDArray[np.float64]:
    """Discount a hit among the first ``k`` by its rank: ``1 / log2(1 + rank)``, else 0.

    References
    ----------
    Järvelin & Kekäläinen (2002), "Cumulated gain-based evaluation of IR techniques"; with one item
    wanted the ideal gain is 1.
    """
    return np.where(rank <= k, discount(rank), 0.0)


def discount(rank: Floats) -> NDArray[np.float64]:
    """Discount every rank, however far down: ``1 / log2(1 + rank)``, in (0, 1].

    What is chosen by it does not hang on the few users who have a hit (used to choose, not shown).
    """
    return 1 / np.log2(1 + np.asarray(rank, np.float64))


def expected_discount(better: Ints, alike: Ints) -> NDArray[np.float64]:
    """Return the mean discount over all orders of the items of one score, given ``places``.

    The discount of their mean rank is less (Jensen): by it, a model that knows nothing would lose
    to one that orders by chance.
    """
    total = np.cumsum(np.r_[0.0, discount(np.arange(1.0, (better + alike).max(initial=0) + 1))])
    return (total[better + alike] - total[better]) / alike


def expected_recall(better: Ints, alike: Ints, k: int) -> NDArray[np.float64]:
    """Return the share of all orders of the items of one score by which it is a hit.

    Given ``places``. By the mean rank, items that cannot be told apart are all hits or none.
    """
    return np.clip((k - better) / alike, 0.0, 1.0)


def coverage(first: Ints, n_items: int) -> float:
    """Return the share of all items that anyone is recommended, given (n_users, k) item places."""
    return len(np.unique(first)) / n_items
