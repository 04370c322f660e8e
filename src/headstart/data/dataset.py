"""A labelled set of examples: what everything after reading the source works on."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.items import Examples
from headstart.errors import ConfigError
from headstart.findings import Finding
from headstart.modalities import Modality
from headstart.said import _, commas
from headstart.tasks import Encoded, Task
from headstart.tasks.classification import Classification
from headstart.tasks.multilabel import MultiLabel


@dataclass(frozen=True)
class Dataset:
    """Examples with labels, in the order of their source.

    Attributes
    ----------
    name : str
        What the user would call it; names the default run folder.
    examples : Examples
        What they are, where they lie and how they are shown.
    labels : ndarray
        Of int64 and shape (n,); where an example may have several, of bool and shape (n, K).
    classes : tuple of str
    is_test : ndarray of bool, shape (n,)
        True for examples the user set apart for testing.
    position : ndarray of float, shape (n,)
        Place in file order, 0 to 1: over the whole list where classes are mixed in it, within the
        class where every class has its own folder.
    groups : ndarray of str, shape (n,), or None
        Examples of one group (patient, product, speaker) never fall on both sides of a split.
    findings : tuple of Finding
        What reading the source already noticed.
    """

    name: str
    examples: Examples
    labels: Encoded
    classes: tuple[str, ...]
    is_test: NDArray[np.bool_]
    position: NDArray[np.float64]
    groups: NDArray[np.str_] | None = None
    findings: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def refs(self) -> tuple[str, ...]:
        """How each example is shown."""
        return self.examples.refs

    @property
    def modality(self) -> Modality[Any, Any]:
        """What the examples are."""
        return self.examples.modality

    @property
    def task(self) -> Task:
        """What a label is: one class, or a set of labels."""
        return (MultiLabel if self.several else Classification)(self.classes)

    @property
    def several(self) -> bool:
        """Whether an example may have several labels, or none."""
        return self.labels.ndim == 2

    @cached_property
    def written(self) -> list[str]:
        """Labels as they are written, by row; several joined with ``;``."""
        return self.task.decode(self.labels)

    @property
    def alike(self) -> NDArray[np.int64]:
        """Numbers (n,) that are equal where the labels are: of a class, or a set of labels."""
        if not self.several:
            return self.labels
        return np.unique(self.labels, axis=0, return_inverse=True)[1].ravel()

    def take(self, keep: NDArray[np.bool_] | NDArray[np.integer]) -> Dataset:
        """Return the chosen rows, in order."""
        rows: NDArray[np.integer] = np.flatnonzero(keep) if keep.dtype == bool else keep  # type: ignore[assignment]
        return replace(
            self,
            examples=self.examples.take(rows),
            labels=self.labels[rows],
            is_test=self.is_test[rows],
            position=self.position[rows],
            groups=None if self.groups is None else self.groups[rows],
        )

    def noting(self, *findings: Finding) -> Dataset:
        """Return the same set with findings added."""
        return replace(self, findings=(*self.findings, *findings))


def places(labels: Encoded) -> NDArray[np.float64]:
    """Place of each row in file order, 0 to 1 (see ``Dataset.position``).

    Where every class is one run of rows, as class folders give, "order" can only mean the order
    within a class; where classes are mixed it is the order of the list.
    """
    n = len(labels)
    if labels.ndim == 2:  # no class has a folder
        return np.arange(n) / max(n, 1)
    runs = 1 + np.count_nonzero(np.diff(labels))
    if runs > len(np.unique(labels)):
        return np.arange(n) / n
    position = np.empty(n)
    for c in np.unique(labels):
        rows = np.flatnonzero(labels == c)
        position[rows] = np.arange(len(rows)) / len(rows)
    return position


def groups_from_pattern(refs: tuple[str, ...], pattern: str) -> NDArray[np.str_]:
    """Read a group out of every path: the first parenthesis of the pattern, or all it matches.

    Parameters
    ----------
    refs : tuple of str
        Paths with forward slashes.
    pattern : str
        A regular expression, searched anywhere in the path.

    Raises
    ------
    ConfigError
        A pattern that is no regular expression, or that leaves paths unmatched (first five shown).
    """
    try:
        search = re.compile(pattern).search
    except re.error as cause:
        raise ConfigError(
            _(
                "--groups-from {pattern!r} is not a regular expression: {cause}.",
                pattern=pattern,
                cause=str(cause),
            ),
            _("For example {option}.", option=r"--groups-from 'patient(\d+)'"),
        ) from cause
    matches = [search(ref) for ref in refs]
    found = [m and (m.group(1) if m.re.groups else m.group(0)) for m in matches]
    missed = [ref for ref, group in zip(refs, found, strict=True) if group is None]
    if missed:
        raise ConfigError(
            _(
                "--groups-from {pattern!r} matches {n} of {all} paths; not, for example, {missed}.",
                pattern=pattern,
                n=len(refs) - len(missed),
                all=len(refs),
                missed=commas(map(repr, missed[:3])),
            ),
            _("Widen the pattern so that every path yields a group."),
        )
    return np.array(found, dtype=np.str_)
