"""A log of behaviour: which user chose which item, and when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Codes = NDArray[np.int32]


@dataclass(frozen=True)
class Log:
    """Interactions of users with items, one an entry; a user and an item meet at most once.

    Attributes
    ----------
    users, items : tuple of str
        Ids as the tables write them, in order of their first appearance; none twice.
    user, item : ndarray of int32, shape (n,)
        Places among ``users`` and ``items``.
    time : ndarray of float64, shape (n,), or None
        Seconds since 1970, finite; None where the table has none that can be used.
    """

    users: tuple[str, ...]
    items: tuple[str, ...]
    user: Codes
    item: Codes
    time: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        """Count the interactions."""
        return len(self.user)

    @cached_property
    def place_of_user(self) -> dict[str, int]:
        """The place of each user by its id."""
        return {name: place for place, name in enumerate(self.users)}

    @cached_property
    def place_of_item(self) -> dict[str, int]:
        """The place of each item by its id."""
        return {name: place for place, name in enumerate(self.items)}

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Log:
        """Keep some interactions; users and items stay in their places."""
        time = None if self.time is None else self.time[rows]
        return replace(self, user=self.user[rows], item=self.item[rows], time=time)

    def matrix(self) -> csr_array:
        """Return who chose what, 1 where it happened: sparse float32, (n_users, n_items)."""
        from scipy.sparse import csr_array

        ones = np.ones(len(self), np.float32)
        return csr_array((ones, (self.user, self.item)), (len(self.users), len(self.items)))
