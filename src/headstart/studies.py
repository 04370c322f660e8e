"""Studies: questions about a dataset, answered without a model to keep.

Which backbone (``rank``), which layer (``layers``), how many labels (``curve``). Each works on
features that are cached anyway, and writes a folder: its numbers as JSON, a page, the figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from headstart.choose.rank import Entrant, Ranking, pick_by_fold
from headstart.choose.rank import rank as rank_entrants
from headstart.events import Event, OnEvent, ignore
from headstart.features.engines import Engine, Kitchen
from headstart.features.extract import Features, extract
from headstart.features.speed import seconds_per_1000
from headstart.features.store import FeatureStore
from headstart.findings import Finding
from headstart.folder.files import whole_folder, write_json
from headstart.folder.place import destination
from headstart.judge.baselines import RANDOM_NETWORK, pixel_baselines
from headstart.judge.crossval import Outcome
from headstart.judge.curve import label_curve
from headstart.judge.estimate import Plan, plan
from headstart.kept import Kept
from headstart.machine import cache_folder, resolve_device, worker_count
from headstart.prepare import Config, Prepared, backbones_of, configure, prepare
from headstart.report.study import render_study

PathLike = str | Path
SCHEMA = 1


def rank(
    data: PathLike,
    *,
    backbones: str = "auto",
    out: PathLike | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
    **options: Any,
) -> dict[str, Any]:
    """Compare backbones on a dataset by the cross-validated probe, with what each costs.

    Parameters
    ----------
    data : str or Path
        As :func:`headstart.train` takes it.
    backbones : str
        Names with commas between them; ``"auto"``: all that are usable without a network.
    out : path, optional
        The folder to write; default ``runs/NAME-rank``, numbered if taken.
    overwrite, on_event, **options
        As :func:`headstart.train` takes them: ``size``, ``seed``, ``device``, ``groups``...

    Returns
    -------
    dict
        ``rank.json`` (docs/architecture.md), and ``folder``.

    Raises
    ------
    DataError, ConfigError, UnknownNameError, BackboneError
        Before anything is written.
    """
    config = configure(data, {**options, "backbone": backbones, "method": "probe"})
    folder = destination(config.data, out, overwrite, study="rank")
    prepared = prepare(config, baseline=False, several=True, on_event=on_event)
    ranking = _ranked(entrants(prepared, on_event), prepared, on_event)
    document = ranking.to_json(data=_name(config), classes=prepared.dataset.classes)
    return _write(folder, document, on_event)


def layers(
    data: PathLike,
    *,
    out: PathLike | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
    **options: Any,
) -> dict[str, Any]:
    """Probe every stage of a backbone, and all of them combined.

    Parameters and errors are those of :func:`rank`, with ``backbone`` for the one network.

    Returns
    -------
    dict
        ``layers.json`` (docs/architecture.md), and ``folder``.
    """
    from headstart.backbones.stages import Stages, macs  # imports torch
    from headstart.choose.layers import study

    config = configure(data, {**options, "method": "probe"})
    folder = destination(config.data, out, overwrite, study="layers")
    prepared = prepare(config, baseline=True, on_event=on_event)
    _, features = embed_stages(prepared, config, on_event)
    stages, shares = Stages(prepared.ref.load()), macs(prepared.ref.load())
    rows, (_, task) = prepared.train, prepared.training()
    found = study(
        stages.names,
        stages.dims,
        features.vectors[0][rows],
        task,
        plan(task, np.zeros(len(rows), bool)),
        [shares[name] for name in stages.names],
        stages.shapes,
        baselines={name: space[rows] for name, space in baseline_spaces(prepared).items()},
        combine=True,
        workers=worker_count(),
        tick=_ticker(on_event, "probing every layer"),
    )
    document = found.to_json(
        data=_name(config), classes=prepared.dataset.classes, backbone=prepared.engine.card.name
    )
    return _write(folder, document, on_event)


def curve(
    data: PathLike,
    *,
    out: PathLike | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
    **options: Any,
) -> dict[str, Any]:
    """Measure accuracy against labels per class, with transfer and without, and look ahead.

    Parameters and errors are those of :func:`rank`, with ``backbone`` for the one network.

    Returns
    -------
    dict
        ``curve.json`` (docs/architecture.md), and ``folder``.
    """
    config = configure(data, {**options, "method": "probe"})
    folder = destination(config.data, out, overwrite, study="curve")
    prepared = prepare(config, baseline=True, on_event=on_event)
    X, task = prepared.training()
    found = label_curve(
        X,
        {name: space[prepared.train] for name, space in baseline_spaces(prepared).items()},
        task,
        workers=worker_count(),
        tick=_ticker(on_event, "fitting on parts of the labels"),
    )
    document = {
        "schema": SCHEMA,
        "study": "curve",
        "data": _name(config),
        "n": len(X),
        "classes": list(prepared.dataset.classes),
        "backbone": prepared.engine.card.name,
        **found,
    }
    return _write(folder, document, on_event)


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
        return pick_by_fold(self.entrants, self.ranking.outcomes, prepared.task, chosen)[0]

    def doubts(self, prepared: Prepared, kept: Kept | None) -> list[Finding]:
        """Say what the estimate of a trained network leaves out."""
        if kept is None or kept.outcome is None or prepared.dataset.is_test.any():
            return []
        text = (
            "The backbone was chosen on these images, too, and the estimate of this method does "
            "not count that choice: it may be a little too high. A test set would not mislead."
        )
        return [Finding("training", "info", text)]

    def document(self) -> dict[str, Any]:
        """Return the rank document without the names of classes."""
        return self.ranking.to_json(data=_name(self.config), classes=())


def pick_backbone(config: Config, on_event: OnEvent = ignore) -> Picked:
    """Rank the backbones of a configuration; return it with the recommended one alone."""
    prepared = prepare(config, baseline=False, several=True, on_event=on_event)
    known = entrants(prepared, on_event)
    ranking = _ranked(known, prepared, on_event)
    place = [entrant.name for entrant in known].index(ranking.recommended)
    name = list(backbones_of(config))[place]  # as it was typed: a card does not know its folder
    return Picked(replace(config, backbone=name), known, ranking)


def entrants(prepared: Prepared, on_event: OnEvent = ignore) -> list[Entrant]:
    """Make an entrant of every network that a dataset was embedded with; times each.

    Training rows only: a test set has no say in the choice of a backbone.
    """
    files = prepared.dataset.files
    found: list[Entrant] = []
    for engine, X in zip(prepared.engines, prepared.features.vectors, strict=True):
        on_event(Event("timing the backbones", len(found), len(prepared.engines), "networks"))
        card = engine.card
        seconds = seconds_per_1000(engine, files, worker_count())
        size = card.preprocessing.size
        megabytes = 4 * card.parameters / 1e6  # float32
        found.append(
            Entrant(
                card.name,
                X[prepared.train],
                card.parameters,
                megabytes,
                seconds,
                card.licence,
                size,
            )
        )
    return found


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
        files = prepared.dataset.files
        return engine, extract(files, [engine], store, workers=workers, on_event=on_event)


def baseline_spaces(prepared: Prepared) -> dict[str, Any]:
    """Describe the images without learned knowledge: what transfer is judged against."""
    features = prepared.features
    return {RANDOM_NETWORK: features.vectors[-1], **pixel_baselines(features.thumbs)}


def _ranked(known: list[Entrant], prepared: Prepared, on_event: OnEvent) -> Ranking:
    _, task = prepared.training()
    return rank_entrants(
        known,
        task,
        plan(task, np.zeros(len(task.y), bool)),
        workers=worker_count(),
        tick=_ticker(on_event, "comparing backbones"),
    )


def _write(folder: Path, document: dict[str, Any], on_event: OnEvent) -> dict[str, Any]:
    on_event(Event("writing the study"))
    with whole_folder(folder) as beside:
        write_json(beside / f"{document['study']}.json", document)
        render_study(beside)
    return {**document, "folder": str(folder)}


def _name(config: Config) -> str:
    return Path(config.data).name.removeprefix("builtin:")


def _ticker(on_event: OnEvent, stage: str) -> Callable[[int, int], None]:
    return partial(_tick, on_event, stage)


def _tick(on_event: OnEvent, stage: str, done: int, total: int) -> None:
    on_event(Event(stage, done, total, "fits"))
