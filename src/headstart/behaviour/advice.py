"""What to recommend to whom, and because of what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headstart.behaviour.models import Popularity, Recommender
from headstart.behaviour.new_items import NewItems
from headstart.behaviour.trial import BLOCK, first
from headstart.behaviour.union import Union
from headstart.said import _, _n, commas

if TYPE_CHECKING:
    from scipy.sparse import csr_array

REASONS = 2
"""Items of a history that are named as reasons."""
SECOND = 0.3
"""How much of the first reason another must be to be named (plain choice)."""


@dataclass(frozen=True)
class Advice:
    """One item for one user.

    Attributes
    ----------
    user : str
        Its id, or what the caller calls it.
    rank : int
        1 for the first.
    item, title : str
    score : float
        Comparable within one user only.
    because : tuple of str
        Titles, or else ids, of what the user chose that speaks for it most.
    note : str
        What this user's advice rests on where it is not his own choices; "" otherwise.
    """

    user: str
    rank: int
    item: str
    title: str
    score: float
    because: tuple[str, ...] = ()
    note: str = ""

    def row(self) -> dict[str, object]:
        """Return one flat row of a table."""
        return {
            "user": self.user,
            "rank": self.rank,
            "item": self.item,
            "title": self.title,
            "score": round(self.score, 6),
            "because": "; ".join(self.because),
            "note": self.note,
        }


@dataclass(frozen=True)
class Asking:
    """A user, or a history by itself.

    Attributes
    ----------
    name : str
        An id, or what the answer should call the history.
    history : tuple of str, or None
        Ids of items; None: what the logs know of the user.
    """

    name: str
    history: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Adviser:
    """Recommends to users of the target, to those only the source knows, and by a history.

    Attributes
    ----------
    union : Union
        What the model knows everyone by.
    titles : tuple of str
        By item; "" where there is none.
    known, cold, few : Recommender
        For users of the target; for those without a choice in it; for a history that is given.
    new : NewItems or None
        Items that stand in no log, where there are some that can be told.
    """

    union: Union
    titles: tuple[str, ...]
    known: Recommender
    cold: Recommender
    few: Recommender
    new: NewItems | None = None

    def recommend(self, asking: Sequence[Asking], n: int = 10) -> Iterator[Advice]:
        """Recommend ``n`` items to each, in order; never what the user already chose here.

        Users whom nobody knows get what is popular, with a note.
        """
        for start in range(0, len(asking), BLOCK):
            part = asking[start : start + BLOCK]
            found: list[list[Advice]] = [[] for _one in part]
            kinds = [self._kind(one) for one in part]
            for kind in dict.fromkeys(kinds):
                rows = [i for i, its in enumerate(kinds) if its == kind]
                answers = self._answers(kind, [part[i] for i in rows], n)
                for i, answer in zip(rows, answers, strict=True):
                    found[i] = answer
            for answer in found:
                yield from answer

    def new_items(self, asking: Sequence[Asking], n: int = 10) -> Iterator[Advice]:
        """Recommend to each ``n`` items that nobody has chosen yet; none where there are none.

        Users whom nobody knows get what the mean user likes, with a note.
        """
        if self.new is None:
            return
        for start in range(0, len(asking), BLOCK):
            part = asking[start : start + BLOCK]
            histories, _seen = self._histories(self.known.candidate.weight, part)
            scores = self.new.scores(histories)
            for row, (one, best) in enumerate(zip(part, first(scores, n), strict=True)):
                yield from self._new_to(one, self.new, histories[[row]], scores[row], best)

    def _new_to(
        self,
        one: Asking,
        new: NewItems,
        history: csr_array,
        scores: NDArray[np.float32],
        best: NDArray[np.integer],
    ) -> Iterator[Advice]:
        note = new.note(known=bool(history.nnz))
        for rank, item in enumerate(best.tolist(), 1):
            because = self._because(history, new.reasons(history, item))
            named = new.ids[item], new.titles[item]
            yield Advice(one.name, rank, *named, float(scores[item]), because, note)

    def title(self, item: int) -> str:
        """Call an item by its title, or by its id."""
        return self.titles[item] or self.union.items[item]

    @cached_property
    def _place(self) -> dict[str, int]:
        return self.union.target.place_of_item

    @cached_property
    def _here(self) -> NDArray[np.bool_]:
        """Tell the users who chose anything in the target."""
        return np.bincount(self.union.target.user, minlength=len(self.union.users)) > 0

    def _kind(self, one: Asking) -> str:
        if one.history is not None:
            own = self.union.own
            return "few" if any(self._place.get(i, own) < own for i in one.history) else "cold"
        user = self.union.target.place_of_user.get(one.name)
        return "known" if user is not None and self._here[user] else "cold"

    def _answers(self, kind: str, asking: Sequence[Asking], n: int) -> list[list[Advice]]:
        model: Recommender = getattr(self, kind)
        histories, seen = self._histories(model.candidate.weight, asking)
        scores = np.array(model.scores(histories), np.float32)
        for row, own in enumerate(seen):
            scores[row, own[own < scores.shape[1]]] = -np.inf
        best = first(scores, n)
        return [
            self._of(one, model, histories[[row]], scores[row], best[row])
            for row, one in enumerate(asking)
        ]

    def _histories(
        self, weight: float, asking: Sequence[Asking]
    ) -> tuple[csr_array, list[NDArray[np.intp]]]:
        """Return the weighed histories, and what each chose in the target."""
        from scipy.sparse import lil_array

        histories = lil_array((len(asking), len(self.union.items)), dtype=np.float32)
        seen = []
        for row, one in enumerate(asking):
            user = self.union.target.place_of_user.get(one.name)
            if one.history is None and user is None:
                own = np.array([], np.intp)
            elif one.history is None:
                other = self._of_source[[user]].indices
                histories[row, other] = np.sqrt(weight)
                own = self._of_target[[user]].indices
            else:
                places = dict.fromkeys(self._place[i] for i in one.history if i in self._place)
                own = np.array([*places], np.intp)
                histories[row, own[own >= self.union.own]] = np.sqrt(weight)
            histories[row, own[own < self.union.own]] = 1
            seen.append(own)
        return histories.tocsr(), seen

    @cached_property
    def _of_target(self) -> csr_array:
        return self.union.target.matrix()

    @cached_property
    def _of_source(self) -> csr_array:
        return self.union.source.matrix()

    def _of(
        self,
        one: Asking,
        model: Recommender,
        history: csr_array,
        scores: NDArray[np.float32],
        best: NDArray[np.integer],
    ) -> list[Advice]:
        best = best[np.isfinite(scores[best])]
        note = self._note(one, model, history)
        return [
            Advice(
                one.name,
                rank,
                self.union.items[item],
                self.titles[item],
                float(scores[item]),
                self._because(history, model.model.reasons(history, int(item))),
                note,
            )
            for rank, item in enumerate(best, 1)
        ]

    def _because(self, history: csr_array, said: NDArray[np.float32]) -> tuple[str, ...]:
        """Name what in a history speaks for an item most, as ``said`` of each of its entries."""
        if not history.nnz:
            return ()
        order = np.argsort(-said, kind="stable")[:REASONS]
        least = SECOND * max(said[order[0]], 0)
        return tuple(self.title(int(history.indices[i])) for i in order if said[i] > least)

    def _note(self, one: Asking, model: Recommender, history: csr_array) -> str:
        """Say what the advice rests on, where it is not what the user chose in the target."""
        is_own = bool((history.indices < self.union.own).any())
        says = bool(history.nnz) and not isinstance(model.model, Popularity)
        if one.history is not None:
            unknown = [i for i in one.history if i not in self._place]
            if unknown:
                said = _n(
                    "{n} id of the history is no item that is known: {ids}",
                    "{n} ids of the history are no items that are known: {ids}",
                    len(unknown),
                    ids=commas([repr(i[:40]) for i in unknown[:3]]),
                )
                return said if says else _("{said}; these are what is popular", said=said)
            if not one.history:
                return _("an empty history: these are what is popular")
        elif one.name not in self.union.target.place_of_user:
            return _("nobody knows this user: these are what is popular")
        if not says:
            return _("these are what is popular: nothing that is known here says more")
        return "" if is_own else _("new here: by what the user chose in the source")
