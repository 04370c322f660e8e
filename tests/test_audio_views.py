"""Views of recordings: the same every time, as long as the recording, and what their names say."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from headstart.errors import ConfigError
from headstart.modalities.audio import AudioModality
from headstart.modalities.audio.augmentation import SoundAugmentation
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.fresh import Recordings
from headstart.modalities.audio.look import Mels
from headstart.modalities.audio.views import COUNTS, louder, masked, noisy, shifted, varied
from headstart.prepare.refusals import refuse_strange_views
from headstart.transfer.parts import Sized
from headstart.transfer.recipe import Recipe

RATE, LOOK, MARK = 16_000, Mels(), "ab" * 32
VIEWS = SoundAugmentation()


def clip(seconds: float = 1.0, seed: int = 0) -> Clip:
    at = np.arange(round(seconds * RATE)) / RATE
    room = 0.01 * np.random.default_rng(seed).standard_normal(len(at))
    return Clip((0.3 * np.sin(2 * np.pi * 440 * at) * (at % 0.5 < 0.3) + room).astype("f4"), RATE)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ---- fixed views -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", COUNTS)
def test_the_first_view_is_the_plain_one_and_all_are_repeatable(kind):
    chosen, x = VIEWS.fixed(kind), clip()
    made = [chosen(x, LOOK, MARK, view) for view in range(chosen.count)]
    again = [chosen(x, LOOK, MARK, view) for view in range(chosen.count)]
    assert np.array_equal(made[0], LOOK(x))
    assert all(np.array_equal(a, b) for a, b in zip(made, again, strict=True))
    assert all(one.shape == made[0].shape and one.dtype == np.float32 for one in made)
    if kind not in ("none", "sound"):
        assert all(np.any(a != b) for a, b in combinations(made, 2))
    assert len(made) == COUNTS[kind]


def test_chance_is_decided_by_the_recording_the_view_and_the_seed_alone():
    x = clip()
    first = VIEWS.fixed("noise")(x, LOOK, MARK, 1)
    others = [
        VIEWS.fixed("noise")(x, LOOK, "cd" * 32, 1),
        VIEWS.fixed("noise")(x, LOOK, MARK, 2),
        VIEWS.fixed("noise", seed=1)(x, LOOK, MARK, 1),
    ]
    assert all(np.any(first != other) for other in others)
    assert np.array_equal(first, VIEWS.fixed("noise", 9)(x, LOOK, MARK, 1))


def test_keys_tell_views_apart():
    keys = [VIEWS.fixed(kind).key for kind in COUNTS] + [VIEWS.fixed("noise", seed=1).key]
    assert len(set(keys)) == len(keys)
    assert VIEWS.fixed("noise", 1).key == VIEWS.fixed("none").key


def test_views_are_described():
    assert VIEWS.fixed("none").describe() == "1 fixed view: plain"
    said = "4 fixed views: plain, 3 more with noise 10 to 30 dB softer"
    assert VIEWS.fixed("noise").describe() == said


@pytest.mark.parametrize(
    ("kind", "count", "words"),
    [("mirror", None, "mirror"), ("noise", 0, "--views 0"), ("none", 2, "--views 2")],
)
def test_what_there_is_not_is_refused(kind, count, words):
    with pytest.raises(ConfigError, match=words) as caught:
        VIEWS.fixed(kind, count)
    assert caught.value.hint
    with pytest.raises(IndexError):
        VIEWS.fixed("noise")(clip(), LOOK, MARK, 4)


# ---- what they do ------------------------------------------------------------------------------


def test_noise_is_10_to_30_db_softer():
    x = clip()
    for seed in range(20):
        added = noisy(x, rng(seed)).samples - x.samples
        ratio = 10 * np.log10(np.mean(x.samples**2) / np.mean(added**2))
        assert 9.9 < ratio < 30.1


def test_a_shift_moves_and_keeps_the_length():
    x = clip()
    for seed in range(20):
        moved = shifted(x, rng(seed)).samples
        fit = np.fft.irfft(np.fft.rfft(moved) * np.conj(np.fft.rfft(x.samples)))
        by = int(fit.argmax())
        assert len(moved) == len(x.samples)
        assert min(by, len(moved) - by) <= 0.1 * RATE + 1


def test_gain_never_goes_beyond_full_scale():
    x = clip()
    gains = [louder(x, rng(seed)).samples.max() / x.samples.max() for seed in range(50)]
    assert 0.5 <= min(gains) < 0.8 and 1.2 < max(gains) <= 2
    loud = Clip(x.samples / np.abs(x.samples).max(), RATE)
    assert max(np.abs(louder(loud, rng(s)).samples).max() for s in range(50)) <= 1 + 1e-6


def test_masks_cover_a_band_and_a_stretch_and_leave_padding():
    fed = rng().normal(5, 1, (2, 80, 300)).astype(np.float32)
    fed[1, :, 200:] = 0  # the second window is shorter
    bands, stretches = [], []
    for seed in range(30):
        out = masked(fed, rng(seed), 1 / RATE)
        assert not out[1, :, 200:].any()
        changed = out[0] != fed[0]
        bands.append(changed.all(axis=1).sum())
        stretches.append(changed.all(axis=0).sum())
        assert set(np.unique(out[0][changed])) <= {fed[0].mean()}
    assert min(bands) >= 0 and 15 < max(bands) <= 27
    assert 40 < max(stretches) <= 60, "a fifth at most"


def test_masks_of_waves_cover_a_stretch():
    fed = rng().normal(0, 1, (1, RATE)).astype(np.float32)
    fed[0, 12_000:] = 0
    out = masked(fed, rng(3), 1 / RATE)
    changed = np.flatnonzero(out[0] != fed[0])
    assert 0 < len(changed) <= 2400 and changed.max() < 12_000


@pytest.mark.parametrize("kind", COUNTS)
@pytest.mark.parametrize("samples", [np.zeros(RATE), np.full(3, 0.1), np.ones(1)])
def test_strange_recordings_are_varied_without_a_word(kind, samples):
    x = Clip(samples.astype(np.float32), RATE)
    for seed in range(5):
        assert np.isfinite(varied(x, LOOK, kind, rng(seed))).all()


# ---- fresh ones --------------------------------------------------------------------------------


@pytest.fixture
def fresh() -> Recordings:
    clips = [clip(s, k) for k, s in enumerate((0.5, 1.0, 0.7, 0.3))]
    return VIEWS.fresh(clips.__getitem__, 4, LOOK, "sound", workers=2, on_event=lambda event: None)


def test_fresh_views_are_padded_and_sized(fresh):
    rows = np.array([3, 1])
    plain = fresh.plain(rows)
    assert plain.shape == (2, *LOOK(clip(1.0)).shape)
    assert not plain[0, :, :, 30:].any() and plain[1].all()
    assert isinstance(fresh, Sized)
    assert np.array_equal(fresh.sizes(rows), [LOOK(clip(s)).size for s in (0.3, 1.0)])
    assert fresh.varied(rows, rng()).shape == plain.shape


def test_fresh_views_differ_from_epoch_to_epoch_and_not_by_chance(fresh):
    rows = np.arange(4)
    one, again, other = (fresh.varied(rows, rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert np.any(one != other)


def test_what_does_not_fit_into_memory_is_read_again(monkeypatch):
    monkeypatch.setattr("headstart.modalities.audio.fresh.MAX_BYTES", 40_000)
    read = []

    def read_one(row: int) -> Clip:
        read.append(row)
        return clip(0.5, row)

    found = Recordings.read(read_one, 3, LOOK, "none", workers=1)
    assert set(found.kept) == {0}
    found.plain(np.arange(3))
    assert read == [0, 1, 2, 1, 2]


# ---- --augment ---------------------------------------------------------------------------------


def test_a_modality_says_which_kinds_it_has():
    assert dict(AudioModality().views.kinds) == COUNTS
    with pytest.raises(ConfigError, match="--augment mirror") as caught:
        refuse_strange_views("mirror", COUNTS, "recordings")
    assert "specaugment" in caught.value.hint


def test_a_word_that_no_modality_has_is_refused_at_once():
    with pytest.raises(ConfigError, match="'echo' is not one of"):
        Recipe(augment="echo")
