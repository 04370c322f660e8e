"""What became of choices like one, where the labels of the target were known.

Scores without labels are signs and no proof. So a choice is not praised: it is said how often its
like helped. ``benchmarks/adapt_choices.py`` counts that, and writes ``precedent_counts``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from headstart.adaptation.precedent_counts import COUNTED, COUNTS, METHODS

MARGIN = 0.02
"""By how much more, or less, has to be right to count as help, or as harm: a plain choice."""

SIZES = {"under 10": 0, "10 to 24": 10, "25 or more": 25}
"""Examples of the target for each class, and where they begin."""

SOURCE_FREE = "source-free"
"""The kind of a choice that adapts a model without the examples it was learned from."""

LEAST = 10
"""Choices below which nothing is said of them: one more would change it."""


@dataclass(frozen=True)
class Precedents:
    """Choices of one kind that were measured.

    Attributes
    ----------
    why : str
        Kind of the choices: ``Selection.why``, or ``SOURCE_FREE``.
    per_class : str
        Size of their targets, a key of ``SIZES``.
    n : int
        How many there were.
    helped, worse : int
        In how many the method that was chosen, or the best rival where none was, was right more,
        or less, often than no adaptation, by more than ``MARGIN``.
    guessing : int
        In how many the answers were then right no more often than one class given to all.
    counted : str
        The day.
    """

    why: str
    per_class: str
    n: int
    helped: int
    worse: int
    guessing: int
    counted: str = COUNTED

    def to_json(self) -> dict[str, Any]:
        """Return plain types, as ``metrics.json`` has them."""
        return asdict(self)


def size_of(n: int, n_classes: int) -> str:
    """Name the size of a target of so many examples.

    Examples
    --------
    >>> size_of(45, 3)
    '10 to 24'
    """
    return [name for name, least in SIZES.items() if n >= least * n_classes][-1]


def precedents(why: str, n: int, n_classes: int) -> Precedents | None:
    """Look up choices of a kind among targets of like size.

    Returns
    -------
    Precedents or None
        None where fewer than ``LEAST`` were measured.
    """
    size = size_of(n, n_classes)
    found = Precedents(why, size, *COUNTS.get((why, size), (0, 0, 0, 0)))
    return found if found.n >= LEAST else None


def are_counted(methods: Iterable[str]) -> bool:
    """Whether these methods, beside "no adaptation", are those that competed in what was counted.

    With others, or fewer, the choice is another one, and nobody knows how often it helps.
    """
    return set(methods) == set(METHODS)
