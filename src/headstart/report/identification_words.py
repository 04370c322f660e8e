"""What came of a run that knows who is who, in words: the answer first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart.report import words
from headstart.said import N_, _, _n, sentences

CONSENT = N_(
    "Recognising people needs their consent, and in many places the law asks for more: in the "
    "European Union and in China faces and voices that identify someone are specially protected "
    "data. Ask everyone who is enrolled, say what it is for, and take out who asks for it with "
    "`headstart enrol RUN --forget NAME`. Networks err more often on people who were rare in what "
    "they learned from, by skin, age or sex; the figures here are those of your own examples "
    "alone. Do not let it decide about anyone by itself."
)
"""On consent, law and bias, for every kind of example that may be of people."""
OF_PEOPLE = ("image", "audio")
"""Modalities whose examples may be of people."""


def headline(found: dict[str, Any]) -> str:
    """Say in one short sentence how well it goes."""
    first = _of(found["identification"], 1)
    if first is None:
        return _("It knows who was enrolled; how well cannot be told yet.")
    return _("{rate:.1%} are recognised from one example each.", rate=first["rate"])


def answers(found: dict[str, Any]) -> list[str]:
    """Say how well it goes, whether strangers stay strangers, and the verdict: a sentence each."""
    lines = [_recognised(found), _paired(found), _strangers(found), _verdict(found), _tested(found)]
    return [line for line in lines if line]


def _recognised(found: dict[str, Any]) -> str:
    data = found["data"]
    if not found["identification"]:
        return _(
            "How well names are recognised cannot be told: fewer than three of them have two "
            "examples that are not copies or of one group. Only how alike different ones are is "
            "known."
        )
    parts = [
        _n(
            "From {n} example of each: {rate:.1%} (95 % interval {low:.1%} to {high:.1%}).",
            "From {n} examples of each: {rate:.1%} (95 % interval {low:.1%} to {high:.1%}).",
            row["k"],
            rate=row["rate"],
            low=row["ci95"][0],
            high=row["ci95"][1],
        )
        for row in found["identification"]
    ]
    names = _n("{n} name", "{n} names", data["identities"])
    return sentences(_("Recognised among {names}.", names=names), *parts)


def _paired(found: dict[str, Any]) -> str:
    told = found["verification"]["equal_error"]
    if told is None:
        return ""
    low, high = told["ci95"] or (told["rate"], told["rate"])
    each = [
        _(
            "Where {false:.1%} of different pairs are accepted, {true:.1%} of same pairs are.",
            false=row["false"],
            true=row["true"],
        )
        for row in found["verification"]["accepts"]
    ]
    return sentences(
        _(
            "Are two the same? Equal error rate {rate:.2%} (95 % interval {low:.2%} to "
            "{high:.2%}).",
            rate=told["rate"],
            low=low,
            high=high,
        ),
        *each,
    )


def _strangers(found: dict[str, Any]) -> str:
    told = found["strangers"]
    if told["accepted"] is None or told["rejected"] is None:
        return ""
    keeping = told["keeping"]
    return sentences(
        _(
            "Strangers: with thresholds set by others, {accepted:.1%} of them are taken for "
            "someone; of those known {right:.1%} are named rightly, {misnamed:.1%} wrongly, and "
            "{rejected:.1%} are not recognised.",
            **{key: told[key]["rate"] for key in ("accepted", "right", "misnamed", "rejected")},
        ),
        _(
            "At a threshold that rejects {kept:.0%} of those known, {rate:.1%} of strangers are "
            "rejected (95 % interval {low:.1%} to {high:.1%}).",
            kept=keeping["rejected"],
            rate=keeping["rate"],
            low=keeping["ci95"][0],
            high=keeping["ci95"][1],
        )
        if keeping
        else "",
    )


def _verdict(found: dict[str, Any]) -> str:
    told = found["verdict"]
    return _("Verdict: {verdict}", verdict=told["sentence"]) if told else ""


def _tested(found: dict[str, Any]) -> str:
    told = found["test"]
    if told is None:
        return ""
    return _(
        "On the test part: of {known} known {right} are named rightly, {misnamed} wrongly and "
        "{rejected} not at all; of {strangers} strangers {accepted} are taken for someone.",
        **told,
    )


def tone(found: dict[str, Any]) -> str:
    """Return the CSS class of the verdict."""
    decision = (found["verdict"] or {}).get("decision", "cannot tell")
    return {"helps": "good", "hurts": "warn"}.get(str(decision), "unsure")


def rivals(found: dict[str, Any]) -> list[dict[str, Any]]:
    """List what was compared by recognition from one example, the network first."""
    first = _of(found["identification"], 1)
    if first is None:
        return []
    equal = found["verification"]["equal_error"]
    own = {
        "name": found["backbone"],
        "own": True,
        **{key: first[key] for key in ("rate", "ci95")},
        "equal_error": equal["rate"] if equal else None,
    }
    others = [{**row, "name": words.named(row["name"]), "own": False} for row in found["compared"]]
    return [own, *others]


def _of(rows: Sequence[dict[str, Any]], k: int) -> dict[str, Any] | None:
    return next((row for row in rows if row["k"] == k), None)
