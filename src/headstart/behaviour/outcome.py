"""What came of a trial, as plain values: scores with intervals, and two verdicts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.behaviour.models import Candidate
from headstart.behaviour.trial import Answer, Known, New, Trial
from headstart.judge.holm import holm
from headstart.judge.intervals import wilson
from headstart.judge.verdict import Comparison, decide, from_test_set
from headstart.tasks.ranking import coverage, ndcg_at, recall_at

AT, DEEP = 20, 10
"""Recall is of the first 20, nDCG of the first 10, as the field reports them."""
LENGTHS = ((1, 2), (3, 5), (6, 10), (11, 20), (21, 50), (51, None))
"""Groups of users by how many choices they had before the hidden one."""
TOP = 0.2
"""Share of items that count as popular in the comparison with the others (plain choice)."""
Floats = NDArray[np.float64]


def compared(ours: Floats, theirs: Floats) -> Comparison:
    """Compare two models by their hits among the first 20, user by user."""
    return from_test_set(recall_at(ours, AT), recall_at(theirs, AT), metric="recall")


def known_of(known: Known, new: New | None, trial: Trial, transferred: bool) -> dict[str, Any]:
    """Describe what came of the known users, and both verdicts, corrected for being two.

    Without a source the comparison is with what is popular.
    """
    answer = known.answer
    own = scores(answer.ranks_with) | {
        "coverage": coverage(known.first, trial.union.offered),
        "n": len(answer.users),
        "chosen": candidate(answer.with_source),
        "without": candidate(answer.without),
    }
    rivals = [{"name": name, **scores(ranks)} for name, ranks in known.rivals.items()]
    base = answer.ranks_without if transferred else known.rivals["popularity"]
    comparisons = {"known": compared(answer.ranks_with, base)}
    if new is not None and 0 in new.answers:
        cold = new.answers[0]
        comparisons["new"] = compared(cold.ranks_with, cold.ranks_without)
    adjusted = holm([one.p for one in comparisons.values()])
    verdicts = {
        name: {
            "decision": decide(one.gain, p),
            "gain": one.gain,
            "gain_ci95": list(one.gain_ci95),
            "detectable": one.detectable,
            "p": p,
            "test": one.test,
            "metric": f"recall@{AT}",
        }
        for (name, one), p in zip(comparisons.items(), adjusted, strict=True)
    }
    return {
        "known": {
            **own,
            "rivals": rivals,
            "by_history": _by_history(answer, trial),
            "by_popularity": _by_popularity(answer, trial),
        },
        "verdicts": verdicts,
        "transferred": transferred,
    }


def scores(ranks: Floats) -> dict[str, Any]:
    """Return recall with its 95 % interval, and nDCG."""
    hits = recall_at(ranks, AT)
    return {
        "recall": float(hits.mean()),
        "recall_ci95": list(wilson(float(hits.sum()), len(hits))),
        "ndcg": float(ndcg_at(ranks, DEEP).mean()),
    }


def candidate(one: Candidate) -> dict[str, Any]:
    """Return a model as plain values."""
    return {"kind": one.kind, "weight": one.weight, "strength": one.strength}


def new_of(new: New) -> dict[str, Any]:
    """Describe what came of new users, by how many choices in the target they had."""
    curve: list[dict[str, Any]] = []
    for k, answer in sorted(new.answers.items()):
        found = compared(answer.ranks_with, answer.ranks_without)
        curve.append(
            {
                "k": k,
                "n": len(answer.users),
                "with": float(recall_at(answer.ranks_with, AT).mean()),
                "without": float(recall_at(answer.ranks_without, AT).mean()),
                "gain": found.gain,
                "gain_ci95": list(found.gain_ci95),
            }
        )
    ends = next((row["k"] for row in curve if row["gain_ci95"][0] <= 0), None)
    return {
        "curve": curve,
        "ends": ends,
        "cold": candidate(new.cold),
        "few": candidate(new.few),
    }


def _by_history(answer: Answer, trial: Trial) -> list[dict[str, Any]]:
    before = trial.history.counts[answer.users] - 1
    rows = []
    for least, most in LENGTHS:
        group = (before >= least) & (before <= (most or np.inf))
        if group.any():
            rows.append({"least": least, "most": most, **_both(answer, group)})
    return rows


def _by_popularity(answer: Answer, trial: Trial) -> list[dict[str, Any]]:
    """Compare users who chose a popular item with those who chose another."""
    counts = np.bincount(trial.union.target.item, minlength=trial.union.offered)
    there = np.sort(counts[counts > 0])[::-1]
    bar = there[max(0, round(TOP * len(there)) - 1)]
    wanted = trial.union.target.item[trial.history.back(answer.users)]
    popular = counts[wanted] >= bar
    rows = []
    for name, group in (("popular", popular), ("tail", ~popular)):
        if group.any():
            rows.append({"name": name, **_both(answer, group)})
    return rows


def _both(answer: Answer, group: NDArray[np.bool_]) -> dict[str, Any]:
    return {
        "n": int(group.sum()),
        "with": float(recall_at(answer.ranks_with[group], AT).mean()),
        "without": float(recall_at(answer.ranks_without[group], AT).mean()),
    }
