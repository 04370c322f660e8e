"""How recordings are prepared: mels, waves, windows, padding, packs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.errors import ConfigError
from headstart.modalities import Padded
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.look import STEP, Mels, Waves, look, windows
from headstart.modalities.audio.mels import filters, resemblyzer, whisper
from headstart.modalities.audio.packing import PACK, packs
from tiny_sounds import clip

VOICES = Mels("resemblyzer", 40, 1, 1.6, 150)
LOOKS = [Mels(), VOICES, Waves(), Waves(normalised=False)]
SILENCE = Clip(np.zeros(8_000, np.float32), 16_000)


@pytest.mark.parametrize("one", LOOKS)
def test_a_look_keeps_to_the_contract(one: Mels | Waves) -> None:
    assert isinstance(one, Padded)
    assert look(json.loads(json.dumps(one.to_json()))) == one
    drawn = one.drawn(3)
    assert drawn.dtype == np.float32 and np.array_equal(drawn, one.drawn(3))
    assert drawn.shape[1:] == one.asked(extent=drawn.shape[1:]).drawn(1).shape[1:]
    assert one.asked() == one and one.says()
    with pytest.raises(ConfigError, match="--size: a recording has nothing of the kind"):
        one.asked(size=96)
    with pytest.raises(ConfigError, match="--seconds 60 is no length of a window"):
        one.asked(seconds=60)


def test_other_forms_are_refused() -> None:
    with pytest.raises(TypeError):
        look({"form": "smells", "extent": []})


@pytest.mark.parametrize("one", LOOKS)
@pytest.mark.parametrize("x", [clip(0.3), SILENCE, Clip(np.zeros(1, np.float32), 8_000)])
def test_only_padding_is_zero(one: Mels | Waves, x: Clip) -> None:
    fed = one(x)
    assert np.isfinite(fed).all()
    there = fed[0] != 0 if fed.ndim == 2 else (fed[0] != 0).any(0)
    own = int(there.sum())
    assert there[:own].all() and own > 0, "a recording is there from its beginning to its end"
    wide = one.batch([fed, one(clip(1.1))])
    assert np.array_equal(wide[0][tuple(map(slice, fed.shape))], fed)


def test_whispers_frames_are_those_of_its_own_extractor() -> None:
    from transformers import WhisperFeatureExtractor

    wave = clip(30).samples
    theirs = WhisperFeatureExtractor()(wave, sampling_rate=16_000, return_tensors="np")
    assert np.abs(whisper(wave, 80) - theirs.input_features[0]).max() < 1e-5


def test_mels_are_triangles_of_equal_area() -> None:
    weights = filters(40)
    assert weights.shape == (201, 40) and (weights >= 0).all()
    hertz = np.linspace(0, 8000, 201)
    peaks = hertz[weights.argmax(0)]
    assert (np.diff(peaks) > 0).all() and peaks[-1] < 8000
    assert np.allclose(weights[:, 20:].sum(0) * 40, 1, atol=0.05)  # 40 Hz between frequencies


def test_power_of_a_tone_lies_at_its_pitch_and_faint_sounds_are_brought_up() -> None:
    t = np.arange(16_000) / 16_000
    tone = (0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)
    frames = resemblyzer(tone, 40)
    assert frames.shape == (40, 101)
    hertz = np.linspace(0, 8000, 201)
    assert abs(hertz[filters(40)[:, frames[:, 50].argmax()].argmax()] - 1000) <= 60
    faint = resemblyzer(tone / 1000, 40)
    assert np.allclose(faint.sum(), resemblyzer(tone / 500, 40).sum(), rtol=1e-4)


def test_a_recording_runs_at_its_own_length() -> None:
    assert Mels()(clip(0.31)).shape == (1, 80, 2 * STEP)
    assert Mels()(clip(0.31, rate=8_000)).shape == (1, 80, 2 * STEP)
    assert Waves()(clip(0.31)).shape == (1, 6_400)
    assert Mels()(clip(30)).shape == (1, 80, 3_000)


def test_a_long_recording_is_cut_into_equal_windows_and_no_more_than_are_read() -> None:
    parts = windows(clip(7), Mels(seconds=3))
    assert [len(part) for part in parts] == [37_334, 37_334, 37_332]
    one = Mels(seconds=1, most=4)
    assert one(clip(9)).shape == (4, 80, 100)
    assert np.array_equal(one(clip(9)), one(Clip(clip(9).samples[: 16_000 * 5], 16_000)))


def test_an_extent_is_padded_to_or_cut() -> None:
    one = Mels().asked(extent=(2, 80, 30))
    assert one.batch([one(clip(0.2)), one(clip(1))]).shape == (2, 2, 80, 30)
    assert one.places((2, 80, 30)) == (2, 15)
    assert Waves().places((1, 16_000)) == (1, 49)


def test_packs_hold_every_recording_once_and_only_of_one_shape() -> None:
    rng = np.random.default_rng(0)
    fed = [Mels()(clip(s)) for s in [*rng.uniform(0.1, 1, 30), 25, 25]]
    found = packs(fed)
    assert sorted(k for pack in found for k in pack) == list(range(32))
    assert all(len({fed[k].shape for k in pack}) == 1 for pack in found)
    assert max(map(len, found)) <= PACK and [30] in found and [31] in found
