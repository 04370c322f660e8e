"""Columns that say which stretch of a file an example is: where it starts, and where it ends.

They are taken where a table has them beside files that run over time; ``--x FILE,START,END`` names
others, and ``--x FILE`` takes whole files. What is wrong with them is named row by row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.data.formats import Table
from headstart.data.items import Files, Stretches, in_seconds
from headstart.errors import ConfigError, DataError
from headstart.modalities import Modality, Timed
from headstart.said import N_, _, sentences

_STARTS = (
    *("start", "start_s", "start_sec", "start_seconds", "start_time", "starttime"),
    *("begin", "begin_s", "begin_time", "begin time (s)", "onset", "开始", "起点", "开始时间"),
)
_ENDS = (
    *("end", "end_s", "end_sec", "end_seconds", "end_time", "endtime", "stop", "stop_s"),
    *("end time (s)", "结束", "终点", "结束时间"),
)
_DURATIONS = ("duration", "duration_s", "duration_sec", "dur", "length_s", "时长")
_OFFSET = "offset"
"""Where a stretch ends beside ``onset``, and where it starts beside a duration."""
LEEWAY = 0.05
"""Seconds by which a stretch may end after its file, since times are rounded; it is cut there."""
Place = tuple[Path, tuple[float, float] | None]
"""A file, and the stretch of it that an example is."""
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:\.\d*)?)")


@dataclass(frozen=True)
class Span:
    """The columns of a table that say where stretches lie in their files.

    Attributes
    ----------
    start, end : str
    lasting : bool
        Whether ``end`` says how long a stretch is, and not where it ends.
    """

    start: str
    end: str
    lasting: bool = False

    @classmethod
    def named(cls, start: str, end: str) -> Span:
        """Take columns by their names, which tell whether one says how long a stretch is."""
        return cls(start, end, end.casefold() in _DURATIONS)

    @property
    def columns(self) -> tuple[str, str]:
        """Both."""
        return self.start, self.end


def span_of(table: Table, taken: Collection[str | None]) -> Span | None:
    """Guess the columns by their names; None where a table has none.

    Raises
    ------
    DataError
        One of the two is missing.
    """
    start, end = table.guess(_STARTS, taken), table.guess(_ENDS, taken)
    lasts, offset = table.guess(_DURATIONS, taken), table.guess((_OFFSET,), taken)
    if start is not None and start.casefold() == "onset":
        end = end or offset
    elif start is None and lasts is not None:  # a duration alone says nothing of stretches
        start = offset
    if start is None and end is None:
        return None
    if start is not None and (end is not None or lasts is not None):
        return Span(start, end or lasts or "", lasting=end is None)
    there = start or end
    raise DataError(
        _(
            "{table}: column {column!r} says where a stretch of a file starts, but no column says "
            "where it ends.",
            table=table.name,
            column=there,
        )
        if start
        else _(
            "{table}: column {column!r} says where a stretch of a file ends, but no column says "
            "where it starts.",
            table=table.name,
            column=there,
        ),
        _(
            "Give both, as start and end in seconds, or name them: --x FILE,START,END. Whole files "
            "are taken where --x names their column alone."
        ),
    )


def stretches_of(
    table: Table, span: Span, files: Sequence[Path], modality: Modality[Any, Any]
) -> Stretches:
    """Read where every stretch lies, and hold that against the length of its file.

    Parameters
    ----------
    files : sequence of Path
        Of every row. One that cannot be opened is passed over: reading it will tell.

    Raises
    ------
    DataError
        Cells that are empty or no time, times before the file, stretches that do not end after
        they start or that end after their file does.
    ConfigError
        Examples that do not run over time.
    """
    timed = timed_or_refuse(modality)
    starts, ends = (_times(table, column) for column in span.columns)
    if span.lasting:
        ends = [start + lasts for start, lasts in zip(starts, ends, strict=True)]
    _refuse(
        table,
        N_("{table}: a stretch does not end after it starts in {rows}."),
        [
            (n, _shown(start, end)) if end <= start else None
            for n, start, end in zip(table.numbers, starts, ends, strict=True)
        ],
        _("Correct the times, or delete those rows."),
    )
    length_of = {file: _length(timed, file) for file in dict.fromkeys(files)}
    lengths = [length_of[file] for file in files]
    late = [
        None if end <= length + LEEWAY else (n, _late(file, end, length))
        for n, file, end, length in zip(table.numbers, files, ends, lengths, strict=True)
    ]
    _refuse(
        table,
        N_("{table}: a stretch ends after its file does in {rows}."),
        late,
        sentences(
            _("Correct the times: they count from the start of the file, in seconds."),
            _(
                "If the files hold just their stretches already, take them whole: --x names their "
                "column alone."
            ),
        ),
    )
    times = tuple(
        (start, min(end, length)) for start, end, length in zip(starts, ends, lengths, strict=True)
    )
    return Stretches(tuple(files), times, timed)


def timed_or_refuse(modality: Modality[Any, Any]) -> Timed:
    """Return a modality that has a time axis; raise ``ConfigError`` for any other."""
    if isinstance(modality, Timed):
        return modality
    raise ConfigError(
        _("Stretches of time: {many} have none.", many=modality.unit.many),
        _("Take them whole: --x names their column alone."),
    )


def same_stretches(files: Files | Stretches) -> list[Place]:
    """Return what is equal for rows that are the same file, or the same stretch of it."""
    if isinstance(files, Files):
        return [(file, None) for file in files.files]
    return list(zip(files.files, files.times, strict=True))


def _times(table: Table, column: str) -> list[float]:
    """Read a column of times in seconds."""
    cells = table.cells[column]
    _refuse(
        table,
        N_("{table}: nothing in column {column!r} in {rows}."),
        [None if cell else (n, "") for n, cell in zip(table.numbers, cells, strict=True)],
        _("Fill the cells, or delete those rows."),
        column=column,
    )
    read = [in_time(cell) for cell in cells]
    written = _("Write seconds, such as 3.5, or hours, minutes and seconds, such as 1:02:03.5.")
    rows = list(zip(table.numbers, cells, read, strict=True))
    _refuse(
        table,
        N_("{table}: no time in column {column!r} in {rows}."),
        [(n, repr(cell)) if time is None else None for n, cell, time in rows],
        written,
        column=column,
    )
    _refuse(
        table,
        N_("{table}: a time before the start of the file in column {column!r} in {rows}."),
        [(n, repr(cell)) if time is not None and time < 0 else None for n, cell, time in rows],
        _("Times count from the start of the file, in seconds: 0 or more."),
        column=column,
    )
    return [time for time in read if time is not None]


def in_time(cell: str) -> float | None:
    """Read a time in seconds; None where a cell holds none.

    Examples
    --------
    >>> in_time("3.5"), in_time("2:03"), in_time("1:02:03.5"), in_time("soon"), in_time("nan")
    (3.5, 123.0, 3723.5, None, None)
    """
    clock = _CLOCK.fullmatch(cell)
    if clock:
        hours, minutes, seconds = clock.groups()
        return 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds)
    try:
        time = float(cell)
    except ValueError:
        return None
    return time if math.isfinite(time) else None


def _refuse(
    table: Table,
    message: str,
    problems: Sequence[tuple[int, str] | None],
    hint: str,
    **values: str,
) -> None:
    table.refuse(message, [p for p in problems if p is not None], hint, **values)


def _shown(start: float, end: float) -> str:
    return _("({start} to {end} s)", start=in_seconds(start), end=in_seconds(end))


def _late(file: Path, end: float, length: float) -> str:
    return _(
        "(to {end} s; {file} is {length} s long)",
        end=in_seconds(end),
        file=file.name,
        length=in_seconds(length),
    )


def _length(timed: Timed, file: Path) -> float:
    """Return how long a file is; endless where it cannot be opened, as reading it will tell."""
    try:
        return timed.seconds(file)
    except (OSError, ValueError):
        return math.inf
