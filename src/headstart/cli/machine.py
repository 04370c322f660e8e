"""The commands on this machine: ``backbones`` and ``cache``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from headstart.cli.app import command
from headstart.cli.console import print_json, say
from headstart.cli.options import Json
from headstart.errors import ConfigError


@command()
def backbones(
    like: Annotated[
        str, typer.Option(metavar="PATTERN", help="Shell-style, e.g. `*resnet50*`: search all.")
    ] = "",
    as_json: Json = False,
) -> None:
    """List backbones usable now without a network; with --like, search all there are."""
    from headstart.backbones import available

    pattern = like if not like or any(c in like for c in "*?[") else f"*{like}*"
    rows = available(pattern or "*", everything=bool(like))
    if as_json:
        keys = ("name", "summary", "licence", "parameters", "available")
        print_json([{k: getattr(r, k) for k in keys} for r in rows])
        return
    if not rows:
        raise ConfigError(f"No backbone is like {like!r}.", "Try a shorter pattern.")
    table = Table(box=None, header_style="bold")
    table.add_column("name", no_wrap=True)
    for title in ("here", "parameters", "notes", "licence"):
        table.add_column(title)
    for row in rows:
        size = f"{row.parameters / 1e6:.1f} M" if row.parameters else ""
        table.add_row(row.name, "✓" if row.available else "", size, row.summary, row.licence)
    Console().print(table)
    say(
        "\n✓ usable now without a network; the others are downloaded on first use."
        if like
        else "\nThese need no network. `--like '*resnet*'` searches all others."
    )


@command()
def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete everything in it.")] = False,
    as_json: Json = False,
) -> None:
    """Show or clear the cache of features, converted networks and unpacked data."""
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
        say(f"{folder}: {entries:,} cached entries, {size / 1e6:,.0f} MB on disk.")
