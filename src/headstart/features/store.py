"""The feature cache: one SQLite file, content-addressed, bounded, safe to share and to kill.

Keys name the bytes of a file and everything its vector depends on, so a changed byte, weight or
setting is a miss and a renamed file is a hit. SQLite brings what is hard to get right by hand:
several processes at once, memory-mapped reads, and nothing half-written after ``kill -9``. A cache
that cannot be used (full disk, no permission) is never a reason to stop: the run goes on without.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 8 * 2**30
"""Bound on the file; the oldest entries go first. 8 GiB holds about 450,000 examples."""


@dataclass(frozen=True)
class CacheSummary:
    """What the cache holds: entries, and bytes on disk."""

    folder: Path
    entries: int
    size: int


class FeatureStore:
    """Bytes by key, kept between runs.

    Parameters
    ----------
    folder : Path
        Made if missing.
    max_bytes : int
        Where to start dropping the oldest entries.

    Attributes
    ----------
    trouble : str
        Why the cache is out of use, or "" while it works.
    """

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.path = folder / "features.sqlite"
        self.max_bytes = max_bytes
        self.trouble = ""
        self._connections: dict[int, sqlite3.Connection] = {}
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._open_or_start_anew()
            self._evict()
        except (OSError, sqlite3.Error) as cause:
            self._give_up(cause)

    def get(self, key: str) -> bytes | None:
        """Return the value of a key, or None. Any thread may ask."""
        if self.trouble:
            return None
        try:
            row = self._here().execute("SELECT value FROM entry WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error:
            return None  # a cache that cannot answer now has no answer
        return None if row is None else bytes(row[0])

    def put(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Store values in one transaction: all or none; failure puts the cache out of use."""
        if self.trouble:
            return
        try:
            with self._here() as connection:
                connection.executemany("INSERT OR IGNORE INTO entry VALUES (?, ?)", items)
        except sqlite3.Error as cause:
            self._give_up(cause)

    def summary(self) -> CacheSummary:
        """Count entries and bytes."""
        if self.trouble:
            return CacheSummary(self.path.parent, 0, 0)
        entries = self._here().execute("SELECT count(*) FROM entry").fetchone()[0]
        return CacheSummary(self.path.parent, int(entries), self._size())

    def close(self) -> None:
        """Close every connection; the store must not be used afterwards."""
        with self._lock:
            for connection in self._connections.values():
                connection.close()
            self._connections.clear()

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_or_start_anew(self) -> None:
        try:
            self._prepare()
        except sqlite3.DatabaseError as cause:
            if isinstance(cause, sqlite3.OperationalError):
                raise
            # Not a database: something else damaged the file. A cache may be started anew.
            self.close()
            self.path.unlink()
            self._prepare()

    def _prepare(self) -> None:
        connection = self._here()
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, value BLOB)")

    def _here(self) -> sqlite3.Connection:
        """Return the connection of this thread."""
        me = threading.get_ident()
        with self._lock:
            if me not in self._connections:
                connection = sqlite3.connect(self.path, timeout=30, check_same_thread=False)
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute(f"PRAGMA mmap_size = {2**31 - 1}")
                self._connections[me] = connection
            return self._connections[me]

    def _size(self) -> int:
        connection = self._here()
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        return int(pages * connection.execute("PRAGMA page_size").fetchone()[0])

    def _evict(self) -> None:
        size = self._size()
        if size <= self.max_bytes:
            return
        with self._here() as connection:
            entries = connection.execute("SELECT count(*) FROM entry").fetchone()[0]
            surplus = int(entries * (1 - 0.8 * self.max_bytes / size)) + 1
            connection.execute(
                "DELETE FROM entry WHERE rowid IN (SELECT rowid FROM entry ORDER BY rowid LIMIT ?)",
                (surplus,),
            )
        self._here().executescript("PRAGMA incremental_vacuum")  # steps to its end
        self._here().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _give_up(self, cause: Exception) -> None:
        self.trouble = f"{cause} ({self.path})"
