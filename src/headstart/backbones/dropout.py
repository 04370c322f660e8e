"""Dropout that draws from a stream of its own, so that threads may share a batch.

torch's draws from one stream for all threads: who comes first would decide who is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

_STREAM: ContextVar[torch.Generator | None] = ContextVar("stream", default=None)


class Dropout(nn.Module):
    """Leave out a share of the values in training (Srivastava et al. 2014, JMLR 15).

    Parameters
    ----------
    p : float, 0 to 1 (exclusive)
        The share; the others are divided by 1 - p.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Drop values of any shape; outside training, none."""
        if not self.training or not self.p:
            return x
        kept = torch.empty_like(x).bernoulli_(1 - self.p, generator=_STREAM.get())
        return x * kept / (1 - self.p)


@contextmanager
def stream(seed: int, device: torch.device) -> Iterator[None]:
    """Let the dropout of this thread draw from a stream that begins at ``seed``."""
    token = _STREAM.set(torch.Generator(device).manual_seed(seed))
    try:
        yield
    finally:
        _STREAM.reset(token)


def draw_apart(net: nn.Module) -> None:
    """Put such dropout in the place of torch's.

    That of the weights of attention is left out: fused attention draws it inside, from the stream
    of all threads.
    """
    for parent in list(net.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Dropout):
                fused = hasattr(parent, "query") or hasattr(parent, "q")
                setattr(parent, name, Dropout(0.0 if fused else child.p))
