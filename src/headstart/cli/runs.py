"""The commands on a finished run: ``predict``, ``evaluate``, ``report``."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from headstart.cli.app import command
from headstart.cli.console import Bars, err, print_data, print_json, say, warn
from headstart.cli.keywords import found_keywords
from headstart.cli.names import say_of_names
from headstart.cli.options import Data, Json, RunFolder, options
from headstart.cli.recommend import recommended
from headstart.cli.spool import as_document, pour, spool
from headstart.cli.stopped import Stopped
from headstart.cli.tagging import CONLL, as_conll, as_rows, say_how_good, tagged
from headstart.cli.translate import translated
from headstart.data.cells import write_records
from headstart.errors import ConfigError
from headstart.options import length
from headstart.said import _, _n, number

if TYPE_CHECKING:
    from headstart.jobs.predict import Tally
    from headstart.run import Prediction, Run
    from headstart.tagging.tagger import Answer


@command(
    help=_(
        "Predict: one row per input, in order.\n\n"
        "For example: headstart predict runs/photos new/ --out answers.csv    or    "
        "find new -name '*.jpg' | headstart predict runs/photos -    or    "
        "headstart predict runs/words meeting.wav --every 1s    or    "
        "headstart predict runs/shop customers.csv --top 5    or    "
        "headstart predict runs/abstracts new.csv --out keywords.csv    or    "
        "headstart predict runs/en-zh sentences.txt"
    )
)
@options("x", "encoding")
def predict(
    run: RunFolder,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...",
            help=_(
                "Files, folders, patterns, tables, archives, lists (.txt, one path a line); - "
                "reads such a list from standard input."
            ),
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(help=_("A text itself, for a model of texts; may be given several times.")),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help=_("Write here (.csv, .jsonl or .parquet) instead of stdout.")),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help=_("Go on where an interrupted call with the same --out, model and inputs was."),
        ),
    ] = False,
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
    every: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help=_(
                "Cut recordings into stretches of this length, e.g. 1s, 500ms, 1min: a table of "
                "times, with an answer for each."
            ),
        ),
    ] = None,
    history: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help=_("Ids of items that someone chose, for a model that recommends."),
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help=_(
                "How many items a model recommends to each user, or keywords it gives of each "
                "document. Default: 10."
            ),
        ),
    ] = None,
    new_items: Annotated[
        bool,
        typer.Option(
            "--new-items",
            help=_("Recommend items that nobody has chosen yet, by what the table says of them."),
        ),
    ] = False,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Predict."""
    from headstart.folder.place import make_room
    from headstart.folder.rows import SUFFIXES
    from headstart.keyword_run import KeywordRun, finds_keywords
    from headstart.opening import load
    from headstart.recommendation import RecommendRun, recommends
    from headstart.run import Run
    from headstart.tag_run import TagRun, tags_words
    from headstart.translation_run import TranslateRun, translates

    if not inputs and not text and history is None:
        raise ConfigError(_("There is nothing to predict."), _("Name files, folders or tables."))
    if tags_words(run):
        strange: dict[str, Any] = {"--adapt": adapt, "--every": every, "--resume": resume}
        strange |= {"--history": history, "--top": top, "--new-items": new_items}
        strange["--x"] = options["x"]
        answers = tagged(TagRun(run), inputs or [], text or [], options["encoding"], strange)
        _write_tags(answers, out, as_json=as_json)
        return
    if out is not None and out.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            _("--out {file!r} is neither .csv nor .jsonl nor .parquet.", file=str(out)),
            _("Name it one of them."),
        )
    if out is not None and out.is_dir():
        raise ConfigError(_("--out {file!r} is a folder.", file=str(out)), _("Name a file."))
    if recommends(run):
        advice = recommended(
            RecommendRun(run),
            inputs or [],
            history,
            10 if top is None else top,
            {"--text": text, "--adapt": adapt, "--every": every, "--resume": resume},
            column=options["x"],
            encoding=options["encoding"],
            new_items=new_items,
        )
        said = _("The recommendations are in {file}", file=str(out))
        _write(advice, out, as_json=as_json, said=said)
        return
    if resume:
        _refuse_resume(out, adapt, as_json)
    if finds_keywords(run):
        if out is not None:
            make_room(out.parent)
        rows = found_keywords(
            KeywordRun(run),
            inputs or [],
            text,
            10 if top is None else top,
            {"--adapt": adapt, "--every": every, "--history": history, "--new-items": new_items},
            out=None if as_json else out,
            resume=resume,
            x=options["x"],
            encoding=options["encoding"],
        )
        if rows is not None:
            _write(rows, out, as_json=as_json, said=_("The keywords are in {file}", file=str(out)))
        return
    if translates(run):
        strange = {
            "--history": history,
            "--top": top,
            "--new-items": new_items,
            "--adapt": adapt,
            "--every": every,
            "--resume": resume,
        }
        rows = translated(
            TranslateRun(run),
            inputs or [],
            text or [],
            strange,
            column=options["x"],
            encoding=options["encoding"],
        )
        said = _("The translations are in {file}", file=str(out))
        _write(rows, out, as_json=as_json, said=said)
        return
    if history is not None or top is not None or new_items:
        raise ConfigError(
            _("--history, --top and --new-items are for models that recommend; this one predicts."),
            _("Leave them out."),
        )
    loaded, step = load(run), None if every is None else length(every)
    assert isinstance(loaded, Run)  # what the others answer was written above
    given, strings = _given(inputs, text, loaded)
    how: dict[str, Any] = {"strings": strings, "every": step, **options}
    if out is not None:
        make_room(out.parent)
    if out is not None and adapt is None and not as_json:
        tally = _predict_into(loaded, given, out, resume=resume, **how)
    else:
        tally = _predict_whole(loaded, given, out, adapt=adapt, as_json=as_json, **how)
    if out is not None:
        said = _n(
            "{n:,} prediction is in {file}",
            "{n:,} predictions are in {file}",
            tally.n,
            file=str(out),
        )
        say(escape(said))


def _predict_into(run: Run, given: list[str], out: Path, **how: Any) -> Tally:
    """Write predictions to a file as they come; an interrupted one can be resumed."""
    from headstart.folder.partial import rows_kept
    from headstart.jobs.predict import predict_into

    try:
        with Bars() as bars:
            tally = predict_into(run, given, out, on_event=bars, **how)
    except KeyboardInterrupt:
        if n := rows_kept(out):
            said = _n(
                "Stopped. {n:,} prediction is kept: the same command with --resume goes on.",
                "Stopped. {n:,} predictions are kept: the same command with --resume goes on.",
                n,
            )
            raise Stopped(said) from None
        raise
    _say_of(tally)
    return tally


def _predict_whole(
    run: Run,
    given: list[str],
    out: Path | None,
    *,
    adapt: str | None,
    as_json: bool,
    every: float | None,
    strings: bool,
    **options: Any,
) -> Tally:
    """Give predictions when all are there, on stdout or in a file."""
    from headstart.folder.files import write_rows
    from headstart.jobs.predict import Tally

    tally = Tally()
    with spool() as held:
        with Bars() as bars:
            how: dict[str, Any] = {"strings": strings, "every": every, "on_event": bars, **options}
            answers: Iterable[Prediction] = (
                run.stream(given, **how)
                if adapt is None
                else run.predict(given, adapt=adapt, **how)
            )
            rows: Iterable[dict[str, Any]] = map(
                partial(run.row, timed=every is not None),
                tally.over(answers, run.modality.unit.many),
            )
            if as_json:
                rows = as_document("predictions", rows, held)
            if out is not None:
                write_rows(rows, out)
            elif as_json:
                deque(rows, maxlen=0)
            else:
                write_records(held, rows, end="\n")
        _say_of(tally)
        pour(held)
    return tally


def _refuse_resume(out: Path | None, adapt: str | None, as_json: bool) -> None:
    """Refuse to go on where nothing is kept that could go on."""
    if out is None:
        raise ConfigError(
            _("--resume goes on with a file, and there is no --out."),
            _("Name the file: --out answers.csv."),
        )
    if adapt is not None:
        raise ConfigError(
            _("--adapt answers for all inputs at once, so there is nothing to --resume."),
            _("Leave one of them out."),
        )
    if as_json:
        raise ConfigError(
            _("--resume goes on with a file alone, not with --json beside it."),
            _("Leave out --json, or name a file that ends in .jsonl."),
        )


def _write(rows: Iterable[dict[str, Any]], out: Path | None, *, as_json: bool, said: str) -> None:
    """Write recommendations or keywords to a file, and say so, or to stdout."""
    from headstart.folder.files import write_rows
    from headstart.folder.place import make_room

    if out is not None:
        make_room(out.parent)
    with spool() as held:
        if as_json:
            rows = as_document("predictions", rows, held)
        if out is not None:
            write_rows(rows, out)
            say(escape(said))
        elif as_json:
            deque(rows, maxlen=0)
        else:
            write_records(held, rows, end="\n")
        pour(held)


def _write_tags(answers: Iterable[Answer], out: Path | None, *, as_json: bool) -> None:
    """Write tags: as CoNLL on stdout, in a file as its suffix asks, as a document with --json."""
    from headstart.folder.files import whole_file, write_rows
    from headstart.folder.place import make_room

    suffix = "" if out is None else out.suffix.lower()
    if out is not None and suffix not in (*CONLL, ".csv", ".jsonl", ".parquet"):
        raise ConfigError(
            _("--out {file!r} is neither .conll nor .txt nor a table.", file=str(out)),
            _("Name it .conll, .txt, .csv, .jsonl or .parquet."),
        )
    if out is not None:
        make_room(out.parent)
    with spool() as held:
        if as_json:
            told = list(answers)
            deque(as_document("predictions", as_rows(told, nested=True), held), maxlen=0)
            answers = told
        if out is None and not as_json:
            held.writelines(as_conll(answers))
        elif out is not None and suffix in CONLL:
            with whole_file(out) as beside, beside.open("w", encoding="utf-8") as file:
                file.writelines(as_conll(answers))
        elif out is not None:
            write_rows(as_rows(answers, nested=suffix == ".jsonl"), out)
        pour(held)
    if out is not None:
        say(escape(_("The tags are in {file}", file=str(out))))


def _given(inputs: list[str] | None, texts: list[str] | None, run: Run) -> tuple[list[str], bool]:
    """Tell names of inputs from texts, of which one call takes either."""
    if inputs and texts:
        raise ConfigError(
            _("--text stands beside {name!r}.", name=inputs[0]),
            _("Give texts, or files and tables; each in a call of its own."),
        )
    if texts and run.modality.encode(texts[0]) is None:
        raise ConfigError(
            _("--text: this model takes {many}.", many=run.modality.unit.many),
            _("Name files, folders or tables."),
        )
    return texts or inputs or [], bool(texts)


def _say_of(tally: Tally) -> None:
    """Say what could not be read, and what held nothing to answer by."""
    if tally.blanks:
        name, note = tally.blank
        said = _n(
            "{n:,} input holds nothing to answer by ({name}: {note}): its answer means nothing "
            "unless the model was trained on such.",
            "{n:,} inputs hold nothing to answer by (first: {name}: {note}): their answers "
            "mean nothing unless the model was trained on such.",
            tally.blanks,
            name=name,
            note=note,
        )
        warn(said)
    if tally.unread:
        said = _(
            "{n} of {all} inputs cannot be read (first: {name}: {reason}).",
            n=tally.unread,
            all=tally.n,
            name=tally.bad[0][0],
            reason=tally.bad[0][1],
        )
        warn(said)


@command(help=_("Score a model on labelled data it has not seen."))
@options("x", "y", "encoding")
def evaluate(run: RunFolder, data: Data, as_json: Json = False, **options: Any) -> None:
    """Score a model."""
    from headstart.keyword_run import finds_keywords
    from headstart.opening import load
    from headstart.recommendation import recommends
    from headstart.run import Run
    from headstart.tag_run import TagRun, tags_words
    from headstart.translation_run import translates

    if tags_words(run):
        with Bars() as bars:
            scores = TagRun(run).evaluate(data, encoding=options["encoding"], on_event=bars)
        if as_json:
            print_json(scores)
        else:
            say_how_good(scores)
        return
    if recommends(run):
        raise ConfigError(
            _("{run!r} recommends; it was judged when it was made.", run=str(run)),
            _("See its report, or run `headstart recommend` on a newer log."),
        )
    if translates(run):
        raise ConfigError(
            _("{run!r} translates; it was judged when it was made.", run=str(run)),
            _("See its report; the sentences of its test lie in {folder}.", folder="test/"),
        )
    if finds_keywords(run):
        raise ConfigError(
            _("{run!r} finds keywords; it was judged when it was made.", run=str(run)),
            _("See its report, or run `headstart keywords` on documents with gold keywords."),
        )
    loaded = load(run)
    assert isinstance(loaded, Run)  # the others are refused above
    with Bars() as bars:
        found = loaded.evaluate(data, on_event=bars, **options)
    if as_json:
        print_json(found)
        return
    if "strangers" in found:
        say_of_names(found)
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
    from headstart.opening import load

    print_data(str(load(run).report()))
