"""The method ``layers`` within a run: a head on the most relevant columns of all layers."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from headstart.choose.candidates import PROBE, Candidate, Entry, line_of
from headstart.choose.layers import judge_combination
from headstart.events import Event, OnEvent, ignore
from headstart.features.engines import Engine, Kitchen
from headstart.features.extract import Features, extract
from headstart.features.store import FeatureStore
from headstart.judge.crossval import judge_folds
from headstart.judge.estimate import Plan
from headstart.machine import cache_folder, resolve_device, worker_count
from headstart.methods.kept import HeldOut, Kept
from headstart.prepare.config import LAYERS, Config
from headstart.prepare.source import Prepared
from headstart.tasks.labels import Stream
from headstart.transfer import Familiarity, FittedModel
from headstart.transfer.combine import fit_combination


def combine_layers(config: Config, prepared: Prepared, chosen: Plan, on_event: OnEvent) -> Kept:
    """Embed by every layer, judge the combination on the folds of the estimate, fit it on all rows.

    It was asked for, so it is kept whatever the probe scores; both scores are told.
    """
    engine, features = embed_stages(prepared, config, on_event)
    X, labels, rows = features.vectors[0], prepared.labels, prepared.train
    tick = partial(_tick, on_event)
    mark = time.monotonic()
    outcome = judge_combination(X, labels, chosen.folds, workers=worker_count(), tick=tick)
    seconds = time.monotonic() - mark
    few, inner = labels.choosing(rows, Stream.MODEL_HEAD)
    with threadpool_limits(1):
        found = fit_combination(
            X[rows], labels.y[rows], labels.n_classes, inner,
            rows=np.searchsorted(rows, few), balanced=labels.balanced,
        )  # fmt: skip
    own = prepared.features.vectors[0]
    groups = None if labels.groups is None else labels.groups[rows]
    familiar = Familiarity.fit(own[rows], labels.y[rows], labels.n_classes, groups=groups)
    model = FittedModel(LAYERS, found.head, found.temperature, prepared.dataset.classes, familiar)
    once = len(chosen.folds) // max(chosen.repeats, 1)
    held = [h for _, h in chosen.folds[:once]]
    probe = judge_folds({PROBE: own}, labels, chosen.folds[:once], workers=worker_count())[PROBE]
    entries = [
        Entry(Candidate(PROBE, PROBE, config.recipe, 0), 0.0, None, list(probe.proba)),
        Entry(
            Candidate(LAYERS, LAYERS, config.recipe, 0), None, seconds, list(outcome.proba[:once])
        ),
    ]
    lines = [line_of(e, held, labels, e.candidate.name == LAYERS) for e in entries]
    kept = Kept(lines, f"{LAYERS} was asked for.", outcome, model=model, engine=engine)
    if prepared.dataset.is_test.any():
        folds = [(rows[a], rows[b]) for a, b in labels.folds(rows, 5, Stream.TRAINING_PART)]
        answers = judge_combination(X, labels, folds, workers=worker_count(), tick=tick)
        kept.held_out = HeldOut.of(answers.proba, [h for _, h in folds])
    return kept


def _tick(on_event: OnEvent, done: int, total: int) -> None:
    on_event(Event("combining the layers", done, total, "fits"))


def embed_stages(
    prepared: Prepared, config: Config, on_event: OnEvent = ignore
) -> tuple[Engine, Features]:
    """Embed a dataset by every stage of its backbone at once."""
    from headstart.backbones.stages import StagesRef  # imports torch

    workers = worker_count()
    kitchen = Kitchen(cache_folder(), workers, on_event)
    on_event(Event("preparing the layers"))
    device = resolve_device(config.device)
    engine = kitchen.engine(StagesRef(prepared.ref), device=device, name=prepared.engine.name)
    with FeatureStore(cache_folder()) as store:
        examples = prepared.dataset.examples
        return engine, extract(examples, [engine], store, workers=workers, on_event=on_event)
