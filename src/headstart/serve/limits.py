"""Limits: what one request, and all of them together, may take."""

from __future__ import annotations

from dataclasses import dataclass, fields

from headstart.errors import ConfigError
from headstart.said import _

MB = 1_000_000
LEAST = {"body": 0.001, "unpacked": 0.001, "seconds": 0.1, "rate": 0}
"""Of what may be less than 1."""


@dataclass(frozen=True)
class Limits:
    """What a server takes; all are plain choices for one computer.

    Attributes
    ----------
    body : float, MB
        Of a request, however it is sent.
    unpacked : float, MB
        Of one example once it is read, as its header says, before it is: a small file may hold
        a very large example.
    items : int
        Examples in a request.
    queue : int
        Examples that wait while others are computed; beyond, requests are refused.
    seconds : float
        Until a request has come in whole, and again until its answer.
    rate : int
        Requests a minute of one address; 0: any number.
    """

    body: float = 20
    unpacked: float = 200
    items: int = 64
    queue: int = 128
    seconds: float = 30
    rate: int = 0

    def __post_init__(self) -> None:
        for one in fields(self):
            value, flag = getattr(self, one.name), OPTIONS[one.name]
            if not value >= LEAST.get(one.name, 1) or value == float("inf"):
                raise ConfigError(
                    _("{option} {value:g} is too little, or no number.", option=flag, value=value),
                    _(
                        "Give {option} {least:g} or more.",
                        option=flag,
                        least=LEAST.get(one.name, 1),
                    ),
                )
        if self.items > self.queue:
            raise ConfigError(
                _(
                    "--max-items {items} is more than --queue {queue}: a request so large could "
                    "never be taken.",
                    items=self.items,
                    queue=self.queue,
                ),
                _("Make --queue larger, or --max-items smaller."),
            )

    @property
    def bytes(self) -> int:
        """Most bytes of a request."""
        return int(self.body * MB)


OPTIONS = {
    "body": "--max-body",
    "unpacked": "--max-unpacked",
    "items": "--max-items",
    "queue": "--queue",
    "seconds": "--timeout",
    "rate": "--rate",
}
"""How limits are spelled on the command line."""
