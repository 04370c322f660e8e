"""Studies in words: what to do, what the numbers mean, how they were measured."""

from __future__ import annotations

from typing import Any

from headstart.modalities import Unit
from headstart.notation import decimal, in_points, significant
from headstart.report.words import in_english, protocol
from headstart.said import N_, _, _n, number, sentences

ADVICE = {
    "last": N_("The last layer is the one to use."),
    "earlier": N_("An earlier layer is better than the last."),
    "flat": N_("No layer stands out."),
}
TRUST = {
    "interpolation": N_("This lies within what was measured."),
    "cautious": N_(
        "This lies beyond what was measured, by no more than twice: take it with caution."
    ),
    "far": N_(
        "This lies far beyond what was measured: it is a guess with a formula, not a promise."
    ),
}


def sides(document: dict[str, Any]) -> dict[str, str]:
    """Name the two lines of a curve; where nothing was pretrained, no word speaks of transfer.

    Examples
    --------
    >>> sides({"study": "curve"})["transfer"], sides({"learned": False})["transfer"]
    ('with transfer', 'this model')
    """
    if document.get("learned", True):
        return {"transfer": _("with transfer"), "baseline": _("without")}
    return {"transfer": _("this model"), "baseline": _("best simple rival")}


def headline(document: dict[str, Any]) -> str:
    """Say what came out of a study in one short sentence.

    Examples
    --------
    >>> headline({"study": "rank", "recommended": "resnet50"})
    'Use resnet50.'
    >>> headline({"study": "curve", "forecast": {"more": 100, "gain": 0.021}})
    '100 more labels per class: about +2.1 points.'
    """
    if document["study"] == "rank":
        return _("Use {backbone}.", backbone=document["recommended"].rpartition(":")[2])
    if document["study"] == "layers":
        known = document["kind"] in ADVICE
        return _(ADVICE[document["kind"]]) if known else _("What each layer is worth.")
    forecast = document["forecast"]
    if forecast is None:
        return _("Too few points for a forecast.")
    return _n(
        "{n:,} more label per class: about {gain} points.",
        "{n:,} more labels per class: about {gain} points.",
        forecast["more"],
        gain=in_points(forecast["gain"]),
    )


def answer(document: dict[str, Any]) -> str:
    """Return the sentence that stands under the headline."""
    if document["study"] == "rank":
        return str(document["sentence"])
    if document["study"] == "layers":
        return str(document["advice"])
    forecast = document["forecast"]
    if forecast is None:
        return _(
            "A forecast needs accuracies at several numbers of labels; here there are too few."
        )
    return str(forecast["sentence"])


def trust(forecast: dict[str, Any]) -> str:
    """Say how far a forecast lies from what was measured."""
    return _(TRUST.get(forecast["trust"], ""))


def score(document: dict[str, Any], unit: Unit) -> dict[str, Any] | None:
    """Find the accuracy that stands on top: its value, interval, and what it is."""
    if document["study"] == "rank":
        name = document["recommended"]
        found = [b for b in document["backbones"] if b["name"] == name]
        said = _(
            "Accuracy with {backbone}: share of new {many} named correctly",
            backbone=name,
            many=unit.many,
        )
    elif document["study"] == "layers":
        found = document["layers"][-1:]
        said = _(
            "Accuracy with the last layer: share of new {many} named correctly", many=unit.many
        )
    else:
        last = document["points"][-1:]
        found = [{"accuracy": p["transfer"], "accuracy_ci95": p["transfer_ci95"]} for p in last]
        said = _n(
            "Accuracy with {n:,} label per class: share of new {many} named correctly",
            "Accuracy with {n:,} labels per class: share of new {many} named correctly",
            round(last[0]["per_class"]) if last else 0,
            many=unit.many,
        )
    if not found:
        return None
    return {
        "accuracy": found[0]["accuracy"],
        "accuracy_ci95": found[0]["accuracy_ci95"],
        "said": said,
    }


def tone(document: dict[str, Any]) -> str:
    """Choose the colour of the answer: doubtful where the study could not decide."""
    if document["study"] == "layers":
        return {"last": "good", "earlier": "good"}.get(document["kind"], "unsure")
    if document["study"] == "curve":
        forecast = document["forecast"]
        return "unsure" if forecast is None or forecast["trust"] == "far" else "good"
    return "good"


def behind(row: dict[str, Any]) -> str:
    """Say how many points are lost against the best, with the interval.

    Examples
    --------
    >>> behind({"behind": 0.012, "behind_ci95": [-0.004, 0.028]})
    '1.2 points (-0.4 to 2.8)'
    >>> behind({"behind": 0.0, "behind_ci95": [0.0, 0.0]}), behind({"behind": None})
    ('best', '–')
    """
    lost, ci95 = row["behind"], row.get("behind_ci95")
    if lost is None:
        return "–"
    if lost == 0 and (not ci95 or ci95[0] == ci95[1]):
        return _("best")
    if not ci95:
        return _("{lost} points", lost=decimal(100 * lost, 1))
    low, high = (decimal(100 * end, 1) for end in ci95)
    return _("{lost} points ({low} to {high})", lost=decimal(100 * lost, 1), low=low, high=high)


def figure(value: float | None) -> str:
    """Write a number with three digits that count.

    Examples
    --------
    >>> figure(1234.5), figure(0.98765), figure(-2.3456), figure(12), figure(None)
    ('1,234', '0.988', '-2.35', '12', '–')
    """
    if value is None:
        return "–"
    return number(value, ",.0f") if abs(value) >= 100 else significant(value)


def shape(size: list[int] | None) -> str:
    """Write the size of a layer's output.

    Examples
    --------
    >>> shape([112, 14, 14]), shape(None)
    ('112 × 14 × 14', 'vector')
    """
    return " × ".join(map(str, size)) if size else _("vector")


def law(fit: dict[str, float]) -> str:
    """Write the fitted law.

    Examples
    --------
    >>> law({"a": 0.412, "b": 0.5, "c": 0.03})
    'wrong answers = 0.412 · n^-0.5 + 0.03'
    """
    return _(
        "wrong answers = {a:.3g} · n^-{b:.3g} + {c}",
        a=fit["a"],
        b=fit["b"],
        c=significant(fit["c"]),
    )


def formula(document: dict[str, Any]) -> str:
    """Say which law was fitted to the line of the model itself."""
    fitted = law(document["fit"]["transfer"])
    if document.get("learned", True):
        said = _("The law with transfer, n being the labels per class: {law}.", law=fitted)
    else:
        said = _("The law of this model, n being the labels per class: {law}.", law=fitted)
    return sentences(said, _("The last number is what no label would mend."))


def legend(document: dict[str, Any]) -> str:
    """Say what the marks and lines of a curve are."""
    called = sides(document)
    squares = dashed = ""
    if any(p["baseline"] is not None for p in document["points"]):
        squares = _("Squares: {line}.", line=called["baseline"])
        if document.get("learned", True):
            squares = _("Squares: the best model without it.")
    if document["fit"] and document["forecast"]:
        dashed = _(
            "Dashed: the fitted law; the hollow point is the forecast, and the band leads from the "
            "last measured interval to that of the forecast."
        )
    elif document["fit"]:
        dashed = _("Dashed: the fitted law.")
    return sentences(
        _("Discs: {line}.", line=called["transfer"]),
        squares,
        _("Lines are 95 % intervals."),
        dashed,
    )


def marks(document: dict[str, Any], unit: Unit) -> str:
    """Say what the marks and lines of a chart of layers are."""
    together = _("Dashed: one head on the output of all layers, with its interval as a band.")
    return sentences(
        _(
            "Filled: cannot be told from the best layer with these {many} (a tie). Hollow: clearly "
            "behind. Lines are 95 % intervals, each of one layer alone.",
            many=unit.many,
        ),
        together if document["combined"] else "",
    )


def explained(text: str, unit: Unit) -> str:
    """Explain a protocol where its words are known; "" where they speak for themselves."""
    known = ("folds", "test set", "held-out fifth")
    return protocol(text, unit) if any(word in in_english(text) for word in known) else ""


def examples(document: dict[str, Any], unit: Unit) -> str:
    """Say how many examples there were, in how many classes.

    Examples
    --------
    >>> examples({"n": 600, "classes": ["a", "b"]}, Unit("row", "rows"))
    '600 rows in 2 classes'
    """
    classes = document["classes"]
    return _n(
        "{examples} in {n:,} class",
        "{examples} in {n:,} classes",
        classes if isinstance(classes, int) else len(classes),
        examples=unit.count(int(document["n"])),
    )
