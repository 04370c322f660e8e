"""Where an adaptation starts from, labelled examples or a finished run, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from headstart.adaptation.outcome import Selection
from headstart.adaptation.sourcefree import Selected
from headstart.jobs.adapt.section import Section
from headstart.jobs.adapt.target import Given
from headstart.prepare.target import Target
from headstart.transfer import FittedModel

Sections = dict[str, Any]
L = TypeVar("L")
C = TypeVar("C")


@dataclass(frozen=True)
class Settled:
    """What an adaptation came to.

    Attributes
    ----------
    given : Given
        The target as the user gave it.
    model : FittedModel
        For the target.
    target : Target
        As that model's network sees it.
    section : Section
    selection : Selection or Selected
        The finished choice.
    answered : mapping of str to ndarray of int64, shape (n_t,)
        What every candidate answers for the target.
    source_only : ndarray of int64, shape (n_t,)
        What the model of the source answers.
    record : callable
        Writes into a folder what a run folder holds, given ``adaptation`` of metrics.json and of
        pictures.json.
    """

    given: Given
    model: FittedModel
    target: Target
    section: Section
    selection: Selection | Selected
    answered: Mapping[str, NDArray[np.integer]]
    source_only: NDArray[np.integer]
    record: Callable[[Path, Sections, Sections], None]


class Source(Protocol[L, C]):
    """The contract of a source; ``L`` is what it sees of the two domains, ``C`` what it chose."""

    def look(self) -> L:
        """Read and embed what there is, the target as examples of the source's kind."""

    def choose(self, look: L) -> C:
        """Choose a method, or none, without labels that only score."""

    def judge(self, look: L, choice: C) -> Settled:
        """Make the model for the target, and say what can be said of it."""
