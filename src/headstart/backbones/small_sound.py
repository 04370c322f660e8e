"""A small network for sound that nothing has taught: the rival that learns from your data alone.

Convolutions over time and pitch, from fine to coarse in pitch and of one step in time, so that the
places of every map are those of :class:`headstart.modalities.audio.look.Mels`. Norms are taken over
the bands and channels of one place, which know nothing of other recordings or of padding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from headstart.backbones.audio_network import AudioBackbone, card_of
from headstart.backbones.maps import Spread
from headstart.modalities.audio.look import Mels

NAME = "small-sound"
ARCHITECTURE = f"embedded:{NAME}"
LOOK = Mels(scale="whisper", mels=64, stride=4)
WIDTHS = (16, 32, 64, 128)
"""Channels of the layers; each halves the bands of pitch."""
APART = (1, 1, 2, 4)
"""How far apart the three places are that a kernel of each layer looks at along time: the last
layer's hear 0.6 s together, at 40 ms a place."""


class Layer(nn.Module):
    """A convolution over pitch and time: maps (B, C * m, W, t) to (B, D * m / 2, W, t).

    Parameters
    ----------
    bands : int
        Bands of pitch of its input, m.
    inputs, outputs : int
        Channels of each band, C and D.
    apart : int
        Places between those that a kernel looks at along time.
    stride : int
        Places in time that become one.
    """

    def __init__(
        self, bands: int, inputs: int, outputs: int, apart: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.bands, self.stride = bands, stride
        self.convolution = nn.Conv2d(
            inputs, outputs, 3, (2, stride), (1, apart), (1, apart), bias=False
        )
        self.norm = nn.LayerNorm((bands // 2, outputs))

    def forward(self, maps: Tensor) -> Tensor:
        """Run it on every window by itself; beyond the end there is zero, as in a lone one."""
        B, _Cm, W, t = maps.shape
        h = maps.transpose(1, 2).reshape(B * W, -1, self.bands, t)
        there = (h != 0).any(1, keepdim=True).any(2, keepdim=True)[..., :: self.stride]
        h = self.convolution(h).permute(0, 3, 2, 1)  # (B * W, t, m / 2, D)
        h = functional.gelu(self.norm(h)).permute(0, 3, 2, 1) * there
        return h.reshape(B, W, -1, h.shape[-1]).transpose(1, 2)


class Bands(nn.Module):
    """The mean over the bands of pitch: maps (B, D * m, W, t) to (B, D, W, t).

    Voices differ in pitch: a new voice is understood better without it (docs/measurements.md).

    Parameters
    ----------
    bands : int
        Bands of pitch, m.
    """

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.bands = bands

    def forward(self, maps: Tensor) -> Tensor:
        """Average."""
        return maps.unflatten(1, (-1, self.bands)).mean(2)


class SmallSound(nn.Module):
    """The whole of it: frames of mels (B, W, mels, t) to vectors (B, 2 D)."""

    def __init__(self) -> None:
        super().__init__()
        ins, bands = (1, *WIDTHS), [LOOK.mels // 2**k for k in range(len(WIDTHS))]
        self.layers = nn.ModuleList(
            Layer(bands[k], ins[k], WIDTHS[k], APART[k], LOOK.stride if k == 0 else 1)
            for k in range(len(WIDTHS))
        )
        self.bands = Bands(bands[-1] // 2)
        self.pool = Spread()

    def forward(self, fed: Tensor) -> Tensor:
        """Embed recordings."""
        maps = fed.transpose(1, 2)
        for layer in self.layers:
            maps = layer(maps)
        pooled: Tensor = self.pool(self.bands(maps))
        return pooled


def build() -> AudioBackbone:
    """Build the network with PyTorch's initialisation."""
    net = SmallSound()
    stages = [(f"layers.{k}", layer) for k, layer in enumerate(net.layers)]
    with torch.no_grad():
        dim = net(torch.from_numpy(LOOK.drawn(1))).shape[1]
    card = card_of(
        net.eval().requires_grad_(False),
        stages,
        name=ARCHITECTURE,
        architecture=ARCHITECTURE,
        look=LOOK,
        dim=dim,
        licence="",
        source="",
    )
    return AudioBackbone(net, card, stages, {})
