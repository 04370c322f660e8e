"""What came of a run that tags words, in words: the answer first, then the score."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from headstart.notation import decimal
from headstart.report import words
from headstart.said import N_, _, _n, sentences
from headstart.tagging.rivals import EXPLAINED
from headstart.tagging.sentences import is_cjk

TONES = {"helps": "good", "hurts": "bad"}
STATES = {
    "found": N_("found"),
    "missed": N_("missed"),
    "wrong": N_("wrong"),
}
METHODS = {
    "probe": N_("probe: a new head on the frozen network"),
    "finetune": N_("fine-tuning: the head first, then it and the last layers"),
}
WAYS = {
    "words": N_(
        "Texts are cut into words at spaces, and punctuation is cut off, as the model's training "
        "sentences were cut."
    ),
    "characters": N_("Texts are cut into single characters, as the training sentences were."),
}


def headline(found: dict[str, Any]) -> str:
    """Say the verdict in one short sentence."""
    verdict = found["verdict"]
    if verdict is None:
        return _("No verdict: the held-out sentences have no entities.")
    if verdict.get("withheld"):
        return _("No verdict: there are too few entities.")
    return words.headline(verdict)


def tone(found: dict[str, Any]) -> str:
    """Choose the colour of the answer."""
    verdict = found["verdict"]
    return TONES.get(verdict["decision"], "unsure") if verdict else "unsure"


def lines(found: dict[str, Any]) -> list[str]:
    """Say what came of a run, for the terminal."""
    return [score_line(found["estimate"]), meaning(), *weakest(found), cutting(found)]


def score_line(estimate: dict[str, Any]) -> str:
    """Say the scores."""
    if estimate["f1"] is None:
        return _(
            "No entities were there or found; {accuracy:.1%} of the words are tagged right "
            "({protocol}).",
            accuracy=estimate["token_accuracy"],
            protocol=estimate["protocol"],
        )
    low, high = estimate["f1_ci95"]
    return _(
        "Entity F1 {f1:.1%} (95 % interval {low:.1%} to {high:.1%}; {protocol}); precision "
        "{precision}, recall {recall}, {accuracy:.1%} of the words are tagged right.",
        f1=estimate["f1"],
        low=low,
        high=high,
        protocol=estimate["protocol"],
        precision=share(estimate["precision"]),
        recall=share(estimate["recall"]),
        accuracy=estimate["token_accuracy"],
    )


def meaning() -> str:
    """Explain entity F1."""
    return _(
        "Precision: of the entities that it names, so many are right, type, beginning and end. "
        "Recall: of those that are there, it finds so many. F1 is the (harmonic) mean of both."
    )


def weakest(found: dict[str, Any]) -> list[str]:
    """Name the type that goes worst, where there are several."""
    rows = [row for row in found["types"] if row["n"] and row["f1"] is not None]
    if len(rows) < 2:
        return []
    row = min(rows, key=lambda row: float(row["f1"]))
    said = _n(
        "The hardest type is {name}: F1 {f1:.1%} on {n:,} entity.",
        "The hardest type is {name}: F1 {f1:.1%} on {n:,} entities.",
        row["n"],
        name=row["name"],
        f1=row["f1"],
    )
    return [said]


def cutting(found: dict[str, Any]) -> str:
    """Say how texts are cut that ``predict`` is given."""
    return _(WAYS[found["split"]]) if found["split"] in WAYS else ""


def counted(found: dict[str, Any]) -> str:
    """Say how much there was."""
    n = found["n"]
    return sentences(
        _n(
            "{n:,} sentence with {tokens:,} tokens and {entities:,} entities.",
            "{n:,} sentences with {tokens:,} tokens and {entities:,} entities.",
            n["train"] + n["dev"] + n["test"],
            tokens=n["tokens"],
            entities=n["entities"],
        ),
        _n("{n:,} document.", "{n:,} documents.", n["documents"]) if n["documents"] else "",
    )


def share(value: float | None) -> str:
    """Write a share; a dash where there is none."""
    return "–" if value is None else f"{_('{share:.1%}', share=value)}"


def method(found: dict[str, Any]) -> str:
    """Say how it was learned."""
    name = found["method"]
    return _(METHODS[name]) if name in METHODS else name


def explained(name: str) -> str:
    """Say what a rival goes by; "" for one that is not ours."""
    return _(EXPLAINED[name]) if name in EXPLAINED else ""


def strength(found: dict[str, Any]) -> str:
    """Write the strength of the head."""
    return decimal(found["C"]) if found["C"] else "–"


def stretches(example: dict[str, Any]) -> list[dict[str, Any]]:
    """Cut a sentence at its marks: stretches of text, each with the marks that cover it.

    Returns
    -------
    list of dict
        ``text`` (with a space behind it where there is one) and ``marks``: state and type of those
        that cover all of it.
    """
    tokens, marks = example["tokens"], example["marks"]
    ends = sorted({0, len(tokens), *(m[side] for m in marks for side in ("start", "end"))})
    found = []
    for start, end in pairwise(ends):
        covering = [m for m in marks if m["start"] <= start and end <= m["end"]]
        text = ""
        for k in range(start, end):
            near = tokens[k + 1][:1] if k + 1 < len(tokens) else ""
            bare = not near or is_cjk(tokens[k][-1]) or is_cjk(near)
            text += tokens[k] + ("" if bare else " ")
        found.append({"text": text, "marks": covering})
    return found
