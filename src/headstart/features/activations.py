"""Activations at the cut: the frozen part of a network runs once per example and view, then never.

They lie in one memory-mapped file per data set, cut and choice of views, so that training reads
them at the speed of memory and they may be larger than it. What is finished is marked after it is
on disk, so an interrupted pass goes on where it stopped, ``kill -9`` included.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.items import Examples
from headstart.errors import ConfigError
from headstart.events import Event, OnEvent, ignore
from headstart.features.engines import Engine, Forward, space
from headstart.features.threads import parallel
from headstart.modalities import Fed, FixedViews, Padded
from headstart.said import _

MAX_BYTES = 8 * 2**30
"""Bound on all files together; those unused for longest go first."""
FREE_SHARE = 0.5
"""Of the free disk space, what one file may take."""
LARGEST = 6e4
"""float16 ends at 65,504: larger activations are kept in float32."""
FLUSH_SECONDS = 2.0


@dataclass(frozen=True)
class Activations:
    """Maps of shape (n, V, *shape) on disk, float16 or float32.

    Attributes
    ----------
    maps : memmap
        Row by row as the files were given; view 0 is the plain example.
    forwards : int
        Passes of the prefix that this run had to do: examples times views, less what was there.
    seconds : float
    extents : ndarray of int64, shape (n, k), or None
        The last k axes of each example's own activations, where examples differ in extent; beyond
        them is padding, of zeros.
    """

    maps: np.memmap
    forwards: int
    seconds: float
    extents: NDArray[np.int64] | None = None

    @property
    def views(self) -> int:
        """How many views of every example there are."""
        return int(self.maps.shape[1])

    def plain(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Activations of examples as prediction sees them: (B, *shape), padded to the largest."""
        return self._read(rows, np.zeros(len(rows), np.int64))

    def varied(self, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
        """Activations of one view of each example, drawn at random: (B, *shape)."""
        return self._read(rows, rng.integers(self.views, size=len(rows)))

    def sizes(self, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Return how large each is; None where all are alike."""
        return None if self.extents is None else self.extents[rows].prod(axis=1)

    def _read(self, rows: NDArray[np.int64], view: NDArray[np.int64]) -> NDArray[np.float32]:
        if self.extents is None:
            return self.maps[rows, view].astype(np.float32)
        ends = tuple(slice(int(end)) for end in self.extents[rows].max(axis=0))
        where: tuple[Any, ...] = (rows, view, Ellipsis, *ends)
        return self.maps[where].astype(np.float32)


def room(folder: Path) -> int:
    """Bytes that activations may take in a cache folder."""
    while not folder.exists():
        folder = folder.parent
    return int(min(MAX_BYTES, FREE_SHARE * shutil.disk_usage(folder).free))


def activate(
    examples: Examples,
    hashes: Sequence[str],
    engine: Engine,
    shape: tuple[int, ...],
    views: FixedViews[Any],
    folder: Path,
    *,
    workers: int,
    on_event: OnEvent = ignore,
    extents: NDArray[np.int64] | None = None,
) -> Activations:
    """Run the prefix once over every example and view that is not in the cache yet.

    Parameters
    ----------
    examples : Examples, length n
    hashes : sequence of str
        SHA-256 of each.
    engine : Engine
        Of a :class:`~headstart.backbones.cutting.Prefix`.
    shape : tuple of int
        Of the activations of one.
    folder : Path
        The cache folder.
    extents : ndarray of int64, shape (n, k), optional
        Of the maps of each example, where they differ.

    Raises
    ------
    DataError
        An example that can no longer be read.
    ConfigError
        No space on the disk.
    """
    start = time.perf_counter()
    for dtype in (np.float16, np.float32):
        key = "|".join([space(engine), views.key, np.dtype(dtype).name, *hashes])
        place = folder / "activations" / hashlib.sha256(key.encode()).hexdigest()[:32]
        try:
            kept = _Kept.open(place, (len(examples), views.count, *shape), dtype)
        except OSError as cause:
            raise ConfigError(
                _(
                    "The activations cannot be kept in {folder!r}: {cause}.",
                    folder=str(folder),
                    cause=cause.strerror or str(cause),
                ),
                _("Free some space, name another folder by HEADSTART_CACHE, or use --no-cache."),
            ) from cause
        _evict(folder / "activations", keep=place)
        try:
            forwards = _fill(kept, examples, hashes, engine, views, workers, on_event)
        except _TooLargeError:
            shutil.rmtree(place, ignore_errors=True)
            continue
        return Activations(kept.maps, forwards, time.perf_counter() - start, extents)
    raise AssertionError("float32 holds whatever float32 networks compute")


class _TooLargeError(Exception):
    """An activation that float16 cannot hold."""


@dataclass
class _Kept:
    """The file of activations, and which examples in it are finished."""

    maps: np.memmap
    done: NDArray[np.bool_]  # (n,)
    marks: Path

    @classmethod
    def open(cls, place: Path, shape: tuple[int, ...], dtype: type[np.floating]) -> _Kept:
        place.mkdir(parents=True, exist_ok=True)
        path, marks = place / "maps", place / "done"
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if not path.exists() or path.stat().st_size != size:
            marks.unlink(missing_ok=True)
            _allocate(path, size)
        path.touch()  # used now: last to be evicted
        done = np.zeros(shape[0], bool)
        if marks.exists() and marks.stat().st_size == len(done):
            done = np.fromfile(marks, bool)
        return cls(np.memmap(path, dtype, "r+", shape=shape), done, marks)

    def flush(self, finished: list[int]) -> None:
        """Put finished examples on the disk, and then the marks that say so."""
        self.maps.flush()
        self.done[finished] = True
        beside = self.marks.with_name(f"done.{os.getpid()}")
        self.done.tofile(beside)
        beside.replace(self.marks)


def _allocate(path: Path, size: int) -> None:
    """Make a file whose space is really there: writing to a mapped hole on a full disk kills."""
    with path.open("wb") as opened:
        try:
            os.posix_fallocate(opened.fileno(), 0, size)
        except AttributeError:  # macOS, Windows
            block = bytes(2**20)
            for _ in range(0, size, len(block)):
                opened.write(block)
            opened.truncate(size)
        except OSError:
            path.unlink()
            raise


def _fill(
    kept: _Kept,
    examples: Examples,
    hashes: Sequence[str],
    engine: Engine,
    views: FixedViews[Any],
    workers: int,
    on_event: OnEvent,
) -> int:
    todo = np.flatnonzero(~kept.done)
    work = _Passes(todo, examples, hashes, engine, views, kept.maps)
    finished: list[int] = []
    flushed = time.monotonic()
    stage, passes = _("running the frozen layers"), _("passes")
    try:
        for count, row in enumerate(work.run(len(todo), workers), 1):
            finished.append(row)
            on_event(Event(stage, count * views.count, len(todo) * views.count, passes))
            if time.monotonic() - flushed > FLUSH_SECONDS:
                kept.flush(finished)
                finished, flushed = [], time.monotonic()
    finally:
        kept.flush(finished)
    return len(todo) * views.count


@dataclass
class _Passes:
    """The work of one thread on one example: read it, make its views, run the prefix on each."""

    todo: NDArray[np.int64]
    examples: Examples
    hashes: Sequence[str]
    engine: Engine
    views: FixedViews[Any]
    maps: np.memmap

    def run(self, n: int, workers: int) -> Iterator[int]:
        """Go through all; one thread where the engine takes batches: it would only wait."""
        threads = workers if self.engine.batch_size == 1 else 1
        return parallel(self, n, threads, self.examples.modality.quiet)

    def replicas(self) -> list[Forward | None]:
        return [self.engine.replica()]

    def __call__(self, place: int, forwards: list[Forward | None]) -> int:
        row, forward, look = int(self.todo[place]), forwards[0], self.engine.card.look
        assert forward is not None
        x = self.examples.read(row, look.detail)
        seen = [self.views(x, look, self.hashes[row], v) for v in range(self.views.count)]
        for start in range(0, len(seen), self.engine.batch_size):
            fed = look.batch(seen[start : start + self.engine.batch_size])
            self._run(row, start, fed, forward)
        return row

    def _run(self, row: int, start: int, fed: Fed, forward: Forward) -> None:
        out = forward(fed)
        if self.maps.dtype == np.float16 and not np.abs(out).max() < LARGEST:
            raise _TooLargeError
        where: tuple[Any, ...] = (row, slice(start, start + len(out)))
        look = self.engine.card.look
        if isinstance(look, Padded):  # the file is zero elsewhere
            where = (*where, Ellipsis, *map(slice, look.places(fed.shape[1:])))
        self.maps[where] = out.reshape(self.maps[where].shape)


def _evict(folder: Path, *, keep: Path) -> None:
    """Drop the files unused for longest until the rest fits its bound."""
    others = sorted(
        (p for p in folder.iterdir() if p != keep and (p / "maps").exists()),
        key=lambda p: (p / "maps").stat().st_mtime,
    )
    sizes = [(p / "maps").stat().st_size for p in others]
    total = sum(sizes) + (keep / "maps").stat().st_size
    for path, size in zip(others, sizes, strict=True):
        if total <= MAX_BYTES:
            return
        shutil.rmtree(path, ignore_errors=True)
        total -= size
