"""The main job: from a folder of labelled images to a run folder that can be trusted.

Read this file to see the whole product in order: source, checks, features, head, estimate,
verdict, artefact, report. Each step is one call into the module that owns it.
"""

from __future__ import annotations

import csv
import importlib.metadata
import itertools
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from headstart._version import __version__
from headstart.artifact import refuse_unsavable, save_model
from headstart.backbones import DEFAULT, Ref, resolve
from headstart.data.checks import (
    check_classes,
    check_copies,
    check_groups,
    check_sizes,
    check_test_size,
    find_copies,
    merge_groups,
)
from headstart.data.dataset import Dataset, Finding
from headstart.data.sources import open_source
from headstart.errors import ConfigError, DataError
from headstart.events import Event, OnEvent, ignore
from headstart.features.engines import Engine, Kitchen, describe, worker_count
from headstart.features.extract import Features, extract
from headstart.features.store import FeatureStore, cache_folder
from headstart.judge.baselines import RANDOM_NETWORK, pixel_baselines
from headstart.judge.crossval import Task
from headstart.judge.curve import learning_curve
from headstart.judge.estimate import Judgement, judge, plan
from headstart.judge.order import check_order
from headstart.report import render
from headstart.report.pictures import collect
from headstart.run import Run
from headstart.transfer import FittedModel
from headstart.transfer.probe import Choice, fit_probe

SCHEMA = 1
METHODS = ("auto", "probe")
WRITING = ".headstart-writing-"
"""How folders begin that are not complete yet; old ones are cleared away by the next run."""


@dataclass(frozen=True)
class Config:
    """Everything that decides a run; it is written beside the result.

    Attributes
    ----------
    data : str
        Folder, table, archive or ``builtin:NAME``.
    backbone : str
        A backbone name, or ``"auto"`` for the one that comes with headstart.
    method : str
        ``"auto"`` or ``"probe"``.
    seed : int, >= 0
        Of folds and of the re-initialised network.
    device : {"auto", "cpu", "cuda"}
    balanced : bool
        Weigh the classes equally, however many images they have.
    strict : bool
        Refuse data with unreadable files instead of leaving them out.
    x, y, groups, groups_from, encoding
        How to read tables, and what belongs together; see ``open_source``.
    """

    data: str
    backbone: str = "auto"
    method: str = "auto"
    seed: int = 0
    device: str = "auto"
    balanced: bool = False
    strict: bool = False
    x: str | None = None
    y: str | None = None
    groups: str | None = None
    groups_from: str | None = None
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(f"No method {self.method!r}.", f"Methods: {', '.join(METHODS)}.")
        if self.seed < 0:
            raise ConfigError(f"--seed must be 0 or more, not {self.seed}.", "Try --seed 0.")
        if self.device not in ("auto", "cpu", "cuda"):
            raise ConfigError(f"No device {self.device!r}.", "One of: auto, cpu, cuda.")


@dataclass(frozen=True)
class Prepared:
    """Data that is read, checked and embedded: all a method or a judge needs.

    Attributes
    ----------
    dataset : Dataset
        Readable examples only, and no training copy of a test image.
    features : Features
        In the same rows; ``vectors[0]`` is pretrained, ``vectors[1]`` (if any) re-initialised.
    skipped : int
        Files that could not be read.
    left_out : list of (str, str)
        Every example that was dropped, with the reason.
    ref, engine
        The backbone and what ran it.
    backbone_seconds : float
        What preparing the engines took.
    """

    dataset: Dataset
    features: Features
    skipped: int
    left_out: list[tuple[str, str]]
    ref: Ref
    engine: Engine
    task: Task
    backbone_seconds: float

    @property
    def train(self) -> NDArray[np.int64]:
        """Rows that may be learned from."""
        return np.flatnonzero(~self.dataset.is_test)


def train(
    data: str | Path,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
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
    on_event : callable, optional
        Hears progress as :class:`~headstart.events.Event`.
    **options
        The other fields of :class:`Config`: ``backbone``, ``method``, ``seed``, ``device``,
        ``balanced``, ``strict``, ``x``, ``y``, ``groups``, ``groups_from``, ``encoding``.

    Returns
    -------
    Run

    Raises
    ------
    DataError, ConfigError, UnknownNameError, BackboneError, MissingExtraError
        Before anything is written.
    """
    start = time.perf_counter()
    config = Config(str(data), **options)
    folder = _destination(config, out, overwrite)
    prepared = prepare(config, baseline=True, on_event=on_event)
    clock = {"embed_s": prepared.features.seconds, "prepare_s": prepared.backbone_seconds}
    clock["read_s"] = time.perf_counter() - start - sum(clock.values())

    mark = time.perf_counter()
    model, choice = fit(prepared, on_event)
    clock["fit_s"] = time.perf_counter() - mark

    mark = time.perf_counter()
    judgement = estimate(prepared, on_event)
    findings = [*prepared.dataset.findings, *order_findings(prepared, choice, on_event)]
    curve = learning_curve(*_training(prepared), choice, workers=worker_count())
    clock["judge_s"] = time.perf_counter() - mark

    with _whole_folder(folder) as beside:
        metrics = _metrics(prepared, judgement, choice, findings, curve)
        on_event(Event("writing the run folder"))
        save_model(
            beside / "model", model, prepared.engine.card, prepared.ref, prepared.engine.name
        )
        _write_predictions(beside / "predictions.csv", prepared, judgement)
        _write_history(beside / "history.csv", choice, clock["fit_s"])
        _write_json(beside / "split.json", _split(prepared, judgement))
        _write_json(beside / "run.json", _record(config, prepared))
        _write_json(
            beside / "pictures.json",
            collect(prepared.dataset, prepared.features, judgement, prepared.task),
        )
        metrics["timing"] = _timing(start, clock, prepared.features)
        _write_json(beside / "metrics.json", metrics)
        render(beside, name=folder.name)
    return Run(folder)


def check(data: str | Path, *, on_event: OnEvent = ignore, **options: Any) -> dict[str, Any]:
    """Run every check on a dataset without training a model to keep.

    Returns
    -------
    dict
        ``n`` (counts, per class and of what was skipped) and ``findings``, as in metrics.json.
    """
    prepared = prepare(Config(str(data), **options), baseline=False, on_event=on_event)
    _, choice = fit(prepared, on_event)
    findings = [*prepared.dataset.findings, *order_findings(prepared, choice, on_event)]
    return {"n": _counts(prepared), "findings": [asdict(f) for f in findings]}


def prepare(config: Config, *, baseline: bool, on_event: OnEvent = ignore) -> Prepared:
    """Read, embed and check a dataset.

    Parameters
    ----------
    baseline : bool
        Also embed with the same network re-initialised, for the verdict.
    """
    ref = resolve(DEFAULT if config.backbone == "auto" else config.backbone)
    dataset = open_source(
        config.data,
        x=config.x,
        y=config.y,
        groups=config.groups,
        groups_from=config.groups_from,
        encoding=config.encoding,
        cache_dir=cache_folder(),
        on_event=on_event,
    )
    check_classes(dataset)
    workers = worker_count()
    kitchen = Kitchen(cache_folder(), workers, on_event)
    device = _device(config.device)
    on_event(Event("preparing the backbone"))
    mark = time.perf_counter()
    engines = [kitchen.engine(ref, device=device)]
    refuse_unsavable(ref, engines[0].card)
    if baseline:
        random = replace(ref, seed=config.seed)  # only the weights differ, not the arithmetic
        engines.append(kitchen.engine(random, device=device, name=engines[0].name))
    backbone_seconds = time.perf_counter() - mark
    with FeatureStore(cache_folder()) as store:
        features = extract(dataset.files, engines, store, workers=workers, on_event=on_event)
    if features.trouble:
        message = f"The feature cache is out of use: {features.trouble}. The run goes on without."
        on_event(Event("reading and embedding", message=message, level="warning"))
    return _checked(config, dataset, features, ref, engines[0], backbone_seconds)


def fit(prepared: Prepared, on_event: OnEvent = ignore) -> tuple[FittedModel, Choice]:
    """Fit the probe on all training rows; its choices are made by cross-validation."""
    on_event(Event("fitting the head"))
    X, task = _training(prepared)
    rows, folds = task.choosing(np.arange(len(X)), 4)
    classes = prepared.dataset.classes
    with threadpool_limits(1):  # as all fitting: see judge.crossval.in_threads
        return fit_probe(X, task.y, classes, folds, rows=rows, balanced=task.balanced)


def estimate(prepared: Prepared, on_event: OnEvent = ignore) -> Judgement:
    """Estimate the score on held-out examples and judge transfer against the baselines."""
    features = prepared.features
    baselines = {RANDOM_NETWORK: features.vectors[1], **pixel_baselines(features.thumbs)}
    chosen = plan(prepared.task, prepared.dataset.is_test)
    return judge(
        features.vectors[0],
        baselines,
        prepared.task,
        chosen,
        workers=worker_count(),
        tick=partial(_tick, on_event),
    )


def order_findings(prepared: Prepared, choice: Choice, on_event: OnEvent = ignore) -> list[Finding]:
    """Check whether neighbouring files help each other; pointless where groups are given."""
    if prepared.dataset.groups is not None:
        return []
    on_event(Event("checking the order of files"))
    X, task = _training(prepared)
    position = prepared.dataset.position[prepared.train]
    return [check_order(X, position, task, choice, workers=worker_count()).finding()]


def _training(prepared: Prepared) -> tuple[NDArray[np.float32], Task]:
    rows, task = prepared.train, prepared.task
    groups = None if task.groups is None else task.groups[rows]
    return prepared.features.vectors[0][rows], replace(task, y=task.y[rows], groups=groups)


def _checked(
    config: Config,
    dataset: Dataset,
    features: Features,
    ref: Ref,
    engine: Engine,
    backbone_seconds: float,
) -> Prepared:
    """Leave out what cannot be used, note what a score would hide."""
    unreadable = [(dataset.refs[i], features.unreadable[i]) for i in sorted(features.unreadable)]
    found = _unreadable(config, unreadable, len(dataset))
    readable = np.array([i not in features.unreadable for i in range(len(dataset))])
    dataset, features = dataset.take(readable), features.take(np.flatnonzero(readable))
    check_classes(dataset)

    copies = find_copies(features.hashes, features.thumbs)
    keep, copy_findings = check_copies(dataset, copies)
    left_out = unreadable + [
        (dataset.refs[i], "copy of a test image") for i in np.flatnonzero(~keep)
    ]
    groups = merge_groups(copies.component[keep], _kept(dataset.groups, keep))
    dataset, features = dataset.take(keep), features.take(np.flatnonzero(keep))
    imbalance = check_classes(dataset)
    sizes = check_sizes(dataset, features.sizes, engine.card.preprocessing.size)
    dataset = dataset.noting(*found, *imbalance, *copy_findings, *sizes, *check_test_size(dataset))
    dataset = dataset.noting(*check_groups(dataset, groups))
    task = Task(
        dataset.labels,
        len(dataset.classes),
        groups,
        config.balanced,
        config.seed,
        grouped=dataset.groups is not None,
    )
    return Prepared(
        dataset, features, len(unreadable), left_out, ref, engine, task, backbone_seconds
    )


def _unreadable(config: Config, unreadable: list[tuple[str, str]], n: int) -> list[Finding]:
    if not unreadable:
        return []
    named = "; ".join(f"{ref}: {reason}" for ref, reason in unreadable[:5])
    more = f"; and {len(unreadable) - 5} more" if len(unreadable) > 5 else ""
    text = f"{len(unreadable)} of {n} files cannot be read ({named}{more})"
    if len(unreadable) == n:
        raise DataError(f"{text}.", "Check that the files are images and not damaged.")
    if config.strict:
        raise DataError(f"{text}.", "Repair or remove them, or run without --strict.")
    return [
        Finding(
            "unreadable",
            "warning",
            f"{text}. They were left out.",
            {"count": len(unreadable), "files": [list(pair) for pair in unreadable]},
        )
    ]


def _kept(groups: NDArray[np.str_] | None, keep: NDArray[np.bool_]) -> NDArray[np.str_] | None:
    return None if groups is None else groups[keep]


def _device(asked: str) -> str:
    """Resolve ``auto`` without importing torch where no driver is installed."""
    if asked == "cpu" or (asked == "auto" and not _has_driver()):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if asked == "cuda":
        raise ConfigError("--device cuda: torch sees no CUDA device here.", "Use --device cpu.")
    return "cpu"


def _has_driver() -> bool:
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def _tick(on_event: OnEvent, done: int, total: int) -> None:
    on_event(Event("judging on held-out folds", done, total, "fits"))


def _destination(config: Config, out: str | Path | None, overwrite: bool) -> Path:
    """Decide the run folder, and refuse now what could not be written later."""
    folder = _default_folder(config, overwrite) if out is None else Path(out)
    _refuse_the_data(config.data, folder)
    if folder.exists() and not overwrite:
        raise ConfigError(
            f"The output {str(folder)!r} exists.", "Choose another --out, or pass --overwrite."
        )
    if folder.exists() and not (folder / "model" / "model.json").exists():
        raise ConfigError(
            f"{str(folder)!r} is not a run folder, so --overwrite will not replace it.",
            "Choose another --out.",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder.parent):
            pass
    except OSError as cause:
        raise ConfigError(
            f"Cannot write to {str(folder.parent)!r}: {cause.strerror or cause}.",
            "Choose another folder with --out.",
        ) from cause
    return folder


def _default_folder(config: Config, overwrite: bool) -> Path:
    """``runs/NAME``; unless it may be overwritten, with the first number that is free."""
    given = Path(config.data.removeprefix("builtin:")).resolve().name
    stem = given.partition(".")[0] or "run"
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    folders = (Path("runs") / name for name in names)
    return next(f for f in folders if overwrite or not f.exists())


def _refuse_the_data(data: str, folder: Path) -> None:
    """Refuse a run folder that is, holds or lies in the data: it would mix or lose the data."""
    source, target = Path(data).resolve(), folder.resolve()
    if not source.exists():
        return
    if (
        target == source
        or target in source.parents
        or (source.is_dir() and source in target.parents)
    ):
        raise ConfigError(
            f"The output {str(folder)!r} and the data {data!r} lie in one another.",
            "Choose an --out elsewhere.",
        )


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write in, and put it in place only when everything in it is there."""
    for stale in folder.parent.glob(f"{WRITING}*"):  # of runs killed while writing
        if time.time() - stale.stat().st_mtime > 3600:
            shutil.rmtree(stale, ignore_errors=True)
    beside = Path(tempfile.mkdtemp(prefix=WRITING, dir=folder.parent))
    try:
        yield beside
        beside.chmod(0o755)
        if folder.exists():
            old = folder.with_name(f".headstart-replaced-{folder.name}-{os.getpid()}")
            folder.rename(old)
            beside.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            beside.rename(folder)
    except OSError as cause:
        shutil.rmtree(beside, ignore_errors=True)
        raise ConfigError(
            f"Cannot write the run folder {str(folder)!r}: {cause.strerror or cause}.",
            "Free some space or choose another --out; the computed features are cached.",
        ) from cause
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _metrics(
    prepared: Prepared,
    judgement: Judgement,
    choice: Choice,
    findings: list[Finding],
    curve: list[dict[str, Any]],
) -> dict[str, Any]:
    dataset, card = prepared.dataset, prepared.engine.card
    return {
        "schema": SCHEMA,
        "task": "classification",
        "modality": dataset.modality,
        "classes": list(dataset.classes),
        "method": "probe",
        "backbone": card.name,
        "n": _counts(prepared),
        "estimate": judgement.estimate,
        "verdict": judgement.verdict.to_json() if judgement.verdict else None,
        "baselines": judgement.baselines,
        "head": {
            "kind": choice.kind,
            "C": choice.C,
            "temperature": choice.temperature,
            "candidates": choice.candidates,
        },
        "learning_curve": curve,
        "findings": [asdict(f) for f in findings],
    }


def _counts(prepared: Prepared) -> dict[str, Any]:
    dataset = prepared.dataset
    per_class = np.bincount(dataset.labels, minlength=len(dataset.classes)).tolist()
    return {
        "train": int((~dataset.is_test).sum()),
        "test": int(dataset.is_test.sum()),
        "classes": len(dataset.classes),
        "skipped": prepared.skipped,
        "per_class": dict(zip(dataset.classes, per_class, strict=True)),
    }


def _timing(start: float, clock: dict[str, float], features: Features) -> dict[str, Any]:
    rate = features.forward_examples / features.seconds if features.seconds else 0.0
    return {
        "total_s": round(time.perf_counter() - start, 3),
        **{name: round(seconds, 3) for name, seconds in clock.items()},
        "examples_per_s": round(rate, 1),
        "forward_examples": features.forward_examples,
        "cache_hits": features.cache_hits,
    }


def _write_predictions(path: Path, prepared: Prepared, judgement: Judgement) -> None:
    dataset = prepared.dataset
    columns = ["path", "label", "predicted", *(f"p:{name}" for name in dataset.classes), "fold"]
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(columns)
        for row, p, fold in zip(judgement.rows, judgement.proba, judgement.fold, strict=True):
            label = dataset.classes[dataset.labels[row]]
            shares = [f"{x:.6f}" for x in p]
            table.writerow([dataset.refs[row], label, dataset.classes[p.argmax()], *shares, fold])


def _write_history(path: Path, choice: Choice, seconds: float) -> None:
    """One row per candidate head: fitting a probe has no epochs."""
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(["step", "split", "loss", "accuracy", "lr", "seconds", "head", "C"])
        for step, c in enumerate(choice.candidates):
            kept = [f"{c['log_loss']:.6f}", f"{c['accuracy']:.6f}", ""]
            share = f"{seconds / len(choice.candidates):.4f}"
            table.writerow([step, "cross-validation", *kept, share, c["head"], c["C"] or ""])


def _split(prepared: Prepared, judgement: Judgement) -> dict[str, Any]:
    dataset, hashes = prepared.dataset, prepared.features.hashes
    fold = {int(r): int(f) for r, f in zip(judgement.rows, judgement.fold, strict=True)}
    groups = prepared.task.groups
    return {
        "protocol": judgement.protocol,
        "examples": [
            {
                "path": dataset.refs[i],
                "sha256": hashes[i],
                "label": dataset.classes[dataset.labels[i]],
                "role": "test" if dataset.is_test[i] else "train",
                "fold": fold.get(i),
                "group": None if groups is None else int(groups[i]),
            }
            for i in range(len(dataset))
        ],
        "left_out": [{"path": ref, "reason": reason} for ref, reason in prepared.left_out],
    }


def _record(config: Config, prepared: Prepared) -> dict[str, Any]:
    """Write down what would be needed to repeat the run; no user or host name goes in."""
    packages = (
        "numpy",
        "openvino",
        "pillow",
        "scikit-learn",
        "scipy",
        "timm",
        "torch",
    )
    return {
        "config": {
            **asdict(config),
            "data": Path(config.data).name,  # paths may hold a user's name
            "backbone": prepared.engine.card.name,
        },
        "engine": describe(prepared.engine),
        "versions": {"headstart": __version__, "python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in packages},
        "host": {
            "system": platform.system(),
            "machine": platform.machine(),
            "cores": worker_count(),
        },
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")
