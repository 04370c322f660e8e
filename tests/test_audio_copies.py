"""Copies of recordings: made ones are found, and other takes are not."""

from __future__ import annotations

import hashlib
import time
from functools import cache

import numpy as np
import pytest
import soxr

from headstart.modalities.audio import AudioModality
from headstart.modalities.audio.copies import are_copies, trimmed
from headstart.modalities.audio.digest import AudioDigest
from headstart.modalities.copies import Copies
from recordings import RATE, voice, written

AUDIO = AudioModality()
OTHERS = [written(voice(seed, 0.6 + seed % 3 / 4)) for seed in range(40)]
VOICE = voice(99, 1.2)


@cache
def kept(data: bytes) -> AudioDigest:
    """Its digest."""
    return AUDIO.digest(AUDIO.read(data))


def copies(files: list[bytes]) -> Copies:
    hashes = [hashlib.sha256(data).hexdigest() for data in files]
    return AUDIO.copies(hashes, [kept(data) for data in files])


def together(*files: bytes) -> bool:
    """Whether all are copies, among others that are not."""
    component = copies([*files, *OTHERS]).component
    assert not set(component[: len(files)]) & set(component[len(files) :])
    return len(set(component[: len(files)])) == 1


def noisy(samples: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(len(samples))
    return (samples + 10**-1.5 * samples.std() * noise).astype(np.float32)


MADE = {
    "8 kHz": lambda: written(soxr.resample(VOICE, RATE, 8_000), 8_000),
    "44.1 kHz": lambda: written(soxr.resample(VOICE, RATE, 44_100), 44_100),
    "a quarter as loud": lambda: written(VOICE / 4),
    "clipped": lambda: written(np.clip(VOICE * 4, -1, 1)),
    "MP3": lambda: written(VOICE, RATE, "MP3"),
    "Vorbis": lambda: written(VOICE, RATE, "OGG", "VORBIS"),
    "Opus": lambda: written(VOICE, RATE, "OGG", "OPUS"),
    "mu-law": lambda: written(VOICE, RATE, "WAV", "ULAW"),
    "stereo": lambda: written(np.stack([VOICE, VOICE], axis=1)),
    "anti-phase": lambda: written(np.stack([VOICE, -VOICE], axis=1)),
    "0.3 s later": lambda: written(np.pad(VOICE, (RATE * 3 // 10, 0))),
    "silence behind": lambda: written(np.pad(VOICE, (0, RATE))),
    "the end cut off": lambda: written(VOICE[: len(VOICE) * 17 // 20]),
    "the beginning cut off": lambda: written(VOICE[len(VOICE) // 10 :]),
    "noise": lambda: written(noisy(VOICE)),
}


@pytest.mark.parametrize("made", MADE)
def test_a_copy_is_found(made: str) -> None:
    assert together(written(VOICE), MADE[made]())


def test_other_recordings_are_no_copies() -> None:
    assert copies(OTHERS).clusters() == []


def test_another_take_of_the_same_is_no_copy() -> None:
    """The same tune, sung half a tone higher."""
    higher = soxr.resample(VOICE, RATE * 1.06, RATE)
    assert not together(written(VOICE), written(higher))


def test_equal_bytes_are_exact_copies() -> None:
    found = copies([*OTHERS, OTHERS[3], written(voice(3, 0.6) * 0.5)])
    assert found.exact[3] == found.exact[-2] and found.component[3] == found.component[-2]
    assert len(set(found.exact)) == len(OTHERS) + 1


def test_the_order_does_not_matter() -> None:
    files = [*OTHERS, *(written(voice(k, 0.6) / 2) for k in range(0, 40, 3)), OTHERS[7]]
    order = np.random.default_rng(0).permutation(len(files))
    one, other = copies(files).component[order], copies([files[i] for i in order]).component
    assert ((one[:, None] == one) == (other[:, None] == other)).all()


def test_silence_and_hums_are_copies_only_to_the_byte() -> None:
    hum = np.sin(np.arange(RATE) * 2 * np.pi * 200 / RATE).astype(np.float32)
    files = [
        written(np.zeros(RATE, np.float32)),
        written(np.zeros(RATE + 1, np.float32)),
        written(hum * 0.3),
        written(hum * 0.2),
        written(hum[:800]),
    ]
    assert copies(files).clusters() == []
    assert [len(c) for c in copies([*files, files[0]]).clusters()] == [2]


def test_one_recording_alone_and_none_at_all() -> None:
    assert len(copies([written(VOICE)]).component) == 1
    assert len(copies(OTHERS[:2]).clusters()) == 0


def test_long_recordings_are_compared_as_a_whole() -> None:
    """Half a minute with the same five seconds in front are no copies; the same half minute is."""
    front = voice(5, 5)
    one, other = (np.concatenate([front, voice(seed, 25)]) for seed in (50, 51))
    assert not together(written(one), written(other))
    assert together(written(one), written(np.pad(one / 2, (RATE, 0)), RATE, "OGG"))


def test_prints_of_other_steps_are_compared() -> None:
    """At 2.6 s cells last twice as long: silence around a recording must not hide it."""
    short, long = voice(7, 2.4), np.pad(voice(7, 2.4), (0, 2 * RATE))
    a, b = (trimmed(AUDIO.digest(AUDIO.read(written(x)))) for x in (short, long))
    assert (a[1], b[1]) == (0, 1) and are_copies(a, b)


def test_hundreds_of_recordings_are_compared_in_seconds() -> None:
    many = [kept(data) for data in OTHERS] * 10
    start = time.process_time()
    found = AUDIO.copies([str(k) for k in range(400)], many)
    assert time.process_time() - start < 10
    assert len(set(found.component)) == 40
