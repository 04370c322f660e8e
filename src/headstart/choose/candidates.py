"""The candidates of ``--method auto``: in which order they are tried, and which one is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.backbones.cutting import ALL, LAST_BLOCKS, LAST_STAGE, unfrozen
from headstart.backbones.network import Backbone
from headstart.judge.intervals import wilson
from headstart.tasks.labels import Labels
from headstart.transfer.recipe import Recipe, defaults

PROBE = "probe"
PRIORS = {
    20: (0.3, 0.2, 0.1, 0.1),
    100: (1.0, 1.0, 0.8, 0.8),
    1000: (1.5, 2.5, 3.0, 3.0),
    10**9: (1.5, 2.5, 3.0, 5.0),
}
"""Points that the last blocks, the last stage, two stages and everything are expected to gain on
the probe, by examples per class (up to the key). A plain choice, after the rule that below 20 it
is best and above 100 deeper methods pay; with thousands all layers do (SST-2, 3,460 sentences a
class: 8 points). It decides the order of trial, never the result."""

FEW = {20: 2.5, 100: 4.0, 200: 2.0, 10**9: 0.0}
"""The same of a method for few labels; 0: it is not tried. Of SST-2, with 64 sentences a class,
pairs gained some 6 points."""

FAVOURED = 64
"""Examples per class up to which a method for few labels is preferred to others about as good. On
the probe pairs gained 5 and 7 points (SST-2, 8 and 64 a class), 3 (ChnSentiCorp, 8), -0.4 and -2
(waimai, 8 and 50): 2.5 in the mean, which so few held-out answers cannot show."""

CACHING = ("cache", "views")
"""What of a recipe means nothing where no activations are kept."""


@dataclass(frozen=True)
class Candidate:
    """One method to try.

    Attributes
    ----------
    name : str
        ``"probe"``, ``"finetune last-stage"``, ``"full"``...
    method : str
    recipe : Recipe
    depth : int
        Number of blocks trained: 0 for the probe.
    expected : float
        Points it is expected to gain.
    favoured : bool
        Preferred to shallower ones that are about as good here, since it was better elsewhere.
    """

    name: str
    method: str
    recipe: Recipe
    depth: int
    expected: float = 0.0
    favoured: bool = False


@dataclass(frozen=True)
class Entry:
    """What became of a candidate.

    Attributes
    ----------
    proba : list of ndarray of shape (n_held, K), or None
        Calibrated held-out probabilities on the folds of the comparison.
    status : {"tried", "skipped", "interrupted", "failed"}
    """

    candidate: Candidate
    forecast_s: float | None
    seconds: float | None = None
    proba: list[NDArray[np.floating]] | None = None
    status: str = "tried"
    reason: str = ""


def offered(
    backbone: Backbone, base: Recipe, per_class: float, few_labels: Candidate | None = None
) -> list[Candidate]:
    """List what ``auto`` may try besides the probe, shallow to deep.

    Parameters
    ----------
    base : Recipe
        Whatever the user set stays set; only the depth varies.
    per_class : float
        Mean number of training examples per class.
    few_labels : Candidate, optional
        Tried as well where there are few.
    """
    gains = next(g for limit, g in PRIORS.items() if per_class <= limit)
    names = unfrozen(backbone, ALL)
    stage = len(unfrozen(backbone, LAST_STAGE))
    depths = {LAST_BLOCKS: max(1, stage - 1), LAST_STAGE: stage, "two stages": _two(backbone)}
    found: list[Candidate] = []
    for (name, depth), gain in zip(depths.items(), gains, strict=False):
        if depth < len(names) and depth not in (c.depth for c in found):
            recipe = replace(
                base, unfreeze=name if name in (LAST_BLOCKS, LAST_STAGE) else str(depth)
            )
            found.append(Candidate(f"finetune {name}", "finetune", recipe, depth, gain))
    said = {f.name: getattr(base, f.name) for f in fields(Recipe) if f.name not in CACHING}
    given = {name: value for name, value in said.items() if value != getattr(Recipe(), name)}
    whole = replace(defaults("full"), **given)
    found.append(Candidate("full", "full", whole, len(names), gains[-1]))
    if few_labels is not None and (gain := next(g for n, g in FEW.items() if per_class <= n)):
        favoured = per_class <= FAVOURED
        found.append(replace(few_labels, depth=len(names), expected=gain, favoured=favoured))
    return found


def by_promise(
    forecasts: dict[str, float],
    candidates: Sequence[Candidate],
    fits: Callable[[Candidate], bool] = lambda candidate: True,
) -> list[Candidate]:
    """Order candidates: first what is expected to gain most, the others by gain per second.

    One is kept in the end, so small gains do not add up: tried first, they would take the time of
    a large one.

    Parameters
    ----------
    fits : callable
        Whether there is time for one if nothing else is tried; only such may come first.
    """
    order = sorted(candidates, key=lambda c: -c.expected / max(forecasts[c.name], 1e-9))
    first = max(filter(fits, order), key=lambda c: c.expected, default=None)  # the first of equals
    return order if first is None else [first, *(c for c in order if c is not first)]


def preferred(
    entries: Sequence[Entry], held: Sequence[NDArray[np.int64]], labels: Labels
) -> tuple[int, float, float]:
    """Pick the shallowest candidate within one standard error of the most accurate.

    A favoured one within it goes before the shallowest: where the held-out answers leave it open,
    what was seen on other data decides.

    The standard error is that of the paired difference over held-out examples, with one
    disagreement added: a lead of a single example is no evidence.

    Parameters
    ----------
    entries : sequence of Entry
        Tried ones only, in any order.
    held : sequence of ndarray of int64
        Rows of each fold to look at.

    Returns
    -------
    place : int
        In ``entries``.
    short : float
        By how much it is less accurate than the best.
    error : float
        The standard error of that difference.

    References
    ----------
    Breiman et al. (1984), "Classification and regression trees", section 3.4.3, applied to pairs.
    """
    score = np.array([score_of(entry, held, labels) for entry in entries])  # (candidates, n)
    best = score[int(np.argmax(score.mean(axis=1)))]
    candidates = [entry.candidate for entry in entries]
    order = sorted(
        range(len(entries)), key=lambda i: (not candidates[i].favoured, candidates[i].depth)
    )
    for place in order:
        lead = best - score[place]
        error = float(np.sqrt(np.square(lead).sum() + 1) / len(lead))
        if lead.mean() <= error:
            return place, float(lead.mean()), error
    raise AssertionError("the best is within any error of itself")


def picks_by_fold(
    entries: Sequence[Entry], held: Sequence[NDArray[np.int64]], labels: Labels
) -> list[int]:
    """Pick for every fold by the other folds alone, so that the choice is judged, too.

    Held-out answers of all candidates are there; a fold's own must not choose what it scores.

    References
    ----------
    Tsamardinos, Greasidou & Borboudakis (2018), "Bootstrapping the out-of-sample predictions for
    efficient and accurate cross-validation", Machine Learning 107, section 4: selection on other
    held-out predictions, without fitting anything again.
    """
    found = []
    for f in range(len(held)):
        others = [g for g in range(len(held)) if g != f]
        fewer = [replace(e, proba=[(e.proba or [])[g] for g in others]) for e in entries]
        found.append(preferred(fewer, [held[g] for g in others], labels)[0])
    return found


def line_of(
    entry: Entry, held: Sequence[NDArray[np.int64]], labels: Labels, chosen: bool
) -> dict[str, Any]:
    """Return the line that ``metrics.json`` keeps of a candidate."""
    accuracy = interval = error = None
    if entry.proba is not None:
        score = score_of(entry, held, labels)
        accuracy, n = float(score.mean()), len(score)
        interval = list(wilson(accuracy * n, n))
        error = float(score.std() / np.sqrt(n))
    return {
        "name": entry.candidate.name,
        "method": entry.candidate.method,
        "unfreeze": entry.candidate.recipe.unfreeze if entry.candidate.depth else "",
        "accuracy": accuracy,
        "accuracy_ci95": interval,
        "se": error,
        "forecast_s": None if entry.forecast_s is None else round(entry.forecast_s, 1),
        "seconds": None if entry.seconds is None else round(entry.seconds, 1),
        "status": entry.status,
        "chosen": chosen,
        "favoured": entry.candidate.favoured,
        "reason": entry.reason,
    }


def score_of(
    entry: Entry, held: Sequence[NDArray[np.int64]], labels: Labels
) -> NDArray[np.floating]:
    """Return how right a candidate that was tried is about each held-out row, in their order."""
    assert entry.proba is not None
    answers = zip(entry.proba, held, strict=True)
    return np.concatenate([labels.task.score(labels.y[rows], p) for p, rows in answers])


def _two(backbone: Backbone) -> int:
    """Count the blocks from where the maps have the last size but one."""
    sizes = backbone.sizes_of_maps()
    maps = [sizes.get(name, ()) for name, _ in backbone.blocks()]
    kinds = list(dict.fromkeys(size for size in maps if size))
    if len(kinds) < 2:
        return 2 * len(unfrozen(backbone, LAST_STAGE))
    return len(maps) - maps.index(kinds[-2])
