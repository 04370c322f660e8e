"""What labels of the target say of a finished adaptation: for the report, never for a choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.jobs.adapt.target import UNKNOWN, UNLABELLED
from headstart.judge.intervals import wilson
from headstart.judge.verdict import from_test_set

Ints = NDArray[np.integer]


def compare_with_truth(
    y: Ints,
    section: Mapping[str, Any],
    answered: Mapping[str, Ints],
    own: Ints,
    plain: Ints,
) -> dict[str, Any]:
    """Score the model that was kept, that of the source, and every candidate.

    Parameters
    ----------
    y : ndarray of int64, shape (n_t,)
        Labels, or ``UNKNOWN`` and ``UNLABELLED``; an image of an unknown class is answered wrong
        whatever the answer.
    section : mapping
        ``adaptation`` of metrics.json.
    answered : mapping of str to ndarray of int64, shape (n_t,)
        What every candidate answered.
    own, plain : ndarray of int64, shape (n_t,)
        What the kept model and that of the source answer.

    Returns
    -------
    dict
        ``candidates`` and ``target_labels`` of the section.
    """
    known = np.flatnonzero(y != UNLABELLED)
    right = {name: said[known] == y[known] for name, said in answered.items()}
    entries = [dict(entry) for entry in section["candidates"]]
    for entry in entries:
        if entry["name"] in right:
            entry["target_accuracy"], entry["target_accuracy_ci95"] = _share(right[entry["name"]])
    adapted, before = own[known] == y[known], plain[known] == y[known]
    compared = from_test_set(adapted, before)
    accuracy, accuracy_ci95 = _share(adapted)
    source_only, source_only_ci95 = _share(before)
    best = max(right, key=lambda name: float(right[name].mean()))
    told = {
        "n": len(known),
        "unknown": int((y[known] == UNKNOWN).sum()),
        "accuracy": accuracy,
        "accuracy_ci95": accuracy_ci95,
        "source_only_accuracy": source_only,
        "source_only_accuracy_ci95": source_only_ci95,
        "gain": compared.gain,
        "gain_ci95": list(compared.gain_ci95),
        "decision": compared.decision,
        "best": {"name": best, "accuracy": float(right[best].mean())},
    }
    told["sentence"] = _sentence(told, section["decision"])
    return {"candidates": entries, "target_labels": told}


def _share(right: NDArray[np.bool_]) -> tuple[float, list[float]]:
    return float(right.mean()), list(wilson(int(right.sum()), len(right)))


def _sentence(told: Mapping[str, Any], decision: str) -> str:
    """Say what the labels of the target say."""
    low, high = (f"{100 * end:+.1f}" for end in told["gain_ci95"])
    n, best = told["n"], told["best"]
    strangers = (
        f" Of classes that the source does not have: {told['unknown']} of {n}; no answer for those "
        "is right."
        if told["unknown"]
        else ""
    )
    images = "one labelled target image" if n == 1 else f"{n} labelled target images"
    if decision == "not adapted":
        text = f"On {images} the source's model is right {told['accuracy']:.1%}."
    else:
        text = (
            f"On {images} the adapted model is right {told['accuracy']:.1%}, the "
            f"source's {told['source_only_accuracy']:.1%}: {100 * told['gain']:+.1f} points "
            f"(95 % interval {low} to {high})."
        )
    return (
        f"{text} The best of all would have been {best['name']}, {best['accuracy']:.1%}.{strangers}"
    )
