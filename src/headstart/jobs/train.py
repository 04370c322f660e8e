"""The main job: from a folder of labelled images to a run folder that can be trusted.

Read this file to see the whole product in order: source, checks, features, head, networks,
estimate, verdict, artefact, report. Each step is one call into the module that owns it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from headstart.errors import ConfigError
from headstart.events import Event, OnEvent, ignore
from headstart.folder.files import whole_folder
from headstart.folder.place import destination
from headstart.folder.unfinished import Unfinished
from headstart.jobs.clock import timed
from headstart.jobs.judged import judge_model
from headstart.jobs.rank import Picked, pick_backbone
from headstart.jobs.record import identity, write_run
from headstart.judge.estimate import plan
from headstart.methods.probe import fit
from headstart.prepare.config import LAYERS, Config, configure, several, trains_networks
from headstart.prepare.source import prepare
from headstart.report import render
from headstart.run import Run
from headstart.transfer.recipe import FROM_SCRATCH


def train(
    data: str | Path,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    on_event: OnEvent = ignore,
    **options: Any,
) -> Run:
    """Train on a dataset and write a run folder.

    Parameters
    ----------
    data : str or Path
        Folder of class folders, folder with train/ and val/ or test/, CSV, Parquet, JSONL, an
        archive of any of these, or ``builtin:NAME``.
    out : path, optional
        The run folder; default ``runs/NAME``, numbered if taken.
    overwrite : bool, default=False
        Replace an existing ``out``; only after the new run is complete.
    resume : bool, default=False
        Go on with an interrupted run of the same data and options: what it trained is not trained
        again.
    on_event : callable, optional
        Hears progress as :class:`~headstart.events.Event`.
    **options
        The other fields of :class:`~headstart.prepare.config.Config`: ``backbone``, ``method``,
        ``budget``, ``size``, ``seed``, ``device``, ``balanced``, ``strict``, ``x``, ``y``,
        ``groups``, ``groups_from``, ``encoding``; and those of
        :class:`~headstart.transfer.recipe.Recipe`: ``unfreeze``, ``epochs``, ``lr``...

    Returns
    -------
    Run

    Raises
    ------
    DataError, ConfigError, UnknownNameError, BackboneError, MissingExtraError
        Before anything is written.
    """
    start = time.perf_counter()
    began = time.monotonic()
    config = configure(data, options)
    folder = destination(config.data, out, overwrite)
    config, picked = choose_backbone(config, on_event)
    prepared = prepare(config, baseline=True, on_event=on_event)
    clock = {"embed_s": prepared.features.seconds, "prepare_s": prepared.backbone_seconds}
    clock["read_s"] = time.perf_counter() - start - sum(clock.values())

    with timed(clock, "fit_s"):
        model, choice = fit(prepared, on_event)
    chosen, kept = plan(prepared.labels, prepared.dataset.is_test), None
    unfinished = Unfinished(folder)
    if config.method == LAYERS:
        from headstart.methods.layers import combine_layers

        with timed(clock, "train_s"):
            kept = combine_layers(config, prepared, chosen, on_event)
    elif trains_networks(config):
        from headstart.methods.networks import train_networks  # imports torch

        with timed(clock, "train_s"):
            unfinished.begin(identity(config, prepared), resume, on_event)
            try:
                chosen, kept = train_networks(
                    config, prepared, chosen, unfinished.folder, began, on_event
                )
            except BaseException:
                unfinished.clear_if_empty()
                raise

    if kept is not None and kept.model is not None:
        model = kept.model
    with timed(clock, "judge_s"):
        judged = judge_model(config, prepared, model, choice, chosen, kept, picked, on_event)
    with whole_folder(folder) as beside:
        on_event(Event("writing the run folder"))
        write_run(beside, judged, clock, start)
        render(beside, name=folder.name)
    if kept is not None:
        unfinished.clear()
    return Run(folder)


def choose_backbone(config: Config, on_event: OnEvent) -> tuple[Config, Picked | None]:
    """Settle which backbone a run uses: by measurement, where several are named."""
    if not several(config):
        return config, None
    if config.method in FROM_SCRATCH:
        raise ConfigError(
            f"--method {config.method} uses nothing pretrained to choose a backbone by.",
            "Name one --backbone.",
        )
    picked = pick_backbone(config, on_event)
    on_event(Event("comparing backbones", message=picked.ranking.sentence, level="note"))
    return picked.config, picked
