"""The probe: multinomial logistic regression on frozen vectors of words.

Its strength, and which layer it stands on, are chosen inside the training part, by the entity F1 of
sentences that were held out, their groups whole. The tags of a sentence are then decoded together
(``decode.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.tagging.decode import decode
from headstart.tagging.measure import Counts, shares
from headstart.transfer.heads import LinearHead
from headstart.transfer.logistic import FITTED, Floats, LogisticPath

STRENGTHS = (1e-3, 1e-2, 1e-1)
"""Values of C that are tried: of those that a head on embeddings may have, every third."""
CHOOSING = 10_000
"""Words on which the strength is chosen, at most: whole sentences, drawn by chance."""
FOLDS = 3
Ints = NDArray[np.int64]


Vectors = Sequence[NDArray[np.float32]]
Tags = Sequence[tuple[str, ...]]


class Path(LogisticPath):
    """``LogisticPath`` along the strengths that are tried here."""

    strengths = np.array(STRENGTHS)


@dataclass(frozen=True)
class TagHead:
    """A head that scores every tag for every word.

    Attributes
    ----------
    tags : tuple of str
        IOB2.
    head : LinearHead
    C : float
        The strength that was chosen; 0 where a network was trained from it on.
    space : int
        Which of several spaces of vectors it stands on, such as layers by their number.
    """

    tags: tuple[str, ...]
    head: LinearHead
    C: float
    space: int = 0

    def scores(self, X: Vectors) -> list[Floats]:
        """Return log probabilities of the tags of every word: (t, K) a sentence."""
        return [log_softmax(self.head.logits(x)) for x in X]

    def predict(self, X: Vectors) -> list[tuple[str, ...]]:
        """Answer with the best legal tags of every sentence."""
        return named(decode(self.scores(X), self.tags), self.tags)


def log_softmax(logits: Floats) -> Floats:
    """Turn logits (t, K) into logarithms of probabilities."""
    rest = logits - logits.max(axis=1, keepdims=True)
    return rest - np.log(np.exp(rest).sum(axis=1, keepdims=True))


def named(paths: Sequence[Ints], tags: Sequence[str]) -> list[tuple[str, ...]]:
    """Turn places among tags into their names."""
    return [tuple(tags[k] for k in path) for path in paths]


def tags_in(known: Tags) -> tuple[str, ...]:
    """List the tags there are, ``O`` first."""
    found = {tag for one in known for tag in one}
    return tuple(sorted(found, key=lambda tag: (tag != "O", tag[2:], tag)))


def fit_dense(X: Floats, y: Ints, n_classes: int, C: float) -> tuple[Floats, Floats]:
    """Fit one regression to vectors; weights (D, K) and intercepts (K,), float64."""
    path = Path(X, y, n_classes, [np.arange(len(y))])
    path.walk_to(C, FITTED)
    W, b = path.coefficients(0)
    return W, b


@dataclass(frozen=True)
class Solver:
    """How regressions are fitted to rows of one kind.

    Attributes
    ----------
    strengths : tuple of float
        Values of C that are tried, weak models first.
    path : callable
        (X, y, n_classes, folds) to regressions of several folds, whose ``advance(C)`` gives the
        logits (n, K) of all rows by fold.
    fit : callable
        (X, y, n_classes, C) to weights (D, K) and intercepts (K,).
    """

    strengths: tuple[float, ...]
    path: Callable[..., Any]
    fit: Callable[..., tuple[Any, Any]]


DENSE = Solver(STRENGTHS, Path, fit_dense)
"""Of vectors."""


def fit_probe(
    spaces: Mapping[int, Vectors],
    known: Tags,
    groups: Ints,
    seed: int,
    chosen_on: tuple[Mapping[int, Vectors], Tags] | None = None,
    solver: Solver = DENSE,
) -> TagHead:
    """Choose space and strength, and fit the head.

    Parameters
    ----------
    spaces : mapping of int to sequence of ndarray of shape (t, D)
        Vectors of the words of each sentence, by one layer or several.
    known : sequence of tuple of str
        Their tags.
    groups : ndarray of int64, shape (n,)
        Sentences of one number are held out together.
    chosen_on : (spaces, tags), optional
        Sentences to choose on, in place of held-out ones.
    solver : Solver
        Of sparse rows another than of vectors.
    """
    tags = tags_in(known)
    code = {tag: k for k, tag in enumerate(tags)}
    if len(tags) == 1:  # nothing to tell apart
        space, X = next(iter(spaces.items()))
        return TagHead(tags, LinearHead(np.zeros((X[0].shape[1], 1)), np.zeros(1)), 0.0, space)

    def tried(space: int) -> tuple[float, float]:
        dev = None if chosen_on is None else (chosen_on[0][space], chosen_on[1])
        return _chosen(spaces[space], known, tags, groups, seed, dev, solver)

    scores = {space: tried(space) for space in spaces}
    space = max(scores, key=lambda space: scores[space][0])
    C, X = scores[space][1], spaces[space]
    y = np.array([code[tag] for one in known for tag in one], np.int64)
    W, b = solver.fit(stacked(X), y, len(tags), C)
    return TagHead(tags, LinearHead(W, b), C, space)


def stacked(X: Sequence[Any]) -> Any:
    """Put the words of all sentences under one another; of sparse rows too."""
    if isinstance(X[0], np.ndarray):
        return np.concatenate(X)
    from scipy.sparse import vstack

    return vstack(X).tocsr()


def deal(groups: Ints, k: int, rng: np.random.Generator) -> Ints:
    """Deal groups into at most k folds of like size; return the fold of each sentence."""
    sizes = np.bincount(groups)
    alive = rng.permutation(np.flatnonzero(sizes))
    alive = alive[np.argsort(-sizes[alive], kind="stable")]
    fold, filled = np.zeros(len(sizes), np.int64), np.zeros(min(k, len(alive)), np.int64)
    for group in alive:
        fold[group] = filled.argmin()
        filled[fold[group]] += sizes[group]
    return fold[groups]


def _chosen(
    X: Vectors,
    known: Tags,
    tags: tuple[str, ...],
    groups: Ints,
    seed: int,
    chosen_on: tuple[Vectors, Tags] | None,
    solver: Solver,
) -> tuple[float, float]:
    """Return the best F1 on held-out sentences, and the first strength it came by."""
    rng = np.random.default_rng([seed, 1])
    if chosen_on is not None:
        asked = np.arange(len(X) + len(chosen_on[0]))
        X, known = [*X, *chosen_on[0]], [*known, *chosen_on[1]]
        fold = np.where(asked < len(X) - len(chosen_on[0]), 1, 0)
        held_out = [0]
        rows = np.concatenate([_drawn(X, np.flatnonzero(fold == f), rng) for f in (1, 0)])
    else:
        rows = _drawn(X, np.arange(len(X)), rng)
        fold = np.zeros(len(X), np.int64)
        fold[rows] = deal(groups[rows], FOLDS, rng)
        held_out = sorted(set(fold[rows].tolist()))
        if len(held_out) < 2:
            return 0.0, solver.strengths[len(solver.strengths) // 2]
    code = {tag: k for k, tag in enumerate(tags)}
    sizes = [len(known[i]) for i in rows]
    y = np.array([code.get(tag, 0) for i in rows for tag in known[i]], np.int64)
    of_word = np.repeat(fold[rows], sizes)
    parts = [np.flatnonzero(of_word != f) for f in held_out]
    walked = solver.path(stacked([X[i] for i in rows]), y, len(tags), parts)
    ends = np.cumsum(sizes)[:-1]
    best, score = 0.0, -1.0
    for C in solver.strengths:
        logits = walked.advance(C)
        answers: dict[int, tuple[str, ...]] = {}
        for f, out in zip(held_out, logits, strict=True):
            held = [k for k, i in enumerate(rows) if fold[i] == f]
            each = np.split(log_softmax(np.asarray(out)), ends)
            paths = named(decode([each[k] for k in held], tags), tags)
            answers |= zip(held, paths, strict=True)
        told = sorted(answers)
        counts = Counts.of([known[rows[k]] for k in told], [answers[k] for k in told])
        f1 = shares(counts.of_all().sum(axis=0))["f1"] or 0.0
        if f1 > score:
            best, score = C, f1
    return score, best


def _drawn(X: Vectors, rows: Ints, rng: np.random.Generator) -> Ints:
    """Draw sentences until there are words enough."""
    order = rng.permutation(rows)
    seen = np.cumsum([X[i].shape[0] for i in order])
    return np.sort(order[: max(int(np.searchsorted(seen, CHOOSING)), 2)])
