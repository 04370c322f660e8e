"""Which recordings go through a network together: those of one shape, a few at a time."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.modalities import Fed

TAKEN = 64
"""Recordings that a worker takes at a time, to find some of one shape among them."""
PACK, PACKED = 8, 2**17
"""Recordings, and numbers of theirs, that go through a network together: of 1, 4, 8 and 16, eight
took a sixth less than one, and sixteen little less than eight."""


def packs(fed: Sequence[Fed]) -> list[list[int]]:
    """Pack prepared recordings of equal shape: nothing is padded beyond what each is alone."""
    found: list[list[int]] = []
    for k in sorted(range(len(fed)), key=lambda k: (fed[k].shape, k)):
        room = min(PACK, PACKED // fed[k].size)
        if not found or len(found[-1]) >= room or fed[found[-1][0]].shape != fed[k].shape:
            found.append([])
        found[-1].append(k)
    return found
