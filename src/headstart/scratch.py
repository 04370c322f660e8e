"""Folders to write in before anything is in its place; those of killed processes are swept away.

A process that is killed can clean up nothing, so whoever needs a scratch folder next sweeps what
lies beside it. A lock, which the system lets go when its holder dies, tells what nobody writes in
any more from what a process that still runs is filling.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, which cannot lock folders: there age alone tells
    fcntl = None  # type: ignore[assignment]

LONG_AGO = 3600.0
"""Seconds without a change after which a folder that cannot be locked counts as left behind."""


@contextmanager
def scratch(kind: str, into: Path, name: str = "") -> Iterator[Path]:
    """Give a folder of one's own below ``into``; it is gone at the end, unless it was renamed.

    Parameters
    ----------
    kind : str
        How its name begins. All that begins so and is left behind is removed first.
    into : Path
        Must exist.
    name : str
        Of what will be made in it, for people who find it.
    """
    for stale in left_behind(kind, into):
        shutil.rmtree(stale, ignore_errors=True)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{kind}{name[:60]}-" if name else kind, dir=into))
        with held(folder):
            if not folder.exists():  # swept in the moment before it was held
                continue
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return


def left_behind(kind: str, into: Path) -> list[Path]:
    """List the folders that begin so and that no process holds."""
    return [found for found in into.glob(f"{kind}*") if found.is_dir() and not _in_use(found)]


@contextmanager
def held(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a folder, under whatever name it goes on, so that nobody takes it for left behind.

    Raises
    ------
    BlockingIOError
        Somebody else holds it; not with ``wait``.
    """
    handle = _lock(folder, wait=wait)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _in_use(folder: Path) -> bool:
    try:
        handle = _lock(folder, wait=False)
        if handle is None:
            return time.time() - folder.stat().st_mtime < LONG_AGO
    except OSError:  # somebody holds it, or it is gone by now
        return True
    os.close(handle)
    return False


def _lock(folder: Path, *, wait: bool) -> int | None:
    """Lock a folder; None where that cannot be done here.

    Raises
    ------
    BlockingIOError
        Somebody else holds it; not with ``wait``.
    """
    if fcntl is None:
        return None
    handle = None
    try:
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(handle)  # type: ignore[arg-type]
        raise
    except OSError:  # a file system without locks, or a folder that is gone
        if handle is not None:
            os.close(handle)
        return None
    return handle
