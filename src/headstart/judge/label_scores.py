"""Each of several labels by itself: how often it is found, how often it is given rightly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.judge.intervals import Interval, wilson
from headstart.tasks.labels import Labels
from headstart.tasks.metrics import average_precision
from headstart.tasks.multilabel import MultiLabel

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

RESAMPLES = 200


def label_scores(
    labels: Labels, out: Floats, thresholds: Sequence[float], *, groups: Ints | None = None
) -> dict[str, Any]:
    """Score every label on held-out answers, with intervals.

    Parameters
    ----------
    labels : Labels
        Of the held-out rows.
    out : ndarray of shape (n, 2 K)
        Answers for them.
    thresholds : sequence of float
        Those of the model that is kept; the answers may be by models of other folds.
    groups : ndarray of int, shape (n,), optional
        Rows of one group are right or wrong together: they are drawn together.

    Returns
    -------
    dict
        ``macro_f1_ci95``, ``micro_f1_ci95``, ``average_precision_ci95`` and ``rows``, one per
        label: see ``labels`` of ``metrics.json`` in docs/architecture.md.

    Notes
    -----
    Shares of a label's own examples, and of those it was given to, have Wilson's interval, over as
    many units as there are groups. F1 and average precision have percentile intervals over
    ``RESAMPLES`` bootstrap samples of rows or groups (Efron & Tibshirani 1993, "An introduction to
    the bootstrap", section 13.3); samples without the label are left out. Those of a label reach
    1.5/n to both sides of their middle at least, for n units that have it: where all were found,
    up to 3/n of others may be missed (the "rule of three", Hanley & Lippman-Hand 1983, JAMA 249),
    which takes half of that from F1.
    """
    task, y = labels.task, labels.y
    assert isinstance(task, MultiLabel)
    p, given = task.probabilities(out), task.given(out)
    drawn = _drawn(len(y), groups, np.random.default_rng([labels.seed, len(y)]))  # (R, n)
    f1, counted = _f1(y, given, drawn)
    found = np.stack(
        [_average_precision(y[:, k], p[:, k], drawn) for k in range(len(task.classes))]
    )
    least = [1.5 / max(_units(y[:, k], groups), 1) for k in range(len(task.classes))]
    rows = [
        {
            "name": name,
            **_shares(y[:, k], given[:, k], groups),
            "f1_ci95": _percentiles(f1[:, k], least[k]),
            "average_precision": average_precision(y[:, k], p[:, k]) if y[:, k].any() else None,
            "average_precision_ci95": _percentiles(found[k], least[k]),
            "threshold": float(thresholds[k]),
        }
        for k, name in enumerate(task.classes)
    ]
    with np.errstate(invalid="ignore"):
        micro = 2 * counted[0].sum(axis=1) / counted[1].sum(axis=1)
    some = found[~np.isnan(found).all(axis=1)]
    return {
        "macro_f1_ci95": _percentiles(_means(f1)),
        "micro_f1_ci95": _percentiles(micro),
        "average_precision_ci95": _percentiles(_means(some.T)),
        "rows": rows,
    }


def _drawn(n: int, groups: Ints | None, rng: np.random.Generator) -> Floats:
    """Draw how often every row is in each bootstrap sample: ``(R, n)``."""
    unit = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    units = int(unit.max()) + 1
    return rng.multinomial(units, np.full(units, 1 / units), RESAMPLES)[:, unit].astype(float)


def _f1(y: Bools, given: Bools, drawn: Floats) -> tuple[Floats, tuple[Floats, Floats]]:
    """F1 of every label in every sample ``(R, K)``; twice the hits over this sum makes it up."""
    hits, size = drawn @ (y & given), drawn @ y.astype(float) + drawn @ given
    with np.errstate(invalid="ignore"):
        return 2 * hits / size, (hits, size)


def _average_precision(y: Bools, p: Floats, drawn: Floats) -> Floats:
    """Average precision of one label in every sample: (R,)."""
    order = np.argsort(-p, kind="stable")
    p, last = p[order], np.flatnonzero(np.append(np.diff(p[order]) != 0, True))
    weight = drawn[:, order]
    hits = np.cumsum(weight * y[order], axis=1)[:, last]
    size = np.cumsum(weight, axis=1)[:, last]
    found = np.diff(hits, prepend=0, axis=1)
    with np.errstate(invalid="ignore"):
        precision = np.where(size > 0, hits / size, 0)
        return (found * precision).sum(axis=1) / hits[:, -1]


def _shares(y: Bools, given: Bools, groups: Ints | None) -> dict[str, Any]:
    n, called, hits = int(y.sum()), int(given.sum()), int((y & given).sum())
    return {
        "n": n,
        "given": called,
        "precision": hits / called if called else None,
        "precision_ci95": _wilson(hits, given, groups),
        "recall": hits / n if n else None,
        "recall_ci95": _wilson(hits, y, groups),
        "f1": 2 * hits / (n + called) if n + called else None,
    }


def _wilson(hits: int, of: Bools, groups: Ints | None) -> list[float] | None:
    n, units = int(of.sum()), _units(of, groups)
    if not n:
        return None
    interval: Interval = wilson(hits / n * units, units)
    return list(interval)


def _units(of: Bools, groups: Ints | None) -> int:
    """Count rows, or the groups that they are of."""
    return int(of.sum()) if groups is None else len(np.unique(groups[of]))


def _means(samples: Floats) -> Floats:
    """Average over labels, without those that a sample lacks: (R, K) -> (R,)."""
    known = ~np.isnan(samples)
    return np.where(known, samples, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)


def _percentiles(samples: Floats, least: float = 0.0) -> list[float] | None:
    """Return the middle 95 % of samples; at least so far to both sides, within 0 and 1."""
    known = samples[~np.isnan(samples)]
    if not len(known):
        return None
    low, middle, high = np.quantile(known, (0.025, 0.5, 0.975))
    return [
        float(max(min(low, middle - least), 0.0)),
        float(min(max(high, middle + least), 1.0)),
    ]
