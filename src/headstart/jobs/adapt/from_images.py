"""An adaptation from labelled examples: every candidate is tried, and judged, on the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from headstart.adaptation.align import NoAdaptation
from headstart.adaptation.domains import Adapter, Domains
from headstart.adaptation.families import AUTO, adapters_of
from headstart.adaptation.labelling import Labelled, learn
from headstart.adaptation.select import PLAIN, Selection, select
from headstart.adaptation.shift import Shift, find_shift
from headstart.backbones import EMBEDDING
from headstart.data.dataset import Dataset
from headstart.data.items import column_of
from headstart.data.unlabelled import read_weights
from headstart.errors import ConfigError, DataError
from headstart.events import Event
from headstart.jobs.adapt.asked import Asked
from headstart.jobs.adapt.section import Section, describe_shift, proposals
from headstart.jobs.adapt.source import Sections, Settled
from headstart.jobs.adapt.target import Given, encode, model_for, open_target, shared_images
from headstart.jobs.answer import answer
from headstart.jobs.clock import Clock
from headstart.jobs.judged import Judged, judge_model
from headstart.jobs.record import write_run
from headstart.judge.crossval import Outcome, calibrated, in_threads
from headstart.judge.estimate import Plan, plan
from headstart.machine import Machine
from headstart.methods.chosen_layer import LayerChoice
from headstart.methods.kept import Kept
from headstart.methods.probe import fit
from headstart.prepare.config import Config
from headstart.prepare.layer import AUTO as AUTO_LAYER
from headstart.prepare.layer import asked as layer_of
from headstart.prepare.layer import compete, with_encoders
from headstart.prepare.refusals import refuse_study_of_several_labels
from headstart.prepare.source import Prepared, prepare, read_source
from headstart.prepare.target import Target, embed_target
from headstart.said import _, commas, sentences
from headstart.transfer import FittedModel
from headstart.transfer.heads import Head, LinearHead
from headstart.transfer.probe import Choice, fit_temperature

if TYPE_CHECKING:
    from headstart.adaptation.finetune import AdaptedNetwork


@dataclass(frozen=True)
class Look:
    """Both domains, read and embedded."""

    given: Given
    prepared: Prepared
    target: Target
    layer: LayerChoice | None = None


@dataclass(frozen=True)
class Chosen:
    """What was chosen, and from what.

    Attributes
    ----------
    model, choice
        The probe of the source, without adaptation.
    domains : Domains
    shift : Shift or None
        None for a single example.
    selection : Selection
        Without labels of the target.
    labelled : Labelled or None
        What labels of the target decided after that.
    network : AdaptedNetwork or None
        Where one was chosen.
    """

    model: FittedModel
    choice: Choice
    domains: Domains
    shift: Shift | None
    selection: Selection
    labelled: Labelled | None
    network: AdaptedNetwork | None


@dataclass(frozen=True)
class FromImages:
    """Labelled examples as the source.

    Attributes
    ----------
    adapters : sequence of Adapter
        Methods that compete with not adapting.
    networks : tuple of str
        Methods by which networks are trained; empty where none are.
    """

    config: Config
    asked: Asked
    machine: Machine
    clock: Clock
    adapters: Sequence[Adapter]
    networks: tuple[str, ...]

    @classmethod
    def of(cls, config: Config, asked: Asked, machine: Machine, clock: Clock) -> FromImages:
        """Check what was asked for.

        Raises
        ------
        ConfigError, UnknownNameError
            Options that make no sense together, methods that do not exist.
        """
        if asked.networks and asked.labelled is not None:
            raise ConfigError(
                _(
                    "--networks and --labelled: labels choose among models on features, not "
                    "networks."
                ),
                _("Leave one of the two out."),
            )
        if asked.networks and (config.layer == AUTO_LAYER or layer_of(config) != EMBEDDING):
            raise ConfigError(
                _("--layer: --networks trains networks, which stand on their last layer."),
                _("Leave one of the two out."),
            )
        if asked.label_budget is not None and asked.label_budget < 1:
            raise ConfigError(
                _("--label-budget {budget} asks for nothing.", budget=asked.label_budget),
                _("Try 30."),
            )
        adapters = adapters_of(asked.methods)
        networks: tuple[str, ...] = ()
        if asked.networks:
            from headstart.jobs.adapt.networks import network_methods  # imports torch

            networks = network_methods(None if asked.methods == AUTO else adapters)
        return cls(config, asked, machine, clock, adapters, networks)

    def look(self) -> Look:
        """Prepare the source as for any run; embed the target beside it."""
        elsewhere = self.asked.in_tables
        dataset = read_source(self.config, self.machine, elsewhere=elsewhere)
        refuse_study_of_several_labels("adapt", dataset.several)
        columns = dataset.examples.items.columns
        column = column_of(dataset.examples.items)
        given = open_target(
            self.asked, self.config, self.machine, dataset.modality, columns, column
        )
        prepared, layer = self._prepared(dataset)
        _refuse_strangers(given.to_learn, prepared.dataset.classes)
        target = embed_target(self.config, prepared.engine, given.listed, self.machine)
        found = [*target.findings, *shared_images(prepared, target)]
        prepared = replace(prepared, dataset=prepared.dataset.noting(*found))
        self.clock.parts["embed_s"] = prepared.features.seconds + target.features.seconds
        self.clock.parts["prepare_s"] = prepared.backbone_seconds
        self.clock.rest("read_s")
        return Look(given, prepared, target, layer)

    def _prepared(self, dataset: Dataset) -> tuple[Prepared, LayerChoice | None]:
        """Embed the source: by the layer that serves it best, where layers compete."""
        modality, machine = dataset.modality, self.machine
        if self.networks or not compete(self.config, modality):
            return prepare(self.config, dataset, baseline=True, machine=machine), None
        config = with_encoders(self.config, modality, machine.on_event)
        choice = LayerChoice.of(config, dataset, machine)
        machine.on_event(Event(_("comparing layers"), message=choice.sentence, level="note"))
        return choice.prepared, choice

    def choose(self, look: Look) -> Chosen:
        """Look for a shift, try the methods, choose one; then let labels to learn from speak."""
        prepared, target, machine = look.prepared, look.target, self.machine
        with self.clock.timed("fit_s"):
            # kNN and class means, where they fit the source better, are lost on another domain.
            model, choice = fit(prepared, machine.on_event, rivals=False)
        with self.clock.timed("adapt_s"), threadpool_limits(1):  # see judge.crossval.in_threads
            domains = domains_of(prepared, target, choice)
            machine.on_event(Event(_("looking for a shift")))
            shift = find_shift(domains) if len(target.data) > 1 else None
            trained = None
            if self.networks:
                from headstart.jobs.adapt.networks import AdaptingNetworks

                trained = AdaptingNetworks.of(prepared, target, self.networks, machine)
            selection = select(
                domains,
                (NoAdaptation(), *self.adapters),
                shift_found=shift is not None and shift.found,
                groups=prepared.training()[1].groups,
                classes=prepared.dataset.classes,
                others=trained.trials if trained else None,
                workers=machine.workers,
                tick=machine.ticker(_("adapting")),
            )
            labelled = self._learn(domains, selection, look)
            network = trained.whole(selection.chosen) if trained else None
        return Chosen(model, choice, domains, shift, selection, labelled, network)

    def judge(self, look: Look, choice: Chosen) -> Settled:
        """Judge on the source as any run is; then give the model its head for the target."""
        prepared, target, selection = look.prepared, look.target, choice.selection
        answers = {c.name: c.trial.answers for c in selection.candidates if not c.trial.failure}
        source_only = choice.model.predict_proba(target.X).argmax(axis=1)
        with self.clock.timed("judge_s"), threadpool_limits(1):
            kept = self._kept(prepared, choice)
            if look.layer is not None:
                kept = replace(kept, layer=look.layer.told(_once(look.layer)))
            known = answer(prepared, kept, self.machine)
            judged = judge_model(self.config, prepared, choice.choice, kept, self.machine, known)
            if choice.network is not None:
                target = target.embedded(choice.network.target_features)
            judged = self._for_target(judged, target, choice)
            section = self._section(prepared, target, judged.kept.model, choice)
        return Settled(
            given=look.given,
            model=judged.kept.model,
            target=target,
            section=section,
            selection=selection,
            answered=answers,
            source_only=source_only,
            record=partial(self._record, judged),
        )

    def _learn(self, domains: Domains, selection: Selection, look: Look) -> Labelled | None:
        """Learn from the labels of the target that the user gave for it."""
        given = look.given
        if self.asked.labelled is None or not given.to_learn:
            return None
        told = encode(given.to_learn, look.target, look.prepared.dataset.classes)
        ready = {selection.chosen: selection.adapted.target, PLAIN: selection.plain.target}
        weights = read_weights(
            self.asked.labelled, given.listed.examples, encoding=self.config.encoding
        )
        places = look.target.kept[told.rows].tolist()
        drawn = all(place in weights for place in places)
        stands_for = np.array([weights[place] for place in places]) if drawn else None
        return learn(domains, ready, told.rows, told.y, stands_for=stands_for)

    def _kept(self, prepared: Prepared, choice: Chosen) -> Kept:
        """Return what was chosen as it answers for the source, with its held-out answers there.

        What learned from labels of the target is not judged on the source: the plain model is.
        """
        selection, labelled = choice.selection, choice.labelled
        if choice.network is not None:
            from headstart.jobs.adapt.networks import kept_network

            return kept_network(choice.network, selection, prepared, choice.model.classes)
        own = labelled is None or labelled.name == selection.chosen
        named = (a for a in self.adapters if own and a.name == selection.chosen)
        adapter = next(named, NoAdaptation())
        head = (selection.adapted if own else selection.plain).source
        costly = adapter.name != PLAIN
        chosen = plan(prepared.labels, prepared.dataset.is_test, costly=costly)
        outcome, temperature = judge_adapter(
            adapter, choice.domains, prepared, chosen, self.machine
        )
        at_source = replace(choice.model, head=head, temperature=temperature)
        return Kept(at_source, _strength(head, choice), chosen, outcome=outcome)

    def _for_target(self, judged: Judged, target: Target, choice: Chosen) -> Judged:
        """Give what was judged on the source its head for the target, and what is familiar there.

        A network keeps its head, which is for its own embeddings.
        """
        selection, labelled, kept = choice.selection, choice.labelled, judged.kept
        name = labelled.name if labelled is not None else selection.chosen
        if name == PLAIN:
            return judged
        head = labelled.head if labelled is not None else selection.adapted.target
        if kept.network is not None:
            head = kept.model.head
        temperature = kept.model.temperature if name == selection.chosen else 1.0
        model, unfamiliar = model_for(target, kept.model, head, temperature, self.machine)
        C = None if kept.network is not None else _strength(head, choice)
        doubts = replace(judged.doubts, unfamiliar=unfamiliar)
        return replace(judged, doubts=doubts, kept=replace(kept, model=model, C=C))

    def _section(
        self, prepared: Prepared, target: Target, model: FittedModel, choice: Chosen
    ) -> Section:
        domains, selection, budget = choice.domains, choice.selection, self.asked.label_budget
        groups = prepared.training()[1].groups
        return Section(
            choice=selection.to_json(prepared.dataset.classes),
            source=prepared.dataset.name,
            n_source=len(domains.source),
            target=target,
            shift=describe_shift(domains, target, selection, choice.shift, model, groups),
            labelled=choice.labelled,
            proposals=None if budget is None else proposals(domains, target, model, budget),
        )

    def _record(self, judged: Judged, folder: Path, section: Sections, shown: Sections) -> None:
        write_run(
            folder,
            judged,
            self.machine,
            self.clock,
            sections={"adaptation": section},
            pictures={"adaptation": shown},
            asked={"adaptation": self.asked.to_json()},
        )


def domains_of(prepared: Prepared, target: Target, choice: Choice) -> Domains:
    """Put the training rows of the source beside the target."""
    X, labels = prepared.training()
    return Domains(
        source=X.astype(np.float64),
        y=labels.y,
        target=target.X.astype(np.float64),
        n_classes=labels.n_classes,
        C=choice.C,
        balanced=labels.balanced,
        seed=labels.seed,
        unit=prepared.dataset.modality.unit,
    )


def judge_adapter(
    adapter: Adapter, domains: Domains, prepared: Prepared, chosen: Plan, machine: Machine
) -> tuple[Outcome, float]:
    """Judge a method on the source: in every fold it adapts anew, without the held-out rows.

    Returns
    -------
    Outcome
    temperature : float
        Of the held-out logits.
    """
    X, y = prepared.features.vectors[0].astype(np.float64), prepared.labels.y

    def run(fold: tuple[NDArray[np.int64], NDArray[np.int64]]) -> NDArray[np.floating]:
        train, held = fold
        part = replace(domains, source=X[train], y=y[train])
        return adapter.fit(part).source.logits(X[held])

    tick = machine.ticker(_("judging the adaptation"))
    logits = in_threads(run, chosen.folds, machine.workers, tick)
    held = [rows for _train, rows in chosen.folds]
    outcome = Outcome(calibrated(logits, held, y), [0.0] * len(held))
    return outcome, fit_temperature(np.concatenate(logits), y[np.concatenate(held)])


def _once(layer: LayerChoice) -> str:
    """Say which layer was taken, and that the score knows of it."""
    return sentences(
        layer.sentence,
        _(
            "All labels of the source had a say in that, so its score flatters a little; labels of "
            "the target had none."
        ),
    )


def _strength(head: Head, choice: Chosen) -> float | None:
    """Return the C of a head: methods that fit a logistic regression take the source's."""
    return choice.choice.C if head.kind == LinearHead.kind else None


def _refuse_strangers(to_learn: Mapping[int, str], classes: Sequence[str]) -> None:
    strange = sorted(set(to_learn.values()) - set(classes))
    if strange:
        raise DataError(
            _(
                "--labelled names classes that the source does not have: {names}.",
                names=commas(strange[:5]),
            ),
            _(
                "The source has {names}. Correct them, or leave those rows empty.",
                names=commas(classes),
            ),
        )
