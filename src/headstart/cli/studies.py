"""The commands ``rank``, ``layers`` and ``curve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from headstart.cli.app import command
from headstart.cli.console import Bars, err, print_json, say, say_where_the_report_is
from headstart.cli.options import Data, Json, OneBackbone, Overwrite, StudyFolder, options
from headstart.prepare.config import options_of
from headstart.said import N_, _, sentences


@command(
    help=_(
        "Compare backbones on your data: accuracy with its doubt, and cost; ties are ties.\n\n"
        "For example: headstart rank photos/ --backbones "
        "efficientnet-lite0,timm:resnet18.a1_in1k"
    )
)
@options(*options_of("rank"))
def rank(
    data: Data,
    backbones: Annotated[
        str,
        typer.Option(
            metavar="A,B,...",
            help=_("Which to compare; auto: all usable here without a network."),
        ),
    ] = "auto",
    out: StudyFolder = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Compare backbones."""
    found = _study(
        "rank", data, as_json, backbones=backbones, out=out, overwrite=overwrite, **options
    )
    if found is None:
        return
    table = Table(box=None, header_style="bold")
    titles = (N_("backbone"), N_("accuracy (95 %)"), N_("behind"), N_("s/1,000"))
    for title in ("", *titles):
        table.add_column(_(title), no_wrap=True)
    for b in found["backbones"]:
        low, high = b["accuracy_ci95"]
        note = _("use it") if b["name"] == found["recommended"] else _tie(b)
        table.add_row(
            note,
            escape(b["name"]),
            f"{b['accuracy']:.1%} ({100 * low:.1f}–{100 * high:.1f})",
            f"{100 * b['behind']:.1f}",
            f"{b['seconds_per_1000']:.1f}",
        )
    _show_study(found, table, found["sentence"])


@command(
    help=_(
        "Probe every layer of a backbone: see how far its knowledge carries over to your data.\n\n"
        "For example: headstart layers photos/"
    )
)
@options(*options_of("layers"))
def layers(
    data: Data,
    backbone: OneBackbone = None,
    out: StudyFolder = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Probe every layer of a backbone."""
    found = _study(
        "layers", data, as_json, backbone=backbone, out=out, overwrite=overwrite, **options
    )
    if found is None:
        return
    table = Table(box=None, header_style="bold")
    table.add_column(_("layer"), no_wrap=True)
    titles = (N_("dimensions"), N_("accuracy"), N_("95 % interval"), N_("behind"), N_("depth"))
    for title in (*titles, N_("MB/1,000"), ""):
        table.add_column(_(title))
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
            _tie(layer),
        )
    if found["combined"]:
        low, high = found["combined"]["accuracy_ci95"]
        table.add_row(
            _("combination"),
            str(found["combined"]["features"]),
            f"{found['combined']['accuracy']:.1%}",
            f"{low:.1%}–{high:.1%}",
        )
    _show_study(found, table, found["advice"])


@command(
    help=_(
        "Measure accuracy against the number of labels, with transfer and without; look ahead.\n\n"
        "For example: headstart curve photos/"
    )
)
@options(*options_of("curve"))
def curve(
    data: Data,
    backbone: OneBackbone = None,
    out: StudyFolder = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Measure the learning curve."""
    from headstart.report.study_words import sides

    found = _study(
        "curve", data, as_json, backbone=backbone, out=out, overwrite=overwrite, **options
    )
    if found is None:
        return
    table = Table(box=None, header_style="bold")
    table.add_column(_("labels per class"))
    for side in sides(found).values():
        table.add_column(side)
        table.add_column(_("95 % interval"))
    for p in found["points"]:
        cells = [f"{p['per_class']:g}"]
        for key in sides(found):
            if p[key] is not None:  # a modality without rivals has no baseline
                low, high = p[f"{key}_ci95"]
                cells += [f"{p[key]:.1%}", f"{low:.1%}–{high:.1%}"]
        table.add_row(*cells)
    forecast = found["forecast"]["sentence"] if found["forecast"] else ""
    _show_study(found, table, sentences(forecast, found["worth"]["sentence"]))


def _tie(row: dict[str, Any]) -> str:
    return _("tie") if row["tie"] else ""


def _study(name: str, data: str, as_json: bool, **options: Any) -> dict[str, Any] | None:
    """Carry out a study; None where it was printed as JSON, else what is to be shown."""
    import headstart as hs

    with Bars() as bars:
        found: dict[str, Any] = getattr(hs, name)(data, on_event=bars, **options)
    if not as_json:
        return found
    print_json(found)
    say_where_the_report_is(Path(found["folder"]))
    return None


def _show_study(found: dict[str, Any], table: Table, sentence: str) -> None:
    from headstart.modalities import unit

    say("")
    err.print(table)
    say("")
    say(f"[bold]{escape(sentence)}[/]")
    examples = unit(found["modality"]).count(found["n"])
    say(escape(_("{examples}; {protocol}.", examples=examples, protocol=found["protocol"])))
    say_where_the_report_is(Path(found["folder"]))
