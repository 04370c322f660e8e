"""Weights that are not here: is there a network at all? Asked once, so that nobody waits for no.

The libraries that fetch weights try again and again, for a minute or more, where a name is not
resolved or something in between takes a connection and never answers. One short question first
tells that in seconds; any answer, even a refusal, means that they may try.
"""

from __future__ import annotations

import queue
import ssl
import threading
import urllib.error
import urllib.request
from email.message import Message
from typing import IO
from urllib.parse import urlsplit

from headstart.backbones import available
from headstart.errors import BackboneError
from headstart.said import _, commas, sentences

PATIENCE = 3.0
"""Seconds until no answer counts as none; a plain choice."""


def refuse_unreachable(name: str, url: str, by_hand: str) -> None:
    """Raise ``BackboneError`` where what holds the weights does not answer in ``PATIENCE`` seconds.

    Parameters
    ----------
    name : str
        The backbone's, in full.
    url : str
        Of the weights. They are not fetched.
    by_hand : str
        How to bring them without a network here.
    """
    if any(proxy.startswith("socks") for proxy in urllib.request.getproxies().values()):
        return  # which the standard library does not speak
    heard: queue.SimpleQueue[OSError | None] = queue.SimpleQueue()
    # Looking up a name cannot be interrupted: who waits for it is left behind.
    threading.Thread(target=lambda: heard.put(_trouble(url)), daemon=True).start()
    try:
        trouble = heard.get(timeout=PATIENCE)
    except queue.Empty:
        host = urlsplit(url).hostname
        trouble = TimeoutError(
            _("{host} has not answered for {seconds:g} s", host=host, seconds=PATIENCE)
        )
    if trouble is not None:
        raise cannot_download(name, trouble, by_hand) from trouble


def cannot_download(name: str, cause: Exception, by_hand: str) -> BackboneError:
    """Build the error for weights that are not here and cannot be fetched."""
    short = name.partition(":")[2]
    kind = next((row.modality for row in available(short, everything=True)), None)
    here = [row.name for row in available(modality=kind)]
    return BackboneError(
        _(
            "The weights of {name!r} are not on this machine and could not be downloaded ({kind}: "
            "{cause}).",
            name=name,
            kind=type(cause).__name__,
            cause=str(cause).splitlines()[0] if str(cause) else _("no detail"),
        ),
        sentences(
            _(
                "Available without a network: {names}.",
                names=commas(here) if here else _("none"),
            ),
            _("Or bring them by hand: {how}", how=by_hand),
        ),
    )


def _trouble(url: str) -> OSError | None:
    """Ask for a file's size; return why there was no answer, or None where there was one."""
    asking = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "headstart"})
    try:
        urllib.request.build_opener(_Still).open(asking, timeout=PATIENCE).close()
    except urllib.error.HTTPError as answer:
        answer.close()
    except urllib.error.URLError as cause:
        reason = cause.reason if isinstance(cause.reason, OSError) else OSError(cause.reason)
        return None if isinstance(reason, ssl.SSLError) else reason  # others may trust it
    except OSError as cause:
        return cause
    return None


class _Still(urllib.request.HTTPRedirectHandler):
    """Takes being sent elsewhere for an answer."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> None:
        """Go nowhere."""
