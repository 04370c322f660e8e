"""Scores of answers nobody can check: how good an adaptation looks without target labels.

Each is a pure function of arrays. None is right on its own: information rewards whoever is
sure of himself, clusters and neighbours whoever draws borders where the target is thin,
the committee whoever says what the others say. Only the way back (:func:`way_back`) is marked with
labels somebody gave. :mod:`headstart.adaptation.select` lets them vote.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from headstart.adaptation.linear import fit_linear, one_hot
from headstart.transfer.logistic import Floats, Ints

SEEDS = 3
"""k-means runs whose agreement is averaged: one run depends on where it starts."""
NEIGHBOURS = 10
"""Neighbours asked, or fewer in a small target; a plain choice."""


def entropy(p: Floats) -> Floats:
    """Shannon's entropy of distributions ``(..., K)`` in nats: ``(...)``, 0 to log K."""
    return -(p * np.log(np.maximum(p, 1e-300))).sum(axis=-1)


def information(proba: Floats) -> float:
    """Information that the example carries about the answer, as a share of log K.

    ``(H(mean p) - mean H(p)) / log K``: 0 where all rows get the same belief, 1 where every answer
    is certain and all are equally frequent. Whoever exaggerates gains, so the beliefs must be
    calibrated first.

    Parameters
    ----------
    proba : ndarray of shape (n, K)
        Beliefs about the target, calibrated on held-out source rows.

    References
    ----------
    Bridle, Heading & MacKay (1991), "Unsupervised classifiers, mutual information and 'phantom
    targets'", NIPS 4; as a criterion of selection Musgrave, Belongie & Lim (2022), "Three new
    validators", arXiv:2208.07360.
    """
    marginal = entropy(proba.mean(axis=0))
    return float((marginal - entropy(proba).mean()) / np.log(proba.shape[1]))


def clusterings(Z: Floats, n_clusters: int, *, seed: int = 0, runs: int = SEEDS) -> list[Ints]:
    """Cluster the rows of ``Z`` (n, d) several times by k-means, from different starts.

    Returns
    -------
    list of ndarray of int, shape (n,)
        Empty where there are too few rows for so many clusters.
    """
    from sklearn.cluster import KMeans

    if len(Z) <= n_clusters:
        return []
    models = (KMeans(n_clusters, n_init=1, random_state=seed + r) for r in range(runs))
    return [model.fit_predict(Z).astype(np.int64) for model in models]


def cluster_agreement(clusters: Sequence[Ints], answers: Ints) -> float:
    """Mean adjusted mutual information of answers and clusterings: about 0 by chance, at most 1.

    References
    ----------
    Vinh, Epps & Bailey (2010), JMLR 11, eq. 6; as a criterion of selection ClassAMI in Musgrave,
    Belongie & Lim (2022), arXiv:2208.07360.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    if not clusters:
        return 0.0
    return float(np.mean([adjusted_mutual_info_score(c, answers) for c in clusters]))


def neighbours(Z: Floats, k: int = NEIGHBOURS) -> Ints:
    """Find the ``k`` rows of highest cosine to each row of ``Z`` (n, d), itself left out: (n, k).

    Fewer where there are not three times as many rows.
    """
    k = max(1, min(k, len(Z) // 3))
    U = (Z / np.maximum(np.linalg.norm(Z, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    similar = U @ U.T
    np.fill_diagonal(similar, -np.inf)
    return np.argpartition(-similar, k - 1, axis=1)[:, :k].astype(np.int64)


def neighbour_agreement(near: Ints, answers: Ints) -> float:
    """How much oftener than by chance a row and its neighbours get the same answer.

    ``(a - c) / (1 - c)``, Cohen's kappa, where ``a`` is the share of pairs (row, neighbour) that
    agree and ``c = sum_k share_k²`` what answers of these shares would do by chance; 0 where there
    is only one answer.

    Parameters
    ----------
    near : ndarray of int, shape (n, k)
        Of :func:`neighbours`.
    answers : ndarray of int, shape (n,)
    """
    agree = float((answers[near] == answers[:, None]).mean())
    chance = float(np.square(np.bincount(answers) / len(answers)).sum())
    return 0.0 if chance >= 1 else (agree - chance) / (1 - chance)


def committee(answers: Sequence[Ints], families: Sequence[str], n_classes: int) -> Floats:
    """Let the families of methods vote on every row; each has one vote, its members share it.

    Methods of one family err alike: without families nine networks would outvote the rest.

    Parameters
    ----------
    answers : sequence of ndarray of int, shape (n,)
        Of every candidate.
    families : sequence of str
        Of every candidate.
    n_classes : int

    Returns
    -------
    ndarray of shape (n, K)
        Shares of the vote; rows sum to one.

    References
    ----------
    Hu et al. (2024), "Towards reliable model selection for unsupervised domain adaptation: an
    empirical study and a certified baseline" (EnsV), NeurIPS datasets and benchmarks: an ensemble
    of the candidates is at least as good as the worst and takes the place of labels. There beliefs
    are averaged; votes do not depend on how sure a method is of itself.
    """
    votes: dict[str, list[Floats]] = {}
    for said, family in zip(answers, families, strict=True):
        votes.setdefault(family, []).append(one_hot(said, n_classes))
    return np.asarray(np.mean([np.mean(v, axis=0) for v in votes.values()], axis=0))


def agreement(vote: Floats, answers: Ints) -> float:
    """Share of answers (n,) that are also the committee's (n, K); a tie of m classes counts 1/m."""
    first = np.isclose(vote, vote.max(axis=1, keepdims=True))  # (n, K)
    return float((first[np.arange(len(vote)), answers] / first.sum(axis=1)).mean())


def way_back(
    target: Floats, answers: Ints, source: Floats, y: Ints, n_classes: int, C: float
) -> float:
    """Learn from the target with the answers as labels; mark the result on the source.

    Right answers lead back to right answers; answers mixed up, or all alike, do not.

    Parameters
    ----------
    target : ndarray of shape (n_t, r)
        Each domain standardised by itself, on axes they share
        (:class:`~headstart.adaptation.standard.Shared`).
    answers : ndarray of int, shape (n_t,)
        Given to the target by a candidate.
    source : ndarray of shape (n_s, r)
    y : ndarray of int, shape (n_s,)
        The true classes of the source.
    n_classes : int
    C : float, > 0
        Inverse regularisation of the logistic regression that learns from the target.

    Returns
    -------
    float
        Mean over the classes of the recall on the source, 0 to 1; ``1 / K`` by chance.

    References
    ----------
    Bruzzone & Marconcini (2010), "Domain adaptation problems: a DASVM classification technique and
    a circular validation strategy", IEEE TPAMI 32, section 4; reverse validation in Ganin et al.
    (2016), JMLR 17, section 5.1.2.
    """
    A, b = fit_linear(target, one_hot(answers, n_classes), C, np.ones(len(target)))
    right = (source @ A + b).argmax(axis=1) == y
    return float(np.mean([right[y == k].mean() for k in np.unique(y)]))


Votes = NDArray[np.float64]


def ranks(scores: Sequence[float], *, higher_is_better: bool = True) -> Votes:
    """Rank scores, 1 the best; equal scores share the mean of their ranks: ``(m,)``."""
    from scipy.stats import rankdata

    values = np.asarray(scores, np.float64)
    return np.asarray(rankdata(-values if higher_is_better else values), np.float64)
