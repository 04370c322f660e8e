"""The ranking of backbones: which one to use on these data, and how sure that is.

Two questions, two rules. *Which differ?* is what the table says: a backbone is a "tie" unless it
has been shown to be worse than the most accurate (95 %, Holm). With 72 of them nearly everything is
a tie, so that says nothing about which to take. *Which to take?* is stricter: the cheapest that is
as accurate as the best on these examples, or is behind by at most one point **even if** it is one
standard error further behind than it seems. One point is what speed is worth; where data are few
that cannot be shown, and the most accurate is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.choose.scores import h_score, knn_accuracy, logme
from headstart.errors import ConfigError
from headstart.judge.crossval import Outcome, in_threads, judge_folds, picked
from headstart.judge.estimate import Plan, assess, compare
from headstart.judge.holm import holm_against_best
from headstart.judge.intervals import Interval
from headstart.judge.verdict import LEVEL
from headstart.modalities import EXAMPLE, Unit
from headstart.said import _, _n, commas, listed, sentences
from headstart.tasks.labels import ENOUGH, Labels, Stream

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

WORTH = 0.01
"""Accuracy that may be given up for speed: one point, a plain choice. The looser rule, within one
standard error and a point, lost more (docs/measurements.md)."""
EQUAL = 5e-4
"""Less than this share behind reads as 0.0 points."""
ALIKE = 1.1
"""Times this close to the cheapest are the same price: a timing of one second is no better."""


@dataclass(frozen=True)
class Entrant:
    """A backbone that takes part: its embeddings of the data, and what it costs.

    Attributes
    ----------
    name : str
    X : ndarray of shape (n, dim), float32
    params : int
        Parameters of the network without its source head.
    mb : float, megabytes (10^6 bytes)
        Of the weights.
    seconds_per_1000 : float, seconds
        To embed 1,000 examples on this machine: ``features.speed``.
    licence : str
        Of the weights.
    size : int, pixels, or None
        Side of the images the network sees.
    """

    name: str
    X: NDArray[np.float32]
    params: int
    mb: float
    seconds_per_1000: float
    licence: str
    size: int | None

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self.X.shape[1])


@dataclass(frozen=True)
class Place:
    """One line of the table.

    Attributes
    ----------
    entrant : Entrant
    accuracy, accuracy_ci95
        Of the cross-validated probe, 0..1.
    behind, behind_ci95
        Accuracy lost against the most accurate, on the same examples; 0 for that one itself.
    p_holm : float
        Of "no difference to the most accurate", adjusted for the number of comparisons; 1 for that
        one itself.
    logme, h_score, knn : float
        See ``choose.scores``.
    """

    entrant: Entrant
    accuracy: float
    accuracy_ci95: Interval
    behind: float
    behind_ci95: Interval
    p_holm: float
    logme: float
    h_score: float | None
    knn: float | None

    @property
    def tie(self) -> bool:
        """Whether it cannot be told from the most accurate."""
        return self.p_holm >= LEVEL

    def to_json(self) -> dict[str, Any]:
        """Return plain types."""
        own = self.entrant
        return {
            "name": own.name,
            "accuracy": self.accuracy,
            "accuracy_ci95": list(self.accuracy_ci95),
            "behind": self.behind,
            "behind_ci95": list(self.behind_ci95),
            "p_holm": self.p_holm,
            "logme": self.logme,
            "h_score": self.h_score,
            "knn": self.knn,
            "dim": own.dim,
            "size": own.size,
            "params": own.params,
            "mb": own.mb,
            "seconds_per_1000": own.seconds_per_1000,
            "licence": own.licence,
            "tie": self.tie,
        }


@dataclass(frozen=True)
class Ranking:
    """Backbones compared on the same examples.

    Attributes
    ----------
    places : tuple of Place
        Best accuracy first.
    recommended : str
    sentence : str
        What a beginner can repeat.
    protocol : str
        Which examples were held out, and how often.
    n : int
        Examples that were dealt into folds.
    outcomes : dict of str to Outcome
        Held-out answers of every entrant and of the majority class, by fold.
    """

    places: tuple[Place, ...]
    recommended: str
    sentence: str
    protocol: str
    n: int
    outcomes: dict[str, Outcome]

    def to_json(self, *, data: str, classes: Sequence[str]) -> dict[str, Any]:
        """Return the rank document; ``data`` is what the user called them."""
        return {
            "schema": 1,
            "study": "rank",
            "data": data,
            "n": self.n,
            "classes": list(classes),
            "protocol": self.protocol,
            "recommended": self.recommended,
            "sentence": self.sentence,
            "backbones": [place.to_json() for place in self.places],
        }


def rank(
    entrants: Sequence[Entrant],
    labels: Labels,
    chosen: Plan,
    *,
    workers: int = 1,
    tick: Callable[[int, int], None] = lambda done, total: None,
    unit: Unit = EXAMPLE,
) -> Ranking:
    """Rank backbones by the cross-validated accuracy of their probe, and recommend one.

    In every fold each backbone gets the head that the fold's training part chooses for it, on the
    same rows. Accuracies are compared in pairs with the most accurate (``judge.estimate.compare``):
    by the corrected resampled t-test, or exactly (McNemar) on a fixed test set. Cross-validated,
    the recommendation goes by the held-out answers; where there is a test set it is made inside the
    training part, so that the test set stays one. The accuracy of "rank, then train" is that of
    ``pick_by_fold``: the winner's own is flattered by having won.

    Parameters
    ----------
    entrants : sequence of Entrant
        Of the same n rows; their names differ.
    labels : Labels
    chosen : Plan
        From ``judge.estimate.plan``.
    workers : int, default=1
        Threads.
    tick : callable
        Told how many fits are done, and of how many.
    unit : Unit
        What sentences call an example.

    Raises
    ------
    ConfigError
        No entrants, or two of one name.
    """
    _check(entrants)
    spaces = {entrant.name: entrant.X for entrant in entrants}
    outcomes = judge_folds(spaces, labels, chosen.folds, workers=workers, tick=tick)
    places = _places(entrants, outcomes, labels, chosen, workers)
    pick, lost, error = _recommended(entrants, outcomes, labels, chosen)
    return Ranking(
        places,
        entrants[pick].name,
        _sentence(places, entrants[pick].name, lost, error, unit, within=not chosen.repeats),
        chosen.protocol,
        len(labels.y),
        outcomes,
    )


def pick_by_fold(
    entrants: Sequence[Entrant], outcomes: dict[str, Outcome], labels: Labels, chosen: Plan
) -> tuple[Outcome, list[str]]:
    """Recommend anew in every fold, from what happened inside its training part alone.

    The outcome is that of the whole procedure "rank, then train", choice of backbone included: no
    held-out row has had a say in which network answers for it.

    Parameters
    ----------
    outcomes : dict of str to Outcome
        Of the entrants on the folds of ``chosen``: ``Ranking.outcomes``.

    Returns
    -------
    outcome : Outcome
    picks : list of str
        The backbone used in each fold.
    """
    picks = [
        entrants[_pick_inside(entrants, outcomes, labels, chosen, f)[0]].name
        for f in range(len(chosen.folds))
    ]
    return picked(outcomes, picks), picks


def recommend(
    right: Floats, seconds: Sequence[float], tie_break: Callable[[int], float], groups: Ints
) -> tuple[int, float, float]:
    """Pick the cheapest that is as good as the most accurate, for all that matters.

    That is: not behind at all, or behind by no more than ``WORTH`` when one standard error of the
    paired difference is added (itself with one disagreement added: a single example is no
    evidence). Among the cheapest (within ``ALIKE``) the tie break decides.

    Parameters
    ----------
    right : ndarray of shape (entrants, n)
        How right each is about each example, 0..1 (times the example's weight).
    seconds : sequence of float
        What each costs.
    tie_break : callable
        From the place of an entrant to a score, higher is better; asked only if it matters.
    groups : ndarray of int, shape (n,)
        Examples of one group are right or wrong together; all different where there are none.

    Returns
    -------
    place : int
    lost : float
        By how much it is less accurate than the best.
    error : float
        The standard error of that difference.

    Notes
    -----
    A test of non-inferiority with a margin of one point, at the level of one standard error. The
    rule of one standard error, which asks only that a difference is not shown, takes the cheapest
    of all where data are few.
    """
    n = right.shape[1]
    member = np.unique(groups, return_inverse=True)[1]
    lead = right[int(np.argmax(right.mean(axis=1)))] - right  # (entrants, n)
    lost = lead.mean(axis=1)
    error = np.array([np.sqrt(np.square(np.bincount(member, own)).sum() + 1) / n for own in lead])
    good = [i for i in range(len(right)) if lost[i] <= max(WORTH - error[i], 0) + 1e-12]
    cheapest = min(seconds[i] for i in good)
    cheap = [i for i in good if seconds[i] <= ALIKE * cheapest]
    place = cheap[0] if len(cheap) == 1 else max(cheap, key=tie_break)
    return place, float(lost[place]), float(error[place])


def _check(entrants: Sequence[Entrant]) -> None:
    names = [entrant.name for entrant in entrants]
    if not names:
        raise ConfigError(_("There is no backbone to rank."), _("Name some: --backbones a,b."))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            _("{names} takes part more than once.", names=commas(map(repr, twice))),
            _("Name each backbone once."),
        )


def _recommended(
    entrants: Sequence[Entrant], outcomes: dict[str, Outcome], labels: Labels, chosen: Plan
) -> tuple[int, float, float]:
    if not chosen.repeats:
        return _pick_inside(entrants, outcomes, labels, chosen, 0)
    rows = np.unique(np.concatenate([held for _, held in chosen.folds]))
    right = np.array([_right(outcomes[e.name], labels, chosen) for e in entrants])
    return _pick(entrants, right, rows, labels)


def _pick_inside(
    entrants: Sequence[Entrant],
    outcomes: dict[str, Outcome],
    labels: Labels,
    chosen: Plan,
    fold: int,
) -> tuple[int, float, float]:
    """Recommend from the inner folds of a fold's training part."""
    right = np.array([outcomes[entrant.name].right[fold] for entrant in entrants])
    return _pick(entrants, right, labels.inner_rows(chosen.folds[fold][0], fold), labels)


def _pick(
    entrants: Sequence[Entrant], right: Floats, rows: Ints, labels: Labels
) -> tuple[int, float, float]:
    grouped = labels.grouped and labels.groups is not None
    groups = labels.groups[rows] if grouped and labels.groups is not None else rows
    return recommend(
        right,
        [entrant.seconds_per_1000 for entrant in entrants],
        lambda i: logme(entrants[i].X[rows], labels.y[rows]),
        groups,
    )


def _right(outcome: Outcome, labels: Labels, chosen: Plan) -> Floats:
    """How often each held-out row, in row order, was right over the repeats; weighted if asked."""
    held = np.concatenate([rows for _, rows in chosen.folds])
    score = labels.task.score(labels.y[held], np.concatenate(outcome.proba))
    rows, place, times = np.unique(held, return_inverse=True, return_counts=True)
    right = np.bincount(place, score) / times
    if labels.balanced:
        counts = np.bincount(labels.y[rows], minlength=labels.n_classes)
        right = right * len(rows) / (np.count_nonzero(counts) * counts[labels.y[rows]])
    return right


def _places(
    entrants: Sequence[Entrant],
    outcomes: dict[str, Outcome],
    labels: Labels,
    chosen: Plan,
    workers: int,
) -> tuple[Place, ...]:
    """Fill the table, best accuracy first; the cheaper first where accuracies are equal."""
    floor = labels.task.floor_name
    alone = {floor: outcomes[floor]}
    judged = {e.name: assess(outcomes[e.name], alone, labels, chosen).estimate for e in entrants}
    order = sorted(entrants, key=lambda e: (-judged[e.name]["accuracy"], e.seconds_per_1000))
    best = outcomes[order[0].name]
    compared = [compare(best, outcomes[e.name], labels, chosen, balanced=False) for e in order[1:]]
    p_holm = [1.0, *holm_against_best([c.p for c in compared])]
    behind = [(0.0, (0.0, 0.0)), *((c.gain, c.gain_ci95) for c in compared)]
    rows = _scored_rows(labels, chosen)
    y, groups = labels.y[rows], None if labels.groups is None else labels.groups[rows]

    def scores(e: Entrant) -> tuple[float, float | None, float | None]:
        X = e.X[rows]
        if labels.several:  # the others are about classes that lie apart
            return logme(X, y), None, None
        return logme(X, y), h_score(X, y), knn_accuracy(X, y, groups)

    scored = in_threads(scores, order, workers)
    return tuple(
        Place(
            e,
            judged[e.name]["accuracy"],
            tuple(judged[e.name]["accuracy_ci95"]),
            *lost,
            p,
            evidence,
            h,
            knn,
        )
        for e, lost, p, (evidence, h, knn) in zip(order, behind, p_holm, scored, strict=True)
    )


def _scored_rows(labels: Labels, chosen: Plan) -> Ints:
    """Rows to learn from, at most ``ENOUGH``: what the transferability scores look at."""
    rows = np.unique(np.concatenate([train for train, _ in chosen.folds]))
    if len(rows) > ENOUGH:
        rng = np.random.default_rng([labels.seed, Stream.SCORED_ROWS])
        rows = np.sort(rng.choice(rows, ENOUGH, replace=False))
    return rows


def _sentence(
    places: Sequence[Place], name: str, lost: float, error: float, unit: Unit, *, within: bool
) -> str:
    """Say what to use and why, and how far the data could tell."""
    best, own = places[0], next(p for p in places if p.entrant.name == name)
    low, high = own.accuracy_ci95
    told = {
        "name": name,
        "examples": unit.many,
        "right": 100 * own.accuracy,
        "low": 100 * low,
        "high": 100 * high,
    }
    if len(places) == 1:
        return _(
            "{name} gets {right:.1f} % of held-out {examples} right (95 % interval {low:.1f} to "
            "{high:.1f}); there was nothing to compare it with.",
            **told,
        )
    if own is best:
        use = _first(places, told)
    elif within:
        use = _chosen_within(lost, told)
    else:
        use = sentences(_cheaper(best, lost, error, told), _price(own.entrant, best.entrant))
    tied = [p.entrant.name for p in places if p.tie and p not in (own, best)]
    return sentences(use, _tied(tied) if tied else "")


def _first(places: Sequence[Place], told: dict[str, Any]) -> str:
    if places[1].accuracy < places[0].accuracy:
        return _(
            "Use {name}: it is the most accurate of {backbones}, with {right:.1f} % of held-out "
            "{examples} right (95 % interval {low:.1f} to {high:.1f}).",
            backbones=len(places),
            **told,
        )
    return _(
        "Use {name}: none is more accurate, with {right:.1f} % of held-out {examples} right (95 % "
        "interval {low:.1f} to {high:.1f}).",
        **told,
    )


def _chosen_within(lost: float, told: dict[str, Any]) -> str:
    if lost < EQUAL:
        return _(
            "Use {name}: inside the training part, where the choice was made to keep the held-out "
            "part unspent, it was as accurate as the most accurate; on that part it gets "
            "{right:.1f} % of held-out {examples} right (95 % interval {low:.1f} to {high:.1f}).",
            **told,
        )
    return _(
        "Use {name}: inside the training part, where the choice was made to keep the held-out part "
        "unspent, it was {lost:.1f} points behind the most accurate; on that part it gets "
        "{right:.1f} % of held-out {examples} right (95 % interval {low:.1f} to {high:.1f}).",
        lost=100 * lost,
        **told,
    )


def _cheaper(best: Place, lost: float, error: float, told: dict[str, Any]) -> str:
    beside = {"best": best.entrant.name, "error": 100 * error}
    if lost < EQUAL:
        return _(
            "Use {name}: with {right:.1f} % of held-out {examples} right (95 % interval {low:.1f} "
            "to {high:.1f}) it is as accurate as the most accurate ({best}), with a standard error "
            "of {error:.1f} points.",
            **beside,
            **told,
        )
    return _(
        "Use {name}: with {right:.1f} % of held-out {examples} right (95 % interval {low:.1f} to "
        "{high:.1f}) it is {lost:.1f} points behind the most accurate ({best}), with a standard "
        "error of {error:.1f} points.",
        lost=100 * lost,
        **beside,
        **told,
    )


def _price(own: Entrant, best: Entrant) -> str:
    ratio = best.seconds_per_1000 / max(own.seconds_per_1000, 1e-9)
    if ratio <= ALIKE:
        return _("Its features suit the classes better (LogME) at the same speed.")
    return _("It is {ratio:.1f} times as fast.", ratio=ratio)


def _tied(names: Sequence[str]) -> str:
    return _n(
        "With this much data {names} cannot be told from the most accurate either, which does not "
        "make it as good.",
        "With this much data {names} cannot be told from the most accurate either, which does not "
        "make them as good.",
        len(names),
        names=listed(names),
    )
