"""Vectors of phrases and documents: each distinct text goes through the network once.

Phrases are short, so what a network does for padding would be half of its work: they are packed by
their number of tokens, and not padded at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ConfigError
from headstart.features.engines import Engine, Forward, SideBySideEngine
from headstart.features.threads import parallel
from headstart.modalities.text.look import Tokens
from headstart.said import _

Floats = NDArray[np.float32]

TOKENS, TEXTS = 2048, 256
"""Tokens, and texts, that go through the network together: with twice or half as many it is as
fast (docs/measurements.md)."""
KEPT = 2**17
"""Vectors of phrases that are kept: 200 MB of 384 numbers each. When there are more, the oldest are
forgotten, and made again where they come again."""
SMALL = 1e-9


class Vectors:
    """Embeds texts with one network, and remembers phrases.

    Parameters
    ----------
    engine : Engine
        Of a network for texts.
    workers : int
        Threads; one core each.
    kept : int
        Vectors that are remembered.

    Attributes
    ----------
    made : int
        Phrases that went through the network so far.

    Raises
    ------
    ConfigError
        Several networks side by side.
    """

    def __init__(self, engine: Engine, workers: int, kept: int = KEPT) -> None:
        if isinstance(engine, SideBySideEngine):
            raise ConfigError(
                _("Keywords are compared with their document by one network, not by several."),
                _("Name one --backbone."),
            )
        self.engine, self.workers, self.kept = engine, workers, kept
        self.dim = engine.card.dim
        self.made = 0
        self._known: dict[str, Floats] = {}

    def phrases(self, texts: Sequence[str]) -> Floats:
        """Embed phrases: (n, D), of length one each; what was embedded before is not again."""
        lows = [text.casefold() for text in texts]
        fresh = [low for low in dict.fromkeys(lows) if low not in self._known]
        if len(self._known) + len(fresh) > self.kept:
            self._known = {low: self._known[low] for low in lows if low in self._known}
        self.made += len(fresh)
        self._known.update(zip(fresh, self.documents(fresh), strict=True))
        return np.array([self._known[low] for low in lows], np.float32).reshape(-1, self.dim)

    def documents(self, texts: Sequence[str]) -> Floats:
        """Embed documents: (n, D), of length one each; nothing is remembered."""
        out = np.zeros((len(texts), self.dim), np.float32)
        work = _Work(self.engine, texts)
        for rows, vectors in parallel(work, len(work.packs), self.workers):
            out[rows] = vectors
        length = np.linalg.norm(out, axis=1, keepdims=True)
        found: Floats = out / np.maximum(length, SMALL)
        return found


class _Work:
    """Texts in packs of one shape, for threads to take one by one."""

    def __init__(self, engine: Engine, texts: Sequence[str]) -> None:
        self._engine = engine
        look = engine.card.look
        self._fed = [_bare(look(text), look) for text in texts]
        self.packs = packed([one.shape for one in self._fed])

    def replicas(self) -> list[Forward | None]:
        return [self._engine.replica()]

    def __call__(self, row: int, forwards: list[Forward | None]) -> tuple[list[int], Any]:
        forward, rows = forwards[0], self.packs[row]
        assert forward is not None
        return rows, forward(np.stack([self._fed[k] for k in rows]))


def packed(shapes: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """Put rows of one shape together.

    Examples
    --------
    >>> packed([(1, 4), (1, 3), (1, 4)])
    [[1], [0, 2]]
    """
    packs: list[list[int]] = []
    for k in sorted(range(len(shapes)), key=lambda k: (shapes[k], k)):
        room = max(1, min(TEXTS, TOKENS // int(np.prod(shapes[k]))))
        if not packs or shapes[packs[-1][0]] != shapes[k] or len(packs[-1]) >= room:
            packs.append([])
        packs[-1].append(k)
    return packs


def _bare(fed: Any, look: Any) -> Any:
    """Take the padding off a text of one window."""
    if not isinstance(look, Tokens) or len(fed) > 1 or look.extent:
        return fed
    return fed[:, : max(1, int((fed[0] != look.pad).sum()))]
