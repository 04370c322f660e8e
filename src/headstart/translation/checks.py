"""What may be wrong with pairs: sides that are blank, alike, swapped, or do not belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.findings import Finding
from headstart.modalities.text.digest import TextDigest
from headstart.modalities.text.language import language_of
from headstart.said import _, _n, listed, sentences
from headstart.translation.pairs import Pairs

LOOKED_AT = 400
"""Pairs by which languages are told."""
SURE = 0.6
"""Share of pieces whose language is told, from which on it is that of the side (plain choice)."""
TOLD = 5
"""Pieces whose language must be told before it counts."""
TOGETHER = 8
"""Sentences that are put together into a piece: of one short sentence no language can be told."""
FAR = 4.0
"""Times the usual ratio of lengths, from which on two sentences are no translations of each other
(Moses' clean-corpus-n.perl takes 9 for words; plain choice for characters)."""
LONG = 20
"""Characters that one of them must have for that."""
WINDOW, SHIFTS = 100, (-2, -1, 1, 2)
"""Pairs in a row in which lines are compared with their neighbours', and by how many lines."""
FITS, APART = 0.5, 0.4
"""Correlation of lengths that lines moved by one must have, and by how much it must be better than
as they stand: of 100 pairs in a row the correlation of chance has a deviation of 0.1."""
Places = Sequence[int]


def clean(pairs: Pairs, digests: tuple[list[TextDigest], list[TextDigest]]) -> tuple[
    Pairs, list[int], list[Finding]
]:  # fmt: skip
    """Leave out what teaches nothing, and say so.

    Parameters
    ----------
    digests : (list of TextDigest, list of TextDigest)
        Of the sources and of the targets.

    Returns
    -------
    pairs : Pairs
    rows : list of int
        The places of those that are kept.
    findings : list of Finding

    Raises
    ------
    DataError
        Nothing is left.
    """
    found: list[Finding] = []
    rows = list(range(len(pairs)))
    steps: tuple[tuple[str, str, Callable[[Places], list[int]], Callable[[int, str], str]], ...] = (
        ("blank", "warning", lambda rows: _blank(pairs, rows), _say_blank),
        ("untranslated", "warning", lambda rows: _same(digests, rows), _say_same),
        ("duplicates", "info", lambda rows: _twice(digests, rows), _say_twice),
        ("misaligned", "warning", lambda rows: _far(pairs, rows), _say_far),
    )
    for kind, severity, finds, say in steps:
        bad = finds(rows)
        if bad:
            numbers = [pairs.numbers[i] for i in bad]
            message = say(len(bad), listed(map(str, numbers[:3])))
            found.append(
                Finding(kind, severity, message, {"pairs": len(bad), "rows": numbers[:20]})
            )
            gone = set(bad)
            rows = [i for i in rows if i not in gone]
    if not rows:
        raise DataError(
            _("{name}: no pair is left of {n:,}.", name=pairs.name, n=len(pairs)),
            sentences(*(one.message for one in found)),
        )
    kept = pairs.take(rows)
    return kept, rows, [*found, *_several(kept)]


def _blank(pairs: Pairs, rows: Places) -> list[int]:
    return [i for i in rows if not pairs.source[i].strip() or not pairs.target[i].strip()]


def _same(digests: tuple[list[TextDigest], list[TextDigest]], rows: Places) -> list[int]:
    ours, theirs = digests
    return [
        i
        for i in rows
        if len(ours[i].text) >= LONG and ours[i].text.casefold() == theirs[i].text.casefold()
    ]


def _twice(digests: tuple[list[TextDigest], list[TextDigest]], rows: Places) -> list[int]:
    ours, theirs = digests
    seen: set[tuple[str, str]] = set()
    again = []
    for i in rows:
        one = (ours[i].text, theirs[i].text)
        if one in seen:
            again.append(i)
        seen.add(one)
    return again


def _far(pairs: Pairs, rows: Places) -> list[int]:
    if len(rows) < TOLD:
        return []
    ratio = _log_ratio(pairs, rows)
    far = np.abs(ratio - np.median(ratio)) > np.log(FAR)
    longest = [max(len(pairs.source[i]), len(pairs.target[i])) for i in rows]
    return [i for i, off, n in zip(rows, far, longest, strict=True) if off and n >= LONG]


def _log_ratio(pairs: Pairs, rows: Places) -> NDArray[np.float64]:
    return np.log([len(pairs.target[i]) / len(pairs.source[i]) for i in rows])


def _say_blank(n: int, where: str) -> str:
    return _n(
        "{n:,} pair has a blank side and was left out (first: {where}).",
        "{n:,} pairs have a blank side and were left out (first: {where}).",
        n,
        where=where,
    )


def _say_same(n: int, where: str) -> str:
    return _n(
        "{n:,} pair says the same on both sides, so nothing was translated; it was left out "
        "(first: {where}).",
        "{n:,} pairs say the same on both sides, so nothing was translated; they were left out "
        "(first: {where}).",
        n,
        where=where,
    )


def _say_twice(n: int, where: str) -> str:
    return _n(
        "{n:,} pair stands there before and was left out (first: {where}).",
        "{n:,} pairs stand there before and were left out (first: {where}).",
        n,
        where=where,
    )


def _say_far(n: int, where: str) -> str:
    return _n(
        "{n:,} pair has sides whose lengths do not fit and was left out (first: {where}): is it a "
        "translation?",
        "{n:,} pairs have sides whose lengths do not fit and were left out (first: {where}): are "
        "they translations?",
        n,
        where=where,
    )


def _several(pairs: Pairs) -> list[Finding]:
    """Say how many sentences have several translations: a score knows one of them."""
    by_source: dict[str, set[str]] = {}
    for ours, theirs in zip(pairs.source, pairs.target, strict=True):
        by_source.setdefault(ours, set()).add(theirs)
    n = sum(len(one) > 1 for one in by_source.values())
    if not n:
        return []
    message = _n(
        "{n:,} sentence has several translations. All are learned from; in the test the first "
        "counts, so a good translation may score low.",
        "{n:,} sentences have several translations. All are learned from; in the test the first "
        "counts, so good translations may score low.",
        n,
    )
    return [Finding("several", "info", message, {"sentences": n})]


def refuse_shifted(pairs: Pairs) -> None:
    """Raise ``DataError`` where lines fit the lengths of their neighbours, not their own.

    Sentences that are translations are long together. Where a line is missing in one file, those
    after it are compared with the wrong ones: then the lengths agree one line further.
    """
    there = [bool(a) and bool(b) for a, b in zip(pairs.source, pairs.target, strict=True)]
    if len(pairs) < WINDOW or sum(there) < WINDOW:
        return
    ours = np.log([max(len(text), 1) for text in pairs.source])
    theirs = np.log([max(len(text), 1) for text in pairs.target])
    told: list[tuple[int, int]] = []
    starts = range(0, len(pairs) - WINDOW + 1, WINDOW)
    for start in starts:
        window = slice(start, start + WINDOW)
        own = _together(ours[window], theirs[window])
        moved = {by: _moved(ours, theirs, start, by) for by in SHIFTS}
        by = max(moved, key=lambda step: moved[step])
        if moved[by] > FITS and moved[by] - own > APART:
            told.append((start, by))
    counted = Counter(by for _start, by in told)
    if not told or counted.most_common(1)[0][1] < min(2, len(starts)):
        return
    by = counted.most_common(1)[0][0]
    start = next(start for start, step in told if step == by)
    raise DataError(
        _n(
            "{name}: from about row {row:,} on, sentences seem to stand beside the translation of "
            "another, {n} row away.",
            "{name}: from about row {row:,} on, sentences seem to stand beside the translation of "
            "another, {n} rows away.",
            abs(by),
            name=pairs.name,
            row=pairs.numbers[start],
        ),
        _("Look there for a line that is missing or stands twice on one side."),
    )


def _together(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the correlation; 0 where one of them does not vary."""
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _moved(ours: NDArray[np.float64], theirs: NDArray[np.float64], start: int, by: int) -> float:
    low, high = max(start, -by), min(start + WINDOW, len(ours) - by)
    return _together(ours[low:high], theirs[low + by : high + by])


def told_languages(pairs: Pairs) -> tuple[str, str]:
    """Tell the language of each side by its sentences; "" where it cannot be told."""
    step = max(1, len(pairs) // LOOKED_AT)
    return _told(pairs.source[::step]), _told(pairs.target[::step])


def _told(texts: Sequence[str]) -> str:
    pieces = (" ".join(texts[i : i + TOGETHER]) for i in range(0, len(texts), TOGETHER))
    counted = Counter(filter(None, map(language_of, pieces)))
    if counted.total() < min(TOLD, -(-len(texts) // TOGETHER)):
        return ""
    code, n = counted.most_common(1)[0]
    return code if n >= SURE * counted.total() else ""


def check_languages(pairs: Pairs) -> tuple[Pairs, list[Finding]]:
    """Hold the languages that were said against what the sentences look like.

    Raises
    ------
    DataError
        Source and target are swapped.
    """
    told, said = told_languages(pairs), pairs.languages
    if all(said) and said[0] != said[1] and told == (said[1], said[0]):
        raise DataError(
            _(
                "{name}: source and target are swapped: what should be {source!r} is {other!r}.",
                name=pairs.name,
                source=said[0],
                other=told[0],
            ),
            _("Swap the columns or files, or --source-language and --target-language."),
        )
    found = []
    for side, ours, looks in zip((_("source"), _("target")), said, told, strict=True):
        if ours and looks and ours != looks:
            message = _(
                "The {side} should be {said!r} and looks like {told!r}.",
                side=side,
                said=ours,
                told=looks,
            )
            found.append(Finding("languages", "warning", message, {"said": ours, "told": looks}))
    settled = (said[0] or told[0], said[1] or told[1])
    if settled[0] and settled[0] == settled[1]:
        message = _("Both sides look like {language!r}: is one of them a translation?",
                    language=settled[0])  # fmt: skip
        found.append(Finding("languages", "warning", message, {"both": settled[0]}))
    return replace(pairs, languages=settled), found
