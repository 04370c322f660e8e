"""Which adaptation, if any: chosen without one label of the target.

Methods of adaptation often make things worse, and without labels nobody sees it. So "no
adaptation" always takes part, and it wins unless scores of different kinds agree on another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from headstart.adaptation.domains import Adapter, Domains
from headstart.adaptation.guards import guards, shares
from headstart.adaptation.names import PLAIN, called
from headstart.adaptation.other_shares import other_shares
from headstart.adaptation.outcome import (
    SCORES,
    Contender,
    Evidence,
    Selection,
    Sure,
    Why,
)
from headstart.adaptation.residual import residual_shift
from headstart.adaptation.scores import (
    agreement,
    cluster_agreement,
    clusterings,
    committee,
    neighbour_agreement,
    neighbours,
    ranks,
    way_back,
)
from headstart.adaptation.standard import AXES, Shared
from headstart.adaptation.trials import Trial, fit_whole, hold_out, try_out
from headstart.errors import ConfigError, DataError
from headstart.judge.crossval import in_threads
from headstart.said import _, _n, commas, sentences
from headstart.transfer.logistic import Floats, Ints

Tick = Callable[[int, int], None]
Rows = NDArray[np.int64]
Others = Callable[[Rows, Rows], Sequence[Trial]]

__all__ = ["PLAIN", "SCORES", "Contender", "Evidence", "Ruling", "Selection", "choose", "select"]

NEEDED = 3
"""Of the four scores must prefer an adaptation to none: with two, hardly more was gained (0.123
instead of 0.120 on 74 pairs of domains) and one pair harmed; with four, 0.108."""

ENOUGH = 2000
"""Rows of either domain that the scores look at: enough to tell candidates apart, and they cost
the square of it."""

WAY_BACK = "way back"
OF_THE_TARGET = ("neighbours", "clusters")
"""Scores that know nothing of the source. Both must prefer an adaptation where the classes are
surely otherwise frequent in the target: the committee is then of one mistake, and so is the way
back, which looks at each domain by its own mean."""

FEW = 20
"""Target examples below which nothing is adapted: the scores of so few are chance."""

FEW_PER_CLASS = 10
"""Target examples per class below which no score may object, and the choice is hardly sure."""

MANY_PER_CLASS = 25
"""Target examples per class from which an adaptation that no score objects to is fairly sure.

To be called so, such choices must have helped in over 80 of 100, the whole 95 % interval of what
was measured above that (``precedent_counts``); with fewer examples it begins at 74."""


def select(
    domains: Domains,
    adapters: Sequence[Adapter],
    *,
    shift_found: bool,
    groups: Ints | None = None,
    classes: Sequence[str] | None = None,
    others: Others | None = None,
    workers: int = 1,
    tick: Tick = lambda done, total: None,
) -> Selection:
    """Try every method and choose one, or none.

    Parameters
    ----------
    domains : Domains
        Its ``target`` has no labels, and there is no other way in for them.
    adapters : sequence of Adapter
        The first is "no adaptation". Names differ.
    shift_found : bool
        Whether the two domains differ (see ``shift``); if not, nothing is adapted.
    groups : ndarray of int, shape (n_s,), optional
        Source rows of one group are held out together.
    classes : sequence of str, optional
        Names of the classes, for the sentences of the guards.
    others : callable(learn, held), optional
        Makes trials of methods that do not work on these features, given the source rows to learn
        from and to answer for. Where one of them is chosen, ``adapted`` is "no adaptation": whoever
        made the trial has the model.
    workers : int
        Threads that try methods.
    tick : callable(done, total)
        Called after every method.

    Returns
    -------
    Selection

    Raises
    ------
    ConfigError
        The first adapter is not "no adaptation", or a name occurs twice.
    DataError
        "no adaptation" itself fails.

    Notes
    -----
    Every method learns from four fifths of the source, and is ruled out if it costs much accuracy
    on the last fifth, or answers few classes only (see ``guards``). The others vote
    on every target example, one vote a family; the method that agrees most with the vote is the
    rival. It is taken if at least three of four scores of different kinds (``SCORES``) prefer it to
    "no adaptation", none objects where there are few target examples, and there is a shift in more
    than how frequent the classes are (see ``residual``); where these differ too, both scores that
    know nothing of the source must prefer it (see ``other_shares``). docs/measurements.md has
    how often that helped and harmed.
    """
    _check(adapters)
    learn, held = hold_out(domains.y, groups, seed=domains.seed)
    part = domains.learning_from(learn)
    at_held, held_y = domains.source[held], domains.y[held]
    tried = adapters if len(domains.target) >= FEW else adapters[:1]
    if len(tried) > 1:
        Shared.fit(part, AXES)  # once, before all threads ask for it
    trials = in_threads(lambda a: try_out(a, part, at_held, held_y), tried, workers, tick)
    trials += others(learn, held) if others and len(tried) > 1 else []
    with threadpool_limits(1):  # as all fitting: see judge.crossval.in_threads
        choice = choose(domains, trials, shift_found=shift_found, classes=classes, workers=workers)
        return _finish(choice, domains, adapters)


@dataclass(frozen=True)
class Ruling:
    """The outcome before the winner is fitted on all of the source."""

    candidates: tuple[Contender, ...]
    chosen: str
    evidence: tuple[Evidence, ...]
    reason: str
    sure: Sure
    why: Why


def choose(
    domains: Domains,
    trials: Sequence[Trial],
    *,
    shift_found: bool,
    classes: Sequence[str] | None = None,
    workers: int = 1,
) -> Ruling:
    """Choose among trials; :func:`select` makes them, others may have been made elsewhere.

    Parameters
    ----------
    domains : Domains
        What the trials were fitted on; the scores look at its features.
    trials : sequence of Trial
        The first is "no adaptation", and it has not failed.
    shift_found : bool
    """
    candidates = compare(domains, trials, classes, workers)
    plain = candidates[0]
    rivals = [c for c in candidates[1:] if c.rank is not None]
    n = len(domains.target)
    if n < FEW:
        reason = _n(
            "{n} target {one} is too few to choose a method by; give at least {least}.",
            "{n} target {many} are too few to choose a method by; give at least {least}.",
            n,
            one=domains.unit.one,
            many=domains.unit.many,
            least=FEW,
        )
        return _none(candidates, (), reason, "not", "no rival")
    if not rivals:
        ruled_out, alone = _("Every other method was ruled out."), _("No other method took part.")
        reason = ruled_out if trials[1:] else alone
        return _none(candidates, (), reason, "hardly", "no rival")
    rival = min(rivals, key=lambda c: c.rank or 0.0)
    evidence = tuple(
        Evidence(score, plain.scores[score], rival.scores[score], rival.name, domains.unit)
        for score in SCORES
    )
    return _verdict(domains, candidates, rival, evidence, shift_found, classes)


def compare(
    domains: Domains,
    trials: Sequence[Trial],
    classes: Sequence[str] | None = None,
    workers: int = 1,
) -> tuple[Contender, ...]:
    """Rule out by the guards, score the others, rank them by agreement with the committee."""
    plain = trials[0]
    if plain.failure:
        raise DataError(
            sentences(_("The source alone cannot be learned."), plain.failure),
            _("Without a model of the source there is nothing to adapt; train on it first."),
        )
    prior = shares(domains.y, domains.n_classes)
    ruled = [[] if t is plain else guards(t, plain, prior, classes, domains.unit) for t in trials]
    running = [t for t, said in zip(trials, ruled, strict=True) if not said]
    scored = score(domains, running, workers)
    order = ranks([s["committee"] for s in scored])
    at = {t.name: i for i, t in enumerate(running)}
    return tuple(
        Contender(
            t,
            scored[at[t.name]] if t.name in at else {},
            float(order[at[t.name]]) if t.name in at else None,
            tuple(said),
            None if t.failure else float((t.answers != plain.answers).mean()),
        )
        for t, said in zip(trials, ruled, strict=True)
    )


def score(domains: Domains, trials: Sequence[Trial], workers: int = 1) -> list[dict[str, float]]:
    """Score answers by ``SCORES``, on at most ``ENOUGH`` rows of either domain."""
    at_source, at_target = (_sample(X, domains.seed) for X in (domains.source, domains.target))
    part = replace(domains.learning_from(at_source), target=domains.target[at_target])
    space = Shared.fit(part)
    near = neighbours(space.target)
    clusters = clusterings(space.target, domains.n_classes, seed=domains.seed)
    answers = [t.answers[at_target] for t in trials]
    vote = committee(answers, voters(trials), domains.n_classes)

    def scored(said: Ints) -> dict[str, float]:
        back = way_back(space.target, said, space.source, part.y, part.n_classes, part.C)
        return {
            "committee": agreement(vote, said),
            "way back": back,
            "neighbours": neighbour_agreement(near, said),
            "clusters": cluster_agreement(clusters, said),
        }

    return in_threads(scored, answers, workers)


def voters(trials: Sequence[Trial]) -> list[str]:
    """Say for whom each trial votes: "no adaptation" for itself, the others for their family.

    Where they are all of one family each votes for itself: else "no adaptation" had half the votes.
    """
    families = {t.family for t in trials[1:]}
    return [PLAIN, *(t.family if len(families) > 1 else t.name for t in trials[1:])]


def _verdict(
    domains: Domains,
    candidates: tuple[Contender, ...],
    rival: Contender,
    evidence: tuple[Evidence, ...],
    shift_found: bool,
    classes: Sequence[str] | None,
) -> Ruling:
    for_it = [e.score for e in evidence if e.prefers == "adaptation"]
    tally = {"n": len(for_it), "all": len(evidence)}
    n = len(domains.target)
    enough = n >= FEW_PER_CLASS * domains.n_classes
    if not shift_found:
        reason = _(
            "The target's {many} cannot be told from the source's, so there is nothing to mend.",
            many=domains.unit.many,
        )
        return _none(candidates, evidence, reason, "fairly" if enough else "hardly", "no shift")
    if not residual_shift(domains, candidates[0].trial).found:
        reason = _(
            "Once the classes are made as frequent, the two domains cannot be told apart. To align "
            "what differs only in how frequent the classes are would do harm."
        )
        return _none(candidates, evidence, reason, "fairly", "class shares")
    against = [e.score for e in evidence if e.prefers == PLAIN]
    if len(for_it) < NEEDED:
        reason = _(
            "{n} of {all} scores prefer the best rival, {rival}, to no adaptation; {needed} must.",
            **tally,
            rival=called(rival.name),
            needed=NEEDED,
        )
        return _none(candidates, evidence, reason, "hardly", "disagreement")
    if against and not enough:
        reason = _(
            "{n} of {all} scores prefer the best rival, {rival}, to no adaptation, but with only "
            "{few} target {many} none may object ({against}).",
            **tally,
            rival=called(rival.name),
            few=n,
            many=domains.unit.many,
            against=commas(map(called, against)),
        )
        return _none(candidates, evidence, reason, "hardly", "disagreement")
    back = next(e for e in evidence if e.score == WAY_BACK)
    changed = other_shares(domains, candidates[0].trial, back.none, back.rival)
    if changed is not None and not set(OF_THE_TARGET) <= set(for_it):
        rows = np.flatnonzero(changed.differ).tolist()
        names = classes or [_("class {number}", number=k + 1) for k in range(domains.n_classes)]
        reason = _(
            "{n} of {all} scores prefer the best rival, {rival}, to no adaptation. But the classes "
            "seem to be otherwise frequent in the target ({told}). To make the two domains look "
            "alike would make their shares alike, too, so the target's own groups must speak for "
            "it ({needed}), and they do not.",
            **tally,
            rival=called(rival.name),
            told=changed.told(rows, names),
            needed=commas(map(called, OF_THE_TARGET)),
        )
        return _none(candidates, evidence, reason, "hardly", "other shares")
    reason = _(
        "{n} of {all} scores prefer it to no adaptation ({scores}), and {changed:.0f} % of the "
        "target's answers change.",
        **tally,
        scores=commas(map(called, for_it)),
        changed=100 * (rival.changed or 0),
    )
    why: Why = "objection" if against else "agreement"
    many = n >= MANY_PER_CLASS * domains.n_classes
    sure: Sure = "fairly" if many and not against and changed is None else "hardly"
    return Ruling(candidates, rival.name, evidence, reason, sure, why)


def _none(
    candidates: tuple[Contender, ...],
    evidence: tuple[Evidence, ...],
    reason: str,
    sure: Sure,
    why: Why,
) -> Ruling:
    return Ruling(candidates, candidates[0].name, evidence, reason, sure, why)


def _finish(choice: Ruling, domains: Domains, adapters: Sequence[Adapter]) -> Selection:
    """Fit the winner, and "no adaptation", on all of the source."""
    plain = adapters[0].fit(domains)
    winner = next((a for a in adapters[1:] if a.name == choice.chosen), None)
    adapted = plain if winner is None else fit_whole(winner, domains)
    if adapted is None:
        failed = _("{name} was chosen, but failed on the whole source.", name=called(choice.chosen))
        choice = _none(choice.candidates, choice.evidence, failed, "hardly", "no rival")
    return Selection(
        choice.candidates,
        choice.chosen,
        adapted or plain,
        plain,
        choice.evidence,
        choice.reason,
        choice.sure,
        choice.why,
    )


def _sample(X: Floats, seed: int) -> Ints:
    """Draw at most ``ENOUGH`` rows of ``X`` (n, d); which ones does not depend on their order."""
    rows = np.ascontiguousarray(X)
    whole = np.dtype((np.void, rows.itemsize * rows.shape[1]))
    order = np.argsort(rows.view(whole)[:, 0], kind="stable")
    drawn = np.random.default_rng([seed, len(X)]).permutation(len(X))[:ENOUGH]
    return np.asarray(order[np.sort(drawn)], np.int64)


def _check(adapters: Sequence[Adapter]) -> None:
    names = [a.name for a in adapters]
    if not names or names[0] != PLAIN:
        raise ConfigError(
            _(
                "The first method must be {plain!r}, got {first!r}.",
                plain=PLAIN,
                first=names[0] if names else "",
            ),
            _("Put NoAdaptation() first: every other is compared with it."),
        )
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ConfigError(
            _("Methods of one name: {names}.", names=commas(twice)),
            _("Give each its own name, or leave one out."),
        )
