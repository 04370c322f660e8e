"""Long files as tables of times: cut into stretches of one length, in pieces that fit in memory."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.data.items import Examples, Memory, times_of
from headstart.modalities import Modality, Timed, UnreadableError

MOST, MOST_BYTES = 256, 2**26
"""Stretches of a piece, and their bytes, 64 MB: enough to keep all workers busy."""


@dataclass(frozen=True)
class Moment:
    """One stretch of an input, or an input that cannot be cut.

    Attributes
    ----------
    name : str
        As the input named it.
    start, end : float or None
        Seconds; None where nothing could be read.
    data : bytes
    error : str
        Why it cannot be read, or "".
    """

    name: str
    start: float | None = None
    end: float | None = None
    data: bytes = b""
    error: str = ""


def pieces_of(
    inputs: Iterable[Examples], modality: Modality[Any, Any], every: float
) -> Iterator[list[Moment]]:
    """Cut inputs into stretches of ``every`` seconds, a piece at a time, in order."""
    piece: list[Moment] = []
    size = 0
    for moment in _moments(inputs, modality, every):
        piece.append(moment)
        size += len(moment.data)
        if len(piece) >= MOST or size >= MOST_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def examples_of(piece: list[Moment], modality: Modality[Any, Any]) -> Examples:
    """Return the stretches of a piece, without what cannot be read."""
    held = [moment for moment in piece if not moment.error]
    names = tuple(moment.name for moment in held)
    return Examples(names, Memory(tuple(moment.data for moment in held)), modality)


def count(inputs: Iterable[Examples], modality: Modality[Any, Any], every: float) -> int:
    """Estimate how many stretches there will be, by what headers say."""
    return sum(
        max(1, round(seconds / every))
        for examples in inputs
        for row in range(len(examples))
        for seconds in [_seconds(examples, row, modality)]
    )


def _seconds(examples: Examples, row: int, modality: Modality[Any, Any]) -> float:
    assert isinstance(modality, Timed)
    try:
        found = modality.seconds(_file(examples, row))
    except (OSError, UnreadableError):
        return 0.0
    return found if math.isfinite(found) else 0.0


def _moments(
    inputs: Iterable[Examples], modality: Modality[Any, Any], every: float
) -> Iterator[Moment]:
    assert isinstance(modality, Timed)
    for examples in inputs:
        for row, name in enumerate(examples.refs):
            try:
                for start, end, data in modality.stretches(_file(examples, row), every):
                    yield Moment(name, start, end, data)
            except UnreadableError as cause:
                yield Moment(name, error=cause.reason)
            except OSError as cause:
                yield Moment(name, error=cause.strerror or type(cause).__name__)


def _file(examples: Examples, row: int) -> Path | io.BytesIO:
    """Return what can be opened: the file of a whole one, the bytes of anything else."""
    items = examples.items
    path = items.path(row)
    if path is None or times_of(items, row) is not None:
        return io.BytesIO(items.data(row))
    return path
