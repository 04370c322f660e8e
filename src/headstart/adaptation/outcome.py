"""What a choice among adaptations leaves: the candidates, the evidence, the winner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from headstart.adaptation.domains import Adapted
from headstart.adaptation.guards import shares
from headstart.adaptation.names import called
from headstart.adaptation.precedents import Precedents, are_counted, precedents
from headstart.adaptation.trials import Trial
from headstart.judge.intervals import wilson
from headstart.modalities import EXAMPLE, Unit
from headstart.said import N_, _, sentences

Sure = Literal["fairly", "hardly", "not"]
Why = Literal[
    "agreement",
    "objection",
    "disagreement",
    "no shift",
    "class shares",
    "other shares",
    "no rival",
]
Prefers = Literal["adaptation", "no adaptation", "neither"]

UNVERIFIED = N_("Selected without target labels; the accuracy on the target is not measured.")
"""Said with every choice."""

SCORES = {
    "committee": N_("share of answers that are also the vote of all families of methods together"),
    "way back": N_("source accuracy of a model that learned from the target with these answers"),
    "neighbours": N_("how much oftener than by chance similar target {many} get the same answer"),
    "clusters": N_("agreement of the answers with clusters of the target {many}"),
}
"""What decides, and what it measures, ``{many}`` being the examples; higher is better for all.

On 84 pairs of domains these say rightly whether a method beats "no adaptation" in 89, 77, 78 and 77
of 100 cases; information and nuclear norm in 65 and 63, accuracy on held-out source in 41.
"""


@dataclass(frozen=True)
class Contender:
    """One method as it competed.

    Attributes
    ----------
    trial : Trial
        Its answers for held-out source and for the target, from 80 % of the source.
    scores : dict of str to float
        By the names in ``SCORES``; empty where it was ruled out.
    rank : float or None
        Its place by agreement with the committee, 1 the best; None where it was ruled out.
    guards : tuple of str
        Why it was ruled out.
    changed : float or None
        Share of target answers that differ from those of "no adaptation".
    """

    trial: Trial
    scores: dict[str, float] = field(default_factory=dict)
    rank: float | None = None
    guards: tuple[str, ...] = ()
    changed: float | None = None

    @property
    def name(self) -> str:
        """The adapter's."""
        return self.trial.name

    def to_json(self, *, chosen: bool, classes: Sequence[str] | None = None) -> dict[str, Any]:
        """Return plain types, as ``metrics.json`` has them."""
        trial = self.trial
        accuracy = interval = None
        share: dict[str, float] = {}
        if not trial.failure:
            accuracy = float(trial.right.mean()) if len(trial.right) else None
            if len(trial.right):
                interval = list(wilson(float(trial.right.sum()), len(trial.right)))
            parts = shares(trial.answers, trial.target.shape[1])
            names = classes if classes is not None else [str(k) for k in range(len(parts))]
            share = {name: float(part) for name, part in zip(names, parts, strict=True)}
        return {
            "name": self.name,
            "family": trial.family,
            "summary": trial.summary,
            "reference": trial.reference,
            "source_accuracy": accuracy,
            "source_accuracy_ci95": interval,
            "scores": {name: self.scores.get(name) for name in SCORES},
            "rank": self.rank,
            "changed": self.changed,
            "shares": share,
            "guards": list(self.guards),
            "chosen": chosen,
            "seconds": trial.seconds,
            "target_accuracy": None,
            "target_accuracy_ci95": None,
        }


@dataclass(frozen=True)
class Evidence:
    """What one score says of the best rival, next to "no adaptation"."""

    score: str
    none: float
    rival: float
    against: str
    unit: Unit = EXAMPLE

    @property
    def prefers(self) -> Prefers:
        """Whoever has more; nobody where they are equal."""
        if abs(self.rival - self.none) < 1e-9:
            return "neither"
        return "adaptation" if self.rival > self.none else "no adaptation"

    def to_json(self) -> dict[str, Any]:
        """Return plain types, as ``metrics.json`` has them."""
        return {
            "score": self.score,
            "says": self.unit.into(SCORES[self.score]),
            "higher_is_better": True,
            "none": self.none,
            "chosen": self.rival,
            "against": self.against,
            "prefers": self.prefers,
        }


@dataclass(frozen=True)
class Selection:
    """A finished choice. Nothing in it can be changed, and nothing in it saw a target label.

    Attributes
    ----------
    candidates : tuple of Candidate
        "no adaptation" first, then in the order given.
    chosen : str
        Name of a candidate.
    adapted : Adapted
        The chosen method, fitted on all of the source: its ``target`` head is the model.
    plain : Adapted
        "no adaptation", fitted on all of the source: what to compare with.
    evidence : tuple of Evidence
        Score by score: the best rival (the chosen one, where it was adapted) and none. Empty where
        nobody was left to compare.
    reason : str
        On what evidence, in a sentence.
    sure : {"fairly", "hardly", "not"}
    why : str
        The kind of choice: adapted, since no score objects ("agreement") or in spite of one
        ("objection"); or not adapted, since too few scores prefer the rival ("disagreement"), there
        is no shift, only the class shares differ, they differ too ("other shares") and not all
        scores that know nothing of the source prefer the rival, or nobody was left to compare
        ("no rival").
    """

    candidates: tuple[Contender, ...]
    chosen: str
    adapted: Adapted
    plain: Adapted
    evidence: tuple[Evidence, ...]
    reason: str
    sure: Sure
    why: Why

    @property
    def decision(self) -> Literal["adapted", "not adapted"]:
        """Whether another than "no adaptation" was chosen."""
        return "not adapted" if self.chosen == self.candidates[0].name else "adapted"

    @property
    def sentence(self) -> str:
        """What was chosen, on what evidence, and that nobody checked it."""
        plain = self.decision == "not adapted"
        what = _("Not adapted.") if plain else _("Adapted by {name}.", name=called(self.chosen))
        return sentences(what, self.reason, _(UNVERIFIED))

    @property
    def winner(self) -> Contender:
        """The candidate that was chosen."""
        return next(c for c in self.candidates if c.name == self.chosen)

    @property
    def measured(self) -> Precedents | None:
        """What became of choices like this; None where that was not measured."""
        plain, *others = (c.trial for c in self.candidates)
        if not are_counted(t.name for t in others):
            return None
        return precedents(self.why, *plain.target.shape)

    def to_json(self, classes: Sequence[str] | None = None) -> dict[str, Any]:
        """Return plain types: the part of ``adaptation`` in ``metrics.json`` that is its own."""
        return {
            "decision": self.decision,
            "chosen": self.chosen,
            "sentence": self.sentence,
            "reason": self.reason,
            "sure": self.sure,
            "measured": self.measured and self.measured.to_json(),
            "candidates": [
                c.to_json(chosen=c.name == self.chosen, classes=classes) for c in self.candidates
            ],
            "evidence": [e.to_json() for e in self.evidence],
        }
