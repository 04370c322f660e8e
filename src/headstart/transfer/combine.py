"""Combining layers: a head on the most relevant columns of all stages of a frozen network.

Where the last layer has thrown away what the task needs, earlier ones may still have it; but most
of their columns are noise to the task, so only a share of them, found in the training rows, is
kept. With nothing to gain the embedding alone is smaller and as good: compare, then choose.

References
----------
Evci, Dumoulin, Larochelle & Mozer (2022), "Head2Toe: utilizing intermediate representations for
better transfer learning", ICML, arXiv:2201.03529. Their relevance is a group lasso's; here it is a
ridge's, which is solved in closed form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from headstart.transfer.heads import LinearHead
from headstart.transfer.logistic import (
    Floats,
    Ints,
    LogisticPath,
    fit_logistic,
    row_weights,
    standardisation,
)
from headstart.transfer.probe import (
    Folds,
    fit_temperature,
    one_standard_error,
    score_weights,
    walk,
)

FRACTIONS = (0.01, 0.05, 0.2, 1.0)
"""Shares of the columns tried. Head2Toe sweeps 0.0005 to 0.2 of far more columns; 1 keeps all."""
RIDGE = 1.0
"""Penalty of the ridge that ranks columns, in units of one standardised column's variance: a plain
choice, between single columns' correlations (much larger) and a least-squares fit (0)."""


@dataclass(frozen=True)
class CombinationChoice:
    """A share of the columns and a strength, chosen on folds, before the refit on all rows.

    Attributes
    ----------
    fraction : float
        Share of the columns that are kept, one of ``FRACTIONS``.
    C : float
        Inverse regularisation of the logistic head, as in scikit-learn.
    accuracy : float
        On the folds' held-out rows; optimistic by the choice itself, never the estimate.
    temperature : float
    candidates : list of dict
        Each fraction with the strength chosen for it, accuracy, log loss, its standard error.
    """

    fraction: float
    C: float
    accuracy: float
    temperature: float
    candidates: list[dict[str, Any]]
    balanced: bool = False

    def fit(
        self, X: Floats, y: Ints, n_classes: int, *, exact: bool = False
    ) -> tuple[LinearHead, NDArray[np.int64]]:
        """Find the columns and the head on all given rows; ``exact`` for a head that is kept.

        Returns
        -------
        head : LinearHead
            Over all columns of ``X``, with zeros where they were dropped.
        columns : ndarray of int64, ascending
        """
        columns = _kept(relevance(X, y, n_classes, balanced=self.balanced), self.fraction)
        W, b = fit_logistic(
            X[:, columns], y, n_classes, self.C, balanced=self.balanced, exact=exact
        )
        spread = np.zeros((X.shape[1], n_classes))
        spread[columns] = W
        return LinearHead(spread, b), columns


@dataclass(frozen=True)
class Combination:
    """A fitted combination: the parts of a model.

    Attributes
    ----------
    head : LinearHead
        Over all columns, with zeros where they were dropped.
    temperature : float
    fraction : float
    columns : ndarray of int64, ascending
        Those that were kept.
    choice : CombinationChoice
    """

    head: LinearHead
    temperature: float
    fraction: float
    columns: NDArray[np.int64]
    choice: CombinationChoice


def relevance(
    X: Floats, y: Ints, n_classes: int, *, balanced: bool = False, penalty: float = RIDGE
) -> Floats:
    """Score columns by the length of their weights in one ridge regression on the classes.

    With Z the columns standardised on these rows, T the centred one-hot labels and D the row
    weights (which sum to one): ``W = (Z'DZ + penalty I)^-1 Z'DT``; the relevance of column j is
    ``|W_j|``, zero for a column that is constant.

    Parameters
    ----------
    X : ndarray of shape (n, D)
    y : ndarray of int, shape (n,)
    penalty : float, > 0

    Returns
    -------
    ndarray of shape (D,), >= 0

    References
    ----------
    Evci et al. (2022), arXiv:2201.03529, eq. 3 (the norm of a column's weights over the classes).
    """
    X = np.asarray(X, np.float32)
    weight = row_weights(y, n_classes, balanced).astype(X.dtype)
    mean, scale = standardisation(X, weight)
    root = np.sqrt(weight)[:, None]
    Z = (X - mean) / scale * root  # (n, D)
    one_hot = np.eye(n_classes, dtype=X.dtype)[y]
    T = (one_hot - weight @ one_hot) * root  # (n, K)
    if len(Z) < Z.shape[1]:
        W = Z.T @ solve(_plus(Z @ Z.T, penalty), T, assume_a="pos")
    else:
        W = solve(_plus(Z.T @ Z, penalty), Z.T @ T, assume_a="pos")
    return np.linalg.norm(W, axis=1)


def choose_combination(
    X: Floats, y: Ints, n_classes: int, folds: Folds, *, balanced: bool = False
) -> CombinationChoice:
    """Choose the share of columns and the strength on folds.

    Scaling, relevance and columns are found anew in the training part of every fold. For each
    share the strength is the weakest model within one standard error of the best log loss, as in
    the probe; then the smallest share within one standard error of the best share is kept.

    Parameters
    ----------
    X : ndarray of shape (n, D)
    y : ndarray of int, shape (n,)
    folds : list of (train rows, held-out rows)
    balanced : bool, default=False
        Weigh classes equally when fitting and when scoring.
    """
    held = np.concatenate([out for _, out in folds])
    w = score_weights(y[held], n_classes, balanced)
    ranks = [relevance(X[rows], y[rows], n_classes, balanced=balanced) for rows, _ in folds]
    scored = [
        one_standard_error(walk(_advance(X, y, n_classes, folds, ranks, f, balanced), y, folds, w))
        for f in FRACTIONS
    ]
    best = one_standard_error(scored)
    return CombinationChoice(
        FRACTIONS[next(i for i, s in enumerate(scored) if s is best)],
        best.C,
        best.accuracy,
        fit_temperature(best.logits, y[held]),
        [{"fraction": f, **s.row()} for f, s in zip(FRACTIONS, scored, strict=True)],
        balanced,
    )


def fit_combination(
    X: Floats,
    y: Ints,
    n_classes: int,
    folds: Folds,
    *,
    rows: Ints | None = None,
    balanced: bool = False,
) -> Combination:
    """Choose on the folds, refit on all rows, calibrate on the folds' held-out logits.

    Parameters
    ----------
    X : ndarray of shape (n, D)
        All stages side by side, as ``headstart.backbones.stages.Stages`` gives them.
    rows : ndarray of int, optional
        The rows that the folds count in, where those are not all rows.
    """
    rows = np.arange(len(X)) if rows is None else rows
    choice = choose_combination(X[rows], y[rows], n_classes, folds, balanced=balanced)
    head, columns = choice.fit(X, y, n_classes, exact=True)
    return Combination(head, choice.temperature, choice.fraction, columns, choice)


def _advance(
    X: Floats,
    y: Ints,
    n_classes: int,
    folds: Folds,
    ranks: Sequence[Floats],
    fraction: float,
    balanced: bool,
) -> Callable[[float], Iterable[Floats]]:
    """Walk one path per fold, on that fold's own columns; of all columns, one for all folds."""
    training = [rows for rows, _ in folds]
    if fraction == 1:
        return LogisticPath(X, y, n_classes, training, balanced=balanced).advance
    paths = [
        LogisticPath(X[:, _kept(rank, fraction)], y, n_classes, [rows], balanced=balanced)
        for rank, rows in zip(ranks, training, strict=True)
    ]
    return lambda C: [path.advance(C)[0] for path in paths]


def _kept(rank: Floats, fraction: float) -> NDArray[np.int64]:
    """Columns of the highest relevance, ascending; at least one."""
    count = int(np.ceil(fraction * len(rank)))
    return np.sort(np.argsort(-rank, kind="stable")[:count])


def _plus(gram: Floats, penalty: float) -> Floats:
    gram[np.diag_indices_from(gram)] += penalty
    return gram
