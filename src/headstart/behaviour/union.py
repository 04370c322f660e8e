"""Two logs in one space: users and items of one id are one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headstart.behaviour.log import Codes, Log

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Rows = NDArray[np.bool_]


@dataclass(frozen=True)
class Union:
    """The interactions of a target and of its source, by the places that both share.

    Attributes
    ----------
    users, items : tuple of str
        Ids: those of the target first, in its order, then those only the source has.
    target : Log
        Its users and items are those of the union.
    source : Log
        The same; without interactions where there is no source.
    own : int
        So many of the first items are the target's.
    offered : int
        So many of the first items may be recommended.
    """

    users: tuple[str, ...]
    items: tuple[str, ...]
    target: Log
    source: Log
    own: int
    offered: int

    @classmethod
    def of(cls, target: Log, source: Log | None, *, everything: bool) -> Union:
        """Put logs together.

        Parameters
        ----------
        everything : bool
            Recommend the source's items too, not only those that the target has.
        """
        source = source or Log((), (), np.array([], np.int32), np.array([], np.int32))
        users, user = _joined(target.users, source.users, source.user)
        items, item = _joined(target.items, source.items, source.item)
        ours = Log(users, items, target.user, target.item, target.time)
        theirs = Log(users, items, user, item, source.time)
        own = len(target.items)
        return cls(users, items, ours, theirs, own, len(items) if everything else own)

    def matrix(self, weight: float, rows: Rows | None = None) -> csr_array:
        """Return who chose what: 1 in the target, ``sqrt(weight)`` where only in the source.

        Parameters
        ----------
        weight : float, 0 or more
            What the source counts in the Gram matrix.
        rows : ndarray of bool, shape (len(target),), optional
            The target's interactions that are used; default all.

        Returns
        -------
        csr_array of float32, shape (n_users, n_items)
        """
        own = (self.target if rows is None else self.target.take(rows)).matrix()
        if not weight or not len(self.source):
            return own
        return own.maximum(self.source.matrix() * np.float32(np.sqrt(weight)))


def _joined(
    first: Sequence[str], second: Sequence[str], codes: Codes
) -> tuple[tuple[str, ...], Codes]:
    """Append what only the second has, and return the places of its codes among all."""
    place = {name: at for at, name in enumerate(first)}
    places = np.array([place.setdefault(name, len(place)) for name in second], np.int32)
    return tuple(place), places[codes] if len(codes) else codes
