"""Items of a table that nobody has chosen yet, placed among those that were chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from headstart.behaviour.content import TAGS, TEXT, YEAR, Content, Features, Floats, Way, users
from headstart.said import N_, _, listed

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SAID = {TAGS: N_("genres"), YEAR: N_("year"), TEXT: N_("text")}


@dataclass(frozen=True)
class NewItems:
    """What is needed to recommend items that stand in no log.

    Attributes
    ----------
    ids, titles : tuple of str
        Of the new items; a title is "" where there is none.
    way : tuple of str
        Blocks of ``behaviour.content`` that place them.
    places : ndarray of float32, shape (n_new, d)
    V : ndarray of float32, shape (n_items, d)
        Places of the items in the logs.
    everyone : ndarray of float32, shape (d,)
        The mean user.
    """

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    way: Way
    places: Floats
    V: Floats
    everyone: Floats

    @classmethod
    def of(
        cls, content: Content, blocks: Features, ids: tuple[str, ...], titles: tuple[str, ...]
    ) -> NewItems:
        """Place new items by their features."""
        places = content.places(blocks)
        return cls(ids, titles, content.way, places, content.V, content.everyone)

    def scores(self, histories: csr_array) -> Floats:
        """Score the new items, (n, n_new), for histories of shape (n, n_items)."""
        found: Floats = users(histories, self.V, self.everyone) @ self.places.T
        return found

    def reasons(self, history: csr_array, item: int) -> Floats:
        """Say how much each entry of one history, of shape (1, n_items), speaks for a new item."""
        return np.asarray(history.data * (self.V[history.indices] @ self.places[item]), np.float32)

    def note(self, *, known: bool) -> str:
        """Say by what they are recommended, to a user whose choices are ``known`` or not."""
        what = listed([_(SAID[name]) for name in self.way])
        if known:
            return _("new: nobody has chosen it yet; by its {what}", what=what)
        return _(
            "new: nobody has chosen it yet; by its {what}, and by what all users like", what=what
        )
