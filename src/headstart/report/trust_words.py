"""Doubt in words: withheld answers, unfamiliar examples, suspicious labels, harmed classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart.modalities import Unit
from headstart.said import _, _n, commas, number, sentences

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
        return _("It answers every {one}: no limit on errors was asked for.", one=unit.one)
    if threshold is None:
        return _(
            "No level of confidence keeps the errors at {wanted:.1%} with these {many}: it cannot "
            "be promised.",
            wanted=wanted,
            many=unit.many,
        )
    return sentences(
        _(
            "Asked for at most {wanted:.1%} wrong answers, it is silent below a confidence of "
            "{threshold:.0%}.",
            wanted=wanted,
            threshold=threshold,
        ),
        *_price(held, unit),
    )


def _price(held: dict[str, Any], unit: Unit) -> tuple[str, ...]:
    share, error = held["coverage"], held["error"]
    if error is None:
        return (_("Among the held-out {many} none was as sure as that.", many=unit.many),)
    return (
        _(
            "It then answers {share:.1%} of {many} (95 % interval {low:.1%} to {high:.1%}) and "
            "{error:.1%} of these answers are wrong (95 % interval {error_low:.1%} to "
            "{error_high:.1%}).",
            share=share,
            low=held["coverage_ci95"][0],
            high=held["coverage_ci95"][1],
            error=error,
            error_low=held["error_ci95"][0],
            error_high=held["error_ci95"][1],
            many=unit.many,
        ),
        _("The price: {left:.1%} are left to you.", left=1 - share),
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
            said.append(_level(level, near["error"]))
    return _("Wrong among the answered: {shares}.", shares=commas(said)) if said else ""


def _level(level: float, error: float) -> str:
    if level == 1:
        return _("{error:.1%} when all are answered", error=error)
    return _("{error:.1%} for the surest {level:.0%}", error=error, level=level)


def unfamiliar(found: dict[str, Any], unit: Unit, *, on_target: bool = False) -> str:
    """State the rate of false alarms of the mark for unfamiliar examples.

    Parameters
    ----------
    found : dict
        ``metrics.json["unfamiliar"]``.
    on_target : bool
        The model was adapted: what is familiar was learned, and scored, on examples of the target.
    """
    low, high = found["false_alarm_ci95"]
    alarms = {"rate": found["false_alarm_rate"], "low": low, "high": high, "many": unit.many}
    if on_target:
        return sentences(
            _(
                "Every {one} that is unlike everything in the target is marked unfamiliar.",
                one=unit.one,
            ),
            _(
                "False alarms: of {many} of the target, each held out in turn, {rate:.1%} were "
                "marked (95 % interval {low:.1%} to {high:.1%}).",
                **alarms,
            ),
        )
    return sentences(
        _(
            "Every {one} that is unlike everything the model learned from is marked unfamiliar.",
            one=unit.one,
        ),
        _(
            "False alarms: of held-out {many} of your own, {rate:.1%} were marked (95 % interval "
            "{low:.1%} to {high:.1%}).",
            **alarms,
        ),
    )


def mending(issues: dict[str, Any]) -> str:
    """Say what mending the labels is expected to bring."""
    gain, ci95 = issues["expected_gain"], issues["expected_gain_ci95"]
    if gain is None:
        return _("What mending them would bring was not measured.")
    if not ci95:
        return _(
            "What changing them all to the suggestion, unseen, brought in a trial: "
            "{gain:+z.1f} points of accuracy.",
            gain=100 * gain,
        )
    brought = {"gain": 100 * gain, "low": 100 * ci95[0], "high": 100 * ci95[1]}
    if ci95[0] <= 0 <= ci95[1]:
        return sentences(
            _(
                "What changing them all to the suggestion, unseen, brought in a trial: "
                "{gain:+z.1f} points of accuracy (95 % interval {low:+z.1f} to {high:+z.1f}), too "
                "little to be sure that it helps.",
                **brought,
            ),
            _("Corrected by a person they may bring more."),
        )
    return _(
        "What changing them all to the suggestion, unseen, brought in a trial: {gain:+z.1f} points "
        "of accuracy (95 % interval {low:+z.1f} to {high:+z.1f}).",
        **brought,
    )


def harm(classes: Sequence[dict[str, Any]], unit: Unit) -> str:
    """Name the classes that the pretrained network makes worse.

    Examples
    --------
    >>> harm([{"name": "moss", "gain": -0.12, "n": 48}], Unit("row", "rows"))
    'moss (-12.0 points on 48 rows). The pretrained network tells them from the rest less well than the best model without it does, by more than chance explains.'
    """  # noqa: E501
    named = commas(
        _(
            "{name} ({gain:+z.1f} points on {examples})",
            name=c["name"],
            gain=100 * c["gain"],
            examples=unit.count(c["n"]),
        )
        for c in classes[:NAMED]
    )
    more = len(classes) - NAMED
    return sentences(
        _("{classes}.", classes=named)
        if more <= 0
        else _n("{classes} and {n} more.", "{classes} and {n} more.", more, classes=named),
        _(
            "The pretrained network tells them from the rest less well than the best model without "
            "it does, by more than chance explains."
        ),
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
    return "< 0.001" if p < 0.001 else number(p, ".3f")
