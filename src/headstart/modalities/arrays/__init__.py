"""Arrays: rows of numbers, such as features that others computed, sensors, spectra.

The numbers are all there is: the digest of a row is the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.findings import Finding
from headstart.modalities import Kind, Modality, Unit, UnreadableError
from headstart.modalities.arrays.look import Centred, Row
from headstart.modalities.arrays.show import RowParts, ShowRows
from headstart.modalities.copies import Copies, exact_copies
from headstart.said import N_, NN_, _, _n, commas

if TYPE_CHECKING:
    from headstart.modalities.entry import Entry

NN_("{n:,} row", "{n:,} rows"), N_("a row")

STATISTICS = N_("statistics of the row")
FEWER = N_("one in ten columns")
THIN = 10
DISCRETE = 0.25
"""Share of rows that equal another from which on equality says nothing: tables of a few whole
numbers repeat themselves without a row being copied (plain choice)."""
NAMED = 5


@dataclass(frozen=True)
class RowBaseline:
    """A plain description of rows."""

    says: str
    describe_rows: Callable[[NDArray[np.float64]], NDArray[np.floating]]

    def describe(self, digests: Sequence[Row]) -> NDArray[np.float32]:
        """Describe rows one by one."""
        return self.describe_rows(np.stack(digests)).astype(np.float32)


def statistics(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean, standard deviation, least, median and greatest number of each row: (n, 5)."""
    found = (rows.mean(1), rows.std(1), rows.min(1), np.median(rows, 1), rows.max(1))
    return np.stack(found, axis=1)


RIVALS = {
    STATISTICS: RowBaseline(N_("five numbers that sum up a row, whatever its columns"), statistics),
    FEWER: RowBaseline(N_("every tenth column alone"), lambda rows: rows[:, ::THIN]),
}


class ArrayModality(Modality[Row, Row]):
    """Rows of numbers in tables, ``.npz`` and ``.npy``."""

    name = "array"
    unit = Unit(N_("row"), N_("rows"))
    kinds = ("row",)
    digest_key = "row of float64"
    rivals = RIVALS
    show = ShowRows()
    parts = RowParts()
    hints = (
        N_("The more a column leans from grey to orange, the more it spoke for the answer."),
        N_(
            "A column that is only known after the answer, or that merely counts the rows, is a "
            "shortcut that new rows may not have."
        ),
    )

    def recognise(self, kind: Kind, name: str, head: bytes) -> float:
        """Take all rows of numbers."""
        return float(kind == "row")

    def read(self, data: bytes, detail: int = 0) -> Row:
        """Read float64 numbers."""
        if not data or len(data) % 8:
            raise UnreadableError(_("not a row of numbers"))
        row = np.frombuffer(data, np.float64)
        with np.errstate(over="ignore"):  # vectors are of float32
            finite = np.isfinite(row.astype(np.float32)).all()
        if not finite:
            raise UnreadableError(_("a value is missing or infinite"))
        return row

    def digest(self, x: Row) -> Row:
        """Keep all of it."""
        return x

    def pack(self, d: Row) -> bytes:
        """Write the numbers."""
        return d.tobytes()

    def unpack(self, data: bytes) -> Row:
        """Read the numbers."""
        return np.frombuffer(data, np.float64)

    def look(self, values: dict[str, Any]) -> Centred:
        """Rebuild a look."""
        return Centred(**{name: tuple(value) for name, value in values.items()})

    def backbone(self, digests: Callable[[], Sequence[Row]]) -> str:
        """Name the identity: there is no network to pretrain on numbers of any meaning."""
        return "identity"

    def asks(
        self,
        columns: tuple[str, ...],
        heads: Callable[[], Iterable[bytes]],
        digests: Callable[[], Sequence[Row]],
    ) -> dict[str, Any]:
        """Hand on the columns, and measure the middle of each."""
        middle = np.median(np.stack(digests()), axis=0)
        return {"columns": columns, "middle": tuple(middle.tolist())}

    def check(self, digests: Sequence[Row], refs: Sequence[str], look: Centred) -> list[Finding]:
        """Report columns that hold one value only."""
        rows = np.stack(digests)
        constant = np.flatnonzero((rows == rows[0]).all(axis=0))
        if not len(constant):
            return []
        names = [look.columns[k] for k in constant]
        message = _n(
            "{n} of {all} column holds the same value in every row ({columns}): they tell nothing.",
            "{n} of {all} columns hold the same value in every row ({columns}): they tell nothing.",
            len(names),
            all=len(look.columns),
            columns=commas([*names[:NAMED], "..."] if len(names) > NAMED else names),
        )
        return [Finding("columns", "info", message, {"columns": names})]

    def copies(self, hashes: Sequence[str], digests: Sequence[Row]) -> Copies:
        """Find rows that are equal, unless the table is one in which rows are equal by chance."""
        found = exact_copies(hashes)
        again = len(hashes) - len(np.unique(found.component))
        if again <= DISCRETE * len(hashes):
            return found
        alone = np.arange(len(hashes))
        return Copies(alone, alone)

    def entry(self, looks: Sequence[Centred], *, whole: bool = True) -> Entry | None:
        """Return how rows enter a graph."""
        from headstart.modalities.arrays.graph import Numbers  # imports torch

        return Numbers(looks[0]) if len(looks) == 1 else None
