"""Pairs of sentences that say the same in two languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from headstart.findings import Finding


@dataclass(frozen=True)
class Pairs:
    """Sentences and their translations, in the order in which they were read.

    Attributes
    ----------
    name : str
        Of the file or folder.
    source, target : tuple of str, each (n,)
        Without spaces around them.
    numbers : tuple of int, (n,)
        Rows, lines or units of the file, from 1, as its user's program shows them.
    documents : tuple of str, (n,)
        Which document a pair belongs to; empty where that is not known.
    languages : (str, str)
        ISO 639-1 codes as the file or the user says them; "" where neither does.
    findings : tuple of Finding
        What was guessed while reading.
    """

    name: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    numbers: tuple[int, ...]
    documents: tuple[str, ...] = ()
    languages: tuple[str, str] = ("", "")
    findings: tuple[Finding, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: Sequence[int]) -> Pairs:
        """Return some of them, by place."""
        return replace(
            self,
            source=tuple(self.source[i] for i in rows),
            target=tuple(self.target[i] for i in rows),
            numbers=tuple(self.numbers[i] for i in rows),
            documents=tuple(self.documents[i] for i in rows) if self.documents else (),
        )
