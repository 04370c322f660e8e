"""The commands on a finished run: ``predict``, ``evaluate``, ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from headstart.cli.app import command
from headstart.cli.console import Bars, err, print_data, print_json, say, warn
from headstart.cli.options import Data, Json, RunFolder, options
from headstart.errors import ConfigError, DataError
from headstart.said import _, _n, number

if TYPE_CHECKING:
    from headstart.run import Prediction


@command(
    help=_(
        "Predict: one row per input, in order.\n\n"
        "For example: headstart predict runs/photos new/ --out answers.csv    or    "
        "find new -name '*.jpg' | headstart predict runs/photos -"
    )
)
@options("x", "encoding")
def predict(
    run: RunFolder,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help=_(
                "Files, folders, patterns, tables, archives, lists (.txt, one path a line); - "
                "reads such a list from standard input."
            ),
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help=_("Write here (.csv or .jsonl) instead of stdout."))
    ] = None,
    adapt: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help=_(
                "Adapt to all inputs together before answering for any: bn (batch norm "
                "statistics), tent (bn, and surer answers), statistics (of the embeddings). For "
                "many inputs of all classes from elsewhere; undone where it looks unsafe."
            ),
        ),
    ] = None,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Predict."""
    from headstart.folder.files import write_rows
    from headstart.folder.place import make_room
    from headstart.run import Run

    if out is not None and out.suffix.lower() not in (".csv", ".jsonl", ".ndjson"):
        raise ConfigError(
            _("--out {file!r} is neither .csv nor .jsonl.", file=str(out)),
            _("Name it one of them."),
        )
    if out is not None and out.is_dir():
        raise ConfigError(_("--out {file!r} is a folder.", file=str(out)), _("Name a file."))
    loaded = Run(run)
    if out is not None:
        make_room(out.parent)
    with Bars() as bars:
        predictions = loaded.predict(inputs, adapt=adapt, on_event=bars, **options)
    _say_unreadable(predictions, loaded.modality.unit.many)
    rows = loaded.rows(predictions)
    if out is not None:
        write_rows(rows, out)
        said = _n(
            "{n:,} prediction is in {file}",
            "{n:,} predictions are in {file}",
            len(rows),
            file=str(out),
        )
        say(escape(said))
    if as_json:
        print_json({"predictions": rows})
    elif out is None:
        _print_csv(rows)


def _say_unreadable(predictions: list[Prediction], many: str) -> None:
    """Say what could not be read; refuse to go on where that is everything."""
    bad = [(p.path, p.error) for p in predictions if p.error]
    if bad and len(bad) == len(predictions):
        from headstart.prepare.source import with_reasons  # which other answers do not wait for

        raise DataError(
            _(
                "None of the {n} inputs can be read ({named}).",
                n=len(bad),
                named=with_reasons(bad, 3),
            ),
            _("Check that they are {many} and that the paths are right.", many=many),
        )
    if bad:
        said = _(
            "{n} of {all} inputs cannot be read (first: {name}: {reason}).",
            n=len(bad),
            all=len(predictions),
            name=bad[0][0],
            reason=bad[0][1],
        )
        warn(said)


@command(help=_("Score a model on labelled data it has not seen."))
@options("x", "y", "encoding")
def evaluate(run: RunFolder, data: Data, as_json: Json = False, **options: Any) -> None:
    """Score a model."""
    from headstart.run import Run

    loaded = Run(run)
    with Bars() as bars:
        found = loaded.evaluate(data, on_event=bars, **options)
    if as_json:
        print_json(found)
        return
    low, high = found["accuracy_ci95"]
    unit = loaded.modality.unit
    say("")
    say(
        _(
            "Accuracy {accuracy:.1%} on {examples} (95 % interval {low:.1%} to {high:.1%}).",
            accuracy=found["accuracy"],
            examples=unit.count(found["n"]),
            low=low,
            high=high,
        )
    )
    if "labels" in found:
        _say_of_labels(found)
    else:
        _say_of_classes(found)
    if found["seen_in_training"]:
        said = _n(
            "{n:,} of these {many} was trained on: this is not how the model does on new ones.",
            "{n:,} of these {many} were trained on: this is not how the model does on new ones.",
            found["seen_in_training"],
            many=unit.many,
        )
        warn(said)
    if found["skipped"]:
        warn(_("{examples} could not be read, left out.", examples=unit.count(found["skipped"])))


def _say_of_classes(found: dict[str, Any]) -> None:
    say(
        _(
            "Balanced accuracy {balanced:.1%}, macro F1 {f1:.3f}, log loss {loss:.3f}, "
            "calibration error {ece:.3f}.",
            balanced=found["balanced_accuracy"],
            f1=found["macro_f1"],
            loss=found["log_loss"],
            ece=found["ece"],
        )
    )


def _say_of_labels(found: dict[str, Any]) -> None:
    """Say how good several labels are, over all and each by itself, the weakest first."""
    say(
        _(
            "Macro F1 {macro:.3f}, micro F1 {micro:.3f}, average precision {ap:.3f}, log loss "
            "{loss:.3f}, calibration error {ece:.3f}.",
            macro=found["macro_f1"],
            micro=found["micro_f1"],
            ap=found["average_precision"],
            loss=found["log_loss"],
            ece=found["ece"],
        )
    )
    table = Table(box=None, header_style="bold")
    table.add_column(_("label"))
    for title in ("F1", _("precision"), _("recall"), "AP", _("examples")):
        table.add_column(title, justify="right")
    rows = found["labels"]["rows"]
    for row in sorted(rows, key=lambda row: (row["f1"] is None, row["f1"])):
        shares = (row[key] for key in ("f1", "precision", "recall", "average_precision"))
        shown = ["–" if share is None else number(share, ".3f") for share in shares]
        table.add_row(escape(row["name"]), *shown, number(row["n"], ","))
    err.print(table)


@command(help=_("Render a run's report.html and figures afresh."))
def report(run: RunFolder) -> None:
    """Render a report."""
    from headstart.run import Run

    print_data(str(Run(run).report()))


def _print_csv(rows: list[dict[str, Any]]) -> None:
    import io

    from headstart.data.cells import write_table

    out = io.StringIO()
    columns = list(rows[0]) if rows else ["path"]
    write_table(out, columns, (list(row.values()) for row in rows), end="\n")
    print_data(out.getvalue().rstrip("\n"))
