"""The layer chosen within a run: the probe on whichever layer serves the task, judged as chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from headstart.backbones import ALL, EMBEDDING
from headstart.backbones.side_by_side import SideBySideRef
from headstart.choose.layer import (
    BESIDE,
    CHOSEN,
    Places,
    Tried,
    best,
    chosen_in_folds,
    pick_in_folds,
    try_all,
)
from headstart.data.dataset import Dataset
from headstart.events import Event
from headstart.judge.crossval import Outcome, judge_picks
from headstart.judge.estimate import assess, compare
from headstart.judge.verdict import LEVEL, Comparison
from headstart.machine import Machine
from headstart.methods import Work
from headstart.methods.kept import HeldOut, Kept
from headstart.notation import decimal, in_points
from headstart.prepare.config import Config
from headstart.prepare.layer import AUTO, Both, Place, refuse_only_one
from headstart.prepare.source import Prepared, at_place, prepare
from headstart.said import _, listed, sentences
from headstart.tasks.labels import Stream

LAST = "last"
"""What the last layer is called among outcomes."""


@dataclass(frozen=True)
class LayerChoice:
    """The layers that were compared on a source, and the one that was taken.

    Attributes
    ----------
    places : tuple of Place
        Of all rows; shallow to deep, encoder by encoder.
    beside : Both or None
        The best places of the two best encoders, side by side; None where there is one encoder.
    tried : list of Tried
        The same, as the training rows saw them.
    place : Place or Both
        The one that was taken.
    prepared : Prepared
        The source as that layer shows it.
    """

    places: tuple[Place, ...]
    beside: Both | None
    tried: list[Tried]
    place: Place | Both
    prepared: Prepared

    @classmethod
    def of(cls, config: Config, dataset: Dataset, machine: Machine) -> LayerChoice:
        """Embed a dataset by the layers of all encoders that are named, and choose one."""
        prepared = prepare(
            config, dataset, baseline=False, several=True, by_layers=True, machine=machine
        )
        if config.layer == AUTO:
            refuse_only_one(prepared.encoders)
        return cls.among(prepared, config.seed, machine)

    @classmethod
    def among(cls, prepared: Prepared, seed: int, machine: Machine) -> LayerChoice:
        """Choose a layer on the training rows of a source that was embedded by layers."""
        vectors = prepared.features.vectors
        pairs = zip(prepared.encoders, vectors, strict=True)
        places = tuple(place for encoder, X in pairs for place in encoder.places(X))
        rows = prepared.train
        labels = prepared.labels.of(rows)
        tick = machine.ticker(_("comparing layers"))
        tick(0, len(places))
        tried = try_all(_spaces(places).of(rows), labels, workers=machine.workers, tick=tick)
        beside = None
        if len(tried) > len(places):
            names = tried[-1].name.split(BESIDE)
            beside = Both(tuple(place for place in places if place.name in names))
        place = _all(places, beside)[tried.index(best(tried))]
        return cls(places, beside, tried, place, at_place(prepared, place, seed, machine))

    @cached_property
    def spaces(self) -> Places:
        """What each candidate makes of all rows, by its name."""
        return _spaces(self.places)

    @cached_property
    def last(self) -> Place:
        """The last layer of the first encoder: what a head stands on where nothing is chosen."""
        first = self.places[0].encoder
        own = [p for p in self.places if p.encoder is first and p.layer != ALL]
        return own[-1]

    @property
    def sentence(self) -> str:
        """Say which was taken, and by what."""
        place, losses = self.place, {tried.name: decimal(tried.log_loss) for tried in self.tried}
        told = {
            "n": len(self.tried),
            "layer": place.at,
            "encoder": place.of,
            "loss": losses[place.name],
            "last": losses[self.last.name],
        }
        if isinstance(place, Both):
            return _(
                "Of {n} places to take the vectors from, two networks side by side serve these "
                "labels best, {both} (log loss inside the training part {loss}, of the better one "
                "alone {alone}, of the last layer {last}).",
                both=listed(_called(one) for one in place.places),
                alone=decimal(best(self.tried[: len(self.places)]).log_loss),
                **told,
            )
        if place is self.last:
            return _(
                "Of {n} places to take the vectors from, the last layer of {encoder} serves these "
                "labels best (log loss inside the training part {loss}).",
                **told,
            )
        if place.layer == ALL:
            return _(
                "Of {n} places to take the vectors from, all layers of {encoder} beside each other "
                "serve these labels best (log loss inside the training part {loss}, of the last "
                "layer {last}).",
                **told,
            )
        return _(
            "Of {n} places to take the vectors from, layer {layer} of {encoder} serves these "
            "labels best (log loss inside the training part {loss}, of the last layer {last}).",
            **told,
        )

    def told(self, sentence: str, picks: Sequence[str] = ()) -> dict[str, Any]:
        """Return ``layer`` of ``metrics.json``, but for what the last one would be worth.

        Parameters
        ----------
        sentence : str
        picks : sequence of str
            Names of the places taken in the folds of the estimate; () where it was not made anew.
        """
        return {
            "encoder": self.place.of,
            "layer": self.place.at,
            "sentence": sentence,
            "folds": len(picks),
            "tried": [
                {
                    "encoder": place.of,
                    "layer": place.at,
                    "dim": sum(one.X.shape[1] for one in _single(place)),
                    "accuracy": tried.accuracy,
                    "log_loss": tried.log_loss,
                    "picked": _count(picks, place),
                    "chosen": place is self.place,
                }
                for place, tried in zip(_all(self.places, self.beside), self.tried, strict=True)
            ],
            "last": None,
        }


def _spaces(places: Sequence[Place]) -> Places:
    """Return what places make of all rows; what stands side by side already joins no other."""
    encoders = {p.name: p.of for p in places if not isinstance(p.ref, SideBySideRef)}
    return Places({place.name: place.X for place in places}, encoders)


def _all(places: Sequence[Place], beside: Both | None) -> list[Place | Both]:
    return [*places, *([] if beside is None else [beside])]


def _single(place: Place | Both) -> Sequence[Place]:
    return place.places if isinstance(place, Both) else [place]


def _count(picks: Sequence[str], place: Place | Both) -> int:
    """Count the folds that took a place; of two side by side, whichever two a fold took."""
    if isinstance(place, Both):
        return sum(BESIDE in pick for pick in picks)
    return list(picks).count(place.name)


def _called(place: Place) -> str:
    """Call a place by its name in a sentence."""
    told = {"layer": place.layer, "encoder": place.of}
    if place.layer == ALL:
        return _("all layers of {encoder}", **told)
    if place.layer == EMBEDDING:
        return _("the last layer of {encoder}", **told)
    return _("layer {layer} of {encoder}", **told)


class ChosenLayer:
    """The probe on a layer that was chosen among several; a method (``headstart.methods``)."""

    name = "probe"
    needs_blocks = False
    takes: frozenset[str] = frozenset()

    def __init__(self, choice: LayerChoice) -> None:
        self.choice = choice

    def __call__(self, work: Work) -> Kept:
        """Judge "choose a layer, then fit the head" on the folds; keep the head that was fitted."""
        choice, prepared, plan = self.choice, work.prepared, work.plan
        labels, workers = prepared.labels, work.machine.workers
        inside = work.machine.ticker(_("comparing layers inside the folds"))
        # A test set judges the model itself: one layer, one choice.
        picks = [choice.place.name] * len(plan.folds)
        if not prepared.dataset.is_test.any():
            picks = pick_in_folds(choice.spaces, labels, plan.folds, workers=workers, tick=inside)
        outcomes = judge_picks(
            choice.spaces,
            labels,
            plan.folds,
            {CHOSEN: picks, LAST: [choice.last.name] * len(picks)},
            workers=workers,
            tick=work.machine.ticker(_("judging the choice of layers")),
        )
        held_out = None
        if prepared.dataset.is_test.any():
            rows = prepared.train
            folds = [(rows[a], rows[b]) for a, b in labels.folds(rows, 5, Stream.TRAINING_PART)]
            known = chosen_in_folds(choice.spaces, labels, folds, workers=workers, tick=inside)
            held_out = HeldOut.of(known.proba, [held for _, held in folds])
        return Kept(
            work.probe,
            work.choice.C,
            plan,
            outcome=outcomes[CHOSEN],
            held_out=held_out,
            layer=self._told(picks, outcomes, work),
        )

    def _told(
        self, picks: Sequence[str], outcomes: dict[str, Outcome], work: Work
    ) -> dict[str, Any]:
        """Return ``layer`` of ``metrics.json``, and say why it was chosen."""
        choice, last = self.choice, self.choice.last
        labels, plan = work.prepared.labels, work.plan
        against = None
        if any(name != last.name for name in picks):
            against = compare(outcomes[CHOSEN], outcomes[LAST], labels, plan, balanced=False)
        floor = {labels.task.floor_name: outcomes[labels.task.floor_name]}
        found = assess(outcomes[LAST], floor, labels, plan).estimate
        sentence = sentences(choice.sentence, _gained(against, last, work))
        work.machine.on_event(Event(_("comparing layers"), message=sentence, level="note"))
        return {
            **choice.told(sentence, picks),
            "last": {
                "encoder": last.encoder.card.name,
                "accuracy": found["accuracy"],
                "accuracy_ci95": list(found["accuracy_ci95"]),
                "gain": against and against.gain,
                "gain_ci95": against and list(against.gain_ci95),
                "p": against and against.p,
            },
        }


def asked_for(prepared: Prepared) -> dict[str, Any] | None:
    """Return ``layer`` of ``metrics.json`` where one was named; None where it is the last."""
    if prepared.layer == EMBEDDING:
        return None
    card = prepared.encoders[0].card
    return {
        "encoder": card.name,
        "layer": prepared.layer,
        "sentence": _("{method} was asked for.", method=f"--layer {prepared.layer}"),
        "folds": 0,
        "tried": [],
        "last": None,
    }


def _gained(against: Comparison | None, last: Place, work: Work) -> str:
    """Say what the choice brings on held-out rows, and whether that can be told."""
    if against is None:
        return ""
    low, high = map(in_points, against.gain_ci95)
    told = {
        "gain": in_points(against.gain),
        "low": low,
        "high": high,
        "examples": work.prepared.dataset.modality.unit.many,
        "encoder": last.encoder.card.name,
    }
    if against.p >= LEVEL:
        return _(
            "Whether choosing beats the last layer of {encoder} cannot be told on held-out "
            "{examples}: {gain} points (95 % interval {low} to {high}).",
            **told,
        )
    if against.gain > 0:
        return _(
            "On held-out {examples} choosing is clearly better than the last layer of {encoder}: "
            "{gain} points (95 % interval {low} to {high}).",
            **told,
        )
    return _(
        "On held-out {examples} choosing is clearly worse than the last layer of {encoder}: {gain} "
        "points (95 % interval {low} to {high}).",
        **told,
    )
