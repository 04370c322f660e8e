"""Multi-label: an example has any number of labels, none included.

An answer says two things of every label: how probable it is, and whether it is given. The second
does not follow from the first at one half: rare labels are worth giving at less.

References
----------
Tsoumakas & Katakis (2007), "Multi-label classification: an overview", Int. J. Data Warehousing and
Mining 3, on the scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.said import N_, _, _n, commas
from headstart.tasks import Floats, Ints, metrics
from headstart.tasks.iterative import iterative_folds

Bools = NDArray[np.bool_]
JOINED = ";"
"""Between the labels of one example, wherever they are written."""


@dataclass(frozen=True)
class MultiLabel:
    """Labels as a set per example, of K labels in all.

    An answer has 2 K columns: the probability of every label, then 1 for those that are given.

    Attributes
    ----------
    classes : tuple of str
        The labels, sorted. None holds ``;``, which joins several in one text.
    """

    classes: tuple[str, ...]
    name = "multilabel"
    metric = "accuracy"
    floor_name = N_("most frequent labels")

    @classmethod
    def of(cls, labels: Sequence[str]) -> MultiLabel:
        """Collect the labels that occur in texts such as ``"cat;dog"``."""
        return cls(tuple(sorted({part for text in labels for part in apart(text)})))

    @property
    def n_outputs(self) -> int:
        """Columns of an answer: two per label."""
        return 2 * len(self.classes)

    def encode(self, labels: Sequence[str]) -> Bools:
        """Turn texts into a row of yes and no each (n, K); raises ``DataError`` for unknown ones.

        Examples
        --------
        >>> MultiLabel(("cat", "dog")).encode(["dog", "cat;dog", ""]).tolist()
        [[False, True], [True, True], [False, False]]
        """
        index = {name: k for k, name in enumerate(self.classes)}
        y = np.zeros((len(labels), len(index)), bool)
        unknown = set()
        for row, text in enumerate(labels):
            for part in apart(text):
                if part in index:
                    y[row, index[part]] = True
                else:
                    unknown.add(part)
        if unknown:
            raise DataError(
                _n(
                    "Unknown label: {labels}.",
                    "Unknown labels: {labels}.",
                    len(unknown),
                    labels=commas(map(repr, sorted(unknown)[:5])),
                ),
                _("The labels are {names}.", names=commas(self.classes)),
            )
        return y

    def decode(self, y: Bools) -> list[str]:
        """Turn rows of yes and no into texts, labels in the order of ``classes``."""
        return [together(self.classes[k] for k in np.flatnonzero(row)) for row in y]

    def decode_answers(self, out: Floats) -> tuple[list[str], Floats]:
        """Return the labels that each answer gives, and the probabilities of all ``(n, K)``."""
        return self.decode(self.given(out)), self.probabilities(out)

    def folds(self, y: Bools, groups: Ints | None, k: int, rng: np.random.Generator) -> Ints:
        """Deal rows into folds: see :func:`headstart.tasks.iterative.iterative_folds`."""
        return iterative_folds(y, groups, k, rng)

    def floor(self, y: Bools, n: int) -> NDArray[np.float64]:
        """Answer with how frequent labels are, giving always the same ones: ``(n, 2 K)``.

        Of the sets made of the m most frequent labels it gives the one that scores best on ``y``.
        """
        rates = y.mean(axis=0)
        order = np.argsort(-rates, kind="stable")
        hits = np.concatenate([np.zeros((len(y), 1)), np.cumsum(y[:, order], axis=1)], axis=1)
        joint = np.arange(len(rates) + 1) + y.sum(axis=1, keepdims=True) - hits
        scored = np.where(joint > 0, hits / np.maximum(joint, 1), 1.0).mean(axis=0)  # by m
        given = np.zeros(len(rates))
        # Sums in another order differ by rounding, which must not settle a tie.
        given[order[: int(scored.round(9).argmax())]] = 1
        return np.tile(np.concatenate([rates, given]), (n, 1))

    def score(self, y: Bools, out: Floats) -> NDArray[np.float64]:
        """Return the share of labels that are right among those true or given: (n,).

        The Jaccard index of both sets, 1 where both are empty. With one true and one given label
        it is what accuracy is in classification: 1 or 0.

        References
        ----------
        Godbole & Sarawagi (2004), "Discriminative methods for multi-labeled classification",
        PAKDD, section 4: accuracy. It knows nothing of the many labels that an example rightly
        does not get, which make 1 - Hamming loss look good for an answer that gives none.
        """
        return jaccard(y, self.given(out))

    def probabilities(self, out: Floats) -> Floats:
        """Return how probable every label is: ``(n, 2 K)`` -> ``(n, K)``."""
        return out[:, : len(self.classes)]

    def given(self, out: Floats) -> Bools:
        """Return which labels are given: ``(n, 2 K)`` -> ``(n, K)``."""
        return np.asarray(out[:, len(self.classes) :] >= 0.5)

    def sureness(self, out: Floats) -> Floats:
        """Return how sure an answer is of the label it is least sure of: (n,).

        The probability of a label that is given, one less it of one that is not.
        """
        p = self.probabilities(out)
        return np.asarray(np.where(self.given(out), p, 1 - p).min(axis=1))

    def stated(self, y: Bools, out: Floats) -> tuple[Floats, Bools]:
        """Return the probability of every label, and whether it is there: ``(n, K)`` each."""
        return self.probabilities(out), y

    def scores(self, y: Bools, proba: Floats) -> dict[str, float]:
        """Score answers by all that ``estimate`` reports.

        Macro scores are means over the labels that occur in ``y`` (F1: or are given).
        """
        p, given = self.probabilities(proba), self.given(proba)
        hits, size = (y & given).sum(axis=0), y.sum(axis=0) + given.sum(axis=0)
        some = size > 0
        both: Bools = np.asarray(y.any(axis=0) & ~y.all(axis=0))
        found = [metrics.average_precision(y[:, k], p[:, k]) for k in np.flatnonzero(y.any(axis=0))]
        told = [0.5 * (given[t, k].mean() + (~given[~t, k]).mean()) for k, t in _cases(y, both)]
        return {
            "accuracy": float(self.score(y, proba).mean()),
            "balanced_accuracy": float(np.mean(told)) if told else 0.5,
            "macro_f1": float(np.mean(2 * hits[some] / size[some])) if some.any() else 1.0,
            "micro_f1": float(2 * hits.sum() / size.sum()) if size.sum() else 1.0,
            "average_precision": float(np.mean(found)) if found else 1.0,
            "subset_accuracy": float((y == given).all(axis=1).mean()),
            "hamming_loss": float((y != given).mean()),
            "log_loss": float(log_losses(y, p).mean()),
            "ece": metrics.calibration_error(p, y),
        }


def apart(text: str) -> list[str]:
    """Part the labels in a text.

    Examples
    --------
    >>> apart("cat; dog"), apart("")
    (['cat', 'dog'], [])
    """
    return [part for part in map(str.strip, text.split(JOINED)) if part]


def together(labels: Iterable[str]) -> str:
    """Write labels in one text."""
    return JOINED.join(labels)


def jaccard(y: Bools, given: Bools) -> NDArray[np.float64]:
    """Return how many labels two sets share, of those in either: (n, K) each -> (n,).

    Examples
    --------
    >>> y = np.array([[1, 1, 0], [0, 0, 0]], bool)
    >>> jaccard(y, np.array([[1, 0, 1], [0, 0, 0]], bool)).round(2).tolist()
    [0.33, 1.0]
    """
    both, either = (y & given).sum(axis=1), (y | given).sum(axis=1)
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)


def log_losses(y: Bools, p: Floats) -> NDArray[np.float64]:
    """Return the mean negative log probability of the truth over labels: (n,), nats."""
    truth = np.where(y, p, 1 - np.asarray(p, np.float64))
    return np.asarray(-np.log(np.maximum(truth, 1e-12)).mean(axis=1))


def _cases(y: Bools, which: Bools) -> list[tuple[int, Bools]]:
    return [(int(k), y[:, k]) for k in np.flatnonzero(which)]
