"""How a recording becomes what a network takes: frames of mels, or the wave, in windows.

A recording runs at its own length. Only as many zeros follow as fill up a step, so that shapes
repeat, and kernels are kept; nothing in a recording is exactly zero, so a network sees by the
values where one ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ConfigError
from headstart.modalities import refuse_unknown
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.mels import FAINT, HOP, LENGTH, RATE, resemblyzer, whisper
from headstart.said import _

Floats = NDArray[np.float32]

LONGEST = 30.0
"""Seconds of a window, at most: Whisper has no more places."""
SHORTEST = 0.1
STEP = 20
"""Windows are filled up to a multiple of so many frames, 0.2 s, or of as many samples."""
DRAWN = 1.0
"""Seconds of a made-up recording."""
SCALES = {"whisper": whisper, "resemblyzer": resemblyzer}
Scale = Literal["whisper", "resemblyzer"]


@dataclass(frozen=True)
class Mels:
    """Recordings as spectrograms on the mel scale.

    Attributes
    ----------
    scale : {"whisper", "resemblyzer"}
        Whose (:mod:`headstart.modalities.audio.mels`).
    mels : int
    stride : int, frames
        That become one place in the maps of the network.
    seconds : float
        Of the longest window, at most 30. A longer recording is cut into equal ones.
    most : int
        Windows that are read of a recording; the rest of a longer one is not.
    rate, n_fft, hop : int
        Samples a second, of a frame, between frames.
    extent : tuple of int, (W, mels, t)
        What every recording is padded to; () for what a batch needs.
    """

    scale: Scale = "whisper"
    mels: int = 80
    stride: int = 2
    seconds: float = LONGEST
    most: int = 8
    rate: int = RATE
    n_fft: int = LENGTH
    hop: int = HOP
    extent: tuple[int, ...] = ()

    @property
    def detail(self) -> int:
        """Nothing of a recording is left out when it is read."""
        return 0

    @property
    def columns(self) -> tuple[str, ...]:
        """One file makes a recording."""
        return ()

    def __call__(self, x: Clip) -> Floats:
        """Return its frames, in windows: (W, mels, t)."""
        made = [SCALES[self.scale](wave, self.mels) for wave in windows(x, self)]
        t = _filled(max(frames.shape[1] for frames in made), STEP)
        return joined(made, (self.mels, t))

    def batch(self, fed: Sequence[NDArray[np.generic]]) -> Floats:
        """Pad to one extent and stack: (B, W, mels, t)."""
        return joined(fed, self.extent)

    def drawn(self, n: int) -> Floats:
        """Draw noise of about a second: (n, 1, mels, t)."""
        W, _mels, t = self.extent or (1, self.mels, round(DRAWN * self.rate / self.hop))
        made = SCALES[self.scale]
        frames = [[made(wave, self.mels) for wave in _noise(W, t * self.hop, k)] for k in range(n)]
        return joined([joined(one, (self.mels, t)) for one in frames], (W, self.mels, t))

    def places(self, extent: tuple[int, ...]) -> tuple[int, ...]:
        """Return the extent of the maps that a network makes of one so large."""
        W, _mels, t = extent
        return W, -(-t // self.stride)

    def asked(self, **options: Any) -> Mels:
        """Take another extent, length or number of windows."""
        return _asked(self, options)

    def to_json(self) -> dict[str, Any]:
        """Return plain types only."""
        return {"form": "mels", **asdict(self), "extent": list(self.extent)}

    def says(self) -> str:
        """Say what happens to a recording."""
        return _(
            "Recordings are heard at a sampling rate of {rate:,} Hz, as {mels} bands of pitch a "
            "hundred times a second. The network hears up to {seconds:g} s at a time; of longer "
            "recordings it hears up to {most} such parts.",
            rate=self.rate,
            mels=self.mels,
            seconds=self.seconds,
            most=self.most,
        )


@dataclass(frozen=True)
class Waves:
    """Recordings as waves.

    Attributes
    ----------
    normalised : bool
        Whether each window is brought to mean 0 and variance 1.
    field, stride : int, samples
        That one place in the maps of the network is made of, and between places.
    seconds, most, rate
        As of :class:`Mels`.
    extent : tuple of int, (W, samples)
        What every recording is padded to; () for what a batch needs.
    """

    normalised: bool = True
    field: int = 400
    stride: int = 320
    seconds: float = LONGEST
    most: int = 8
    rate: int = RATE
    extent: tuple[int, ...] = ()

    @property
    def detail(self) -> int:
        """Nothing of a recording is left out when it is read."""
        return 0

    @property
    def columns(self) -> tuple[str, ...]:
        """One file makes a recording."""
        return ()

    def __call__(self, x: Clip) -> Floats:
        """Return its samples, in windows: (W, n)."""
        made = [self._level(wave) for wave in windows(x, self)]
        n = _filled(max(map(len, made)), STEP * HOP)
        return joined(made, (n,))

    def batch(self, fed: Sequence[NDArray[np.generic]]) -> Floats:
        """Pad to one extent and stack: (B, W, n)."""
        return joined(fed, self.extent)

    def drawn(self, n: int) -> Floats:
        """Draw noise of about a second: (n, 1, samples)."""
        W, samples = self.extent or (1, round(DRAWN * self.rate))
        waves = [[self._level(wave) for wave in _noise(W, samples, k)] for k in range(n)]
        return joined([joined(one, (samples,)) for one in waves], (W, samples))

    def places(self, extent: tuple[int, ...]) -> tuple[int, ...]:
        """Return the extent of the maps that a network makes of one so large."""
        W, n = extent
        return W, (n - self.field) // self.stride + 1

    def asked(self, **options: Any) -> Waves:
        """Take another extent, length or number of windows."""
        return _asked(self, options)

    def to_json(self) -> dict[str, Any]:
        """Return plain types only."""
        return {"form": "waves", **asdict(self), "extent": list(self.extent)}

    def says(self) -> str:
        """Say what happens to a recording."""
        return _(
            "Recordings are heard as waves, at a sampling rate of {rate:,} Hz. The network hears "
            "up to {seconds:g} s at a time; of longer recordings it hears up to {most} such parts.",
            rate=self.rate,
            seconds=self.seconds,
            most=self.most,
        )

    def _level(self, wave: Floats) -> Floats:
        wave = np.pad(wave, (0, max(0, self.field - len(wave))))
        if self.normalised:  # as Wav2Vec2FeatureExtractor does
            wave = (wave - wave.mean()) / np.sqrt(wave.var() + np.float32(1e-7))
        return np.where(wave == 0, np.float32(FAINT), wave)


Look = TypeVar("Look", Mels, Waves)


def look(values: dict[str, Any]) -> Mels | Waves:
    """Rebuild a look from ``to_json``; raises ``TypeError`` on missing or unknown keys."""
    rest = dict(values)
    form = {"mels": Mels, "waves": Waves}.get(rest.pop("form", ""))
    if form is None:
        raise TypeError(f"no form {values.get('form')!r}")
    return form(**{**rest, "extent": tuple(rest["extent"])})


def windows(x: Clip, look: Mels | Waves) -> list[Floats]:
    """Return a recording at the rate of a look, cut into equal windows that it allows."""
    wave = resampled(x, look.rate)[: round(look.most * look.seconds * look.rate)]
    parts = max(1, math.ceil(len(wave) / (look.seconds * look.rate)))
    size = max(1, math.ceil(len(wave) / parts))
    return [wave[at : at + size] for at in range(0, max(1, len(wave)), size)]


def resampled(x: Clip, rate: int) -> Floats:
    """Return the samples of a recording at another rate."""
    if x.rate == rate:
        return x.samples
    import soxr

    wave: Floats = soxr.resample(x.samples, x.rate, rate)
    return wave


def joined(fed: Sequence[NDArray[np.generic]], extent: tuple[int, ...] = ()) -> Floats:
    """Stack arrays along a new first axis, zeros behind, what is beyond the extent cut off."""
    extent = extent or tuple(np.max([one.shape for one in fed], axis=0))
    out = np.zeros((len(fed), *extent), np.float32)
    for one, row in zip(fed, out, strict=True):
        cut = one[tuple(map(slice, extent))]
        row[tuple(map(slice, cut.shape))] = cut
    return out


def _filled(n: int, step: int) -> int:
    return -(-n // step) * step


def _noise(W: int, samples: int, k: int) -> list[Floats]:
    """Draw windows of noise that fades, as speech does; every second recording is shorter."""
    rng = np.random.default_rng(k)
    noise = 0.1 * rng.standard_normal((W, samples), np.float32)
    end = samples - (k % 2) * min(samples // 4, STEP * HOP // 2)
    return list((noise * np.linspace(1, 0.1, samples, dtype=np.float32))[:, :end])


def _asked(look: Look, options: dict[str, Any]) -> Look:
    own = ("extent", "seconds", "most")
    given = {name: options.pop(name) for name in own if options.get(name) is not None}
    refuse_unknown({k: v for k, v in options.items() if v is not None}, _("a recording"))
    if "extent" in given:
        given["extent"] = tuple(given["extent"])
    if not SHORTEST <= given.get("seconds", LONGEST) <= LONGEST:
        raise ConfigError(
            _("--seconds {seconds:g} is no length of a window.", seconds=given["seconds"]),
            _("From {least:g} to {most:g}.", least=SHORTEST, most=LONGEST),
        )
    return replace(look, **given)
