"""Which layer a head stands on: chosen by what happens inside the training part, and judged so.

The last layer of a network is special to what it was trained on. Opposite tasks want opposite
layers: of a network that was trained to write down speech the last ones know the words, the first
ones the speaker. So every layer is a candidate, and all of them beside each other.

A candidate is scored by the least log loss of the heads tried on it, on inner held-out rows. With 5
labels a class, accuracy comes in steps and ties; calibrated log loss has one more thing to fit.
Over six draws of spoken digits from speakers held out (5, then 20 a class) the choice by it was
right on .763 and .932, by calibrated loss on .737 and .931, by accuracy on .750 and .932; of
speakers (the same) on .939 and .979, .928 and .978, .917 and .975: differences within chance, all
in one direction, and the simplest of the three. The least loss wins; of equals the one that stands
first, the shallowest. No margin, no preference for the last layer: what wins is judged as chosen.

Layers are told apart by 600 rows and four strengths (``transfer/promise.py``); a head is chosen in
full only where it is used. By all rows and 15 strengths the 11 layers of 1,200 spoken digits took
94 CPU seconds, so 25. The choice was right on .957 instead of .954 of digits from speakers held out
(the mean of four draws of rows, from .953 to .959) and on .997 instead of .988 of speakers with
digits held out. Of 400 rows and five folds, for the same time, single draws fell to .938.

References
----------
Pasad, Chou & Livescu (2021), "Layer-wise analysis of a self-supervised speech representation
model", ASRU, arXiv:2107.04734: what is known where. Varma & Simon (2006), "Bias in error estimation
when using cross-validation for model selection", BMC Bioinformatics 7:91: why the choice is nested.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.judge.crossval import Outcome, in_threads, judge_picks
from headstart.tasks.labels import Labels, Stream
from headstart.transfer.promise import promise

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]
Folds = list[tuple[Ints, Ints]]
Spaces = Mapping[str, NDArray[np.float32]]
Tick = Callable[[int, int], None]
COMPARED, PER_CLASS = 600, 20
"""Rows that candidates are scored on at most: 600, or 20 times the classes where that is more."""
CHOSEN = "chosen"
"""What the judged choice is called among outcomes."""


@dataclass(frozen=True)
class Tried:
    """A candidate as the training rows saw it.

    Attributes
    ----------
    name : str
    accuracy : float
        On inner held-out rows; what the choice was made by is flattered by it.
    log_loss : float, nats
        On the same rows.
    """

    name: str
    accuracy: float
    log_loss: float


def try_all(
    spaces: Spaces,
    labels: Labels,
    *,
    workers: int = 1,
    tick: Tick = lambda done, total: None,
) -> list[Tried]:
    """Score every candidate on all rows, on folds that the head of a model could be chosen on.

    Parameters
    ----------
    spaces : dict of str to ndarray of shape (n, dim)
        Of equals the one that stands first is taken.
    labels : Labels
        Of the same rows, all to be learned from.
    tick : callable
        Told how many are scored, and of how many.
    """
    part = _part(labels, np.arange(len(labels.y)), Stream.MODEL_HEAD)
    return in_threads(lambda name: _try(name, spaces, labels, part), list(spaces), workers, tick)


def best(tried: Sequence[Tried]) -> Tried:
    """Return the candidate with the least loss, of equals the first."""
    return min(tried, key=lambda t: t.log_loss)


def pick_inside(spaces: Spaces, labels: Labels, rows: Ints, stream: Stream, *deal: int) -> str:
    """Pick a candidate by some rows alone, as ``try_all`` would.

    Parameters
    ----------
    stream, deal
        Who asks, and for which part of its work (``Labels.choosing``).
    """
    part = _part(labels, rows, stream, *deal)
    return best([_try(name, spaces, labels, part) for name in spaces]).name


def pick_in_folds(
    spaces: Spaces,
    labels: Labels,
    folds: Folds,
    *,
    workers: int = 1,
    tick: Tick = lambda done, total: None,
) -> list[str]:
    """Pick a candidate for every fold, by its training part alone, as ``try_all`` would."""
    parts = [_part(labels, train, Stream.INNER, f) for f, (train, _) in enumerate(folds)]
    jobs = [(name, f) for f in range(len(folds)) for name in spaces]

    def run(job: tuple[str, int]) -> Tried:
        name, f = job
        return _try(name, spaces, labels, parts[f])

    tried = in_threads(run, jobs, workers if len(labels.y) >= 300 else 1, tick)
    return [best(tried[f * len(spaces) : (f + 1) * len(spaces)]).name for f in range(len(folds))]


def chosen_in_folds(
    spaces: Spaces,
    labels: Labels,
    folds: Folds,
    *,
    workers: int = 1,
    tick: Tick = lambda done, total: None,
) -> Outcome:
    """Answer for every fold by the candidate that its training part picks."""
    picks = {CHOSEN: pick_in_folds(spaces, labels, folds, workers=workers, tick=tick)}
    return judge_picks(spaces, labels, folds, picks, workers=workers)[CHOSEN]


def _part(labels: Labels, rows: Ints, stream: Stream, *part: int) -> tuple[Ints, Folds]:
    """Return the rows that candidates are scored on, and their folds."""
    return labels.choosing(rows, stream, *part, most=max(COMPARED, PER_CLASS * labels.n_classes))


def _try(name: str, spaces: Spaces, labels: Labels, part: tuple[Ints, Folds]) -> Tried:
    found = promise(spaces[name], labels, *part)
    return Tried(name, found.accuracy, found.log_loss)
