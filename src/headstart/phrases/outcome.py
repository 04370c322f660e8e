"""What came of a trial, as plain values: scores with intervals, the verdict, documents to show."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.judge.holm import holm
from headstart.judge.verdict import Comparison, decide, from_answers, from_test_set
from headstart.phrases.cutting import Phrase
from headstart.phrases.extractor import Answer
from headstart.phrases.stems import key
from headstart.phrases.trial import AT, COUNTING, FIXED, FOLDS, OURS, TRAINED, Trial
from headstart.tasks.keywords import bootstrap

MEASURES: dict[str, tuple[int | None, bool]] = {
    "f1_5": (5, False),
    "f1_10": (10, False),
    "f1_m": (None, False),
    "f1_5_exact": (5, True),
    "f1_10_exact": (10, True),
    "f1_m_exact": (None, True),
}
"""How many keywords are looked at, and whether they must agree to the letter, not in stems only."""
NETWORK = (TRAINED, OURS, FIXED)
"""Ways with a network, the deepest first; all others are rivals."""
EXAMPLES = 6
"""Documents that are shown: half of them the best, half the worst."""
SHOWN = 1_500
"""Characters of a document that are shown."""


def ours(trial: Trial) -> str:
    """Name the way the verdict is about: the deepest that was asked for and could be learned."""
    return next(name for name in NETWORK if name in trial.answers)


def kept(trial: Trial) -> str:
    """Name the way that is kept: of those with a network the best on held-out documents."""
    there = [name for name in NETWORK if name in trial.answers]
    return max(there, key=lambda name: float(trial.f1(name, AT).mean()))


def scores_of(trial: Trial) -> list[dict[str, Any]]:
    """Score every way: ours first, then fixed weights, then the rivals, the best first."""
    rows: list[dict[str, Any]] = []
    for name in trial.answers:
        row: dict[str, Any] = {"name": name, "network": name in NETWORK}
        for measure, (at, exact) in MEASURES.items():
            found = trial.f1(name, at, exact=exact)
            row[measure] = float(found.mean())
            row[f"{measure}_ci95"] = list(bootstrap(found, trial.groups))
        row["given"] = float(np.mean([one.many for one in trial.answers[name]]))
        rows.append(row)
    first = ours(trial)
    return sorted(rows, key=lambda r: (r["name"] != first, not r["network"], -r["f1_10"]))


def verdict_of(trial: Trial) -> dict[str, Any]:
    """Compare ours with every rival, document by document; the verdict is about the best of them.

    The best rival is the one with the highest score on these very documents, so that a gain over it
    is if anything too small.
    """
    own = ours(trial)
    mine = trial.f1(own, AT)
    gains = {
        name: _compared(trial, mine, trial.f1(name, AT))
        for name in trial.answers
        if name not in NETWORK
    }
    best = max(gains, key=lambda name: float(trial.f1(name, AT).mean()))
    adjusted = dict(zip(gains, holm([one.p for one in gains.values()]), strict=True))
    headline = gains[best]
    return {
        "way": own,
        "rival": best,
        "decision": headline.decision,
        **_plain(headline),
        "detectable": headline.detectable,
        "test": headline.test,
        "metric": f"F1@{AT}",
        "rivals": [
            {"name": name, **_plain(one), "p": p, "decision": decide(one.gain, p)}
            for (name, one), p in zip(gains.items(), adjusted.values(), strict=True)
        ],
        "learning": _over(trial, mine, FIXED) if own != FIXED else None,
        "training": _over(trial, mine, OURS) if own == TRAINED else None,
    }


def _over(trial: Trial, mine: NDArray[np.float64], other: str) -> dict[str, Any]:
    """Compare ours with another way with the network."""
    found = _compared(trial, mine, trial.f1(other, AT))
    return {**_plain(found), "decision": found.decision}


def _compared(trial: Trial, mine: NDArray[np.float64], other: NDArray[np.float64]) -> Comparison:
    groups = None if len(np.unique(trial.groups)) == len(trial.groups) else trial.groups
    metric = f"F1@{AT}"
    if COUNTING in trial.answers:
        return from_answers((mine - other)[None], FOLDS, groups=groups, metric=metric)
    return from_test_set(mine, other, groups=groups, metric=metric)


def _plain(one: Comparison) -> dict[str, Any]:
    return {"gain": one.gain, "gain_ci95": list(one.gain_ci95), "p": one.p}


def examples_of(trial: Trial) -> list[dict[str, Any]]:
    """Show the documents with the best and the worst F1@10, what was found in them and missed."""
    name = ours(trial)
    found = trial.f1(name, AT)
    order = np.argsort(-found, kind="stable")
    half = min(EXAMPLES // 2, len(order) // 2)
    best = order[:half].tolist()
    worst = order[::-1][: min(EXAMPLES - half, len(order) - half)].tolist()
    rows = [(k, True) for k in best] + [(k, False) for k in worst]
    return [
        {"best": good, "f1": float(found[k]), **_shown(trial, trial.answers[name][k], k)}
        for k, good in rows
    ]


def _shown(trial: Trial, answer: Answer, k: int) -> dict[str, Any]:
    document = trial.documents[k]
    given = [answer.cut.phrases[place] for place in answer.order[:AT]]
    golds = {key(gold, answer.cut.language): gold for gold in document.gold}
    right = {one.key for one in given} & set(golds)
    missed = {name: gold for name, gold in golds.items() if name not in right}
    there = {one.key: one for one in trial.parts[k].phrases}
    found = [(one, "found" if one.key in right else "wrong") for one in given]
    marks = [*found, *((there[name], "missed") for name in missed if name in there)]
    return {
        "ref": document.ref,
        "language": answer.cut.language,
        "pieces": pieces(document.text, marks),
        "cut": len(document.text) > SHOWN,
        "keywords": [
            {"text": one.text, "score": float(answer.scores[place]), "right": one.key in right}
            for one, place in zip(given, answer.order, strict=False)
        ],
        "missed": [gold for name, gold in missed.items() if name in there],
        "absent": [gold for name, gold in missed.items() if name not in there],
    }


def pieces(text: str, marks: list[tuple[Phrase, str]]) -> list[dict[str, str]]:
    """Cut a text into pieces that are marked, and others; what overlaps goes to the longer one.

    Examples
    --------
    >>> one = Phrase("graph", "graph", 1, 1, 1, 1, True, True, ((2, 7),))
    >>> pieces("A graph.", [(one, "found")])
    [{'text': 'A ', 'mark': ''}, {'text': 'graph', 'mark': 'found'}, {'text': '.', 'mark': ''}]
    """
    spans = [(start, end, mark) for one, mark in marks for start, end in one.spans]
    taken: list[tuple[int, int, str]] = []
    for span in sorted(spans, key=lambda s: (s[2] == "missed", s[0] - s[1], s[0])):
        if span[1] <= SHOWN and all(span[1] <= a or span[0] >= b for a, b, _mark in taken):
            taken.append(span)
    found, at = list[dict[str, str]](), 0
    for start, end, mark in [*sorted(taken), (min(len(text), SHOWN), min(len(text), SHOWN), "")]:
        if start > at:
            found.append({"text": text[at:start], "mark": ""})
        if end > start:
            found.append({"text": text[start:end], "mark": mark})
        at = max(at, end)
    return found
