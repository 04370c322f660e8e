"""Which head fits the labels: one class an example, or several labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.tasks.labels import Labels
from headstart.transfer import FittedModel
from headstart.transfer.logistic import Floats, Ints
from headstart.transfer.mix import MixChoice, choose_mix
from headstart.transfer.multilabel import choose_labels, fit_labels
from headstart.transfer.pair import Pair
from headstart.transfer.probe import Choice, Folds, choose_head, fit_probe

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def choose(
    X: Floats | csr_array | Pair,
    labels: Labels,
    rows: NDArray[np.int64],
    folds: Folds,
    *,
    rivals: bool = True,
) -> Choice | MixChoice:
    """Choose a head for some rows, on folds that count in them.

    Parameters
    ----------
    X : ndarray of shape (n, dim), csr_array of counts, or Pair of both
        A pair only where examples have one label.
    labels : Labels
        Of the same rows.
    rows : ndarray of int
    folds : list of (train rows, held-out rows)
    rivals : bool, default=True
        Of classification, also try kNN and nearest class mean.
    """
    y = labels.y[rows]
    if isinstance(X, Pair):
        return choose_mix(X[rows], y, labels.n_classes, folds, balanced=labels.balanced)
    if labels.several:
        return choose_labels(X[rows], y, folds)
    return choose_head(X[rows], y, labels.n_classes, folds, balanced=labels.balanced, rivals=rivals)


def fit(
    X: Floats,
    labels: Labels,
    rows: Ints,
    folds: Folds,
    *,
    rivals: bool = True,
    widths: Sequence[int] = (),
) -> tuple[FittedModel, Choice]:
    """Choose a head on some rows, refit it on all, calibrated; parameters as above.

    ``widths`` are the features of each of several networks, in order.
    """
    shared: dict[str, Any] = {"rows": rows, "groups": labels.groups, "widths": widths}
    if labels.several:
        return fit_labels(X, labels.y, labels.task.classes, folds, **shared)
    return fit_probe(
        X, labels.y, labels.task.classes, folds, balanced=labels.balanced, rivals=rivals, **shared
    )
