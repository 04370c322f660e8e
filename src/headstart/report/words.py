"""Numbers in words, for who has to explain the result to someone else.

Every technical term gets half a sentence of explanation where it first stands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart import notation
from headstart.judge.baselines import MAJORITY, RANDOM_NETWORK
from headstart.modalities import Unit
from headstart.transfer.recipe import FROM_SCRATCH

if TYPE_CHECKING:
    from headstart.report.facts import ClassRow, Mixup

NAMED = 3
"""So many classes are named in a sentence."""
BASELINES = {
    RANDOM_NETWORK: "the same network as it was before it learned anything",
    MAJORITY: "always answers the most frequent class",
    **dict.fromkeys(FROM_SCRATCH.values(), "it has seen nothing but your {many}"),
}
FINDINGS = {
    "budget": "Budget",
    "conflicts": "Contradicting labels",
    "duplicate_rows": "Rows said twice",
    "duplicates": "Copies",
    "few": "Few {many} of a class",
    "imbalance": "Unequal classes",
    "interrupted": "Interrupted",
    "label_spellings": "Spellings of labels",
    "levels": "Brightness",
    "memory": "Memory",
    "note": "Note",
    "order": "Order of {many}",
    "small": "Small {many}",
    "small_test": "Small test set",
    "training": "Training",
    "unreadable": "Unreadable {many}",
}
WEIGHTY = ("few", "interrupted", "small_test")
"""Kinds of findings that say how far the score can be trusted, though they are no warnings."""
HEADS = {
    "logistic": "logistic regression: a weighted sum per class",
    "centroid": "nearest class average",
    "kNN": "vote of the most similar training {many}",
    "cosine": "nearest direction, one per class",
    "bottleneck": "a small network with one hidden layer",
}


UNLEARNED = (
    "Nothing was pretrained here, so there is nothing to transfer; the model is compared with "
    "simpler ones instead."
)


def rival(name: str, unit: Unit) -> str:
    """Say what a baseline is that every modality has; "" for any other."""
    return unit.into(BASELINES.get(name, ""))


def finding(kind: str, unit: Unit) -> str:
    """Name a kind of finding.

    Examples
    --------
    >>> finding("unreadable", Unit("row", "rows")), finding("drift", Unit("row", "rows"))
    ('Unreadable rows', 'Drift')
    """
    return unit.into(FINDINGS.get(kind, kind.capitalize()))


def weighed(
    findings: Sequence[dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Part what changes how far the score can be trusted from what is good to know.

    Examples
    --------
    >>> note, warning = ({"kind": "note", "severity": s} for s in ("info", "warning"))
    >>> weighed([note, warning, note]) == ([warning], [note, note])
    True
    """
    heavy = [f for f in findings if f["severity"] == "warning" or f["kind"] in WEIGHTY]
    light = [f for f in findings if f not in heavy]
    return sorted(heavy, key=lambda f: f["severity"] != "warning"), light


def kinds(findings: Sequence[dict[str, Any]], unit: Unit) -> str:
    """Name the kinds of some findings, each once.

    Examples
    --------
    >>> kinds([{"kind": "note"}, {"kind": "order"}, {"kind": "note"}], Unit("row", "rows"))
    'Note, Order of rows'
    """
    return ", ".join(dict.fromkeys(finding(f["kind"], unit) for f in findings))


def hardest(rows: Sequence[ClassRow]) -> str:
    """Name the classes with the lowest F1, and those that are clearly weak.

    Parameters
    ----------
    rows : sequence of ClassRow
        The hardest first.
    """
    hard = [row for row in rows if row.f1 is not None and row.f1 < 1][:NAMED]
    if not hard:
        return "No class is: on the held-out part all were named correctly."
    named = ", ".join(
        row.name if row.recall is None else f"{row.name} ({row.recall:.1%} found)" for row in hard
    )
    weak = [row.name for row in rows if row.weak]
    if not weak:
        return f"Hardest: {named}. None is clearly below the accuracy of all together."
    return (
        f"Hardest: {named}. Clearly below the accuracy of all together: "
        f"{', '.join(weak[:NAMED])}{f' and {len(weak) - NAMED} more' if len(weak) > NAMED else ''}."
    )


def mistakes(confusion: NDArray[np.integer], mixups: Sequence[Mixup], unit: Unit) -> str:
    """Count the mistakes, and name the most frequent.

    Parameters
    ----------
    confusion : ndarray of shape (K, K)
        Counts by (true class, answer).
    mixups : sequence of Mixup
        The most frequent first.
    """
    n = int(confusion.sum())
    if not mixups:
        return f"No mistake at all on the {n:,} held-out {unit.of(n)}."
    wrong, most = n - int(np.trace(confusion)), mixups[0]
    return (
        f"{wrong:,} of {n:,} held-out {unit.of(n)} {'was' if wrong == 1 else 'were'} called "
        f"something else; most often {most.truth} was called {most.said} ({most.count} "
        f"{'time' if most.count == 1 else 'times'})."
    )


def head(kind: str, unit: Unit) -> str:
    """Say what a head does."""
    return unit.into(HEADS.get(kind, kind))


def headline(verdict: dict[str, Any] | None, *, learned: bool = True) -> str:
    """Say the verdict in one short sentence.

    Parameters
    ----------
    learned : bool
        Whether the backbone learned anything before.

    Examples
    --------
    >>> headline({"decision": "helps", "gain": 0.43})
    'Pretraining helps: 43.0 points better.'
    >>> headline({"decision": "helps", "gain": 0.43, "caution": "But the width alone..."})
    '43.0 points better, perhaps by a shortcut.'
    """
    if not learned:
        return "No verdict on transfer: nothing was pretrained."
    if verdict is None:
        return "No verdict: there was nothing to compare with."
    if verdict["decision"] == "cannot tell":
        return "We cannot tell whether pretraining helps."
    if verdict["decision"] == "helps" and verdict.get("caution"):
        return f"{100 * verdict['gain']:.1f} points better, perhaps by a shortcut."
    side = "better" if verdict["decision"] == "helps" else "worse"
    return f"Pretraining {verdict['decision']}: {100 * abs(verdict['gain']):.1f} points {side}."


def expectation(estimate: dict[str, Any], unit: Unit) -> str:
    """Say an accuracy and its interval as numbers of examples.

    Examples
    --------
    >>> expectation({"accuracy": 0.87, "accuracy_ci95": [0.79, 0.922]}, Unit("row", "rows"))
    'Of 100 new rows like these, expect about 87 to be named correctly; 79 to 92 is plausible.'
    """
    low, high = (round(100 * x) for x in estimate["accuracy_ci95"])
    share = round(100 * estimate["accuracy"])
    about = "nearly all" if share == 100 else f"about {share}"
    return (
        f"Of 100 new {unit.many} like these, expect {about} to be named correctly; "
        f"{low} to {high} is plausible."
    )


def protocol(text: str, unit: Unit, *, trained: bool = False) -> str:
    """Explain how examples were held out, from the words ``judge.plan`` chose.

    Parameters
    ----------
    trained : bool
        Not only a head was fitted, the network was trained too.
    """
    if text.startswith("test set"):
        return (
            "You set a test set apart. The model never saw it while learning; it was asked about "
            f"each of its {unit.many} once, at the very end."
        )
    if "held-out fifth" in text:
        return (
            f"A fifth of the {unit.many} was drawn at random and set apart. The model never saw it "
            f"while learning and was asked about each of its {unit.many} once."
        )
    folds = re.search(r"(?:(\d+) x )?(\d+) folds", text)
    times, parts = (folds.group(1), folds.group(2)) if folds else (None, "5")
    said = (
        f"This is cross-validation: the {unit.many} are dealt into {parts} parts (folds), and each "
        "part in turn is held out while the model is made from the others and then asked about it. "
        f"So every {unit.one} is tested, and never by a model that learned from it."
    )
    if times:
        said += f" All of this was done {times} times with new parts, because the set is small."
    if "nested" in text:
        what = "Choosing the head and training happen" if trained else "Choosing the head happens"
        said += f" {what} anew inside every round (nested), so it cannot cheat."
    if "stratified" in text:
        said += " Every part has all classes in about the same shares (stratified)."
    if "grouped" in text:
        said += f" Copies, and {unit.many} of one group, stay in the same part (grouped)."
    return said


def how_tested(text: str, unit: Unit) -> str:
    """Explain the statistical test behind a verdict."""
    if "McNemar" in text:
        return (
            f"It looks only at the {unit.many} on which one of the two models is right and the "
            "other wrong, and asks whether one of them wins too often for chance."
        )
    return (
        f"It compares the two models part by part, on the same {unit.many}, and allows for the "
        f"fact that the parts share training {unit.many}, which makes plain averages look too sure."
    )


def more(curve: Sequence[dict[str, Any]], unit: Unit) -> str:
    """Say what the learning curve promises for more examples."""
    if len(curve) < 2:
        return f"There are too few {unit.many} to draw the curve."
    before, last = curve[-2], curve[-1]
    rise = 100 * (last["accuracy"] - before["accuracy"])
    step = f"From {before['n_train']:,} to {last['n_train']:,} {unit.many}"
    if rise >= 1.5:
        return (
            f"{step} the accuracy rose by {rise:.1f} points and is still rising: "
            f"more labelled {unit.many} will probably help."
        )
    if rise >= 0.5:
        return (
            f"{step} the accuracy rose by {rise:.1f} points: it still creeps up, and many more "
            f"{unit.many} would be needed for a clear gain."
        )
    changed = notation.in_points(rise / 100)
    return (
        f"{step} the accuracy changed by {changed} points: the curve is flat, so more {unit.many} "
        f"of the same kind will hardly help. Different {unit.many}, or better labels, might."
    )


def trust(
    bins: Sequence[dict[str, float]], ece: float, ece_ci95: Sequence[float] | None = None
) -> str:
    """Say whether stated confidences can be believed; the interval where it was measured."""
    counts = np.array([b["count"] for b in bins])
    stated = float(np.average([b["confidence"] for b in bins], weights=counts))
    right = float(np.average([b["accuracy"] for b in bins], weights=counts))
    gap = 100 * (stated - right)
    lean = "slightly too sure" if gap > 0 else "slightly too modest"
    if abs(gap) < 1:
        lean = "neither too sure nor too modest"
    elif abs(gap) > 5:
        lean = lean.replace("slightly ", "")
    doubt = ""
    if ece_ci95:
        low, high = (notation.decimal(100 * end, 1) for end in ece_ci95)
        doubt = f", 95 % interval {low} to {high}"
    return (
        f"It says {stated:.0%} on average and is right {right:.0%} of the time: {lean}. Over all "
        f"levels of confidence the two differ by {notation.decimal(100 * ece, 1)} points (the "
        f"calibration error{doubt})."
    )


def sureness(confidence: float) -> str:
    """Say a confidence without ever claiming certainty.

    Examples
    --------
    >>> sureness(0.871), sureness(0.9993)
    ('87%', 'over 99%')
    """
    return "over 99%" if confidence > 0.99 else f"{confidence:.0%}"


def doubt(probability: float) -> str:
    """Say a small probability without ever claiming impossibility.

    Examples
    --------
    >>> doubt(0.0004), doubt(0.083)
    ('under 1%', '8%')
    """
    return "under 1%" if probability < 0.01 else f"{probability:.0%}"


def middle(name: str, longest: int = 22) -> str:
    """Cut the middle out of a long name: names may differ in their ends alone.

    Examples
    --------
    >>> middle("Pseudocardia longinomina var. alba 07"), middle("daisy")
    ('Pseudocardi…ar. alba 07', 'daisy')
    """
    if len(name) <= longest + 1:
        return name
    half = longest // 2
    return f"{name[:half]}…{name[-half:]}"


def duration(seconds: float) -> str:
    """Say a time span.

    Examples
    --------
    >>> duration(0.142), duration(18.28), duration(125)
    ('0.14 s', '18 s', '2 min 5 s')
    """
    if seconds < 10:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def amount(n: int) -> str:
    """Say a large count roughly.

    Examples
    --------
    >>> amount(3371008), amount(6405)
    ('3.4 million', '6,405')
    """
    return f"{n / 1e6:.1f} million" if n >= 1_000_000 else f"{n:,}"


def count(n: int, noun: str, plural: str = "") -> str:
    """Say a count with its noun.

    Examples
    --------
    >>> count(1, "class", "classes"), count(1200, "label")
    ('1 class', '1,200 labels')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def day(moment: str) -> str:
    """Say the date of an ISO time.

    Examples
    --------
    >>> day("2026-11-05T04:04:08+00:00")
    '5 November 2026'
    """
    then = datetime.fromisoformat(moment)
    return f"{then.day} {then:%B %Y}"
