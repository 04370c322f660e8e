"""Which options do not apply, why not, and the mend: the one place that refuses them.

An option of the configuration applies wherever no reason stands here against it, from Python as
from the command line. So nothing that a user asks for is passed over in silence.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from headstart.errors import ConfigError
from headstart.kinds import as_declared
from headstart.options import flag, flags
from headstart.said import N_, _, commas, listed, sentences
from headstart.transfer.recipe import FROM_SCRATCH, Recipe
from headstart.transfer.recipe import NAMES as RECIPE_NAMES

P = ParamSpec("P")
R = TypeVar("R")

OF_TRAINING = ("method", "budget", "abstain", "layer", *RECIPE_NAMES)
"""What decides how a model is made: of no use where none is kept, or where it is not chosen so."""
WHY_NOT: dict[str, dict[str, str]] = {
    "train": {},
    "check": dict.fromkeys(OF_TRAINING, N_("check keeps no model. `headstart train` takes it.")),
    "rank": {
        **dict.fromkeys(
            (name for name in OF_TRAINING if name != "layer"),
            N_("rank compares networks as they are, by the probe. `headstart train` takes it."),
        ),
        "backbone": N_("rank compares several backbones: name them with --backbones."),
    },
    "layers": dict.fromkeys(
        OF_TRAINING, N_("layers probes a network as it is. `headstart train` takes it.")
    ),
    "curve": dict.fromkeys(
        (name for name in OF_TRAINING if name != "layer"),
        N_("curve measures the probe. `headstart train` takes it."),
    ),
    "adapt": {
        **dict.fromkeys(
            (name for name in OF_TRAINING if name != "layer"),
            N_(
                "adapt learns on the features of a frozen network; --networks trains some. "
                "`headstart train` takes it."
            ),
        ),
        "task": N_(
            "adapt works with one class an example. `headstart train` takes several labels."
        ),
        "method": N_("adapt chooses among methods of adaptation: name them with --methods."),
        "abstain": N_(
            "How many answers are wrong on the target is not known, so no share of them can be "
            "promised. `headstart train` takes it."
        ),
    },
}
"""Job -> option of the configuration that it does not take -> why not, with the mend."""

OF_THE_SOURCE = (
    *("backbone", "layer", "size", "device", "balanced"),
    *("y", "groups", "groups_from", "names", "modality"),
)
"""Options of ``adapt`` that a run folder as the source has decided."""
OF_TABLES = ("x", "encoding")
"""Options of ``adapt`` that with a run as the source are for tables of the target alone."""
WITH_IMAGES = ("methods", "networks", "label_budget", "labelled")
"""Options of ``adapt`` that need the examples of the source."""


def job(function: Callable[P, R]) -> Callable[P, R]:
    """Make a public function refuse keywords and kinds of values that it does not take."""
    signature = inspect.signature(function)
    taken = set(signature.parameters)
    named = [p.name for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in taken:
                raise stranger(function.__name__, name, named)
        bound = signature.bind(*args, **kwargs)
        known = as_declared(
            function, bound.arguments, lambda name: flag(name) if name in named else name
        )
        bound.arguments.update(known)
        return function(*bound.args, **bound.kwargs)

    return checked


def stranger(of: str, name: str, taken: Collection[str]) -> ConfigError:
    """Return the error for an option that a job or command does not take.

    Parameters
    ----------
    of : str
        The job or command.
    name : str
        The option, as Python spells it.
    taken : collection of str
        Those that there are.
    """
    near, there = difflib.get_close_matches(name, taken, n=1, cutoff=0.7), f"headstart {of} --help"
    if why := WHY_NOT.get(of, {}).get(name):
        mend = _(why)
    elif near:
        mend = _("Did you mean {names}?", names=flag(near[0]))
    else:
        mend = _("`{command}` lists what there is.", command=there)
    return ConfigError(
        _("{option} is no option of {command}.", option=flag(name), command=of), mend
    )


def refuse_of_names(false_accepts: float | None, *, pictures: bool) -> None:
    """Raise ``ConfigError`` for options of a gallery where classes are told."""
    given = {"--false-accepts": false_accepts is not None, "--pictures": pictures}
    for name, was_given in given.items():
        if was_given:
            raise ConfigError(
                _("{option} is for --task identify.", option=name),
                _("Leave it out, or add --task identify."),
            )


def refuse_with_names(
    method: str, given: Collection[str], *, budget: bool, abstain: bool, balanced: bool, layer: bool
) -> None:
    """Raise ``ConfigError`` for options that train or weigh, where names only are enrolled."""
    wrong = {
        "--method": method not in ("auto", "probe"),
        "--budget": budget,
        "--abstain": abstain,
        "--balanced": balanced,
        "--layer": layer,
        **{flag(name): True for name in given},
    }
    named = [name for name, was_given in wrong.items() if was_given]
    if named:
        raise ConfigError(
            _(
                "{option}: --task identify trains nothing; it compares what the backbone gives.",
                option=named[0],
            ),
            _("Leave it out; --false-accepts says how careful it is."),
        )


def refuse_by_method(method: str, trains_networks: bool, given: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` for options that a method of ``train`` has no use for.

    Parameters
    ----------
    method : str
    trains_networks : bool
        Whether it trains anything but a head.
    given : mapping
        Options that the user set.
    """
    knobs = sorted(set(given) & set(RECIPE_NAMES))
    if "budget" in given and method != "auto":
        raise ConfigError(
            _("--budget guides --method auto, not --method {method}.", method=method),
            _("Leave one of the two out; --epochs says how long a method trains."),
        )
    if knobs and not trains_networks:
        raise ConfigError(
            _(
                "{options}: {method} trains no network, so there is nothing to set.",
                options=flags(knobs),
                method=_tried(method),
            ),
            _("Add --method finetune, or --budget 5m to let --method auto try it."),
        )
    if "unfreeze" in given and method == "auto":
        raise ConfigError(
            _("--unfreeze: --method auto chooses the depth itself."), _("Add --method finetune.")
        )
    if given.get("find_lr"):
        _refuse_two_rates(method, given)
    if "weight_decay" in given and "l2-sp" in given.get("keep", ()):
        raise ConfigError(
            _("--weight-decay: --keep l2-sp pulls the weights itself, to where they started."),
            _("Leave one of the two out."),
        )
    if given.get("keep") and method in FROM_SCRATCH:
        raise ConfigError(
            _(
                "--keep holds on to what was learned, and --method {method} has learned nothing.",
                method=method,
            ),
            _("Leave one of the two out."),
        )


def refuse_layer(method: str) -> None:
    """Raise ``ConfigError`` for ``--layer`` with a method that does not stand on one layer."""
    if method == "auto":
        raise ConfigError(
            _("--layer: with --budget, networks are trained, which stand on their last layer."),
            _("Leave one of the two out."),
        )
    raise ConfigError(
        _("--layer: {method} does not stand on one layer of a frozen network.", method=method),
        _("Use --method probe."),
    )


def _tried(method: str) -> str:
    """Name what --method tries where no network is trained."""
    return _("the probe") if method == "auto" else method


def _refuse_two_rates(method: str, given: Mapping[str, Any]) -> None:
    if method == "auto":
        raise ConfigError(
            _("--find-lr: --method auto tries several networks, each at the usual rate."),
            _("Add --method finetune, or set --lr."),
        )
    if "lr" in given:
        raise ConfigError(
            _("--lr and --find-lr both set the rate."), _("Leave one of the two out.")
        )


def refuse_resume(method: str, trains_networks: bool) -> None:
    """Raise ``ConfigError`` for ``--resume`` where no training could have been interrupted."""
    if not trains_networks:
        raise ConfigError(
            _(
                "--resume: {method} trains no network, so there is nothing to resume.",
                method=_tried(method),
            ),
            _(
                "Leave it out: what was computed is cached, and the same command goes on from "
                "there."
            ),
        )


def refuse_with_several_labels(
    method: str, trains_networks: bool, abstain: float | None, *, balanced: bool
) -> None:
    """Raise ``ConfigError`` for what means nothing, or is not there, for several labels."""
    mend = _("Pass {option} if every example has one.", option="--task classification")
    if trains_networks or method not in ("auto", "probe"):
        raise ConfigError(
            _(
                "--method {method} learns one class an example; these have several labels.",
                method=method,
            ),
            sentences(_("Use --method probe."), mend),
        )
    if abstain is not None:
        raise ConfigError(
            _(
                "--abstain: of several labels each is given or not, so there is no answer to "
                "withhold."
            ),
            sentences(_("Leave it out: every label has a probability and a threshold."), mend),
        )
    if balanced:
        raise ConfigError(
            _("--balanced weighs classes; of several labels each has a threshold of its own."),
            sentences(_("Leave it out."), mend),
        )


def refuse_study_of_several_labels(study: str, several: bool) -> None:
    """Raise ``ConfigError`` for a study that is about classes."""
    if several:
        raise ConfigError(
            _(
                "{command} works with one class an example; these have several labels.",
                command=study,
            ),
            _(
                "Name a column with one label a row, such as one of 0 and 1: {option}. `headstart "
                "train` and `headstart rank` take several.",
                option="--y COLUMN",
            ),
        )


def refuse_fresh_views(views: int | None, cut: str | None, why: str) -> None:
    """Raise ``ConfigError`` for fixed views where nothing is kept of them."""
    if views is not None and cut is None:
        raise ConfigError(
            _(
                "--views {views}: they are fixed so that activations can be kept, and none are "
                "({why}).",
                views=views,
                why=why,
            ),
            _("Leave it out: every epoch draws new views."),
        )


def refuse_augmentation(augment: str, usual: str, views: int | None, many: str) -> None:
    """Raise ``ConfigError`` for views of examples that have one only."""
    asked = [f"--augment {augment}"] if augment not in (usual, "none") else []
    asked += [f"--views {views}"] if views is not None else []
    if asked:
        raise ConfigError(
            _("{options}: {many} have no views.", options=listed(asked), many=many),
            _("Leave it out."),
        )


def refuse_strange_views(augment: str, kinds: Collection[str], many: str) -> None:
    """Raise ``ConfigError`` for an augmentation that is one of other examples."""
    if augment not in kinds:
        raise ConfigError(
            _(
                "--augment {kind}: there is nothing of the kind for {many}.",
                kind=augment,
                many=many,
            ),
            _("One of: {names}.", names=commas(kinds)),
        )


def refuse_mixing(recipe: Recipe, many: str) -> None:
    """Raise ``ConfigError`` for mixing examples of which there are no halves."""
    asked = [name for name in ("mixup", "cutmix") if getattr(recipe, name)]
    if asked:
        raise ConfigError(
            _("{options}: {many} cannot be mixed.", options=flags(asked), many=many),
            _("Leave it out."),
        )


def refuse_for_run(given: Collection[str], *, tables: bool = True) -> None:
    """Raise ``ConfigError`` for options of ``adapt`` that mean nothing with a run as the source.

    Parameters
    ----------
    given : collection of str
        Names of the options that were set.
    tables : bool
        Whether the target, or labels of it, lie in a table.
    """
    reasons = (
        (
            () if tables else OF_TABLES,
            N_("{options}: a run folder as the source has no columns, and the target is no table."),
        ),
        (
            WITH_IMAGES,
            N_("{options}: a run folder as the source has no examples to do that with."),
        ),
        (
            OF_THE_SOURCE,
            N_(
                "{options}: a run folder as the source was trained already, so there is nothing to "
                "set."
            ),
        ),
    )
    wrong = [
        _(reason, options=flags(named))
        for names, reason in reasons
        if (named := [name for name in names if name in given])
    ]
    if wrong:
        raise ConfigError(
            sentences(*wrong),
            _("Leave it out, or give the labelled examples themselves as SOURCE."),
        )


def changed(function: Callable[..., Any], given: Mapping[str, Any]) -> list[str]:
    """Return the names of a function's options that were set: to neither their default nor None."""
    usual = {p.name: p.default for p in inspect.signature(function).parameters.values()}
    return [n for n, v in given.items() if n in usual and v is not None and v != usual[n]]
