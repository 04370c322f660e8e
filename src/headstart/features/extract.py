"""Files in, vectors out: reading, decoding and the forward pass overlapped, each file read once.

Independent workers (threads: every heavy step releases Python's lock, so they behave the same on
Linux, macOS and Windows) take the next file, look its hash up in the cache, and decode and embed
what is missing. The main thread alone writes to the cache, in small transactions, so whatever was
finished before an interruption is there for the next run.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headstart.events import Event, OnEvent, ignore
from headstart.features.engines import Engine, Forward, space
from headstart.features.store import FeatureStore
from headstart.features.threads import parallel
from headstart.modalities import UnreadableError
from headstart.modalities.image.digest import THUMB, THUMB_FROM, THUMB_KEY, pack, thumb, unpack
from headstart.modalities.image.read import ImageModality, Picture, reduction

FLUSH_ITEMS, FLUSH_SECONDS = 64, 2.0


@dataclass(frozen=True)
class Features:
    """What is known of each file after reading; rows follow the files given.

    Attributes
    ----------
    vectors : list of ndarray of shape (n, dim), float32
        One per engine; rows of unreadable files are zero.
    thumbs : ndarray of shape (n, 64, 64, 3), uint8
        The whole image squeezed into a square.
    sizes : ndarray of shape (n, 2), int
        Width and height in the file, pixels, upright.
    hashes : list of str
        SHA-256 of each file's bytes ("" where it could not be read).
    unreadable : dict of int to str
        Row -> reason.
    forward_examples : int
        Forward passes done (images times engines); what the cache served is not counted.
    cache_hits : int
        Embeddings the cache served.
    seconds : float
        Wall time of the pass.
    trouble : str
        Why the cache went out of use, or "".
    """

    vectors: list[NDArray[np.float32]]
    thumbs: NDArray[np.uint8]
    sizes: NDArray[np.int64]
    hashes: list[str]
    unreadable: dict[int, str]
    forward_examples: int
    cache_hits: int
    seconds: float
    trouble: str = ""

    def take(self, rows: NDArray[np.integer]) -> Features:
        """Return the chosen rows, in order (counts and times stay those of the pass)."""
        return Features(
            [x[rows] for x in self.vectors],
            self.thumbs[rows],
            self.sizes[rows],
            [self.hashes[i] for i in rows],
            {new: self.unreadable[old] for new, old in enumerate(rows) if old in self.unreadable},
            self.forward_examples,
            self.cache_hits,
            self.seconds,
            self.trouble,
        )


@dataclass
class _Read:
    """One file on its way: what a worker found, and what is still to embed or to store."""

    row: int
    sha: str = ""
    size: tuple[int, int] = (0, 0)
    thumb: NDArray[np.uint8] | None = None
    vectors: list[NDArray[np.float32] | None] | None = None
    pixels: list[NDArray[np.uint8] | None] | None = None
    fresh: int = 0
    reason: str = ""
    new_thumb: bool = False


def extract(
    files: Sequence[Path],
    engines: Sequence[Engine],
    store: FeatureStore,
    *,
    workers: int,
    on_event: OnEvent = ignore,
) -> Features:
    """Embed every file with every engine, from the cache where possible.

    Parameters
    ----------
    files : sequence of Path
    engines : sequence of Engine
        Each image is decoded once for all of them. May be empty: then files are only checked.
    store : FeatureStore
    workers : int
        Threads; one core each.
    """
    start = time.perf_counter()
    n = len(files)
    vectors = [np.zeros((n, e.card.dim), np.float32) for e in engines]
    thumbs = np.zeros((n, THUMB, THUMB, 3), np.uint8)
    sizes = np.zeros((n, 2), np.int64)
    hashes, unreadable = [""] * n, {}
    forwards = 0
    spaces = [space(e) for e in engines]
    pending: list[tuple[str, bytes]] = []
    flushed = time.monotonic()

    def stage(done: int) -> Event:
        return Event("reading and embedding", done, n, "images")

    on_event(stage(0))
    reader = _Reader(files, engines, spaces, store)
    for done, item in enumerate(_batched(parallel(reader, n, workers), engines), 1):
        hashes[item.row] = item.sha
        if item.reason:
            unreadable[item.row] = item.reason
        else:
            assert item.vectors is not None and item.thumb is not None
            thumbs[item.row], sizes[item.row] = item.thumb, item.size
            if item.new_thumb:
                pending.append((f"{item.sha}:{THUMB_KEY}", pack(item.size, item.thumb)))
            for k, vector in enumerate(item.vectors):
                assert vector is not None
                vectors[k][item.row] = vector
                if item.fresh >> k & 1:
                    forwards += 1
                    pending.append((f"{item.sha}:{spaces[k]}", vector.tobytes()))
        if len(pending) >= FLUSH_ITEMS or time.monotonic() - flushed > FLUSH_SECONDS:
            store.put(pending)
            pending, flushed = [], time.monotonic()
        on_event(stage(done))
    store.put(pending)
    hits = (n - len(unreadable)) * len(engines) - forwards
    return Features(
        vectors,
        thumbs,
        sizes,
        hashes,
        unreadable,
        forwards,
        hits,
        time.perf_counter() - start,
        store.trouble,
    )


@dataclass
class _Reader:
    """The work of one worker on one file."""

    files: Sequence[Path]
    engines: Sequence[Engine]
    spaces: Sequence[str]
    store: FeatureStore

    def replicas(self) -> list[Forward | None]:
        """Forward passes for the calling thread; None where batches are run elsewhere."""
        return [e.replica() if e.batch_size == 1 else None for e in self.engines]

    def __call__(self, row: int, forwards: list[Forward | None]) -> _Read:
        item = _Read(row)
        try:
            data = self.files[row].read_bytes()
            item.sha = hashlib.sha256(data).hexdigest()
            self._recall(item)
            if item.thumb is None or any(v is None for v in item.vectors or ()):
                self._compute(item, data, forwards)
        except UnreadableError as cause:
            item.reason = str(cause)
        except OSError as cause:
            item.reason = cause.strerror or type(cause).__name__
        return item

    def _recall(self, item: _Read) -> None:
        known = self.store.get(f"{item.sha}:{THUMB_KEY}")
        if known is not None:
            item.size, item.thumb = unpack(known)
        values = [self.store.get(f"{item.sha}:{s}") for s in self.spaces]
        item.vectors = [None if v is None else np.frombuffer(v, np.float32) for v in values]

    def _compute(self, item: _Read, data: bytes, forwards: list[Forward | None]) -> None:
        assert item.vectors is not None
        decoded: dict[int, Picture] = {}

        def read(short_side: int) -> Picture:
            """Decode as for this size alone: what else is computed must not change a pixel."""
            scale = reduction(data, short_side)
            if scale not in decoded:
                decoded[scale] = ImageModality().read(data, short_side=short_side)
            return decoded[scale]

        if item.thumb is None:
            picture = read(THUMB_FROM)
            item.size, item.thumb, item.new_thumb = picture.size, thumb(picture), True
        item.pixels = [None] * len(self.engines)
        for k, engine in enumerate(self.engines):
            if item.vectors[k] is not None:
                continue
            item.fresh |= 1 << k
            look = engine.card.preprocessing
            pixels = look(read(look.resize).image)
            forward = forwards[k]
            if forward is None:
                item.pixels[k] = pixels
            else:
                item.vectors[k] = forward(pixels[None])[0]


def _batched(items: Iterator[_Read], engines: Sequence[Engine]) -> Iterator[_Read]:
    """Embed, in batches of fixed size, what engines with ``batch_size > 1`` left to do."""
    large = [k for k, e in enumerate(engines) if e.batch_size > 1]
    if not large:
        yield from items
        return
    size = max(engines[k].batch_size for k in large)
    forwards = {k: engines[k].replica() for k in large}
    while waiting := list(itertools.islice(items, size)):
        for k in large:
            todo = [i for i in waiting if i.pixels is not None and i.pixels[k] is not None]
            if not todo:
                continue
            pixels = np.stack([i.pixels[k] for i in todo if i.pixels is not None])  # type: ignore[misc]
            # Padding keeps the shape, hence the kernel, hence the numbers, the same for all.
            padded = np.concatenate([pixels, np.repeat(pixels[:1], size - len(todo), axis=0)])
            for item, vector in zip(todo, forwards[k](padded), strict=False):
                assert item.vectors is not None
                item.vectors[k] = vector
        yield from waiting
