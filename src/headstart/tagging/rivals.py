"""What tags can be told by without a pretrained network: the other side of the verdict."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.said import N_
from headstart.tagging.decode import decode
from headstart.tagging.probe import Solver, Tags, fit_probe, named, tags_in
from headstart.tagging.sentences import Sentence
from headstart.transfer.counts import solve_counts
from headstart.transfer.logistic import Floats, row_weights

NOTHING = N_("no entities at all")
DICTIONARY = N_("dictionary of the training words")
SHAPES = N_("spelling and neighbours of words")
RIVALS = (NOTHING, DICTIONARY, SHAPES)
EXPLAINED = {
    NOTHING: N_("every word is outside"),
    DICTIONARY: N_("every word has its tags as often as in the training part, unknown ones none"),
    SHAPES: N_(
        "logistic regression on the word, its beginning, end and shape, and those of its neighbours"
    ),
}
LENGTHS = range(1, 4)
"""Characters of beginnings and ends of words."""
WIDTH = 2**17
"""Columns that features are hashed into."""
STRENGTHS = (0.1, 1.0, 10.0)
"""Values of C for these features, which are zeros and ones."""
LEAST = 2
"""Words that must have a feature for it to count."""
SMOOTHED = 0.01
_UPPER, _LOWER, _DIGIT = re.compile(r"[A-Z]"), re.compile(r"[a-z]"), re.compile(r"\d")
Ints = NDArray[np.int64]


def dictionary(known: Sequence[Sentence], asked: Sequence[Sentence]) -> list[tuple[str, ...]]:
    """Give every word the tags it had, as often as it had them; unknown ones are outside."""
    tags = tags_in([one.tags for one in known])
    place = {tag: k for k, tag in enumerate(tags)}
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for one in known:
        for token, tag in zip(one.tokens, one.tags, strict=True):
            seen[token][tag] += 1
    unknown = np.log(np.full(len(tags), SMOOTHED))
    unknown[place.get("O", 0)] = 0.0

    def score(token: str) -> Floats:
        if token not in seen:
            return unknown
        count = np.full(len(tags), SMOOTHED)
        for tag, n in seen[token].items():
            count[place[tag]] += n
        return np.log(count / count.sum())

    scores = [np.stack([score(token) for token in one.tokens]) for one in asked]
    return named(decode(scores, tags), tags)


def features(tokens: Sequence[str]) -> Iterator[list[str]]:
    """Describe every word by its spelling and its neighbours, in words.

    Examples
    --------
    >>> sorted(next(features(["Paris"])))[:3]
    ['+1=', '+2=', '-1 0= Paris']
    """
    padded = ["", "", *tokens, "", ""]
    for at in range(2, len(padded) - 2):
        word = padded[at]
        found = [f"0={word}", f"l={word.lower()}", f"s={shape(word)}"]
        found += [f"p={word[:n]}" for n in LENGTHS] + [f"e={word[-n:]}" for n in LENGTHS]
        for far in (-2, -1, 1, 2):
            near = padded[at + far]
            found += [f"{far}={near.lower()}", f"s{far}={shape(near)}"]
        found += [f"-1 0={padded[at - 1]} {word}", f"0 +1={word} {padded[at + 1]}"]
        yield found


def shape(word: str) -> str:
    """Write a word by its kinds of characters, runs shortened.

    Examples
    --------
    >>> shape("McDonald's"), shape("2026-11")
    ("XxXx'x", 'd-d')
    """
    said = _DIGIT.sub("d", _LOWER.sub("x", _UPPER.sub("X", word)))
    return re.sub(r"(.)\1+", r"\1", said)[:12]


def described(sentences: Sequence[Sentence]) -> list[Any]:
    """Hash the features of every word into columns: csr_array (t, ``WIDTH``) a sentence."""
    from scipy.sparse import csr_array
    from sklearn.feature_extraction import FeatureHasher

    hasher = FeatureHasher(WIDTH, input_type="string", alternate_sign=False, dtype=np.float32)
    rows = [words for one in sentences for words in features(one.tokens)]
    ends = np.cumsum([0, *(len(one.tokens) for one in sentences)])
    whole = csr_array(hasher.transform(rows))
    return [whole[a:b] for a, b in pairwise(ends)]


class SparsePath:
    """Logistic regressions on hashed features, one a fold, from strong to weak regularisation.

    Parameters
    ----------
    X : csr_array of shape (n, WIDTH)
    y : ndarray of int64, shape (n,)
    n_classes : int
    folds : sequence of ndarray of int64
        Training rows of each.
    """

    def __init__(self, X: Any, y: Ints, n_classes: int, folds: Sequence[Ints]) -> None:
        self.X, self.Y, self.folds = X, np.eye(n_classes)[y], folds
        counted = [np.asarray((X[rows] != 0).sum(axis=0)).ravel() for rows in folds]
        self.columns = [np.flatnonzero(count >= LEAST) for count in counted]
        self.A: list[Floats] = [np.zeros((len(c) + 1, n_classes)) for c in self.columns]

    def advance(self, C: float) -> list[Floats]:
        """Solve for this C; return logits (n, K) of all rows by fold."""
        found = []
        for f, (rows, columns) in enumerate(zip(self.folds, self.columns, strict=True)):
            Z = self.X[:, columns]
            Y, weight = self.Y[rows], row_weights(rows, 1, balanced=False)[:, None]
            penalty = 1 / (C * len(rows))
            self.A[f] = solve_counts(Z[rows], Y, weight, penalty, self.A[f], tolerance=1e-3)
            found.append(Z @ self.A[f][:-1] + self.A[f][-1])
        return found


def fit_sparse(X: Any, y: Ints, n_classes: int, C: float) -> tuple[Floats, Floats]:
    """Fit one such regression; weights of all columns and intercepts."""
    path = SparsePath(X, y, n_classes, [np.arange(len(y))])
    path.advance(C)
    W = np.zeros((X.shape[1], n_classes))
    W[path.columns[0]] = path.A[0][:-1]
    return W, path.A[0][-1]


SPARSE = Solver(STRENGTHS, SparsePath, fit_sparse)
"""How the head of ``SHAPES`` is fitted."""


def answers_of(
    name: str, known: Sequence[Sentence], asked: Sequence[Sentence], groups: Ints, seed: int
) -> list[tuple[str, ...]]:
    """Let one of ``RIVALS`` learn from sentences and answer for others.

    Parameters
    ----------
    groups : ndarray of int64
        Of ``known``.
    """
    if name == NOTHING:
        return [("O",) * len(one.tokens) for one in asked]
    if name == DICTIONARY:
        return dictionary(known, asked)
    tags: Tags = [one.tags for one in known]
    head = fit_probe({0: described(known)}, tags, groups, seed, solver=SPARSE)
    return head.predict(described(asked))
