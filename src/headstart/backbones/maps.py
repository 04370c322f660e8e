"""Maps of examples that differ in extent, (B, D, W, t): D channels, W windows of t places.

A place that is padding is zero in all channels, so whatever part of a network comes next reads off
the map what is there, and needs no mask beside.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

UNSEEN = -1e4
"""Added to what attention goes by: as good as minus infinity, and finite in any precision."""
LEAST = 1e-10
"""Least variance: below it a standard deviation has no slope."""


def to_sequences(maps: Tensor) -> Tensor:
    """Lay windows out one by one: (B, D, W, t) -> (B * W, t, D)."""
    _B, D, _W, t = maps.shape
    return maps.permute(0, 2, 3, 1).reshape(-1, t, D)


def to_maps(sequences: Tensor, B: int, W: int) -> Tensor:
    """Undo ``to_sequences``."""
    _BW, t, D = sequences.shape
    return sequences.reshape(B, W, t, D).permute(0, 3, 1, 2)


class Block(nn.Module):
    """One layer, on maps (B, D, W, t): places of a window see each other, and no padding.

    Parameters
    ----------
    layer : nn.Module
        Of the library transformers: sequences (n, t, D) and what is added to attention.
    norm : nn.Module, optional
        What follows the last layer.
    """

    def __init__(self, layer: nn.Module, norm: nn.Module | None = None) -> None:
        super().__init__()
        self.layer = layer
        self.norm = norm

    def forward(self, maps: Tensor) -> Tensor:
        """Run the layer on every window by itself."""
        h = to_sequences(maps)
        there = (h != 0).any(-1)
        out = self.seen(h, there)
        if self.norm is not None:
            out = self.norm(out)
        return to_maps(out * there[..., None], maps.shape[0], maps.shape[2])

    def seen(self, h: Tensor, there: Tensor) -> Tensor:
        """Run the layer on sequences (n, t, D) of which some places, (n, t), are there."""
        unseen = (~there)[:, None, None, :].to(h.dtype) * UNSEEN
        out = self.layer(h, unseen)
        found: Tensor = out if isinstance(out, Tensor) else out[0]
        return found


class Mean(nn.Module):
    """Maps (B, D, W, t) to the mean over all places: (B, D)."""

    def forward(self, maps: Tensor) -> Tensor:
        """Average, padding left out."""
        places = (maps != 0).any(1).sum((1, 2)).clamp(min=1)
        return maps.sum((2, 3)) / places[:, None]


class Spread(nn.Module):
    """Maps (B, D, W, t) to mean and standard deviation over all places: (B, 2 D)."""

    def forward(self, maps: Tensor) -> Tensor:
        """Average, padding left out."""
        there = (maps != 0).any(1, keepdim=True)
        places = there.sum((2, 3)).clamp(min=1)
        mean = maps.sum((2, 3)) / places
        off = (maps - mean[..., None, None]) * there
        variance = (off * off).sum((2, 3)) / places
        return torch.cat([mean, variance.clamp(min=LEAST).sqrt()], 1)
