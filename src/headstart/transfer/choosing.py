"""Which head fits the labels: one class an example, or several labels."""

from __future__ import annotations

from typing import Any

from headstart.tasks.labels import Labels
from headstart.transfer import FittedModel
from headstart.transfer.logistic import Floats, Ints
from headstart.transfer.multilabel import choose_labels, fit_labels
from headstart.transfer.probe import Choice, Folds, choose_head, fit_probe


def choose(X: Floats, labels: Labels, rows: Ints, folds: Folds, *, rivals: bool = True) -> Choice:
    """Choose a head for some rows, on folds that count in them.

    Parameters
    ----------
    X : ndarray of shape (n, dim)
    labels : Labels
        Of the same rows.
    rows : ndarray of int
    folds : list of (train rows, held-out rows)
    rivals : bool, default=True
        Of classification, also try kNN and nearest class mean.
    """
    y = labels.y[rows]
    if labels.several:
        return choose_labels(X[rows], y, folds)
    return choose_head(X[rows], y, labels.n_classes, folds, balanced=labels.balanced, rivals=rivals)


def fit(
    X: Floats, labels: Labels, rows: Ints, folds: Folds, *, rivals: bool = True
) -> tuple[FittedModel, Choice]:
    """Choose a head on some rows, refit it on all, calibrated; parameters as above."""
    shared: dict[str, Any] = {"rows": rows, "groups": labels.groups}
    if labels.several:
        return fit_labels(X, labels.y, labels.task.classes, folds, **shared)
    return fit_probe(
        X, labels.y, labels.task.classes, folds, balanced=labels.balanced, rivals=rivals, **shared
    )
