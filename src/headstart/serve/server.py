"""The server: models loaded, threads started, a socket listened on, and all of it stopped again."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from headstart.errors import ConfigError
from headstart.events import OnEvent, ignore
from headstart.language import in_force
from headstart.machine import worker_count
from headstart.said import _
from headstart.serve.app import guarded
from headstart.serve.desk import Desk
from headstart.serve.limits import Limits
from headstart.serve.metrics import Metrics
from headstart.serve.pool import Pool
from headstart.serve.served import Own, Served, named

KEY, SHORTEST_KEY = "HEADSTART_KEY", 16
BATCHED = 64
"""Threads where batches go through an accelerator: they read, and wait for each other."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def key_from(file: Path | None) -> str:
    """Read the key that requests must bring: of a file, else of ``HEADSTART_KEY``; "": none.

    Raises
    ------
    ConfigError
        A key that is soon guessed.
    """
    key = os.environ.get(KEY, "") if file is None else file.read_text("utf-8")
    key = key.strip()
    if (file is not None or key) and len(key) < SHORTEST_KEY:
        raise ConfigError(
            _("The key has {n} characters.", n=len(key)),
            _("Give it {least} or more, drawn at random.", least=SHORTEST_KEY),
        )
    if not key.isascii() or not key.isprintable():
        raise ConfigError(
            _("The key holds characters that a request cannot bring."),
            _("Use letters and digits."),
        )
    return key


def is_loopback(host: str) -> bool:
    """Whether nobody but this computer can reach an address."""
    return host in LOOPBACK or host.startswith("127.")


class Server:
    """Models that answer over HTTP.

    Parameters
    ----------
    runs : sequence of str
        Run folders; ``NAME=FOLDER`` gives one another name.
    limits : Limits
    host, port
        Where to listen; port 0: any that is free.
    workers : int, optional
        Threads that compute. Default: one a core.
    key : str
        What requests must bring; "": nothing.

    Raises
    ------
    ArtifactError
        No run folder, or one that was tampered with.
    ConfigError
        A run that recommends, two of one name, an address that is in use.
    """

    def __init__(
        self,
        runs: Sequence[str],
        limits: Limits | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        workers: int | None = None,
        key: str = "",
        on_event: OnEvent = ignore,
    ) -> None:
        limits = limits or Limits()
        workers = worker_count() if workers is None else workers
        if workers < 1:
            raise ConfigError(_("--workers {n} is less than 1.", n=workers), _("Give 1 or more."))
        self._socket = _bound(host, port)
        try:
            folders = named(runs)
            models = {
                name: Served(name, folder, limits, workers, on_event)
                for name, folder in folders.items()
            }
        except BaseException:
            self._socket.close()
            raise
        if any(served.batched for served in models.values()):
            workers = max(workers, BATCHED)

        def prepare() -> Own:
            return {name: served.replicas() for name, served in models.items()}

        self._loaded = False
        self.models = models
        self.pool: Pool[Own] = Pool(workers, limits.queue, prepare)
        self.desk = Desk(
            models,
            self.pool,
            limits,
            Metrics(lambda: self.pool.waiting),
            in_force().code,
            workers,
        )
        config = uvicorn.Config(
            guarded(self.desk, key),
            http=_patient(limits.seconds),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=int(limits.seconds) + 1,
        )
        self._server = uvicorn.Server(config)

    @property
    def address(self) -> str:
        """Where it can be asked."""
        host, port = self._socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{port}"

    def load(self) -> None:
        """Ready the network in every thread; ``run`` does it, where nobody did before."""
        if not self._loaded:
            self._loaded = True
            self.pool.start()

    def run(self) -> None:
        """Answer until a signal says to stop; then finish what was begun."""
        kinds = {served.run.modality for served in self.models.values()}
        with _in_main_thread(kind.quiet() for kind in kinds):
            self.load()
            try:
                with suppress(KeyboardInterrupt), _in_main_thread([_stopped_by_term()]):
                    self._server.run(sockets=[self._socket])
            finally:
                self.pool.close()
                self._socket.close()

    def stop(self) -> None:
        """Say to stop, from another thread."""
        self._server.should_exit = True

    @property
    def listens(self) -> bool:
        """Whether it can be asked."""
        return self._server.started


@contextmanager
def _in_main_thread(contexts: Iterable[AbstractContextManager[None]]) -> Iterator[None]:
    """Enter what belongs to the whole process, where the main thread is the one that serves."""
    with ExitStack() as entered:
        if threading.current_thread() is threading.main_thread():
            for context in contexts:
                entered.enter_context(context)
        yield


@contextmanager
def _stopped_by_term() -> Iterator[None]:
    """Let SIGTERM end a server as Ctrl-C does: in order, and with success."""

    def stop(*_given: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _bound(host: str, port: int) -> socket.socket:
    """Take an address, before models are loaded for nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, so that asyncio sends every part of an answer at once: else the second one waits
    # for the first to be acknowledged, 40 ms (Nagle's algorithm).
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name != "nt":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except (OSError, OverflowError) as cause:
        bound.close()
        raise ConfigError(
            _(
                "{host}:{port} cannot be listened on ({cause}).",
                host=host,
                port=port,
                cause=getattr(cause, "strerror", None) or str(cause),
            ),
            _("Another program may be there: choose another --port."),
        ) from cause
    return bound


def _patient(seconds: float) -> type[asyncio.Protocol]:
    """Make a protocol that closes connections on which no request comes in whole in time.

    What comes after the head is the guard's; without this, a client that sends the head letter by
    letter would hold its connection for ever.
    """

    class Patient(H11Protocol):
        _impatient: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._unset()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._between:
                self._wait()
            else:
                self._unset()

        @property
        def _between(self) -> bool:
            """Whether no request is being answered."""
            return self.cycle is None or self.cycle.response_complete

        def _wait(self) -> None:
            if self._impatient is None:
                self._impatient = self.loop.call_later(seconds, self._give_up)

        def _unset(self) -> None:
            if self._impatient is not None:
                self._impatient.cancel()
                self._impatient = None

        def _give_up(self) -> None:
            self._impatient = None
            if self._between:
                self.transport.close()

    return Patient


# ---- the log -------------------------------------------------------------------------------------


class AsJson(logging.Formatter):
    """Writes a line of the log as a JSON object, without the traces of others' libraries."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a line."""
        told = record.msg if isinstance(record.msg, dict) else {"event": record.getMessage()}
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        head = {"time": f"{when}.{int(record.msecs):03d}Z", "level": record.levelname.lower()}
        return json.dumps(head | told, ensure_ascii=False)


class _Stderr(logging.Handler):
    """Writes to what stderr is when it is written: it changes while libraries are kept quiet."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        sys.stderr.write(self.format(record) + "\n")
        sys.stderr.flush()


@contextmanager
def logged() -> Iterator[None]:
    """Write the log of a server to stderr, a JSON object a line."""
    handler = _Stderr()
    handler.setFormatter(AsJson())
    levels = {"headstart.serve": logging.INFO, "uvicorn.error": logging.WARNING}
    loggers = {logging.getLogger(name): level for name, level in levels.items()}
    for logger, level in loggers.items():
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
            logger.propagate = True
