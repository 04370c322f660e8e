"""What an adaptation may see, and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from headstart.modalities import EXAMPLE, Unit
from headstart.transfer.heads import Head
from headstart.transfer.logistic import Floats, Ints


@dataclass(frozen=True, eq=False)
class Domains:
    """Features of two domains, and the labels of one. Target labels have no place here.

    Two of them are equal only if they are one object, so that what was worked out for one can be
    kept.

    Attributes
    ----------
    source : ndarray of shape (n_s, dim), float64
        Embeddings of the labelled examples.
    y : ndarray of int64, shape (n_s,)
        Their classes, 0 to K - 1.
    target : ndarray of shape (n_t, dim), float64
        Embeddings of the unlabelled examples.
    n_classes : int
        K.
    C : float
        Inverse regularisation of linear heads, as cross-validation on the source chose it
        (:class:`~headstart.transfer.probe.Choice`).
    balanced : bool
        Weigh the classes of the source equally.
    seed : int, >= 0
    unit : Unit
        What sentences call an example.
    """

    source: Floats
    y: NDArray[np.int64]
    target: Floats
    n_classes: int
    C: float = 0.01
    balanced: bool = False
    seed: int = 0
    unit: Unit = EXAMPLE

    def learning_from(self, rows: Ints) -> Domains:
        """Return the same domains with only these rows of the source."""
        return replace(self, source=self.source[rows], y=self.y[rows])

    def reversed(self, labels: Ints) -> Domains:
        """Return the way back: the target, labelled as somebody believes, to the source."""
        return replace(self, source=self.target, y=np.asarray(labels), target=self.source)


@dataclass(frozen=True)
class Adapted:
    """What a method leaves: how to answer for either domain.

    Attributes
    ----------
    source : Head
        For embeddings of source-like examples; the honest check is made with it, on source rows the
        method has not seen.
    target : Head
        For embeddings of target-like examples; this is the model.
    """

    source: Head
    target: Head


class Adapter(Protocol):
    """A method of adaptation: a frozen dataclass whose fields are its settings, with defaults.

    Attributes
    ----------
    name : str
        As the user meets it: ``"CORAL"``.
    summary : str
        What it does, in a sentence for people, marked with ``N_``; ``{many}`` stands for what
        examples are called.
    reference : str
        Authors, year, title, and the equation that is followed; as ``summary``.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def summary(self) -> str: ...  # noqa: D102
    @property
    def reference(self) -> str: ...  # noqa: D102

    def fit(self, domains: Domains) -> Adapted:
        """Adapt; everything random comes from ``domains.seed``."""
