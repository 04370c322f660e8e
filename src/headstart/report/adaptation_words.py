"""An adaptation in words, for the report and for the terminal."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from headstart.adaptation.names import called
from headstart.modalities import Unit
from headstart.notation import decimal, percent
from headstart.report.adaptation_facts import NONE, Adaptation, ClassShare
from headstart.said import N_, _, _n, commas, number, sentences

BUDGET = 30
"""Labels to ask for: within the 20 to 50 that say more than any score without labels."""
FEW = 20
"""Target examples below which to ask for more of them, as the choice itself does."""

SURE = {
    "fairly": N_(
        "The signs point the same way. Signs are no proof, and how often choices like this one are "
        "right was not measured."
    ),
    "hardly": N_(
        "Hardly sure: the signs are few, or agree only in part. Look at some answers yourself."
    ),
    "not": N_(
        "Not sure: the signs do not agree, or there is too little to go by. Take the answers on "
        "the target as unchecked."
    ),
}
"""Where nobody has counted what became of choices like it."""
LIKE = {
    "agreement": N_("no score objects"),
    "objection": N_("one score objects"),
    "disagreement": N_("too few scores for the best rival"),
    "no shift": N_("no shift"),
    "class shares": N_("a shift in the shares of the classes alone"),
    "other shares": N_("other shares of the classes, too"),
    "source-free": N_("without the source"),
}
"""What is meant by a choice like this, by ``why``."""
UNVERIFIED = "Selected without target labels"
"""How the last sentence of a choice begins in runs that keep no reason beside it."""
DECIDED_NOTHING = N_(
    "These labels decided nothing: the choice was made before they were looked at."
)


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
        return _n(
            "Chosen by {n:,} label: {name}.",
            "Chosen by {n:,} labels: {name}.",
            a.labelled["n"],
            name=called(a.labelled["chosen"]),
        )
    points = 100 * (a.gain or 0.0)
    if a.shown == "helps":
        return _("Adapting helps: {points:.1f} points better.", points=points)
    if a.shown == "hurts":
        return _("Adapting hurts: {points:.1f} points worse.", points=-points)
    if a.shown:
        return _("Adapted by {name}; we cannot tell whether it helps.", name=called(a.chosen))
    return _chosen(a)


def _chosen(a: Adaptation) -> str:
    """Say which way was chosen."""
    if not a.adapted:
        return _("Not adapted: the model answers as it is.")
    return _("Adapted by {name}.", name=called(a.chosen))


def tone(a: Adaptation) -> str:
    """Choose the colour of the headline: good and bad only where labels showed it."""
    if a.labelled:
        return "calm"
    if a.truth and a.adapted:
        return {"helps": "good", "hurts": "bad"}.get(a.truth["decision"], "unsure")
    return "calm" if a.sure == "fairly" and (a.measured or not a.adapted) else "unsure"


def account(a: Adaptation) -> str:
    """Say what was chosen and why, without the reminder that nothing was measured.

    Examples
    --------
    >>> told = {"decision": "adapted", "chosen": "CORAL", "reason": "4 of 4 scores prefer it."}
    >>> account(Adaptation(told, {}))
    'Adapted by CORAL. 4 of 4 scores prefer it.'
    """
    return sentences(_chosen(a), a.reason) if a.reason else _proven(a.sentence)


def lead(a: Adaptation) -> str:
    """Say why it was chosen, below a headline that says what; and what, where that says more.

    Examples
    --------
    >>> told = {"decision": "adapted", "chosen": "CORAL", "reason": "4 of 4 scores prefer it."}
    >>> lead(Adaptation(told, {}))
    '4 of 4 scores prefer it.'
    """
    more = a.shown in ("helps", "hurts") and not a.labelled
    return a.reason if a.reason and not more else account(a)


def before(a: Adaptation) -> str:
    """Say what was chosen before there were labels, and why; "" where that is not known."""
    told = a.labelled["before"] if a.labelled else None
    why = told and (told.get("reason") or _proven(told.get("sentence") or ""))
    if not told or not why:
        return ""
    chosen = told.get("chosen") or NONE
    if chosen == NONE:
        return sentences(_("Before there were labels, nothing was adapted."), why)
    chose = _("Before there were labels, {name} was chosen.", name=called(chosen))
    return sentences(chose, why)


def sure(a: Adaptation) -> str:
    """Say how often choices like this one were right; how sure it is where that is not known."""
    told = a.measured
    if told is None:
        return _(SURE.get(a.sure, SURE["not"]))
    guessing = _(
        "In {n} the answers were right no oftener than if one class had been given to all.",
        n=told["guessing"],
    )
    return sentences(
        _helped(told, adapted=a.adapted),
        guessing if told["guessing"] else "",
        "" if a.sure == "fairly" else _("Look at some answers yourself."),
    )


def _helped(told: Mapping[str, Any], *, adapted: bool) -> str:
    """Say how many of such choices helped, and what they have in common with this one."""
    size = _("{per_class} images of the target a class", per_class=called(told["per_class"]))
    like = commas([_(LIKE[told["why"]]), size] if told["why"] in LIKE else [size])
    counts = {name: told[name] for name in ("n", "helped", "worse")}
    if adapted:
        return _(
            "Of {n} such choices measured on public images ({like}), {helped} helped and {worse} "
            "made it worse, by more than 2 points.",
            like=like,
            **counts,
        )
    return _(
        "Of {n} such choices measured on public images ({like}), adapting would have helped in "
        "{helped} and made it worse in {worse}, by more than 2 points.",
        like=like,
        **counts,
    )


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
    if shift["auc"] is None and without_source:
        return _(
            "How far source and target differ was not measured: that takes {many} of the source, "
            "and a run keeps none.",
            many=unit.many,
        )
    if shift["auc"] is None:
        return _("How far source and target differ was not measured.")
    told = {"one": unit.one, "pairs": _of_100(shift["auc"])}
    if not shift["auc_ci95"]:
        return _(
            "A classifier tells a target {one} from a source one in {pairs} of 100 pairs. Pure "
            "guessing is right in 50.",
            **told,
        )
    low, high = (_of_100(v) for v in shift["auc_ci95"])
    return _(
        "A classifier tells a target {one} from a source one in {pairs} of 100 pairs (95 % "
        "interval {low} to {high}). Pure guessing is right in 50.",
        **told,
        low=low,
        high=high,
    )


def preferred(evidence: Sequence[Mapping[str, Any]]) -> str:
    """Count what the scores prefer.

    Examples
    --------
    >>> preferred([{"prefers": "adaptation"}, {"prefers": "adaptation"}, {"prefers": "neither"}])
    'Scores that prefer adaptation: 2 of 3; no adaptation: 0; neither: 1.'
    """
    if not evidence:
        return _("No score was computed.")
    count = Counter(row["prefers"] for row in evidence)
    return _(
        "Scores that prefer adaptation: {adaptation} of {all}; no adaptation: {none}; neither: "
        "{neither}.",
        adaptation=count["adaptation"],
        all=len(evidence),
        none=count[NONE],
        neither=count["neither"],
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


def objections(candidate: Mapping[str, Any]) -> str:
    """Say why a candidate was ruled out."""
    return sentences(*candidate["guards"]) or "–"


def difference(a: Adaptation, candidate: Mapping[str, Any]) -> str:
    """Say how many answers a candidate changes."""
    none = candidate["name"] == NONE or candidate["changed"] is None
    return "–" if none else percent(candidate["changed"], 0)


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
    return "–" if value is None else number(value, ".0f" if value == int(value) else ".1f")


def frequency(row: ClassShare) -> str:
    """Say which way the share of a class moved, or "".

    Examples
    --------
    >>> frequency(ClassShare("cat", 0.2, 0.5, (0.4, 0.6), 0.5))
    'more frequent'
    """
    if not row.moved or row.source is None or row.target is None:
        return ""
    return _("more frequent") if row.target > row.source else _("less frequent")


def truth(told: Mapping[str, Any], unit: Unit) -> str:
    """Say what labels of the target showed, and that they came after the choice."""
    said = told["sentence"]
    if not said and told["accuracy"] is not None:
        said = _n(
            "{accuracy:.1%} of {n:,} target {one} is named correctly.",
            "{accuracy:.1%} of {n:,} target {many} are named correctly.",
            told["n"],
            one=unit.one,
            many=unit.many,
            accuracy=told["accuracy"],
        )
    return sentences(said, _(DECIDED_NOTHING))


def strange(told: Mapping[str, Any], unit: Unit) -> str:
    """Say how many examples seem to be of no class of the source; "" where that is not known."""
    if not told["flagged"] or told["share"] is None:
        return ""
    share = {"many": unit.many, "share": percent(told["share"])}
    if not told["share_ci95"]:
        return _("Share of such {many}: {share}.", **share)
    low, high = map(percent, told["share_ci95"])
    return _(
        "Share of such {many}: {share} (95 % interval {low} to {high}).",
        **share,
        low=low,
        high=high,
    )


def witnesses(told: Mapping[str, Any], unit: Unit) -> str:
    """Say of labels whose numbers stand beside: which no answer can meet, and when they came.

    Examples
    --------
    >>> witnesses({"n": 30, "unknown": 0}, Unit("row", "rows"))
    'These labels decided nothing: the choice was made before they were looked at.'
    """
    strange = _n(
        "{n} of the {all:,} labelled {examples} is of a class that the source does not have: every "
        "answer there is wrong.",
        "{n} of the {all:,} labelled {examples} are of classes that the source does not have: "
        "every answer there is wrong.",
        told["unknown"],
        all=told["n"],
        examples=unit.of(told["n"]),
    )
    return sentences(strange if told["unknown"] else "", _(DECIDED_NOTHING))


def best(a: Adaptation) -> str:
    """Name the candidate that labels would have chosen, where it is another one."""
    found = a.truth["best"] if a.truth else None
    if not found or found.get("accuracy") is None:
        return ""
    if found["name"] == a.chosen:
        return _("With hindsight no candidate would have been better.")
    return _(
        "With hindsight the best candidate was {name} ({accuracy:.1%}). That cannot be known "
        "without labels, and picking it by these labels would flatter it.",
        name=called(found["name"]),
        accuracy=found["accuracy"],
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
        lines = [headline(a), lead(a)]
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
        return _n(
            "Next: label the {n} {one} that is proposed in the report.",
            "Next: label the {n} {many} that are proposed in the report.",
            len(a.proposals),
            one=unit.one,
            many=unit.many,
        )
    if a.truth or a.labelled:
        return ""
    if too_few(a):
        return _("Next: give more {many} of the target; so few say little.", many=unit.many)
    if a.without_source:
        return _(
            "Next: {n} labels of the target say more than any score; --target-labels takes them.",
            n=budget(a),
        )
    return _(
        "Next: {n} labels of the target say more than any score; with --label-budget {n} the same "
        "command proposes which {many}.",
        n=budget(a),
        many=unit.many,
    )


def _proven(sentence: str) -> str:
    """Leave out that the choice is unverified; for runs that keep no reason."""
    return sentence.partition(UNVERIFIED)[0].rstrip()


def _of_100(share: float) -> str:
    """Write a share as a count of 100, never claiming certainty."""
    return _("over 99") if 0.995 <= share < 1 else number(100 * share, ".0f")
