"""The order check: whether neighbours in a list are of the same object.

Shuffled cross-validation lets one example of an object help to classify the next of the same
object; contiguous blocks in file order do not. Where blocks are clearly worse, the shuffled score
describes new examples of known objects, not new objects. Both figures are then reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.findings import Finding
from headstart.judge.crossval import Ints, in_threads
from headstart.judge.intervals import Interval, of_mean
from headstart.judge.sign_test import sign_test
from headstart.modalities import Unit
from headstart.said import _, sentences
from headstart.tasks.labels import Labels, Stream
from headstart.tasks.splits import block_folds, pairs
from headstart.transfer.probe import Choice

BLOCKS = 5
CLEARLY = 0.03
"""Least drop, in shares, worth telling; with p < 0.01 in the exact paired test."""
UNEQUAL = 3
"""Times that the largest class may outnumber the smallest, as in the finding on imbalance: beyond
it all classes count alike here, since a large one that is always right hides the others."""


@dataclass(frozen=True)
class OrderCheck:
    """The two estimates, each with its interval, and whether they differ clearly.

    Attributes
    ----------
    shuffled, blocks : float
        Both in ``metric``.
    majority : float
        What always naming the largest class would get.
    metric : str
        The metric of the task, or the same with all classes counting alike.
    """

    shuffled: float
    blocks: float
    shuffled_ci95: tuple[float, float]
    blocks_ci95: tuple[float, float]
    p_value: float
    majority: float
    metric: str = "accuracy"

    @property
    def dependent(self) -> bool:
        """Whether blocks are clearly worse."""
        return self.p_value < 0.01 and self.shuffled - self.blocks >= CLEARLY

    def finding(self, unit: Unit, listed: Unit) -> Finding:
        """Word it: a warning where order matters, a reassurance where it does not.

        Parameters
        ----------
        unit, listed : Unit
            What an example is called, and what the list holds whose order it is.
        """
        figures = {
            "shuffled_accuracy": round(self.shuffled, 4),
            "shuffled_accuracy_ci95": [round(x, 4) for x in self.shuffled_ci95],
            "block_accuracy": round(self.blocks, 4),
            "block_accuracy_ci95": [round(x, 4) for x in self.blocks_ci95],
            "majority_share": round(self.majority, 4),
            "p_value": self.p_value,
            "metric": self.metric,
        }
        if not self.dependent:
            text = _(
                "No clear sign that the order of {listed} matters: {metric} {shuffled:.1%} with "
                "shuffled folds, {blocks:.1%} with contiguous blocks.",
                **self._said(listed),
            )
            return Finding("order", "info", text, figures)
        expect = _(
            "Expect the first figure on new {examples} of objects you already have, and nearer the "
            "second on new objects. Tell what belongs together with --groups COLUMN or "
            "--groups-from REGEX.",
            examples=unit.coming or unit.many,
        )
        return Finding("order", "warning", sentences(self._apart(listed), expect), figures)

    def _apart(self, listed: Unit) -> str:
        if self.blocks < self.majority:
            return _(
                "Neighbouring {listed} are probably of the same object: {metric} is {shuffled:.1%} "
                "with shuffled folds but {blocks:.1%} when whole blocks of neighbours are held "
                "out, below the {majority:.1%} of always naming the largest class.",
                majority=self.majority,
                **self._said(listed),
            )
        return _(
            "Neighbouring {listed} are probably of the same object: {metric} is {shuffled:.1%} "
            "with shuffled folds but {blocks:.1%} when whole blocks of neighbours are held out.",
            **self._said(listed),
        )

    def _said(self, listed: Unit) -> dict[str, Any]:
        return {
            "listed": listed.many,
            "metric": _(self.metric),
            "shuffled": self.shuffled,
            "blocks": self.blocks,
        }


def check_order(
    X: NDArray[np.floating],
    position: NDArray[np.float64],
    labels: Labels,
    choice: Choice,
    *,
    workers: int = 1,
) -> OrderCheck | None:
    """Compare shuffled folds with contiguous blocks, same head and strength, same examples.

    Parameters
    ----------
    X : ndarray of shape (n, dim)
    position : ndarray of shape (n,)
        Place in file order, 0 to 1.
    choice : Choice
        Head and strength to use in every fold of both.

    Returns
    -------
    OrderCheck or None
        None where a block would hold out all there is of some class.
    """
    shuffled = labels.folds(np.arange(len(labels.y)), BLOCKS, Stream.ORDER)
    blocks = pairs(block_folds(position, BLOCKS))
    if not all(_has_all(labels, rows) for rows, _ in shuffled + blocks):
        return None
    score = np.zeros((2, len(labels.y)))

    def run(job: tuple[int, tuple[Ints, Ints]]) -> None:
        which, (train, held) = job
        # Each by itself: a scale shared with the rows held out would flatter blocks of other kinds.
        head = choice.fit(X[train], labels.y[train], labels.n_classes)
        score[which, held] = labels.task.score(labels.y[held], choice.answers(head, X[held]))

    in_threads(run, [(0, f) for f in shuffled] + [(1, f) for f in blocks], workers)
    shuffled_wins, blocks_win = int((score[0] > score[1]).sum()), int((score[0] < score[1]).sum())
    apart = shuffled_wins + blocks_win
    p = sign_test(shuffled_wins, apart)
    naming = labels.task.score(labels.y, labels.task.floor(labels.y, len(labels.y)))
    parts, metric = _parts(labels)
    (shuffled_mean, shuffled_ci95), (blocks_mean, blocks_ci95), (majority, _) = (
        _mean(scores, parts) for scores in (*score, naming)
    )
    return OrderCheck(
        shuffled_mean, blocks_mean, shuffled_ci95, blocks_ci95, float(p), majority, metric
    )


def _has_all(labels: Labels, rows: Ints) -> bool:
    """Whether all that is to be learned occurs in some rows."""
    if labels.several:
        return bool((labels.y[rows].any(axis=0) | ~labels.y.any(axis=0)).all())
    return len(np.unique(labels.y[rows])) == labels.n_classes


def _parts(labels: Labels) -> tuple[list[Ints], str]:
    """Return rows that count alike in the metric: all of them, or each class; and its name."""
    if labels.several:
        return [np.arange(len(labels.y))], labels.task.metric
    counts = np.bincount(labels.y, minlength=labels.n_classes)
    if not labels.balanced and counts.max() <= UNEQUAL * counts.min():
        return [np.arange(len(labels.y))], labels.task.metric
    each = [np.flatnonzero(labels.y == c) for c in range(labels.n_classes)]
    return each, f"balanced {labels.task.metric}"


def _mean(score: NDArray[np.floating], parts: list[Ints]) -> tuple[float, Interval]:
    shares = [(float(score[rows].mean()), len(rows)) for rows in parts]
    return float(np.mean([mean for mean, _ in shares])), of_mean(shares)
