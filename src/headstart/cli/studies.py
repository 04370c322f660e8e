"""The commands ``rank``, ``layers`` and ``curve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from headstart.cli.app import command
from headstart.cli.console import Bars, err, print_json, say
from headstart.cli.options import Data, Json, OneBackbone, Overwrite, StudyFolder, options
from headstart.folder.layout import PAGE
from headstart.prepare.config import options_of


@command()
@options(*options_of("rank"))
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
    as_json: Json = False,
    **options: Any,
) -> None:
    """Compare backbones on your data: accuracy with its doubt, and cost; ties are ties.

    For example: headstart rank photos/ --backbones efficientnet-lite0,timm:resnet18.a1_in1k
    """
    found = _study(
        "rank", data, as_json, backbones=backbones, out=out, overwrite=overwrite, **options
    )
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


@command()
@options(*options_of("layers"))
def layers(
    data: Data,
    backbone: OneBackbone = None,
    out: StudyFolder = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Probe every layer of a backbone: see how far its knowledge carries over to your data.

    For example: headstart layers photos/
    """
    found = _study(
        "layers", data, as_json, backbone=backbone, out=out, overwrite=overwrite, **options
    )
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


@command()
@options(*options_of("curve"))
def curve(
    data: Data,
    backbone: OneBackbone = None,
    out: StudyFolder = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Measure accuracy against the number of labels, with transfer and without; look ahead.

    For example: headstart curve photos/
    """
    from headstart.report.study_words import sides

    found = _study(
        "curve", data, as_json, backbone=backbone, out=out, overwrite=overwrite, **options
    )
    if found is None:
        return
    table = Table(box=None, header_style="bold")
    table.add_column("labels per class")
    for side in sides(found).values():
        table.add_column(side)
        table.add_column("95 % interval")
    for p in found["points"]:
        cells = [f"{p['per_class']:g}"]
        for key in sides(found):
            if p[key] is not None:  # a modality without rivals has no baseline
                low, high = p[f"{key}_ci95"]
                cells += [f"{p[key]:.1%}", f"{low:.1%}–{high:.1%}"]
        table.add_row(*cells)
    said = [found["forecast"]["sentence"]] if found["forecast"] else []
    _show_study(found, table, " ".join([*said, found["worth"]["sentence"]]))


def _study(name: str, data: str, as_json: bool, **options: Any) -> dict[str, Any] | None:
    """Carry out a study; None where it was printed as JSON, else what is to be shown."""
    import headstart as hs

    with Bars() as bars:
        found: dict[str, Any] = getattr(hs, name)(data, on_event=bars, **options)
    if not as_json:
        return found
    print_json(found)
    say(escape(f"Report: {Path(found['folder']) / PAGE}"))
    return None


def _show_study(found: dict[str, Any], table: Table, sentence: str) -> None:
    from headstart.modalities import unit

    say("")
    err.print(table)
    say(f"\n[bold]{escape(sentence)}[/]")
    say(f"{found['n']} {unit(found['modality']).many}; {escape(found['protocol'])}.")
    say(escape(f"Report: {Path(found['folder']) / PAGE}"))
