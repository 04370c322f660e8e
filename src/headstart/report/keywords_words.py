"""What came of a run that finds keywords, in words: the answer first, then the scores."""

from __future__ import annotations

from typing import Any

from headstart.notation import decimal, in_points
from headstart.phrases.trial import AT, COUNTING, FIXED, OURS, TRAINED
from headstart.said import N_, _, _n, listed, number, sentences, tongue

EXPLAINED = {
    TRAINED: N_("the same, after the last layers of the network have learned which words to mark"),
    OURS: N_(
        "what is known of a phrase, its closeness to the document, its own vector, and which words "
        "the network marks when it reads the document"
    ),
    FIXED: N_("how close a phrase is to its document, less a little for standing late"),
    COUNTING: N_("what is known of a phrase, its words and their endings"),
    "first in the text": N_("phrases in the order in which they first stand"),
    "TF-IDF": N_("how often its words come here, and how rare they are in the other documents"),
    "longest first": N_("phrases of many words first"),
    "YAKE's features": N_("capitals, places, neighbours and counts of its words"),
}
HEADLINES = {
    "helps": N_("The network helps to find keywords: {gain} points."),
    "hurts": N_("The network hurts: {gain} points."),
    "cannot tell": N_("We cannot tell whether the network helps to find keywords."),
}
VERDICTS = {
    "helps": N_("The pretrained network helps to find keywords."),
    "hurts": N_("The pretrained network is worse than doing without one."),
    "cannot tell": N_("Whether the pretrained network helps to find keywords cannot be told."),
}
LEARNING = {
    "helps": N_(
        "Learning from gold keywords helps: {gain} points over fixed weights (95 % interval {low} "
        "to {high})."
    ),
    "hurts": N_(
        "Learning from gold keywords hurts: {gain} points against fixed weights (95 % interval "
        "{low} to {high})."
    ),
    "cannot tell": N_(
        "Whether learning from gold keywords helps over fixed weights cannot be told: {gain} "
        "points (95 % interval {low} to {high})."
    ),
}
TRAINING = {
    "helps": N_(
        "Training the network helps: {gain} points over the frozen one (95 % interval {low} to "
        "{high})."
    ),
    "hurts": N_(
        "Training the network hurts: {gain} points against the frozen one (95 % interval {low} to "
        "{high})."
    ),
    "cannot tell": N_(
        "Whether training the network helps cannot be told: {gain} points against the frozen one "
        "(95 % interval {low} to {high})."
    ),
}
MARKED = {
    "probe": N_("a head on the frozen network"),
    "finetune": N_("a head on the network, whose last layers were trained"),
}
TONES = {"helps": "good", "hurts": "bad"}


def keyword_lines(found: dict[str, Any]) -> list[str]:
    """Say what came of a run: what was done, the verdict, the scores.

    Parameters
    ----------
    found : dict
        As in metrics.json.
    """
    return [line for line in (done(found), *answers(found), score(found)) if line]


def headline(found: dict[str, Any]) -> str:
    """Say what came out in a short sentence."""
    verdict = found["verdict"]
    if verdict is None:
        n = found["data"]["documents"] - found["data"]["unreadable"]
        return _n("Keywords of {n:,} document.", "Keywords of {n:,} documents.", n)
    return _(HEADLINES[verdict["decision"]], gain=in_points(verdict["gain"]))


def tone(found: dict[str, Any]) -> str:
    """Choose the colour of the answer."""
    verdict = found["verdict"]
    return "unsure" if verdict is None else TONES.get(verdict["decision"], "unsure")


def done(found: dict[str, Any]) -> str:
    """Say of how many documents there are keywords, and how they were found."""
    data, model = found["data"], found["model"]
    n = data["documents"] - data["unreadable"]
    return sentences(
        _n(
            "{n:,} document, {each:.0f} phrases in it.",
            "{n:,} documents, {each:.0f} phrases in each on average.",
            n,
            each=model["per_document"],
        ),
        _("Network: {backbone}.", backbone=model["backbone"]),
        _("Keywords were picked by weights learned from gold ones.")
        if model["learned"]
        else _("Keywords were picked by fixed weights."),
    )


def answers(found: dict[str, Any]) -> list[str]:
    """Say whether the network helped, and whether learning did; that there is no verdict."""
    verdict = found["verdict"]
    if verdict is None:
        return [
            _(
                "Nobody gave gold keywords, so how good these are cannot be said: name their "
                "column with --gold, or lay NAME.key files beside the texts."
            )
            if found["data"]["gold"] is None
            else _("Too few documents have gold keywords to say how good these are.")
        ]
    scores = {row["name"]: row for row in found["scores"]}
    said = _(
        "On documents left out, F1@{at} is {ours} ({way}), and {theirs} for the best way without a "
        "network ({rival}): {gain} points, 95 % interval {low} to {high}.",
        at=AT,
        ours=decimal(scores[verdict["way"]]["f1_10"]),
        way=_(verdict["way"]),
        theirs=decimal(scores[verdict["rival"]]["f1_10"]),
        rival=_(verdict["rival"]),
        gain=in_points(verdict["gain"]),
        low=in_points(verdict["gain_ci95"][0]),
        high=in_points(verdict["gain_ci95"][1]),
    )
    blur = ""
    if verdict["decision"] == "cannot tell":
        blur = _(
            "So many documents reveal a gain of {points:.1f} points 4 times in 5; a smaller one "
            "takes more documents.",
            points=100 * verdict["detectable"],
        )
    lines: list[str] = [sentences(_(VERDICTS[verdict["decision"]]), said, blur)]
    if verdict["learning"] is not None:
        lines.append(_compared(LEARNING, verdict["learning"]))
    if verdict.get("training") is not None:
        lines.append(_compared(TRAINING, verdict["training"]))
    return lines


def _compared(said: dict[str, str], one: dict[str, Any]) -> str:
    """Say whether learned weights are better than fixed ones, or a trained network than none."""
    return _(
        said[one["decision"]],
        gain=in_points(one["gain"]),
        low=in_points(one["gain_ci95"][0]),
        high=in_points(one["gain_ci95"][1]),
    )


def own(found: dict[str, Any]) -> dict[str, Any] | None:
    """Return the scores that the verdict is about."""
    return dict(found["scores"][0]) if found["scores"] else None


def score(found: dict[str, Any]) -> str:
    """Say the scores, with intervals, and what they count."""
    row, gold = own(found), found["data"]["gold"]
    if row is None or gold is None:
        return ""
    named = [
        _(
            "F1@{k} {value} (95 % interval {low} to {high})",
            k=k,
            value=decimal(row[key]),
            low=decimal(row[f"{key}_ci95"][0]),
            high=decimal(row[f"{key}_ci95"][1]),
        )
        for k, key in ((5, "f1_5"), (10, "f1_10"), ("M", "f1_m"))
    ]
    return sentences(
        _("{scores}.", scores=listed(named)),
        _(
            "Phrases count as equal where their stems are; to the letter F1@10 is {exact}.",
            exact=decimal(row["f1_10_exact"]),
        ),
        _n(
            "These are means over {n:,} document.",
            "These are means over {n:,} documents.",
            gold["judged"],
        ),
        absent(gold),
    )


def absent(gold: dict[str, Any]) -> str:
    """Say how many gold keywords nobody can find, since they do not stand in their document."""
    share = 1 - gold["present"] / gold["keywords"]
    if share < 0.005:  # would be said to be 0 %
        return ""
    return _(
        "{share:.0%} of the gold keywords do not stand in their documents and count as missed, so "
        "1 is out of reach.",
        share=share,
    )


def meaning() -> str:
    """Explain F1 at a number of keywords."""
    return sentences(
        _(
            "F1@{at}: how well the first {at} keywords agree with the gold ones, from 0 to 1; both "
            "wrong and missed ones take from it.",
            at=AT,
        ),
        _("F1@M looks at as many as the way itself takes for keywords."),
    )


def explained(name: str) -> str:
    """Say what a way goes by."""
    return _(EXPLAINED[name]) if name in EXPLAINED else ""


def in_languages(data: dict[str, Any]) -> str:
    """Name the languages of documents, with how many are in each."""
    return listed(
        _("{language} ({n:,})", language=tongue(code), n=n) for code, n in data["languages"].items()
    )


def weights(model: dict[str, Any]) -> str:
    """Say by what weights keywords are picked."""
    if model["learned"]:
        return _(
            "learned; a keyword from a probability of {bar} on",
            bar=number(model["threshold"], ".2f"),
        )
    return _("fixed; likeness to a better one costs {cost:g}", cost=model["diversity"])
