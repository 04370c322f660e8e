"""The commands on a finished run: ``predict``, ``evaluate``, ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from headstart.cli.app import command
from headstart.cli.console import Bars, print_data, print_json, say
from headstart.cli.options import Data, Json, RunFolder, options
from headstart.errors import ConfigError, DataError


@command()
@options("x", "encoding")
def predict(
    run: RunFolder,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Files, folders, patterns, tables, archives, lists (.txt, one path a line); - "
            "reads such a list from standard input.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write here (.csv or .jsonl) instead of stdout.")
    ] = None,
    adapt: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="Adapt to all inputs together before answering for any: bn (batch norm "
            "statistics), tent (bn, and surer answers), statistics (of the embeddings). For many "
            "inputs of all classes from elsewhere; undone where it looks unsafe.",
        ),
    ] = None,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Predict: one row per input, in order.

    For example: headstart predict runs/photos new/ --out answers.csv
    or    find new -name '*.jpg' | headstart predict runs/photos -
    """
    from headstart.folder.files import write_rows
    from headstart.folder.place import make_room
    from headstart.run import Run

    if out is not None and out.suffix.lower() not in (".csv", ".jsonl", ".ndjson"):
        raise ConfigError(f"--out {str(out)!r} is neither .csv nor .jsonl.", "Name it one of them.")
    if out is not None and out.is_dir():
        raise ConfigError(f"--out {str(out)!r} is a folder.", "Name a file.")
    loaded = Run(run)
    if out is not None:
        make_room(out.parent)
    with Bars() as bars:
        predictions = loaded.predict(inputs, adapt=adapt, on_event=bars, **options)
    bad = [p for p in predictions if p.error]
    if bad and len(bad) == len(predictions):
        reasons = "; ".join(f"{p.path}: {p.error}" for p in bad[:3])
        raise DataError(
            f"None of the {len(bad)} inputs can be read ({reasons}{'; ...' if bad[3:] else ''}).",
            f"Check that they are {loaded.modality.unit.many} and that the paths are right.",
        )
    if bad:
        say(
            f"[yellow]![/] {len(bad)} of {len(predictions)} inputs cannot be read "
            f"(first: {escape(bad[0].path)}: {escape(bad[0].error)})."
        )
    rows = loaded.rows(predictions)
    if out is not None:
        write_rows(rows, out)
        say(escape(f"{len(rows)} predictions are in {out}"))
    if as_json:
        print_json({"predictions": rows})
    elif out is None:
        _print_csv(rows)


@command()
@options("x", "y", "encoding")
def evaluate(run: RunFolder, data: Data, as_json: Json = False, **options: Any) -> None:
    """Score a model on labelled data it has not seen."""
    from headstart.run import Run

    loaded = Run(run)
    with Bars() as bars:
        found = loaded.evaluate(data, on_event=bars, **options)
    if as_json:
        print_json(found)
        return
    low, high = found["accuracy_ci95"]
    unit = loaded.modality.unit
    say(
        f"\nAccuracy {found['accuracy']:.1%} on {unit.count(found['n'])} "
        f"(95 % interval {low:.1%} to {high:.1%})."
    )
    say(
        f"Balanced accuracy {found['balanced_accuracy']:.1%}, macro F1 {found['macro_f1']:.3f}, "
        f"log loss {found['log_loss']:.3f}, calibration error {found['ece']:.3f}."
    )
    if found["seen_in_training"]:
        say(
            f"[yellow]![/] {found['seen_in_training']} of these {unit.many} were trained on: "
            "this is not how the model does on new ones."
        )
    if found["skipped"]:
        say(f"[yellow]![/] {unit.count(found['skipped'])} could not be read, left out.")


@command()
def report(run: RunFolder) -> None:
    """Render a run's report.html and figures afresh."""
    from headstart.run import Run

    print_data(str(Run(run).report()))


def _print_csv(rows: list[dict[str, Any]]) -> None:
    import io

    from headstart.data.cells import write_table

    out = io.StringIO()
    columns = list(rows[0]) if rows else ["path"]
    write_table(out, columns, (list(row.values()) for row in rows), end="\n")
    print_data(out.getvalue().rstrip("\n"))
