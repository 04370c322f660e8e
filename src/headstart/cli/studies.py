"""The commands ``rank``, ``layers`` and ``curve``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from headstart.backbones import DEFAULT
from headstart.cli.app import app
from headstart.cli.console import Bars, err, print_data, say
from headstart.cli.options import (
    Balanced,
    Data,
    Device,
    Encoding,
    Groups,
    GroupsFrom,
    Json,
    OneBackbone,
    Overwrite,
    Seed,
    Size,
    Strict,
    StudyFolder,
    XColumn,
    YColumn,
)


@app.command()
def rank(
    data: Data,
    backbones: Annotated[
        str,
        typer.Option(
            metavar="A,B,...", help="Which to compare; auto: all usable here without a network."
        ),
    ] = "auto",
    out: StudyFolder = None,
    overwrite: Overwrite = False,
    size: Size = None,
    seed: Seed = 0,
    device: Device = "auto",
    balanced: Balanced = False,
    strict: Strict = False,
    groups: Groups = None,
    groups_from: GroupsFrom = None,
    x: XColumn = None,
    y: YColumn = None,
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> None:
    """Compare backbones on your images: accuracy with its doubt, and cost; ties are ties.

    For example: headstart rank photos/ --backbones efficientnet-lite0,timm:resnet18.a1_in1k
    """
    found = _study("rank", **dict(locals()))
    if found is None:
        return
    table = Table(box=None, header_style="bold")
    for title in ("", "backbone", "accuracy (95 %)", "behind", "s/1,000"):
        table.add_column(title, no_wrap=True)
    for b in found["backbones"]:
        low, high = b["accuracy_ci95"]
        note = "use it" if b["name"] == found["recommended"] else "tie" if b["tie"] else ""
        table.add_row(
            note,
            escape(b["name"]),
            f"{b['accuracy']:.1%} ({100 * low:.1f}–{100 * high:.1f})",
            f"{100 * b['behind']:.1f}",
            f"{b['seconds_per_1000']:.1f}",
        )
    _show_study(found, table, found["sentence"])


@app.command()
def layers(
    data: Data,
    backbone: OneBackbone = DEFAULT,
    out: StudyFolder = None,
    overwrite: Overwrite = False,
    size: Size = None,
    seed: Seed = 0,
    device: Device = "auto",
    balanced: Balanced = False,
    strict: Strict = False,
    groups: Groups = None,
    groups_from: GroupsFrom = None,
    x: XColumn = None,
    y: YColumn = None,
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> None:
    """Probe every layer of a backbone: see how far its knowledge carries over to your images.

    For example: headstart layers photos/
    """
    found = _study("layers", **dict(locals()))
    if found is None:
        return
    table = Table(box=None, header_style="bold")
    for title in ("layer", "numbers", "accuracy", "95 % interval", "behind", "depth", "MB/1,000"):
        table.add_column(title, no_wrap=title == "layer")
    table.add_column("")
    for layer in found["layers"]:
        low, high = layer["accuracy_ci95"]
        cache = layer["cache_mb_per_1000"]
        table.add_row(
            escape(layer["name"]),
            str(layer["dim"]),
            f"{layer['accuracy']:.1%}",
            f"{low:.1%}–{high:.1%}",
            f"{100 * layer['behind']:.1f}",
            f"{layer['depth']:.0%}",
            "" if cache is None else f"{cache:.0f}",
            "tie" if layer["tie"] else "",
        )
    if found["combined"]:
        low, high = found["combined"]["accuracy_ci95"]
        table.add_row(
            "combination",
            str(found["combined"]["features"]),
            f"{found['combined']['accuracy']:.1%}",
            f"{low:.1%}–{high:.1%}",
        )
    _show_study(found, table, found["advice"])


@app.command()
def curve(
    data: Data,
    backbone: OneBackbone = DEFAULT,
    out: StudyFolder = None,
    overwrite: Overwrite = False,
    size: Size = None,
    seed: Seed = 0,
    device: Device = "auto",
    balanced: Balanced = False,
    strict: Strict = False,
    groups: Groups = None,
    groups_from: GroupsFrom = None,
    x: XColumn = None,
    y: YColumn = None,
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> None:
    """Measure accuracy against the number of labels, with transfer and without; look ahead.

    For example: headstart curve photos/
    """
    found = _study("curve", **dict(locals()))
    if found is None:
        return
    table = Table(box=None, header_style="bold")
    for title in ("labels per class", "with transfer", "95 % interval", "without", "95 % interval"):
        table.add_column(title)
    for p in found["points"]:
        (low, high), (least, most) = p["transfer_ci95"], p["baseline_ci95"]
        table.add_row(
            f"{p['per_class']:g}",
            f"{p['transfer']:.1%}",
            f"{low:.1%}–{high:.1%}",
            f"{p['baseline']:.1%}",
            f"{least:.1%}–{most:.1%}",
        )
    said = [found["forecast"]["sentence"]] if found["forecast"] else []
    _show_study(found, table, " ".join([*said, found["worth"]["sentence"]]))


def _study(name: str, *, as_json: bool, **options: Any) -> dict[str, Any] | None:
    """Carry out a study; None where it was printed as JSON, else what is to be shown."""
    import headstart as hs

    with Bars() as bars:
        found: dict[str, Any] = getattr(hs, name)(on_event=bars, **options)
    if not as_json:
        return found
    print_data(json.dumps(found, ensure_ascii=False))
    say(f"Report: {Path(found['folder']) / 'report.html'}")
    return None


def _show_study(found: dict[str, Any], table: Table, sentence: str) -> None:
    say("")
    err.print(table)
    say(f"\n[bold]{escape(sentence)}[/]")
    say(f"{found['n']} images; {escape(found['protocol'])}.")
    say(f"Report: {Path(found['folder']) / 'report.html'}")
