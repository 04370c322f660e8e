"""Who is known: a gallery of one template each, from one example up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.recognition.similarity import Floats, Ints, unit
from headstart.said import _, commas


@dataclass(frozen=True)
class Gallery:
    """Who is known.

    Attributes
    ----------
    names : tuple of str
        Sorted.
    templates : ndarray of float32, shape (len(names), d)
        Means of unit vectors, not scaled again: the product with a unit vector is the mean
        similarity to the enrolled examples, on one scale for one example and for many.
    counts : ndarray of int64, shape (len(names),)
        How many examples each template is the mean of.
    """

    names: tuple[str, ...]
    templates: NDArray[np.float32]
    counts: Ints

    @classmethod
    def of(cls, X: Floats, y: Ints, names: tuple[str, ...]) -> Gallery:
        """Enrol examples (n, d) of the identities ``y``; those without any are left out."""
        U = unit(np.asarray(X, np.float64))
        counts = np.bincount(y, minlength=len(names))
        there = np.flatnonzero(counts)
        templates = np.stack([U[y == c].mean(axis=0) for c in there])
        return cls(tuple(names[c] for c in there), templates.astype(np.float32), counts[there])

    def similarities(self, X: Floats) -> Floats:
        """Return the mean similarity of examples (n, d) to each identity: (n, len(names))."""
        return unit(np.asarray(X, np.float64)) @ self.templates.T.astype(np.float64)

    def enrolled(self, name: str, X: Floats) -> Gallery:
        """Return the gallery with more examples (n, d) of an identity, known or new."""
        U = unit(np.asarray(X, np.float64))
        table = {one: (t * n, n) for one, t, n in self._rows()}
        total, n = table.get(name, (np.zeros(U.shape[1]), 0))
        table[name] = (total + U.sum(axis=0), n + len(U))
        names = tuple(sorted(table))
        return Gallery(
            names,
            np.stack([table[one][0] / table[one][1] for one in names]).astype(np.float32),
            np.array([table[one][1] for one in names], np.int64),
        )

    def without(self, name: str) -> Gallery:
        """Return the gallery without an identity.

        Raises
        ------
        DataError
            Nobody of that name, or nobody else.
        """
        if name not in self.names:
            raise DataError(
                _("The gallery knows no {name!r}.", name=name),
                _("It knows {names}.", names=commas(map(repr, self.names[:10]))),
            )
        keep = np.array([one != name for one in self.names])
        if not keep.any():
            raise DataError(
                _("{name!r} is the only one in the gallery.", name=name),
                _("Delete the run folder; with nobody known it would be of no use."),
            )
        names = tuple(one for one in self.names if one != name)
        return Gallery(names, self.templates[keep], self.counts[keep])

    def _rows(self) -> list[tuple[str, Floats, int]]:
        return [
            (name, t.astype(np.float64), int(n))
            for name, t, n in zip(self.names, self.templates, self.counts, strict=True)
        ]
