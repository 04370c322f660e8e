"""Accuracy against the number of labels, on features already there.

``learning_curve`` is the cheap one in every run: the chosen head on growing parts of the
training folds. ``label_curve`` is the study: from one label per class upwards, everything chosen
anew inside each part, against the best baseline, with a forecast of what more labels would bring.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.judge.crossval import Floats, Ints, in_threads
from headstart.judge.intervals import Interval, corrected_interval, wider, wilson
from headstart.judge.power_law import LEAST_POINTS, PowerLaw, draws, fit_power_law, forecast
from headstart.notation import in_points
from headstart.said import N_, _, _n, sentences
from headstart.tasks.labels import Labels, Stream
from headstart.transfer.probe import Choice, choose_head

SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)
MAX_ROWS = 2000
"""Larger sets are judged on a random part this big: the curve is a sketch, not the estimate."""
PER_CLASS = tuple(m * 10**e for e in range(5) for m in (1, 2, 5))
FOLDS, INNER = 5, 3
FEW, REPEATS_FEW, REPEATS = 200, 10, 5
"""Below FEW examples the held-out fifths are dealt twice, as the parts vary most where few."""
Pick = Callable[[Ints, int, int], Floats]
MORE = 100
"""Labels per class that the forecast looks ahead."""
ENOUGH_LABELS = 3
"""Labels per class from which a strength, or a baseline, can be chosen inside. With fewer the
plainest head is used (nearest class mean) and the first baseline, and the law is not fitted."""
DRAWS = 20
"""Times that every repeat draws so few labels: which ones they are decides more than which rows are
held out, and to fit class means costs nothing. With one draw each, five repeats at two labels gave
intervals of the mean that covered it in two of three simulated sets (benchmarks/label_curve.py)."""


def learning_curve(
    X: NDArray[np.floating], labels: Labels, choice: Choice, *, workers: int = 1
) -> list[dict[str, Any]]:
    """Fit the chosen head on growing parts of each training fold; score on the held-out part.

    Returns
    -------
    list of dict
        ``n_train`` (mean), ``accuracy`` and ``accuracy_ci95`` per point; points whose part cannot
        hold two examples of every class are left out.
    """
    rng = np.random.default_rng([labels.seed, Stream.LEARNING_CURVE])
    rows = np.sort(rng.permutation(len(labels.y))[:MAX_ROWS])
    folds = [(rows[a], rows[b]) for a, b in labels.folds(rows, 5, Stream.LEARNING_CURVE)]
    points = []
    for share in SHARES:
        parts = [_part(labels.y, train, share, rng) for train, _ in folds]
        if min(map(partial(_fewest, labels), parts)) < 2:
            continue
        jobs = [(part, held) for part, (_, held) in zip(parts, folds, strict=True)]
        scores = in_threads(partial(_score, X, labels, choice), jobs, workers)
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


def _score(
    X: NDArray[np.floating], labels: Labels, choice: Choice, job: tuple[Ints, Ints]
) -> float:
    part, held = job
    head = choice.fit(X[part], labels.y[part], labels.n_classes)
    return float(labels.task.score(labels.y[held], choice.answers(head, X[held])).mean())


def _fewest(labels: Labels, rows: Ints) -> int:
    """Count the examples of the rarest class; rare labels among several are no reason to stop."""
    if labels.several:
        return len(rows) // 5
    return int(np.bincount(labels.y[rows], minlength=labels.n_classes).min())


def _part(
    y: NDArray[np.int64], rows: NDArray[np.int64], share: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw the same share of every class; of examples with several labels, of all together."""
    if y.ndim == 2:
        return rng.permutation(rows)[: round(share * len(rows))]
    drawn = []
    for c in np.unique(y[rows]):
        own = rng.permutation(rows[y[rows] == c])
        drawn.append(own[: max(1, round(share * len(own)))])
    return np.concatenate(drawn)


def label_curve(
    X: Floats,
    baseline_spaces: dict[str, Floats],
    labels: Labels,
    choice: Choice | None = None,
    *,
    pick: Pick | None = None,
    more: int = MORE,
    repeats: int | None = None,
    workers: int = 1,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Measure accuracy with 1, 2, 5, 10, ... labels per class, with transfer and without.

    Every repeat holds out a fifth (of whole groups), the same for all its points, and draws its
    parts from the rest, each within the next; those of one or two labels per class, ``DRAWS``
    times. Head strength, and which baseline, are chosen inside the part alone.

    The interval of a point of one or two labels is that of one such draw: whoever labels so few
    has one. From there on it is that of the mean over draws.

    Parameters
    ----------
    X : ndarray of shape (n, dim)
        Features with transfer.
    baseline_spaces : dict of str to ndarray of shape (n, dim)
        Features without. Empty: the curve of transfer alone.
    choice : Choice, optional
        The head used where a part is too small to choose one; default nearest class mean.
    pick : callable, optional
        Rows of a part, its repeat and its point -> the features with transfer that are chosen by
        those rows alone, (n, dim); ``X`` is what parts too small to choose stand on.
    more : int, default=100
        Labels per class that the forecast looks ahead.
    repeats : int, optional
        Default 5, and 10 below 200 examples.

    Returns
    -------
    dict
        ``protocol``, ``points``, ``fit``, ``forecast``, ``worth``: as in curve.json. What cannot be
        said (too few points, no baseline) is None.
    """
    spaces = {TRANSFER: X, **baseline_spaces}
    if repeats is None:
        repeats = REPEATS_FEW if len(labels.y) < FEW else REPEATS
    parts = _nested_parts(labels, repeats)
    repeats = len(parts)  # fewer where there are few groups to deal
    alone = choice if choice is not None else Choice("centroid", 0.0, 0.0, 1.0, [])
    jobs = [
        (r, p, name) for r in range(repeats) for p in range(len(parts[r][0])) for name in spaces
    ]

    again = _drawn_again(labels, parts)

    def run(job: tuple[int, int, str]) -> tuple[float, float, Floats]:
        r, p, name = job
        drawn, held, X = [parts[r][0][p], *again[r][p]], parts[r][1], spaces[name]
        if pick is not None and name == TRANSFER and _enough(labels, drawn[0]):
            X = pick(drawn[0], r, p)
        tried = [_chosen_inside(X, labels, rows, held, alone, (r, p)) for rows in drawn]
        scores = np.array([score for score, _ in tried])
        return float(scores.mean()), tried[0][1], scores - scores.mean()

    jobs.sort(key=lambda job: -len(parts[job[0]][0][job[1]]))  # the long ones first
    results = dict(zip(jobs, in_threads(run, jobs, workers, tick), strict=True))
    shape = repeats, len(parts[0][0])
    score = {
        name: np.array(
            [[results[r, p, name][:2] for p in range(shape[1])] for r in range(shape[0])]
        )
        for name in spaces
    }  # (repeats, points, [held-out accuracy, inner accuracy])
    best, names = _best_baseline({n: s for n, s in score.items() if n != TRANSFER})
    apart = {
        side: [
            np.concatenate([results[r, p, name][2] for r in range(shape[0])])
            for p, name in enumerate([TRANSFER] * shape[1] if side == TRANSFER else names)
        ]
        for side in (TRANSFER, "baseline")
    }
    found = _told(labels, parts, score[TRANSFER][..., 0], best, names, apart, more)
    if pick is not None:
        found["protocol"] = _(
            _CHOSEN_IN_GROUPS if labels.grouped else _CHOSEN, dealt=found["protocol"]
        )
    return found


TRANSFER = "transfer"
Parts = tuple[list[Ints], Ints]
"""Of one repeat: training rows of each point, held-out rows."""


_CHOSEN = N_(
    "{dealt}; from three labels per class on, the layer is chosen anew by those of each part, with "
    "fewer it is the last"
)
_CHOSEN_IN_GROUPS = N_(
    "{dealt}; from three labels per class on, the layer is chosen anew by those of each part, "
    "unless all are of one group; otherwise it is the last"
)


def _nested_parts(labels: Labels, repeats: int) -> list[Parts]:
    """Deal the parts: the same numbers per class in every repeat, the whole set last."""
    every = np.arange(len(labels.y))
    folds = [
        pair
        for deal in range(-(-repeats // FOLDS))
        for pair in labels.folds(every, FOLDS, Stream.LABEL_CURVE, deal)
    ][:repeats]
    counts = [np.bincount(labels.y[train], minlength=labels.n_classes) for train, _ in folds]
    # A point is worth its time where it is clearly less than everything.
    most = 0.8 * min(len(train) for train, _ in folds) / labels.n_classes
    sizes = [m for m in PER_CLASS if m <= min(most, min(int(c.max()) for c in counts))]
    made = []
    for r, (train, held) in enumerate(folds):
        rng = np.random.default_rng([labels.seed, Stream.LABELLING, r])
        order = _order(labels, train, rng)
        own = [np.sort(np.concatenate([rows[:m] for rows in order])) for m in sizes]
        made.append(([*own, train], held))
    return made


def _drawn_again(labels: Labels, parts: list[Parts]) -> list[list[list[Ints]]]:
    """Draw further parts for the points of very few labels: by repeat and point."""
    found = []
    for r, (own, _held) in enumerate(parts):
        rng = np.random.default_rng([labels.seed, Stream.LABELLING, r, DRAWS])
        found.append([_others(labels, rows, own[-1], rng) for rows in own])
    return found


def _others(labels: Labels, rows: Ints, train: Ints, rng: np.random.Generator) -> list[Ints]:
    most = int(np.bincount(labels.y[rows]).max())
    if most >= ENOUGH_LABELS or len(rows) == len(train):
        return []
    orders = (_order(labels, train, rng) for _ in range(DRAWS - 1))
    return [np.sort(np.concatenate([own[:most] for own in order])) for order in orders]


def _order(labels: Labels, train: Ints, rng: np.random.Generator) -> list[Ints]:
    """Rows of each class in the order they are labelled: at random, where given, group by group."""
    rows = rng.permutation(train)
    if labels.grouped and labels.groups is not None:
        turn = rng.permutation(int(labels.groups.max()) + 1)
        rows = rows[np.argsort(turn[labels.groups[rows]], kind="stable")]
    return [rows[labels.y[rows] == c] for c in range(labels.n_classes)]


def _enough(labels: Labels, rows: Ints) -> bool:
    """Whether rows are enough to choose by: labels of a class, and groups to hold one out."""
    together = labels.groups is not None and len(np.unique(labels.groups[rows])) == 1
    return not together and bool(np.bincount(labels.y[rows]).max() >= ENOUGH_LABELS)


def _chosen_inside(
    X: Floats, labels: Labels, rows: Ints, held: Ints, alone: Choice, part: tuple[int, int]
) -> tuple[float, float]:
    """Choose, fit and score one part: accuracy on the held-out rows, and inside."""
    y = labels.y[rows]
    inner, few = alone, rows
    if _enough(labels, rows):
        few, folds = labels.choosing(rows, Stream.CURVE_HEAD, *part)
        inner = choose_head(
            X[few], labels.y[few], labels.n_classes, folds, balanced=labels.balanced, rivals=False
        )
    head = inner.head
    if head is None or len(few) < len(rows):
        head = inner.fit(X[rows], y, labels.n_classes)
    score = labels.task.score(labels.y[held], head.logits(X[held]))
    return float(score.mean()), inner.accuracy


def _best_baseline(score: dict[str, Floats]) -> tuple[Floats | None, list[str]]:
    """Take, in every part, the baseline that was best inside it; name the most frequent ones."""
    if not score:
        return None, []
    names = list(score)
    stack = np.stack([score[name] for name in names])  # (B, repeats, points, 2)
    pick = stack[..., 1].argmax(axis=0)  # (repeats, points)
    best = np.take_along_axis(stack[..., 0], pick[None], axis=0)[0]
    often = [int(np.bincount(column).argmax()) for column in pick.T]
    return best, [names[i] for i in often]


def _told(
    labels: Labels,
    parts: list[Parts],
    transfer: Floats,
    baseline: Floats | None,
    names: list[str],
    apart: dict[str, list[Floats]],
    more: int,
) -> dict[str, Any]:
    """Put the scores (repeats, points) of both into words and numbers.

    ``apart``: by side and point, how far each draw of labels was from the mean of its repeat.
    """
    train = np.array([[len(rows) for rows in own] for own, _ in parts]).mean(axis=0)
    per_class = train / labels.n_classes
    held = np.concatenate([out for _, out in parts])
    grouped = labels.grouped and labels.groups is not None
    n_held = len(np.unique(labels.groups[held] if grouped and labels.groups is not None else held))
    sides = {TRANSFER: transfer, **({} if baseline is None else {"baseline": baseline})}
    points = []
    for p in range(len(train)):
        point: dict[str, Any] = {"per_class": round(per_class[p], 1), "n_train": round(train[p])}
        for side in (TRANSFER, "baseline"):
            own = sides[side][:, p] if side in sides else None
            point[side] = None if own is None else float(own.mean())
            point[f"{side}_ci95"] = None
            if own is not None:
                point[f"{side}_ci95"] = list(_interval(own, n_held, apart[side][p]))
        point["baseline_name"] = names[p] if names else None
        points.append(point)
    usable = per_class >= ENOUGH_LABELS
    chance = 1 - 1 / labels.n_classes
    fits: dict[str, PowerLaw | None] = {TRANSFER: None, "baseline": None}
    ahead = None
    if usable.sum() >= LEAST_POINTS:
        known = {
            side: (per_class[usable], 1 - s[:, usable], _sigma(1 - s[:, usable], n_held))
            for side, s in sides.items()
        }
        for side, (n, errors, sigma) in known.items():
            fits[side] = fit_power_law(n, errors.mean(axis=0), sigma, chance)
        at = len(labels.y) / labels.n_classes + more
        ahead = _forecast(known, chance, at, more, labels.seed)
    return {
        "protocol": _protocol(
            len(parts), grouped, again=any(len(drawn) > len(parts) for drawn in apart[TRANSFER])
        ),
        "points": points,
        "fit": {side: None if law is None else asdict(law) for side, law in fits.items()},
        "forecast": ahead,
        "worth": _worth(fits["baseline"], points[-1]),
    }


def _protocol(repeats: int, grouped: bool, *, again: bool) -> str:
    """Say what was held out, and where labels were drawn many times."""
    dealt = _("{repeats} repeats, each holding out a fifth", repeats=repeats)
    if grouped:
        dealt = _("{repeats} repeats, each holding out a fifth of the groups", repeats=repeats)
    if not again:
        return dealt
    return _(
        "{dealt}; one or two labels per class are drawn {times} times in each, and their interval "
        "is that of a single draw",
        dealt=dealt,
        times=DRAWS,
    )


def _interval(scores: Floats, n_held: int, apart: Floats) -> Interval:
    """Return the interval of the mean; where labels were drawn many times, that of one draw.

    What a draw may lie below and above the mean is added as errors are, each side by itself:
    accuracies near 1 have one tail.
    """
    mean, (low, high) = float(scores.mean()), _mean_interval(scores, n_held)
    if len(apart) == len(scores):
        return low, high
    below, above = np.quantile(apart, [0.025, 0.975])
    return (
        max(0.0, mean - float(np.hypot(mean - low, below))),
        min(1.0, mean + float(np.hypot(high - mean, above))),
    )


def _mean_interval(scores: Floats, n_held: int) -> Interval:
    """Return the interval of the mean over repeats, that share training rows, and held-out ones."""
    own = wilson(float(scores.mean()) * n_held, n_held)
    if len(scores) < 2:
        return own
    return wider(own, corrected_interval(scores, 1 / (FOLDS - 1)))


def _sigma(errors: Floats, n_held: int) -> Floats:
    """Return standard errors of mean errors (repeats, points), both parts of the doubt in them."""
    mean, R = errors.mean(axis=0), len(errors)
    of_rows = np.maximum(mean * (1 - mean), 1 / (n_held + 2)) / n_held
    of_repeats = errors.var(axis=0, ddof=1) * (1 / R + 1 / (FOLDS - 1)) if R > 1 else 0.0
    return np.sqrt(np.maximum(of_rows, of_repeats))


def _forecast(
    known: dict[str, tuple[Floats, Floats, Floats]], chance: float, at: float, more: int, seed: int
) -> dict[str, Any]:
    """Forecast accuracy with ``more`` labels per class than there are, and the gain it brings."""
    n, errors, sigma = known[TRANSFER]
    then = forecast(n, errors, sigma, chance, at, seed=seed)
    low, high = then.error_ci95
    found: dict[str, Any] = {
        "more": more,
        "per_class": round(at, 1),
        "accuracy": 1 - then.error,
        "accuracy_ci95": [1 - high, 1 - low],
        "trust": then.trust,
    }
    law = fit_power_law(n, errors.mean(axis=0), sigma, chance)
    now = law(at - more)
    drawn = [draws(n, errors, sigma, chance, x, times=200, seed=seed) for x in (at - more, at)]
    spread = np.quantile(drawn[0] - drawn[1], [0.025, 0.975])
    stretch = 1 + max(0.0, float(np.log2(at / n.max())))
    gain = now - then.error
    found["gain"] = gain
    found["gain_ci95"] = [
        max(0.0, gain - stretch * max(gain - float(spread[0]), 0.0)),
        min(now, gain + stretch * max(float(spread[1]) - gain, 0.0)),
    ]
    found["sentence"] = _ahead(found)
    return found


WARNINGS = {
    "interpolation": "",
    "cautious": N_("This looks beyond the labels there are: take it with caution."),
    "far": N_("This looks far beyond the labels there are: a guess, not a measurement."),
}


def _ahead(f: dict[str, Any]) -> str:
    low, high = (100 * x for x in f["accuracy_ci95"])
    expected = _n(
        "With {n} more label per class, expect about {accuracy:.1%} ({low:.0f} to {high:.0f} %), "
        "{gain} points.",
        "With {n} more labels per class, expect about {accuracy:.1%} ({low:.0f} to {high:.0f} %), "
        "{gain} points.",
        f["more"],
        accuracy=f["accuracy"],
        low=low,
        high=high,
        gain=in_points(f["gain"]),
    )
    return sentences(expected, _(WARNINGS[f["trust"]]))


def _worth(law: PowerLaw | None, last: dict[str, Any]) -> dict[str, Any]:
    """Tell how many labels per class the baseline would need to match transfer with all of them."""
    now = float(last["per_class"])
    if last["baseline"] is None:
        return {"labels": None, "sentence": _("There is no baseline to compare with.")}
    if last["baseline"] >= last[TRANSFER]:
        text = _("The baseline is as good with the same {now:.0f} labels per class.", now=now)
        return {"labels": now, "sentence": text}
    if law is None:
        text = _("There are too few points to tell how many labels the baseline would need.")
        return {"labels": None, "sentence": text}
    labels = law.reach(1 - last[TRANSFER])
    if labels is None or labels > 1000 * now:
        text = _(
            "As far as its curve tells, no number of labels would bring the baseline to what "
            "transfer reaches with {now:.0f} per class.",
            now=now,
        )
        return {"labels": None, "sentence": text}
    labels = max(labels, now)
    text = _(
        "The baseline would need about {labels:.0f} labels per class to match what transfer "
        "reaches with {now:.0f}.",
        labels=labels,
        now=now,
    )
    if labels > 2 * now:
        text = _(
            "The baseline would need about {labels:.0f} labels per class to match what transfer "
            "reaches with {now:.0f}, far beyond what was measured.",
            labels=labels,
            now=now,
        )
    return {"labels": labels, "sentence": text}
