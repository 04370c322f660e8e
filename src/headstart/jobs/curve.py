"""The command ``curve``: accuracy against the number of labels."""

from __future__ import annotations

from typing import Any

from headstart.events import OnEvent, ignore
from headstart.folder.place import destination
from headstart.jobs.study import SCHEMA, PathLike, data_name, write_study
from headstart.judge.curve import label_curve
from headstart.machine import Machine
from headstart.prepare.config import PROBE, configure, taken
from headstart.prepare.refusals import job, refuse_study_of_several_labels
from headstart.prepare.source import baseline_spaces, prepare, read_source
from headstart.said import N_, _

NOTHING_TRANSFERRED = N_("Nothing was pretrained here, so there is no transfer to weigh in labels.")


@job
def curve(
    data: PathLike,
    *,
    backbone: str | None = None,
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
    data, backbone, overwrite, size, seed, device, balanced, strict, on_event
        As in :func:`headstart.train`; of ``backbone`` one.
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
    config = configure(data, {**taken("curve", locals()), "method": PROBE})
    folder = destination(config.data, out, overwrite, study="curve")
    machine = Machine.here(config.device, on_event)
    dataset = read_source(config, machine)
    refuse_study_of_several_labels("curve", dataset.several)
    prepared = prepare(config, dataset, baseline=True, machine=machine)
    X, labels = prepared.training()
    found = label_curve(
        X,
        {name: space[prepared.train] for name, space in baseline_spaces(prepared).items()},
        labels,
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
