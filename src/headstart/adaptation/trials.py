"""One candidate tried: learned from a part of the source, answering for the rest and the target."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from headstart.adaptation.domains import Adapted, Adapter, Domains
from headstart.errors import HeadstartError
from headstart.modalities import Unit
from headstart.said import _, sentences
from headstart.tasks.splits import stratified_folds
from headstart.transfer.logistic import Floats, Ints
from headstart.transfer.probe import fit_temperature

PARTS = 5
"""One fifth of the source is held out: a plain choice, the usual one."""


@dataclass(frozen=True)
class Trial:
    """What a candidate answered, and where that came from.

    Attributes
    ----------
    name, family, summary, reference : str
        Of the adapter (:class:`~headstart.adaptation.domains.Adapter`).
    held : ndarray of shape (n_h, K), float64
        Logits for the held-out source rows, by the source head; empty after a failure.
    held_y : ndarray of int, shape (n_h,)
        Their classes.
    target : ndarray of shape (n_t, K), float64
        Logits for the target rows, by the target head; empty after a failure.
    seconds : float
        It took to fit.
    failure : str
        Why there are no logits; empty where there are.
    """

    name: str
    family: str
    summary: str
    reference: str
    held: Floats = field(repr=False)
    held_y: Ints = field(repr=False)
    target: Floats = field(repr=False)
    seconds: float = 0.0
    failure: str = ""

    @property
    def answers(self) -> Ints:
        """The class it gives every target row, ``(n_t,)``."""
        return np.asarray(self.target.argmax(axis=1), np.int64)

    @property
    def right(self) -> Floats:
        """1 where a held-out source row is answered right, else 0: ``(n_h,)``."""
        return np.asarray(self.held.argmax(axis=1) == self.held_y, np.float64)

    @property
    def temperature(self) -> float:
        """By which logits are divided so that they mean what they say on held-out source rows."""
        return fit_temperature(self.held, self.held_y)


def hold_out(
    y: Ints, groups: Ints | None = None, *, parts: int = PARTS, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split source rows into those to learn from and those held out, classes in proportion.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    groups : ndarray of int, shape (n,), optional
        Rows of one group stay together.
    parts : int, default=5
        One of so many parts is held out.
    seed : int, default=0

    Returns
    -------
    learn, held : ndarray of int
        Row numbers, ascending. Every class keeps at least one row to learn from.
    """
    rng = np.random.default_rng([seed, 80])
    together = None if groups is None else groups.astype(np.int64)
    fold = stratified_folds(y.astype(np.int64), together, min(parts, len(y)), rng)
    for k in np.unique(y):
        rows = np.flatnonzero(y == k)
        if (fold[rows] == 0).all():  # nothing of it would be learned
            fold[rows if together is None else np.isin(together, together[rows])] = 1
    return np.flatnonzero(fold != 0), np.flatnonzero(fold == 0)


def try_out(adapter: Adapter, part: Domains, held: Floats, held_y: Ints) -> Trial:
    """Fit on a part of the source, answer for the rows held out ``(n_h, dim)`` and for the target.

    Whatever the adapter raises becomes the trial's ``failure``.
    """
    start = time.perf_counter()
    found = _attempt(adapter, part)
    seconds = time.perf_counter() - start
    nothing = np.empty((0, part.n_classes))
    if isinstance(found, str):
        return _trial(adapter, part.unit, nothing, held_y, nothing, seconds, found)
    try:
        at_held = np.asarray(found.source.logits(held), np.float64)
        at_target = np.asarray(found.target.logits(part.target), np.float64)
    except Exception as error:
        return _trial(adapter, part.unit, nothing, held_y, nothing, seconds, failed(error))
    if not (np.isfinite(at_held).all() and np.isfinite(at_target).all()):
        failure = _("It gave answers that are not numbers.")
        return _trial(adapter, part.unit, nothing, held_y, nothing, seconds, failure)
    return _trial(adapter, part.unit, at_held, held_y, at_target, seconds, "")


def fit_whole(adapter: Adapter, domains: Domains) -> Adapted | None:
    """Fit on all of the source; None where that fails or its answers are not numbers."""
    found = _attempt(adapter, domains)
    if isinstance(found, str) or not np.isfinite(found.target.logits(domains.target)).all():
        return None
    return found


def _attempt(adapter: Adapter, domains: Domains) -> Adapted | str:
    fit = cast(Callable[[Domains], Adapted], adapter.fit)
    try:
        return fit(domains)
    except Exception as error:  # one method that fails must not take the others with it
        return failed(error)


def failed(error: Exception) -> str:
    """Say that a method failed, and why."""
    cause = next(iter(str(error).strip().splitlines()), type(error).__name__)
    if isinstance(error, HeadstartError):
        cause = sentences(error.message, error.hint)
    return _("It failed: {cause}", cause=cause)


def _trial(
    adapter: Adapter,
    unit: Unit,
    held: Floats,
    held_y: Ints,
    target: Floats,
    seconds: float,
    failure: str,
) -> Trial:
    module = type(adapter).__module__.rpartition(".")[2]
    return Trial(
        adapter.name,
        str(getattr(adapter, "family", module)),
        unit.into(adapter.summary),
        unit.into(adapter.reference),
        held,
        held_y,
        target,
        seconds,
        failure,
    )
