"""Tokenizers by the hash of their file: a look names its own, and finds it again in any process.

A tokenizer is megabytes of JSON, too much for a card. Whoever loads a network keeps its tokenizer
here; the cache has it for later processes, which need not load the network.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.errors import BackboneError
from headstart.machine import cache_folder
from headstart.said import _

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_KEPT: dict[str, bytes] = {}


def keep(data: bytes) -> str:
    """Keep a ``tokenizer.json``; return the SHA-256 that it is found by."""
    mark = hashlib.sha256(data).hexdigest()
    _KEPT[mark] = data
    place = _place(mark)
    try:
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            beside = place.with_name(f"{place.name}.{os.getpid()}")
            beside.write_bytes(data)
            beside.replace(place)
    except OSError:
        pass  # who cannot write the cache has it in memory
    return mark


def kept(mark: str) -> bytes:
    """Return a ``tokenizer.json`` by its SHA-256; raises ``BackboneError`` where it is gone."""
    if mark not in _KEPT:
        try:
            data = _place(mark).read_bytes()
        except OSError:
            data = b""
        if hashlib.sha256(data).hexdigest() != mark:
            raise BackboneError(
                _("The tokenizer of the network is no longer in the cache ({mark}).", mark=mark),
                _("Delete the cache folder: it is made anew."),
            )
        _KEPT[mark] = data
    return _KEPT[mark]


@cache
def tokenizer(mark: str, window: int) -> Tokenizer:
    """Build a tokenizer that cuts texts into windows of at most so many tokens."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_str(kept(mark).decode())
    made.no_padding()
    made.enable_truncation(window)
    return made


def _place(mark: str) -> Path:
    return cache_folder() / "tokenizers" / f"{mark}.json"
