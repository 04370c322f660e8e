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

Encoders that were trained for different things know different things. So the best places of the two
best encoders, side by side, are one more candidate, tried on the same folds when all others have
been: its head has the columns of both, each standardised. It is taken where its loss is lower by a
hundredth than that of the best one alone. From 5 of each spoken digit the choice was right on .886
instead of .877 (96 draws), of seven dialects by rule on .831 instead of .773; of speakers from 5 of
each, where always two would lose .03, on .929 instead of .926.

References
----------
Pasad, Chou & Livescu (2021), "Layer-wise analysis of a self-supervised speech representation
model", ASRU, arXiv:2107.04734: what is known where. Varma & Simon (2006), "Bias in error estimation
when using cross-validation for model selection", BMC Bioinformatics 7:91: why the choice is nested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.judge.crossval import Outcome, in_threads, judge_picks
from headstart.tasks.labels import Labels, Stream
from headstart.transfer.promise import promise

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]
Folds = list[tuple[Ints, Ints]]
Part = tuple[Ints, Folds]
"""Rows that candidates are scored on, and their folds."""
Spaces = Mapping[str, NDArray[np.float32]]
Tick = Callable[[int, int], None]
COMPARED, PER_CLASS = 600, 20
"""Rows that candidates are scored on at most: 600, or 20 times the classes where that is more."""
CHOSEN = "chosen"
"""What the judged choice is called among outcomes."""
BESIDE = " + "
"""Stands between the names of two candidates side by side."""
WORTH = 0.01
"""Share of the loss that two networks must save to be run instead of one: more than what comes of
rounding where the second knows nothing (plain choice)."""


class Places(Mapping[str, NDArray[np.float32]]):
    """What several encoders make of examples at their layers, and two of these side by side.

    It runs over single places; one of two encoders has a name as ``beside`` gives it, and is put
    together when it is asked for, since only few of all pairs ever are.

    Parameters
    ----------
    spaces : dict of str to ndarray of shape (n, dim)
        By the names of the places.
    encoders : dict of str to str
        Place to encoder; a place that is missing stands beside no other.
    """

    def __init__(self, spaces: Spaces, encoders: Mapping[str, str]) -> None:
        self.spaces, self.encoders = spaces, encoders

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        if BESIDE not in name:
            return self.spaces[name]
        return np.hstack([self.spaces[part] for part in name.split(BESIDE)])

    def __iter__(self) -> Iterator[str]:
        return iter(self.spaces)

    def __len__(self) -> int:
        return len(self.spaces)

    def of(self, rows: Ints) -> Places:
        """Return the same of some rows."""
        return Places({name: X[rows] for name, X in self.spaces.items()}, self.encoders)

    def beside(self, tried: Sequence[Tried]) -> str | None:
        """Name the best places of the two best encoders side by side; None where there is one."""
        found: dict[str, Tried] = {}
        for one in sorted(tried, key=lambda t: t.log_loss):
            if one.name in self.encoders:
                found.setdefault(self.encoders[one.name], one)
        if len(found) < 2:
            return None
        pair = {one.name for one in list(found.values())[:2]}
        return BESIDE.join(name for name in self.spaces if name in pair)


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
    spaces : Places, or dict of str to ndarray of shape (n, dim)
        Of equals the one that stands first is taken. Of places of several encoders two are tried
        side by side, too, and stand last.
    labels : Labels
        Of the same rows, all to be learned from.
    tick : callable
        Told how many are scored, and of how many.
    """
    part = _part(labels, np.arange(len(labels.y)), Stream.MODEL_HEAD)
    return _try_in(spaces, labels, [part], workers, tick)[0]


def best(tried: Sequence[Tried]) -> Tried:
    """Return the candidate with the least loss, of equals the first; two only where worth both."""
    alone = min((t for t in tried if BESIDE not in t.name), key=lambda t: t.log_loss)
    worth = [t for t in tried if BESIDE in t.name and t.log_loss < (1 - WORTH) * alone.log_loss]
    return min([alone, *worth], key=lambda t: t.log_loss)


def pick_inside(spaces: Spaces, labels: Labels, rows: Ints, stream: Stream, *deal: int) -> str:
    """Pick a candidate by some rows alone, as ``try_all`` would.

    Parameters
    ----------
    stream, deal
        Who asks, and for which part of its work (``Labels.choosing``).
    """
    part = _part(labels, rows, stream, *deal)
    tried = [_try(name, spaces, labels, part) for name in spaces]
    beside = _beside(spaces, tried)
    return best([*tried, _try(beside, spaces, labels, part)] if beside else tried).name


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
    threads = workers if len(labels.y) >= 300 else 1
    return [best(own).name for own in _try_in(spaces, labels, parts, threads, tick)]


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


def _part(labels: Labels, rows: Ints, stream: Stream, *part: int) -> Part:
    """Return the rows that candidates are scored on, and their folds."""
    return labels.choosing(rows, stream, *part, most=max(COMPARED, PER_CLASS * labels.n_classes))


def _try_in(
    spaces: Spaces, labels: Labels, parts: Sequence[Part], workers: int, tick: Tick
) -> list[list[Tried]]:
    """Score every candidate on each part, then the best places of two encoders side by side."""
    n = len(spaces) * len(parts)
    pairs = isinstance(spaces, Places) and len(set(spaces.encoders.values())) > 1
    total = n + len(parts) * pairs

    def run(job: tuple[str, Part]) -> Tried:
        name, part = job
        return _try(name, spaces, labels, part)

    jobs = [(name, part) for part in parts for name in spaces]
    found = in_threads(run, jobs, workers, lambda done, _: tick(done, total))
    tried = [found[at : at + len(spaces)] for at in range(0, n, len(spaces))]
    if not pairs:
        return tried
    beside = [
        (name, part)
        for own, part in zip(tried, parts, strict=True)
        if (name := _beside(spaces, own)) is not None
    ]
    last = in_threads(run, beside, workers, lambda done, _: tick(n + done, total))
    return [[*own, one] for own, one in zip(tried, last, strict=True)]


def _beside(spaces: Spaces, tried: Sequence[Tried]) -> str | None:
    return spaces.beside(tried) if isinstance(spaces, Places) else None


def _try(name: str, spaces: Spaces, labels: Labels, part: Part) -> Tried:
    found = promise(spaces[name], labels, *part)
    return Tried(name, found.accuracy, found.log_loss)
