"""The configuration of a run: everything that decides it, checked before anything is read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headstart.backbones import DEFAULT, Ref, available, resolve
from headstart.errors import ConfigError
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


def backbones_of(config: Config, modality: str) -> dict[str, Ref]:
    """Resolve the backbones that a configuration names, each once, by the names given.

    Parameters
    ----------
    modality : str
        Of the examples: ``"auto"`` stands for all backbones for such that are usable here.

    Raises
    ------
    UnknownNameError, ConfigError
        Names that mean nothing.
    """
    if config.backbone == "auto":
        names = [row.name for row in available(modality=modality)]
    else:
        names = [name.strip() for name in (config.backbone or "").split(",") if name.strip()]
    if config.backbone is not None and not names:
        raise ConfigError(f"--backbone {config.backbone!r} names nothing.", "Leave it out.")
    found: dict[str, Ref] = {}
    for name in names:
        ref = resolve(name)
        if ref not in found.values():
            found[name] = ref
    return found


def several(config: Config) -> bool:
    """Whether a configuration names more than one backbone to choose from."""
    return config.backbone == "auto" or "," in (config.backbone or "")


def refuse_unknown(config: Config) -> None:
    """Raise ``UnknownNameError`` for backbones that are none, before any data are read."""
    if config.backbone != "auto":
        backbones_of(config, "")


def refuse_several(config: Config) -> None:
    """Raise ``ConfigError`` where one backbone is needed."""
    if several(config):
        raise ConfigError(
            f"--backbone {config.backbone!r} stands for several backbones; here one is needed.",
            "Name one; `headstart rank` compares several.",
        )


def trains_networks(config: Config) -> bool:
    """Whether anything but a head is trained: never for the probe, nor for auto without budget."""
    if config.method == "auto":
        return config.budget is not None
    return config.method not in ("probe", LAYERS)
