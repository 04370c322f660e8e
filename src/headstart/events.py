"""Progress as values: the library emits events, whoever called it decides how they look.

The command line draws them as bars, a web page may stream them, a test collects them in a list.
The library itself never prints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Level = Literal["progress", "info", "note", "warning", "answer"]
Tone = Literal["", "good", "bad", "unsure"]


@dataclass(frozen=True)
class Event:
    """One thing worth telling while a job runs.

    Attributes
    ----------
    stage : str
        What is being done, in words a user understands: ``"reading and embedding"``.
    done, total : int
        Finished and expected units of this stage; ``total=0`` means "not countable".
    unit : str
        What is counted: ``"images"``, ``"folds"``.
    message : str
        A sentence; in a ``progress`` event, a few words on how it goes.
    level : {"progress", "info", "note", "warning", "answer"}
        ``progress`` moves a bar; ``note`` and ``warning`` are lines to show, and ``answer`` what
        the user waits for; ``info`` says what a stage is busy with.
    curve : tuple of float
        The losses of a training so far, one an epoch.
    tone : {"", "good", "bad", "unsure"}
        Of an answer.
    """

    stage: str
    done: int = 0
    total: int = 0
    unit: str = ""
    message: str = ""
    level: Level = "progress"
    curve: tuple[float, ...] = ()
    tone: Tone = ""


OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Drop the event: the default listener."""
