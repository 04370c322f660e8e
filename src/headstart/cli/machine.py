"""The commands on this machine: ``backbones`` and ``cache``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headstart.cli.app import command
from headstart.cli.console import print_json, say
from headstart.cli.options import Json
from headstart.errors import ConfigError
from headstart.said import N_, _, _n


@command(help=_("List backbones usable now without a network; with --like, search all there are."))
def backbones(
    like: Annotated[
        str,
        typer.Option(metavar="PATTERN", help=_("Shell-style, e.g. `*resnet50*`: search all.")),
    ] = "",
    as_json: Json = False,
) -> None:
    """List backbones."""
    from headstart.backbones import available

    pattern = like if not like or any(c in like for c in "*?[") else f"*{like}*"
    rows = available(pattern or "*", everything=bool(like))
    if as_json:
        keys = ("name", "summary", "licence", "parameters", "available")
        print_json([{k: getattr(r, k) for k in keys} for r in rows])
        return
    if not rows:
        raise ConfigError(
            _("No backbone is like {pattern!r}.", pattern=like), _("Try a shorter pattern.")
        )
    table = Table(box=None, header_style="bold")
    table.add_column(_("name"), no_wrap=True)
    for title in (N_("here"), N_("parameters"), N_("notes"), N_("licence")):
        table.add_column(_(title))
    for row in rows:
        size = _("{millions:.1f} M", millions=row.parameters / 1e6) if row.parameters else ""
        here = "✓" if row.available else ""
        table.add_row(row.name, here, size, _noted(row.summary), _noted(row.licence))
    Console().print(table)
    say("")
    say(
        _("✓ usable now without a network; the others are downloaded on first use.")
        if like
        else _("These need no network. `--like '*resnet*'` searches all others.")
    )


def _noted(text: str) -> str:
    """Say a note of ours; what a plug-in writes may look as if it had placeholders."""
    return escape(text if {"{", "}"} & set(text) else _(text))


@command(help=_("Show or clear the cache of features, converted networks and unpacked data."))
def cache(
    clear: Annotated[bool, typer.Option("--clear", help=_("Delete everything in it."))] = False,
    as_json: Json = False,
) -> None:
    """Show or clear the cache."""
    import shutil

    from headstart.features.store import FeatureStore
    from headstart.machine import cache_folder

    folder = cache_folder()
    if clear:
        for name in ("activations", "engines", "archives", "datasets"):
            shutil.rmtree(folder / name, ignore_errors=True)
        for path in folder.glob("features.sqlite*"):
            path.unlink(missing_ok=True)
    with FeatureStore(folder) as store:
        entries = store.summary().entries
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    if as_json:
        print_json({"folder": str(folder), "entries": entries, "bytes": size})
    else:
        said = _n(
            "{folder}: {n:,} cached entry, {size:,.0f} MB on disk.",
            "{folder}: {n:,} cached entries, {size:,.0f} MB on disk.",
            entries,
            folder=str(folder),
            size=size / 1e6,
        )
        say(escape(said))
