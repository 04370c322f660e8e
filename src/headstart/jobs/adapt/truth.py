"""What labels of the target say of a finished adaptation: for the report, never for a choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.adaptation.names import called
from headstart.judge.intervals import Interval, wilson
from headstart.judge.verdict import Comparison, from_test_set
from headstart.modalities import Unit
from headstart.notation import in_points
from headstart.said import _, _n, sentences

Ints = NDArray[np.integer]


@dataclass(frozen=True)
class Share:
    """A share of right answers, with its 95 % interval."""

    accuracy: float
    accuracy_ci95: Interval

    @classmethod
    def of(cls, right: NDArray[np.bool_]) -> Share:
        """Count the right ones."""
        return cls(float(right.mean()), wilson(int(right.sum()), len(right)))


@dataclass(frozen=True)
class Truth:
    """Scores on labels of the target.

    Attributes
    ----------
    n : int
        Labelled examples.
    unknown : int
        Those of a class that the source does not have; they count as wrong.
    kept, source_only : Share
        Of the model that was kept, and of the source's own.
    compared : Comparison
        The two.
    candidates : mapping of str to Share
    unit : Unit
        What an example is called.
    """

    n: int
    unknown: int
    kept: Share
    source_only: Share
    compared: Comparison
    candidates: Mapping[str, Share]
    unit: Unit

    def beside(self, candidate: Mapping[str, Any]) -> dict[str, Any]:
        """Add its score to an entry of ``candidates``."""
        share = self.candidates.get(candidate["name"])
        if share is None:
            return dict(candidate)
        scored = {
            "target_accuracy": share.accuracy,
            "target_accuracy_ci95": list(share.accuracy_ci95),
        }
        return {**candidate, **scored}

    def to_json(self, *, adapted: bool) -> dict[str, Any]:
        """Return ``target_labels`` of the section; ``adapted`` tells how to say it."""
        best = max(self.candidates, key=lambda name: self.candidates[name].accuracy)
        return {
            "n": self.n,
            "unknown": self.unknown,
            "accuracy": self.kept.accuracy,
            "accuracy_ci95": list(self.kept.accuracy_ci95),
            "source_only_accuracy": self.source_only.accuracy,
            "source_only_accuracy_ci95": list(self.source_only.accuracy_ci95),
            "gain": self.compared.gain,
            "gain_ci95": list(self.compared.gain_ci95),
            "decision": self.compared.decision,
            "best": {"name": best, "accuracy": self.candidates[best].accuracy},
            "sentence": self._sentence(best, adapted),
        }

    def _sentence(self, best: str, adapted: bool) -> str:
        unknown = _(
            "Of classes that the source does not have: {unknown} of {n}; no answer for those is "
            "right.",
            unknown=self.unknown,
            n=self.n,
        )
        return sentences(
            self._compared() if adapted else self._scored(),
            _(
                "The best of all would have been {name}, {accuracy:.1%}.",
                name=called(best),
                accuracy=self.candidates[best].accuracy,
            ),
            unknown if self.unknown else "",
        )

    def _scored(self) -> str:
        return _n(
            "On one labelled target {one} the source's model is right {accuracy:.1%}.",
            "On {n} labelled target {many} the source's model is right {accuracy:.1%}.",
            self.n,
            one=self.unit.one,
            many=self.unit.many,
            accuracy=self.kept.accuracy,
        )

    def _compared(self) -> str:
        low, high = map(in_points, self.compared.gain_ci95)
        return _n(
            "On one labelled target {one} the adapted model is right {accuracy:.1%}, the source's "
            "{before:.1%}: {gain} points (95 % interval {low} to {high}).",
            "On {n} labelled target {many} the adapted model is right {accuracy:.1%}, the source's "
            "{before:.1%}: {gain} points (95 % interval {low} to {high}).",
            self.n,
            one=self.unit.one,
            many=self.unit.many,
            accuracy=self.kept.accuracy,
            before=self.source_only.accuracy,
            gain=in_points(self.compared.gain),
            low=low,
            high=high,
        )


def compare_with_truth(
    y: Ints,
    n_classes: int,
    answered: Mapping[str, Ints],
    kept: Ints,
    source_only: Ints,
    unit: Unit,
) -> Truth:
    """Score the model that was kept, that of the source, and every candidate.

    Parameters
    ----------
    y : ndarray of int64, shape (m,)
        Labels; from ``n_classes`` on they are of no class of the source, and whatever is answered
        is wrong.
    n_classes : int
        Of the source.
    answered : mapping of str to ndarray of int64, shape (m,)
        What every candidate answers for those examples.
    kept, source_only : ndarray of int64, shape (m,)
        What the kept model and that of the source answer.
    unit : Unit
        What an example is called.
    """
    return Truth(
        n=len(y),
        unknown=int((y >= n_classes).sum()),
        kept=Share.of(kept == y),
        source_only=Share.of(source_only == y),
        compared=from_test_set(kept == y, source_only == y),
        candidates={name: Share.of(said == y) for name, said in answered.items()},
        unit=unit,
    )
