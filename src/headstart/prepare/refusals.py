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
from headstart.options import flag, flags
from headstart.transfer.recipe import FROM_SCRATCH
from headstart.transfer.recipe import NAMES as RECIPE_NAMES

P = ParamSpec("P")
R = TypeVar("R")

OF_TRAINING = ("method", "budget", "abstain", *RECIPE_NAMES)
"""What decides how a model is made: of no use where none is kept, or where it is not chosen so."""


def _no_training(reason: str) -> dict[str, str]:
    return dict.fromkeys(OF_TRAINING, f"{reason} `headstart train` takes it.")


WHY_NOT: dict[str, dict[str, str]] = {
    "train": {},
    "check": _no_training("check keeps no model."),
    "rank": {
        **_no_training("rank compares networks as they are, by the probe."),
        "backbone": "rank compares several backbones: name them with --backbones.",
    },
    "layers": _no_training("layers probes a network as it is."),
    "curve": _no_training("curve measures the probe."),
    "adapt": {
        **_no_training("adapt learns on the features of a frozen network; --networks trains some."),
        "method": "adapt chooses among methods of adaptation: name them with --methods.",
        "abstain": "How many answers are wrong on the target is not known, so no share of them can "
        "be promised. `headstart train` takes it.",
    },
}
"""Job -> option of the configuration that it does not take -> why not, with the mend."""

OF_THE_SOURCE = (
    *("backbone", "size", "device", "balanced", "y", "groups", "groups_from", "modality"),
)
"""Options of ``adapt`` that a run folder as the source has decided."""
OF_TABLES = ("x", "encoding")
"""Options of ``adapt`` that with a run as the source are for tables of the target alone."""
WITH_IMAGES = ("methods", "networks", "label_budget", "labelled")
"""Options of ``adapt`` that need the examples of the source."""


def job(function: Callable[P, R]) -> Callable[P, R]:
    """Make a public function refuse keywords that it does not take, with the mend."""
    parameters = inspect.signature(function).parameters.values()
    taken = {p.name for p in parameters}
    named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in taken:
                raise stranger(function.__name__, name, named)
        return function(*args, **kwargs)

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
    near = difflib.get_close_matches(name, taken, n=1, cutoff=0.7)
    mend = f"`headstart {of} --help` lists what there is."
    if near:
        mend = f"Did you mean {flag(near[0])}?"
    return ConfigError(f"{flag(name)} is no option of {of}.", WHY_NOT.get(of, {}).get(name, mend))


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
            f"--budget guides --method auto, not --method {method}.",
            "Leave one of the two out; --epochs says how long a method trains.",
        )
    if knobs and not trains_networks:
        raise ConfigError(
            f"{flags(knobs)}: {'the probe' if method == 'auto' else method} trains no network, so "
            "there is nothing to set.",
            "Add --method finetune, or --budget 5m to let --method auto try it.",
        )
    if "unfreeze" in given and method == "auto":
        raise ConfigError(
            "--unfreeze: --method auto chooses the depth itself.", "Add --method finetune."
        )
    if given.get("find_lr"):
        _refuse_two_rates(method, given)
    if "weight_decay" in given and "l2-sp" in given.get("keep", ()):
        raise ConfigError(
            "--weight-decay: --keep l2-sp pulls the weights itself, to where they started.",
            "Leave one of the two out.",
        )
    if given.get("keep") and method in FROM_SCRATCH:
        raise ConfigError(
            f"--keep holds on to what was learned, and --method {method} has learned nothing.",
            "Leave one of the two out.",
        )


def _refuse_two_rates(method: str, given: Mapping[str, Any]) -> None:
    if method == "auto":
        raise ConfigError(
            "--find-lr: --method auto tries several networks, each at the usual rate.",
            "Add --method finetune, or set --lr.",
        )
    if "lr" in given:
        raise ConfigError("--lr and --find-lr both set the rate.", "Leave one of the two out.")


def refuse_resume(method: str, trains_networks: bool) -> None:
    """Raise ``ConfigError`` for ``--resume`` where no training could have been interrupted."""
    if not trains_networks:
        raise ConfigError(
            f"--resume: {'the probe' if method == 'auto' else method} trains no network, so there "
            "is nothing to resume.",
            "Leave it out: what was computed is cached, and the same command goes on from there.",
        )


def refuse_fresh_views(views: int | None, cut: str | None, why: str) -> None:
    """Raise ``ConfigError`` for fixed views where nothing is kept of them."""
    if views is not None and cut is None:
        raise ConfigError(
            f"--views {views}: they are fixed so that activations can be kept, and none are "
            f"({why}).",
            "Leave it out: every epoch draws new views.",
        )


def refuse_augmentation(augment: str, usual: str, views: int | None, many: str) -> None:
    """Raise ``ConfigError`` for views of examples that have one only."""
    asked = [f"--augment {augment}"] if augment not in (usual, "none") else []
    asked += [f"--views {views}"] if views is not None else []
    if asked:
        raise ConfigError(f"{' and '.join(asked)}: {many} have no views.", "Leave it out.")


def refuse_for_run(given: Collection[str], *, tables: bool = True) -> None:
    """Raise ``ConfigError`` for options of ``adapt`` that mean nothing with a run as the source.

    Parameters
    ----------
    given : collection of str
        Names of the options that were set.
    tables : bool
        Whether the target, or labels of it, lie in a table.
    """
    reasons = {
        "has no columns, and the target is no table": [
            n for n in OF_TABLES if n in given and not tables
        ],
        "has no examples to do that with": [n for n in WITH_IMAGES if n in given],
        "was trained already, so there is nothing to set": [n for n in OF_THE_SOURCE if n in given],
    }
    wrong = [
        f"{flags(named)}: a run folder as the source {reason}"
        for reason, named in reasons.items()
        if named
    ]
    if wrong:
        raise ConfigError(
            f"{'; '.join(wrong)}.",
            "Leave it out, or give the labelled examples themselves as SOURCE.",
        )


def changed(function: Callable[..., Any], given: Mapping[str, Any]) -> list[str]:
    """Return the names of a function's options that were set: to neither their default nor None."""
    usual = {p.name: p.default for p in inspect.signature(function).parameters.values()}
    return [n for n, v in given.items() if n in usual and v is not None and v != usual[n]]
