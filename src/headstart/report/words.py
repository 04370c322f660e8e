"""Numbers in words, for who has to explain the result to someone else.

Every technical term gets half a sentence of explanation where it first stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart import notation
from headstart.judge.baselines import MAJORITY, RANDOM_NETWORK
from headstart.language import ENGLISH, in_force
from headstart.modalities import Unit
from headstart.said import N_, Said, _, _n, commas, number, sentences
from headstart.said import day as written
from headstart.speaking import speaking
from headstart.tasks.multilabel import MultiLabel
from headstart.transfer.recipe import FROM_SCRATCH

if TYPE_CHECKING:
    from headstart.report.facts import ClassRow, Mixup

NAMED = 3
"""So many classes are named in a sentence."""
BASELINES = {
    RANDOM_NETWORK: N_("the same network as it was before it learned anything"),
    MAJORITY: N_("always answers the most frequent class"),
    MultiLabel.floor_name: N_("always gives the same labels, those that fit best as a whole"),
    **dict.fromkeys(FROM_SCRATCH.values(), N_("it has seen nothing but your {many}")),
}
FINDINGS = {
    "beyond": N_("Beyond full scale"),
    "blank": N_("Blank sides"),
    "budget": N_("Budget"),
    "channels": N_("Channels"),
    "clipped": N_("Clipped {many}"),
    "columns": N_("Columns"),
    "consent": N_("People and the law"),
    "cut": N_("Long {many}"),
    "conflicts": N_("Contradicting labels"),
    "copies": N_("Copies"),
    "duplicate_rows": N_("Rows said twice"),
    "duplicates": N_("Copies"),
    "few": N_("Few {many} of a class"),
    "groups": N_("Groups"),
    "history": N_("Short histories"),
    "imbalance": N_("Unequal classes"),
    "interrupted": N_("Interrupted"),
    "labels": N_("Labels"),
    "languages": N_("Languages"),
    "label_spellings": N_("Spellings of labels"),
    "levels": N_("Brightness"),
    "markup": N_("Markup"),
    "memory": N_("Memory"),
    "no_face": N_("No face"),
    "misaligned": N_("Sides that do not fit"),
    "names": N_("Doubtful names"),
    "note": N_("Note"),
    "numbers": N_("Values that are no numbers"),
    "order": N_("Order of {many}"),
    "popularity": N_("Popularity"),
    "rates": N_("Sampling rates"),
    "several_faces": N_("Several faces"),
    "several": N_("Several translations"),
    "shared": N_("Shared by source and target"),
    "shortcut": N_("Shortcut"),
    "silence": N_("Silent {many}"),
    "small": N_("Small {many}"),
    "small_faces": N_("Small faces"),
    "small_test": N_("Small test set"),
    "spoken": N_("Spoken by a program"),
    "target": N_("Target"),
    "tilted_faces": N_("Faces that are not upright"),
    "training": N_("Training"),
    "truncated": N_("Truncated {many}"),
    "unknown": N_("Unknown words"),
    "unreadable": N_("Unreadable {many}"),
    "untranslated": N_("Not translated"),
}
LONG = 240
"""Breadth in Latin letters from which on a page folds a text."""
WEIGHTY = ("consent", "few", "interrupted", "small_test")
"""Kinds of findings that are shown first, though they are no warnings: they say how far the score
can be trusted, or what a use on people has to reckon with."""
HEADS = {
    "logistic": N_("logistic regression: a weighted sum per class"),
    "centroid": N_("nearest class average"),
    "kNN": N_("vote of the most similar training {many}"),
    "cosine": N_("nearest direction, one per class"),
    "bottleneck": N_("a small network with one hidden layer"),
    "vectors and TF-IDF": N_("two weighted sums per class: of the vector, and of what is counted"),
}
METRICS = {
    "accuracy": N_("accuracy"),
    "balanced_accuracy": N_("balanced accuracy"),
}
LEANS = {
    -5: N_("That is too modest."),
    -1: N_("That is slightly too modest."),
    1: N_("That is neither too sure nor too modest."),
    5: N_("That is slightly too sure."),
    100: N_("That is too sure."),
}
"""What is said of confidences that are up to so many points too high."""
N_("wrong"), N_("unsure")  # why an explained example was chosen
UNLEARNED = N_(
    "Nothing was pretrained here, so there is nothing to transfer; the model is compared with "
    "simpler ones instead."
)


def named(value: str) -> str:
    """Say a name of ours that stands in the data, such as that of a baseline.

    It may come from a stranger's file: nothing is filled into it, what is unknown stays, and unlike
    what templates call ``_`` it is text, which a page escapes.
    """
    return _(value)


def in_english(text: str) -> str:
    """Say in English what was written in any language: some of its words tell what was done."""
    if not isinstance(text, Said):
        return text
    with speaking(ENGLISH):
        return text.again()


def metric(name: str) -> str:
    """Name what is compared.

    Examples
    --------
    >>> metric("balanced_accuracy"), metric("top_5")
    ('balanced accuracy', 'top 5')
    """
    return _(METRICS[name]) if name in METRICS else name.replace("_", " ")


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
    return unit.into(FINDINGS[kind]) if kind in FINDINGS else kind.capitalize()


def long(text: str) -> bool:
    """Whether a text is so long that a page shows only its beginning, until it is asked."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide > LONG or text.count("\n") > 4


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
    return commas(dict.fromkeys(finding(f["kind"], unit) for f in findings))


def hardest(rows: Sequence[ClassRow]) -> str:
    """Name the classes with the lowest F1, and those that are clearly weak.

    Parameters
    ----------
    rows : sequence of ClassRow
        The hardest first.
    """
    hard = [row for row in rows if row.f1 is not None and row.f1 < 1][:NAMED]
    if not hard:
        return _("No class is: on the held-out part all were named correctly.")
    found = commas(
        row.name
        if row.recall is None
        else _("{name} ({recall:.1%} found)", name=row.name, recall=row.recall)
        for row in hard
    )
    return sentences(_("Hardest: {classes}.", classes=found), _weak(rows))


def _weak(rows: Sequence[ClassRow]) -> str:
    weak = [row.name for row in rows if row.weak]
    first, more = commas(weak[:NAMED]), len(weak) - NAMED
    if not weak:
        return _("None is clearly below the accuracy of all together.")
    if more <= 0:
        return _("Clearly below the accuracy of all together: {classes}.", classes=first)
    return _n(
        "Clearly below the accuracy of all together: {classes} and {n} more.",
        "Clearly below the accuracy of all together: {classes} and {n} more.",
        more,
        classes=first,
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
        return _("No mistake at all on the {held} held out.", held=unit.count(n))
    wrong, most = n - int(np.trace(confusion)), mixups[0]
    return sentences(
        _n(
            "{n:,} of {held} held out was called something else.",
            "{n:,} of {held} held out were called something else.",
            wrong,
            held=unit.count(n),
        ),
        _n(
            "Most often {truth} was called {answer} ({n:,} time).",
            "Most often {truth} was called {answer} ({n:,} times).",
            most.count,
            truth=most.truth,
            answer=most.said,
        ),
    )


def head(kind: str, unit: Unit) -> str:
    """Say what a head does."""
    return unit.into(HEADS[kind]) if kind in HEADS else kind


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
        return _("No verdict on transfer: nothing was pretrained.")
    if verdict is None:
        return _("No verdict: there was nothing to compare with.")
    if verdict.get("withheld"):
        return _("No verdict: a class has too few groups.")
    if verdict["decision"] == "cannot tell":
        return _("We cannot tell whether pretraining helps.")
    points = 100 * abs(verdict["gain"])
    if verdict["decision"] != "helps":
        return _("Pretraining hurts: {points:.1f} points worse.", points=points)
    if verdict.get("caution"):
        return _("{points:.1f} points better, perhaps by a shortcut.", points=points)
    return _("Pretraining helps: {points:.1f} points better.", points=points)


def expectation(estimate: dict[str, Any], unit: Unit) -> str:
    """Say an accuracy and its interval as numbers of examples.

    Examples
    --------
    >>> expectation({"accuracy": 0.87, "accuracy_ci95": [0.79, 0.922]}, Unit("row", "rows"))
    'Of 100 new rows like these, expect about 87 to be named correctly; 79 to 92 is plausible.'
    """
    low, high = (round(100 * x) for x in estimate["accuracy_ci95"])
    about = round(100 * estimate["accuracy"])
    if about == 100:
        return _(
            "Of 100 new {many} like these, expect nearly all to be named correctly; {low} to "
            "{high} is plausible.",
            many=unit.many,
            low=low,
            high=high,
        )
    return _(
        "Of 100 new {many} like these, expect about {about} to be named correctly; {low} to "
        "{high} is plausible.",
        many=unit.many,
        about=about,
        low=low,
        high=high,
    )


def protocol(text: str, unit: Unit, *, trained: bool = False) -> str:
    """Explain how examples were held out, from the words ``judge.plan`` chose.

    Parameters
    ----------
    trained : bool
        Not only a head was fitted, the network was trained too.
    """
    text = in_english(text)
    if text.startswith("test set"):
        return _(
            "You set a test set apart. The model never saw it while learning; it was asked about "
            "each of its {many} once, at the very end.",
            many=unit.many,
        )
    if "held-out fifth" in text:
        return _(
            "A fifth of the {many} was drawn at random and set apart. The model never saw it "
            "while learning and was asked about each of its {many} once.",
            many=unit.many,
        )
    folds = re.search(r"(?:(\d+) x )?(\d+) folds", text)
    times, parts = (folds.group(1), folds.group(2)) if folds else (None, "5")
    return sentences(
        _(
            "This is cross-validation: the {many} are dealt into {parts} parts (folds), and each "
            "part in turn is held out while the model is made from the others and then asked "
            "about it.",
            many=unit.many,
            parts=parts,
        ),
        _("So every {one} is tested, and never by a model that learned from it.", one=unit.one),
        _(
            "All of this was done {times} times with new parts, because the set is small.",
            times=times,
        )
        if times
        else "",
        _nested(trained=trained) if "nested" in text else "",
        _("Every part has all classes in about the same shares (stratified).")
        if "stratified" in text
        else "",
        _("Copies, and {many} of one group, stay in the same part (grouped).", many=unit.many)
        if "grouped" in text
        else "",
    )


def _nested(*, trained: bool) -> str:
    if trained:
        return _(
            "Choosing the head and training happen anew inside every round (nested), so it cannot "
            "cheat."
        )
    return _("Choosing the head happens anew inside every round (nested), so it cannot cheat.")


def how_tested(text: str, unit: Unit) -> str:
    """Explain the statistical test behind a verdict."""
    if "McNemar" in in_english(text):
        return _(
            "It looks only at the {many} on which one of the two models is right and the other "
            "wrong, and asks whether one of them wins too often for chance.",
            many=unit.many,
        )
    return _(
        "It compares the two models part by part, on the same {many}, and allows for the fact "
        "that the parts share training {many}, which makes plain averages look too sure.",
        many=unit.many,
    )


def more(curve: Sequence[dict[str, Any]], unit: Unit) -> str:
    """Say what the learning curve promises for more examples."""
    if len(curve) < 2:
        return _("There are too few {many} to draw the curve.", many=unit.many)
    before, last = curve[-2], curve[-1]
    rise = 100 * (last["accuracy"] - before["accuracy"])
    grown = {"few": before["n_train"], "now": last["n_train"], "many": unit.many}
    if rise >= 1.5:
        return _(
            "From {few:,} to {now:,} {many} the accuracy rose by {rise:.1f} points and is still "
            "rising: more labelled {many} will probably help.",
            rise=rise,
            **grown,
        )
    if rise >= 0.5:
        return _(
            "From {few:,} to {now:,} {many} the accuracy rose by {rise:.1f} points: it still "
            "creeps up, and many more {many} would be needed for a clear gain.",
            rise=rise,
            **grown,
        )
    return _(
        "From {few:,} to {now:,} {many} the accuracy changed by {rise:+z.1f} points: the curve is "
        "flat, so more {many} of the same kind will hardly help. Different {many}, or better "
        "labels, might.",
        rise=rise,
        **grown,
    )


def trust(
    bins: Sequence[dict[str, float]], ece: float, ece_ci95: Sequence[float] | None = None
) -> str:
    """Say whether stated confidences can be believed; the interval where it was measured."""
    counts = np.array([b["count"] for b in bins])
    stated = float(np.average([b["confidence"] for b in bins], weights=counts))
    right = float(np.average([b["accuracy"] for b in bins], weights=counts))
    lean = next(said for most, said in LEANS.items() if 100 * (stated - right) <= most)
    return sentences(
        _(
            "It says {stated:.0%} on average and is right {right:.0%} of the time.",
            stated=stated,
            right=right,
        ),
        _(lean),
        calibration(ece, ece_ci95),
    )


def calibration(ece: float, ci95: Sequence[float] | None) -> str:
    """Say the calibration error, with its interval where that was measured."""
    if not ci95:
        return _(
            "Over all levels of confidence the two differ by {points:z.1f} points (the "
            "calibration error).",
            points=100 * ece,
        )
    return _(
        "Over all levels of confidence the two differ by {points:z.1f} points (the calibration "
        "error, 95 % interval {low:z.1f} to {high:z.1f}).",
        points=100 * ece,
        low=100 * ci95[0],
        high=100 * ci95[1],
    )


def used(n: dict[str, int]) -> str:
    """Say how many examples there were, and what they were for.

    Examples
    --------
    >>> used({"train": 1200, "test": 0, "skipped": 3})
    '1,200 to learn from, 3 unreadable'
    """
    parts = [_("{n:,} to learn from", n=n["train"])]
    if n["test"]:
        parts.append(_("{n:,} to test", n=n["test"]))
    if n["skipped"]:
        parts.append(_("{n:,} unreadable", n=n["skipped"]))
    return commas(parts)


def sureness(confidence: float) -> str:
    """Say a confidence without ever claiming certainty.

    Examples
    --------
    >>> sureness(0.871), sureness(0.9993)
    ('87%', 'over 99%')
    """
    return _("over 99%") if confidence > 0.99 else notation.percent(confidence, 0)


def doubt(probability: float) -> str:
    """Say a small probability without ever claiming impossibility.

    Examples
    --------
    >>> doubt(0.0004), doubt(0.083)
    ('under 1%', '8%')
    """
    return _("under 1%") if probability < 0.01 else notation.percent(probability, 0)


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
        return _("{seconds:.2g} s", seconds=seconds)
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return _("{seconds:.2g} s", seconds=rest)
    return _("{minutes} min {seconds} s", minutes=minutes, seconds=rest)


def amount(n: int) -> str:
    """Say a large count roughly.

    Examples
    --------
    >>> amount(3371008), amount(6405)
    ('3.4 million', '6,405')
    """
    if n < 1_000_000:
        return number(n, ",")
    from babel.numbers import format_compact_decimal  # languages count in steps of their own

    code = in_force().code
    return format_compact_decimal(n, format_type="long", locale=code, fraction_digits=1)


def day(moment: str) -> str:
    """Say the date of an ISO time.

    Examples
    --------
    >>> day("2026-11-05T04:04:08+00:00")
    '5 November 2026'
    """
    return written(datetime.fromisoformat(moment))
