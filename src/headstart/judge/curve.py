"""The learning curve: accuracy against the number of training images, on features already there."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.judge.crossval import Ints, Task, in_threads
from headstart.judge.intervals import corrected_interval, wider, wilson
from headstart.transfer.probe import Choice

SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)
MAX_ROWS = 2000
"""Larger sets are judged on a random part this big: the curve is a picture, not the estimate."""


def learning_curve(
    X: NDArray[np.floating], task: Task, choice: Choice, *, workers: int = 1
) -> list[dict[str, Any]]:
    """Fit the chosen head on growing parts of each training fold; score on the held-out part.

    Returns
    -------
    list of dict
        ``n_train`` (mean), ``accuracy`` and ``accuracy_ci95`` per point; points whose part cannot
        hold two images of every class are left out.
    """
    rng = np.random.default_rng([task.seed, 3])
    rows = np.sort(rng.permutation(len(task.y))[:MAX_ROWS])
    folds = [(rows[a], rows[b]) for a, b in task.folds(rows, 5, 3)]
    points = []
    for share in SHARES:
        parts = [_part(task.y, train, share, rng) for train, _ in folds]
        if min(np.bincount(task.y[p], minlength=task.n_classes).min() for p in parts) < 2:
            continue
        jobs = [(part, held) for part, (_, held) in zip(parts, folds, strict=True)]
        scores = in_threads(partial(_score, X, task, choice), jobs, workers)
        mean = float(np.mean(scores))
        interval = wider(
            corrected_interval(np.array(scores), 1 / 4), wilson(mean * len(rows), len(rows))
        )
        points.append(
            {
                "n_train": int(np.mean([len(p) for p in parts])),
                "accuracy": mean,
                "accuracy_ci95": list(interval),
            }
        )
    return points


def _score(X: NDArray[np.floating], task: Task, choice: Choice, job: tuple[Ints, Ints]) -> float:
    part, held = job
    head = choice.fit(X[part], task.y[part], task.n_classes)
    return float(np.mean(head.logits(X[held]).argmax(axis=1) == task.y[held]))


def _part(
    y: NDArray[np.int64], rows: NDArray[np.int64], share: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw the same share of every class."""
    drawn = []
    for c in np.unique(y[rows]):
        own = rng.permutation(rows[y[rows] == c])
        drawn.append(own[: max(1, round(share * len(own)))])
    return np.concatenate(drawn)
