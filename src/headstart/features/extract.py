"""Bytes in, vectors out: reading, decoding and the forward pass overlapped, each example read once.

Independent workers (threads: every heavy step releases Python's lock, so they behave the same on
Linux, macOS and Windows) take the next example, look its hash up in the cache, and decode and embed
what is missing. The main thread alone writes to the cache, in small transactions, so whatever was
finished before an interruption is there for the next run.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from headstart.data.items import Examples
from headstart.events import Event, OnEvent, ignore
from headstart.features.engines import Engine, Forward, single, space
from headstart.features.store import FeatureStore
from headstart.features.threads import parallel
from headstart.modalities import Fed, Look, Noticing, UnreadableError
from headstart.said import _

FLUSH_ITEMS, FLUSH_SECONDS = 64, 2.0


@dataclass(frozen=True)
class Features:
    """What is known of each example after reading; rows follow the examples given.

    Attributes
    ----------
    vectors : list of ndarray of shape (n, dim), float32
        One per engine; rows of unreadable examples are zero.
    digests : list
        As the modality makes them; None where an example could not be read.
    hashes : list of str
        SHA-256 of each example's bytes ("" where it could not be read).
    unreadable : dict of int to str
        Row -> reason.
    forward_examples : int
        Forward passes done (examples times networks); what the cache served is not counted.
    cache_hits : int
        Embeddings the cache served.
    seconds : float
        Wall time of the pass.
    trouble : str
        Why the cache went out of use, or "".
    """

    vectors: list[NDArray[np.float32]]
    digests: list[Any]
    hashes: list[str]
    unreadable: dict[int, str]
    forward_examples: int
    cache_hits: int
    seconds: float
    trouble: str = ""

    def take(self, rows: NDArray[np.integer]) -> Features:
        """Return the chosen rows, in order (counts and times stay those of the pass)."""
        if np.array_equal(rows, np.arange(len(self.hashes))):
            return self  # all of them: copies would be the largest arrays of a run
        return Features(
            [x[rows] for x in self.vectors],
            [self.digests[i] for i in rows],
            [self.hashes[i] for i in rows],
            {new: self.unreadable[old] for new, old in enumerate(rows) if old in self.unreadable},
            self.forward_examples,
            self.cache_hits,
            self.seconds,
            self.trouble,
        )


@dataclass
class _Read:
    """One example on its way: what a worker found, and what is still to embed or to store."""

    row: int
    sha: str = ""
    digest: Any = None
    vectors: list[NDArray[np.float32] | None] | None = None
    fed: list[Fed | None] | None = None
    fresh: int = 0
    reason: str = ""
    new_digest: bool = False
    noticed: dict[str, bytes] = field(default_factory=dict)
    new_notices: tuple[str, ...] = ()


def extract(
    examples: Examples,
    engines: Sequence[Engine],
    store: FeatureStore,
    *,
    workers: int,
    on_event: OnEvent = ignore,
) -> Features:
    """Embed every example with every engine, from the cache where possible.

    Parameters
    ----------
    examples : Examples
    engines : sequence of Engine
        Each example is decoded once for all of them. May be empty: then they are only read. Of
        networks side by side each is served by what the cache holds of it alone.
    store : FeatureStore
    workers : int
        Threads; one core each.
    """
    own = [single(engine) for engine in engines]
    once = {space(engine): engine for parts in own for engine in parts}
    found = _extract(examples, list(once.values()), store, workers=workers, on_event=on_event)
    by_space = dict(zip(once, found.vectors, strict=True))
    together = [[by_space[space(engine)] for engine in parts] for parts in own]
    return replace(found, vectors=[X[0] if len(X) == 1 else np.hstack(X) for X in together])


class Known(Protocol):
    """What was found out before."""

    def get(self, key: str) -> bytes | None:
        """Return the value of a key, or None."""


class Nothing:
    """Knows nothing, and is told nothing."""

    def get(self, key: str) -> None:
        """Return None."""


@dataclass(frozen=True)
class Embedder:
    """Embeds a few examples at a time, in the calling thread, as ``extract`` does; keeps nothing.

    Parameters
    ----------
    engines : sequence of Engine
        Of single networks (``engines.single``); each takes one example at a time.
    digests : bool
        Whether examples are digested, too.
    """

    engines: Sequence[Engine]
    digests: bool
    _spaces: list[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_spaces", [space(e) for e in self.engines])

    def replicas(self) -> list[Forward]:
        """Return forward passes for the calling thread."""
        return [engine.replica() for engine in self.engines]

    def __call__(self, examples: Examples, forwards: Sequence[Forward]) -> Features:
        """Read and embed examples, with the calling thread's own forward passes."""
        start, n = time.perf_counter(), len(examples)
        reader = _Reader(
            examples, self.engines, self._spaces, Nothing(), max(1, n), digests=self.digests
        )
        read = reader(0, list(forwards)) if n else []
        vectors = [np.zeros((n, engine.card.dim), np.float32) for engine in self.engines]
        for item in read:
            for k, vector in enumerate(() if item.reason else item.vectors or ()):
                vectors[k][item.row] = vector
        unreadable = {item.row: item.reason for item in read if item.reason}
        return Features(
            [vectors[0] if len(vectors) == 1 else np.hstack(vectors)],
            [_told(item, self.engines) for item in read],
            [item.sha for item in read],
            unreadable,
            (n - len(unreadable)) * len(vectors),
            0,
            time.perf_counter() - start,
        )


def _extract(
    examples: Examples,
    engines: Sequence[Engine],
    store: FeatureStore,
    *,
    workers: int,
    on_event: OnEvent,
) -> Features:
    """Embed every example with engines of single networks."""
    start = time.perf_counter()
    n, modality = len(examples), examples.modality
    vectors = [np.zeros((n, e.card.dim), np.float32) for e in engines]
    digests: list[Any] = [None] * n
    hashes, unreadable = [""] * n, {}
    forwards = 0
    spaces = [space(e) for e in engines]
    pending: list[tuple[str, bytes]] = []
    flushed = time.monotonic()

    def stage(done: int) -> Event:
        return Event(_("reading and embedding"), done, n, modality.unit.many)

    on_event(stage(0))
    reader = _Reader.of(examples, engines, spaces, store, workers)
    with closing(parallel(reader, reader.chunks, workers, modality.quiet)) as found:
        for done, item in enumerate(_batched(itertools.chain.from_iterable(found), engines), 1):
            # Between chunks alone: what is packed together is kept together, or made again so.
            due = len(pending) >= FLUSH_ITEMS or time.monotonic() - flushed > FLUSH_SECONDS
            if due and item.row % reader.size == 0:
                store.put(pending)
                pending, flushed = [], time.monotonic()
            hashes[item.row] = item.sha
            if item.reason:
                unreadable[item.row] = item.reason
            else:
                assert item.vectors is not None and item.digest is not None
                digests[item.row] = _told(item, engines)
                pending += [(f"{item.sha}:{key}", item.noticed[key]) for key in item.new_notices]
                if item.new_digest:
                    key = f"{item.sha}:{modality.digest_key}"
                    pending.append((key, modality.pack(item.digest)))
                for k, vector in enumerate(item.vectors):
                    assert vector is not None
                    vectors[k][item.row] = vector
                    if item.fresh >> k & 1:
                        forwards += 1
                        pending.append((f"{item.sha}:{spaces[k]}", vector.tobytes()))
            on_event(stage(done))
    store.put(pending)
    hits = (n - len(unreadable)) * len(engines) - forwards
    return Features(
        vectors,
        digests,
        hashes,
        unreadable,
        forwards,
        hits,
        time.perf_counter() - start,
        store.trouble,
    )


@dataclass
class _Reader:
    """The work of one worker: a few examples at a time, read, then embedded engine by engine.

    To change from one network to another with every example takes a tenth more time: no
    processor's cache holds the weights of two.
    """

    examples: Examples
    engines: Sequence[Engine]
    spaces: Sequence[str]
    store: Known
    size: int
    digests: bool = True

    @classmethod
    def of(
        cls,
        examples: Examples,
        engines: Sequence[Engine],
        spaces: Sequence[str],
        store: FeatureStore,
        workers: int,
    ) -> _Reader:
        """Choose how many examples are taken at a time: few where there are few for a worker."""
        size = min(examples.modality.taken, max(1, len(examples) // (4 * workers)))
        return cls(examples, engines, spaces, store, size)

    @property
    def chunks(self) -> int:
        """How often it is called."""
        return -(-len(self.examples) // self.size)

    def replicas(self) -> list[Forward | None]:
        """Forward passes for the calling thread; None where batches are run elsewhere."""
        return [e.replica() if e.batch_size == 1 else None for e in self.engines]

    def __call__(self, chunk: int, forwards: list[Forward | None]) -> list[_Read]:
        first = chunk * self.size
        items = [
            self._read(row) for row in range(first, min(first + self.size, len(self.examples)))
        ]
        for k, forward in enumerate(forwards):
            todo = [(i, i.fed[k]) for i in items if i.fed is not None and i.fed[k] is not None]
            if forward is not None:
                self._embed(k, [(item, fed) for item, fed in todo if fed is not None], forward)
        return items

    def _embed(self, k: int, todo: list[tuple[_Read, Fed]], forward: Forward) -> None:
        """Run one network over what is prepared for it, packed as the modality says."""
        look = self.engines[k].card.look
        for pack in self.examples.modality.packs([fed for _item, fed in todo]):
            found = forward(look.batch([todo[i][1] for i in pack]))
            for i, vector in zip(pack, found, strict=True):
                vectors = todo[i][0].vectors
                assert vectors is not None
                vectors[k] = vector

    def _read(self, row: int) -> _Read:
        item = _Read(row)
        try:
            data = self.examples.items.data(row)
            item.sha = hashlib.sha256(data).hexdigest()
            self._recall(item)
            if item.digest is None or any(v is None for v in item.vectors or ()):
                self._prepare(item, data)
        except UnreadableError as cause:
            item.reason = cause.reason
        except OSError as cause:
            item.reason = cause.strerror or type(cause).__name__
        return item

    def _recall(self, item: _Read) -> None:
        modality = self.examples.modality
        known = self.store.get(f"{item.sha}:{modality.digest_key}")
        if known is not None:
            item.digest = modality.unpack(known)
        values = [self.store.get(f"{item.sha}:{s}") for s in self.spaces]
        item.vectors = [None if v is None else np.frombuffer(v, np.float32) for v in values]
        for k, look in enumerate(engine.card.look for engine in self.engines):
            if isinstance(look, Noticing):
                noticed = self.store.get(f"{item.sha}:{look.notices}")
                if noticed is None:
                    item.vectors[k] = None  # what both come of has to be done anyway
                else:
                    item.noticed[look.notices] = noticed

    def _prepare(self, item: _Read, data: bytes) -> None:
        assert item.vectors is not None
        modality, decoded = self.examples.modality, dict[int, Any]()

        def read(detail: int) -> Any:
            """Read as for this detail alone: what else is computed must not change a number."""
            level = modality.level(data, detail)
            if level not in decoded:
                decoded[level] = modality.read(data, detail)
            return decoded[level]

        if item.digest is None and self.digests:
            item.digest, item.new_digest = modality.digest(read(modality.digest_detail)), True
        item.fed = [None] * len(self.engines)
        shown: list[tuple[Any, Fed]] = []  # a network and its re-initialised twin look alike
        for k, engine in enumerate(self.engines):
            if item.vectors[k] is not None:
                continue
            item.fresh |= 1 << k
            look = engine.card.look
            fed = next((fed for other, fed in shown if other == look), None)
            if fed is None:
                fed = self._fed(item, look, read(look.detail))
                shown.append((look, fed))
            item.fed[k] = fed

    @staticmethod
    def _fed(item: _Read, look: Look[Any], x: Any) -> Fed:
        if not isinstance(look, Noticing):
            return look(x)
        fed, item.noticed[look.notices] = look.notice(x)
        item.new_notices += (look.notices,)
        return fed


def _told(item: _Read, engines: Sequence[Engine]) -> Any:
    """Return the digest of an example, with what looks noticed."""
    digest = item.digest
    for look in (engine.card.look for engine in engines):
        if digest is not None and isinstance(look, Noticing) and look.notices in item.noticed:
            digest = look.told(digest, item.noticed[look.notices])
    return digest


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
            todo = [(i, i.fed[k]) for i in waiting if i.fed is not None and i.fed[k] is not None]
            if not todo:
                continue
            fed = engines[k].card.look.batch([one for _item, one in todo if one is not None])
            # Padding keeps the shape, hence the kernel, hence the numbers, the same for all.
            padded = np.concatenate([fed, np.repeat(fed[:1], size - len(todo), axis=0)])
            for (item, _fed), vector in zip(todo, forwards[k](padded), strict=False):
                assert item.vectors is not None
                item.vectors[k] = vector
        yield from waiting
