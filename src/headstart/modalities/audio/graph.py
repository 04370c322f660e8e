"""Recordings enter as a wave: the spectrogram is part of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from headstart.errors import DataError
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.look import STEP, Mels, Waves, resampled
from headstart.modalities.audio.mels import FAINT, FLOOR, HOP, LENGTH, RANGE, filters
from headstart.modalities.entry import Plain, batch_of, contiguous
from headstart.said import N_, _

NEEDS = N_(
    "one channel of numbers from -1 to 1, {rate:,} a second, {least} of them or more "
    "and at most {seconds:g} s; longer recordings in parts"
)
LEAST = LENGTH + 1
"""Samples: a sound is mirrored at its ends, by half a frame."""


class Wave(Plain):
    """A recording of one window, for one network or for several side by side."""

    name = "wave"
    handed = Path(__file__).parent / "handed"
    axes: tuple[str, ...] = ("samples",)

    def __init__(self, looks: Sequence[Mels | Waves]) -> None:
        self.looks = tuple(looks)
        self.prepared = tuple(f"sound_{k}" if k else "sound" for k in range(len(self.looks)))

    @property
    def needs(self) -> str:
        """Say what must have been done before."""
        look = self.looks[0]
        return _(NEEDS, rate=look.rate, seconds=self.seconds, least=LEAST)

    @property
    def seconds(self) -> float:
        """The longest recording that is heard at once."""
        return min(look.seconds for look in self.looks)

    def given(self, x: Clip) -> NDArray[np.float32]:
        """Return the samples at the rate of the networks; raises ``DataError`` for too many."""
        rate = self.looks[0].rate
        wave = resampled(x, rate)
        if len(wave) > self.seconds * rate:
            raise DataError(
                _(
                    "A recording of {n:.1f} s is longer than the {most:g} s heard at once.",
                    n=len(wave) / rate,
                    most=self.seconds,
                ),
                _("Compare with shorter ones."),
            )
        return contiguous(np.pad(wave, (0, max(0, LEAST - len(wave)))))

    def sample(self) -> NDArray[np.float32]:
        """Return a second of noise."""
        noise = np.random.default_rng(0).standard_normal(self.looks[0].rate)
        return (0.1 * noise).astype(np.float32)

    def steps(self) -> list[nn.Module]:
        """Return what makes each network's input of a wave."""
        return [Frames(look) if isinstance(look, Mels) else Level(look) for look in self.looks]

    def notes(self, library: str) -> list[str]:
        """Say what becomes of long recordings."""
        return [
            _(
                "Recordings longer than {seconds:g} s: `predict.py` cuts them into equal parts and "
                "averages the answers; the run itself averages vectors, so there the answers are "
                "near each other and not the same.",
                seconds=self.seconds,
            )
        ]

    def prepare(self, x: Clip) -> list[Tensor]:
        """Return what the product makes of it."""
        return [batch_of(look, x) for look in self.looks]


class Frames(nn.Module):
    """A wave to its mels, as :class:`Mels` makes them, in one window of a batch of one.

    The spectrum is a product with waves of cosine and sine, which every runtime computes alike.
    """

    analyse: Tensor
    mels: Tensor

    def __init__(self, look: Mels) -> None:
        super().__init__()
        self.whisper = look.scale == "whisper"
        angle = 2 * np.pi * np.outer(np.arange(LENGTH), np.arange(LENGTH // 2 + 1)) / LENGTH
        hann = np.hanning(LENGTH + 1)[:-1, None]
        analyse = np.concatenate([hann * np.cos(angle), hann * np.sin(angle)], axis=1)
        self.register_buffer("analyse", torch.tensor(analyse, dtype=torch.float32))
        self.register_buffer("mels", torch.from_numpy(filters(look.mels)))

    def forward(self, wave: Tensor) -> Tensor:
        """Make frames: float32 (n,) -> float32 (1, 1, mels, t)."""
        frames = self._whisper(wave) if self.whisper else self._resemblyzer(wave)
        frames = torch.where(frames == 0, FAINT, frames).T
        return functional.pad(frames, (0, -frames.shape[1] % STEP))[None, None]

    def _whisper(self, wave: Tensor) -> Tensor:
        power = self._power(wave, "reflect")[: max(1, wave.shape[0] // HOP)]
        logs = torch.log10(torch.clamp(power @ self.mels, min=FLOOR))
        return (torch.maximum(logs, logs.max() - RANGE) + 4) / 4

    def _resemblyzer(self, wave: Tensor) -> Tensor:
        loud = wave.double().square().mean().sqrt().float()
        gain = torch.clamp(10 ** (-30 / 20) / torch.clamp(loud, min=1e-30), min=1.0)
        gain = torch.where(loud > 0, gain, torch.ones_like(gain))
        return self._power(wave * gain, "constant") @ self.mels

    def _power(self, wave: Tensor, edge: str) -> Tensor:
        """Return power by frequency of frames around every ``HOP``-th sample: (frames, 201)."""
        around = functional.pad(wave[None], (LENGTH // 2, LENGTH // 2), mode=edge)[0]
        count = wave.shape[0] // HOP + 1
        at = torch.arange(count)[:, None] * HOP + torch.arange(LENGTH)
        real, imaginary = (around[at] @ self.analyse).chunk(2, dim=1)
        return real.square() + imaginary.square()


class Level(nn.Module):
    """A wave as :class:`Waves` prepares it, in one window of a batch of one."""

    def __init__(self, look: Waves) -> None:
        super().__init__()
        self.normalised = look.normalised

    def forward(self, wave: Tensor) -> Tensor:
        """Bring to mean 0 and variance 1, where the network wants that: (n,) -> (1, 1, t)."""
        if self.normalised:
            wave = (wave - wave.mean()) / torch.sqrt(wave.var(correction=0) + 1e-7)
        wave = torch.where(wave == 0, FAINT, wave)
        return functional.pad(wave, (0, -wave.shape[0] % (STEP * HOP)))[None, None]
