"""The commands on a run that knows who is who: ``compare`` and ``enrol``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from headstart.cli.app import command
from headstart.cli.console import (
    Bars,
    print_json,
    say,
)
from headstart.cli.options import Json, RunFolder
from headstart.errors import ConfigError
from headstart.said import _, _n

if TYPE_CHECKING:
    from headstart.identification import IdentifyRun


def _who(folder: Path) -> IdentifyRun:
    """Open a run that knows who is who; refuse others."""
    from headstart.identification import IdentifyRun

    return IdentifyRun(folder)


@command(
    help=_(
        "Compare two: are they the same, whether anyone knows them or not?\n\n"
        "For example: headstart compare runs/people a.jpg b.jpg"
    )
)
def compare(
    run: RunFolder,
    a: Annotated[str, typer.Argument(metavar="A", help=_("One file."))],
    b: Annotated[str, typer.Argument(metavar="B", help=_("The other file."))],
    as_json: Json = False,
) -> None:
    """Compare two."""
    loaded = _who(run)
    with Bars() as bars:
        found = loaded.compare(Path(a), Path(b), on_event=bars)
    if as_json:
        print_json(asdict(found))
        return
    told = {"similarity": found.similarity, "threshold": found.threshold}
    if found.same:
        say(
            _(
                "The same: similarity {similarity:.3f}, and from {threshold:.3f} on two count as "
                "the same.",
                **told,
            )
        )
    else:
        say(
            _(
                "Not the same: similarity {similarity:.3f}, and only from {threshold:.3f} on two "
                "count as the same.",
                **told,
            )
        )
    say(
        _(
            "Of the pairs of two that this run has seen, {share:.1%} were at least as similar.",
            share=found.different_at_least,
        )
    )
    if found.same_at_most is not None:
        say(
            _(
                "Of its pairs of one, {share:.1%} were no more similar.",
                share=found.same_at_most,
            )
        )


@command(
    help=_(
        "Enrol someone in a run that knows who is who, or take someone out.\n\n"
        "For example: headstart enrol runs/people Anna anna1.jpg anna2.jpg    or    "
        "headstart enrol runs/people --forget Anna"
    )
)
def enrol(
    run: RunFolder,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help=_("Who it is, known or new."))
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT...", help=_("Files, folders, patterns: all of that name.")),
    ] = None,
    forget: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=_("Take this name out: its vectors, file names and rows, and what shows it."),
        ),
    ] = None,
) -> None:
    """Enrol or forget."""
    if forget is not None:
        if name is not None:
            raise ConfigError(
                _("--forget {forget!r} stands beside {name!r}.", forget=forget, name=name),
                _("Forget and enrol in calls of their own."),
            )
        loaded = _who(run)
        loaded.forget(forget)
        known = len(loaded.classes)
        say(
            escape(
                _n(
                    "{name!r} is out of {run}; {n} name is known.",
                    "{name!r} is out of {run}; {n} names are known.",
                    known,
                    name=forget,
                    run=str(run),
                )
            )
        )
        say(
            _(
                "Features computed on this computer stay in its cache until `headstart cache "
                "--clear`; so do copies of the run."
            )
        )
        return
    if name is None or not inputs:
        raise ConfigError(
            _("There is nobody to enrol."),
            _("Name someone and files: headstart enrol RUN NAME a.jpg; or --forget NAME."),
        )
    loaded = _who(run)
    with Bars() as bars:
        n = loaded.enrol(name, [Path(one) for one in inputs], on_event=bars)
    count = loaded.modality.unit.count(n)
    say(escape(_("{name!r} is known by {examples}.", name=name.strip(), examples=count)))
