"""The command ``serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from headstart.cli.app import command
from headstart.cli.console import Bars, say, warn
from headstart.said import _, commas

LIMITS = _("Limits")


@command(
    help=_(
        "Answer over HTTP as `predict` does, with a page to try it on; keeps nothing.\n\n"
        "For example: headstart serve runs/photos    or    headstart serve cats=runs/a "
        "dogs=runs/b --port 9000"
    )
)
def serve(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help=_("Run folders of `train`; NAME=RUN gives one another name."),
        ),
    ],
    host: Annotated[
        str,
        typer.Option(help=_("Address to listen on. Default: this computer alone can ask.")),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help=_("Port to listen on; 0: any that is free."))] = 8000,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N", help=_("Threads that compute, a core each. Default: one a core.")
        ),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=_(
                "File with the key that requests must bring. Default: that of the environment "
                "variable HEADSTART_KEY; without either, everybody may ask."
            ),
        ),
    ] = None,
    max_body: Annotated[
        float, typer.Option(metavar="MB", help=_("Of a request."), rich_help_panel=LIMITS)
    ] = 20,
    max_unpacked: Annotated[
        float,
        typer.Option(
            metavar="MB",
            help=_("Of one example once it is read, as its header says."),
            rich_help_panel=LIMITS,
        ),
    ] = 200,
    max_items: Annotated[
        int, typer.Option(metavar="N", help=_("Examples in a request."), rich_help_panel=LIMITS)
    ] = 64,
    queue: Annotated[
        int,
        typer.Option(
            metavar="N",
            help=_("Examples that may wait; beyond, requests are refused with status 503."),
            rich_help_panel=LIMITS,
        ),
    ] = 128,
    timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help=_("Until a request has come in whole, and again until its answer."),
            rich_help_panel=LIMITS,
        ),
    ] = 30,
    rate: Annotated[
        int,
        typer.Option(
            metavar="N",
            help=_("Requests a minute of one address; 0: any number."),
            rich_help_panel=LIMITS,
        ),
    ] = 0,
) -> None:
    """Answer over HTTP."""
    from headstart.serve.extra import refuse_without_extra
    from headstart.serve.limits import Limits

    limits = Limits(max_body, max_unpacked, max_items, queue, timeout, rate)
    refuse_without_extra()
    from headstart.serve.server import Server, is_loopback, key_from, logged

    key = key_from(key_file)
    with Bars() as bars:
        server = Server(runs, limits, host=host, port=port, workers=workers, key=key, on_event=bars)
        server.load()
    if not key and not is_loopback(host):
        said = _(
            "Anybody who reaches {host} may ask, for there is no key (--key-file, HEADSTART_KEY).",
            host=host,
        )
        warn(said)
    names = commas(server.models)
    said = _("{names} at {address} – Ctrl-C stops it.", names=names, address=server.address)
    say(escape(said))
    with logged():
        server.run()
