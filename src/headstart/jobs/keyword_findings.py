"""What is said of documents and their gold keywords, beside the keywords that were found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from headstart.backbones import Card
from headstart.findings import Finding
from headstart.modalities.text.check import check_strange
from headstart.modalities.text.digest import TextDigest
from headstart.modalities.text.look import Tokens
from headstart.phrases.stop_words import UNSPACED, languages
from headstart.phrases.trial import FEWEST, Trial
from headstart.said import _n, sentences, tongue


@dataclass
class Seen:
    """What was seen of the documents while they were read.

    Attributes
    ----------
    documents, unreadable, empty, gold : int
        All; those that cannot be read, hold no phrase, and have gold keywords.
    long : int
        Those of which not all phrases were looked at.
    languages : Counter
    reasons : list of (str, str)
        What cannot be read, and why: the first three.
    """

    documents: int = 0
    unreadable: int = 0
    empty: int = 0
    gold: int = 0
    long: int = 0
    phrases: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    reasons: list[tuple[str, str]] = field(default_factory=list)


def findings(
    seen: Seen, trial: Trial | None, sample: list[TextDigest], card: Card
) -> Iterator[Finding]:
    """Say what takes from the keywords, or from the score."""
    if seen.unreadable:
        yield Finding("unreadable", "warning", *_unreadable(seen))
    if seen.empty:
        message = _n(
            "{n:,} document holds no phrase that could be a keyword.",
            "{n:,} documents hold no phrase that could be a keyword.",
            seen.empty,
        )
        yield Finding("note", "info", message, {"documents": seen.empty})
    if seen.long:
        message = _n(
            "{n:,} document is very long: of its phrases, those that come most often were looked "
            "at.",
            "{n:,} documents are very long: of their phrases, those that come most often were "
            "looked at.",
            seen.long,
        )
        yield Finding("note", "info", message, {"documents": seen.long})
    yield from _of_languages(seen)
    if sample and isinstance(card.look, Tokens):
        yield from check_strange(sample, card.look)
    if trial is not None:
        yield from _of_gold(trial, seen)
    elif seen.gold:
        message = _n(
            "{n} document has gold keywords: too few to judge by, or to learn from.",
            "{n} documents have gold keywords: too few to judge by, or to learn from.",
            seen.gold,
        )
        yield Finding("note", "warning", message, {"documents": seen.gold})


def _unreadable(seen: Seen) -> tuple[str, dict[str, object]]:
    ref, why = seen.reasons[0]
    message = _n(
        "{n:,} document cannot be read, and has no keywords ({ref}: {why}).",
        "{n:,} documents cannot be read, and have no keywords (first: {ref}: {why}).",
        seen.unreadable,
        ref=ref,
        why=why,
    )
    return message, {"count": seen.unreadable}


def _of_languages(seen: Seen) -> Iterator[Finding]:
    """Name languages that phrases cannot be cut in as they should."""
    known = languages()
    for code, n in seen.languages.most_common():
        if code in UNSPACED:
            message = _n(
                "{n:,} document is in {language}, which is written without spaces between words: "
                "what stands between punctuation marks counts as one phrase.",
                "{n:,} documents are in {language}, which is written without spaces between words: "
                "what stands between punctuation marks counts as one phrase.",
                n,
                language=tongue(code),
            )
        elif code not in known:
            message = _n(
                "{n:,} document is in {language}, for which there is no list of stop words: "
                "phrases were cut at punctuation alone.",
                "{n:,} documents are in {language}, for which there is no list of stop words: "
                "phrases were cut at punctuation alone.",
                n,
                language=tongue(code),
            )
        else:
            continue
        yield Finding("languages", "warning", message, {"language": code, "documents": n})


def _of_gold(trial: Trial, seen: Seen) -> Iterator[Finding]:
    """Say what of the gold keywords nobody can find, and what was not judged."""
    given, present = trial.present()
    if given > present:
        message = _n(
            "{absent:,} of {n:,} gold keyword does not stand in its document; it counts as missed, "
            "whoever looks.",
            "{absent:,} of {n:,} gold keywords do not stand in their documents; they count as "
            "missed, whoever looks.",
            given,
            absent=given - present,
        )
        yield Finding("note", "info", message, {"absent": given - present, "gold": given})
    copies = len(trial.groups) - len(np.unique(trial.groups))
    if copies:
        message = _n(
            "{n:,} document is a copy of another, or nearly; both are in one fold.",
            "{n:,} documents are copies of others, or nearly; they are in one fold with these.",
            copies,
        )
        yield Finding("duplicates", "info", message, {"documents": copies})
    if not trial.learns:
        message = _n(
            "{n:,} document with gold keywords is too little to learn from (from {least} on it is "
            "done); they judge fixed weights.",
            "{n:,} documents with gold keywords are too few to learn from (from {least} on it is "
            "done); they judge fixed weights.",
            len(trial.documents),
            least=FEWEST,
        )
        yield Finding("note", "info", message, {"documents": len(trial.documents)})
    if seen.gold > len(trial.documents):
        message = sentences(
            _n(
                "{n:,} document has gold keywords.",
                "{n:,} documents have gold keywords.",
                seen.gold,
            ),
            _n(
                "{n:,} of them was drawn to learn from and to judge by.",
                "{n:,} of them were drawn to learn from and to judge by.",
                len(trial.documents),
            ),
        )
        yield Finding("note", "info", message, {"documents": seen.gold})
