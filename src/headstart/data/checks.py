"""Checks before training: what is wrong with a dataset that a score would hide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.dataset import Dataset
from headstart.data.label_checks import few_labelled
from headstart.data.spellings import plain
from headstart.data.walk import first
from headstart.errors import DataError
from headstart.findings import Finding
from headstart.modalities import Modality, Unit
from headstart.modalities.copies import Copies, linked
from headstart.said import NN_, _, _n, commas, sentences
from headstart.tasks.labels import Labels


def check_classes(dataset: Dataset, *, least: int = 2) -> list[Finding]:
    """Refuse what cannot be learned from; report imbalance.

    Parameters
    ----------
    least : {1, 2}
        Training examples that every class needs.

    Raises
    ------
    DataError
        Fewer than two classes in training, a class with one training example or none at all, or
        test classes that training lacks.
    """
    if dataset.several:
        return few_labelled(dataset)
    names, unit = dataset.classes, dataset.modality.unit
    train = np.bincount(dataset.labels[~dataset.is_test], minlength=len(names))
    test = np.bincount(dataset.labels[dataset.is_test], minlength=len(names))
    empty = [names[c] for c in np.flatnonzero(train + test == 0)]
    if empty:
        raise DataError(
            _n(
                "{n} class without a usable {one}: {names}.",
                "{n} classes without a usable {one}: {names}.",
                len(empty),
                one=unit.one,
                names=_first(empty),
            ),
            _("Repair or add {many}, or remove the class.", many=unit.many),
        )
    unseen = [names[c] for c in np.flatnonzero((train == 0) & (test > 0))]
    if unseen:
        known = {plain(names[c]): names[c] for c in np.flatnonzero(train)}
        near = [known[plain(name)] for name in unseen if plain(name) in known]
        written = _(
            "Training writes {names}: write them in one way.", names=commas(map(repr, near))
        )
        raise DataError(
            _(
                "The test set has classes that training lacks: {names}.",
                names=commas(map(repr, unseen)),
            ),
            sentences(
                written if near else "",
                _(
                    "Add training {many} of them, or take them out of the test set.",
                    many=unit.many,
                ),
            ),
        )
    present = np.flatnonzero(train)
    if len(present) < 2:
        raise DataError(
            _("There is only one class: {name!r} to train on.", name=names[present[0]])
            if len(present)
            else _("There is no class to train on."),
            _(
                "Classification needs at least two: one folder per class, or a label column with "
                "two or more values."
            ),
        )
    single = [names[c] for c in present if train[c] < least]
    if single:
        raise DataError(
            _n(
                "{n} class with a single training {one}: {names}.",
                "{n} classes with a single training {one}: {names}.",
                len(single),
                one=unit.one,
                names=_first(single),
            ),
            _(
                "One {one} cannot be both learned from and held out: add some, or remove the "
                "class.",
                one=unit.one,
            ),
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
            _(
                "Classes are unbalanced: {most} of {largest!r}, {least} of {smallest!r}. Always "
                "answering {largest!r} would be right {share:.0%} of the time. Look at the "
                "balanced accuracy; --balanced weighs the classes equally.",
                most=counts[largest],
                largest=largest,
                least=counts[smallest],
                smallest=smallest,
                share=share,
            ),
            {"counts": counts, "ratio": round(ratio, 2), "majority_share": round(share, 4)},
        )
    ]


NAMED = 5
"""How many classes a sentence lists."""
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
    if dataset.several:  # see label_checks.learnable
        return []
    names, unit = dataset.classes, dataset.modality.unit
    original = dataset.modality.original or unit

    def count(part: NDArray[np.bool_]) -> list[int]:
        return [len(np.unique(component[part & (dataset.labels == c)])) for c in range(len(names))]

    learned = count(~dataset.is_test)
    single = [names[c] for c, n in enumerate(learned) if n == 1]
    if single:
        raise DataError(
            _n(
                "{n} class with copies of a single {one} alone: {names}.",
                "{n} classes with copies of a single {one} alone: {names}.",
                len(single),
                one=original.one,
                names=_first(single),
            ),
            _(
                "One {one} cannot be both learned from and held out: add others, or remove the "
                "class.",
                one=original.one,
            ),
        )
    scored = count(dataset.is_test) if dataset.is_test.any() else learned
    return _few(dict(zip(names, scored, strict=True)), original, bool(dataset.is_test.any()))


_FEW = NN_(
    "{n} class with fewer than ten {many}: {names}.",
    "{n} classes with fewer than ten {many}: {names}.",
)
_FEW_IN_TEST = NN_(
    "{n} class with fewer than ten {many} in the test set: {names}.",
    "{n} classes with fewer than ten {many} in the test set: {names}.",
)


def _few(scored: dict[str, int], original: Unit, in_test: bool) -> list[Finding]:
    """Say what the score of a class can mean that is measured on very few originals."""
    few = {name: n for name, n in scored.items() if 0 < n < FEW}
    if not few:
        return []
    least = min(few, key=few.__getitem__)
    n = few[least]
    shown = commas(f"{name!r} ({n})" for name, n in list(few.items())[:NAMED])
    more = len(few) - NAMED
    named = _("{names}, and {n} more", names=shown, n=more) if more > 0 else shown
    which = _FEW_IN_TEST if in_test else _FEW
    means = _(
        "One {one} more or less that is right moves the recall of {least!r} by {recall:.0f} points "
        "and the balanced accuracy by {accuracy:.1f}; even all {n} right would only say that its "
        "recall is over {bound:.0%}.",
        one=original.one,
        least=least,
        recall=100 / n,
        accuracy=100 / n / len(scored),
        n=n,
        bound=0.025 ** (1 / n),  # the exact 95 % interval of n out of n
    )
    text = sentences(_n(*which, len(few), many=original.many, names=named), means)
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
            if len(np.unique(dataset.alike[same])) > 1:
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
                _n(
                    "{originals} carries different labels in different copies (first: {names}). "
                    "At most one can be right: correct them.",
                    "{originals} carry different labels in different copies (first: {names}). "
                    "At most one can be right: correct them.",
                    len(conflicts),
                    originals=original.count(len(conflicts)),
                    names=commas(conflicts[0][:3]),
                ),
                {"count": len(conflicts), "files": conflicts[:50]},
            )
        )
    return keep, findings


def _leaks(dataset: Dataset, copies: Copies, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Training examples, among copies of one thing, from which the test set would be known."""
    test = dataset.is_test[rows]
    upright, labels = copies.unturned[rows], dataset.alike[rows]
    told = np.isin(upright, upright[test]) | np.isin(labels, labels[test])
    return rows[told & ~test]


def _groups(rows: NDArray[np.int64], numbers: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[numbers == number] for number in np.unique(numbers)]


_COPIES = NN_(
    "{extra} is a copy of others ({exact} exact, {near} near; first: {first}).",
    "{extra} are copies of others ({exact} exact, {near} near; first: {first}).",
)
_TURNED_COPIES = NN_(
    "{extra} is a copy of others ({exact} exact, {near} near, {turned} of them {how}; first: "
    "{first}).",
    "{extra} are copies of others ({exact} exact, {near} near, {turned} of them {how}; first: "
    "{first}).",
)


def _copies_message(
    modality: Modality[Any, Any],
    named: list[list[str]],
    counts: tuple[int, int, int],
    across: list[list[str]],
    dropped: int,
) -> str:
    unit, (extra, exact, turned) = modality.unit, counts
    original = modality.original or unit
    text = _n(
        *(_TURNED_COPIES if turned else _COPIES),
        extra,
        extra=unit.count(extra),
        exact=exact,
        near=extra - exact,
        turned=turned,
        how=_(modality.turned),
        first=" = ".join(named[0][:3]),
    )
    if not across:
        return sentences(text, _("Copies are kept on one side of every split."))
    occurs = _n(
        "{originals} of the test set occurs in training too (first: {first}).",
        "{originals} of the test set occur in training too (first: {first}).",
        len(across),
        originals=original.count(len(across)),
        first=" = ".join(across[0][:3]),
    )
    left_out = _n(
        "{n} training {units} was left out so that the test stays honest.",
        "{n} training {units} were left out so that the test stays honest.",
        dropped,
        units=unit.of(dropped),
    )
    return sentences(text, occurs, left_out)


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
            _(
                "The test set has {n} {many}: its accuracy is known to about ±{points:.0f} points "
                "at worst. Without a test folder, cross-validation would use every {one}.",
                n=n,
                many=unit.many,
                points=float(100 * 0.98 / np.sqrt(n)),
                one=unit.one,
            ),
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
            _n(
                "All training {many} are of {n} group, so no group can be held out and the rest "
                "learned from.",
                "All training {many} are of {n} groups, so no group can be held out and the rest "
                "learned from.",
                n,
                many=dataset.modality.unit.many,
            ),
            _(
                "Give at least {least} groups, better 10 or more; or leave --groups and "
                "--groups-from out.",
                least=least,
            ),
        )
    return [
        *_shared_groups(dataset, groups),
        *_lone_groups(dataset, groups),
        *_few_groups(dataset, groups),
    ]


def _shared_groups(dataset: Dataset, groups: NDArray[np.int64]) -> list[Finding]:
    test = dataset.is_test
    both = np.intersect1d(groups[test], groups[~test])
    if not len(both):
        return []
    assert dataset.groups is not None
    first = dataset.groups[test & (groups == both[0])][0]
    text = _n(
        "{n} group of the test set occurs in training too (first: {first!r}): the test says little "
        "about new groups. Split by group, or leave the test folder out so that headstart does.",
        "{n} groups of the test set occur in training too (first: {first!r}): the test says little "
        "about new groups. Split by group, or leave the test folder out so that headstart does.",
        len(both),
        first=str(first),
    )
    return [Finding("groups", "warning", text, {"across_train_and_test": len(both)})]


def _lone_groups(dataset: Dataset, groups: NDArray[np.int64]) -> list[Finding]:
    train, y = ~dataset.is_test, dataset.labels
    is_of = y if y.ndim == 2 else y[:, None] == np.arange(len(dataset.classes))
    lone = [
        name
        for c, name in enumerate(dataset.classes)
        if len(np.unique(groups[train & is_of[:, c]])) == 1
    ]
    if not lone or dataset.is_test.any():
        return []
    text = _n(
        "{n} class with a single group: {names}. When that group is held out nothing is left to "
        "learn the class from, so its {many} count as wrong.",
        "{n} classes with a single group: {names}. When that group is held out nothing is left to "
        "learn the class from, so its {many} count as wrong.",
        len(lone),
        names=_first(lone),
        many=dataset.modality.unit.many,
    )
    return [Finding("groups", "warning", text, {"classes_of_one_group": lone})]


def _few_groups(dataset: Dataset, groups: NDArray[np.int64]) -> list[Finding]:
    """Warn where a class is a few groups, so that it cannot be told from them."""
    rows = np.flatnonzero(dataset.is_test if dataset.is_test.any() else ~dataset.is_test)
    labels = Labels(dataset.labels, dataset.task, groups, False, 0, grouped=True)
    few = labels.few_groups(rows)
    if not few:
        return []
    named = [_("{name!r} ({n})", name=dataset.classes[c], n=n) for c, n in few.items()]
    text = _n(
        "{n} class has few groups, and none of them has another class: {names}. A model may know "
        "those groups by what sets them apart, such as a voice, a camera or a place, and the score "
        "cannot tell that from knowing the class. Give more than three groups of every class, "
        "better ten or more.",
        "{n} classes have few groups, and none of these has another class: {names}. A model may "
        "know those groups by what sets them apart, such as a voice, a camera or a place, and the "
        "score cannot tell that from knowing the classes. Give more than three groups of every "
        "class, better ten or more.",
        len(few),
        names=first(named, NAMED),
    )
    figures: dict[str, object] = {"groups": {dataset.classes[c]: n for c, n in few.items()}}
    return [Finding("groups", "warning", text, figures)]


def _first(names: Sequence[str]) -> str:
    return commas(map(repr, names[:NAMED]))


def _name(dataset: Dataset, row: int) -> str:
    return dataset.written[row]
