"""Options of commands: those of the configuration, and those that commands add of their own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from headstart.data.builtin import BUILTIN
from headstart.options import Option, flag
from headstart.prepare.config import OPTIONS, Config
from headstart.said import _, commas
from headstart.transfer.recipe import NAMES as RECIPE_NAMES
from headstart.transfer.recipe import Recipe

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help=_(
            "Folder of class folders; folder with train/ and val/ or test/; CSV, TSV, Parquet or "
            "JSONL with a path and a label column; zip or tar of any of these; builtin:NAME, one "
            "of {names}.",
            names=commas(BUILTIN.names()),
        ),
    ),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help=_("A run folder of `train`."))]
OneBackbone = Annotated[
    str | None,
    typer.Option(
        help=_(
            "PROVIDER:NAME or a short name; see `headstart backbones`. Default: the usual one for "
            "such examples."
        )
    ),
]
StudyFolder = Annotated[
    Path | None,
    typer.Option("--out", help=_("Folder to write. Default: runs/NAME-STUDY, numbered.")),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help=_("Replace --out once the new one is complete."))
]
Json = Annotated[bool, typer.Option("--json", help=_("Print one JSON document on stdout."))]
TYPES = {**get_type_hints(Config), **get_type_hints(Recipe)}
LAST = "as_json"
"""The parameter that help lists after those of the configuration."""

Command = Callable[..., None]


def options(*names: str) -> Callable[[Command], Command]:
    """Give a command options of the configuration, in place of its ``**options``.

    A parameter of the command's own that has the name of one goes before it.
    """

    def given_to(command: Command) -> Command:
        hints = get_type_hints(command, include_extras=True)
        signature = inspect.signature(command)
        own = {
            p.name: p.replace(annotation=hints[p.name], kind=p.KEYWORD_ONLY)
            for p in signature.parameters.values()
            if p.kind is not p.VAR_KEYWORD
        }
        added = {name: _parameter(name) for name in names if name not in own}
        last = {LAST: own.pop(LAST)} if LAST in own else {}

        def read_and_run(**given: Any) -> None:
            for name in added:
                read = OPTIONS[name].metadata["option"].read
                if read is not None and given[name] is not None:
                    given[name] = read(given[name])
            command(**given)

        read_and_run.__name__, read_and_run.__doc__ = command.__name__, command.__doc__
        together = [*own.values(), *added.values(), *last.values()]
        read_and_run.__signature__ = inspect.Signature(together)  # type: ignore[attr-defined]
        return read_and_run

    return given_to


def _parameter(name: str) -> inspect.Parameter:
    """Make the parameter of an option; of a recipe, left out, the method's own default holds."""
    said: Option = OPTIONS[name].metadata["option"]
    kind, default = TYPES[name], OPTIONS[name].default
    spelled = flag(name)
    if kind is bool and default:
        spelled += f"/--no-{spelled[2:]}"
    if said.read is not None:
        kind = str
    if name in RECIPE_NAMES or default is None:
        kind, default = kind | None, None
    declared = typer.Option(
        spelled,
        help=_(said.help),
        metavar=said.metavar,
        rich_help_panel=said.panel and _(said.panel),
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, declared]
    )
