"""Pairs of sentences, checked and parted: what is learned from, watched and tested on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.errors import DataError
from headstart.findings import Finding
from headstart.modalities.text.digest import digest
from headstart.said import _, _n
from headstart.translation.checks import check_languages, clean, refuse_shifted
from headstart.translation.pairs import Pairs
from headstart.translation.read import Spec, read_pairs
from headstart.translation.split import Parts, clusters, split

FEWEST = 50
"""Pairs without which there is nothing to learn from and to test on (plain choice)."""
FEW = 200
"""Sentences of a test below which a score says little: at 100, chrF is unsure by about 4 points."""


@dataclass(frozen=True)
class Data:
    """Pairs, checked and parted."""

    read: int
    pairs: Pairs
    parts: Parts
    findings: list[Finding]

    @property
    def train(self) -> Pairs:
        """Pairs to learn from."""
        return self.pairs.take(self.parts.train.tolist())

    @property
    def validation(self) -> Pairs:
        """Pairs that are watched, to stop in time."""
        return self.pairs.take(self.parts.validation.tolist())

    @property
    def test(self) -> Pairs:
        """Pairs that scores are of."""
        return self.pairs.take(self.parts.test.tolist())

    def counts(self) -> dict[str, Any]:
        """Return what ``metrics.json`` says of them."""
        parts = self.parts
        return {
            "name": self.pairs.name,
            "languages": list(self.pairs.languages),
            "read": self.read,
            "pairs": len(self.pairs),
            "train": len(parts.train),
            "validation": len(parts.validation),
            "test": len(parts.test),
            "left_out": parts.left_out,
            "by": parts.by,
        }


def read_data(path: Path, other: Path | None, spec: Spec, seed: int) -> Data:
    """Read, check and part the pairs."""
    pairs = read_pairs(path, other, spec)
    refuse_shifted(pairs)
    digests = ([digest(text) for text in pairs.source], [digest(text) for text in pairs.target])
    kept, rows, findings = clean(pairs, digests)
    kept, more = check_languages(kept)
    if len(kept) < FEWEST:
        raise DataError(
            _n(
                "{name} has {n:,} pair that can be used.",
                "{name} has {n:,} pairs that can be used.",
                len(kept),
                name=pairs.name,
            ),
            _(
                "Give {least:,} or more: some are learned from, and others are left to test on.",
                least=FEWEST,
            ),
        )
    ours, theirs = ([side[i] for i in rows] for side in digests)
    parts = split(kept, clusters((ours, theirs)), seed)
    if not len(parts.train) or not len(parts.validation) or not len(parts.test):
        raise DataError(
            _("{name}: its sentences are nearly all the same.", name=pairs.name),
            _("Nothing is left to test on that was not learned from. Give more varied pairs."),
        )
    if len(parts.test) < FEW:
        message = _n(
            "The test has {n:,} sentence: its scores are unsure by several points.",
            "The test has {n:,} sentences: its scores are unsure by several points.",
            len(parts.test),
        )
        more = [*more, Finding("small_test", "info", message, {"test": len(parts.test)})]
    return Data(len(pairs), kept, parts, [*pairs.findings, *findings, *more])
