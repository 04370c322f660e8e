"""An adaptation in words, for the report and for the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from headstart.modalities import Unit
from headstart.notation import decimal
from headstart.report.adaptation_facts import NONE, Adaptation, ClassShare
from headstart.report.words import count

BUDGET = 30
"""Labels to ask for: within the 20 to 50 that say more than any score without labels."""
FEW = 20
"""Target examples below which to ask for more of them, as the choice itself does."""

SURE = {
    "fairly": "The signs point the same way. Signs are no proof, and how often choices like this "
    "one are right was not measured.",
    "hardly": "Hardly sure: the signs are few, or agree only in part. Look at some answers "
    "yourself.",
    "not": "Not sure: the signs do not agree, or there is too little to go by. "
    "Take the answers on the target as unchecked.",
}
"""Where nobody has counted what became of choices like it."""
LIKE = {
    "agreement": "no score objects",
    "objection": "one score objects",
    "disagreement": "too few scores for the best rival",
    "no shift": "no shift",
    "class shares": "a shift in the shares of the classes alone",
    "source-free": "without the source",
}
"""What is meant by a choice like this, by ``why``."""
UNVERIFIED = "Selected without target labels"
"""How the last sentence of every choice begins; labels that came later make it untrue."""
DECIDED_NOTHING = "These labels decided nothing: the choice was made before they were looked at."


def headline(a: Adaptation) -> str:
    """Say what came out in one short sentence.

    Examples
    --------
    >>> headline(Adaptation({"decision": "adapted", "chosen": "CORAL"}, {}))
    'Adapted by CORAL.'
    >>> headline(Adaptation({"decision": "not adapted", "chosen": "no adaptation"}, {}))
    'Not adapted: the model answers as it is.'
    """
    if a.labelled and a.labelled["chosen"]:
        return f"Chosen by {count(a.labelled['n'], 'label')}: {a.labelled['chosen']}."
    if not a.adapted:
        return "Not adapted: the model answers as it is."
    gain = a.truth["gain"] if a.truth else None
    if a.truth is None or gain is None:
        return f"Adapted by {a.chosen}."
    if a.truth["decision"] == "cannot tell":
        return f"Adapted by {a.chosen}; we cannot tell whether it helps."
    side = "better" if gain > 0 else "worse"
    return f"Adapting {a.truth['decision']}: {100 * abs(gain):.1f} points {side}."


def tone(a: Adaptation) -> str:
    """Choose the colour of the headline: good and bad only where labels showed it."""
    if a.labelled:
        return "calm"
    if a.truth and a.adapted:
        return {"helps": "good", "hurts": "bad"}.get(a.truth["decision"], "unsure")
    return "calm" if a.sure == "fairly" and (a.measured or not a.adapted) else "unsure"


def reason(a: Adaptation) -> str:
    """Say why it was chosen, without the reminder that nothing was measured.

    Examples
    --------
    >>> told = "Adapted by CORAL: 4 of 4 scores prefer it. Selected without target labels; ..."
    >>> reason(Adaptation({"sentence": told}, {}))
    'Adapted by CORAL: 4 of 4 scores prefer it.'
    """
    return _proven(a.sentence)


def lead(a: Adaptation) -> str:
    """Say why it was chosen, below a headline that says what.

    Examples
    --------
    >>> told = "Not adapted: 2 of 4 scores prefer CORAL; 3 must. Selected without target labels."
    >>> lead(Adaptation({"decision": "not adapted", "sentence": told}, {}))
    '2 of 4 scores prefer CORAL; 3 must.'
    """
    said = reason(a)
    if not headline(a).startswith(("Not adapted", "Adapted by")):
        return said
    for what in ("Not adapted", f"Adapted by {a.chosen}", f"{a.chosen} was chosen"):
        if said.startswith(f"{what}: "):
            rest = said.removeprefix(f"{what}: ")
            return rest[:1].upper() + rest[1:]
    return said


def before(a: Adaptation) -> str:
    """Say what was chosen before there were labels, and why; "" where that is not known."""
    told = a.labelled["before"] if a.labelled else None
    said = _proven(str((told or {}).get("sentence") or ""))
    if said.startswith(("Adapted", "Not adapted")):
        said = said[:1].lower() + said[1:]
    return f"Before there were labels: {said}" if said else ""


def sure(a: Adaptation) -> str:
    """Say how often choices like this one were right; how sure it is where that is not known."""
    told = a.measured
    if told is None:
        return SURE.get(a.sure, SURE["not"])
    said = (
        f"{told['helped']} helped and {told['worse']} made it worse"
        if a.adapted
        else f"adapting would have helped in {told['helped']} and made it worse in {told['worse']}"
    )
    text = f"{_of_such(told)} {said}, by more than 2 points."
    if told["guessing"]:
        text += (
            f" In {told['guessing']} the answers were right no oftener than if one class had been "
            "given to all."
        )
    return text if a.sure == "fairly" else f"{text} Look at some answers yourself."


def _of_such(told: Mapping[str, Any]) -> str:
    """Begin a sentence with how many there were, and what they have in common with this one."""
    size = f"{told['per_class']} images of the target a class"
    like = ", ".join(filter(None, (LIKE.get(told["why"]), size)))
    return f"Of {told['n']} such choices measured on public images ({like}),"


def apart(shift: Mapping[str, Any], unit: Unit, *, without_source: bool = False) -> str:
    """Say how well the domains can be told apart, as a game with pairs of examples.

    In the shift's own sentence, where it has one.

    Parameters
    ----------
    shift : mapping
    unit : Unit
    without_source : bool
        There was no example of the source to compare with.

    Examples
    --------
    >>> apart({"auc": 0.972, "auc_ci95": [0.961, 0.98], "sentence": ""}, Unit("row", "rows"))
    'A classifier tells a target row from a source one in 97 of 100 pairs (95 % interval 96 to 98). Pure guessing is right in 50.'
    """  # noqa: E501
    if shift["sentence"]:
        return str(shift["sentence"])
    if shift["auc"] is None:
        why = (
            f": that takes {unit.many} of the source, and a run keeps none"
            if without_source
            else ""
        )
        return f"How far source and target differ was not measured{why}."
    doubt = ""
    if shift["auc_ci95"]:
        low, high = (_of_100(v) for v in shift["auc_ci95"])
        doubt = f" (95 % interval {low} to {high})"
    return (
        f"A classifier tells a target {unit.one} from a source one in {_of_100(shift['auc'])} of "
        f"100 pairs{doubt}. Pure guessing is right in 50."
    )


def preferred(evidence: Sequence[Mapping[str, Any]]) -> str:
    """Count what the scores prefer.

    Examples
    --------
    >>> preferred([{"prefers": "adaptation"}, {"prefers": "adaptation"}, {"prefers": "neither"}])
    'Of 3 scores, 2 prefer adaptation, 0 prefer no adaptation and 1 prefers neither.'
    """
    if not evidence:
        return "No score was computed."

    def told(what: str) -> str:
        n = sum(row["prefers"] == what for row in evidence)
        return f"{n} {'prefers' if n == 1 else 'prefer'} {what}"

    return (
        f"Of {count(len(evidence), 'score')}, {told('adaptation')}, {told(NONE)} and "
        f"{told('neither')}."
    )


def rival(a: Adaptation) -> str:
    """Name what the scores compare with "no adaptation": the chosen way, or the best of the rest.

    As the scores themselves say it; else the best that no guard ruled out, or the best of all.
    """
    if a.evidence and a.evidence[0]["against"]:
        return str(a.evidence[0]["against"])
    if a.adapted:
        return a.chosen
    rest = [row for row in a.candidates if row["name"] != NONE]
    left = [row for row in rest if not row["guards"]] or rest
    return str(left[0]["name"]) if left else "adaptation"


def difference(a: Adaptation, candidate: Mapping[str, Any]) -> str:
    """Say how many answers a candidate changes."""
    if candidate["name"] == NONE:
        return "–"
    return "–" if candidate["changed"] is None else f"{candidate['changed']:.0%}"


def score(value: float | None) -> str:
    """Write a score.

    Examples
    --------
    >>> score(0.81249), score(-1.5), score(None)
    ('0.812', '-1.500', '–')
    """
    return "–" if value is None else decimal(value)


def meaning(score: str, unit: Unit) -> str:
    """Say what a score measures; "" for one that is not known."""
    from headstart.adaptation.outcome import SCORES

    return unit.into(SCORES.get(score, ""))


def allowance() -> str:
    """Write how many points on the source a method may cost before it is ruled out."""
    from headstart.adaptation.guards import SLACK

    return f"{100 * SLACK:.0f}"


def rank(value: float | None) -> str:
    """Write a place; 1 is the best, and who is level shares the mean of the places.

    Examples
    --------
    >>> rank(1.0), rank(2.5), rank(None)
    ('1', '2.5', '–')
    """
    return "–" if value is None else f"{value:.1f}".removesuffix(".0")


def frequency(row: ClassShare) -> str:
    """Say which way the share of a class moved, or "".

    Examples
    --------
    >>> frequency(ClassShare("cat", 0.2, 0.5, (0.4, 0.6), 0.5))
    'more frequent'
    """
    if not row.moved or row.source is None or row.target is None:
        return ""
    return "more frequent" if row.target > row.source else "less frequent"


def truth(told: Mapping[str, Any], unit: Unit) -> str:
    """Say what labels of the target showed, and that they came after the choice."""
    said = str(told["sentence"])
    if not said and told["accuracy"] is not None:
        whole = f"{told['n']:,} target {unit.of(told['n'])}"
        said = f"{told['accuracy']:.1%} of {whole} are named correctly."
    return f"{said} {DECIDED_NOTHING}".lstrip()


def witnesses(told: Mapping[str, Any], unit: Unit) -> str:
    """Say of labels whose numbers stand beside: which no answer can meet, and when they came.

    Examples
    --------
    >>> witnesses({"n": 30, "unknown": 0}, Unit("row", "rows"))
    'These labels decided nothing: the choice was made before they were looked at.'
    """
    strange = told["unknown"]
    if not strange:
        return DECIDED_NOTHING
    which = "is of a class" if strange == 1 else "are of classes"
    return (
        f"{strange} of the {told['n']:,} labelled {unit.of(told['n'])} {which} that the source "
        f"does not have: every answer there is wrong. {DECIDED_NOTHING}"
    )


def best(a: Adaptation) -> str:
    """Name the candidate that labels would have chosen, where it is another one."""
    found = a.truth["best"] if a.truth else None
    if not found or found.get("accuracy") is None:
        return ""
    if found["name"] == a.chosen:
        return "With hindsight no candidate would have been better."
    return (
        f"With hindsight the best candidate was {found['name']} ({found['accuracy']:.1%}). That "
        "cannot be known without labels, and picking it by these labels would flatter it."
    )


def budget(a: Adaptation) -> int:
    """Return how many labels to ask for: no more than there are examples."""
    return min(BUDGET, a.target["n"] or BUDGET)


def too_few(a: Adaptation) -> bool:
    """Whether the target has too few examples to say anything by."""
    n = a.target["n"]
    return n is not None and n < FEW


def command(a: Adaptation) -> str:
    """Write the command that proposes examples to label, or takes labels where it cannot propose.

    Examples
    --------
    >>> command(Adaptation({"source": {"name": "old ones"}, "target": {"name": "new ones"}}, {}))
    "headstart adapt 'old ones' 'new ones' --label-budget 30"
    """
    ends = (shlex.quote(str(domain["name"])) for domain in (a.source, a.target))
    more = "--target-labels LABELS.csv" if a.without_source else f"--label-budget {budget(a)}"
    return f"headstart adapt {' '.join(ends)} {more}"


def adaptation_lines(adaptation: Mapping[str, Any], unit: Unit) -> list[str]:
    """Sum up an adaptation in a few lines for the terminal.

    Parameters
    ----------
    adaptation : mapping
        ``metrics.json["adaptation"]``.
    unit : Unit
        What an example is called.

    Returns
    -------
    list of str
        The decision with its reason, what labels say or else how sure it is, the shift, what is
        suspicious, and what to do next; one plain sentence or two each.
    """
    a = Adaptation(adaptation, {})
    # The sentence names what was chosen; the headline is needed where labels say more than that.
    if a.labelled:
        lines = [a.sentence or headline(a), before(a)]
    elif a.truth:
        lines = [headline(a) if a.adapted or not a.sentence else "", reason(a)]
    else:
        lines = [a.sentence or headline(a), sure(a)]
    lines += [truth(a.truth, unit)] if a.truth else []
    if a.shift["auc"] is not None:
        lines.append(apart(a.shift, unit))
    lines += _warnings(a)
    return [line for line in [*lines, _next(a, unit)] if line]


def _warnings(a: Adaptation) -> list[str]:
    found = [a.prior["sentence"]] if a.prior["huge"] else []
    return found + ([a.unknown["sentence"]] if a.unknown and a.unknown["flagged"] else [])


def _next(a: Adaptation, unit: Unit) -> str:
    if a.proposals:
        n = len(a.proposals)
        which = f"{unit.of(n)} that {'is' if n == 1 else 'are'}"
        return f"Next: label the {n} {which} proposed in the report."
    if a.truth or a.labelled:
        return ""
    if too_few(a):
        return f"Next: give more {unit.many} of the target; so few say little."
    said = f"Next: {budget(a)} labels of the target say more than any score;"
    if a.without_source:
        return f"{said} --target-labels takes them."
    return f"{said} with --label-budget {budget(a)} the same command proposes which {unit.many}."


def _proven(sentence: str) -> str:
    """Leave out that the choice is unverified."""
    return sentence.partition(UNVERIFIED)[0].rstrip()


def _of_100(share: float) -> str:
    """Write a share as a count of 100, never claiming certainty."""
    return "over 99" if 0.995 <= share < 1 else f"{100 * share:.0f}"
