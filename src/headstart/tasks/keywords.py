"""Keywords against those that people gave: F1 of the first few, document by document.

Predicted and gold keywords are compared by key (their stems, or their words as they are), each key
once. Scores are means over documents (macro averages). Gold keywords that do not stand in their
document count as missed: nobody can find them, whoever it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS = 2000
"""Bootstrap samples."""


def f1_at(predicted: Sequence[str], gold: Collection[str], k: int | None) -> float:
    """Return F1 of the first ``k`` keywords of a document; of all that were given where None.

    Of fewer than ``k`` that were given, precision is the share that is right of these: nobody is
    punished for not guessing on.

    Parameters
    ----------
    predicted : sequence of str
        Keys, the best first.
    gold : collection of str
        Keys; not empty.

    Examples
    --------
    >>> f1_at(["a", "b", "c", "d"], {"a", "c", "x"}, 2), f1_at([], {"a"}, 5)
    (0.4, 0.0)
    """
    first = list(dict.fromkeys(predicted))[:k]
    wanted = set(gold)
    hits = len(wanted.intersection(first))
    return 2 * hits / (len(first) + len(wanted)) if hits else 0.0


def bootstrap(values: Floats, groups: NDArray[np.integer], seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of a mean over documents, by resampling groups of them.

    Parameters
    ----------
    values : ndarray of shape (n,)
    groups : ndarray of int, shape (n,)
        Near-duplicates have one number.

    References
    ----------
    Efron & Tibshirani (1993), "An introduction to the bootstrap", section 13.3: percentiles.
    """
    member = np.unique(groups, return_inverse=True)[1]
    sums, counts = np.bincount(member, values), np.bincount(member).astype(np.float64)
    drawn = np.random.default_rng(seed).multinomial(
        len(sums), np.full(len(sums), 1 / len(sums)), size=DRAWS
    )
    means = (drawn @ sums) / np.maximum(drawn @ counts, 1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
