"""How a recording becomes what a network takes: a spectrogram of its own length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.modalities import refuse_unknown
from headstart.modalities.audio.clip import Clip
from headstart.said import _

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Mels:
    """Recordings as spectrograms: (W, mels, t), zeros behind where one ends.

    Attributes
    ----------
    mels, rate, most : int
    seconds : float
    extent : tuple of int, (W, mels, t)
    """

    mels: int = 24
    rate: int = 16_000
    most: int = 8
    seconds: float = 30.0
    extent: tuple[int, ...] = ()

    @property
    def detail(self) -> int:
        """Nothing is left out."""
        return 0

    @property
    def columns(self) -> tuple[str, ...]:
        """One file makes a recording."""
        return ()

    def __call__(self, x: Clip) -> Floats:
        """Return bands of power, in dB: (1, mels, t)."""
        size, hop = 2 * x.rate // 50, x.rate // 100
        wave = np.pad(x.samples, (0, max(0, size - len(x.samples))))
        frames = np.lib.stride_tricks.sliding_window_view(wave, size)[::hop]
        power = np.square(np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)))
        bands = np.stack([b.mean(axis=1) for b in np.array_split(power, self.mels, axis=1)])
        return np.log10(bands + 1e-9)[None].astype(np.float32)

    def batch(self, fed: Sequence[NDArray[np.generic]]) -> Floats:
        """Pad to one extent and stack."""
        shape = self.extent or tuple(np.max([one.shape for one in fed], axis=0))
        out = np.zeros((len(fed), *shape), np.float32)
        for one, row in zip(fed, out, strict=True):
            cut = one[tuple(map(slice, shape))]
            row[tuple(map(slice, cut.shape))] = cut
        return out

    def drawn(self, n: int) -> Floats:
        """Draw noise: (n, 1, mels, 100)."""
        shape = (n, *(self.extent or (1, self.mels, 100)))
        return np.random.default_rng(0).standard_normal(shape).astype(np.float32)

    def asked(self, **options: Any) -> Mels:
        """Take an extent."""
        extent = options.pop("extent", None)
        refuse_unknown({k: v for k, v in options.items() if v is not None}, _("a recording"))
        return replace(self, extent=tuple(extent)) if extent is not None else self

    def to_json(self) -> dict[str, Any]:
        """Return plain types only."""
        return {**asdict(self), "extent": list(self.extent)}

    def says(self) -> str:
        """Say what happens to a recording."""
        return _("a recording")
