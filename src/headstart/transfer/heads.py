"""Heads: from an embedding to one logit per class. Each is a few arrays and one formula."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from headstart.said import N_
from headstart.transfer.counts import TfIdf
from headstart.transfer.logistic import Floats, Ints


class Head(Protocol):
    """The contract of a head: a frozen dataclass whose fields are its arrays."""

    kind: ClassVar[str]

    def logits(self, X: Any) -> Floats:
        """Score rows: ``(n, dim)`` -> ``(n, K)``; softmax of it is the head's belief."""

    def slope(self, x: Floats, c: int) -> Floats:
        """Differentiate the logit of class ``c`` at one row: ``(dim,)`` -> ``(dim,)``, float64."""


@dataclass(frozen=True)
class LinearHead:
    """``x W + b``: what logistic regression leaves behind."""

    kind: ClassVar[str] = N_("logistic")
    W: Floats  # (dim, K), float64
    b: Floats  # (K,), float64

    def logits(self, X: Floats) -> Floats:
        """``x W + b``."""
        return X @ self.W + self.b

    def slope(self, x: Floats, c: int) -> Floats:
        """Column ``c`` of ``W``, the same everywhere."""
        return self.W[:, c].astype(np.float64)


@dataclass(frozen=True)
class CentroidHead:
    """Nearest class mean after centring and scaling to unit length.

    References
    ----------
    Wang et al. (2019), "SimpleShot", arXiv:1911.04623, section 3 (the variant CL2N).
    """

    kind: ClassVar[str] = N_("centroid")
    mean: NDArray[np.float32]  # (dim,)
    centroids: NDArray[np.float32]  # (K, dim)

    @classmethod
    def fit(cls, X: Floats, y: Ints, n_classes: int) -> CentroidHead:
        """Average the normalised rows of every class; one without rows lies far from them all."""
        mean = X.mean(axis=0)
        Z = _unit(X - mean)
        member = np.eye(n_classes, dtype=X.dtype)[y]  # (n, K)
        count = member.sum(axis=0)
        centroids = member.T @ Z / np.maximum(count, 1)[:, None]
        centroids[count == 0] = 10 / np.sqrt(X.shape[1])  # of length 10; rows have length 1
        return cls(mean.astype(np.float32), centroids.astype(np.float32))

    def logits(self, X: Floats) -> Floats:
        """Minus ten times the squared distance; the temperature sets the true scale."""
        Z = _unit(X - self.mean)
        cross = Z @ self.centroids.T
        return -10 * (1 - 2 * cross + np.square(self.centroids).sum(axis=1))

    def slope(self, x: Floats, c: int) -> Floats:
        """``20 dz/dx m_c``: only ``z·m_c`` depends on the row (see ``_unit_slope``)."""
        return 20 * _unit_slope(x - self.mean, self.centroids[c])


@dataclass(frozen=True)
class NeighbourHead:
    """Votes of the k most similar training examples, weighted by exp(cosine / T).

    References
    ----------
    Caron et al. (2021), "Emerging properties in self-supervised vision transformers" (DINO),
    arXiv:2104.14294, appendix F.1: T = 0.07; k = 20, here fewer where a class has fewer examples.
    """

    kind: ClassVar[str] = N_("kNN")
    mean: NDArray[np.float32]  # (dim,)
    bank: NDArray[np.float32]  # (n, dim), unit length
    labels: NDArray[np.int64]  # (n,)
    shape: NDArray[np.int64]  # (k, K)

    @classmethod
    def fit(cls, X: Floats, y: Ints, n_classes: int) -> NeighbourHead:
        """Keep the normalised rows."""
        mean = X.mean(axis=0)
        k = int(min(20, max(3, np.bincount(y).max() // 2)))
        bank = _unit(X - mean).astype(np.float32)
        return cls(mean.astype(np.float32), bank, y.astype(np.int64), np.array([k, n_classes]))

    def logits(self, X: Floats) -> Floats:
        """Log of the (smoothed) share of the votes."""
        k, n_classes = self.shape
        similar = _unit(X - self.mean).astype(np.float32) @ self.bank.T  # (n, n_train)
        k = min(int(k), similar.shape[1])
        near = np.argpartition(-similar, k - 1, axis=1)[:, :k]
        votes = np.exp((np.take_along_axis(similar, near, axis=1) - 1) / 0.07).astype(np.float64)
        code = self.labels[near] + np.arange(len(X))[:, None] * n_classes
        shares = np.bincount(code.ravel(), votes.ravel(), minlength=len(X) * int(n_classes))
        shares = shares.reshape(len(X), int(n_classes))
        shares = shares / shares.sum(axis=1, keepdims=True)
        return np.log(shares + 1e-3)

    def slope(self, x: Floats, c: int) -> Floats:
        """``ds_c / (s_c + 0.001)`` of the share ``s_c``, among the k that vote now.

        With votes ``v_j = exp((z·b_j - 1) / T)`` and ``u_j = v_j / sum v`` the share changes by
        ``ds_c = sum_j u_j ([y_j = c] - s_c) d(z·b_j) / T``: not at all where all are of one class.
        """
        z = _unit(x[None] - self.mean)[0].astype(np.float32)
        similar = self.bank @ z
        k = min(int(self.shape[0]), len(similar))
        near = np.argpartition(-similar, k - 1)[:k]
        votes = np.exp((similar[near].astype(np.float64) - 1) / 0.07)
        votes /= votes.sum()
        own = self.labels[near] == c
        share = votes[own].sum()
        pull = (votes * (own - share)) @ self.bank[near].astype(np.float64)  # (dim,)
        return _unit_slope(x - self.mean, pull) / (0.07 * (share + 1e-3))


@dataclass(frozen=True)
class CosineHead:
    """Cosine to one direction per class, after standardising: what clustering leaves behind."""

    kind: ClassVar[str] = N_("cosine")
    mean: Floats  # (dim,)
    scale: Floats  # (dim,), > 0; infinite where a feature says nothing
    directions: Floats  # (K, dim), unit length
    sharpness: Floats  # (), > 0: logits are cosines times this

    def logits(self, X: Floats) -> Floats:
        """Sharpness times the cosine."""
        return self.sharpness * (_unit((X - self.mean) / self.scale) @ self.directions.T)

    def slope(self, x: Floats, c: int) -> Floats:
        """Differentiate the cosine to one direction, through the standardisation."""
        v = (x - self.mean) / self.scale
        return self.sharpness * _unit_slope(v, self.directions[c]) / self.scale


@dataclass(frozen=True)
class BottleneckHead:
    """One hidden layer: ``relu(z A + a) W + b`` of the standardised row ``z``."""

    kind: ClassVar[str] = N_("bottleneck")
    mean: Floats  # (dim,)
    scale: Floats  # (dim,), > 0; infinite where a feature says nothing
    A: Floats  # (dim, H)
    a: Floats  # (H,)
    W: Floats  # (H, K)
    b: Floats  # (K,)

    def logits(self, X: Floats) -> Floats:
        """Apply the two layers, one after the other."""
        return np.maximum(((X - self.mean) / self.scale) @ self.A + self.a, 0) @ self.W + self.b

    def slope(self, x: Floats, c: int) -> Floats:
        """Return ``A (W_c where the hidden unit is on) / scale``."""
        on = ((x - self.mean) / self.scale) @ self.A + self.a > 0
        return np.asarray(self.A @ (self.W[:, c] * on) / self.scale, np.float64)


@dataclass(frozen=True)
class CountsHead:
    """Logistic regression on counts, weighed by TF-IDF: ``tfidf(x) W + b``."""

    kind: ClassVar[str] = N_("TF-IDF")
    columns: NDArray[np.int64]  # (m,), those of the counts that are known, ascending
    idf: Floats  # (m,), >= 1
    W: Floats  # (m, K), float64
    b: Floats  # (K,), float64

    def logits(self, X: Any) -> Floats:
        """Weigh counts (csr, (n, width)), then ``x W + b``."""
        return np.asarray(TfIdf(self.columns, self.idf)(X) @ self.W + self.b)

    def slope(self, x: Floats, c: int) -> Floats:
        """Refuse: counts are whole numbers, so there is no slope."""
        raise NotImplementedError


@dataclass(frozen=True)
class MixedHead:
    """Two linear heads at once: ``v V + tfidf(x) W + b`` of a vector and counts."""

    kind: ClassVar[str] = N_("vectors and TF-IDF")
    V: Floats  # (dim, K), float64
    columns: NDArray[np.int64]  # (m,), those of the counts that are known, ascending
    idf: Floats  # (m,), >= 1
    W: Floats  # (m, K), float64
    b: Floats  # (K,), float64

    def logits(self, X: Any) -> Floats:
        """Add what both say of rows that are known in two ways (``Pair``)."""
        of_counts = TfIdf(self.columns, self.idf)(X.counts) @ self.W
        return np.asarray(X.vectors.astype(np.float64) @ self.V + of_counts + self.b)

    def slope(self, x: Floats, c: int) -> Floats:
        """Column ``c`` of ``V``: by the vector, at the same counts."""
        return self.V[:, c].astype(np.float64)


HEADS: dict[str, type[Any]] = {
    head.kind: head
    for head in (
        LinearHead,
        CentroidHead,
        NeighbourHead,
        CosineHead,
        BottleneckHead,
        CountsHead,
        MixedHead,
    )
}


def arrays_of(head: Head) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of a head by name: what an artefact stores."""
    return {f.name: getattr(head, f.name) for f in fields(head)}  # type: ignore[arg-type]


def _unit(X: Floats) -> Floats:
    return X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-12)


def _unit_slope(v: Floats, target: Floats) -> Floats:
    """Differentiate ``z·t`` by ``v``, where ``z = v / |v|``: ``(t - (z·t) z) / |v|``."""
    size = max(float(np.linalg.norm(v)), 1e-12)
    z = np.asarray(v, np.float64) / size
    return (target - (z @ target) * z) / size
