"""How an example becomes what several networks take, each in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.modalities import Fed, Look
from headstart.said import sentences

FORM = "side by side"
"""What ``to_json`` calls it, where the looks of one network have a form of their own or none."""


@dataclass(frozen=True)
class SideBySide:
    """An example as each of several networks takes it, one after the other in one row of bytes.

    What one network takes may differ from the next one's in extent and kind. So each is written as
    NumPy writes arrays, with its extent before it, and what follows the last is padding.

    Attributes
    ----------
    looks : tuple of Look
        Of networks for the same kind of examples.
    """

    looks: tuple[Look[Any], ...]

    @property
    def detail(self) -> int:
        """The least that serves all; 0, everything, where one of them needs that."""
        details = [look.detail for look in self.looks]
        return max(details) if all(details) else 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of a table that make an example together."""
        return self.looks[0].columns

    def __call__(self, x: Any) -> Fed:
        """Prepare one example for every network: (bytes,), uint8."""
        return _written([look(x) for look in self.looks])

    def batch(self, fed: Sequence[Fed]) -> Fed:
        """Join prepared examples, zeros behind the shorter ones: (B, bytes), uint8."""
        out = np.zeros((len(fed), max(len(row) for row in fed)), np.uint8)
        for row, one in zip(out, fed, strict=True):
            row[: len(one)] = one
        return out

    def drawn(self, n: int) -> Fed:
        """Make up a batch of ``n`` of what each network makes up for itself."""
        each = zip(*(look.drawn(n) for look in self.looks), strict=True)
        return self.batch([_written(one) for one in each])

    def apart(self, fed: Fed) -> list[Fed]:
        """Take a batch apart into the batches of the networks, in the order of the looks."""
        rows = [_read(row, len(self.looks)) for row in fed]
        return [look.batch([row[k] for row in rows]) for k, look in enumerate(self.looks)]

    def asked(self, **options: Any) -> SideBySide:
        """Ask all of them the same."""
        return replace(self, looks=tuple(look.asked(**options) for look in self.looks))

    def to_json(self) -> dict[str, Any]:
        """Return plain types only."""
        return {"form": FORM, "looks": [look.to_json() for look in self.looks]}

    def says(self) -> str:
        """Say what happens to an example on the way to each."""
        return sentences(*dict.fromkeys(look.says() for look in self.looks))


def looks_of(look: Look[Any]) -> tuple[Look[Any], ...]:
    """Return the looks of single networks that a look consists of."""
    return look.looks if isinstance(look, SideBySide) else (look,)


def _written(arrays: Sequence[NDArray[Any]]) -> Fed:
    out = BytesIO()
    for array in arrays:
        np.save(out, array, allow_pickle=False)
    return np.frombuffer(out.getvalue(), np.uint8)


def _read(row: Fed, n: int) -> list[Fed]:
    held = BytesIO(row.tobytes())
    return [np.load(held, allow_pickle=False) for _ in range(n)]
