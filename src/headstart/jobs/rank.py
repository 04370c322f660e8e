"""The command ``rank``: backbones compared on a dataset, with what each costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from headstart.choose.rank import Entrant, Ranking, pick_by_fold
from headstart.choose.rank import rank as rank_entrants
from headstart.data.dataset import Dataset
from headstart.errors import ConfigError
from headstart.events import Event, OnEvent, ignore
from headstart.features.speed import seconds_per_1000
from headstart.findings import Finding
from headstart.folder.place import destination
from headstart.jobs.study import PathLike, data_name, write_study
from headstart.jobs.tagged import refuse_tags
from headstart.judge.crossval import Outcome
from headstart.judge.estimate import Plan, plan
from headstart.machine import Machine
from headstart.methods.kept import Kept
from headstart.prepare.config import PROBE, Config, configure, taken
from headstart.prepare.layer import AUTO, LAST, Encoder
from headstart.prepare.refusals import job
from headstart.prepare.source import Prepared, backbones_for, prepare
from headstart.said import _


@job
def rank(
    data: PathLike,
    *,
    backbones: str = "auto",
    layer: str | None = None,
    out: PathLike | None = None,
    overwrite: bool = False,
    size: int | None = None,
    seed: int = 0,
    device: str = "auto",
    balanced: bool = False,
    strict: bool = False,
    x: str | None = None,
    y: str | None = None,
    task: str | None = None,
    groups: str | None = None,
    groups_from: str | None = None,
    names: str | None = None,
    encoding: str = "utf-8",
    modality: str | None = None,
    on_event: OnEvent = ignore,
) -> dict[str, Any]:
    """Compare backbones on a dataset by the cross-validated probe, with what each costs.

    Parameters
    ----------
    data : str or Path
        As :func:`headstart.train` takes it.
    backbones : str
        Names with commas between them; ``"auto"``: all that are usable without a network.
    layer : str, optional
        ``"auto"``: compare all layers of each, and all of them beside each other, not only the
        last.
    out : path, optional
        The folder to write; default ``runs/NAME-rank``, numbered if taken.
    overwrite, size, seed, device, balanced, strict, on_event
        As in :func:`headstart.train`.
    x, y, task, groups, groups_from, names, encoding, modality
        As there.

    Returns
    -------
    dict
        ``rank.json`` (docs/architecture.md), and ``folder``.

    Raises
    ------
    DataError, ConfigError, UnknownNameError, BackboneError
        Before anything is written.
    """
    given = taken("rank", locals())
    refuse_tags("rank", data, given)
    config = configure(data, {**given, "backbone": backbones, "method": PROBE})
    folder = destination(config.data, out, overwrite, study="rank")
    machine = Machine.here(config.device, on_event)
    _refuse_one_layer(config)
    by_layers = config.layer == AUTO
    prepared = prepare(config, baseline=False, several=True, by_layers=by_layers, machine=machine)
    known = entrants(prepared, machine)
    if by_layers:
        known = [
            own for place in zip(prepared.encoders, known, strict=True) for own in by_layer(*place)
        ]
    ranking = _ranked(known, prepared, machine)
    document = ranking.to_json(data=data_name(config), classes=prepared.dataset.classes)
    return write_study(folder, document, prepared.dataset.modality, on_event)


@dataclass(frozen=True)
class Picked:
    """A backbone chosen among several, and what is needed to judge that choice honestly."""

    config: Config
    entrants: list[Entrant]
    ranking: Ranking

    def outcome(self, prepared: Prepared, chosen: Plan) -> Outcome | None:
        """Judge "rank, then train": a backbone is picked anew inside every fold.

        None where there is a test set, which had no say in the choice.
        """
        if prepared.dataset.is_test.any():
            return None
        return pick_by_fold(self.entrants, self.ranking.outcomes, prepared.labels, chosen)[0]

    def doubts(self, prepared: Prepared, kept: Kept) -> list[Finding]:
        """Say what the estimate of a trained network leaves out."""
        if kept.outcome is None or prepared.dataset.is_test.any():
            return []
        text = _(
            "The backbone was chosen on these {examples}, too, and the estimate of this method "
            "does not count that choice: it may be a little too high. A test set would not "
            "mislead.",
            examples=prepared.dataset.modality.unit.many,
        )
        return [Finding("training", "info", text)]

    def document(self) -> dict[str, Any]:
        """Return the rank document without the names of classes."""
        return self.ranking.to_json(data=data_name(self.config), classes=())


def pick_backbone(config: Config, dataset: Dataset, machine: Machine) -> Picked:
    """Rank the backbones of a configuration; return it with the recommended one alone."""
    prepared = prepare(config, dataset, baseline=False, several=True, machine=machine)
    known = entrants(prepared, machine)
    ranking = _ranked(known, prepared, machine)
    place = [entrant.name for entrant in known].index(ranking.recommended)
    names = list(backbones_for(config, prepared.dataset, machine))
    name = names[place]  # as it was typed: a card does not know its folder
    return Picked(replace(config, backbone=name), known, ranking)


def entrants(prepared: Prepared, machine: Machine) -> list[Entrant]:
    """Make an entrant of every network that a dataset was embedded with; times each.

    Training rows only: a test set has no say in the choice of a backbone.
    """
    examples = prepared.dataset.examples
    found: list[Entrant] = []
    for engine, X in zip(prepared.engines, prepared.features.vectors, strict=True):
        done, of = len(found), len(prepared.engines)
        machine.on_event(Event(_("timing the backbones"), done, of, _("networks")))
        card = engine.card
        seconds = seconds_per_1000(engine, examples, machine.workers)
        size = card.look.to_json().get("size")
        megabytes = 4 * card.parameters / 1e6  # float32
        found.append(
            Entrant(
                name=card.name,
                X=X[prepared.train],
                params=card.parameters,
                mb=megabytes,
                seconds_per_1000=seconds,
                licence=card.licence,
                size=size,
            )
        )
    return found


def by_layer(encoder: Encoder, whole: Entrant) -> list[Entrant]:
    """Make an entrant of every layer of a backbone that was embedded by all of them.

    What a layer costs is what the network costs up to there, by its multiplications.
    """
    from headstart.backbones.stages import macs  # imports torch

    depth, sizes = macs(encoder.ref.load()), {name: n for name, _, n in encoder.card.layers}
    behind, found = np.cumsum(list(sizes.values())), []
    for place in encoder.places(whole.X):
        up_to = list(sizes).index(place.layer) if place.layer in sizes else -1
        params = int(behind[up_to]) if len(behind) else whole.params
        found.append(
            replace(
                whole,
                name=place.name,
                X=place.X,
                params=params,
                mb=4 * params / 1e6,
                seconds_per_1000=whole.seconds_per_1000 * depth.get(place.layer, 1.0),
            )
        )
    return found


def _refuse_one_layer(config: Config) -> None:
    """Raise ``ConfigError`` for a layer by name, which backbones do not share."""
    if config.layer not in (None, AUTO, LAST):
        raise ConfigError(
            _(
                "--layer {layer!r}: rank compares the last layers, or all of them.",
                layer=config.layer,
            ),
            _("Use --layer auto."),
        )


def _ranked(known: list[Entrant], prepared: Prepared, machine: Machine) -> Ranking:
    labels = prepared.training()[1]
    return rank_entrants(
        known,
        labels,
        plan(labels, np.zeros(len(labels.y), bool)),
        workers=machine.workers,
        tick=machine.ticker(_("comparing backbones")),
        unit=prepared.dataset.modality.unit,
    )
