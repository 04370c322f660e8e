"""The models that compete: each is fitted to a matrix of users by items, and scores histories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from headstart.behaviour import ease, factors, neighbours

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.float32]
TIE = 1e-6
"""What popularity counts beside a model: it orders only what no history speaks for."""


class Model(Protocol):
    """Scores items for histories; a dataclass of arrays, which is how it is saved."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def scores(self, histories: csr_array) -> Floats:
        """Score the items that may be recommended, (n_users, n_offered); higher is better."""

    def reasons(self, history: csr_array, item: int) -> Floats:
        """Say how much each entry of one history, of shape (1, n_items), speaks for an item."""


@dataclass(frozen=True)
class Candidate:
    """A model that may be chosen.

    Attributes
    ----------
    kind : {"popularity", "item kNN", "EASE", "ALS"}
    weight : float
        Of the source; 0 leaves it out.
    strength : float
        The penalty λ of EASE.
    """

    kind: str
    weight: float = 0.0
    strength: float = 100.0


@dataclass(frozen=True)
class Popularity:
    """How many chose each item; the same for everyone."""

    counts: Floats

    def scores(self, histories: csr_array) -> Floats:
        """Score items by their popularity, whoever asks."""
        return np.broadcast_to(self.counts, (histories.shape[0], len(self.counts)))

    def reasons(self, history: csr_array, item: int) -> Floats:
        """Nothing in a history speaks for what is popular."""
        return np.zeros(history.nnz, np.float32)


@dataclass(frozen=True)
class Recommender:
    """A fitted model, with popularity for what it says nothing about.

    Attributes
    ----------
    candidate : Candidate
    model : Model
    popularity : ndarray of float32, shape (n_offered,)
        0 to 1.
    """

    candidate: Candidate
    model: Model
    popularity: Floats

    def scores(self, histories: csr_array) -> Floats:
        """Score the items that may be recommended, (n_users, n_offered)."""
        return self.model.scores(histories) + np.float32(TIE) * self.popularity


def fit(candidate: Candidate, X: csr_array, offered: int) -> Recommender:
    """Fit a model to the matrix of ``Union.matrix``, which has the candidate's weight in it.

    Parameters
    ----------
    offered : int
        So many of the first items may be recommended.
    """
    counts = np.asarray(X.multiply(X).sum(axis=0), np.float32).ravel()[:offered]
    popularity = counts / max(float(counts.max(initial=0)), 1.0)
    model = MODELS[candidate.kind](candidate, X, offered)
    return Recommender(candidate, model, popularity)


def _ease(candidate: Candidate, X: csr_array, offered: int) -> Model:
    columns = None if offered == X.shape[1] else np.arange(offered)
    return ease.fit(X, candidate.strength, columns)


def _popularity(candidate: Candidate, X: csr_array, offered: int) -> Model:
    return Popularity(np.asarray(X.multiply(X).sum(axis=0), np.float32).ravel()[:offered])


def _neighbours(candidate: Candidate, X: csr_array, offered: int) -> Model:
    return neighbours.fit(X, offered)


def _factors(candidate: Candidate, X: csr_array, offered: int) -> Model:
    return factors.fit(X, offered)


MODELS: dict[str, Callable[[Candidate, csr_array, int], Model]] = {
    "EASE": _ease,
    "ALS": _factors,
    "item kNN": _neighbours,
    "popularity": _popularity,
}
"""By preference: where histories are too short to tell, all rank alike, and the first is taken."""


def installed() -> list[str]:
    """List the kinds of models that can be fitted here."""
    return [kind for kind in MODELS if kind != "ALS" or factors.is_installed()]
