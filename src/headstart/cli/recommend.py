"""The command ``recommend``, and what ``predict`` does with its runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from headstart.cli.app import command
from headstart.cli.console import Bars, print_json, quoted, say, say_where_the_report_is
from headstart.cli.findings import show_findings
from headstart.cli.options import Json, Overwrite
from headstart.errors import ConfigError
from headstart.said import _

if TYPE_CHECKING:
    from headstart.behaviour.advice import Asking
    from headstart.recommendation import RecommendRun

COLUMNS = _("Columns of the tables")


@command(
    help=_(
        "Recommend items to users from a log of who chose what; with another shop's log, say "
        "whether it helped.\n\n"
        "The last choice of every user is hidden, and the models have to find it among all items. "
        "How much the source counts is chosen on other choices, and may be nothing.\n\n"
        "For example: headstart recommend orders.csv    or    headstart recommend books.csv "
        "--source films.csv    or    headstart recommend ml-100k/u.data --items ml-100k/u.item"
    )
)
def recommend(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET",
            help=_(
                "Log of the shop to recommend in: CSV, TSV, JSONL or Parquet with a column of "
                "users and one of items, and if there are, ratings and times; MovieLens' files."
            ),
        ),
    ],
    source: Annotated[
        Path | None,
        typer.Option(
            metavar="LOG",
            help=_("Log of another shop, with users or items in common, to learn from as well."),
        ),
    ] = None,
    items: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE", help=_("Table of items: their ids, titles, genres, years, texts.")
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help=_("Run folder to write. Default: runs/TARGET, numbered."))
    ] = None,
    overwrite: Overwrite = False,
    at_least: Annotated[
        float | None,
        typer.Option(
            metavar="RATING",
            help=_("Count only choices rated so or better, e.g. 4. Default: all count."),
        ),
    ] = None,
    catalogue: Annotated[
        str,
        typer.Option(
            help=_(
                "What may be recommended: the target's items (target), the source's too (both), "
                "or both where half of the target's items are among the source's (auto)."
            )
        ),
    ] = "auto",
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help=_(
                "How long models and weights may be tried, e.g. 90s or 5m; the quick ones come "
                "first. Default: all are tried."
            ),
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help=_("Draws the order of what happened at one moment."))
    ] = 0,
    user: Annotated[
        str | None, typer.Option(help=_("Column of users."), rich_help_panel=COLUMNS)
    ] = None,
    item: Annotated[
        str | None, typer.Option(help=_("Column of items."), rich_help_panel=COLUMNS)
    ] = None,
    rating: Annotated[
        str | None, typer.Option(help=_("Column of ratings."), rich_help_panel=COLUMNS)
    ] = None,
    time: Annotated[
        str | None, typer.Option(help=_("Column of times."), rich_help_panel=COLUMNS)
    ] = None,
    item_id: Annotated[
        str | None,
        typer.Option(help=_("Column of ids in the table of items."), rich_help_panel=COLUMNS),
    ] = None,
    encoding: Annotated[
        str,
        typer.Option(
            help=_("How the tables' texts are encoded, e.g. gb18030. Default: told by the bytes."),
            rich_help_panel=COLUMNS,
        ),
    ] = "utf-8",
    as_json: Json = False,
) -> None:
    """Learn what to recommend, and say what came of it."""
    from headstart.jobs.recommend import recommend
    from headstart.report.recommendation_words import recommendation_lines

    with Bars() as bars:
        run = recommend(
            target,
            source=source,
            items=items,
            out=out,
            overwrite=overwrite,
            user=user,
            item=item,
            rating=rating,
            time=time,
            at_least=at_least,
            item_id=item_id,
            encoding=encoding,
            catalogue=catalogue,
            budget=budget,
            seed=seed,
            on_event=bars,
        )
    found = run.metrics
    if as_json:
        print_json({**found, "run": str(run.folder)})
    show_findings(found["findings"])
    say("")
    for line in recommendation_lines(found):
        say(escape(line))
    say("")
    say_where_the_report_is(run.folder)
    line = f"headstart predict {quoted(run.folder)} USERS.csv"
    say(escape(_("Recommend: {line}", line=line)))


def recommended(
    run: RecommendRun,
    inputs: Sequence[str],
    history: str | None,
    n: int,
    options: dict[str, Any],
    *,
    column: str | None = None,
    encoding: str = "utf-8",
    new_items: bool = False,
) -> Iterator[dict[str, object]]:
    """Recommend for the command ``predict``: one row for each item of each user.

    Parameters
    ----------
    inputs : sequence of str
        Tables of users, or of what users chose; anything else is the id of a user.
    history : str or None
        Ids of items with commas between them.
    options : dict
        What else was given to ``predict``; what has no meaning here is refused.
    column, encoding
        The column of users in the tables, and how their texts are encoded.
    new_items : bool
        Recommend what nobody has chosen yet.
    """
    for name, given in options.items():
        if given:
            raise ConfigError(
                _("{option}: this model recommends items to users.", option=name),
                _("Leave it out; name a table of users, ids of users, or --history."),
            )
    ask = run.new_items if new_items else run.predict
    asking = _asking(inputs, history, column, encoding)
    return (advice.row() for advice in ask(asking, n=n))


def _asking(
    inputs: Sequence[str], history: str | None, column: str | None, encoding: str
) -> list[Asking]:
    from headstart.behaviour.advice import Asking
    from headstart.behaviour.read import Spec
    from headstart.data.formats import is_table
    from headstart.recommendation import asking_from

    spec = Spec(user=column, encoding=encoding)

    asking: list[Asking] = []
    if history is not None:
        ids = tuple(one.strip() for one in history.split(",") if one.strip())
        asking.append(Asking(_("history"), ids))
    for name in inputs:
        path = Path(name)
        if path.is_dir():
            raise ConfigError(_("{name!r} is a folder.", name=name), _("Name a table of users."))
        is_file = path.exists() or is_table(path)
        asking += asking_from(path, spec) if is_file else [Asking(name)]
    return asking
