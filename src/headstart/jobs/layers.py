"""The command ``layers``: every layer of a backbone probed."""

from __future__ import annotations

from typing import Any

import numpy as np

from headstart.events import OnEvent, ignore
from headstart.folder.place import destination
from headstart.jobs.study import PathLike, data_name, write_study
from headstart.jobs.tagged import refuse_tags
from headstart.judge.estimate import plan
from headstart.machine import Machine
from headstart.methods.layers import embed_stages
from headstart.prepare.config import PROBE, configure, taken
from headstart.prepare.refusals import job, refuse_study_of_several_labels
from headstart.prepare.source import baseline_spaces, prepare, read_source
from headstart.said import _


@job
def layers(
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
    """Probe every stage of a backbone, and all of them combined.

    Parameters
    ----------
    data, backbone, overwrite, size, seed, device, balanced, strict, on_event
        As in :func:`headstart.train`; of ``backbone`` one.
    out : path, optional
        The folder to write; default ``runs/NAME-layers``, numbered if taken.
    x, y, task, groups, groups_from, names, encoding, modality
        As in :func:`headstart.train`.

    Returns
    -------
    dict
        ``layers.json`` (docs/architecture.md), and ``folder``.

    Raises
    ------
    DataError, ConfigError, UnknownNameError, BackboneError
        Before anything is written.
    """
    from headstart.backbones.stages import Stages, macs  # imports torch
    from headstart.choose.layers import study

    given = taken("layers", locals())
    refuse_tags("layers", data, given)
    config = configure(data, {**given, "method": PROBE})
    folder = destination(config.data, out, overwrite, study="layers")
    machine = Machine.here(config.device, on_event)
    dataset = read_source(config, machine)
    refuse_study_of_several_labels("layers", dataset.several)
    prepared = prepare(config, dataset, baseline=True, machine=machine)
    stages, shares = Stages(prepared.ref.load()), macs(prepared.ref.load())
    features = embed_stages(prepared, machine)[1]
    rows, labels = prepared.train, prepared.training()[1]
    found = study(
        stages.names,
        stages.dims,
        features.vectors[0][rows],
        labels,
        plan(labels, np.zeros(len(rows), bool)),
        [shares[name] for name in stages.names],
        stages.shapes,
        baselines={name: space[rows] for name, space in baseline_spaces(prepared).items()},
        combine=True,
        workers=machine.workers,
        tick=machine.ticker(_("probing every layer")),
    )
    document = found.to_json(
        data=data_name(config), classes=prepared.dataset.classes, backbone=prepared.engine.card.name
    )
    return write_study(folder, document, prepared.dataset.modality, on_event)
