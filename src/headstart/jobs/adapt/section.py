"""The section ``adaptation`` of metrics.json: what was chosen, on what evidence, how far apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.adaptation.domains import Domains
from headstart.adaptation.labelling import Labelled, propose
from headstart.adaptation.priors import find_priors
from headstart.adaptation.select import PLAIN, Selection
from headstart.adaptation.shift import Shift
from headstart.adaptation.trials import Trial, hold_out
from headstart.adaptation.unknown import find_unknown
from headstart.prepare.source import Prepared
from headstart.prepare.target import Target
from headstart.transfer import FittedModel
from headstart.transfer.logistic import softmax


def describe(
    prepared: Prepared,
    goal: Target,
    domains: Domains,
    selection: Selection,
    shift: Shift | None,
    model: FittedModel,
    learned: Labelled | None,
) -> dict[str, Any]:
    """Return the section ``adaptation`` of metrics.json, but for what labels of the target say."""
    section = {
        **selection.to_json(prepared.dataset.classes),
        "source": {"name": prepared.dataset.name, "n": len(domains.source)},
        "target": {"name": goal.data.name, "n": len(goal.data), "note": goal.data.note},
        "shift": _seen(domains, goal, selection, shift, model, prepared.training()[1].groups),
        "target_labels": None,
        "proposals": None,
        "labelled": None,
    }
    if learned is not None:
        before = {name: section[name] for name in ("decision", "chosen", "sentence", "sure")}
        section["labelled"] = {**learned.to_json(), "before": before}
        decision = "not adapted" if learned.name == PLAIN else "adapted"
        section |= {"decision": decision, "chosen": learned.name, "sentence": learned.sentence}
    return section


def proposals(
    domains: Domains, goal: Target, model: FittedModel, budget: int
) -> list[dict[str, Any]]:
    """Say which images of the target to label."""
    proba = model.predict_proba(goal.X)
    said = proba.argmax(axis=1)
    found = propose(domains, proba, budget)
    return [p.to_json(goal.data.refs, said, model.classes) for p in found]


def _seen(
    domains: Domains,
    goal: Target,
    selection: Selection,
    shift: Shift | None,
    model: FittedModel,
    groups: NDArray[np.int64] | None,
) -> dict[str, Any]:
    """Describe how the domains differ; of a single image nothing can be said."""
    if shift is None:
        text = "Whether a single image is of another kind cannot be told."
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
    said = model.predict_proba(goal.X).argmax(axis=1)
    plain, winner = selection.candidates[0].trial, selection.winner.trial
    priors = find_priors(
        domains.y, winner.held_y, believed(winner, winner.held), believed(winner, winner.target),
        seed=domains.seed,
    )  # fmt: skip
    _, held = hold_out(domains.y, groups, seed=domains.seed)  # as for the trials
    unknown = find_unknown(
        domains, shift, believed(plain, plain.held), believed(plain, plain.target), held=held
    )
    return {
        **shift.to_json(goal.data.refs, domains.y, said, model.classes),
        "prior": priors.to_json(model.classes),
        "unknown": unknown.to_json(goal.data.refs),
    }


def believed(trial: Trial, logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Turn logits of a trial into beliefs, calibrated on held-out source rows."""
    return np.asarray(softmax(logits / trial.temperature), np.float64)
