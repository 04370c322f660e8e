"""The command ``adapt``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from headstart.cli.app import command
from headstart.cli.console import Bars, print_json, quoted, say, say_how_to_predict
from headstart.cli.findings import show_findings
from headstart.cli.options import Json, OneBackbone, Overwrite, options
from headstart.folder.layout import TARGET_PREDICTIONS, TO_LABEL
from headstart.prepare.config import options_of
from headstart.said import _

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help=_(
            "Labelled examples, as DATA of `train`; or a run folder, where the examples it was "
            "trained on are not at hand."
        ),
    ),
]
Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help=_(
            "Examples without labels: a folder, a table with a column of paths, a zip or tar, "
            "builtin:NAME. Labels in it are not read."
        ),
    ),
]
KNOWING = _("Labels of the target")


@command(
    help=_(
        "Take a model to examples that look different, with labels only for the old ones.\n\n"
        "Methods of adaptation compete with not adapting, which wins unless there is evidence "
        "against it: chosen wrongly, they make a model worse.\n\n"
        "For example: headstart adapt photos/ sketches/    or    headstart adapt runs/photos "
        "new-camera/    or    headstart adapt photos/ sketches/ --label-budget 30"
    )
)
@options(*options_of("adapt"))
def adapt(
    source: Source,
    target: Target,
    out: Annotated[
        Path | None,
        typer.Option(help=_("Run folder to write. Default: runs/SOURCE-to-TARGET, numbered.")),
    ] = None,
    overwrite: Overwrite = False,
    methods: Annotated[
        str,
        typer.Option(
            metavar="A,B,...",
            help=_(
                "Which methods compete with no adaptation, e.g. CORAL,prototypes; auto: all that "
                "work on features but two, in seconds."
            ),
        ),
    ] = "auto",
    networks: Annotated[
        bool,
        typer.Option(
            "--networks",
            help=_("Also fine-tune the last layers on both domains: takes minutes."),
        ),
    ] = False,
    target_labels: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help=_(
                "Labels to score the result with, after everything is chosen: a table, or the "
                "class folders of the target. They decide nothing."
            ),
            rich_help_panel=KNOWING,
        ),
    ] = None,
    label_budget: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help=_(
                "Say which N examples would teach most if you labelled them; writes to_label.csv."
            ),
            rich_help_panel=KNOWING,
        ),
    ] = None,
    labelled: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help=_("That table with its column label filled: used for learning and for choosing."),
            rich_help_panel=KNOWING,
        ),
    ] = None,
    backbone: OneBackbone = None,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Adapt a model, and say what came of it."""
    from headstart.jobs.adapt.adapt import adapt
    from headstart.modalities import unit
    from headstart.report.adaptation_words import adaptation_lines

    with Bars() as bars:
        run = adapt(
            source,
            target,
            out=out,
            overwrite=overwrite,
            methods=methods,
            networks=networks,
            target_labels=target_labels,
            label_budget=label_budget,
            labelled=labelled,
            backbone=backbone,
            on_event=bars,
            **options,
        )
    found = run.metrics
    if as_json:
        print_json({**found, "run": str(run.folder)})
    show_findings(found["findings"])
    say("")
    called = unit(found["modality"])
    for line in adaptation_lines(found["adaptation"], called):
        say(escape(line))
    say("")
    answers, table = run.folder / TARGET_PREDICTIONS, run.folder / TO_LABEL
    say(escape(_("The target's predictions: {file}", file=str(answers))))
    if table.exists():
        line = f"--labelled {quoted(table)}"
        say(escape(_("What to label: {file}; then add {line}.", file=str(table), line=line)))
    say_how_to_predict(run.folder, found["modality"])
