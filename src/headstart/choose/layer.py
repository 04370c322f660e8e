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

from headstart.judge.crossval import Outcome, in_threads, judge_folds, picked
from headstart.tasks.labels import Labels, Stream
from headstart.transfer.choosing import choose
from headstart.transfer.mix import MixChoice
from headstart.transfer.probe import Choice

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]
Folds = list[tuple[Ints, Ints]]
Spaces = Mapping[str, NDArray[np.float32]]
Tick = Callable[[int, int], None]


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


def inner_loss(choice: Choice | MixChoice) -> float:
    """Return the least log loss of the heads among which one was chosen, on inner rows."""
    return float(min(row["log_loss"] for row in choice.candidates))


def try_all(spaces: Spaces, labels: Labels, *, workers: int = 1) -> list[Tried]:
    """Score every candidate on all rows, on the folds that the head of a model is chosen on.

    Parameters
    ----------
    spaces : dict of str to ndarray of shape (n, dim)
        Of equals the one that stands first is taken.
    labels : Labels
        Of the same rows, all to be learned from.
    """
    rows, folds = labels.choosing(np.arange(len(labels.y)), Stream.MODEL_HEAD)

    def run(name: str) -> Tried:
        choice = choose(spaces[name], labels, rows, folds)
        return Tried(name, choice.accuracy, inner_loss(choice))

    return in_threads(run, list(spaces), workers)


def best(tried: Sequence[Tried]) -> Tried:
    """Return the candidate with the least loss, of equals the first."""
    return min(tried, key=lambda t: t.log_loss)


def choose_in_folds(
    spaces: Spaces,
    labels: Labels,
    folds: Folds,
    *,
    workers: int = 1,
    tick: Tick = lambda done, total: None,
) -> tuple[dict[str, Outcome], list[str]]:
    """Judge every candidate in every fold, and pick one for each by its training part alone.

    Returns
    -------
    outcomes : dict of str to Outcome
    picks : list of str
    """
    outcomes = judge_folds(spaces, labels, folds, workers=workers, tick=tick)
    picks = []
    for f in range(len(folds)):
        loss = {name: inner_loss(outcomes[name].choices[f]) for name in spaces}
        picks.append(min(loss, key=loss.__getitem__))
    return outcomes, picks


def chosen_in_folds(spaces: Spaces, labels: Labels, folds: Folds, *, workers: int = 1) -> Outcome:
    """Answer for every fold by the candidate that its training part picks."""
    return picked(*choose_in_folds(spaces, labels, folds, workers=workers))
