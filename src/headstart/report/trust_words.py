"""Doubt in words: withheld answers, unfamiliar examples, suspicious labels, harmed classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart.modalities import Unit
from headstart.notation import in_points

LEVELS = (1.0, 0.9, 0.8, 0.5)
"""Shares of examples answered that are said in words."""
NAMED = 5
"""So many harmed classes are named."""


def silence(held: dict[str, Any], unit: Unit) -> str:
    """Say what withholding answers brings and costs.

    Examples
    --------
    >>> silence({"wanted_error": 0.01, "threshold": None}, Unit("row", "rows"))
    'No level of confidence keeps the errors at 1.0% with these rows: it cannot be promised.'
    """
    wanted, threshold = held["wanted_error"], held["threshold"]
    if wanted is None:
        return f"It answers every {unit.one}: no limit on errors was asked for."
    if threshold is None:
        return (
            f"No level of confidence keeps the errors at {wanted:.1%} with these {unit.many}: it "
            "cannot be promised."
        )
    share, error = held["coverage"], held["error"]
    if error is None:
        return (
            f"Asked for at most {wanted:.1%} wrong answers, it is silent below a confidence of "
            f"{threshold:.0%}. Among the held-out {unit.many} none was as sure as that."
        )
    return (
        f"Asked for at most {wanted:.1%} wrong answers, it is silent below a confidence of "
        f"{threshold:.0%}. It then answers {share:.1%} of {unit.many} "
        f"({_interval(held['coverage_ci95'])}) and {error:.1%} of these answers are wrong "
        f"({_interval(held['error_ci95'])}). The price: {1 - share:.1%} are left to you."
    )


def levels(curve: Sequence[dict[str, float]]) -> str:
    """Say the errors at a few shares of answered examples.

    Parameters
    ----------
    curve : sequence of dict
        The smallest coverage first.

    Examples
    --------
    >>> levels([{"coverage": 0.5, "error": 0.0}, {"coverage": 1.0, "error": 0.125}])
    'Wrong among the answered: 12.5% when all are answered, 0.0% for the surest 50%.'
    """
    said = []
    for level in LEVELS:
        near = min(curve, key=lambda p: abs(float(p["coverage"]) - level))
        if abs(near["coverage"] - level) <= 0.03:
            which = "when all are answered" if level == 1 else f"for the surest {level:.0%}"
            said.append(f"{near['error']:.1%} {which}")
    return f"Wrong among the answered: {', '.join(said)}." if said else ""


def unfamiliar(found: dict[str, Any], unit: Unit, *, on_target: bool = False) -> str:
    """State the rate of false alarms of the mark for unfamiliar examples.

    Parameters
    ----------
    found : dict
        ``metrics.json["unfamiliar"]``.
    on_target : bool
        The model was adapted: what is familiar was learned, and scored, on examples of the target.
    """
    known, held = "the model learned from", f"held-out {unit.many} of your own"
    if on_target:
        known, held = "in the target", f"{unit.many} of the target, each held out in turn"
    return (
        f"{unit.a.capitalize()} that is unlike everything {known} is marked "
        f"unfamiliar. False alarms: of {held}, {found['false_alarm_rate']:.1%} were marked "
        f"({_interval(found['false_alarm_ci95'])})."
    )


def mending(issues: dict[str, Any]) -> str:
    """Say what mending the labels is expected to bring."""
    gain, ci95 = issues["expected_gain"], issues["expected_gain_ci95"]
    if gain is None:
        return "What mending them would bring was not measured."
    doubt = f" (95 % interval {in_points(ci95[0])} to {in_points(ci95[1])})" if ci95 else ""
    tail = "."
    if ci95 and ci95[0] <= 0 <= ci95[1]:
        tail = ", too little to be sure that it helps. Corrected by a person they may bring more."
    return (
        "What changing them all to the suggestion, unseen, brought in a trial: "
        f"{in_points(gain)} points of accuracy{doubt}{tail}"
    )


def harm(classes: Sequence[dict[str, Any]], unit: Unit) -> str:
    """Name the classes that the pretrained network makes worse.

    Examples
    --------
    >>> harm([{"name": "moss", "gain": -0.12, "n": 48}], Unit("row", "rows"))
    'moss (-12.0 points on 48 rows). The pretrained network tells them from the rest less well than the best model without it does, by more than chance explains.'
    """  # noqa: E501
    named = [f"{c['name']} ({in_points(c['gain'])} points on {unit.count(c['n'])})"
             for c in classes[:NAMED]]  # fmt: skip
    more = f" and {len(classes) - NAMED} more" if len(classes) > NAMED else ""
    return (
        f"{', '.join(named)}{more}. The pretrained network tells them from the rest less well than "
        "the best model without it does, by more than chance explains."
    )


def chance(p: float | None) -> str:
    """Write a p value.

    Examples
    --------
    >>> chance(0.0314), chance(0.0000012), chance(None)
    ('0.031', '< 0.001', '–')
    """
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _interval(ci95: Sequence[float]) -> str:
    return f"95 % interval {ci95[0]:.1%} to {ci95[1]:.1%}"
