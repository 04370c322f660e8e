"""Transfer: how pretrained knowledge becomes a model of the user's classes.

After features everything is arrays ``(n, dim)``; after fitting everything is one
:class:`FittedModel`, whatever the method was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.tasks import Task
from headstart.tasks.classification import Classification
from headstart.tasks.multilabel import MultiLabel
from headstart.transfer.familiar import Familiarity, FamiliarSideBySide
from headstart.transfer.heads import Head
from headstart.transfer.logistic import sigmoid, softmax
from headstart.transfer.moments import Moments
from headstart.transfer.pair import Pair


@dataclass(frozen=True)
class FittedModel:
    """A head on frozen features, calibrated, with the names of its classes.

    Attributes
    ----------
    method : str
        How it was made: ``"probe"``.
    head : Head
    temperature : float, > 0
        Logits are divided by it; fitted on held-out logits so that confidences mean what they say
        (Guo et al. 2017, "On calibration of modern neural networks", eq. 9).
    classes : tuple of str
    familiar : Familiarity, FamiliarSideBySide or None
        What embeddings of the training examples look like.
    abstain : float or None, 0 to 1
        Below this confidence the model gives no answer; None: it always answers.
    moments : Moments or None
        Of the training embeddings, for adaptation to other examples; None where they are not kept.
    beside : str
        The rival whose counts the head takes beside the vectors, by name; "" for vectors alone.
    thresholds : tuple of float or None
        With several labels an example: the probability from which each is given. None: one class.
    """

    method: str
    head: Head
    temperature: float
    classes: tuple[str, ...]
    familiar: Familiarity | FamiliarSideBySide | None = None
    abstain: float | None = None
    moments: Moments | None = None
    beside: str = ""
    thresholds: tuple[float, ...] | None = None

    @property
    def task(self) -> Task:
        """What the model answers."""
        kind = Classification if self.thresholds is None else MultiLabel
        return kind(self.classes)

    def predict_proba(self, X: NDArray[np.floating] | Pair) -> NDArray[np.float64]:
        """Return calibrated probabilities: ``(n, dim)`` -> ``(n, K)``.

        Rows sum to one; with several labels an example, every label has a probability of its own.

        Parameters
        ----------
        X : ndarray of shape (n, dim); or, with ``beside``, Pair
        """
        logits = self.head.logits(X if isinstance(X, Pair) else np.asarray(X, np.float64))
        logits = logits / self.temperature
        return np.asarray(softmax(logits) if self.thresholds is None else sigmoid(logits))

    def answers(self, X: NDArray[np.floating] | Pair) -> NDArray[np.float64]:
        """Answer for rows, as ``task`` scores it; X as ``predict_proba`` takes it."""
        p = self.predict_proba(X)
        if self.thresholds is None:
            return p
        return np.concatenate([p, p >= np.array(self.thresholds)], axis=1)

    def is_unfamiliar(self, X: NDArray[np.floating]) -> NDArray[np.bool_] | None:
        """Flag rows (n, dim) unlike everything trained on; None where the model cannot tell.

        Of all layers side by side the last, the embedding, tells.
        """
        if self.familiar is None:
            return None
        return self.familiar.is_unfamiliar(X[:, -self.familiar.dim :])


__all__ = ["FamiliarSideBySide", "Familiarity", "FittedModel", "Head", "Moments", "Pair"]
