"""Networks that adapt within a run: ``adapt --networks``.

The last blocks are trained on both domains at once, from cached activations. It takes minutes, so
it has to be asked for; what comes of it competes with all that works on features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.adaptation.domains import Adapter
from headstart.adaptation.families import ADAPTERS
from headstart.adaptation.finetune import (
    NETWORK_METHODS,
    PRETRAINED,
    SOURCE_ONLY,
    AdaptedNetwork,
    TargetInputs,
    adapt_network_of,
)
from headstart.adaptation.names import NETWORK
from headstart.adaptation.outcome import Selection
from headstart.adaptation.trials import Trial, hold_out
from headstart.choose.candidates import Candidate
from headstart.choose.workshop import Workshop
from headstart.errors import ConfigError
from headstart.events import Event
from headstart.jobs.adapt.target import METHOD
from headstart.judge.crossval import Outcome, calibrated
from headstart.judge.estimate import Plan
from headstart.machine import Machine
from headstart.methods.kept import Kept, TrainedNetwork
from headstart.prepare.source import Prepared
from headstart.prepare.target import Target
from headstart.said import N_, _, commas
from headstart.tasks.labels import Labels
from headstart.transfer import FittedModel
from headstart.transfer.finetune import Setting
from headstart.transfer.recipe import from_options

OFFERED = (SOURCE_ONLY, "MCC")
"""Methods that compete unless others are named; adversarial ones moved a pretrained backbone little
in so few steps (docs/measurements.md)."""
LEAST = 2
"""Examples of a domain below which it has no statistics."""
Ints = NDArray[np.int64]


def network_methods(named: Sequence[Adapter] | None) -> tuple[str, ...]:
    """Say which methods networks are trained by; ``named`` are those that the user asked for.

    Raises
    ------
    ConfigError
        None of them trains networks.
    """
    if named is None:
        return OFFERED
    methods = tuple(a.name for a in named if a.name in NETWORK_METHODS)
    if not methods:
        offered = (a.name for a in ADAPTERS if a.name in NETWORK_METHODS)
        raise ConfigError(
            _("--networks: {names} trains no network.", names=commas(a.name for a in named)),
            _("Those that do: {names}.", names=commas(offered)),
        )
    return (SOURCE_ONLY, *methods)


@dataclass(frozen=True)
class AdaptingNetworks:
    """What is needed to train networks on the two domains of a run.

    Attributes
    ----------
    rows : ndarray of int64
        Training rows of the source.
    y : ndarray of int64
        Their classes.
    setting : Setting
        Of the source.
    target : TargetInputs
    methods : tuple of str
    """

    rows: Ints
    y: Ints
    setting: Setting
    target: TargetInputs
    methods: tuple[str, ...]

    @classmethod
    def of(
        cls, prepared: Prepared, target: Target, methods: tuple[str, ...], machine: Machine
    ) -> AdaptingNetworks:
        """Cache the activations of both domains.

        Raises
        ------
        ConfigError
            The target is too small.
        """
        if len(target.data) < LEAST:
            unit = prepared.dataset.modality.unit
            raise ConfigError(
                _(
                    "--networks: {examples} of the target is too few to train on.",
                    examples=unit.count(len(target.data)),
                ),
                _("Leave out --networks, or give more {many}.", many=unit.many),
            )
        usual = prepared.dataset.modality.recipe
        recipe = from_options("finetune", {"epochs": PRETRAINED.epochs}, usual)
        candidate = Candidate(N_("networks of both domains"), "finetune", recipe, 1)
        labels = prepared.labels
        nobody = np.zeros(len(target.data), np.int64)
        nothing = Labels(nobody, labels.task, None, False, labels.seed)
        source, other = (
            Workshop(
                examples=files,
                hashes=features.hashes,
                X=features.vectors[0],
                labels=of,
                ref=prepared.ref,
                engine=prepared.engine,
                cache=machine.cache,
                workers=machine.workers,
                device=machine.device,
                on_event=machine.on_event,
            )
            for files, features, of in (
                (prepared.dataset.examples, prepared.features, labels),
                (target.data.examples, target.features, nothing),
            )
        )
        plan, forecast = source.plan(candidate, [(len(labels.y), 0)] * len(methods))
        twice = 2 * forecast  # every step has a batch of each domain
        text = _("Networks: about {seconds:.0f} s.", seconds=twice)
        machine.on_event(Event(_("planning"), message=text, level="note"))
        setting = source.setting(candidate, plan)
        theirs = other.setting(candidate, other.resized(candidate, plan))
        inputs = TargetInputs(theirs.inputs, len(target.data))
        return cls(prepared.train, labels.y[prepared.train], setting, inputs, methods)

    def trials(self, learn: Ints, held: Ints) -> list[Trial]:
        """Train every method on rows ``learn`` of the source and answer for those ``held`` out."""
        rows, out = self.rows[learn], self.rows[held]
        found = (
            adapt_network_of(self.setting, self.target, method, rows, out)
            for method in self.methods
        )
        return [network.trial(self.y[held]) for network in found]

    def whole(self, name: str) -> AdaptedNetwork | None:
        """Train a candidate on all of the source; None where it is no network."""
        for method in self.methods:
            if name == method + NETWORK:
                nobody = self.rows[:0]
                return adapt_network_of(self.setting, self.target, method, self.rows, nobody)
        return None


def kept_network(
    network: AdaptedNetwork, selection: Selection, prepared: Prepared, classes: tuple[str, ...]
) -> Kept:
    """Return a chosen network as a run keeps it, and where on the source it was scored.

    Training it anew in every fold would take as long as many times; it is scored on the fifth of
    the source that all candidates were tried on.
    """
    labels = prepared.training()[1]
    learn, held = hold_out(labels.y, labels.groups, seed=labels.seed)
    train, trial = prepared.train, selection.winner.trial
    name = _("held-out fifth of {n} examples, on which all candidates were tried", n=len(train))
    outcome = Outcome(calibrated([trial.held], [train[held]], prepared.labels.y), [0.0])
    tuned = network.tuned
    return Kept(
        FittedModel(METHOD, tuned.head, trial.temperature, classes),
        None,
        Plan(name, [(train[learn], train[held])], 0),
        selection.sentence,
        outcome=outcome,
        network=TrainedNetwork(tuned.backbone, train, tuned.features),
    )
