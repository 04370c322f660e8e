"""Recordings taken apart: what a cover leaves, and that the stretch that decides is found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from headstart.data.items import Examples, Files
from headstart.judge.explain import explain, few_parts, integrity
from headstart.modalities.audio import AudioModality
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.look import Mels
from headstart.modalities.audio.parts import FEWEST, MOST, TimeParts, parts_of
from headstart.modalities.audio.tone import room_tone
from headstart.testing import check_parts
from headstart.transfer import FittedModel
from headstart.transfer.heads import LinearHead

RATE, AUDIO, PARTS = 16_000, AudioModality(), TimeParts()


def murmur(seconds: float, seed: int = 0, rate: int = RATE) -> NDArray[np.float32]:
    """A quiet room."""
    draw = np.random.default_rng(seed).standard_normal(round(seconds * rate))
    return (0.003 * draw).astype(np.float32)


def beep(hertz: float, seconds: float = 0.25, rate: int = RATE) -> NDArray[np.float32]:
    at = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * hertz * at)).astype(np.float32)


def with_beep(hertz: float, at: float, seed: int = 0) -> Clip:
    wave = murmur(2, seed)
    wave[round(at * RATE) :][: RATE // 4] += beep(hertz)
    return Clip(wave, RATE)


def loudness(wave: NDArray[np.float32]) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(wave**2)) + 1e-12))


def saved(folder: Path, *clips: Clip) -> list[Path]:
    paths = [folder / f"{k}.wav" for k in range(len(clips))]
    for path, clip in zip(paths, clips, strict=True):
        soundfile.write(path, clip.samples, clip.rate, subtype="FLOAT")
    return paths


# ---- how many ----------------------------------------------------------------------------------


def test_parts_are_quarters_of_a_second_where_there_are_enough():
    assert parts_of(3.0) == 12
    assert parts_of(0.4) == FEWEST, "a word falls into sounds"
    assert parts_of(0.01) == 1
    assert all(1 <= parts_of(s) <= MOST for s in np.geomspace(0.001, 40_000, 99))
    assert parts_of(240.0) == FEWEST, "of what takes long to hear there are few"


@pytest.mark.parametrize("seconds", [0.06, 0.3, 1.0, 7.3])
def test_parts_keep_the_contract(seconds, tmp_path):
    data = saved(tmp_path, Clip(murmur(seconds), RATE))[0].read_bytes()
    check_parts(AUDIO, Mels(), [data])


def test_what_the_network_does_not_hear_is_not_taken_apart():
    x = Clip(murmur(5), RATE)
    seen = PARTS.of(x, Mels(seconds=1.0, most=2))
    assert seen.clip.seconds == 2 and len(seen.rest) == 3 * RATE
    left = PARTS.left(seen, np.ones(PARTS.shape(seen), bool))
    assert len(left.samples) == len(x.samples)
    assert np.array_equal(left.samples[2 * RATE + 99 :], x.samples[2 * RATE + 99 :])


# ---- what covers -------------------------------------------------------------------------------


def test_a_covered_stretch_sounds_like_the_room():
    x = with_beep(700, 1.0)
    seen = PARTS.of(x, Mels())
    gone = np.zeros(seen.parts, bool)
    gone[4] = True
    wave = PARTS.left(seen, gone).samples
    inside, outside = wave[RATE + 200 : RATE + 3800], wave[: RATE - 200]
    assert loudness(inside) == pytest.approx(loudness(outside), abs=3)
    assert np.array_equal(wave[: RATE - 200], x.samples[: RATE - 200])


def test_the_edge_of_a_cover_does_not_answer():
    """Silence clicks at its edges; the room's tone is nowhere louder than the room."""
    x = Clip(murmur(2), RATE)
    seen = PARTS.of(x, Mels())
    gone = np.zeros(seen.parts, bool)
    gone[[2, 5]] = True
    look = Mels()
    change = np.abs(look(PARTS.left(seen, gone)) - look(x)).max(axis=(0, 1))
    zeros = x.samples.copy()
    zeros[RATE // 2 : 3 * RATE // 4] = 0
    beside = np.abs(look(Clip(zeros, RATE)) - look(x)).max(axis=(0, 1))
    assert change.max() < beside.max()


def test_a_hum_without_a_pause_is_made_much_softer():
    x = Clip(beep(200, 2.0), RATE)
    assert loudness(room_tone(x)) == pytest.approx(loudness(x.samples) - 30, abs=1)


def test_digital_silence_is_covered_with_itself():
    x = Clip(np.zeros(RATE, np.float32), RATE)
    seen = PARTS.of(x, Mels())
    assert not PARTS.left(seen, np.ones(seen.parts, bool)).samples.any()


def test_the_same_recording_has_the_same_tone():
    x = with_beep(500, 0.5)
    assert np.array_equal(room_tone(x), room_tone(x))


# ---- what decides ------------------------------------------------------------------------------


@dataclass
class Ear:
    """Hears how loud each band is on the whole: a network without weights."""

    card: SimpleNamespace

    def embed(self, fed: NDArray[np.generic]) -> NDArray[np.float32]:
        batch = np.asarray(fed, np.float32)
        heard = batch != 0
        mean = batch.sum(axis=(1, 3)) / np.maximum(heard.sum(axis=(1, 3)), 1)
        return np.asarray(mean, np.float32)


def test_the_stretch_that_decides_is_marked(tmp_path):
    """Beeps of two pitches anywhere in a murmur: the beep is what the answer goes by."""
    places = [0.0, 0.5, 1.0, 1.5]
    clips = [with_beep(f, at, k) for k, (f, at) in enumerate((f, at) for f in (600, 3000)
                                                            for at in places)]  # fmt: skip
    look = Mels()
    ear = Ear(SimpleNamespace(look=look))
    X = ear.embed(look.batch([look(c) for c in clips]))
    way = np.repeat([-1.0, 1.0], len(places))
    w = 8 * np.linalg.lstsq(X - X.mean(0), way, rcond=None)[0]
    head = LinearHead(np.stack([-w, w], axis=1), np.array([1, -1]) * (X.mean(0) @ w))
    model = FittedModel("probe", head, 1.0, ("low", "high"))
    paths = saved(tmp_path, *clips)
    examples = Examples(tuple(map(str, paths)), Files(tuple(paths)), AUDIO)
    rows = list(range(len(clips)))
    assert few_parts(examples, rows, look)
    found = explain(examples, rows, model, ear)
    assert len(found) == len(rows)
    for e in found:
        assert e.weight.argmax() == round(4 * places[e.row % len(places)])
    figures = integrity(found, model, ear, AUDIO)
    assert figures is not None
    assert figures["covered_drop"] > figures["elsewhere_drop"] and figures["p"] < 0.05


def test_a_map_over_time_is_laid_over_the_parts():
    seen = PARTS.of(Clip(murmur(2), RATE), Mels())
    coarse = np.repeat([[0.0, 1.0]], 3, axis=0).astype(np.float32)
    weight = PARTS.spread(coarse, seen)
    assert weight.shape == (8,) and weight[0] == 0 and weight[-1] == 1
    assert (np.diff(weight) >= 0).all()
