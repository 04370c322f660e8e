"""Words for a model that gives an example any number of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.modalities import Unit
from headstart.report.words import NAMED, calibration
from headstart.said import _, commas, sentences


def expectation(estimate: dict[str, Any], unit: Unit) -> str:
    """Say what accuracy means where there are several labels, and how often all are right.

    Examples
    --------
    >>> expectation({"accuracy": 0.81, "subset_accuracy": 0.6}, Unit("row", "rows"))
    'Of the labels that new rows like these have or are given, expect about 81 in 100 to be right; all were right for 60.0% of the rows.'
    """  # noqa: E501
    return _(
        "Of the labels that new {many} like these have or are given, expect about {about:.0f} in "
        "100 to be right; all were right for {exact:.1%} of the {many}.",
        many=unit.many,
        about=100 * estimate["accuracy"],
        exact=estimate["subset_accuracy"],
    )


def hardest(rows: Sequence[dict[str, Any]]) -> str:
    """Name the labels with the lowest F1.

    Parameters
    ----------
    rows : sequence of dict
        The hardest first.
    """
    hard = [row for row in rows if row["f1"] is not None and row["f1"] < 1][:NAMED]
    if not hard:
        return _("No label is: on the held-out part all were given rightly.")
    found = commas(_("{name} (F1 {f1:.2f})", name=row["name"], f1=row["f1"]) for row in hard)
    return _("Hardest: {classes}.", classes=found)


def over_all(estimate: dict[str, Any], found: dict[str, Any]) -> str:
    """Say the scores over all labels, with their intervals.

    Parameters
    ----------
    estimate, found : dict
        ``estimate`` and ``labels`` of ``metrics.json``.
    """
    shown = {name: found[f"{name}_ci95"] for name in ("macro_f1", "micro_f1", "average_precision")}
    if not all(shown.values()):
        return ""
    ends = {
        f"{end}_{name}": interval[i]
        for name, interval in shown.items()
        for i, end in enumerate(("low", "high"))
    }
    return _(
        "Over all labels: macro F1 {macro_f1:.3f} (mean over labels; {low_macro_f1:.3f} to "
        "{high_macro_f1:.3f}), micro F1 {micro_f1:.3f} (all labels counted together; "
        "{low_micro_f1:.3f} to {high_micro_f1:.3f}), average precision {average_precision:.3f} "
        "(mean; {low_average_precision:.3f} to {high_average_precision:.3f}), log loss "
        "{log_loss:.3f}.",
        **{name: estimate[name] for name in (*shown, "log_loss")},
        **ends,
    )


def trust(
    bins: Sequence[dict[str, float]], ece: float, ece_ci95: Sequence[float] | None = None
) -> str:
    """Say whether stated probabilities of labels can be believed."""
    counts = np.array([b["count"] for b in bins])
    stated = float(np.average([b["confidence"] for b in bins], weights=counts))
    there = float(np.average([b["accuracy"] for b in bins], weights=counts))
    return sentences(
        _(
            "A label is given a probability of {stated:.1%} on average, and is there {there:.1%} "
            "of the time.",
            stated=stated,
            there=there,
        ),
        calibration(ece, ece_ci95),
    )
