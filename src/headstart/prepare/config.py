"""The configuration of a run: everything that decides it, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from headstart.backbones import Ref, available, resolve
from headstart.data.several_labels import TASKS
from headstart.errors import ConfigError
from headstart.options import budget_of, option, options_in, seconds
from headstart.prepare.refusals import WHY_NOT, refuse_by_method, refuse_layer, stranger
from headstart.said import N_, _, commas
from headstart.transfer.recipe import NAMES as RECIPE_NAMES
from headstart.transfer.recipe import RECIPES, TRAINING, Recipe, from_options

PROBE = "probe"
LAYERS = "layers"
MIX = "mix"
IDENTIFY = "identify"
"""The task of knowing who is who; its labels are names."""
METHOD_NAMES = ("auto", PROBE, LAYERS, MIX, *RECIPES)


@dataclass(frozen=True)
class Config:
    """Everything that decides a run; it is written beside the result.

    Every field but ``data`` (a folder, table, archive or ``builtin:NAME``), ``recipe`` and
    ``given`` is an option: of ``headstart train`` and :func:`headstart.train`, and of every other
    job that :mod:`headstart.prepare.refusals` names no reason against.
    """

    data: str
    backbone: str | None = option(
        None,
        N_(
            "PROVIDER:NAME or a short name; see `headstart backbones`. Default: the usual one for "
            "such examples. auto, or several with commas: the best of them, by measurement. A+B: "
            "two side by side."
        ),
    )
    method: str = option(
        "auto",
        N_(
            "probe: frozen features, new head. mix: beside it TF-IDF, that is, counts of words. "
            "finetune: also the last blocks. full: all of it. contrastive: all of it, by pairs of "
            "examples, for few labels. scratch, small-cnn: nothing pretrained. auto: the probe, of "
            "texts also mix, and with --budget the best of them."
        ),
    )
    budget: float | None = option(
        None,
        N_("What auto may take in all, e.g. 90s, 5m, 1h."),
        metavar="TIME",
        panel=TRAINING,
        read=seconds,
    )
    layer: str | None = option(
        None,
        N_(
            "Which layer's vectors the head stands on: last, auto (the best by measurement), all "
            "beside each other, or one by the name that `headstart layers` gives it. Default: the "
            "last; of recordings auto."
        ),
    )
    size: int | None = option(
        None, N_("Side of the images the network sees; default: its own."), metavar="PIXELS"
    )
    recipe: Recipe = field(default_factory=Recipe)
    given: tuple[str, ...] = ()  # names of what the user set of the recipe
    seed: int = option(0, N_("Of folds and of the re-initialised network; 0 or more."))
    device: str = option("auto", N_("auto, cpu or cuda."))
    balanced: bool = option(False, N_("Weigh all classes equally."))
    strict: bool = option(False, N_("Refuse unreadable files instead of leaving them out."))
    abstain: float | None = option(
        None,
        N_("Give no answer where unsure, so that of the answers only this share is wrong: 0.02."),
        metavar="RATE",
    )
    x: str | None = option(
        None,
        N_(
            "Column of paths; or, with commas, of paths, starts and ends of stretches, or columns "
            "of numbers."
        ),
        metavar="COLUMN",
    )
    y: str | None = option(
        None, N_("Column of labels; or columns of 0 and 1, with commas."), metavar="COLUMN"
    )
    task: str | None = option(
        None,
        N_(
            "classification (one label an example), multilabel (any number), tagging (a tag a "
            "word), or identify: labels are names of people or things, one example each is enough, "
            "and nobody may be the answer. Default: as the labels look."
        ),
    )
    groups: str | None = option(
        None, N_("Column that names a patient, product, speaker...: never split."), metavar="COLUMN"
    )
    groups_from: str | None = option(
        None, N_(r"Read the group out of each path, e.g. 'patient(\d+)'."), metavar="REGEX"
    )
    names: str | None = option(
        None,
        N_(
            "What the names of files say, e.g. `{label}_{speaker}_{n}`: the class, what belongs "
            "together, a number; * is anything."
        ),
        metavar="PATTERN",
    )
    encoding: str = option("utf-8", N_("Of text tables, e.g. gb18030."))
    modality: str | None = option(
        None, N_("What the examples are (image, array...), where their names do not tell.")
    )

    def __post_init__(self) -> None:
        if self.method not in METHOD_NAMES:
            raise ConfigError(
                _("No method {name!r}.", name=self.method),
                _("Methods: {names}.", names=commas(METHOD_NAMES)),
            )
        budget_of(self.budget)
        if self.size is not None and self.size < 1:
            raise ConfigError(
                _("--size {size} is no size.", size=self.size), _("For example --size 96.")
            )
        if self.abstain is not None and not 0 < self.abstain < 1:
            raise ConfigError(
                _(
                    "--abstain {rate:g} is not a share of wrong answers between 0 and 1.",
                    rate=self.abstain,
                ),
                _("For example --abstain 0.02: two in a hundred."),
            )
        if self.task is not None and self.task not in (*TASKS, IDENTIFY):
            raise ConfigError(
                _("No task {name!r}.", name=self.task),
                _("One of: {names}.", names=commas([*TASKS, IDENTIFY])),
            )
        if self.seed < 0:
            raise ConfigError(
                _("--seed must be 0 or more, not {seed}.", seed=self.seed), _("Try --seed 0.")
            )
        if self.device not in ("auto", "cpu", "cuda"):
            raise ConfigError(
                _("No device {name!r}.", name=self.device),
                _("One of: {names}.", names=commas(["auto", "cpu", "cuda"])),
            )

    @property
    def identifies(self) -> bool:
        """Whether labels are names, and what is made knows who is who."""
        return self.task == IDENTIFY

    @property
    def on_layers(self) -> bool:
        """Whether its method is a head on one layer, whichever that is."""
        return self.method in ("auto", PROBE) and not self.trains_networks

    @property
    def trains_networks(self) -> bool:
        """Whether anything but a head may be trained: not by the probe, nor auto without budget."""
        if self.method == "auto":
            return self.budget is not None
        return self.method in RECIPES

    def recipe_of(self, method: str, usual: Mapping[str, Any]) -> Recipe:
        """Return the recipe of a method on such examples, changed by what the user set."""
        given = {name: getattr(self.recipe, name) for name in self.given}
        return from_options(method, given, usual)


OPTIONS = {**options_in(Config), **options_in(Recipe)}
"""Every option of the configuration, by the name that it has in Python."""


def options_of(job: str) -> tuple[str, ...]:
    """Return the names of the options that a job takes: those with no reason against them."""
    return tuple(name for name in OPTIONS if name not in WHY_NOT[job])


def taken(job: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a job among the arguments of its function, none of them forgotten."""
    return {name: arguments[name] for name in options_of(job)}


def configure(data: str | Path, options: Mapping[str, Any]) -> Config:
    """Sort options into the configuration and its recipe; None stands for "not given".

    Raises
    ------
    ConfigError
        Options that are none, values that make no sense, or options of networks for a method that
        trains none.
    """
    given = {k: v for k, v in options.items() if v is not None}
    for name in given:
        if name not in OPTIONS:
            raise stranger("train", name, OPTIONS)
    if "budget" in given:
        given["budget"] = budget_of(given["budget"])
    config = Config(str(data), **{k: v for k, v in given.items() if k not in RECIPE_NAMES})
    refuse_by_method(config.method, config.trains_networks, given)
    if config.layer is not None and not config.on_layers:
        refuse_layer(config.method)
    knobs = tuple(name for name in RECIPE_NAMES if name in given)
    return replace(config, recipe=from_options(config.method, given), given=knobs)


def suited(config: Config, usual: Mapping[str, Any]) -> Config:
    """Return a configuration with what is usual for the examples, where nothing else was given."""
    return replace(config, recipe=config.recipe_of(config.method, usual))


def backbones_of(config: Config, modality: str) -> dict[str, Ref]:
    """Resolve the backbones that a configuration names, each once, by the names given.

    Parameters
    ----------
    modality : str
        Of the examples: ``"auto"`` stands for all backbones for such that are usable here, but for
        those of one purpose, such as faces.

    Raises
    ------
    UnknownNameError, ConfigError
        Names that mean nothing.
    """
    if config.backbone == "auto":
        names = [row.name for row in available(modality=modality) if row.general]
    else:
        names = [name.strip() for name in (config.backbone or "").split(",") if name.strip()]
    if config.backbone is not None and not names:
        raise ConfigError(
            _("--backbone {value!r} names nothing.", value=config.backbone),
            _("For example efficientnet-lite0."),
        )
    found: dict[str, Ref] = {}
    for name in names:
        ref = resolve(name)
        if ref not in found.values():
            found[name] = ref
    return found


def several(config: Config) -> bool:
    """Whether a configuration names more than one backbone to choose from."""
    return config.backbone == "auto" or len(backbones_of(config, "")) > 1


def refuse_unknown(config: Config) -> None:
    """Raise ``UnknownNameError`` for backbones that are none, before any data are read."""
    if config.backbone != "auto":
        backbones_of(config, "")


def refuse_several(config: Config) -> None:
    """Raise ``ConfigError`` where one backbone is needed."""
    if several(config):
        raise ConfigError(
            _(
                "--backbone {value!r} stands for several backbones; here one is needed.",
                value=config.backbone,
            ),
            _("Name one; `headstart rank` compares several."),
        )
