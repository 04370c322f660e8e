"""A network that tells voices apart: three LSTMs over mels, and a vector a recording.

References
----------
Wan et al. (2018), "Generalized end-to-end loss for speaker verification", arXiv:1710.10467.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from headstart.backbones.audio_network import AudioBackbone, card_of
from headstart.backbones.maps import to_maps, to_sequences
from headstart.modalities.audio.look import Mels

MELS, WIDTH, DEPTH = 40, 256, 3
LOOK = Mels(scale="resemblyzer", mels=MELS, stride=1, seconds=1.6, most=150)
"""It was trained on 1.6 s at a time."""
ARCHITECTURE = "embedded:speaker"


class Recur(nn.Module):
    """One LSTM over windows: maps (B, D, W, t) to maps (B, WIDTH, W, t).

    It looks only backwards, so what follows the end of a recording changes nothing before.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, WIDTH, batch_first=True)

    def forward(self, maps: Tensor) -> Tensor:
        """Run along each window."""
        h = to_sequences(maps)
        there = (h != 0).any(-1, keepdim=True)
        return to_maps(self.lstm(h)[0] * there, maps.shape[0], maps.shape[2])


class Voice(nn.Module):
    """Maps (B, WIDTH, W, t) to a vector of length 1 for each recording: (B, WIDTH).

    Each window is known at its end; those of a recording are averaged.
    """

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, maps: Tensor) -> Tensor:
        """Take the last place of every window."""
        there = (maps != 0).any(1, keepdim=True)
        follows = functional.pad(there, (0, 1))[..., 1:]
        ends = (maps * (there & ~follows)).sum(-1).transpose(1, 2)  # (B, W, WIDTH)
        voices = functional.normalize(torch.relu(self.linear(ends)), dim=2)
        whole = (voices * there.any(-1).transpose(1, 2)).sum(1)
        return functional.normalize(whole, dim=1)


class Speaker(nn.Module):
    """The whole of it: frames of mels (B, W, MELS, t) to vectors (B, WIDTH)."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.ModuleList(Recur(MELS if k == 0 else WIDTH) for k in range(DEPTH))
        self.voice = Voice()

    def forward(self, fed: Tensor) -> Tensor:
        """Embed recordings."""
        maps = fed.transpose(1, 2)
        for layer in self.lstm:
            maps = layer(maps)
        vectors: Tensor = self.voice(maps)
        return vectors


def build(state: dict[str, Any] | None, *, licence: str, source: str) -> AudioBackbone:
    """Build the network.

    Parameters
    ----------
    state : dict of tensors or None
        By the names of the package resemblyzer; None leaves the initialisation.

    Raises
    ------
    RuntimeError
        Tensors that do not fit.
    """
    net = Speaker()
    if state is not None:
        net.load_state_dict(_renamed(state))
    stages = [*((f"lstm.{k}", layer) for k, layer in enumerate(net.lstm)), ("voice", net.voice)]
    card = card_of(
        net.eval().requires_grad_(False),
        stages,
        name=ARCHITECTURE,
        architecture=ARCHITECTURE,
        look=LOOK,
        dim=WIDTH,
        licence=licence,
        source=source,
    )
    return AudioBackbone(net, card, stages, {})


def _renamed(state: dict[str, Any]) -> dict[str, Any]:
    """Give each LSTM its own weights; what was only for training is left out."""
    found = {}
    for name, tensor in state.items():
        part, _dot, rest = name.partition(".")
        if part == "linear":
            found[f"voice.{name}"] = tensor
        elif part == "lstm":
            kind, _mark, layer = rest.rpartition("_l")
            found[f"lstm.{layer}.lstm.{kind}_l0"] = tensor
    return found
