"""How rows of numbers are prepared: by the columns that make one, and the middle of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.modalities import refuse_unknown
from headstart.said import _

Row = NDArray[np.float64]  # (n_columns,)


@dataclass(frozen=True)
class Centred:
    """Rows as they are; the middle is subtracted from each column by who embeds them.

    Attributes
    ----------
    columns : tuple of str
        In the order of the numbers.
    middle : tuple of float
        Median of each column over all rows: what stands for "nothing special" there.
    """

    columns: tuple[str, ...]
    middle: tuple[float, ...]

    @property
    def detail(self) -> int:
        """Nothing of a row is left out."""
        return 0

    def __call__(self, x: Row) -> Row:
        """Return the numbers."""
        return x

    def batch(self, fed: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
        """Stack rows."""
        return np.stack(fed)

    def drawn(self, n: int) -> NDArray[np.float64]:
        """Draw normal numbers around the middles."""
        noise = np.random.default_rng(0).standard_normal((n, len(self.columns)))
        return noise + np.array(self.middle)

    def asked(self, **options: Any) -> Centred:
        """Take the columns of a dataset, with their middles."""
        columns, middle = options.pop("columns", self.columns), options.pop("middle", self.middle)
        refuse_unknown(options, _("a row of numbers"))
        return replace(self, columns=tuple(columns), middle=tuple(map(float, middle)))

    def to_json(self) -> dict[str, Any]:
        """Return plain types only."""
        return asdict(self)

    def says(self) -> str:
        """Say what happens to a row."""
        return _(
            "The numbers of {n} columns are taken as they are, less the median of each column.",
            n=len(self.columns),
        )
