"""Views of a recording: the same sound in another room, from another mouth, a little later.

A few are fixed in advance, so that the frozen part of a network hears each once and what it made of
them is kept. ``fresh.py`` varies recordings by the same rules, anew every time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np

from headstart.errors import ConfigError
from headstart.modalities import Fed
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.tone import room_tone
from headstart.said import N_, _, _n, commas

COUNTS = {"none": 1, "noise": 4, "shift": 4, "gain": 4, "specaugment": 4, "sound": 4}
"""How many views each kind makes by default, the plain one first: each passes through the frozen
part of the network once (plain choice)."""
WORDS = {
    "none": N_("plain"),
    "noise": N_("with noise 10 to 30 dB softer"),
    "shift": N_("moved by up to 0.1 s"),
    "gain": N_("up to 6 dB louder or softer"),
    "specaugment": N_("with a stretch of time and a band of pitch covered"),
    "sound": N_(
        "moved, in noise, louder or softer, with parts covered, each for half of the recordings"
    ),
}
SNR = (10.0, 30.0)
"""dB that the recording is louder than the noise."""
COLOUR = (0.0, 1.0)
"""Of the noise: its power falls with frequency to the power of this, 0 white, 1 pink."""
SHIFT, SHIFT_SHARE = 0.1, 0.1
"""Seconds (Warden 2018, "Speech Commands", arXiv:1804.03209); share of the recording at most."""
GAIN = 6.0
"""dB."""
BAND, STRETCH, STRETCH_SHARE = 27 / 80, 100, 0.2
"""The widest band as a share of all mels, the longest stretch in frames of 10 ms (F and T of the
policy LB), and what share of the recording it covers at most (p of the policy SM): Park et al.
(2019), "SpecAugment", arXiv:1904.08779, table 1."""

Rng = np.random.Generator


@dataclass(frozen=True)
class SoundViews:
    """Which fixed views of every recording are made; view 0 is what prediction hears.

    Attributes
    ----------
    kind : str
        One of ``COUNTS``. "sound" is all of the others, each to half of the recordings.
    count : int, >= 1
        How many views; any number but of "none".
    seed : int, default=0
        Of what is random.

    Raises
    ------
    ConfigError
        No such kind, or not that many views of it.
    """

    kind: str
    count: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in COUNTS:
            raise ConfigError(
                _("--augment has no fixed views called {kind!r}.", kind=self.kind),
                _("One of: {names}.", names=commas(COUNTS)),
            )
        if self.count < 1:
            raise ConfigError(
                _("--views {n} is too few.", n=self.count),
                _("Ask for at least 1: the recording as it is."),
            )
        if self.kind == "none" and self.count > 1:
            raise ConfigError(
                _("--augment none has one view, not --views {wanted}.", wanted=self.count),
                _("Leave out --views, or use --augment sound, which has any number."),
            )

    def __call__(self, x: Clip, look: Any, mark: str, view: int) -> Fed:
        """Make one view.

        Parameters
        ----------
        x : Clip
        look : Mels or Waves
        mark : str
            SHA-256 of the file: with the seed and the number of the view it alone decides what is
            random, whatever else is read and in whatever order.
        view : int in 0..count-1
        """
        if not 0 <= view < self.count:
            raise IndexError(f"view {view} of {self.count}")
        if view == 0:
            fed: Fed = look(x)
            return fed
        # Python promises the same bits for the same text in every version.
        bits = Random(f"{self.seed} {mark} {view}").getrandbits(128)
        return varied(x, look, self.kind, np.random.default_rng(bits))

    @property
    def key(self) -> str:
        """Identify all that a view depends on besides the recording and the look."""
        if self.count == 1:
            return "plain"
        return f"{self.kind} of {self.count}/seed{self.seed}"

    def describe(self) -> str:
        """Say in plain words what the views are."""
        words = [_(WORDS["none"])]
        if self.count > 1:
            said = _(WORDS[self.kind])
            words.append(_("{n} more {how}", n=self.count - 1, how=said))
        return _n(
            "{n} fixed view: {views}", "{n} fixed views: {views}", self.count, views=commas(words)
        )


def varied(x: Clip, look: Any, kind: str, rng: Rng) -> Fed:
    """Prepare a recording for the network as a kind of augmentation lets it hear it.

    Parameters
    ----------
    x : Clip
    look : Mels or Waves
    kind : str
        One of ``COUNTS``.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray
        Of the shape that the look gives the recording itself.
    """
    steps = (*WAVE, "specaugment") if kind == "sound" else (kind,)
    taken = [step for step in steps if kind != "sound" or rng.random() < 0.5]
    for step in taken:
        if step in WAVE:
            x = WAVE[step](x, rng)
    fed: Fed = look(x)
    return masked(fed, rng, 1 / look.rate) if "specaugment" in taken else fed


def shifted(x: Clip, rng: Rng) -> Clip:
    """Move a recording in time; what comes in is the tone of its pauses."""
    most = min(SHIFT * x.rate, SHIFT_SHARE * len(x.samples))
    by = round(rng.uniform(-most, most))
    wave = np.roll(x.samples, by)
    came_in = slice(0, by) if by >= 0 else slice(by, None)
    wave[came_in] = room_tone(x)[came_in]
    return replace(x, samples=wave)


def noisy(x: Clip, rng: Rng) -> Clip:
    """Add noise, between white and pink, at a random distance in loudness."""
    n = len(x.samples)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** (rng.uniform(*COLOUR) / 2)
    noise = np.fft.irfft(spectrum, n)
    loud, own = (float(np.sqrt(np.mean(np.square(w)))) for w in (x.samples, noise))
    scale = loud / max(own, 1e-12) * 10 ** (-rng.uniform(*SNR) / 20)
    return replace(x, samples=np.asarray(x.samples + scale * noise, np.float32))


def louder(x: Clip, rng: Rng) -> Clip:
    """Make a recording louder or softer, but never beyond full scale."""
    peak = float(np.abs(x.samples).max(initial=0.0))
    factor = min(10 ** (rng.uniform(-GAIN, GAIN) / 20), max(1.0, 1 / max(peak, 1e-12)))
    return replace(x, samples=np.asarray(x.samples * factor, np.float32))


WAVE: dict[str, Callable[[Clip, Rng], Clip]] = {
    "shift": shifted,
    "noise": noisy,
    "gain": louder,
}
"""What is done to the sound itself, in this order."""


def masked(fed: Fed, rng: Rng, sample: float) -> Fed:
    """Cover a stretch of time and, of spectrograms, a band of pitch in every window.

    Parameters
    ----------
    fed : ndarray of shape (W, mels, t) or (W, samples)
        Zeros alone are padding, which stays.
    rng : numpy.random.Generator
    sample : float
        Seconds between samples, where these are not frames of 10 ms.

    Notes
    -----
    Covered is painted with the mean of the window, as Park et al. (2019), section 2, do.
    """
    out = fed.copy()
    for window in out:
        there = window != 0
        if not there.any():
            continue
        mean = window[there].mean()
        heard = int(np.flatnonzero(np.atleast_2d(there).any(axis=0))[-1]) + 1
        longest = STRETCH if window.ndim == 2 else round(STRETCH * 0.01 / sample)
        at, size = _span(heard, min(longest, int(STRETCH_SHARE * heard)), rng)
        window[..., at : at + size] = mean
        if window.ndim == 2:
            at, size = _span(len(window), int(BAND * len(window)), rng)
            window[at : at + size, :heard] = mean
    return out


def _span(length: int, most: int, rng: Rng) -> tuple[int, int]:
    """Draw a stretch of up to ``most``: where it begins, and how long it is."""
    size = int(rng.integers(0, most + 1))
    return int(rng.integers(0, length - size + 1)), size
