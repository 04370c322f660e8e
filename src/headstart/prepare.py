"""Preparing: a dataset read, checked and embedded, as every method and every judge needs it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.backbones import DEFAULT, Ref, available, resolve
from headstart.data.checks import (
    check_classes,
    check_copies,
    check_groups,
    check_sizes,
    check_test_size,
    find_copies,
    merge_groups,
)
from headstart.data.dataset import Dataset
from headstart.data.sources import open_source
from headstart.errors import ConfigError, DataError
from headstart.events import Event, OnEvent, ignore
from headstart.features.engines import Engine, Kitchen
from headstart.features.extract import Features, extract
from headstart.features.store import FeatureStore
from headstart.findings import Finding
from headstart.folder.model import refuse_unsavable
from headstart.judge.crossval import Task
from headstart.machine import cache_folder, resolve_device, worker_count
from headstart.transfer.recipe import FROM_SCRATCH, Recipe, from_options
from headstart.transfer.recipe import METHODS as TRAINING_METHODS
from headstart.transfer.recipe import NAMES as RECIPE_NAMES

LAYERS = "layers"
METHODS = ("auto", "probe", LAYERS, *TRAINING_METHODS)


@dataclass(frozen=True)
class Config:
    """Everything that decides a run; it is written beside the result.

    Attributes
    ----------
    data : str
        Folder, table, archive or ``builtin:NAME``.
    backbone : str
        A backbone name; several, with commas, or ``"auto"`` for all that are usable here without
        a network: the best of them is chosen by measurement.
    method : str
        One of ``METHODS``.
    budget : float or None, seconds
        What ``"auto"`` may spend in all; without one it is the probe.
    size : int or None, pixels
        Side of the images the network sees, where it is not its own.
    recipe : Recipe
        How networks are trained.
    seed : int, >= 0
        Of folds and of the re-initialised network.
    device : {"auto", "cpu", "cuda"}
    balanced : bool
        Weigh the classes equally, however many images they have.
    strict : bool
        Refuse data with unreadable files instead of leaving them out.
    abstain : float or None, 0 to 1 (exclusive)
        Share of wrong answers that is wanted: the model is taught when to give none.
    x, y, groups, groups_from, encoding
        How to read tables, and what belongs together; see ``open_source``.
    """

    data: str
    backbone: str = DEFAULT
    method: str = "auto"
    budget: float | None = None
    size: int | None = None
    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 0
    device: str = "auto"
    balanced: bool = False
    strict: bool = False
    abstain: float | None = None
    x: str | None = None
    y: str | None = None
    groups: str | None = None
    groups_from: str | None = None
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(f"No method {self.method!r}.", f"Methods: {', '.join(METHODS)}.")
        if self.budget is not None and not 0 < self.budget < math.inf:
            raise ConfigError(f"--budget {self.budget:g} s is no time.", "For example --budget 5m.")
        if self.budget is not None and self.method != "auto":
            raise ConfigError(
                f"--budget guides --method auto, not --method {self.method}.",
                "Leave one of the two out; --epochs says how long a method trains.",
            )
        if self.size is not None and self.size < 1:
            raise ConfigError(f"--size {self.size} is no size.", "For example --size 96.")
        if self.abstain is not None and not 0 < self.abstain < 1:
            raise ConfigError(
                f"--abstain {self.abstain:g} is not a share of wrong answers between 0 and 1.",
                "For example --abstain 0.02: two in a hundred.",
            )
        if self.seed < 0:
            raise ConfigError(f"--seed must be 0 or more, not {self.seed}.", "Try --seed 0.")
        if self.device not in ("auto", "cpu", "cuda"):
            raise ConfigError(f"No device {self.device!r}.", "One of: auto, cpu, cuda.")


def configure(data: str | Path, options: dict[str, Any]) -> Config:
    """Sort options into the configuration and its recipe; None stands for "not given".

    Raises
    ------
    ConfigError
        Values that make no sense, or options of networks for a method that trains none.
    """
    given = {k: v for k, v in options.items() if v is not None}
    trained = {k: v for k, v in given.items() if k in RECIPE_NAMES}
    method = given.get("method", "auto")
    if trained and (method in ("probe", LAYERS) or (method == "auto" and "budget" not in given)):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(trained))
        raise ConfigError(
            f"{names}: {method if method == LAYERS else 'the probe'} trains no network, so there "
            "is nothing to set.",
            "Add --method finetune, or --budget 5m to let --method auto try it.",
        )
    if method == "auto" and "unfreeze" in trained:
        raise ConfigError(
            "--unfreeze: --method auto chooses the depth itself.", "Add --method finetune."
        )
    if method in FROM_SCRATCH and trained.get("keep"):
        raise ConfigError(
            f"--keep holds on to what was learned, and --method {method} has learned nothing.",
            "Leave one of the two out.",
        )
    rest = {k: v for k, v in given.items() if k not in RECIPE_NAMES}
    return Config(str(data), **rest, recipe=from_options(method, trained))


@dataclass(frozen=True)
class Prepared:
    """Data that is read, checked and embedded: all a method or a judge needs.

    Attributes
    ----------
    dataset : Dataset
        Readable examples only, and no training copy of a test image.
    features : Features
        In the same rows; ``vectors[0]`` is pretrained, the last (if asked for) re-initialised.
    skipped : int
        Files that could not be read.
    left_out : list of (str, str)
        Every example that was dropped, with the reason.
    ref : Ref
        The backbone.
    engines : list of Engine
        What ran the networks; the first is that of ``ref``.
    backbone_seconds : float
        What preparing the engines took.
    """

    dataset: Dataset
    features: Features
    skipped: int
    left_out: list[tuple[str, str]]
    ref: Ref
    engines: list[Engine]
    task: Task
    backbone_seconds: float

    @property
    def engine(self) -> Engine:
        """What ran the backbone."""
        return self.engines[0]

    @property
    def train(self) -> NDArray[np.int64]:
        """Rows that may be learned from."""
        return np.flatnonzero(~self.dataset.is_test)

    def training(self) -> tuple[NDArray[np.float32], Task]:
        """Return the pretrained vectors and the task of the training rows alone."""
        rows, task = self.train, self.task
        groups = None if task.groups is None else task.groups[rows]
        return self.features.vectors[0][rows], replace(task, y=task.y[rows], groups=groups)


def backbones_of(config: Config) -> dict[str, Ref]:
    """Resolve the backbones that a configuration names, each once, by the names given.

    Raises
    ------
    UnknownNameError, ConfigError
        Names that mean nothing; none at all.
    """
    if config.backbone == "auto":
        names = [row.name for row in available()]
    else:
        names = [name.strip() for name in config.backbone.split(",") if name.strip()]
    if not names:
        raise ConfigError(f"--backbone {config.backbone!r} names nothing.", f"Try {DEFAULT}.")
    found: dict[str, Ref] = {}
    for name in names:
        ref = replace(resolve(name), size=config.size)
        if ref not in found.values():
            found[name] = ref
    return found


def prepare(
    config: Config, *, baseline: bool, several: bool = False, on_event: OnEvent = ignore
) -> Prepared:
    """Read, embed and check a dataset.

    Parameters
    ----------
    baseline : bool
        Also embed with the network re-initialised, for the verdict.
    several : bool
        Embed with all backbones that are named; else there must be one.
    """
    refs = list(backbones_of(config).values())
    if len(refs) > 1 and not several:
        raise ConfigError(
            f"--backbone {config.backbone!r} stands for {len(refs)} backbones; here one is needed.",
            f"Name one, for example {DEFAULT}; `headstart rank` compares several.",
        )
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
    device = resolve_device(config.device)
    on_event(Event("preparing the backbone"))
    mark = time.perf_counter()
    engines = [kitchen.engine(ref, device=device) for ref in refs]
    for ref, engine in zip(refs, engines, strict=True):
        refuse_unsavable(ref, engine.card)
    if baseline:
        random = replace(refs[0], seed=config.seed)  # only the weights differ, not the arithmetic
        engines.append(kitchen.engine(random, device=device, name=engines[0].name))
    backbone_seconds = time.perf_counter() - mark
    with FeatureStore(cache_folder()) as store:
        features = extract(dataset.files, engines, store, workers=workers, on_event=on_event)
    if features.trouble:
        message = f"The feature cache is out of use: {features.trouble}. The run goes on without."
        on_event(Event("reading and embedding", message=message, level="warning"))
    return _checked(config, dataset, features, refs[0], engines, backbone_seconds)


def _checked(
    config: Config,
    dataset: Dataset,
    features: Features,
    ref: Ref,
    engines: list[Engine],
    backbone_seconds: float,
) -> Prepared:
    """Leave out what cannot be used, note what a score would hide."""
    unreadable = [(dataset.refs[i], features.unreadable[i]) for i in sorted(features.unreadable)]
    found = note_unreadable(config, unreadable, len(dataset))
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
    sizes = check_sizes(dataset, features.sizes, engines[0].card.preprocessing.size)
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
        dataset, features, len(unreadable), left_out, ref, engines, task, backbone_seconds
    )


def note_unreadable(config: Config, unreadable: list[tuple[str, str]], n: int) -> list[Finding]:
    """Say which of ``n`` files (name, reason) are left out; refuse to where that is too much."""
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
