"""What C libraries print while they read, kept off the terminal."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO


class Libraries:
    """What C libraries print: straight to the terminal, past everything that Python could catch.

    libtiff does, and says nowhere else what is wrong; mpg123 does too, of damaged MP3.
    """

    def __init__(self) -> None:
        self.file: BinaryIO | None = None
        self._one_at_a_time = threading.Lock()

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Send what they print to a file; what Python prints still reaches the terminal.

        File descriptors belong to the whole process: enter it in the main thread.
        """
        if self.file is not None:
            yield
            return
        sys.stderr.flush()
        terminal, before = os.dup(2), sys.stderr
        try:
            with tempfile.TemporaryFile() as self.file:
                os.dup2(self.file.fileno(), 2)
                if _writes_to(before, 2):
                    sys.stderr = open(os.dup(terminal), "w", 1, before.encoding, before.errors)  # noqa: PTH123, SIM115
                yield
        finally:
            if sys.stderr is not before:
                sys.stderr.close()
            sys.stderr, self.file = before, None
            os.dup2(terminal, 2)
            os.close(terminal)

    @contextmanager
    def heard(self, wanted: bool) -> Iterator[list[str]]:
        """Give the lines that are printed inside, where they are wanted, once it is over."""
        said: list[str] = []
        if self.file is None or not wanted:
            yield said
            return
        with self._one_at_a_time:
            start = self.file.seek(0, io.SEEK_END)
            try:
                yield said
            finally:
                self.file.seek(start)
                lines = self.file.read().decode("utf-8", "replace").splitlines()
                said += [line.removeprefix("tempfile.tif: ") for line in lines]  # not its name
                self.file.seek(0)  # where a server reads for months, it must not grow
                self.file.truncate()


def _writes_to(stream: object, descriptor: int) -> bool:
    try:
        return bool(stream.fileno() == descriptor)  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):  # a stream in memory, or none
        return False
