"""The application that every command joins."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart._version import __version__
from headstart.cli.console import print_data

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
