"""Scores of probabilities against labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]


def accuracy(y: Ints, predicted: Ints) -> float:
    """Share of rows that are right."""
    return float(np.mean(y == predicted))


def confusion(y: Ints, predicted: Ints, n_classes: int) -> NDArray[np.int64]:
    """Count rows by (true class, predicted class): ``(K, K)``."""
    counts = np.bincount(y * n_classes + predicted, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes)


def balanced_accuracy(y: Ints, predicted: Ints) -> float:
    """Mean recall over the classes that occur in ``y``."""
    return float(np.mean([np.mean(predicted[y == c] == c) for c in np.unique(y)]))


def macro_f1(y: Ints, predicted: Ints) -> float:
    """Mean F1 over the classes that occur in ``y`` or are predicted."""
    table = confusion(y, predicted, int(max(y.max(), predicted.max())) + 1)
    hits, total = np.diag(table), table.sum(axis=0) + table.sum(axis=1)
    occurs = total > 0
    return float(np.mean(2 * hits[occurs] / total[occurs]))


def log_loss(y: Ints, proba: Floats) -> float:
    """Mean negative log probability of the truth, nats; probabilities are floored at 1e-12."""
    return float(-np.log(np.maximum(proba[np.arange(len(y)), y], 1e-12)).mean())


def reliability(y: Ints, proba: Floats, bins: int = 10) -> list[dict[str, float]]:
    """Group rows by confidence: for every bin that occurs its mean confidence, accuracy, count."""
    return reliability_of(proba.max(axis=1), proba.argmax(axis=1) == y, bins)


def reliability_of(
    stated: Floats, came_true: NDArray[np.bool_], bins: int = 10
) -> list[dict[str, float]]:
    """Group probabilities of any shape as ``reliability`` groups confidences."""
    confidence, right = stated.ravel(), came_true.ravel()
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = [np.flatnonzero(which == b) for b in range(bins)]
    return [
        {
            "confidence": float(confidence[r].mean()),
            "accuracy": float(right[r].mean()),
            "count": len(r),
        }
        for r in rows
        if len(r)
    ]


def average_precision(y: NDArray[np.bool_], p: Floats) -> float:
    """Mean precision at every threshold that finds one more, ties of ``p`` found together.

    Parameters
    ----------
    y : ndarray of bool, shape (n,)
        With one True or more.
    p : ndarray of shape (n,)

    References
    ----------
    As ``sklearn.metrics.average_precision_score``, without interpolation.
    """
    order = np.argsort(-p, kind="stable")
    hits, p = np.cumsum(y[order]), p[order]
    last = np.flatnonzero(np.append(p[1:] != p[:-1], True))  # of equal ones, the last
    found = np.diff(hits[last], prepend=0)
    return float((found * hits[last] / (last + 1)).sum() / hits[-1])


def calibration_error(stated: Floats, right: NDArray[np.bool_], bins: int = 10) -> float:
    """Mean gap between what is stated and how often it is right, over all of any shape."""
    which = np.minimum((stated.ravel() * bins).astype(int), bins - 1)
    gaps = np.bincount(which, (stated - right).ravel(), minlength=bins)
    return float(np.abs(gaps).sum() / stated.size)


def expected_calibration_error(y: Ints, proba: Floats, bins: int = 10) -> float:
    """Mean gap between confidence and accuracy over confidence bins, weighted by their counts.

    References
    ----------
    Guo et al. (2017), arXiv:1706.04599, eq. 3, with 10 bins for small data.
    """
    groups = reliability(y, proba, bins)
    gaps = [g["count"] * abs(g["confidence"] - g["accuracy"]) for g in groups]
    return float(sum(gaps) / len(y))
