"""The application that every command joins."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from headstart._version import __version__
from headstart.cli.console import print_data
from headstart.prepare.refusals import stranger

app = typer.Typer(
    name="headstart",
    help="Transfer learning that shows its work: a model from a small labelled set, with an "
    "honest verdict.\n\nStart with: headstart train FOLDER, or headstart demo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog="Add --debug to any command to see where an internal error comes from.",
)


class Command(TyperCommand):
    """A command that refuses options it does not take in the words that Python hears too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words of the line."""
        try:
            return super().parse_args(ctx, args)
        except Exception as cause:
            # typer brings a click of its own, whose error for this alone has `possibilities`
            if not hasattr(cause, "possibilities"):
                raise
            spelled = [o for p in self.params for o in p.opts if o.startswith("--")]
            name: str = cause.option_name  # type: ignore[attr-defined]
            raise stranger(self.name or "", _name(name), [_name(o) for o in spelled]) from None


command = partial(app.command, cls=Command)
"""Declares a command."""


def _name(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


def _version(value: bool) -> None:
    if value:
        print_data(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    pass
