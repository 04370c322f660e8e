"""Inputs in pieces: a table of millions of rows passes through in bounded memory.

Everything is read twice: first to the end, for whatever is wrong and to count; then piece by piece,
when it is asked for. What fits into one piece is kept and read once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from headstart.data.inputs import Input, Piece, Reading, Source, are_several, called, joined
from headstart.data.items import Examples
from headstart.data.marks import marks
from headstart.errors import DataError
from headstart.events import OnEvent, ignore
from headstart.modalities import Kind, Modality
from headstart.said import _

SIZE = 4096
"""Examples of a piece: enough to keep all workers busy, and to put texts of one length together."""


class Pieces:
    """The examples of inputs, in order and in pieces; parameters as of ``inputs.expand``.

    Parameters
    ----------
    size : int, optional
        The most examples of a piece; default ``SIZE``.
    marked : bool
        Whether ``mark`` is made, while all is looked through.

    Attributes
    ----------
    mark : str
        Equal for equal examples under equal names in equal order; "" unless it was asked for.

    Raises
    ------
    DataError
        As ``expand``; all inputs are looked through before the first piece is given.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        modality: Modality[Any, Any],
        *,
        columns: Sequence[str] = (),
        column: str = "",
        x: str | None = None,
        encoding: str = "utf-8",
        strings: bool = False,
        cache_dir: Path | None = None,
        on_event: OnEvent = ignore,
        size: int | None = None,
        marked: bool = False,
    ) -> None:
        self._modality, self._size = modality, size or SIZE
        reading = Reading(
            modality, columns, column, x, encoding, strings, cache_dir, on_event, self._size
        )
        kinds: set[Kind] = set()
        self._sources: list[tuple[Source, int]] = []
        mark = hashlib.sha256()
        for source in reading.sources(inputs):
            first, n = None, 0
            for piece in source.pieces():
                first, n = piece if n == 0 else None, n + len(piece[1])
                kinds.add(piece[1].kind)
                if marked:
                    for part in marks(source.name, *piece):
                        mark.update(part)
            self._sources.append((source if first is None else Source.held(source.name, *first), n))
        self._several = are_several([source for source, _n in self._sources], kinds)
        self.mark = mark.hexdigest() if marked else ""

    def __len__(self) -> int:
        """How many examples there are in all."""
        return sum(n for _source, n in self._sources)

    def __iter__(self) -> Iterator[Examples]:
        """Give them, each piece as full as it may be unless it is the last."""
        waiting: list[Piece] = []
        room = self._size
        for refs, items in self._all():
            start = 0
            while start < len(items):
                stop = min(start + room, len(items))
                waiting.append((refs[start:stop], items.take(range(start, stop))))
                room -= stop - start
                start = stop
                if not room:
                    yield self._together(waiting)
                    waiting, room = [], self._size
        if waiting:
            yield self._together(waiting)

    def _all(self) -> Iterator[Piece]:
        for source, n in self._sources:
            seen = 0
            for refs, items in source.pieces():
                seen += len(items)
                yield called(source.name, refs, self._several), items
            if seen != n:
                raise DataError(
                    _("{name} was changed while it was read.", name=source.name),
                    _("Begin again when nothing writes to it."),
                )

    def _together(self, pieces: Sequence[Piece]) -> Examples:
        refs = tuple(ref for refs, _items in pieces for ref in refs)
        return Examples(refs, joined([items for _refs, items in pieces]), self._modality)
