"""The commands ``train``, ``demo`` and ``check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from headstart.cli.app import command
from headstart.cli.console import Bars, err, print_json, say, say_how_to_predict
from headstart.cli.options import Data, Json, OneBackbone, options
from headstart.folder.layout import ISSUES
from headstart.prepare.config import options_of
from headstart.transfer.recipe import TRAINING


@command()
@options(*options_of("train"))
def train(
    data: Data,
    out: Annotated[
        Path | None, typer.Option(help="Run folder to write. Default: runs/NAME, numbered.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace --out once the new run is complete.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with an interrupted run of the same data and options.",
            rich_help_panel=TRAINING,
        ),
    ] = False,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Train a model, estimate its score, say whether transfer helped, write a report.

    For example: headstart train photos/    or    headstart train photos/ --budget 5m
    or    headstart train labels.csv --groups patient --method finetune --unfreeze last-stage
    """
    _train(data, out, overwrite, as_json, resume=resume, **options)


def _train(data: str, out: Path | None, overwrite: bool, as_json: bool, **options: Any) -> None:
    from headstart.jobs.train import train

    with Bars() as bars:
        run = train(data, out=out, overwrite=overwrite, on_event=bars, **options)
    if as_json:
        print_json({**run.metrics, "run": str(run.folder)})
    _summarise(run.metrics, run.folder)


@command()
def demo(
    out: Annotated[
        Path | None, typer.Option(help="Run folder to write. Default: runs/elpv, numbered.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train on 2,624 real photos of solar cells; nothing to download beyond the install.

    The set shows why scores need care: cells of one module lie side by side in file order.
    """
    say("Which solar cells are defective? 2,624 electroluminescence photos (elpv-dataset).")
    _train("builtin:elpv", out, False, as_json)


@command()
@options(*options_of("check"))
def check(data: Data, backbone: OneBackbone = None, as_json: Json = False, **options: Any) -> None:
    """Look for what a score would hide: copies, damage, imbalance, order, too few examples."""
    from headstart.jobs.check import check
    from headstart.modalities import unit

    with Bars() as bars:
        found = check(data, backbone=backbone, on_event=bars, **options)
    if as_json:
        print_json(found)
        return
    counts, many = found["n"], unit(found["modality"]).many
    say(f"\n{counts['train']} {many} to train on, {counts['test']} to test on:")
    for name, count in counts["per_class"].items():
        say(f"  {count:>6}  {escape(name)}")
    show_findings(found["findings"])


def _show_candidates(metrics: dict[str, Any]) -> None:
    """Show what was tried and why one was kept."""
    if len(metrics["candidates"]) < 2:
        return
    table = Table(box=None, header_style="bold")
    for title in ("method", "accuracy", "seconds", ""):
        table.add_column(title, no_wrap=title == "method")
    for c in metrics["candidates"]:
        accuracy = "" if c["accuracy"] is None else f"{c['accuracy']:.1%}"
        took = "" if c["seconds"] is None else f"{c['seconds']:.0f}"
        note = "kept" if c["chosen"] else c["reason"] or ""
        table.add_row(escape(c["name"]), accuracy, took, escape(note))
    say("")
    err.print(table)
    say(escape(metrics["choice"]["sentence"]))


def _summarise(metrics: dict[str, Any], folder: Path) -> None:
    """Say what is known beyond the answer, which was said when it was found."""
    from headstart.modalities import unit

    n, many = metrics["n"], unit(metrics["modality"]).many
    show_findings(metrics["findings"])
    _show_candidates(metrics)
    if metrics["label_issues"]["rows"]:
        sentence = metrics["label_issues"]["sentence"].partition(" In a trial")[0]
        say(f"[yellow]![/] {escape(sentence)} See {escape(str(folder / ISSUES))}.")
    _say_when_it_abstains(metrics["abstention"], many)
    timing = metrics["timing"]
    say(
        f"\n{n['train'] + n['test']} {many}, {timing['total_s']:.1f} s "
        f"({timing['forward_examples']} forward passes, {timing['cache_hits']} from the cache)."
    )
    say_how_to_predict(folder, metrics["modality"])


def _say_when_it_abstains(found: dict[str, Any], many: str) -> None:
    if found["wanted_error"] is None:
        return
    wanted = f"{found['wanted_error']:.1%} wrong answers"
    if found["threshold"] is None:
        say(f"[yellow]![/] No confidence is high enough to promise at most {wanted}.")
        return
    error = "" if found["error"] is None else f", of which {found['error']:.1%} were wrong"
    say(
        f"For at most {wanted} it is silent below a confidence of {found['threshold']:.0%}; of "
        f"held-out {many} it answered {found['coverage']:.1%}{error}."
    )


def show_findings(findings: list[dict[str, Any]]) -> None:
    """Print what the checks noticed, one line each."""
    if findings:
        say("")
    for finding in findings:
        mark = "[yellow]![/]" if finding["severity"] == "warning" else "[dim]·[/]"
        say(f"{mark} {escape(finding['message'])}")
