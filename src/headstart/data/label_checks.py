"""Checks of several labels an example: which of them can be learned, and be judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from headstart.data.dataset import Dataset
from headstart.data.walk import first
from headstart.errors import DataError
from headstart.findings import Finding
from headstart.said import _, _n, sentences

NAMED = 5
LEAST = 2
"""Originals with a label, and without it, that are needed: one to learn from, one to hold out."""
FEW = 10


def learnable(dataset: Dataset, original: NDArray[np.int64] | None = None) -> Dataset:
    """Leave out labels that nothing can be learned of, and say so; classes stay as they are.

    Parameters
    ----------
    original : ndarray of int64, shape (n,), optional
        Equal for copies of one original, which count once.

    Raises
    ------
    DataError
        No label is left.
    """
    if not dataset.several:
        return dataset
    train, unit = ~dataset.is_test, dataset.modality.unit
    original = np.arange(len(dataset)) if original is None else original
    y, original = dataset.labels[train], original[train]
    with_it, without = (
        np.array([len(np.unique(original[of])) for of in part.T], np.int64) for part in (y, ~y)
    )
    if not y.any():
        raise DataError(
            _("None of the {n} training {many} has a label.", n=len(y), many=unit.many),
            _("Check that the right column is read; --y names it."),
        )
    keep = (with_it >= LEAST) & (without >= LEAST)
    rare = [dataset.classes[k] for k in np.flatnonzero(with_it < LEAST)]
    common = [dataset.classes[k] for k in np.flatnonzero(without < LEAST)]
    told = sentences(
        _n(
            "{n} label is on fewer than two training {many}: {names}.",
            "{n} labels are on fewer than two training {many}: {names}.",
            len(rare),
            many=unit.many,
            names=first([*map(repr, rare)], NAMED),
        )
        if rare
        else "",
        _n(
            "{n} label is on all, or all but one, training {many}: {names}.",
            "{n} labels are on all, or all but one, training {many}: {names}.",
            len(common),
            many=unit.many,
            names=first([*map(repr, common)], NAMED),
        )
        if common
        else "",
    )
    if not keep.any():
        raise DataError(
            told,
            _(
                "What is learned has to be held out too: give two {many} or more with a label, "
                "and two without it.",
                many=unit.many,
            ),
        )
    if keep.all():
        return dataset
    text = sentences(told, _("That cannot be learned and judged, so it is left out."))
    found = Finding("labels", "warning", text, {"left_out": [*rare, *common]})
    names = tuple(name for name, kept in zip(dataset.classes, keep, strict=True) if kept)
    return replace(dataset, labels=dataset.labels[:, keep], classes=names).noting(found)


def few_labelled(dataset: Dataset) -> list[Finding]:
    """Say which labels are on so few examples that little can be said of each."""
    scored = dataset.labels[dataset.is_test] if dataset.is_test.any() else dataset.labels
    counts = scored.sum(axis=0)
    few = {dataset.classes[k]: int(counts[k]) for k in np.flatnonzero(counts < FEW)}
    if not few:
        return []
    shown = first([_("{name!r} ({n})", name=name, n=n) for name, n in few.items()], NAMED)
    text = _n(
        "{n} label is on fewer than ten of the {many} that are scored: {names}. What is said of it "
        "is hardly more than chance.",
        "{n} labels are on fewer than ten of the {many} that are scored: {names}. What is said of "
        "each is hardly more than chance.",
        len(few),
        many=dataset.modality.unit.many,
        names=shown,
    )
    return [Finding("few", "info", text, {"counts": few})]
