"""The command ``keywords``, and what ``predict`` does with its runs."""

from __future__ import annotations

from collections.abc import Sequence
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
from headstart.cli.options import Json, OneBackbone, Overwrite
from headstart.errors import ConfigError
from headstart.said import _, _n

if TYPE_CHECKING:
    from headstart.keyword_run import KeywordRun

TABLE = _("Columns of the table")


@command(
    help=_(
        "Find the keywords of documents; where people gave some (gold keywords), learn from them, "
        "and say whether the pretrained network helped.\n\n"
        "Every different phrase goes through the network once, and is compared with its document. "
        "With gold keywords all ways are judged on documents left out, and against ways without a "
        "network.\n\n"
        "For example: headstart keywords abstracts.csv    or    headstart keywords papers.jsonl "
        "--gold keywords    or    headstart keywords Inspec.zip"
    )
)
def keywords(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help=_(
                "Table (CSV, TSV, JSONL, Parquet) with a column of texts, folder of texts, zip or "
                "tar of either. Gold keywords of NAME.txt lie in NAME.key beside it, or in a "
                "folder keys."
            ),
        ),
    ],
    gold: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help=_("Column of gold keywords: a JSON list, or with ; between."),
            rich_help_panel=TABLE,
        ),
    ] = None,
    x: Annotated[
        str | None,
        typer.Option(
            "--x",
            metavar="COLUMN",
            help=_("Column of texts. Default: the one with the longest."),
            rich_help_panel=TABLE,
        ),
    ] = None,
    encoding: Annotated[
        str,
        typer.Option(
            help=_("How the table's texts are encoded, e.g. gb18030. Default: told by the bytes."),
            rich_help_panel=TABLE,
        ),
    ] = "utf-8",
    out: Annotated[
        Path | None, typer.Option(help=_("Run folder to write. Default: runs/DATA, numbered."))
    ] = None,
    overwrite: Overwrite = False,
    language: Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            help=_("Language of all documents, e.g. en or zh. Default: told of each."),
        ),
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", help=_("Keywords of each document."))] = 10,
    longest: Annotated[int, typer.Option(metavar="N", help=_("Words of a keyword, at most."))] = 4,
    diversity: Annotated[
        float,
        typer.Option(
            metavar="COST",
            help=_(
                "What likeness to a better keyword costs one, 0 to 1; counts without gold keywords."
            ),
        ),
    ] = 0.3,
    method: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help=_(
                "How it is learned from gold keywords which words to mark: probe (the network "
                "stays as it is), or finetune (its last layers learn too; many times slower)."
            ),
        ),
    ] = "probe",
    backbone: OneBackbone = None,
    device: Annotated[
        str, typer.Option(metavar="NAME", help=_("cpu, cuda, or auto: cuda where there is one."))
    ] = "auto",
    seed: Annotated[
        int, typer.Option(help=_("Draws the folds, and documents where there are very many."))
    ] = 0,
    as_json: Json = False,
) -> None:
    """Find keywords, and say what came of it."""
    from headstart.jobs.keywords import keywords
    from headstart.report.keywords_words import keyword_lines

    with Bars() as bars:
        run = keywords(
            data,
            gold=gold,
            x=x,
            encoding=encoding,
            out=out,
            overwrite=overwrite,
            language=language,
            top=top,
            longest=longest,
            diversity=diversity,
            method=method,
            backbone=backbone,
            device=device,
            seed=seed,
            on_event=bars,
        )
    found = run.metrics
    if as_json:
        print_json({**found, "run": str(run.folder)})
    show_findings(found["findings"])
    say("")
    for line in keyword_lines(found):
        say(escape(line))
    say("")
    say(escape(_("The keywords are in {file}", file=str(run.folder / "keywords.csv"))))
    say_where_the_report_is(run.folder)
    line = f"headstart predict {quoted(run.folder)} NEW.csv"
    say(escape(_("For new documents: {line}", line=line)))


def found_keywords(
    run: KeywordRun,
    inputs: Sequence[str],
    texts: Sequence[str] | None,
    n: int | None,
    refused: dict[str, Any],
    *,
    out: Path | None,
    resume: bool,
    **how: Any,
) -> Any:
    """Find keywords for the command ``predict``: one row a document.

    Parameters
    ----------
    inputs, texts
        Names of what is to be read, or documents themselves.
    n : int or None
        Keywords of each; None: as many as the model takes for keywords.
    refused : dict
        What else was given to ``predict``, and has no meaning here.
    out, resume
        A file to write to as answers come, and whether to go on with it; without one rows are
        returned.
    how
        ``x`` and ``encoding`` of tables.
    """
    from headstart.jobs.find import find_into

    for name, given in refused.items():
        if given:
            raise ConfigError(
                _("{option}: this model finds keywords of documents.", option=name),
                _("Leave it out; name tables, folders or texts, or give --text."),
            )
    if inputs and texts:
        raise ConfigError(
            _("--text stands beside {name!r}.", name=inputs[0]),
            _("Give texts, or files and tables; each in a call of its own."),
        )
    given, strings = texts or inputs, bool(texts)
    if out is None:
        return (one.row() for one in run.predict(given, n=n, strings=strings, **how))
    with Bars() as bars:
        written = find_into(
            run, given, out, n=n, strings=strings, resume=resume, on_event=bars, **how
        )
    said = _n(
        "The keywords of {n:,} document are in {file}",
        "The keywords of {n:,} documents are in {file}",
        written,
        file=str(out),
    )
    say(escape(said))
    return None
