"""A server in a thread of this process, on a port of its own, and how to ask it."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from headstart.serve.limits import Limits
from headstart.serve.server import Server


@contextmanager
def serving(*runs: Path | str, limits: Limits | None = None, **options: Any) -> Iterator[Server]:
    """Serve runs until the end of the block."""
    server = Server([str(run) for run in runs], limits, port=0, **options)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while thread.is_alive() and not server.listens:
        time.sleep(0.01)
    assert server.listens
    try:
        yield server
    finally:
        server.stop()
        thread.join(30)
        assert not thread.is_alive(), "it did not stop"


def asking(server: Server, **options: Any) -> httpx.Client:
    """Return a client of a server."""
    return httpx.Client(base_url=server.address, timeout=30, **options)


def in_base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


@contextmanager
def by_hand(server: Server, *sent: bytes) -> Iterator[socket.socket]:
    """Open a connection, and send what no decent client would."""
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        for one in sent:
            connection.sendall(one)
        yield connection


def answer_of(connection: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    found = b""
    try:
        while more := connection.recv(65_536):
            found += more
    except ConnectionResetError:
        pass
    return found
