"""The probe: a head on frozen features, chosen by cross-validation."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from headstart.events import Event, OnEvent, ignore
from headstart.features.engines import single
from headstart.methods import Work
from headstart.methods.kept import Kept
from headstart.prepare.source import Prepared
from headstart.said import _
from headstart.tasks.labels import Stream
from headstart.transfer import FittedModel, choosing
from headstart.transfer.probe import Choice


class Probe:
    """The method ``probe``: what every run fits first, as the floor, is kept."""

    name = "probe"
    needs_blocks = False
    takes: frozenset[str] = frozenset()

    def __call__(self, work: Work) -> Kept:
        """Keep the head that was fitted."""
        return Kept(work.probe, work.choice.C, work.plan)


def fit(
    prepared: Prepared, on_event: OnEvent = ignore, *, rivals: bool = True
) -> tuple[FittedModel, Choice]:
    """Fit the probe on all training rows; its choices are made by cross-validation."""
    on_event(Event(_("fitting the head")))
    X, labels = prepared.training()
    rows, folds = labels.choosing(np.arange(len(X)), Stream.MODEL_HEAD)
    with threadpool_limits(1):  # as all fitting: see judge.crossval.in_threads
        widths = [engine.card.dim for engine in single(prepared.engine)]
        return choosing.fit(X, labels, rows, folds, rivals=rivals, widths=widths)
