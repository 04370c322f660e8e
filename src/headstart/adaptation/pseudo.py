"""Pseudo-labels: the model's own answers for the target, made into lessons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from headstart.adaptation.domains import Adapted, Domains
from headstart.adaptation.linear import class_weights, fit_linear, fit_source, one_hot
from headstart.adaptation.standard import AXES, Shared
from headstart.said import N_
from headstart.transfer.logistic import Floats, Ints, softmax


@dataclass(frozen=True)
class SelfTraining:
    """Learn again and again from the answers it is surest of, a growing share of every class.

    Taking a share per class keeps the easiest class from crowding out the others. It makes a good
    start better and a bad one worse.
    """

    name: str = "self-training"
    summary: str = N_("Its surest answers for the target are learned as if they were labels.")
    reference: str = N_(
        "Zou et al. (2018), Unsupervised domain adaptation for semantic segmentation via "
        "class-balanced self-training, arXiv:1810.07911, eq. 6 (shares per class)"
    )
    rounds: int = 5
    axes: int = AXES

    def fit(self, domains: Domains) -> Adapted:
        """Add 1/rounds of every class's answers more each round, all of them in the last."""
        shared = Shared.fit(domains, self.axes)
        T = shared.target
        W, b = fit_source(shared.source, domains)
        for share in np.arange(1, self.rounds + 1) / self.rounds:
            belief = softmax(T @ W + b)
            keep = surest(belief, share)
            answers = belief[keep].argmax(axis=1)
            W, b = _fit_both(shared.source, T[keep], answers, domains, (W, b))
        return Adapted(shared.source_head(W, b), shared.target_head(W, b))


@dataclass(frozen=True)
class LabelPropagation:
    """Let labels flow along the neighbours of all examples, and learn the target from what arrives.

    It helps where the target forms clusters that the source's boundary cuts through.
    """

    name: str = "label propagation"
    summary: str = N_("Labels flow from {one} to similar {one}, across the domains.")
    reference: str = N_(
        "Zhou et al. (2004), Learning with local and global consistency, NeurIPS 16, algorithm of "
        "section 2; Iscen et al. (2019), arXiv:1904.04717, eq. 9 (cosines cubed, k neighbours)"
    )
    neighbours: int = 10
    alpha: float = 0.9
    start: float = 0.2
    axes: int = AXES

    def fit(self, domains: Domains) -> Adapted:
        """Propagate labels of the source, and beliefs of the target at weight ``start``."""
        shared = Shared.fit(domains, self.axes)
        T = shared.target
        W, b = fit_source(shared.source, domains)
        Y = one_hot(domains.y, domains.n_classes)
        seeds = np.concatenate([Y, self.start * softmax(T @ W + b)])
        graph = similarity_graph(np.concatenate([shared.source, T]), self.neighbours)
        flow = propagate(graph, seeds, self.alpha)[len(Y) :]
        # The square root tempers the pull of large classes without making all classes equal.
        flow /= np.sqrt(np.maximum(flow.mean(axis=0), 1e-12))
        answers = flow.argmax(axis=1)
        W, b = fit_linear(T, one_hot(answers, domains.n_classes), domains.C, np.ones(len(T)))
        return Adapted(shared.source_head(W, b), shared.target_head(W, b))


def surest(belief: Floats, share: float) -> NDArray[np.bool_]:
    """Mark the surest answers: this share (0..1, rounded up) of the rows answered with each class.

    Parameters
    ----------
    belief : ndarray of shape (n, K)
        Rows sum to one.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    answer, sure = belief.argmax(axis=1), belief.max(axis=1)
    keep = np.zeros(len(belief), bool)
    for c in np.unique(answer):
        rows = np.flatnonzero(answer == c)
        count = int(np.ceil(share * len(rows) - 1e-9))
        keep[rows[np.argsort(-sure[rows], kind="stable")[:count]]] = True
    return keep


def similarity_graph(Z: Floats, k: int) -> csr_array:
    """Join every row to its k most similar ones, normalised as ``D^-1/2 W D^-1/2``.

    Parameters
    ----------
    Z : ndarray of shape (n, r)
    k : int
        Neighbours; fewer where there are not as many rows.

    Returns
    -------
    csr_array of shape (n, n), float64
        Symmetric, eigenvalues at most 1; ``W`` holds ``max(cosine, 0)³`` where either row is among
        the other's neighbours.
    """
    unit = (Z / np.maximum(np.linalg.norm(Z, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    n, k = len(unit), min(k, len(unit) - 1)
    near = np.empty((n, k), np.int64)
    value = np.empty((n, k))
    for first in range(0, n, 1000):  # blocks: all the cosines at once would not fit the memory
        block = slice(first, min(first + 1000, n))
        cosine = unit[block] @ unit.T
        cosine[np.arange(len(cosine)), np.arange(block.start, block.stop)] = -2  # not oneself
        near[block] = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        value[block] = np.take_along_axis(cosine, near[block], axis=1)
    weight = np.maximum(value, 0) ** 3
    rows = np.repeat(np.arange(n), k)
    W = csr_array((weight.ravel(), (rows, near.ravel())), shape=(n, n))
    W = W.maximum(W.T).tocoo()
    degree = np.maximum(W.sum(axis=1), 1e-12)
    i, j = W.coords
    return csr_array((W.data / np.sqrt(degree[i] * degree[j]), (i, j)), shape=(n, n))


def propagate(graph: csr_array, seeds: Floats, alpha: float) -> Floats:
    """Solve ``(I - alpha S) F = seeds`` by iteration.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        S, normalised.
    seeds : ndarray of shape (n, K)
    alpha : float, 0 to 1
        Share of a row's answer that comes from its neighbours.

    Returns
    -------
    ndarray of shape (n, K), float64
        F; what is left out shrinks by alpha each step, to 1e-6 of the whole.
    """
    F = seeds
    for _ in range(int(np.ceil(np.log(1e-6) / np.log(alpha)))):
        F = seeds + alpha * (graph @ F)
    return F


def _fit_both(
    S: Floats, T: Floats, answers: Ints, domains: Domains, start: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Fit the source and the answered rows of the target together."""
    y = np.concatenate([domains.y, answers])
    weight = class_weights(y, domains.n_classes, domains.balanced)
    Y = one_hot(y, domains.n_classes)
    return fit_linear(np.concatenate([S, T]), Y, domains.C, weight, start)
