"""What came of a run that recommends, in words: the answer first, then the score.

A verdict is about choices that were hidden; which model is kept was chosen on others. So a source
may be left out (its weight is 0) although what is said of the hidden choices cannot be told.
"""

from __future__ import annotations

from typing import Any

from headstart.behaviour.outcome import AT, DEEP
from headstart.notation import decimal, in_points
from headstart.report.new_items_words import new_items_line
from headstart.said import N_, _, _n, commas, listed, number, sentences

MODELS = {
    "popularity": N_("what is popular"),
    "item kNN": N_("item kNN"),
    "EASE": N_("EASE"),
    "ALS": N_("ALS"),
    "source's popularity": N_("what is popular in the source"),
}
EXPLAINED = {
    "popularity": N_("the same list for everyone: what most users chose"),
    "item kNN": N_("what was chosen by the same users as what someone chose before"),
    "EASE": N_("a weight for every pair of items: how much one speaks for the other"),
    "ALS": N_("users and items as short vectors; those that lie close go together"),
    "source's popularity": N_("the items that most users of the source chose"),
}
HEADLINES = {
    ("new", "helps"): N_("The source helps new users: {gain} points."),
    ("new", "hurts"): N_("The source hurts new users: {gain} points."),
    ("new", "cannot tell"): N_("We cannot tell whether the source helps new users."),
    ("new", "left out"): N_("For new users the source is left out."),
    ("known", "helps"): N_("The source helps known users: {gain} points."),
    ("known", "hurts"): N_("The source hurts known users: {gain} points."),
    ("known", "cannot tell"): N_("We cannot tell whether the source helps known users."),
    ("known", "left out"): N_("For known users the source is left out."),
    ("alone", "helps"): N_("Histories help: {gain} points over what is popular."),
    ("alone", "hurts"): N_("Histories hurt: {gain} points against what is popular."),
    ("alone", "cannot tell"): N_("We cannot tell whether histories help."),
    ("alone", "left out"): N_("What is popular is recommended to all."),
}
VERDICTS = {
    ("new", "helps"): N_("New users: the source helps."),
    ("new", "hurts"): N_("New users: the source hurts."),
    ("new", "cannot tell"): N_("New users: whether the source helps cannot be told."),
    ("known", "helps"): N_("Known users: the source helps."),
    ("known", "hurts"): N_("Known users: the source hurts."),
    ("known", "cannot tell"): N_("Known users: whether the source helps cannot be told."),
    ("alone", "helps"): N_("What users chose before helps to recommend."),
    ("alone", "hurts"): N_("What users chose before is worse to go by than what is popular."),
    ("alone", "cannot tell"): N_(
        "Whether what users chose before helps to recommend cannot be told."
    ),
}
COMPARED = {
    "new": N_(
        "Of 100 users new to the shop, for {ours} the item they chose next is among the first "
        "{at} with the source, for {theirs} without ({gain} points, 95 % interval {low} to "
        "{high})."
    ),
    "known": N_(
        "Of 100 users of the shop, for {ours} the item they chose next is among the first "
        "{at} with the source, for {theirs} without ({gain} points, 95 % interval {low} to "
        "{high})."
    ),
    "alone": N_(
        "Of 100 users, for {ours} the item they chose next is among the first {at}, for "
        "{theirs} if what is popular is recommended to all ({gain} points, 95 % interval "
        "{low} to {high})."
    ),
}
LEFT_OUT = {
    "new": N_(
        "New users: the source is left out, for on choices hidden for tuning it was not clearly "
        "better than doing without."
    ),
    "known": N_(
        "Known users: the source is left out, for on choices hidden for tuning it was not clearly "
        "better than doing without."
    ),
    "alone": N_(
        "What is popular is recommended to all: on choices hidden for tuning, no model of what "
        "users chose before was better."
    ),
}
TONES = {"helps": "good", "hurts": "bad"}


def recommendation_lines(found: dict[str, Any]) -> list[str]:
    """Say what came of a run: one line for each question, then the score and what it means.

    Parameters
    ----------
    found : dict
        As in metrics.json.
    """
    return [*answers(found), score(found), meaning(found)]


def answers(found: dict[str, Any]) -> list[str]:
    """Say for new users, and for known ones, whether the source helped; then of new items."""
    lines = [answer(found, question) for question in questions(found)]
    if "new" in questions(found):
        lines.insert(1, lasting(found["new"]))
    if "cold_items" in found:
        lines.append(new_items_line(found["cold_items"]))
    return [line for line in lines if line]


def questions(found: dict[str, Any]) -> list[str]:
    """List what was asked: of ``new`` and ``known`` users, or ``alone``, without a source."""
    if not found["transferred"]:
        return ["alone"]
    new = found["new"] is not None and "new" in found["verdicts"]
    return ["new", "known"] if new else ["known"]


def verdict(found: dict[str, Any], question: str) -> dict[str, Any]:
    """Return the verdict on a question."""
    return dict(found["verdicts"]["new" if question == "new" else "known"])


def left_out(found: dict[str, Any], question: str) -> bool:
    """Tell whether what a question is about is not in the model that is kept."""
    if question == "alone":
        return bool(found["known"]["chosen"]["kind"] == "popularity")
    kept = found["new"]["cold"] if question == "new" else found["known"]["chosen"]
    return bool(kept["weight"] == 0)


def outcome(found: dict[str, Any], question: str) -> str:
    """Return ``helps``, ``hurts``, ``cannot tell``; ``left out`` where nothing else is known."""
    decision = str(verdict(found, question)["decision"])
    if left_out(found, question) and decision not in TONES:
        return "left out"
    return decision if decision in TONES else "cannot tell"


def headline(found: dict[str, Any]) -> str:
    """Say what came out in a short sentence for each question."""
    return sentences(
        *(
            _(
                HEADLINES[question, outcome(found, question)],
                gain=in_points(verdict(found, question)["gain"]),
            )
            for question in questions(found)
        )
    )


def tone(found: dict[str, Any]) -> str:
    """Choose the colour of the answer: bad if anything hurts, good if anything helps."""
    tones = {TONES.get(outcome(found, question), "unsure") for question in questions(found)}
    return next(one for one in ("bad", "good", "unsure") if one in tones)


def answer(found: dict[str, Any], question: str) -> str:
    """Answer one question, with the gain and its interval."""
    out = left_out(found, question)
    came = outcome(found, question)
    left = _(LEFT_OUT[question]) if out else ""
    if came == "left out" and nothing(verdict(found, question)):
        return left
    if came == "left out":
        return sentences(left, compared(found, question))
    said = _(VERDICTS[question, came])
    return sentences(said, compared(found, question), _blur(found, question), left)


def compared(found: dict[str, Any], question: str) -> str:
    """Say of how many users out of 100 the next choice is found, with and without."""
    one = verdict(found, question)
    ours = 100 * _with(found, question)
    theirs = max(0.0, ours - 100 * one["gain"])
    whole = min(ours, theirs) >= 10 and round(ours) != round(theirs)
    spec = "z.0f" if whole else "z.1f"  # no user is said to be lost by rounding
    return _(
        COMPARED[question],
        ours=number(ours, spec),
        theirs=number(theirs, spec),
        at=AT,
        gain=in_points(one["gain"]),
        low=in_points(one["gain_ci95"][0]),
        high=in_points(one["gain_ci95"][1]),
    )


def lasting(new: dict[str, Any]) -> str:
    """Say until how many choices of their own the source helps new users; "" if it never does."""
    gains = [row["k"] for row in new["curve"] if row["gain_ci95"][0] > 0]
    if new["few"]["weight"] == 0 and new["cold"]["weight"] > 0:
        return _(
            "From their first choice in the shop on, the source is left out for them: on choices "
            "hidden for tuning it was not clearly better than doing without."
        )
    if not gains:
        return ""
    if new["ends"] is None:
        return _n(
            "It still helps users who have made {n} choice in the shop; more were not tried.",
            "It still helps users who have made {n} choices in the shop; more were not tried.",
            gains[-1],
        )
    if gains[-1] > new["ends"]:
        return _(
            "A gain shows for users with {some} choices in the shop, and not with the other "
            "numbers that were tried.",
            some=listed(str(k) for k in gains),
        )
    return _n(
        "From {n} choice of their own in the shop on, a gain no longer shows.",
        "From {n} choices of their own in the shop on, a gain no longer shows.",
        new["ends"],
    )


def score(found: dict[str, Any]) -> str:
    """Say the scores for known users, and which model is kept for them."""
    known = found["known"]
    low, high = known["recall_ci95"]
    return sentences(
        _n(
            "Recall@{at} {recall:.1%} (95 % interval {low:z.1%} to {high:z.1%}), nDCG@{deep} "
            "{ndcg}, coverage {coverage:.1%}; {n:,} user was asked.",
            "Recall@{at} {recall:.1%} (95 % interval {low:z.1%} to {high:z.1%}), nDCG@{deep} "
            "{ndcg}, coverage {coverage:.1%}; {n:,} users were asked.",
            known["n"],
            at=AT,
            recall=known["recall"],
            low=low,
            high=high,
            deep=DEEP,
            ndcg=decimal(known["ndcg"]),
            coverage=known["coverage"],
        ),
        _("Model: {model}.", model=kept(known["chosen"])),
    )


def meaning(found: dict[str, Any]) -> str:
    """Explain recall, and what guessing would reach on so many items."""
    offered = found["data"]["offered"]
    said = _(
        "Recall@{at}: of 100 users, for so many the item they chose last, hidden until then, is "
        "among the first {at} that are recommended.",
        at=AT,
    )
    if offered <= AT:
        return sentences(
            said,
            _n(
                "There is only {n:,} item, so every list has all: the figure says nothing here.",
                "There are only {n:,} items, so every list has all: the figure says nothing here.",
                offered,
            ),
        )
    return sentences(
        said,
        _(
            "{at} of the {n:,} items, drawn at random, would hold it for {chance:.1f} of 100, or "
            "for more where users have much already, which is not recommended again.",
            at=AT,
            n=offered,
            chance=100 * AT / offered,
        ),
    )


def model(name: str) -> str:
    """Name a model; one that is not ours stays as it is."""
    return _(MODELS[name]) if name in MODELS else name


def explained(name: str, data: dict[str, Any]) -> str:
    """Say what a model goes by; "" for one that is not ours.

    Parameters
    ----------
    data : dict
        The logs, as in metrics.json.
    """
    if name == "source's popularity" and not data["shared_items"]:
        return _("says nothing here: the source has none of these items")
    return _(EXPLAINED[name]) if name in EXPLAINED else ""


def kept(chosen: dict[str, Any]) -> str:
    """Name a chosen model, with how much the source counts in it.

    Examples
    --------
    >>> kept({"kind": "EASE", "weight": 0.3}), kept({"kind": "ALS", "weight": 0.0})
    ('EASE with the source at weight 0.3', 'ALS')
    """
    if not chosen["weight"]:
        return model(chosen["kind"])
    return _(
        "{model} with the source at weight {weight:g}",
        model=model(chosen["kind"]),
        weight=chosen["weight"],
    )


def _with(found: dict[str, Any], question: str) -> float:
    """Return the recall that a verdict is about."""
    if question != "new":
        return float(found["known"]["recall"])
    return next((float(row["with"]) for row in found["new"]["curve"] if row["k"] == 0), 0.0)


def _blur(found: dict[str, Any], question: str) -> str:
    """Say which gain could have been seen, where none was."""
    one = verdict(found, question)
    if outcome(found, question) != "cannot tell":
        return ""
    return _(
        "So many users reveal a gain of {points:.1f} points 4 times in 5; a smaller one takes "
        "more users.",
        points=100 * one["detectable"],
    )


def nothing(one: dict[str, Any]) -> bool:
    """Tell whether both sides of a verdict were the same model."""
    return not one["gain"] and not any(one["gain_ci95"])


def length(row: dict[str, Any]) -> str:
    """Name a group of users by how many choices they had before the hidden one.

    Examples
    --------
    >>> length({"least": 3, "most": 5}), length({"least": 51, "most": None})
    ('3 to 5 choices before', '51 choices before or more')
    """
    if row["most"] is None:
        return _n("{n:,} choice before or more", "{n:,} choices before or more", row["least"])
    return _("{least:,} to {most:,} choices before", least=row["least"], most=row["most"])


def popular(row: dict[str, Any]) -> str:
    """Name a group of users by whether what they chose is popular.

    Examples
    --------
    >>> popular({"name": "tail"})
    'chose one of the other items (the tail)'
    """
    if row["name"] == "popular":
        return _("chose one of the popular items")
    return _("chose one of the other items (the tail)")


def hit(shopper: dict[str, Any]) -> bool:
    """Tell whether what a user chose was among the first that are recommended."""
    return bool(shopper["rank"] <= AT)


def place(shopper: dict[str, Any], *, with_source: bool) -> str:
    """Say at which place the hidden choice came.

    Examples
    --------
    >>> place({"rank": 43.0, "rank_without": 58.0}, with_source=True)
    'place 43, without the source 58'
    """
    if with_source:
        return _(
            "place {rank:,g}, without the source {other:,g}",
            rank=shopper["rank"],
            other=shopper["rank_without"],
        )
    return _("place {rank:,g}", rank=shopper["rank"])


def counts(one: dict[str, Any]) -> str:
    """Say how many users, items and interactions there are.

    Examples
    --------
    >>> counts({"users": 1200, "items": 1})
    '1,200 users, 1 item'
    """
    said = [
        _n("{n:,} user", "{n:,} users", one["users"]),
        _n("{n:,} item", "{n:,} items", one["items"]),
    ]
    if "interactions" in one:
        said.append(_n("{n:,} interaction", "{n:,} interactions", one["interactions"]))
        said.append(_("with times") if one["timed"] else _("without times"))
    return commas(said)
