"""The command ``translate``, and what ``predict`` does with its runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from headstart.cli.app import command
from headstart.cli.console import (
    Bars,
    print_json,
    quoted,
    say,
    say_where_the_report_is,
    show_findings,
)
from headstart.cli.options import Json, Overwrite
from headstart.errors import ConfigError
from headstart.said import _

if TYPE_CHECKING:
    from headstart.translation_run import TranslateRun

FILES = _("Files and columns")
TRAINING = _("Training")


@command(
    help=_(
        "Learn to translate from pairs of sentences, and say whether what was known before "
        "helped.\n\n"
        "A pretrained network is compared with itself before; a small one that starts from another "
        "run, with the same one that starts from nothing. The test holds no near copy of what was "
        "learned from. Scores are BLEU and chrF by sacreBLEU, with their signatures.\n\n"
        "For example: headstart translate en-fr.tsv    or    headstart translate en-zh.tsv "
        "--model runs/en-fr    or    headstart translate news.en news.zh --model "
        "hf:Helsinki-NLP/opus-mt-en-zh"
    )
)
def translate(
    pairs: Annotated[
        Path,
        typer.Argument(
            metavar="PAIRS",
            help=_(
                "Sentences and their translations: a table (CSV, TSV, JSONL, Parquet), TMX, or a "
                "folder with files such as news.en and news.zh; or a file of sentences, one a line."
            ),
        ),
    ],
    translations: Annotated[
        Path | None,
        typer.Argument(metavar="TRANSLATIONS", help=_("The file of translations, line by line.")),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help=_(
                "tiny: a small network, from nothing; hf:NAME or hf:FOLDER: a pretrained one; or "
                "the run folder of another translate, to start from."
            ),
        ),
    ] = "tiny",
    out: Annotated[
        Path | None, typer.Option(help=_("Run folder to write. Default: runs/PAIRS, numbered."))
    ] = None,
    overwrite: Overwrite = False,
    seed: Annotated[
        int, typer.Option(help=_("Draws the test, the first weights, and the order of the pairs."))
    ] = 0,
    beam: Annotated[
        int, typer.Option(help=_("How many translations are followed at once in the test."))
    ] = 4,
    epochs: Annotated[
        int | None,
        typer.Option(
            help=_(
                "How often all pairs are gone through, at most. Default: 3 of a pretrained "
                "network; 8 of a small one, more with few pairs."
            ),
            rich_help_panel=TRAINING,
        ),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(
            help=_("Learning rate. Default: 2e-5 of a pretrained network, 1e-3 of a small one."),
            rich_help_panel=TRAINING,
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            help=_("Pairs of a step, at most. Default: 16 of a pretrained network, 32 of a small."),
            rich_help_panel=TRAINING,
        ),
    ] = None,
    lora: Annotated[
        bool,
        typer.Option(
            "--lora",
            help=_("Train few numbers beside a pretrained network's weights (LoRA)."),
            rich_help_panel=TRAINING,
        ),
    ] = False,
    source_column: Annotated[
        str | None, typer.Option(help=_("Column of sentences."), rich_help_panel=FILES)
    ] = None,
    target_column: Annotated[
        str | None, typer.Option(help=_("Column of translations."), rich_help_panel=FILES)
    ] = None,
    document_column: Annotated[
        str | None,
        typer.Option(
            help=_("Column of the documents that sentences stand in; the test has whole ones."),
            rich_help_panel=FILES,
        ),
    ] = None,
    source_language: Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            help=_("Language of the sentences, e.g. en. Default: as the file says, or it looks."),
            rich_help_panel=FILES,
        ),
    ] = None,
    target_language: Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            help=_("Language of the translations, e.g. zh."),
            rich_help_panel=FILES,
        ),
    ] = None,
    encoding: Annotated[
        str,
        typer.Option(
            help=_("How the texts are encoded, e.g. gb18030. Default: told by the bytes."),
            rich_help_panel=FILES,
        ),
    ] = "utf-8",
    as_json: Json = False,
) -> None:
    """Learn to translate, and say what came of it."""
    from headstart.jobs.translate import translate
    from headstart.report.translation_words import translation_lines

    with Bars() as bars:
        run = translate(
            pairs,
            translations,
            model=model,
            source_column=source_column,
            target_column=target_column,
            document_column=document_column,
            source_language=source_language,
            target_language=target_language,
            encoding=encoding,
            epochs=epochs,
            lr=lr,
            batch=batch,
            lora=lora,
            beam=beam,
            out=out,
            overwrite=overwrite,
            seed=seed,
            on_event=bars,
        )
    found = run.metrics
    if as_json:
        print_json({**found, "run": str(run.folder)})
    show_findings(found["findings"])
    say("")
    for line in translation_lines(found):
        say(escape(line))
    say("")
    say_where_the_report_is(run.folder)
    line = f"headstart predict {quoted(run.folder)} SENTENCES.txt"
    say(escape(_("Translate: {line}", line=line)))


def translated(
    run: TranslateRun,
    inputs: Sequence[str],
    texts: Sequence[str],
    options: dict[str, Any],
    *,
    column: str | None = None,
    encoding: str = "utf-8",
) -> Iterator[dict[str, object]]:
    """Translate for the command ``predict``: one row for each sentence.

    Parameters
    ----------
    inputs : sequence of str
        Texts with a sentence a line, or tables.
    texts : sequence of str
        Sentences themselves.
    options : dict
        What else was given to ``predict``; what has no meaning here is refused.
    column, encoding
        The column of sentences in the tables, and how their texts are encoded.
    """
    from headstart.translation_run import texts_from

    for name, given in options.items():
        if given:
            raise ConfigError(
                _("{option}: this model translates sentences.", option=name),
                _("Leave it out; name a .txt with a sentence a line or a table, or give --text."),
            )
    asked = [*texts]
    for name in inputs:
        asked += texts_from(Path(name), column, encoding)
    with Bars() as bars:
        return (one.row() for one in run.predict(asked, on_event=bars))
