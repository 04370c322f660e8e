"""The application that every command joins."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from headstart._version import __version__
from headstart.cli.console import print_data
from headstart.cli.refusals import no_command, refusal, too_many
from headstart.language import languages
from headstart.said import N_, _, commas

# What typer says by gettext alone (typer/core.py, typer/rich_utils.py), to the letter.
N_("Arguments"), N_("Options"), N_("Commands"), N_("Error")
N_("required"), N_("[required]"), N_("default: {default}"), N_("[default: {}]")
N_("Missing command."), N_("Try [blue]'{command_path} {help_option}'[/] for help.")


class _Speaking:
    """Speaks for typer where that knows English alone; refuses in the words of our other errors."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words of the line."""
        try:
            return super().parse_args(ctx, args)  # type: ignore[misc]
        except typer.TyperException as wrong:
            raise refusal(wrong, ctx) from None

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Write the line that shows how a command is typed."""
        words = " ".join(ctx.command.collect_usage_pieces(ctx))
        formatter.write_usage(ctx.command_path, words, prefix=_("Usage: "))

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option ``--help``."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        option.help = _("Show this message and exit.")
        return option


class Command(_Speaking, TyperCommand):
    """A command."""

    allow_extra_args = True  # so that they come here

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words of the line; refuse those that are too many."""
        if extra := super().parse_args(ctx, args):
            raise too_many(extra, ctx)
        return extra


class Program(_Speaking, TyperGroup):
    """What commands belong to."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is named."""
        if args[0] not in self.commands:
            raise no_command(args[0], self.commands)
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="headstart",
    cls=Program,
    help=_(
        "Transfer learning that shows its work: a model from a small labelled set, with an honest "
        "verdict.\n\nStart with: headstart train FOLDER, or headstart demo."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog=_("Add --debug to any command to see where an internal error comes from."),
)
command = partial(
    app.command, cls=Command, epilog=_("Add `--lang zh` to any command for Chinese (中文).")
)
"""Declares a command."""


def _version(value: bool) -> None:
    if value:
        print_data(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help=_("Print it."))
    ] = False,
    lang: Annotated[  # is taken out of the line before; here for help
        str | None,
        typer.Option(
            metavar="LANGUAGE",
            help=_(
                "Speak this language, anywhere in a line: {names}. Default: HEADSTART_LANG, else "
                "that of the system.",
                names=commas(languages()),
            ),
        ),
    ] = None,
) -> None:
    pass
