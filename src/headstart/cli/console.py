"""What the terminal shows: bars with a forecast, sentences, tables. All of it on stderr."""

from __future__ import annotations

import math
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
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
    TimeRemainingColumn,
)
from rich.text import Text

from headstart.events import Event
from headstart.folder.layout import PAGE
from headstart.text import to_json

err = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """Print a line for people."""
    err.print(text, soft_wrap=True)


def complain(message: str, hint: str) -> None:
    """Print an error as ``error: ...``, a blank line, ``hint: ...``."""
    err.print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)
    if hint:
        err.print(f"\n[bold cyan]hint:[/] {escape(hint)}", soft_wrap=True)


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
    say(f"Report: {escape(str(folder / PAGE))}")
    say(escape(f"Predict: headstart predict {quoted(folder)} {inputs(modality)}..."))


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
    return "TABLE" if in_tables else modalities.unit(modality).many.upper()


class _Speed(ProgressColumn):
    """Units per second of the running stage."""

    def render(self, task: Task) -> Text:
        """Show nothing where units cannot be counted."""
        if not task.total or not task.speed:
            return Text("")
        return Text(f"{task.speed:,.0f} {task.fields['unit']}/s", style="dim")


class Bars:
    """Draws events: one bar per stage, with speed and remaining time, and lines between them."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            _Speed(),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[how]}", style="dim"),
            console=err,
            disable=not err.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._current = ""

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._finish()
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if event.level in ("warning", "note"):
            mark = "[yellow]![/]" if event.level == "warning" else "[dim]·[/]"
            self._progress.console.print(f"{mark} {escape(event.message)}", soft_wrap=True)
            return
        if event.stage not in self._tasks:
            self._finish()
            if not err.is_terminal:
                say(f"{event.stage} ...")
            self._tasks[event.stage] = self._progress.add_task(
                event.stage, total=event.total or None, unit=event.unit, how=""
            )
            self._current = event.stage
        if event.level == "progress" and event.total:
            self._progress.update(
                self._tasks[event.stage],
                completed=event.done,
                total=event.total,
                how=f"{sparkline(event.curve)} {event.message}".strip(),
            )

    def _finish(self) -> None:
        if self._current:
            task = self._progress.tasks[self._tasks[self._current]]
            total = task.total or 1
            self._progress.update(task.id, total=total, completed=total)
            self._current = ""
