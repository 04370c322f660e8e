"""Modalities: what an example is, and how its bytes are read and shown.

A modality knows nothing of tasks, methods or networks. The contract is small on purpose.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar

Example = TypeVar("Example", covariant=True)


class Modality(Protocol[Example]):
    """The contract of a modality plug-in."""

    name: str
    default_backbone: str

    def recognise(self, path: Path) -> float:
        """How surely the file is of this modality, 0 to 1, judged by its name alone."""

    def read(self, data: bytes, *, short_side: int) -> Example:
        """Read one example from the bytes of a file.

        ``short_side`` is the smallest size that will be used, so that a reader may save work.
        Raises ``UnreadableError`` with a reason a person understands.
        """


class UnreadableError(ValueError):
    """One example cannot be read; the message is the reason, without the file's name."""
