"""Rows known in two ways: vectors by a network, and counts of what occurs in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.modalities import Modality

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class Pair:
    """Vectors and counts of the same rows; chosen from by rows as either is.

    Attributes
    ----------
    vectors : ndarray of shape (n, dim)
    counts : csr_array of shape (n, width)
    """

    vectors: NDArray[np.floating]
    counts: csr_array

    @classmethod
    def of(
        cls,
        modality: Modality[Any, Any],
        rival: str,
        vectors: NDArray[np.floating],
        digests: Sequence[Any],
    ) -> Pair:
        """Put the counts of a rival of a modality beside vectors.

        Parameters
        ----------
        digests : sequence of length n
            None for an example that could not be read: nothing is counted in it.
        """
        from scipy.sparse import csr_array

        there = [i for i, d in enumerate(digests) if d is not None]
        counts = csr_array(modality.rivals[rival].describe([digests[i] for i in there]))
        if len(there) < len(digests):
            ones, place = np.ones(len(there), counts.dtype), (there, np.arange(len(there)))
            counts = csr_array((ones, place), shape=(len(digests), len(there))) @ counts
        return cls(vectors, csr_array(counts))

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, rows: NDArray[np.int64]) -> Pair:
        return Pair(self.vectors[rows], self.counts[rows])
