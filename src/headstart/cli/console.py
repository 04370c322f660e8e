"""What the terminal shows: bars with a forecast, sentences, tables. All of it on stderr."""

from __future__ import annotations

import math
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from headstart.events import Event
from headstart.folder.layout import PAGE
from headstart.language import in_force
from headstart.said import _
from headstart.text import to_json

err = Console(stderr=True, highlight=False)

BEAT = 10.0
"""Seconds after which a stage says for the first time that it lives, where nothing moves."""
_HAN, _OPENING, _CLOSING = "\u3040-\u9fff\uf900-\ufaff", "（《【「“", "，。；：、！？）》】」”…"
_WORD = re.compile(
    rf"\s*(?:[{_OPENING}]*(?:[{_HAN}]|[^\s{_HAN}{_OPENING}{_CLOSING}]+)[{_CLOSING}]*"
    rf"|[{_OPENING}{_CLOSING}]+)\s*"
)


def _words(text: str) -> Iterator[tuple[int, int, str]]:
    """Find between what a line may be broken: not at spaces alone, of which Chinese has none."""
    for found in _WORD.finditer(text):
        word = found.group()  # rich drops a space at the end of a line only where all is narrow
        yield found.start(), found.end(), word if text.isascii() else word.replace(" ", "_")


with suppress(ImportError):  # rich has no public door for this; without, it cuts off long Chinese
    from rich import _wrap

    _wrap.words = _words


def say(text: str) -> None:
    """Print a line for people."""
    err.print(text, soft_wrap=True)


def complain(message: str, hint: str) -> None:
    """Print an error as ``error: ...``, a blank line, ``hint: ...``."""
    say(_("[bold red]error:[/] {message}", message=escape(message)))
    if hint:
        say("")
        say(_("[bold cyan]hint:[/] {hint}", hint=escape(hint)))


def warn(sentence: str) -> None:
    """Print a sentence that should not be passed over."""
    say(f"[yellow]![/] {escape(sentence)}")


def print_data(text: str) -> None:
    """Write data, and nothing else, to stdout."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_json(value: Any) -> None:
    """Write one JSON document, and nothing else, to stdout."""
    print_data(to_json(value))


def sparkline(values: Sequence[float]) -> str:
    """Draw numbers as a line of blocks: the curve of a training, one block an epoch.

    Examples
    --------
    >>> sparkline([3.0, 2.0, 1.0, 1.5])
    '█▅▁▂'
    """
    blocks = "▁▂▃▄▅▆▇█"
    known = [v for v in values if math.isfinite(v)]
    if not known:
        return ""
    low, high = min(known), max(known)
    shares = [(v - low) / ((high - low) or 1) if math.isfinite(v) else 1.0 for v in values]
    return "".join(blocks[round(share * (len(blocks) - 1))] for share in shares)


def quoted(path: Path) -> str:
    """Spell a path so that a line with it can be typed as it stands.

    Examples
    --------
    >>> quoted(Path("my run #2"))
    "'my run #2'"
    """
    word = str(path)
    return subprocess.list2cmdline([word]) if os.name == "nt" else shlex.quote(word)


def say_how_to_predict(folder: Path, modality: str) -> None:
    """End a job that leaves a run: where its report is, and what to type next."""
    say_where_the_report_is(folder)
    say_what_to_type(folder, modality)


def say_what_to_type(folder: Path, modality: str) -> None:
    """Say how a run is asked."""
    line = f"headstart predict {quoted(folder)} {inputs(modality)}..."
    say(escape(_("Predict: {line}", line=line)))


def say_where_the_report_is(folder: Path) -> None:
    """Say where the page of a run or study is."""
    say(escape(_("Report: {file}", file=str(folder / PAGE))))


def inputs(modality: str) -> str:
    """Name what ``predict`` takes for a model, as help spells it: IMAGES, or a TABLE of rows.

    Examples
    --------
    >>> inputs("image"), inputs("array")
    ('IMAGES', 'TABLE')
    """
    from headstart import modalities

    known = modality in modalities.names()
    in_tables = known and "file" not in modalities.modality(modality).kinds
    return "TABLE" if in_tables else modalities.unit(modality).plural.upper()


def answered(event: Event) -> str:
    """Set what an answer begins with apart, up to its first number or colon, in its tone.

    Examples
    --------
    >>> answered(Event("", message="Verdict: it helps: a lot.", level="answer", tone="good"))
    '[bold green]Verdict:[/] it helps: a lot.'
    """
    colour = {"good": " green", "bad": " red", "unsure": " yellow", "": ""}[event.tone]
    found = re.search("[:：%]", event.message)
    end = found.end() if found else len(event.message)
    return f"[bold{colour}]{escape(event.message[:end])}[/]{escape(event.message[end:])}"


class _Speed(ProgressColumn):
    """Units per second of the running stage."""

    def render(self, task: Task) -> Text:
        """Show nothing where units cannot be counted."""
        if not task.fields["counted"] or not task.speed:
            return Text("")
        said = _("{speed:,.0f} {unit}/s", speed=task.speed, unit=task.fields["unit"])
        return Text(said, style="dim")


class _Count(MofNCompleteColumn):
    """Units done, of how many."""

    def render(self, task: Task) -> Text:
        """Show nothing where units cannot be counted."""
        return super().render(task) if task.fields["counted"] else Text("")


class _Time(ProgressColumn):
    """Time that is left; where it cannot be known, the time it has taken, so that it moves."""

    def __init__(self) -> None:
        super().__init__()
        self._left, self._taken = TimeRemainingColumn(), TimeElapsedColumn()

    def render(self, task: Task) -> Text:
        """Show the time taken of what cannot be counted, and of what is done."""
        counted = task.fields["counted"] and not task.finished
        return (self._left if counted else self._taken).render(task)


class _Beats:
    """Says in a log that a stage still runs: after 10 s, then 20, 40... so that it stays short."""

    def __init__(self) -> None:
        self._last, self._next = Event(""), BEAT
        self._language = in_force()
        self._began: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Say nothing any more."""
        self._over.set()
        self._thread.join()

    def hear(self, event: Event) -> None:
        """Announce a new stage; remember which one runs, and how far it is."""
        if event.stage not in self._began:
            say(escape(_("{stage} ...", stage=event.stage)))
            self._began[event.stage], self._next = time.monotonic(), BEAT
        self._last = event

    def _run(self) -> None:
        while not self._over.wait(BEAT / 20):
            event = self._last
            taken = time.monotonic() - self._began.get(event.stage, math.inf)
            if taken >= self._next and in_force() is self._language:  # figures may need another
                say(escape(_beat(event, taken)))
                self._next = 2 * taken


def _beat(event: Event, taken: float) -> str:
    if not event.total:
        return _("{stage} ... {taken:.0f} s", stage=event.stage, taken=taken)
    return _(
        "{stage} ... {taken:.0f} s, {done:,} of {total:,} {unit}",
        stage=event.stage,
        taken=taken,
        done=event.done,
        total=event.total,
        unit=event.unit,
    )


class Bars:
    """Draws events: one bar per stage, with speed and remaining time, and lines between them.

    A stage whose units cannot be counted has a moving bar and the time it has taken. Where there is
    no terminal, every stage is a line, and one that lasts says so now and then.
    """

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            _Count(),
            _Speed(),
            _Time(),
            TextColumn("{task.fields[how]}", style="dim"),
            console=err,
            disable=not err.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._current = ""
        self._beats = None if err.is_terminal else _Beats()

    def __enter__(self) -> Bars:
        self._progress.start()
        if self._beats:
            self._beats.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._beats:
            self._beats.stop()
        if error is None:
            self._finish()
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if event.level in ("warning", "note"):
            mark = "[yellow]![/]" if event.level == "warning" else "[dim]·[/]"
            self._progress.console.print(f"{mark} {escape(event.message)}", soft_wrap=True)
            return
        if event.level == "answer":
            self._finish()
            self._progress.console.print(answered(event), soft_wrap=True)
            return
        if self._beats:
            self._beats.hear(event)
        if event.stage not in self._tasks:
            self._finish()
            self._tasks[event.stage] = self._progress.add_task(
                event.stage, total=event.total or None, unit=event.unit, how="", counted=False
            )
            self._current = event.stage
        if event.level == "progress" and event.total:
            self._progress.update(
                self._tasks[event.stage],
                completed=event.done,
                total=event.total,
                counted=True,
                how=f"{sparkline(event.curve)} {event.message}".strip(),
            )

    def _finish(self) -> None:
        if self._current:
            task = self._progress.tasks[self._tasks[self._current]]
            total = task.total or 1
            self._progress.update(task.id, total=total, completed=total)
            self._current = ""


def show_findings(findings: list[dict[str, Any]]) -> None:
    """Print what the checks noticed, one line each."""
    if findings:
        say("")
    for finding in findings:
        mark = "[yellow]![/]" if finding["severity"] == "warning" else "[dim]·[/]"
        say(f"{mark} {escape(finding['message'])}")
