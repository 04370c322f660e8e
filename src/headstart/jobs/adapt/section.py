"""The section ``adaptation`` of metrics.json: what was chosen, on what evidence, how far apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.adaptation.domains import Domains
from headstart.adaptation.labelling import Labelled, propose
from headstart.adaptation.names import PLAIN
from headstart.adaptation.priors import find_priors
from headstart.adaptation.select import Selection
from headstart.adaptation.shift import Shift
from headstart.adaptation.trials import Trial, hold_out
from headstart.adaptation.unknown import find_unknown
from headstart.jobs.adapt.truth import Truth
from headstart.prepare.target import Target
from headstart.said import _
from headstart.transfer import FittedModel
from headstart.transfer.logistic import softmax

BEFORE = ("decision", "chosen", "sentence", "reason", "sure")
"""What is kept of a choice that labels overrule."""


@dataclass(frozen=True)
class Section:
    """What an adaptation found.

    Attributes
    ----------
    choice : mapping
        ``decision``, ``chosen``, ``sentence``, ``reason``, ``sure``, ``candidates``,
        ``evidence``, as the choice without labels of the target has them.
    source : str
        What the user would call it.
    n_source : int
        Examples it was learned from.
    target : Target
    shift : mapping or None
        How the domains differ; None where the source is a run.
    labelled : Labelled or None
        What labels of the target decided.
    proposals : sequence of mapping, or None
        Which examples to label; None where nobody asked.
    truth : Truth or None
        What labels of the target say.
    """

    choice: Mapping[str, Any]
    source: str
    n_source: int
    target: Target
    shift: Mapping[str, Any] | None = None
    labelled: Labelled | None = None
    proposals: Sequence[Mapping[str, Any]] | None = None
    truth: Truth | None = None

    @property
    def decision(self) -> str:
        """``"adapted"`` or ``"not adapted"``, in the end."""
        if self.labelled is None:
            return str(self.choice["decision"])
        return "not adapted" if self.labelled.name == PLAIN else "adapted"

    def to_json(self) -> dict[str, Any]:
        """Return the section of ``metrics.json``."""
        data, truth = self.target.data, self.truth
        section = {
            **self.choice,
            "source": {"name": self.source, "n": self.n_source},
            "target": {"name": data.name, "n": len(data), "note": data.note},
            "shift": self.shift,
            "target_labels": truth and truth.to_json(adapted=self.decision == "adapted"),
            "proposals": self.proposals,
            "labelled": None,
        }
        if truth is not None:
            section["candidates"] = [truth.beside(entry) for entry in section["candidates"]]
        if self.labelled is not None:
            before = {name: section[name] for name in BEFORE}
            section["labelled"] = {**self.labelled.to_json(), "before": before}
            section["decision"], section["chosen"] = self.decision, self.labelled.name
            section["sentence"] = section["reason"] = self.labelled.sentence
        return section


def proposals(
    domains: Domains, target: Target, model: FittedModel, budget: int
) -> list[dict[str, Any]]:
    """Say which examples of the target to label."""
    proba = model.predict_proba(target.X)
    said = proba.argmax(axis=1)
    found = propose(domains, proba, budget)
    return [p.to_json(target.data.refs, said, model.classes) for p in found]


def describe_shift(
    domains: Domains,
    target: Target,
    selection: Selection,
    shift: Shift | None,
    model: FittedModel,
    groups: NDArray[np.int64] | None,
) -> dict[str, Any]:
    """Describe how the domains differ; of a single one nothing can be said."""
    if shift is None:
        text = _("Whether a single {one} is of another kind cannot be told.", one=domains.unit.one)
        return {
            "auc": None,
            "auc_ci95": None,
            "found": False,
            "sentence": text,
            "prior": None,
            "least_like": [],
            "unknown": None,
            "map": {"source": [], "target": []},
        }
    said = model.predict_proba(target.X).argmax(axis=1)
    plain, winner = selection.candidates[0].trial, selection.winner.trial
    priors = find_priors(
        domains.y, winner.held_y, believed(winner, winner.held), believed(winner, winner.target),
        seed=domains.seed,
    )  # fmt: skip
    held = hold_out(domains.y, groups, seed=domains.seed)[1]  # as for the trials
    unknown = find_unknown(
        domains, shift, believed(plain, plain.held), believed(plain, plain.target), held=held
    )
    return {
        **shift.to_json(target.data.refs, domains.y, said, model.classes),
        "prior": priors.to_json(model.classes),
        "unknown": unknown.to_json(target.data.refs),
    }


def believed(trial: Trial, logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Turn logits of a trial into beliefs, calibrated on held-out source rows."""
    return np.asarray(softmax(logits / trial.temperature), np.float64)
