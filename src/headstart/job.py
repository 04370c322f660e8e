"""The main job: from a folder of labelled images to a run folder that can be trusted.

Read this file to see the whole product in order: source, checks, features, head, networks,
estimate, verdict, artefact, report. Each step is one call into the module that owns it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from headstart.doubts import Doubts, doubt
from headstart.errors import ConfigError
from headstart.events import Event, OnEvent, ignore
from headstart.explained import explanations
from headstart.findings import Finding
from headstart.folder.files import whole_folder, write_json
from headstart.folder.place import destination
from headstart.folder.unfinished import Unfinished
from headstart.judge.crossval import judge_folds
from headstart.judge.curve import learning_curve
from headstart.judge.estimate import TRANSFER, Judgement, Plan, assess, plan
from headstart.judge.order import check_order
from headstart.machine import worker_count
from headstart.prepare import LAYERS, Config, Prepared, backbones_of, configure, prepare
from headstart.record import (
    counts,
    identity,
    metrics,
    record,
    split,
    timing,
    write_history,
    write_issues,
    write_model,
    write_predictions,
)
from headstart.report import render
from headstart.report.pictures import collect
from headstart.run import Run
from headstart.studies import Picked, baseline_spaces, pick_backbone
from headstart.transfer import FittedModel
from headstart.transfer.probe import Choice, fit_probe
from headstart.transfer.recipe import FROM_SCRATCH

if TYPE_CHECKING:
    from headstart.kept import Kept


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
        The other fields of :class:`~headstart.prepare.Config`: ``backbone``, ``method``,
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
    chosen, kept = plan(prepared.task, prepared.dataset.is_test), None
    unfinished = Unfinished(folder)
    if config.method == LAYERS:
        from headstart.layered import combine_layers

        with timed(clock, "train_s"):
            kept = combine_layers(config, prepared, chosen, on_event)
    elif trains_networks(config):
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


@dataclass(frozen=True)
class Judged:
    """A model with all that is said of it: what a run folder is written from."""

    config: Config
    prepared: Prepared
    model: FittedModel
    choice: Choice
    kept: Kept | None
    picked: Picked | None
    judgement: Judgement
    findings: list[Finding]
    curve: list[dict[str, Any]]
    doubts: Doubts
    shown: list[dict[str, Any]]
    tested: dict[str, Any] | None


def judge_model(
    config: Config,
    prepared: Prepared,
    model: FittedModel,
    choice: Choice,
    chosen: Plan,
    kept: Kept | None,
    picked: Picked | None,
    on_event: OnEvent,
) -> Judged:
    """Judge a fitted model in every respect: score, verdict, what to doubt it for, its reasons."""
    judgement = estimate(prepared, chosen, kept, picked, on_event)
    findings = [*prepared.dataset.findings, *order_findings(prepared, choice, on_event)]
    findings += picked.doubts(prepared, kept) if picked else []
    curve = learning_curve(*prepared.training(), choice, workers=worker_count())
    on_event(Event("looking for doubts"))
    doubts = doubt(config, prepared, judgement, model, choice, kept)
    model = replace(model, abstain=doubts.abstention.threshold)
    shown, tested = explanations(prepared, judgement, model, kept)
    return Judged(
        config, prepared, model, choice, kept, picked, judgement, findings, curve, doubts,
        shown, tested,
    )  # fmt: skip


def write_run(
    folder: Path,
    judged: Judged,
    clock: dict[str, float],
    start: float,
    *,
    sections: Mapping[str, Any] = MappingProxyType({}),
    pictures: Mapping[str, Any] = MappingProxyType({}),
    asked: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write everything of a run but its report.

    Parameters
    ----------
    clock, start
        Seconds of each part, and ``time.perf_counter()`` at the beginning.
    sections, pictures, asked
        What else goes into metrics.json, pictures.json and run.json.
    """
    prepared, judgement, kept = judged.prepared, judged.judgement, judged.kept
    doubts, picked = judged.doubts, judged.picked
    write_model(folder / "model", prepared, judged.model, kept)
    write_predictions(folder / "predictions.csv", prepared, judgement)
    curves = kept.curves if kept else []
    write_history(folder / "history.csv", judged.choice, clock["fit_s"], curves)
    write_json(folder / "split.json", split(prepared, judgement))
    write_json(folder / "run.json", {**record(judged.config, prepared), **asked})
    write_issues(folder / "label_issues.csv", doubts.label_issues)
    shown = collect(
        prepared.dataset,
        prepared.features,
        judgement,
        prepared.task,
        label_issues=doubts.label_issues["rows"],
        explanations=judged.shown,
    )
    write_json(folder / "pictures.json", {**shown, **pictures})
    numbers = metrics(
        judged.config, prepared, judgement, judged.choice, judged.findings, judged.curve, kept
    )
    numbers |= {
        "abstention": doubts.abstention.to_json(),
        "unfamiliar": doubts.unfamiliar,
        "label_issues": doubts.label_issues,
        "explanations": judged.tested,
        "ranking": picked and picked.document(),
        **sections,
    }
    numbers["timing"] = timing(start, clock, prepared.features)
    write_json(folder / "metrics.json", numbers)


def check(data: str | Path, *, on_event: OnEvent = ignore, **options: Any) -> dict[str, Any]:
    """Run every check on a dataset without training a model to keep.

    Returns
    -------
    dict
        ``n`` (counts, per class and of what was skipped) and ``findings``, as in metrics.json.
    """
    prepared = prepare(configure(data, options), baseline=False, on_event=on_event)
    _, choice = fit(prepared, on_event)
    findings = [*prepared.dataset.findings, *order_findings(prepared, choice, on_event)]
    return {"n": counts(prepared), "findings": [asdict(f) for f in findings]}


def choose_backbone(config: Config, on_event: OnEvent) -> tuple[Config, Picked | None]:
    """Settle which backbone a run uses: by measurement, where several are named."""
    if len(backbones_of(config)) < 2:
        return config, None
    if config.method in FROM_SCRATCH:
        raise ConfigError(
            f"--method {config.method} uses nothing pretrained to choose a backbone by.",
            "Name one --backbone.",
        )
    picked = pick_backbone(config, on_event)
    on_event(Event("comparing backbones", message=picked.ranking.sentence, level="note"))
    return picked.config, picked


def trains_networks(config: Config) -> bool:
    """Whether anything but a head is trained: never for the probe, nor for auto without budget."""
    if config.method == "auto":
        return config.budget is not None
    return config.method not in ("probe", LAYERS)


def train_networks(
    config: Config, prepared: Prepared, chosen: Plan, folder: Path, began: float, on_event: OnEvent
) -> tuple[Plan, Kept]:
    """Train networks; return the folds of the estimate with what came of it.

    The folds are dealt once where networks answer for them; where the probe is kept after all, it
    is judged as thoroughly as ever.
    """
    from headstart.tune import Tuning  # imports torch, which a probe from the cache never needs

    costly = plan(prepared.task, prepared.dataset.is_test, costly=True)
    kept = Tuning(config, prepared, costly, folder, began, on_event).run()
    return (chosen if kept.outcome is None else costly), kept


def fit(
    prepared: Prepared, on_event: OnEvent = ignore, *, rivals: bool = True
) -> tuple[FittedModel, Choice]:
    """Fit the probe on all training rows; its choices are made by cross-validation."""
    on_event(Event("fitting the head"))
    X, task = prepared.training()
    rows, folds = task.choosing(np.arange(len(X)), 4)
    classes = prepared.dataset.classes
    with threadpool_limits(1):  # as all fitting: see judge.crossval.in_threads
        return fit_probe(
            X, task.y, classes, folds,
            rows=rows, balanced=task.balanced, groups=task.groups, rivals=rivals,
        )  # fmt: skip


def estimate(
    prepared: Prepared,
    chosen: Plan,
    kept: Kept | None = None,
    picked: Picked | None = None,
    on_event: OnEvent = ignore,
) -> Judgement:
    """Estimate the score on held-out examples and judge transfer against the baselines.

    Where the backbone was picked, the estimate is that of picking one anew in every fold.
    """
    features, task, classes = prepared.features, prepared.task, prepared.dataset.classes
    own = kept.outcome if kept else None
    spaces = baseline_spaces(prepared)
    if own is None and picked is not None:
        own = picked.outcome(prepared, chosen)
    if own is None:
        spaces[TRANSFER] = features.vectors[0]
    outcomes = judge_folds(
        spaces, task, chosen.folds, workers=worker_count(), tick=partial(_tick, on_event)
    )
    own = own or outcomes.pop(TRANSFER)
    baselines = {**outcomes, **(kept.baselines if kept else {})}
    judgement = assess(own, baselines, task, chosen, classes=classes)
    if kept is not None and kept.probe is not None:
        # Nothing was transferred into this model; the verdict is still about transfer.
        return replace(
            judgement, verdict=assess(kept.probe, baselines, task, chosen, classes=classes).verdict
        )
    return judgement


def order_findings(prepared: Prepared, choice: Choice, on_event: OnEvent = ignore) -> list[Finding]:
    """Check whether neighbouring files help each other; pointless where groups are given."""
    if prepared.dataset.groups is not None:
        return []
    on_event(Event("checking the order of files"))
    X, task = prepared.training()
    position = prepared.dataset.position[prepared.train]
    return [check_order(X, position, task, choice, workers=worker_count()).finding()]


def _tick(on_event: OnEvent, done: int, total: int) -> None:
    on_event(Event("judging on held-out folds", done, total, "fits"))


@contextmanager
def timed(clock: dict[str, float], name: str) -> Iterator[None]:
    """Note the seconds of a block."""
    mark = time.perf_counter()
    yield
    clock[name] = time.perf_counter() - mark
