"""The guard: what is refused before anything is read, how much is read, and what is said of it.

It stands before the application, so that nothing passes it: the key, requests that another site's
page makes a browser send, the rate of an address, how many requests there may be at once, their
bytes and their time. What it writes to the log are numbers and names of our own, never contents.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import traceback
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Any

from headstart.said import _
from headstart.serve.limits import Limits
from headstart.serve.metrics import Metrics
from headstart.serve.refusals import Refusal, asked_language

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

OPEN = ("/", "/health", "/ready", "/v2/health/live", "/v2/health/ready")
"""What may be asked without the key: it tells nothing of the models."""
ADDRESSES = 10_000
"""Addresses whose rate is remembered."""
LINGER = 2.0
"""Seconds that the rest of a refused body is read and dropped: who is still sending would
otherwise see a broken connection in place of the reason."""
GONE = 499
"""Stands in the log where the client did not wait."""
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
_LOG = logging.getLogger("headstart.serve")


class Rate:
    """How often each address may ask: as many at once as in a minute, then one by one.

    Parameters
    ----------
    a_minute : int
        0: as often as it likes.
    """

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, address: str, now: float) -> float:
        """Take a request of an address; return 0, or the seconds after which it may come again."""
        if not self._a_minute:
            return 0.0
        left, before = self._left.pop(address, (float(self._a_minute), now))
        each = 60 / self._a_minute
        left = min(float(self._a_minute), left + (now - before) / each)
        self._left[address] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > ADDRESSES:
            self._left.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) * each


@dataclass
class _Exchange:
    """A request and its answer, on their way."""

    scope: Message
    receive: Receive
    send: Send
    limits: Limits
    id: str
    until: float
    whole: bool
    """Whether the body has come in whole."""
    read: int = 0
    status: int = 0

    async def receive_some(self) -> Message:
        """Receive the next part of the body, within the limits."""
        if self.whole:
            return await self.receive()
        try:
            async with asyncio.timeout_at(self.until):
                message = await self.receive()
        except TimeoutError:
            raise Refusal(
                408,
                _("The request did not come in whole in {n:g} seconds.", n=self.limits.seconds),
                _("Send less, or over a faster line."),
            ) from None
        if message["type"] != "http.request":
            self.whole = True
            return message
        self.read += len(message.get("body", b""))
        self.whole = not message.get("more_body", False)
        if self.read > self.limits.bytes:
            raise too_large(self.limits)
        return message

    async def send_some(self, message: Message) -> None:
        """Send a part of the answer; close the connection where the request did not end."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = [*HEADERS, (b"x-request-id", self.id.encode())]
            if not self.whole:
                own.append((b"connection", b"close"))
            there = {name.lower() for name, _value in message.get("headers", [])}
            message["headers"] = [
                *message.get("headers", []),
                *(pair for pair in own if pair[0] not in there),
            ]
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if last and not self.whole:
            await self.send({**message, "more_body": True})
            await self._drop_the_rest()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self.send(message)

    async def _drop_the_rest(self) -> None:
        try:
            async with asyncio.timeout(LINGER):
                while True:
                    message = await self.receive()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
        except TimeoutError:
            return


class Guard:
    """Stands before the application.

    Parameters
    ----------
    app : callable
        Of ASGI.
    key : str
        What requests must bring; "": nothing.
    at_once : int
        Requests that may be worked on at the same time.
    language : str
        That of errors, where a request asks for none.
    """

    def __init__(
        self,
        app: Application,
        limits: Limits,
        metrics: Metrics,
        *,
        key: str,
        at_once: int,
        language: str,
        retry_after: Callable[[], int],
    ) -> None:
        self._app, self._limits, self._metrics = app, limits, metrics
        self._key = _digest(key.encode()) if key else b""
        self._rate = Rate(limits.rate)
        self._at_once, self._now = at_once, 0
        self._language = language
        self._retry_after = retry_after

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let a request pass, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        start, until = perf_counter(), asyncio.get_running_loop().time() + self._limits.seconds
        bare = "transfer-encoding" not in headers and headers.get("content-length", "0") == "0"
        exchange = _Exchange(
            scope, receive, send, self._limits, uuid.uuid4().hex[:16], until, whole=bare
        )
        scope["state"]["id"] = exchange.id
        asking = scope["method"] == "POST"
        self._now += asking
        fault = ""
        try:
            refusal = self._refusal(scope, headers)
            if refusal is None:
                await self._app(scope, exchange.receive_some, exchange.send_some)
            else:
                await _refuse(refusal, exchange, asked_language(headers, self._language))
        except Exception as cause:
            fault = _where(cause)
            if not exchange.status:
                await _refuse(failure(exchange.id), exchange, self._language)
        finally:
            self._now -= asking
            self._tell(exchange, perf_counter() - start, fault)

    def _refusal(self, scope: Message, headers: Mapping[str, str]) -> Refusal | None:
        """Say why a request is not even read; None where it is."""
        if self._key and scope["path"] not in OPEN and not self._has_key(headers):
            return Refusal(
                401,
                _("The key is missing or wrong."),
                _("Send it as `Authorization: Bearer KEY`, or `X-API-Key: KEY`."),
            )
        if scope["method"] != "POST":
            return None
        if headers.get("sec-fetch-site") == "cross-site":
            return Refusal(
                403, _("Another site's page sent this request."), _("Ask from your own program.")
            )
        address = (scope.get("client") or ("",))[0]
        if wait := self._rate.wait(address, monotonic()):
            return Refusal(
                429,
                _("More than {n} requests a minute came from this address.", n=self._limits.rate),
                _("Ask more slowly."),
                1 + int(wait),
            )
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._limits.bytes:
            return too_large(self._limits)
        if self._now > self._at_once:
            return busy(self._retry_after())
        return None

    def _has_key(self, headers: Mapping[str, str]) -> bool:
        scheme, _space, bearer = headers.get("authorization", "").partition(" ")
        given = bearer.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        return hmac.compare_digest(_digest(given.encode("latin-1")), self._key)

    def _tell(self, exchange: _Exchange, seconds: float, fault: str) -> None:
        """Count a request, and write a line of it to the log."""
        route = getattr(exchange.scope.get("route"), "path", "other")
        status = exchange.status or GONE
        self._metrics.answered(route, status, seconds)
        told = {
            "event": "request",
            "id": exchange.id,
            "method": exchange.scope["method"] if route != "other" else "",
            "route": route,
            "status": status,
            "ms": round(1000 * seconds, 1),
            "bytes": exchange.read,
        }
        if fault:
            _LOG.error(told | {"fault": fault})
        else:
            _LOG.info(told)


def busy(retry_after: int) -> Refusal:
    """Refuse because too many ask at once."""
    return Refusal(
        503,
        _("Too many requests are waiting."),
        _("Ask again in {n} s.", n=retry_after),
        retry_after,
    )


def too_large(limits: Limits) -> Refusal:
    """Refuse because of too many bytes."""
    return Refusal(
        413,
        _("The request is larger than {most:g} MB.", most=limits.body),
        _("Send less at a time, or start the server with a larger --max-body."),
    )


def _digest(key: bytes) -> bytes:
    """Hash a key: what is compared has one length, so that no time tells how long it is."""
    return hashlib.sha256(key).digest()


async def _refuse(refusal: Refusal, exchange: _Exchange, language: str) -> None:
    headers = [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
    await _answer(exchange, refusal.status, refusal.to_json(language), headers)


def failure(id: str) -> Refusal:
    """Say that it is our fault, and by what name the log has it."""
    return Refusal(500, _("The server failed."), _("Its log tells where: {id}.", id=id))


async def _answer(
    exchange: _Exchange, status: int, document: object, headers: list[tuple[bytes, bytes]]
) -> None:
    body = json.dumps(document, ensure_ascii=False).encode()
    own = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    start = {"type": "http.response.start", "status": status, "headers": own + headers}
    await exchange.send_some(start)
    await exchange.send_some({"type": "http.response.body", "body": body})


def _where(cause: BaseException) -> str:
    """Say what failed and where, without the message, which may hold what was sent."""
    frames = traceback.extract_tb(cause.__traceback__)[-4:]
    places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames]
    return f"{type(cause).__name__} at {' < '.join(reversed(places))}"
