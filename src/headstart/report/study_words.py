"""Studies in words: what to do, what the numbers mean, how they were measured."""

from __future__ import annotations

from typing import Any

from headstart.modalities import Unit
from headstart.notation import decimal, in_points, significant
from headstart.report.words import count, protocol

ADVICE = {
    "last": "The last layer is the one to use.",
    "earlier": "An earlier layer is better than the last.",
    "flat": "No layer stands out.",
}
TRUST = {
    "interpolation": "This lies within what was measured.",
    "cautious": "This lies beyond what was measured, by no more than twice: take it with caution.",
    "far": "This lies far beyond what was measured: it is a guess with a formula, not a promise.",
}


def sides(document: dict[str, Any]) -> dict[str, str]:
    """Name the two lines of a curve; where nothing was pretrained, no word speaks of transfer.

    Examples
    --------
    >>> sides({"study": "curve"})["transfer"], sides({"learned": False})["transfer"]
    ('with transfer', 'this model')
    """
    if document.get("learned", True):
        return {"transfer": "with transfer", "baseline": "without"}
    return {"transfer": "this model", "baseline": "best simple rival"}


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
        return f"Use {document['recommended'].rpartition(':')[2]}."
    if document["study"] == "layers":
        return ADVICE.get(document["kind"], "What each layer is worth.")
    forecast = document["forecast"]
    if forecast is None:
        return "Too few points for a forecast."
    more = count(forecast["more"], "more label")
    return f"{more} per class: about {in_points(forecast['gain'])} points."


def answer(document: dict[str, Any]) -> str:
    """Return the sentence that stands under the headline."""
    if document["study"] == "rank":
        return str(document["sentence"])
    if document["study"] == "layers":
        return str(document["advice"])
    forecast = document["forecast"]
    if forecast is None:
        return "A forecast needs accuracies at several numbers of labels; here there are too few."
    return str(forecast["sentence"])


def score(document: dict[str, Any]) -> dict[str, Any] | None:
    """Find the accuracy that stands on top: its value, interval, and whose it is."""
    if document["study"] == "rank":
        found = [b for b in document["backbones"] if b["name"] == document["recommended"]]
        said = f"with {document['recommended']}"
    elif document["study"] == "layers":
        found, said = document["layers"][-1:], "with the last layer"
    else:
        last = document["points"][-1:]
        found = [{"accuracy": p["transfer"], "accuracy_ci95": p["transfer_ci95"]} for p in last]
        said = f"with {count(round(last[0]['per_class']), 'label')} per class" if last else ""
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
        return "best"
    doubt = f" ({decimal(100 * ci95[0], 1)} to {decimal(100 * ci95[1], 1)})" if ci95 else ""
    return f"{decimal(100 * lost, 1)} points{doubt}"


def figure(value: float | None) -> str:
    """Write a number with three digits that count.

    Examples
    --------
    >>> figure(1234.5), figure(0.98765), figure(-2.3456), figure(12), figure(None)
    ('1,234', '0.988', '-2.35', '12', '–')
    """
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else significant(value)


def shape(size: list[int] | None) -> str:
    """Write the size of a layer's output.

    Examples
    --------
    >>> shape([112, 14, 14]), shape(None)
    ('112 × 14 × 14', 'vector')
    """
    return " × ".join(map(str, size)) if size else "vector"


def law(fit: dict[str, float]) -> str:
    """Write the fitted law.

    Examples
    --------
    >>> law({"a": 0.412, "b": 0.5, "c": 0.03})
    'wrong answers = 0.412 · n^-0.5 + 0.03'
    """
    return f"wrong answers = {fit['a']:.3g} · n^-{fit['b']:.3g} + {significant(fit['c'])}"


def explained(text: str, unit: Unit) -> str:
    """Explain a protocol where its words are known; "" where they speak for themselves."""
    known = ("folds", "test set", "held-out fifth")
    return protocol(text, unit) if any(word in text for word in known) else ""


def examples(document: dict[str, Any], unit: Unit) -> str:
    """Say how many examples there were, in how many classes.

    Examples
    --------
    >>> examples({"n": 600, "classes": ["a", "b"]}, Unit("row", "rows"))
    '600 rows in 2 classes'
    """
    classes = document["classes"]
    k = classes if isinstance(classes, int) else len(classes)
    return f"{unit.count(int(document['n']))} in {count(k, 'class', 'classes')}"
