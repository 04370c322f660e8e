"""The trial: what was chosen last is hidden, and every model has to find it again.

Two questions, asked beforehand. *Known users*: the last choice of each is hidden, everything before
it is learned from. *New users*: a quarter of the users at a time is left out of the target wholly,
and recommended to by what they did in the source, and by their last k choices in the target: how
many it takes until the source is of no more use.

Whatever is chosen - the penalty, the model, how much the source weighs - is chosen without the
items that are to be found: for known users on the last but one of each history (of few users, also
on the one before it), for new users on another quarter of them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headstart.behaviour.hidden import History, known_before, told_by
from headstart.behaviour.models import Candidate, Recommender, fit
from headstart.behaviour.union import Rows, Union
from headstart.behaviour.weight import LIKELY, SURE, WEIGHTS, choose
from headstart.tasks import ranking

Ints = NDArray[np.integer]
Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]
Measure = Callable[[Recommender, Union, Rows, "Asked"], Floats]

STRENGTHS = (30.0, 100.0, 300.0, 1000.0)
"""Penalties of EASE that are tried (plain choice)."""
KS = (0, 1, 2, 3, 5, 10)
"""Choices in the target that new users are given."""
QUARTERS = 4
COST = ("popularity", "item kNN", "EASE", "ALS")
"""Kinds of models, the quickest first."""
MOST = 3_000
"""Users that are asked at most: the interval of a share is then within two points."""
MANY = 3_000
"""Items from which on one quarter is left out and fewer weights are tried: fits take seconds."""
FEWER = (0.03, 0.3, 1.0)
FEW = 500
"""Users up to which two choices of each are hidden to choose by (plain choice)."""
BLOCK = 512
"""Users scored at a time."""


@dataclass(frozen=True)
class Asked:
    """Users, and what each chose next.

    Attributes
    ----------
    users, wanted : ndarray of int, shape (n,)
        Places of the union.
    """

    users: Ints
    wanted: Ints


@dataclass(frozen=True)
class Answer:
    """How the chosen models ranked what was hidden.

    Attributes
    ----------
    without, with_source : Candidate
        Chosen without and with the source; the same where the source is declined.
    ranks_without, ranks_with : ndarray of float64, shape (n,)
        Of the hidden items, 1 for the first.
    users : ndarray of int, shape (n,)
    """

    without: Candidate
    with_source: Candidate
    ranks_without: Floats
    ranks_with: Floats
    users: Ints


@dataclass(frozen=True)
class Known:
    """What came of the known users.

    Attributes
    ----------
    answer : Answer
    rivals : dict of str to ndarray of float64
        Ranks by every kind of model, without the source; and of the source's popularity.
    first : ndarray of int, shape (n, 20)
        What is recommended to each.
    """

    answer: Answer
    rivals: dict[str, Floats]
    first: Ints


@dataclass(frozen=True)
class New:
    """What came of users who are new to the target.

    Attributes
    ----------
    answers : dict of int to Answer
        By how many choices in the target they were given. Its candidates are those of the last
        quarter asked.
    cold, few : Candidate
        Chosen by all quarters: for users with no choice in the target, and with some.
    """

    answers: dict[int, Answer]
    cold: Candidate
    few: Candidate


def ranks_of(model: Recommender, union: Union, rows: Rows, asked: Asked) -> Floats:
    """Rank what each user chose next, by the histories in ``rows`` of the target and the source."""
    answers = _answers(model, union, rows, asked)
    return np.concatenate([better + (alike + 1) / 2 for better, alike, _ in answers])


def quality_of(model: Recommender, union: Union, rows: Rows, asked: Asked) -> Floats:
    """Say how well that is ranked, in (0, 1]: what models are chosen by."""
    answers = _answers(model, union, rows, asked)
    return np.concatenate([ranking.expected_discount(b, alike) for b, alike, _ in answers])


def _answers(
    model: Recommender, union: Union, rows: Rows, asked: Asked
) -> Iterator[tuple[Ints, Ints, Ints]]:
    histories = union.matrix(model.candidate.weight, rows)
    chosen = union.target.take(rows).matrix()
    for start in range(0, len(asked.users), BLOCK):
        users = asked.users[start : start + BLOCK]
        scores = np.array(model.scores(histories[users]), np.float32)
        seen = chosen[users].toarray()[:, : union.offered] > 0
        found = ranking.places(scores, asked.wanted[start : start + BLOCK], seen)
        scores[seen] = -np.inf
        yield *found, first(scores, 20)


def first(scores: NDArray[np.floating], n: int) -> Ints:
    """Return the places of the best ``n`` of each row, the best first."""
    n = min(n, scores.shape[1])
    best = np.argpartition(-scores, n - 1, axis=1)[:, :n]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1)


class Trial:
    """Hides, fits and ranks.

    Parameters
    ----------
    union : Union
    kinds : sequence of str
        Models that compete, of ``models.MODELS``.
    seed : int
        Draws the order of what happened at one moment, and who is asked where there are many.
    on_fit : callable
        Hears how many fits of how many are done.
    seconds : float
        Within which known users, and new ones after them, should be asked: of what competes, the
        quick models come first, and the rest is left out when half of it has passed.
    """

    def __init__(
        self,
        union: Union,
        kinds: Sequence[str],
        seed: int,
        on_fit: Progress = lambda *_: None,
        seconds: float = math.inf,
    ) -> None:
        self._began, self._seconds = time.monotonic(), seconds
        self.left_out = 0
        known = known_before(union.target, union.source)
        self.later = int((~known).sum())
        known &= ~told_by(union.target, union.source)
        self.union = replace(union, source=union.source.take(known))
        self.kinds = tuple(kinds)
        self.rng = np.random.default_rng(seed)
        self.history = History.of(union.target, self.rng)
        few = len(union.items) <= MANY
        self.weights: tuple[float, ...] = WEIGHTS[1:] if few else FEWER
        self.rotations = QUARTERS if few else 1
        if not len(self.union.source):
            self.weights, self.rotations = (), 0
        self._told, self._fits = on_fit, 0

    def known(self) -> Known:
        """Ask the known users.

        Raises
        ------
        ValueError
            Nobody has two interactions.
        """
        turns = self._tuning()
        scored: dict[Candidate, Floats] = {}
        self._score(sorted(self._without(), key=lambda c: COST.index(c.kind)), turns, scored)
        kinds = [kind for kind in self.kinds if any(c.kind == kind for c in scored)]
        per_kind = [_best({c: r for c, r in scored.items() if c.kind == k}) for k in kinds]
        self._score(self._with_source(per_kind), turns, scored)
        without, chosen = _choice(scored, per_kind, SURE)
        users, last = self._some(self.history.counts >= 2), self._without_last(1)
        asked = Asked(users, self._items(self.history.back(users)))
        found_by = _answers(self._fit(chosen, last), self.union, last, asked)
        better, alike, firsts = map(np.concatenate, zip(*found_by, strict=True))
        del found_by  # and its model, which may be large
        found = {chosen: better + (alike + 1) / 2}
        for candidate in per_kind:
            if candidate not in found:
                found[candidate] = self._ranks(candidate, last, asked)
        rivals = {c.kind: found[c] for c in per_kind}
        if self.weights:
            rivals["source's popularity"] = self._source_popularity(last, asked)
        answer = Answer(without, chosen, found[without], found[chosen], users)
        return Known(answer, rivals, firsts)

    def _tuning(self) -> list[tuple[Rows, Asked]]:
        """Hide the last but one of each history, too; of few users also the one before it.

        Of few users one choice each says little.
        """
        counts = self.history.counts
        enough = (counts >= 3).any()
        turns = []
        for step in self._tuning_steps:
            users = self._some(counts >= (step + 1 if enough else step))
            if len(users):
                asked = Asked(users, self._items(self.history.back(users, step)))
                turns.append((self._without_last(step), asked))
        return turns

    def _score(
        self,
        candidates: Sequence[Candidate],
        turns: Sequence[tuple[Rows, Asked]],
        scored: dict[Candidate, Floats],
    ) -> None:
        """Score candidates as long as there is time; the very first always."""
        for candidate in candidates:
            if scored and self._passed() > 0.5:
                self.left_out += 1
            else:
                scored[candidate] = self._tuned_by(turns, candidate)

    def _passed(self) -> float:
        """Return the share of the time that has passed."""
        return (time.monotonic() - self._began) / self._seconds

    @property
    def _tuning_steps(self) -> tuple[int, ...]:
        return (2, 3) if (self.history.counts >= 2).sum() <= FEW else (2,)

    def _tuned_by(self, turns: Sequence[tuple[Rows, Asked]], candidate: Candidate) -> Floats:
        """Say how well each user's hidden choices are ranked, in the mean."""
        total, times = np.zeros((2, len(self.history.counts)))
        for rows, asked in turns:
            model = self._fit(candidate, rows)
            total[asked.users] += quality_of(model, self.union, rows, asked)
            times[asked.users] += 1
        return total[times > 0] / times[times > 0]

    def _without_last(self, n: int) -> Rows:
        """Leave out the last ``n`` choices of every user who has so many, or what he has."""
        place = np.empty(len(self.history.order), int)
        place[self.history.order] = np.arange(len(place))
        user = self.union.target.user
        several = self.history.counts[user] >= 2
        return ~(several & (self.history.start[user + 1] - place <= n))

    def new(self, known: Known) -> New:
        """Ask users as if they were new, with ``k`` choices in the target for each ``k`` of KS."""
        quarters = self._quarters()
        bases = [Candidate("popularity"), self._personal(known)]
        ways = [*bases, *self._with_source(bases)]
        answers: dict[int, list[Answer]] = {k: [] for k in KS}
        seen: dict[bool, list[dict[Candidate, Floats]]] = {False: [], True: []}
        for turn in range(self.rotations):
            if turn and self._passed() > 0.8:
                self.left_out += len(ways)
                continue
            asked, tuning = quarters[turn], quarters[(turn + 1) % QUARTERS]
            able = {k: asked[self.history.counts[asked] > k] for k in KS}
            tuned, ranks = self._scored_without(ways, able, tuning)
            for some, by_way in tuned.items():
                seen[some].append(by_way)
                without, chosen = _choice(by_way, bases, LIKELY)
                for k, users in able.items():
                    if bool(k) == some and len(users):
                        alone, both = ranks[without][k], ranks[chosen][k]
                        answers[k].append(Answer(without, chosen, alone, both, users))
        joined = {k: _joined(found) for k, found in answers.items() if found}
        cold, few = (_choice(_pooled(seen[some]), bases, LIKELY)[1] for some in (False, True))
        return New(joined, cold, few)

    def _scored_without(
        self, ways: Sequence[Candidate], able: Mapping[int, Ints], tuning: Ints
    ) -> tuple[dict[bool, dict[Candidate, Floats]], dict[Candidate, dict[int, Floats]]]:
        """Fit each way without the users to ask and to choose by, and score it for both.

        Returns
        -------
        tuned : dict
            By whether some choices are given, and by way: how good it is for those to choose by.
        ranks : dict
            By way and by k: what it answers those to ask.
        """
        left_out = np.zeros(len(self.history.counts), bool)
        left_out[[*able[0], *tuning]] = True  # everyone asked has more than no choice
        rows = ~left_out[self.union.target.user]
        tuned: dict[bool, dict[Candidate, Floats]] = {False: {}, True: {}}
        ranks: dict[Candidate, dict[int, Floats]] = {}
        for way in ways:  # one model at a time: of many items, each is large
            model = self._fit(way, rows)
            for some, by_way in tuned.items():
                by_way[way] = self._tuned(model, some, tuning)
            ranks[way] = {
                k: self._with_k(ranks_of, model, k, users)
                for k, users in able.items()
                if len(users)
            }
        return tuned, ranks

    @property
    def _by_history(self) -> str:
        """The kind that recommends to new users by their histories: EASE, where it can be had."""
        return next(kind for kind in ("EASE", "ALS", "item kNN") if kind in self.kinds)

    def _personal(self, known: Known) -> Candidate:
        """Return that model, with the penalty it was best with."""
        answer = known.answer
        chosen = [c for c in (answer.without, answer.with_source) if c.kind == self._by_history]
        return replace(chosen[0], weight=0.0) if chosen else Candidate(self._by_history)

    def _quarters(self) -> list[Ints]:
        """Deal the users who can be asked; those the source knows, where it knows any."""
        counts = self.history.counts
        eligible = counts >= 2
        also = np.bincount(self.union.source.user, minlength=len(counts)) > 0
        if (eligible & also).sum() >= QUARTERS:
            eligible &= also
        dealt = self.rng.permutation(np.flatnonzero(eligible))[: MOST * 2]
        return [np.sort(part) for part in np.array_split(dealt, QUARTERS)]

    def _tuned(self, model: Recommender, some: bool, users: Ints) -> Floats:
        """Say how well each user's choice is ranked, over all k with some choices, or without."""
        total, times = np.zeros(len(users)), np.zeros(len(users))
        for k in KS:
            can = self.history.counts[users] > k
            if bool(k) == some and can.any():
                total[can] += self._with_k(quality_of, model, k, users[can])
                times += can
        return (total / np.maximum(times, 1))[times > 0]

    def _with_k(self, measure: Measure, model: Recommender, k: int, users: Ints) -> Floats:
        rows = np.zeros(len(self.union.target), bool)
        rows[self.history.before(users, k)] = True
        asked = Asked(users, self._items(self.history.back(users)))
        return measure(model, self.union, rows, asked)

    def _without(self) -> list[Candidate]:
        """List what competes without the source."""
        found = []
        for kind in self.kinds:
            strengths = STRENGTHS if kind == "EASE" else (0.0,)
            found += [Candidate(kind, 0.0, strength) for strength in strengths]
        return found

    def _with_source(self, bases: Sequence[Candidate]) -> list[Candidate]:
        """List the ways in which the source may be used: the same models, with it weighed in."""
        found = []
        for base in bases:
            weights = self.weights if base.kind == "EASE" else self.weights[-2:]
            found += [replace(base, weight=weight) for weight in weights]
        return found

    def _source_popularity(self, rows: Rows, asked: Asked) -> Floats:
        own = np.zeros(len(rows), bool)
        X = self.union.matrix(1.0, own)
        model = fit(Candidate("popularity", 1.0), X, self.union.offered)
        return ranks_of(model, self.union, rows, asked)

    def _ranks(self, candidate: Candidate, rows: Rows, asked: Asked) -> Floats:
        return ranks_of(self._fit(candidate, rows), self.union, rows, asked)

    def _fit(self, candidate: Candidate, rows: Rows) -> Recommender:
        self._told(self._fits, self.fits)
        self._fits += 1
        return fit(candidate, self.union.matrix(candidate.weight, rows), self.union.offered)

    @property
    def fits(self) -> int:
        """How many fits there are in all."""
        ways = len(self._with_source([Candidate(kind) for kind in self.kinds]))
        new = [Candidate("popularity"), Candidate(self._by_history)]
        each = len(new) + len(self._with_source(new))
        tuned = len(self._tuning_steps) * (len(self._without()) + ways)
        return tuned + len(self.kinds) + 1 + self.rotations * each

    def _some(self, which: NDArray[np.bool_]) -> Ints:
        """Draw users, where there are very many."""
        users = np.flatnonzero(which)
        return users if len(users) <= MOST else np.sort(self.rng.choice(users, MOST, replace=False))

    def _items(self, rows: Ints) -> Ints:
        return self.union.target.item[rows]


def _best(scored: Mapping[Candidate, Floats]) -> Candidate:
    return max(scored, key=lambda candidate: scored[candidate].mean())


def _choice(
    scored: Mapping[Candidate, Floats], bases: Sequence[Candidate], errors: float
) -> tuple[Candidate, Candidate]:
    """Choose the best model without the source, and how the source is used, or that it is not."""
    without = max(bases, key=lambda candidate: scored[candidate].mean())
    ways = {c: s for c, s in scored.items() if c == without or c.weight}
    return without, choose(ways, without, errors=errors)


def _pooled(parts: Sequence[Mapping[Candidate, Floats]]) -> dict[Candidate, Floats]:
    return {c: np.concatenate([part[c] for part in parts]) for c in parts[0]}


def _joined(parts: Sequence[Answer]) -> Answer:
    """Put the quarters together."""
    return Answer(
        parts[-1].without,
        parts[-1].with_source,
        np.concatenate([part.ranks_without for part in parts]),
        np.concatenate([part.ranks_with for part in parts]),
        np.concatenate([part.users for part in parts]),
    )
