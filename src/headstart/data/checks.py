"""Checks before training: what is wrong with a dataset that a score would hide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.dataset import Dataset
from headstart.data.spellings import plain
from headstart.errors import DataError
from headstart.findings import Finding
from headstart.modalities import Modality, Unit
from headstart.modalities.copies import Copies, linked


def check_classes(dataset: Dataset) -> list[Finding]:
    """Refuse what cannot be learned from; report imbalance.

    Raises
    ------
    DataError
        Fewer than two classes in training, a class with one training example or none at all, or
        test classes that training lacks.
    """
    names, unit = dataset.classes, dataset.modality.unit
    train = np.bincount(dataset.labels[~dataset.is_test], minlength=len(names))
    test = np.bincount(dataset.labels[dataset.is_test], minlength=len(names))
    empty = [names[c] for c in np.flatnonzero(train + test == 0)]
    if empty:
        raise DataError(
            f"{_count(empty, 'class')} without a usable {unit.one}: "
            f"{', '.join(map(repr, empty[:5]))}.",
            f"Repair or add {unit.many}, or remove the class.",
        )
    unseen = [names[c] for c in np.flatnonzero((train == 0) & (test > 0))]
    if unseen:
        known = {plain(names[c]): names[c] for c in np.flatnonzero(train)}
        near = [known[plain(name)] for name in unseen if plain(name) in known]
        written = f"Training writes {', '.join(map(repr, near))}: write them in one way. "
        raise DataError(
            f"The test set has classes that training lacks: {', '.join(map(repr, unseen))}.",
            (written if near else "")
            + f"Add training {unit.many} of them, or take them out of the test set.",
        )
    present = np.flatnonzero(train)
    if len(present) < 2:
        only = f"only one class: {names[present[0]]!r}" if len(present) else "no class"
        raise DataError(
            f"There is {only} to train on.",
            "Classification needs at least two: one folder per class, or a label column with two "
            "or more values.",
        )
    single = [names[c] for c in present if train[c] == 1]
    if single:
        raise DataError(
            f"{_count(single, 'class')} with a single training {unit.one}: "
            f"{', '.join(map(repr, single[:5]))}.",
            f"One {unit.one} cannot be both learned from and held out: add some, or remove the "
            "class.",
        )
    return _imbalance(dict(zip(names, train.tolist(), strict=True)))


def _imbalance(counts: dict[str, int]) -> list[Finding]:
    largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    ratio = counts[largest] / counts[smallest]
    if ratio <= 3:
        return []
    share = counts[largest] / sum(counts.values())
    return [
        Finding(
            "imbalance",
            "warning" if ratio > 10 else "info",
            f"Classes are unbalanced: {counts[largest]} of {largest!r}, {counts[smallest]} of "
            f"{smallest!r}. Always answering {largest!r} would be right {share:.0%} of the time. "
            "Look at the balanced accuracy; --balanced weighs the classes equally.",
            {"counts": counts, "ratio": round(ratio, 2), "majority_share": round(share, 4)},
        )
    ]


FEW = 10
"""Examples of a class below which a single one moves what is said of it by over ten points."""


def check_originals(dataset: Dataset, component: NDArray[np.int64]) -> list[Finding]:
    """Refuse classes that are one original, copied; say what few of them can tell.

    Parameters
    ----------
    component : ndarray of int64, shape (n,)
        Equal for copies of one original.

    Raises
    ------
    DataError
        Copies stay together, so such a class cannot be both learned from and held out.
    """
    names, unit = dataset.classes, dataset.modality.unit
    original = dataset.modality.original or unit

    def count(part: NDArray[np.bool_]) -> list[int]:
        return [len(np.unique(component[part & (dataset.labels == c)])) for c in range(len(names))]

    learned = count(~dataset.is_test)
    single = [names[c] for c, n in enumerate(learned) if n == 1]
    if single:
        raise DataError(
            f"{_count(single, 'class')} with copies of a single {original.one} alone: "
            f"{', '.join(map(repr, single[:5]))}.",
            f"One {original.one} cannot be both learned from and held out: add others, or remove "
            "the class.",
        )
    scored = count(dataset.is_test) if dataset.is_test.any() else learned
    return _few(dict(zip(names, scored, strict=True)), original, dataset.is_test.any())


def _few(scored: dict[str, int], original: Unit, in_test: np.bool_) -> list[Finding]:
    """Say what the score of a class can mean that is measured on very few originals."""
    few = {name: n for name, n in scored.items() if 0 < n < FEW}
    if not few:
        return []
    least = min(few, key=few.__getitem__)
    n = few[least]
    named = ", ".join(f"{name!r} ({n})" for name, n in list(few.items())[:5])
    more = f", and {len(few) - 5} more" if len(few) > 5 else ""
    where = " in the test set" if in_test else ""
    at_least = 0.025 ** (1 / n)  # the exact 95 % interval of n out of n
    text = (
        f"{_count([*few], 'class')} with fewer than ten {original.many}{where}: {named}{more}. One "
        f"{original.one} more or less that is right moves the recall of {least!r} by "
        f"{100 / n:.0f} points and the balanced accuracy by {100 / n / len(scored):.1f}; even all "
        f"{n} right would only say that its recall is over {at_least:.0%}."
    )
    return [Finding("few", "info", text, {"counts": few})]


def check_copies(dataset: Dataset, copies: Copies) -> tuple[NDArray[np.bool_], list[Finding]]:
    """Report copies; decide which training examples must go because the test set has them too.

    Returns
    -------
    keep : ndarray of bool, shape (n,)
        False for training examples of which the test set has a copy. One that is turned over goes
        only if the label agrees: arrows to the left are mirrored arrows to the right.
    findings : list of Finding
    """
    original = dataset.modality.original or dataset.modality.unit
    keep = np.ones(len(dataset), dtype=bool)
    clusters = copies.clusters()
    across: list[list[str]] = []
    conflicts: list[list[str]] = []
    for rows in clusters:
        leaks = _leaks(dataset, copies, rows)
        if len(leaks):
            keep[leaks] = False
            across.append([dataset.refs[i] for i in rows])
        for same in _groups(rows, copies.unturned[rows]):
            if len(np.unique(dataset.labels[same])) > 1:
                conflicts.append([f"{dataset.refs[i]} ({_name(dataset, i)})" for i in same])
    findings = []
    if clusters:
        named = [[dataset.refs[i] for i in rows] for rows in clusters]
        exact = sum(len(rows) - len(np.unique(copies.exact[rows])) for rows in clusters)
        extra = sum(len(rows) - 1 for rows in clusters)
        turned = sum(len(np.unique(copies.unturned[rows])) - 1 for rows in clusters)
        findings.append(
            Finding(
                "duplicates",
                "warning" if across else "info",
                _copies_message(
                    dataset.modality, named, (extra, exact, turned), across, int((~keep).sum())
                ),
                {
                    "pictures": len(clusters),
                    "copies": extra,
                    "exact": exact,
                    "turned": turned,
                    "across_train_and_test": len(across),
                    "left_out_of_training": int((~keep).sum()),
                    "files": named[:50],
                },
            )
        )
    if conflicts:
        findings.append(
            Finding(
                "conflicts",
                "warning",
                f"{original.count(len(conflicts))} carr{'y' if len(conflicts) > 1 else 'ies'} "
                f"different labels in different copies (first: {', '.join(conflicts[0][:3])}). "
                "At most one can be right: correct them.",
                {"count": len(conflicts), "files": conflicts[:50]},
            )
        )
    return keep, findings


def _leaks(dataset: Dataset, copies: Copies, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Training examples, among copies of one thing, from which the test set would be known."""
    test = dataset.is_test[rows]
    upright, labels = copies.unturned[rows], dataset.labels[rows]
    told = np.isin(upright, upright[test]) | np.isin(labels, labels[test])
    return rows[told & ~test]


def _groups(rows: NDArray[np.int64], numbers: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[numbers == number] for number in np.unique(numbers)]


def _copies_message(
    modality: Modality[Any, Any],
    named: list[list[str]],
    counts: tuple[int, int, int],
    across: list[list[str]],
    dropped: int,
) -> str:
    unit, (extra, exact, turned) = modality.unit, counts
    original = modality.original or unit
    text = f"{extra} {unit.of(extra)} {'are copies' if extra > 1 else 'is a copy'} of others "
    over = f", {turned} of them {modality.turned}" if turned else ""
    text += f"({exact} exact, {extra - exact} near{over}; first: {' = '.join(named[0][:3])}). "
    if not across:
        return text + "Copies are kept on one side of every split."
    return text + (
        f"{original.count(len(across))} of the test set occur{'s' if len(across) == 1 else ''} in "
        f"training too (first: {' = '.join(across[0][:3])}); {dropped} training "
        f"{unit.of(dropped)} {'were' if dropped > 1 else 'was'} left out so that the test stays "
        "honest."
    )


def check_test_size(dataset: Dataset) -> list[Finding]:
    """Warn where the given test set is too small to say much."""
    n = int(dataset.is_test.sum())
    if not 0 < n < 100:
        return []
    unit = dataset.modality.unit
    return [
        Finding(
            "small_test",
            "info",
            f"The test set has {n} {unit.many}: its accuracy is known to about "
            f"±{100 * 0.98 / np.sqrt(n):.0f} points at worst. Without a test folder, "
            f"cross-validation would use every {unit.one}.",
            {"n": n},
        )
    ]


def merge_groups(copies: NDArray[np.int64], groups: NDArray[np.str_] | None) -> NDArray[np.int64]:
    """Join copies and the user's groups: rows linked by either stay together."""
    if groups is None:
        return copies
    ids = np.unique(groups, return_inverse=True)[1]
    offset = int(copies.max()) + 1
    return linked([np.stack([copies, ids + offset])], offset + int(ids.max()) + 1)[copies]


def check_groups(dataset: Dataset, groups: NDArray[np.int64]) -> list[Finding]:
    """Refuse too few of the user's groups to hold any out; report where they hide something.

    Parameters
    ----------
    groups : ndarray of int, shape (n,)
        As ``merge_groups`` returns them.

    Raises
    ------
    DataError
        Fewer than three groups to train on, or two where there is a test set.
    """
    if dataset.groups is None:
        return []
    train = ~dataset.is_test
    n, least = len(np.unique(groups[train])), 2 if dataset.is_test.any() else 3
    if n < least:
        raise DataError(
            f"All training {dataset.modality.unit.many} are of {_count([*range(n)], 'group')}, so "
            "no group can be held out and the rest learned from.",
            f"Give at least {least} groups, better 10 or more; or leave --groups and --groups-from "
            "out.",
        )
    return [*_shared_groups(dataset, groups), *_lone_groups(dataset, groups)]


def _shared_groups(dataset: Dataset, groups: NDArray[np.int64]) -> list[Finding]:
    test = dataset.is_test
    both = np.intersect1d(groups[test], groups[~test])
    if not len(both):
        return []
    assert dataset.groups is not None
    first = dataset.groups[test & (groups == both[0])][0]
    text = (
        f"{_count([*both], 'group')} of the test set occur{'s' if len(both) == 1 else ''} in "
        f"training too (first: {str(first)!r}): the test says little about new groups. Split by "
        "group, or leave the test folder out so that headstart does."
    )
    return [Finding("groups", "warning", text, {"across_train_and_test": len(both)})]


def _lone_groups(dataset: Dataset, groups: NDArray[np.int64]) -> list[Finding]:
    train = ~dataset.is_test
    lone = [
        name
        for c, name in enumerate(dataset.classes)
        if len(np.unique(groups[train & (dataset.labels == c)])) == 1
    ]
    if not lone or dataset.is_test.any():
        return []
    text = (
        f"{_count(lone, 'class')} with a single group: {', '.join(map(repr, lone[:5]))}. When that "
        "group is held out nothing is left to learn the class from, so its "
        f"{dataset.modality.unit.many} count as wrong."
    )
    return [Finding("groups", "warning", text, {"classes_of_one_group": lone})]


def _count(things: Sequence[object], noun: str) -> str:
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{len(things)} {noun if len(things) == 1 else plural}"


def _name(dataset: Dataset, row: int) -> str:
    return dataset.classes[int(dataset.labels[row])]
