"""Too few groups for a verdict: two speakers of a dialect are two voices, and no dialect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headstart.data.walk import first
from headstart.said import _, sentences

NAMED = 5
ENOUGH = 10
"""Groups of a class that are asked for (plain choice)."""


def too_few(few: Mapping[int, int], n_classes: int) -> bool:
    """Whether half of the classes or more have few groups: then the verdict would rest on them."""
    return 2 * len(few) >= n_classes and bool(few)


def why_withheld(few: Mapping[int, int], classes: Sequence[str]) -> str:
    """Say why no verdict is given, and what would help.

    Parameters
    ----------
    few : mapping of int to int
        Class -> its groups (``Labels.few_groups``).
    classes : sequence of str
        Names.
    """
    return sentences(
        _(
            "There are too few groups for a verdict: {classes}. What sets so few apart, such as a "
            "voice or a place, cannot be told from what sets their classes apart, with a "
            "pretrained network or without.",
            classes=counted(few, classes),
        ),
        _("Give more than three groups of every class, better {n} or more.", n=ENOUGH),
    )


def counted(few: Mapping[int, int], classes: Sequence[str]) -> str:
    """Name classes with how many groups they have."""
    return first([_("{name!r} ({n})", name=classes[c], n=n) for c, n in few.items()], NAMED)
