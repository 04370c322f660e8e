"""The method ``mix`` within a run: the probe beside a rival that counts, their answers mixed.

Counting words needs no network, and with many labels it is hard to beat; a modality names the rival
that is worth it. ``auto`` without a budget chooses between the probe and the mixture: where the
vectors do as well alone, the probe is kept. The choice is made inside every fold, too.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from headstart.choose.candidates import PROBE, Candidate, Entry
from headstart.judge.crossval import Outcome, judge_folds, picked
from headstart.methods import Work
from headstart.methods.compared import Compared
from headstart.methods.kept import HeldOut, Kept
from headstart.prepare.config import MIX
from headstart.prepare.source import Prepared
from headstart.said import _, sentences
from headstart.tasks.labels import Stream
from headstart.transfer import FittedModel, Pair
from headstart.transfer.mix import MixChoice, choose_mix

Folds = list[tuple[NDArray[np.int64], NDArray[np.int64]]]


class Mix:
    """The method ``mix``.

    Parameters
    ----------
    auto : bool, default=False
        Keep the probe where mixing brings nothing, and where the modality offers nothing to mix
        with; asked for by name, the mixture is kept whatever the probe scores.
    """

    needs_blocks = False
    takes: frozenset[str] = frozenset()

    def __init__(self, auto: bool = False) -> None:
        self.auto = auto
        self.name = "auto" if auto else MIX

    def __call__(self, work: Work) -> Kept:
        """Judge the mixture on the folds, fit it on all rows."""
        prepared, plan = work.prepared, work.plan
        if prepared.dataset.several or not prepared.dataset.modality.beside:
            return Kept(work.probe, work.choice.C, plan)
        spaces = spaces_of(prepared)
        mark = time.monotonic()
        tick = work.machine.ticker(_("mixing vectors and counts"))
        judged = judge_folds(
            spaces, prepared.labels, plan.folds, workers=work.machine.workers, tick=tick
        )
        seconds = time.monotonic() - mark
        choice, model = fit_mix(prepared, work.probe)
        held_out = None
        if prepared.dataset.is_test.any():
            rows = prepared.train
            folds = prepared.labels.folds(rows, 5, Stream.TRAINING_PART)
            inside = [(rows[a], rows[b]) for a, b in folds]
            found = judge_folds(spaces, prepared.labels, inside, workers=work.machine.workers)
            held_out = HeldOut.of(self._kept(found).proba, [h for _, h in inside])
        mixed = not self.auto or choice.share < 1
        return Kept(
            model if mixed else work.probe,
            None if mixed else work.choice.C,
            plan,
            self._why(choice, prepared.dataset.modality.beside),
            compared=_compared(work, judged, seconds, mixed),
            outcome=self._kept(judged),
            held_out=held_out,
        )

    def _kept(self, judged: dict[str, Outcome]) -> Outcome:
        """Answer for every fold by what is chosen inside it."""
        return chosen_inside(judged) if self.auto else judged[MIX]

    def _why(self, choice: MixChoice, rival: str) -> str:
        weights = _(
            "In an answer the vectors weigh {vectors:.0%}, the counts {counts:.0%}.",
            vectors=choice.share,
            counts=1 - choice.share,
        )
        told = {"rival": _(rival)}
        if not self.auto:
            return sentences(_("{method} was asked for.", method=MIX), weights)
        if choice.share == 1:
            return _(
                "To count what occurs in an example ({rival}), beside the vectors of the network, "
                "does not make the answers clearly better: the probe answers alone.",
                **told,
            )
        better = _(
            "To count what occurs in an example ({rival}), beside the vectors of the network, "
            "makes the answers clearly better.",
            **told,
        )
        return sentences(better, weights)


def spaces_of(prepared: Prepared) -> dict[str, object]:
    """Return what the probe and the mixture stand on."""
    features, modality = prepared.features, prepared.dataset.modality
    X = features.vectors[0]
    return {PROBE: X, MIX: Pair.of(modality, modality.beside, X, features.digests)}


def mix_on(work: Work, folds: Folds) -> Outcome:
    """Judge the mixture alone on folds."""
    spaces = {MIX: spaces_of(work.prepared)[MIX]}
    return judge_folds(spaces, work.prepared.labels, folds, workers=work.machine.workers)[MIX]


def tried_on(work: Work, folds: Folds) -> tuple[Entry, ...]:
    """Try the mixture as one candidate among several; none where there is nothing to mix with."""
    if not work.prepared.dataset.modality.beside:
        return ()
    mark = time.monotonic()
    proba = [np.asarray(p) for p in mix_on(work, folds).proba]
    candidate = Candidate(MIX, MIX, work.config.recipe, 0)
    return (Entry(candidate, None, time.monotonic() - mark, proba),)


def chosen_inside(judged: dict[str, Outcome]) -> Outcome:
    """Take in every fold the mixture, or the probe where inside it the vectors count for all."""
    alone = [isinstance(c, MixChoice) and c.share == 1 for c in judged[MIX].choices]
    return picked(judged, [PROBE if a else MIX for a in alone])


def fit_mix(prepared: Prepared, probe: FittedModel) -> tuple[MixChoice, FittedModel]:
    """Choose and fit the mixture on all training rows, on the folds that the probe is chosen on."""
    modality, labels = prepared.dataset.modality, prepared.labels
    X = spaces_of(prepared)[MIX]
    assert isinstance(X, Pair)
    X, own = X[prepared.train], labels.of(prepared.train)
    rows, folds = own.choosing(np.arange(len(X)), Stream.MODEL_HEAD)
    with threadpool_limits(1):  # as all fitting: see judge.crossval.in_threads
        choice = choose_mix(X[rows], own.y[rows], own.n_classes, folds, balanced=own.balanced)
        head = choice.fit(X, own.y, own.n_classes, exact=True)
    model = FittedModel(
        MIX, head, choice.temperature, prepared.dataset.classes, probe.familiar,
        beside=modality.beside,
    )  # fmt: skip
    return choice, model


def _compared(work: Work, judged: dict[str, Outcome], seconds: float, mixed: bool) -> Compared:
    """Set both beside each other on the first deal of the folds."""
    plan, recipe = work.plan, work.config.recipe
    once = plan.folds[: len(plan.folds) // max(plan.repeats, 1)]
    own, other = (
        Entry(Candidate(name, name, recipe, 0), None, taken, list(judged[name].proba[: len(once)]))
        for name, taken in ((PROBE, None), (MIX, seconds))
    )
    chosen = other if mixed else own
    return Compared((own, other), [held for _, held in once], work.prepared.labels, chosen)
