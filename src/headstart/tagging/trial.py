"""The trial: sentences are held out, found again, and transfer is compared with doing without.

Verdict and intervals are those of all runs (``judge/verdict.py``), on what every sentence says of
the F1 of all (``measure.influence``). Sentences of a document, and equal ones, are on one side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.judge.crossval import in_threads
from headstart.judge.few_groups import too_few, why_withheld
from headstart.judge.holm import holm
from headstart.judge.intervals import Interval, corrected_interval, wider
from headstart.judge.verdict import (
    LEVEL,
    MAY_TELL,
    ClassGain,
    Comparison,
    Rival,
    Verdict,
    decide,
    from_answers,
    from_test_set,
)
from headstart.said import _, _n
from headstart.tagging.measure import METRIC, Counts, influence, interval, shares
from headstart.tagging.probe import deal
from headstart.tagging.rivals import RIVALS, answers_of
from headstart.tagging.sentences import Sentence
from headstart.tagging.ways import Answers, Material, Way

FOLDS, LARGE = 5, 20_000
FEW = 3
"""So many groups that hold a type of entity are too few to tell it by."""
Ints = NDArray[np.int64]
OnFit = Callable[[int, int], None]


@dataclass(frozen=True)
class Plan:
    """Which sentences are learned from and which are held out.

    Attributes
    ----------
    protocol : str
        In words.
    folds : list of (train rows, held-out rows)
    crossed : bool
        Whether every sentence is held out once, instead of a fixed part.
    """

    protocol: str
    folds: list[tuple[Ints, Ints]]
    crossed: bool

    @property
    def held(self) -> Ints:
        """All rows that are held out, fold by fold."""
        return np.concatenate([held for _rows, held in self.folds])


def plan(sentences: Sequence[Sentence], groups: Ints, seed: int) -> Plan:
    """Take the test file that was given; else deal sentences, or documents, into folds."""
    part = np.array([one.part for one in sentences])
    train, test = np.flatnonzero(part == "train"), np.flatnonzero(part == "test")
    if len(test):
        said = _n(
            "test set of {n:,} sentence, used once",
            "test set of {n:,} sentences, used once",
            len(test),
        )
        return Plan(said, [(train, test)], False)
    fold = deal(groups[train], FOLDS, np.random.default_rng([seed, 0]))
    k = int(fold.max()) + 1
    folds = [(train[fold != f], train[fold == f]) for f in range(k)]
    documents = any(one.document for one in sentences)
    if len(train) > LARGE:
        held = len(folds[0][1])
        said = _("{n:,} sentences were held out, once", n=held)
        return Plan(said, folds[:1], False)
    if documents:
        return Plan(_("nested cross-validation over documents, {k} folds", k=k), folds, True)
    return Plan(_("nested cross-validation over sentences, {k} folds", k=k), folds, True)


@dataclass(frozen=True)
class Judgement:
    """What came of a trial.

    Attributes
    ----------
    plan : Plan
    answers : list of tuple of str
        Of the way that is judged, for ``plan.held``.
    counts : Counts
    estimate, baselines, verdict
        As metrics.json has them.
    """

    plan: Plan
    answers: Answers
    counts: Counts
    estimate: dict[str, Any]
    baselines: list[dict[str, Any]]
    verdict: dict[str, Any] | None


def judged(material: Material, way: Way, planned: Plan, on_fit: OnFit) -> Judgement:
    """Hold out, learn, answer and compare."""
    sentences, folds = material.sentences, planned.folds
    names, seed = [way.name, *RIVALS], material.seed

    def answer(fit: tuple[str, int]) -> Answers:
        name, f = fit
        rows, held = folds[f]
        if name == way.name:
            return way.scores(rows, held, f + 1).answers
        known, asked = ([sentences[i] for i in side] for side in (rows, held))
        return answers_of(name, known, asked, material.groups[rows], seed)

    fits = [(name, f) for name in names for f in range(len(folds))]
    own, others = fits[: len(folds)], fits[len(folds) :]
    count = len(fits)
    found = in_threads(answer, own, way.threads, lambda done, total: on_fit(done, count))
    found += in_threads(
        answer, others, material.machine.workers, lambda done, total: on_fit(len(own) + done, count)
    )
    told = {
        name: [
            one for (of, _f), part in zip(fits, found, strict=True) if of == name for one in part
        ]
        for name in names
    }
    truth = material.tags(planned.held)
    counts = {name: Counts.of(truth, answers) for name, answers in told.items()}
    scorer = _Scorer(planned, material.groups[planned.held])
    ours = counts[way.name]
    return Judgement(
        planned,
        told[way.name],
        ours,
        {"protocol": planned.protocol, **scorer.said(ours)},
        sorted(
            ({"name": name, **scorer.said(counts[name])} for name in RIVALS),
            key=lambda row: -(row["f1"] or 0.0),
        ),
        _verdict(scorer, ours, {name: counts[name] for name in RIVALS}, sentences, planned),
    )


@dataclass(frozen=True)
class _Scorer:
    """Scores and compares answers for the held-out sentences.

    Attributes
    ----------
    plan : Plan
    groups : ndarray of int64, shape (n_held,)
    """

    plan: Plan
    groups: Ints

    def said(self, counts: Counts) -> dict[str, Any]:
        """Return scores, with the interval of F1."""
        found = counts.scores()
        low, high = self._interval(counts.of_all()) if found["f1"] is not None else (0.0, 1.0)
        return {**found, "f1_ci95": [low, high]}

    def _interval(self, counts: NDArray[np.int64]) -> Interval:
        """Return the interval of F1: the bootstrap's, and of folds that of their scores too."""
        drawn = interval(counts, self.groups)
        if not self.plan.crossed:
            return drawn
        ends = np.cumsum([len(held) for _rows, held in self.plan.folds])[:-1]
        folds = [shares(part.sum(axis=0))["f1"] for part in np.split(counts, ends)]
        known = np.array([f1 for f1 in folds if f1 is not None])
        if len(known) < 2:
            return drawn
        return wider(drawn, corrected_interval(known, 1 / (len(self.plan.folds) - 1)))

    def compare(self, own: NDArray[np.int64], other: NDArray[np.int64]) -> Comparison:
        """Compare two models by right, given and there of every sentence: (n, 3) each."""
        ours, theirs = influence(own), influence(other)
        several = len(np.unique(self.groups)) < len(self.groups)
        groups = self.groups if several else None
        if self.plan.crossed:
            won = (ours - theirs)[None]
            return from_answers(won, len(self.plan.folds), groups=groups, metric=METRIC)
        return from_test_set(ours, theirs, groups=groups, metric=METRIC)


def _verdict(
    scorer: _Scorer,
    own: Counts,
    rivals: dict[str, Counts],
    sentences: Sequence[Sentence],
    planned: Plan,
) -> dict[str, Any] | None:
    """Judge against the best rival; None where the held-out sentences hold no entity."""
    there = own.of_all()[:, 2]
    if not there.sum():
        return None
    compared = {n: scorer.compare(own.of_all(), c.of_all()) for n, c in rivals.items()}
    adjusted = holm([c.p for c in compared.values()])
    best = max(rivals, key=lambda name: rivals[name].scores()["f1"] or 0.0)
    verdict = Verdict.of(
        compared[best],
        best,
        tuple(
            Rival(name, c.gain, c.gain_ci95, c.p, p, decide(c.gain, p))
            for (name, c), p in zip(compared.items(), adjusted, strict=True)
        ),
        _by_kind(scorer, own, rivals[best]),
    )
    few = _few(own, scorer.groups)
    if len(np.unique(scorer.groups[there > 0])) <= FEW or too_few(few, len(own.kinds)):
        verdict = verdict.withhold(_why(few, own.kinds, scorer))
    return verdict.to_json()


def _few(own: Counts, groups: Ints) -> dict[int, int]:
    """Return types that are in few groups, with how many those are."""
    held = {
        k: len(np.unique(groups[own.there[:, k] > 0]))
        for k in range(len(own.kinds))
        if own.there[:, k].any()
    }
    return {k: n for k, n in held.items() if n <= FEW}


def _why(few: dict[int, int], kinds: Sequence[str], scorer: _Scorer) -> str:
    if len(np.unique(scorer.groups)) < len(scorer.groups):
        return why_withheld(few, kinds)
    return _(
        "There are too few sentences with entities for a verdict: only chance would be seen, with "
        "a pretrained network or without. Tag more than {n} sentences of every type.",
        n=FEW,
    )


def _by_kind(scorer: _Scorer, own: Counts, rival: Counts) -> tuple[ClassGain, ...]:
    """Compare the F1 of every type with that of the best rival."""
    found = {kind: scorer.compare(own.of_kind(kind), rival.of_kind(kind)) for kind in own.kinds}
    n = {kind: int(own.of_kind(kind)[:, 2].sum()) for kind in own.kinds}
    tested = [kind for kind in own.kinds if n[kind] >= MAY_TELL]
    adjusted = dict(zip(tested, holm([found[kind].p for kind in tested]), strict=True))
    return tuple(
        ClassGain(
            kind,
            n[kind],
            c.gain,
            adjusted.get(kind),
            c.gain < 0 and adjusted.get(kind, 1.0) < LEVEL,
        )
        for kind, c in found.items()
    )
