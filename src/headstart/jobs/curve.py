"""The command ``curve``: accuracy against the number of labels."""

from __future__ import annotations

from typing import Any

from headstart.choose.layer import pick_inside
from headstart.data.dataset import Dataset
from headstart.events import Event, OnEvent, ignore
from headstart.folder.place import destination
from headstart.jobs.study import SCHEMA, PathLike, data_name, write_study
from headstart.jobs.tagged import refuse_tags
from headstart.judge.crossval import Floats, Ints
from headstart.judge.curve import Pick, label_curve
from headstart.machine import Machine
from headstart.methods.chosen_layer import LayerChoice
from headstart.prepare.config import PROBE, Config, configure, taken
from headstart.prepare.layer import compete, with_encoders
from headstart.prepare.refusals import job, refuse_study_of_several_labels
from headstart.prepare.source import Prepared, baseline_spaces, prepare, read_source
from headstart.said import N_, _
from headstart.tasks.labels import Stream

NOTHING_TRANSFERRED = N_("Nothing was pretrained here, so there is no transfer to weigh in labels.")


@job
def curve(
    data: PathLike,
    *,
    backbone: str | None = None,
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
    """Measure accuracy against labels per class, with transfer and without, and look ahead.

    Parameters
    ----------
    data, backbone, layer, overwrite, size, seed, device, balanced, strict, on_event
        As in :func:`headstart.train`; of ``backbone`` one, unless layers compete: then one is
        chosen anew by every part of the labels, from three of a class and two groups on.
    out : path, optional
        The folder to write; default ``runs/NAME-curve``, numbered if taken.
    x, y, task, groups, groups_from, names, encoding, modality
        As in :func:`headstart.train`.

    Returns
    -------
    dict
        ``curve.json`` (docs/architecture.md), and ``folder``.

    Raises
    ------
    DataError, ConfigError, UnknownNameError, BackboneError
        Before anything is written.
    """
    given = taken("curve", locals())
    refuse_tags("curve", data, given)
    config = configure(data, {**given, "method": PROBE})
    folder = destination(config.data, out, overwrite, study="curve")
    machine = Machine.here(config.device, on_event)
    dataset = read_source(config, machine)
    refuse_study_of_several_labels("curve", dataset.several)
    prepared, X, pick = _embedded(config, dataset, machine)
    found = label_curve(
        X,
        {name: space[prepared.train] for name, space in baseline_spaces(prepared).items()},
        prepared.training()[1],
        pick=pick,
        workers=machine.workers,
        tick=machine.ticker(_("fitting on parts of the labels")),
    )
    learned = prepared.engine.card.learned
    if not learned:
        found["worth"] = {"labels": None, "sentence": _(NOTHING_TRANSFERRED)}
    document = {
        "schema": SCHEMA,
        "study": "curve",
        "data": data_name(config),
        "n": len(X),
        "classes": list(prepared.dataset.classes),
        "learned": learned,
        "backbone": prepared.engine.card.name,
        **found,
    }
    return write_study(folder, document, prepared.dataset.modality, on_event)


def _embedded(
    config: Config, dataset: Dataset, machine: Machine
) -> tuple[Prepared, Floats, Pick | None]:
    """Embed a dataset; return the vectors that the curve stands on, and what chooses others.

    Where layers compete, the first vectors are of the last layer: one or two labels of a class
    choose none.
    """
    if not compete(config, dataset.modality):
        prepared = prepare(config, dataset, baseline=True, machine=machine)
        return prepared, prepared.training()[0], None
    config = with_encoders(config, dataset.modality, machine.on_event)
    choice = LayerChoice.of(config, dataset, machine)
    machine.on_event(Event(_("comparing layers"), message=choice.sentence, level="note"))
    return choice.prepared, choice.last.X[choice.prepared.train], _chosen_by_parts(choice)


def _chosen_by_parts(choice: LayerChoice) -> Pick:
    """Return what chooses a place anew by the labels of a part."""
    rows = choice.prepared.train
    labels = choice.prepared.labels.of(rows)
    spaces = choice.spaces.of(rows)

    def pick(part: Ints, repeat: int, point: int) -> Floats:
        return spaces[pick_inside(spaces, labels, part, Stream.CURVE_HEAD, repeat, point)]

    return pick
