"""Vectors and counts together: two heads answer, each on its own, and their answers are mixed.

What a network has learned elsewhere and what occurs in the examples at hand err differently. The
log-probabilities of the two heads are averaged; how much the vectors count is chosen on held-out
answers of both, so it follows the number of labels: with few the vectors answer, with many both.

References
----------
Wolpert (1992), "Stacked generalization", Neural Networks 5; Genest & Zidek (1986), "Combining
probability distributions", Statistical Science 1, section 3.2: the logarithmic opinion pool.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from headstart.transfer.heads import MixedHead
from headstart.transfer.logistic import Floats, Ints, softmax
from headstart.transfer.pair import Pair
from headstart.transfer.probe import (
    Choice,
    Folds,
    choose_head,
    fit_temperature,
    score_head,
    score_weights,
)

SHARES = tuple(round(1 - step / 10, 1) for step in range(11))
"""How much the vectors count, from alone to not at all; the rest is for the counts."""


@dataclass(frozen=True)
class MixChoice:
    """Two heads and how they are mixed, chosen on folds, before the refit on all rows.

    Attributes
    ----------
    share : float, 0 to 1
        How much the vectors count: 1, they answer alone.
    vectors, counts : Choice
        Of the two heads.
    accuracy : float
        On the folds' held-out rows; optimistic by the choice itself, never the estimate.
    temperature : float
    candidates : list of dict
        Each share with accuracy, log loss, its standard error.
    right : ndarray of shape (n_held,)
        As of ``Choice``.
    head : MixedHead
        Fitted on all rows that it was chosen on.
    """

    share: float
    vectors: Choice
    counts: Choice
    accuracy: float
    temperature: float
    candidates: list[dict[str, Any]]
    right: Floats = field(default_factory=lambda: np.empty(0), compare=False, repr=False)
    head: MixedHead | None = field(default=None, compare=False, repr=False)

    def answers(self, head: MixedHead, X: Pair) -> Floats:
        """Answer for rows, as ``Choice.answers`` does."""
        return softmax(head.logits(X) / self.temperature)

    def fit(self, X: Pair, y: Ints, n_classes: int, *, exact: bool = False) -> MixedHead:
        """Refit both heads on all given rows; ``exact`` for a head that is kept."""
        return self._mixed(
            self.vectors.fit(X.vectors, y, n_classes, exact=exact),
            self.counts.fit(X.counts, y, n_classes, exact=exact),
        )

    def _mixed(self, vectors: Any, counts: Any) -> MixedHead:
        """Mix two linear heads into one: what normalises their answers cancels out."""
        a = self.share / self.vectors.temperature
        b = (1 - self.share) / self.counts.temperature
        bias = a * vectors.b + b * counts.b
        return MixedHead(a * vectors.W, counts.columns, counts.idf, b * counts.W, bias)


def choose_mix(
    X: Pair, y: Ints, n_classes: int, folds: Folds, *, balanced: bool = False
) -> MixChoice:
    """Choose both heads, then their mixture, on the same held-out rows.

    Parameters
    ----------
    X : Pair
        Of n rows.
    y : ndarray of int, shape (n,)
    folds : list of (train rows, held-out rows)
    balanced : bool, default=False
        Weigh classes equally when fitting and when scoring.

    Notes
    -----
    Of all shares within one standard error of the best held-out log loss, paired by row, the
    vectors' greatest is kept (Breiman et al. 1984, section 3.4.3): they are the plainer model, and
    of few rows the best share is mostly luck. The mixture is linear in both, since the constants
    that log-probabilities are normalised by are the same for all classes.
    """
    held = np.concatenate([out for _, out in folds])
    weight, truth = score_weights(y[held], n_classes, balanced), y[held]
    own = choose_head(X.vectors, y, n_classes, folds, balanced=balanced, rivals=False)
    other = choose_head(X.counts, y, n_classes, folds, balanced=balanced)
    answers = [c.logits / c.temperature for c in (own, other)]
    scored, loss, heat = [], [], []
    for share in SHARES:
        logits = share * answers[0] + (1 - share) * answers[1]
        heat.append(fit_temperature(logits, truth))
        p = softmax(logits / heat[-1])[np.arange(len(truth)), truth]
        loss.append(-np.log(np.maximum(p, 1e-12)) * weight)
        scored.append(score_head(MixedHead.kind, 0.0, logits / heat[-1], truth, folds, weight))
    best = loss[int(np.argmin([row.mean() for row in loss]))]
    at = next(i for i, row in enumerate(loss) if _within_one_error(row - best))
    kept = MixChoice(
        SHARES[at],
        replace(own, head=None, logits=_NOTHING),
        replace(other, head=None, logits=_NOTHING),
        scored[at].accuracy,
        heat[at],
        [{"share": s, **row.row()} for s, row in zip(SHARES, scored, strict=True)],
        scored[at].right,
    )
    return replace(kept, head=kept._mixed(own.head, other.head))


_NOTHING = np.empty(0)


def _within_one_error(lead: Floats) -> bool:
    """Whether a loss is at most one standard error of the paired difference above the best."""
    return bool(lead.mean() <= lead.std() / np.sqrt(len(lead)))
