"""Entries: what a graph is given for an example, and how it becomes what the network takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from headstart.modalities import Look


class Given(Protocol):
    """What a graph is given.

    Attributes
    ----------
    name : str
        Of the graph's input.
    axes : tuple of str
        What the lengths of its first axes are called, which may be any; () where none may.
    """

    name: str
    axes: tuple[str, ...]

    def sample(self) -> NDArray[Any]:
        """Make up something to trace the graph with."""


class Entry(Given, Protocol):
    """How examples of a modality enter a graph, one at a time.

    Attributes
    ----------
    prepared : tuple of str
        Names of what the graph makes of what it is given, one a network; () where that comes
        prepared.
    quantises : bool
        Whether networks for it keep their accuracy in 8 bits, a new head given.
    handed : Path
        The folder of what is handed over beside a model: ``LIBRARY.py``, a script that predicts,
        and what else lies in a folder of that name.
    """

    prepared: tuple[str, ...]
    quantises: bool
    handed: Path

    @property
    def needs(self) -> str:
        """Say what whoever calls the graph must have done."""

    def notes(self, library: str) -> list[str]:
        """Say what else whoever calls it should know, a paragraph each."""

    def beside(self) -> dict[str, bytes]:
        """Return files that are needed with it, by name."""

    def given(self, x: Any) -> NDArray[Any]:
        """Return what is handed over for an example as the modality reads it."""

    def steps(self) -> list[nn.Module]:
        """Return, for each network, the step from what is given to its batch of one."""

    def prepare(self, x: Any) -> list[Tensor]:
        """Return those batches as the product makes them, without the graph."""


def contiguous(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array that runtimes take: in order, and writable."""
    return np.array(values, order="C")


def batch_of(look: Look[Any], x: Any) -> Tensor:
    """Prepare an example as the product does: a batch of one."""
    return torch.from_numpy(contiguous(look.batch([look(x)])))


class Plain:
    """What entries have in common that need nothing special."""

    prepared: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    quantises = False

    def notes(self, library: str) -> list[str]:
        """Say nothing more."""
        return []

    def beside(self) -> dict[str, bytes]:
        """Nothing is needed."""
        return {}


class Batch(nn.Module):
    """One prepared example to a batch of one."""

    def forward(self, given: Tensor) -> Tensor:
        """Add an axis in front."""
        return given[None]
