"""What is kept of a recording: small, finite, and much the same at every rate and level."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from headstart.modalities.audio import AudioModality
from headstart.modalities.audio.baselines import MELS, MFCC, RIVALS
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.digest import CELLS, AudioDigest, digest
from headstart.modalities.audio.spectrum import BANDS, LINES, decibels, mel_weights, spectrum
from recordings import RATE, voice, written

AUDIO = AudioModality()


def kept(samples: np.ndarray, rate: int = RATE) -> AudioDigest:
    return digest(Clip(samples.astype(np.float32), rate))


def test_a_digest_survives_the_cache_and_is_small() -> None:
    d = AUDIO.digest(AUDIO.read(written(voice(seconds=2))))
    packed = AUDIO.pack(d)
    again = AUDIO.unpack(packed)
    assert AUDIO.pack(again) == packed and len(packed) < 12_000
    assert again.origin == d.origin and again.seconds == d.seconds == 2
    for name in ("picture", "mfcc", "sound"):
        assert np.array_equal(getattr(again, name), getattr(d, name))
    assert len(AUDIO.pack(kept(voice(seconds=100)))) < 12_000


@pytest.mark.parametrize("samples", [np.zeros(800), np.zeros(RATE), np.full(RATE, 0.5)])
@pytest.mark.parametrize("rate", [1_000, 8_000, RATE, 96_000])
def test_silence_and_a_constant_have_finite_digests(samples: np.ndarray, rate: int) -> None:
    d = kept(samples[: max(rate // 20, 800)], rate)
    figures = (d.peak, d.loudness, d.noise, d.silence, d.edge, d.seconds, *d.mfcc.tolist())
    assert np.isfinite(figures).all()
    if not samples.any():
        assert (d.loudness, d.silence, d.edge, d.picture.max()) == (-120, 1, 0, 0)


def test_huge_values_are_kept_within_numbers() -> None:
    d = kept(voice() * np.float32(1e15))
    assert np.isfinite([d.peak, d.loudness, d.noise, d.edge]).all() and np.isfinite(d.mfcc).all()


def test_figures_are_those_of_a_tone() -> None:
    t = np.arange(RATE) / RATE
    d = kept(0.5 * np.sin(2 * np.pi * 1_000 * t))
    assert d.peak == pytest.approx(0.5, abs=1e-3)
    assert d.loudness == pytest.approx(-9.03, abs=0.01)  # 20 log10(0.5 / sqrt(2))
    assert d.silence == 0 and 1_000 < d.edge < 1_400
    loudest = int(np.argmax(d.picture.mean(axis=1)))
    weights = mel_weights(RATE, 800)
    assert np.argmax(weights[:, loudest]) * RATE / 800 == pytest.approx(1_000, abs=60)


def test_silence_is_a_share() -> None:
    d = kept(np.concatenate([voice(), np.zeros(RATE)]))
    assert d.silence == pytest.approx(0.5, abs=0.03) and d.noise < -60


def test_the_highest_frequency_tells_a_recording_that_was_resampled() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.1
    telephone = soxr.resample(soxr.resample(noise, RATE, 8_000), 8_000, RATE)
    assert kept(noise).edge > 7_900 and kept(telephone).edge < 4_300


def test_powers_are_densities_at_every_rate() -> None:
    sound = voice(seconds=2, rate=48_000)
    high = spectrum(sound, 48_000)
    for rate in (8_000, 11_025, 16_000, 44_100):
        low = spectrum(soxr.resample(sound, 48_000, rate), rate)
        n = min(len(low.lines), len(high.lines))
        a, b = decibels(high.lines[:n], 40), decibels(low.lines[:n], 40)
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.99, rate


def test_analysis_in_pieces_is_the_same_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from headstart.modalities.audio import spectrum as module

    sound = voice(seconds=2)
    whole = spectrum(sound, RATE)
    monkeypatch.setattr(module, "AT_A_TIME", 7)
    parts = spectrum(sound, RATE)
    for name in ("bands", "lines", "level", "mean"):
        assert np.allclose(getattr(whole, name), getattr(parts, name), rtol=1e-4, atol=1e-12)
    assert whole.bands.shape == (198, BANDS) and whole.lines.shape == (198, LINES)


def test_gain_changes_neither_the_picture_nor_the_coefficients() -> None:
    loud, soft = kept(voice()), kept(voice() * 0.1)
    assert np.abs(loud.picture.astype(int) - soft.picture).max() <= 1
    assert np.allclose(loud.mfcc, soft.mfcc, atol=0.01)
    assert loud.loudness - soft.loudness == pytest.approx(20, abs=0.01)


def test_rivals_describe_recordings_one_by_one() -> None:
    digests = [kept(voice(k, seconds)) for k, seconds in enumerate((0.05, 0.3, 1, 4))]
    for name, width in ((MFCC, 60), (MELS, BANDS * CELLS)):
        described = RIVALS[name].describe(digests)
        assert described.shape == (4, width) and described.dtype == np.float32
        assert np.array_equal(described[1:2], RIVALS[name].describe(digests[1:2]))
        assert RIVALS[name].says
