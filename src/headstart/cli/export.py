"""The commands that take a model out of its folder: ``export``, ``verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from headstart.cli.app import command
from headstart.cli.console import Bars, print_json, say, warn
from headstart.cli.options import Json, Overwrite, RunFolder
from headstart.said import _

if TYPE_CHECKING:
    from headstart.exports.parity import Parity

Examples = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        help=_(
            "What to compare on, such as the data it was trained on: up to 100 examples, evenly "
            "spread. Default: those that the run keeps for its report."
        ),
    ),
]


@command(
    help=_(
        "Export: a model for use without headstart, handed over once it was shown to answer the "
        "same.\n\n"
        "For example: headstart export runs/photos    or    "
        "headstart export runs/photos --format onnx-int8 --examples photos/"
    )
)
def export(
    run: RunFolder,
    format: Annotated[
        str,
        typer.Option(
            metavar="FORM",
            help=_(
                "onnx (onnxruntime: Python, browsers, phones), onnx-int8 (a third of the "
                "size), openvino, torch (.pt2), mlflow, timm."
            ),
        ),
    ] = "onnx",
    out: Annotated[
        Path | None, typer.Option(help=_("Folder to write. Default: RUN/export/FORM."))
    ] = None,
    examples: Examples = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Export."""
    from headstart.exports.handover import export as hand_over

    with Bars() as bars:
        done = hand_over(
            run, out, format=format, examples=examples, overwrite=overwrite, on_event=bars
        )
    if as_json:
        print_json({"file": str(done.file), **_plain(done.parity), "bytes": done.bytes})
        return
    _say(done.parity, gated=done.int8 is None)
    if done.int8 is not None:
        said = _(
            "In 8 bits it is right for {quantised:.1%} of {n} examples, in 32 bits for {exact:.1%} "
            "({protocol}).",
            quantised=done.int8.quantised,
            exact=done.int8.exact,
            n=done.int8.examples,
            protocol=done.int8.protocol,
        )
        say(escape(said))
    warn_of_licence(done.licence)
    said = _("{file}, {size:.1f} MB", file=str(done.file), size=done.bytes / 1e6)
    say(escape(said))
    say(escape(_("How to use it: {file}", file=str(done.folder / "README.md"))))


@command(
    help=_(
        "Verify: compare an exported model with its run again.\n\n"
        "For example: headstart verify runs/photos/export/onnx --against runs/photos"
    )
)
def verify(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help=_("An exported model, or the folder it lies in.")),
    ],
    against: Annotated[Path, typer.Option(metavar="RUN", help=_("The run that it is of."))],
    examples: Examples = None,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help=_("Open a .pt2 file, which may run code: only one that you exported yourself."),
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Verify."""
    from headstart.exports.handover import verify as compare_again

    with Bars() as bars:
        parity = compare_again(file, against, examples=examples, trust=trust, on_event=bars)
    if as_json:
        print_json({"file": str(file), **_plain(parity)})
        return
    _say(parity)


def _plain(parity: Parity) -> dict[str, Any]:
    return parity.to_json()


def _say(parity: Parity, *, gated: bool = True) -> None:
    """Say how near the answers are."""
    said = _(
        "Compared with the run on {n} examples: the largest difference of a probability is "
        "{largest:.1e}, 99 % are below {p99:.1e}; labels are the same for {labels:.1%}.",
        n=parity.examples,
        largest=parity.largest,
        p99=parity.p99,
        labels=parity.labels,
    )
    say(escape(said))
    if parity.arithmetic > 1e-4 and gated:
        said = _(
            "The run itself computes in reduced precision here, and is up to {most:.1e} away from "
            "its own answers in full precision, which the exported model gives.",
            most=parity.arithmetic,
        )
        say(escape(said))


def warn_of_licence(licence: str) -> None:
    """Warn of weights that may not go everywhere."""
    from headstart.report.licences import forbids_trade, is_unknown

    if forbids_trade(licence) or is_unknown(licence):
        said = _(
            "The licence of the backbone's weights is {licence!r}: look whether it allows what you "
            "are going to do.",
            licence=licence,
        )
        warn(escape(said))
