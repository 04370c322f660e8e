"""What ``train``, ``predict`` and ``evaluate`` say and write where words have tags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from headstart.cli.console import (
    Bars,
    err,
    quoted,
    say,
    say_where_the_report_is,
    show_findings,
)
from headstart.errors import ConfigError
from headstart.said import _, _n, number

if TYPE_CHECKING:
    from headstart.tag_run import TagRun
    from headstart.tagging.tagger import Answer

CONLL = (".conll", ".txt")
"""Suffixes of files that answers are written into as tokens with tags."""


def say_what_was_tagged(found: dict[str, Any], folder: Path) -> None:
    """Say what came of training, and what to type next."""
    from headstart.report.tagging_words import cutting, meaning, weakest

    show_findings(found["findings"])
    _show_types(found["types"])
    for line in (meaning(), *weakest(found), cutting(found)):
        say(escape(line))
    say("")
    say_where_the_report_is(folder)
    line = f"headstart predict {quoted(folder)} NEW.txt"
    say(escape(_("Tag new texts: {line}", line=line)))


def _show_types(rows: Sequence[dict[str, Any]]) -> None:
    """Show how good each type is."""
    table = Table(box=None, header_style="bold")
    table.add_column(_("type"))
    for title in ("F1", _("precision"), _("recall"), _("entities")):
        table.add_column(title, justify="right")
    for row in rows:
        shares = (row[key] for key in ("f1", "precision", "recall"))
        shown = ["–" if share is None else number(share, ".3f") for share in shares]
        table.add_row(escape(row["name"]), *shown, number(row["n"], ","))
    say("")
    err.print(table)


def tagged(
    run: TagRun,
    inputs: Sequence[str],
    texts: Sequence[str],
    encoding: str,
    options: dict[str, Any],
) -> Iterator[Answer]:
    """Tag for the command ``predict``.

    Parameters
    ----------
    inputs : sequence of str
        CoNLL, JSONL and text files.
    texts : sequence of str
        Sentences themselves.
    options : dict
        What else was given to ``predict``; what has no meaning here is refused.
    """
    for name, value in options.items():
        if value:
            raise ConfigError(
                _("{option}: this model tags the words of sentences.", option=name),
                _("Leave it out; name CoNLL or text files, or give sentences with --text."),
            )
    from headstart.report.tagging_words import cutting

    say(escape(cutting(run.metrics)))
    given: list[str | Path | Sequence[str]] = [*map(Path, inputs), *texts]
    with Bars() as bars:
        yield from run.stream(given, encoding=encoding, on_event=bars)


def as_conll(answers: Iterable[Answer]) -> Iterator[str]:
    """Write a token and its tag a row, and a blank row behind every sentence."""
    for one in answers:
        yield from (f"{token}\t{tag}\n" for token, tag in zip(one.tokens, one.tags, strict=True))
        yield "\n"


def as_rows(answers: Iterable[Answer], *, nested: bool) -> Iterator[dict[str, Any]]:
    """Write one row a sentence, with lists, or one an entity, as tables want it."""
    from headstart.tagging.sentences import joined

    for number_of, one in enumerate(answers, start=1):
        entities = [
            {
                "entity": joined(one.tokens[e.start : e.end]),
                "type": e.kind,
                "start": e.start,
                "end": e.end,
                "confidence": min(one.sureness[e.start : e.end]),
            }
            for e in one.entities
        ]
        if nested:
            yield {"tokens": list(one.tokens), "tags": list(one.tags), "entities": entities}
        else:
            yield from ({"sentence": number_of, **entity} for entity in entities)


def say_how_good(found: dict[str, Any]) -> None:
    """Say what ``evaluate`` found."""
    from headstart.report.tagging_words import score_line

    protocol = _n("{n:,} sentence", "{n:,} sentences", found["n"])
    say("")
    say(escape(score_line({**found, "protocol": protocol})))
    _show_types(found["types"])
