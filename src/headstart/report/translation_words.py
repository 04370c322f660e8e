"""What came of a run that translates, in words: the answer first, then the scores."""

from __future__ import annotations

from typing import Any

from headstart.notation import in_points
from headstart.said import N_, _, _n, number, sentences

TONES = {"helps": "good", "hurts": "bad"}
QUESTIONS = {
    "tuning": N_("Did fine-tuning help?"),
    "source": N_("Does the other language pair help?"),
    "memory": N_("Does it translate better than looking up?"),
}
HEADLINES = {
    ("tuning", "helps"): N_("Fine-tuning helps: chrF {gain} points."),
    ("tuning", "hurts"): N_("Fine-tuning hurts: chrF {gain} points."),
    ("tuning", "cannot tell"): N_("We cannot tell whether fine-tuning helps."),
    ("source", "helps"): N_("The other language pair helps: chrF {gain} points."),
    ("source", "hurts"): N_("The other language pair hurts: chrF {gain} points."),
    ("source", "cannot tell"): N_("We cannot tell whether the other language pair helps."),
    ("memory", "helps"): N_("The network beats looking up: chrF {gain} points."),
    ("memory", "hurts"): N_("The network is worse than looking up: chrF {gain} points."),
    ("memory", "cannot tell"): N_("We cannot tell whether the network beats looking up."),
}
COMPARED = {
    "tuning": N_(
        "On sentences that were held out, chrF differs by {gain} points from the same network "
        "before (95 % interval {low} to {high})."
    ),
    "source": N_(
        "On sentences that were held out, chrF differs by {gain} points from the same network, "
        "trained on the same pairs from nothing (95 % interval {low} to {high})."
    ),
    "memory": N_(
        "On sentences that were held out, chrF differs by {gain} points from the translation of "
        "the most similar sentence that was learned from (95 % interval {low} to {high})."
    ),
}
MENDS = {
    ("source", "hurts"): N_("Train from nothing: leave out --model."),
    ("tuning", "hurts"): N_("Use the network as it was, or give more pairs."),
    ("memory", "hurts"): N_(
        "There are too few pairs for a network from nothing: start from a pretrained one (--model "
        "hf:NAME), or give more pairs."
    ),
}
SYSTEMS = {
    "trained": N_("this network"),
    "before": N_("the same network before fine-tuning"),
    "scratch": N_("the same network, from nothing"),
    "memory": N_("the translation of the most similar sentence (translation memory)"),
}
SHORT = {
    "trained": N_("this network"),
    "before": N_("before"),
    "scratch": N_("from nothing"),
    "memory": N_("translation memory"),
}
STARTS = {
    "nothing": N_("starts from nothing"),
    "run": N_("starts from another run"),
    "hf": N_("pretrained"),
}
WHY = {
    "drawn": N_("Drawn by chance"),
    "best": N_("The best"),
    "worst": N_("The worst"),
}


def translation_lines(found: dict[str, Any]) -> list[str]:
    """Say what came of a run: the answer, the scores, and what they mean.

    Parameters
    ----------
    found : dict
        As in metrics.json.
    """
    return [answer(found), score(found), meaning(), signature(found)]


def headline(found: dict[str, Any]) -> str:
    """Say the answer in a few words."""
    verdict = found["verdict"]
    key = (_question(found), _decision(found))
    return _(HEADLINES[key], gain=in_points(verdict["gain"]))


def answer(found: dict[str, Any]) -> str:
    """Say the answer, and the difference with its doubt."""
    return sentences(headline(found), detail(found))


def detail(found: dict[str, Any]) -> str:
    """Say the difference with its doubt, and what follows."""
    verdict, question, decision = found["verdict"], _question(found), _decision(found)
    low, high = map(in_points, verdict["gain_ci95"])
    blur = ""
    if decision == "cannot tell":
        blur = _(
            "So many sentences reveal a gain of {points:.1f} points 4 times in 5; a smaller one "
            "takes more sentences.",
            points=100 * verdict["detectable"],
        )
    compared = _(COMPARED[question], gain=in_points(verdict["gain"]), low=low, high=high)
    mend = MENDS.get((question, decision))
    return sentences(compared, blur, _(mend) if mend else "")


def score(found: dict[str, Any]) -> str:
    """Say the scores of the network that is kept."""
    own = found["scores"][0]
    return _n(
        "chrF {chrf} (95 % interval {low} to {high}), BLEU {bleu} ({bleu_low} to {bleu_high}) on "
        "{n:,} sentence that was not learned from.",
        "chrF {chrf} (95 % interval {low} to {high}), BLEU {bleu} ({bleu_low} to {bleu_high}) on "
        "{n:,} sentences that were not learned from.",
        found["data"]["test"],
        chrf=points(own["chrf"]),
        low=points(own["chrf_ci95"][0]),
        high=points(own["chrf_ci95"][1]),
        bleu=points(own["bleu"]),
        bleu_low=points(own["bleu_ci95"][0]),
        bleu_high=points(own["bleu_ci95"][1]),
    )


def meaning() -> str:
    """Explain both scores."""
    return _(
        "chrF and BLEU go from 0 to 100: how many runs of characters, or of words, a translation "
        "shares with the reference. A good translation in other words scores low, so compare only "
        "on the same sentences."
    )


def signature(found: dict[str, Any]) -> str:
    """Name the signatures, by which others can compute the same."""
    return _(
        "sacreBLEU signatures: chrF2 {chrf}; BLEU {bleu}.",
        chrf=found["signatures"]["chrf"],
        bleu=found["signatures"]["bleu"],
    )


def points(share: float) -> str:
    """Write a score as the field does, 0 to 100.

    Examples
    --------
    >>> points(0.3127)
    '31.3'
    """
    return number(100 * share, "z.1f")


def tone(found: dict[str, Any]) -> str:
    """Return the tone of the answer, as the page colours it."""
    return TONES.get(_decision(found), "")


def question(found: dict[str, Any]) -> str:
    """Return what was asked."""
    return _(QUESTIONS[_question(found)])


def system(name: str) -> str:
    """Name what translated; a name that is not ours stays as it is."""
    return _(SYSTEMS[name]) if name in SYSTEMS else name


def short(name: str) -> str:
    """Name it in a word or two."""
    return _(SHORT[name]) if name in SHORT else name


def network(found: dict[str, Any]) -> str:
    """Say which network it is."""
    model = found["model"]
    start = STARTS.get(model["start"])
    return sentences(
        _(
            "{name} ({kind}), {n:,} weights, {pieces:,} pieces; {start}.",
            name=model["name"],
            kind=model["kind"],
            n=model["parameters"],
            pieces=model["pieces"],
            start=_(start) if start else model["start"],
        ),
        _n(
            "{n:,} piece came from the other run.",
            "{n:,} pieces came from the other run.",
            model["shared"],
        )
        if model["shared"] is not None
        else "",
        _("Only thin matrices beside its weights were trained (LoRA).") if model["lora"] else "",
    )


def why(kind: str) -> str:
    """Say why examples are shown."""
    return _(WHY[kind]) if kind in WHY else kind


def direction(found: dict[str, Any]) -> str:
    """Write from which language into which.

    Examples
    --------
    >>> direction({"data": {"languages": ["en", ""]}})
    'en → ?'
    """
    first, second = found["data"]["languages"]
    return f"{first or '?'} → {second or '?'}"


def _question(found: dict[str, Any]) -> str:
    asked = str(found["verdict"]["question"])
    return asked if asked in QUESTIONS else "memory"


def _decision(found: dict[str, Any]) -> str:
    decision = str(found["verdict"]["decision"])
    return decision if decision in TONES else "cannot tell"
