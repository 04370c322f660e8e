"""The method ``layers`` within a run: a head on the most relevant columns of all layers."""

from __future__ import annotations

import time

import numpy as np
from threadpoolctl import threadpool_limits

from headstart.choose.candidates import PROBE, Candidate, Entry
from headstart.choose.layers import judge_combination
from headstart.events import Event
from headstart.features.engines import Engine, Kitchen
from headstart.features.extract import Features, extract
from headstart.features.store import FeatureStore
from headstart.judge.crossval import Outcome, judge_folds
from headstart.machine import Machine
from headstart.methods import Work
from headstart.methods.compared import Compared
from headstart.methods.kept import HeldOut, Kept
from headstart.prepare.config import LAYERS
from headstart.prepare.source import Prepared
from headstart.said import _
from headstart.tasks.labels import Stream
from headstart.transfer import Familiarity, FittedModel
from headstart.transfer.combine import Combination, fit_combination
from headstart.transfer.logistic import Floats


class Layers:
    """The method ``layers``. It was asked for, so it is kept whatever the probe scores."""

    name = LAYERS
    needs_blocks = True
    takes: frozenset[str] = frozenset()

    def __call__(self, work: Work) -> Kept:
        """Embed by every layer, judge the combination on the folds, fit it on all rows."""
        prepared, machine = work.prepared, work.machine
        engine, features = embed_stages(prepared, machine)
        X, labels = features.vectors[0], prepared.labels
        tick = machine.ticker(_("combining the layers"))
        mark = time.monotonic()
        outcome = judge_combination(X, labels, work.plan.folds, workers=machine.workers, tick=tick)
        seconds = time.monotonic() - mark
        found = _fit(X, prepared)
        model = FittedModel(
            LAYERS, found.head, found.temperature, prepared.dataset.classes, _familiar(prepared)
        )
        held_out = None
        if prepared.dataset.is_test.any():
            rows = prepared.train
            folds = [(rows[a], rows[b]) for a, b in labels.folds(rows, 5, Stream.TRAINING_PART)]
            answers = judge_combination(X, labels, folds, workers=machine.workers, tick=tick)
            held_out = HeldOut.of(answers.proba, [h for _, h in folds])
        return Kept(
            model,
            found.choice.C,
            work.plan,
            _("{method} was asked for.", method=LAYERS),
            compared=_beside_probe(work, outcome, seconds),
            outcome=outcome,
            held_out=held_out,
            layers=engine,
        )


def _fit(X: Floats, prepared: Prepared) -> Combination:
    labels, rows = prepared.labels, prepared.train
    few, inner = labels.choosing(rows, Stream.MODEL_HEAD)
    with threadpool_limits(1):
        return fit_combination(
            X[rows], labels.y[rows], labels.n_classes, inner,
            rows=np.searchsorted(rows, few), balanced=labels.balanced,
        )  # fmt: skip


def _familiar(prepared: Prepared) -> Familiarity:
    """Tell what is familiar by the embedding alone, as the probe does."""
    X, labels = prepared.training()
    return Familiarity.fit(X, labels.y, labels.n_classes, groups=labels.groups)


def _beside_probe(work: Work, outcome: Outcome, seconds: float) -> Compared:
    """Set the combination beside the probe on the first deal of the folds."""
    labels, plan, recipe = work.prepared.labels, work.plan, work.config.recipe
    once = plan.folds[: len(plan.folds) // max(plan.repeats, 1)]
    spaces = {PROBE: work.prepared.features.vectors[0]}
    probe = judge_folds(spaces, labels, once, workers=work.machine.workers)[PROBE]
    floor = Entry(Candidate(PROBE, PROBE, recipe, 0), 0.0, None, list(probe.proba))
    own = list(outcome.proba[: len(once)])
    combined = Entry(Candidate(LAYERS, LAYERS, recipe, 0), None, seconds, own)
    return Compared((floor, combined), [held for _, held in once], labels, combined)


def embed_stages(prepared: Prepared, machine: Machine) -> tuple[Engine, Features]:
    """Embed a dataset by every stage of its backbone at once."""
    from headstart.backbones.stages import StagesRef  # imports torch

    kitchen = Kitchen(machine.cache, machine.workers, machine.on_event)
    machine.on_event(Event(_("preparing the layers")))
    ref, name = StagesRef(prepared.ref), prepared.engine.name
    engine = kitchen.engine(ref, device=machine.device, name=name)
    with FeatureStore(machine.cache) as store:
        return engine, extract(
            prepared.dataset.examples,
            [engine],
            store,
            workers=machine.workers,
            on_event=machine.on_event,
        )
