"""Transfer: how pretrained knowledge becomes a model of the user's classes.

After features everything is arrays ``(n, dim)``; after fitting everything is one
:class:`FittedModel`, whatever the method was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.transfer.heads import Head
from headstart.transfer.logistic import softmax


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
    familiar : Familiarity or None
        What embeddings of the training images look like.
    """

    method: str
    head: Head
    temperature: float
    classes: tuple[str, ...]
    familiar: Familiarity | None = None

    def predict_proba(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return calibrated probabilities: ``(n, dim)`` -> ``(n, K)``, rows sum to one."""
        logits = self.head.logits(np.asarray(X, np.float64))
        return np.asarray(softmax(logits / self.temperature))


@dataclass(frozen=True)
class Familiarity:
    """Flags inputs that look like nothing in the training set.

    The score is the cosine to the nearest training class mean, after centring on the training
    mean; the threshold is the 1st percentile of the training images' own scores with their image
    left out of its class mean, so about 1 % of ordinary inputs are flagged.
    """

    mean: NDArray[np.float32]  # (dim,)
    centroids: NDArray[np.float32]  # (K, dim), unit length
    threshold: float

    @classmethod
    def fit(cls, X: NDArray[np.floating], y: NDArray[np.integer], n_classes: int) -> Familiarity:
        """Learn from training embeddings (n, dim) and labels (n,)."""
        mean = X.mean(axis=0)
        Z = _unit(X - mean)
        sums = np.stack([Z[y == c].sum(axis=0) for c in range(n_classes)])
        scores = Z @ _unit(sums).T
        rows = np.arange(len(y))
        scores[rows, y] = (Z * _unit(sums[y] - Z)).sum(axis=1)  # leave the image itself out
        threshold = float(np.quantile(scores.max(axis=1), 0.01))
        return cls(mean.astype(np.float32), _unit(sums).astype(np.float32), threshold)

    def is_unfamiliar(self, X: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Flag rows (n, dim) that are farther from every class than training images are."""
        scores = _unit(X - self.mean) @ self.centroids.T
        return np.asarray(scores.max(axis=1) < self.threshold)


def _unit(X: NDArray[np.floating]) -> NDArray[np.floating]:
    return X / np.maximum(np.linalg.norm(X, axis=-1, keepdims=True), 1e-12)


__all__ = ["Familiarity", "FittedModel", "Head"]
