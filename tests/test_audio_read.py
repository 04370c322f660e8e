"""Recordings are read: every format, every trap, every damage."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.errors import MissingExtraError
from headstart.modalities import UnreadableError
from headstart.modalities.audio import AudioModality, extra
from headstart.modalities.audio import read as reading
from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.headers import is_unfinished, promised
from headstart.modalities.audio.read import decode
from recordings import FORMATS, RATE, voice, written

AUDIO = AudioModality()
VOICE = voice()
DAMAGED = ("WAV", "FLAC", "OGG", "MP3", "AIFF", "CAF", "AU")


def why(data: bytes) -> str:
    with pytest.raises(UnreadableError) as caught:
        AUDIO.read(data)
    return caught.value.reason


# ---- formats -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "subtype"), FORMATS)
def test_every_format_is_read_as_it_was_written(format: str, subtype: str, tmp_path: Path) -> None:
    path = tmp_path / f"录音 1.{format.lower()}"
    path.write_bytes(written(VOICE, RATE, format, subtype))
    clip = AUDIO.read(path.read_bytes())
    assert (clip.rate, clip.origin.format, clip.origin.subtype) == (RATE, format, subtype)
    assert clip.samples.dtype == np.float32 and clip.samples.ndim == 1
    assert clip.seconds == pytest.approx(1, abs=0.01)
    assert not clip.origin.broken and clip.origin.declared == pytest.approx(clip.seconds)
    assert np.corrcoef(clip.samples[: len(VOICE)], VOICE)[0, 1] > 0.97


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_a_recording_keeps_its_own_rate(rate: int) -> None:
    assert AUDIO.read(written(voice(rate=rate), rate)).rate == rate


@pytest.mark.parametrize("format", [one for one, _sub in FORMATS])
def test_a_file_is_recognised_by_suffix_and_by_first_bytes(format: str) -> None:
    head = written(VOICE, RATE, format)[:512]
    assert AUDIO.recognise("file", "without a suffix", head) == 1
    assert AUDIO.recognise("cell", "row 2", head) == 0


def test_suffixes_alone_are_enough_and_other_files_are_none() -> None:
    for suffix in ("wav", "FLAC", "ogg", "opus", "mp3", "aiff", "aif", "caf", "au"):
        assert AUDIO.recognise("file", f"一.{suffix}", b"") == 1
    for suffix in ("m4a", "aac", "wma", "mp4", "mkv", "webm"):
        assert 0 < AUDIO.recognise("file", f"a.{suffix}", b"") < 1
    for name, head in (
        ("a.txt", "\ufeffwords".encode("utf-16")),
        ("a.jpg", b"\xff\xd8\xff\xe0"),
        ("a.png", b"\x89PNG\r\n\x1a\n"),
        ("a.heic", b"\0\0\0\x18ftypheic"),
        ("a.webp", b"RIFF\0\0\0\0WEBP"),
        ("a", b""),
    ):
        assert AUDIO.recognise("file", name, head) == 0, name


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "M4A"),
        (b"\0\0\0\x20ftypisom\0\0\0\0", "MP4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "QuickTime"),
        (b"\xff\xf1\x50\x80", "AAC"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA"),
        (b"\x1aE\xdf\xa3", "Matroska/WebM"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI"),
    ],
)
def test_what_needs_converting_is_refused_by_name_with_ffmpeg(head: bytes, name: str) -> None:
    said = why(head + bytes(400))
    assert name in said and "ffmpeg" in said


# ---- traps -------------------------------------------------------------------------------------


def test_no_bytes_a_text_and_noise_are_refused() -> None:
    assert why(b"") == "empty file"
    assert why(b"version https://git-lfs.github.com/spec/v1\n") == "a text, not a recording"
    assert why("这是一段文字，不是录音。".encode()) == "a text, not a recording"
    assert "not a recording" in why(np.random.default_rng(0).bytes(4000))
    assert "not a recording" in why(written(VOICE, RATE, "VOC"))  # libsndfile reads it, we do not


@pytest.mark.parametrize("n", [0, 1, 799])
def test_less_than_50_ms_is_refused_with_its_length(n: int) -> None:
    said = why(written(VOICE[:n]))
    assert said == f"too short: {n / 16:.0f} ms, and a recording has at least 50 ms"
    assert AUDIO.read(written(VOICE[:800])).seconds == 0.05


def test_channels_become_their_mean() -> None:
    other = voice(1)
    clip = AUDIO.read(written(np.stack([VOICE, other], axis=1), subtype="FLOAT"))
    assert not clip.origin.opposed and clip.origin.channels == 2
    assert np.allclose(clip.samples, (VOICE + other) / 2, atol=1e-6)
    one_sided = AUDIO.read(written(np.stack([VOICE, 0 * VOICE], axis=1), subtype="FLOAT"))
    assert not one_sided.origin.opposed


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG"])
def test_of_channels_in_anti_phase_the_loudest_is_taken(format: str) -> None:
    both = np.stack([-0.9 * VOICE, VOICE], axis=1)
    clip = AUDIO.read(written(both, RATE, format))
    assert clip.origin.opposed
    assert np.corrcoef(clip.samples[: len(VOICE)], VOICE)[0, 1] > 0.98
    assert np.abs(clip.samples).max() == pytest.approx(0.4, abs=0.02)


def test_values_over_1_are_kept() -> None:
    assert np.array_equal(AUDIO.read(written(9 * VOICE, subtype="FLOAT")).samples, 9 * VOICE)


def test_values_that_damage_makes_enormous_become_silence(recwarn: pytest.WarningsRecorder) -> None:
    broken = VOICE.copy()
    broken[100:103] = (3e38, -1e30, 5e9)
    broken[200] = 2.0**31  # of a file of real numbers that holds whole ones of 32 bits
    clip = AUDIO.read(written(broken, subtype="FLOAT"))
    assert clip.origin.mended == 3 and clip.samples.max() == np.float32(2.0**31)
    digest = AUDIO.digest(clip)
    assert np.isfinite(digest.mfcc).all() and not recwarn.list


def test_nothing_is_printed_where_a_header_points_to_before_the_beginning() -> None:
    held = reading._Held(b"RIFF")
    held.read(2)
    assert held.seek(-1) == held.tell() == 2


def test_few_values_that_are_no_numbers_become_silence_and_many_refuse_the_file() -> None:
    broken = VOICE.copy()
    broken[100:110] = np.nan
    broken[200] = np.inf
    clip = AUDIO.read(written(broken, subtype="FLOAT"))
    assert np.isfinite(clip.samples).all() and clip.origin.mended == 11
    broken[: len(broken) // 2] = -np.inf
    assert why(written(broken, subtype="DOUBLE")).startswith("50% of its values are no usable")


@pytest.mark.parametrize("format", ["WAV", "RF64", "AIFF", "AU", "FLAC", "MP3"])
def test_a_file_that_was_cut_off_is_read_short_and_says_so(format: str) -> None:
    data = written(voice(seconds=2), RATE, format)
    clip = AUDIO.read(data[: int(0.6 * len(data))])
    assert clip.origin.broken and 0.5 < clip.seconds < 1.5
    assert clip.origin.declared == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_without_its_last_page_says_so(subtype: str) -> None:
    data = written(voice(seconds=4), RATE, "OGG", subtype)
    assert not is_unfinished(data)
    clip = AUDIO.read(data[: int(0.8 * len(data))])
    assert clip.origin.broken and clip.seconds < 4


def test_a_size_that_was_never_filled_in_promises_nothing() -> None:
    data = bytearray(written(VOICE))
    at = data.find(b"data")
    for size in (0, 0xFFFFFFFF):
        struct.pack_into("<I", data, at + 4, size)
        assert promised(bytes(data)) == 1
    struct.pack_into("<I", data, at + 4, 64_000)
    assert promised(bytes(data)) == 2


def test_clipped_samples_are_counted_and_loud_ones_are_not() -> None:
    assert AUDIO.read(written(np.clip(9 * VOICE, -1, 1))).origin.clipped > 0.05
    assert AUDIO.read(written(VOICE / np.abs(VOICE).max())).origin.clipped < 1e-3
    assert AUDIO.read(written(np.clip(9 * VOICE, -1, 1), RATE, "MP3")).origin.clipped > 0.01


def test_rates_that_no_recording_has_are_refused() -> None:
    data = bytearray(written(VOICE))
    for rate in (1, 2**31 - 1):
        struct.pack_into("<I", data, 24, rate)
        assert "a sampling rate of" in why(bytes(data))


def test_of_a_long_file_the_beginning_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_SECONDS", 2)
    monkeypatch.setattr(reading, "BLOCK", 10_000)
    for format in ("WAV", "FLAC", "MP3"):
        clip = AUDIO.read(written(voice(seconds=3), RATE, format))
        assert clip.seconds == 2 and clip.origin.cut and not clip.origin.broken
        assert clip.origin.declared == pytest.approx(3, abs=0.01)


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    both = np.stack([VOICE, voice(1)], axis=1)
    for format in ("WAV", "FLAC", "OGG", "MP3"):
        data = written(both, RATE, format)
        whole = AUDIO.read(data)
        with monkeypatch.context() as patched:
            patched.setattr(reading, "BLOCK", 3_000)
            parts = AUDIO.read(data)
        assert np.allclose(whole.samples, parts.samples, atol=1e-4), format


LONG = """
import resource, sys, time
from headstart.modalities.audio.read import decode
data = open(sys.argv[1], "rb").read()
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
clip = decode(data)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, clip.seconds,
      clip.origin.declared, clip.origin.cut, time.process_time() - start)
"""


def test_ten_hours_are_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "ten hours.flac"
    with soundfile.SoundFile(path, "w", 2_000, 1, subtype="PCM_16") as file:
        minute = np.zeros(60 * 2_000, np.int16)
        minute[::400] = 9_000
        for _minute in range(600):
            file.write(minute)
    found = subprocess.run(
        [sys.executable, "-c", LONG, path], capture_output=True, text=True, check=True,
        env=dict(os.environ),
    )  # fmt: skip
    megabytes, seconds, declared, cut, spent = found.stdout.split()
    assert (float(seconds), float(declared), cut) == (1800, 36_000, "True")
    assert int(megabytes) < 100 and float(spent) < 5  # all of it would be 288


def test_eight_channels_at_96_khz_are_read_block_by_block() -> None:
    data = written(np.repeat(voice(rate=96_000, seconds=2)[:, None], 8, axis=1), 96_000)
    start = time.process_time()
    clip = AUDIO.read(data)
    assert (clip.origin.channels, clip.rate, clip.seconds) == (8, 96_000, 2)
    assert time.process_time() - start < 2


def test_without_the_extra_the_first_recording_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extra, "NEEDS", ("no_such_module",))
    extra.refuse_without_extra.cache_clear()
    with pytest.raises(MissingExtraError, match=r"pip install 'headstart\[audio\]'"):
        AUDIO.read(written(VOICE))
    monkeypatch.undo()
    extra.refuse_without_extra.cache_clear()


# ---- in memory ---------------------------------------------------------------------------------


def test_what_a_program_holds_is_read_as_it_was() -> None:
    whole = (VOICE * 32_000).astype(np.int16)
    both = np.stack([VOICE, VOICE], axis=1)
    for held, expected in (
        ((VOICE, RATE), VOICE),
        ((RATE, VOICE), VOICE),
        ((VOICE.astype(np.float64), np.int64(RATE)), VOICE),
        ((9 * VOICE, RATE), 9 * VOICE),
        ((whole, RATE), whole / 32_768),
        ((both, RATE), VOICE),
        (Clip(VOICE, RATE), VOICE),
    ):
        data = AUDIO.encode(held)
        assert data is not None
        clip = AUDIO.read(data)
        assert clip.rate == RATE and np.allclose(clip.samples, expected, atol=1e-6)


def test_what_is_no_recording_is_not_written() -> None:
    for held in (
        VOICE,
        "a.wav",
        3,
        (VOICE, "16000"),
        (VOICE, 16_000.5),
        (VOICE, 7),
        (np.zeros((2, 16_000), np.float32), RATE),
        (np.zeros(9, bool), RATE),
        (np.zeros((9, 2, 2), np.float32), RATE),
        (VOICE, RATE, 1),
    ):
        assert AUDIO.encode(held) is None


# ---- damage ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole() -> dict[str, bytes]:
    return {format: written(voice(seconds=0.5), RATE, format) for format in DAMAGED}


@settings(max_examples=120, deadline=None)
@given(
    format=st.sampled_from(DAMAGED),
    keep=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=12),
    early=st.booleans(),
)
def test_damaged_files_are_read_or_refused(
    whole: dict[str, bytes],
    format: str,
    keep: float,
    flips: list[tuple[float, int]],
    early: bool,
) -> None:
    data = bytearray(whole[format])
    for where, value in flips:
        data[int(where * (min(len(data), 200) if early else len(data)))] = value
    data = data[: int(keep * len(data))]
    start = time.monotonic()
    with AUDIO.quiet():
        try:
            d = AUDIO.digest(AUDIO.read(bytes(data)))
        except UnreadableError as cause:
            assert cause.reason
        else:
            assert AUDIO.pack(AUDIO.unpack(AUDIO.pack(d))) == AUDIO.pack(d)
            assert all(np.isfinite(v) for v in (d.peak, d.loudness, d.noise, d.edge, d.seconds))
            assert np.isfinite(d.mfcc).all()
    assert time.monotonic() - start < 5


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with AUDIO.quiet():
        try:
            assert len(decode(data).samples)
        except UnreadableError as cause:
            assert str(cause)
    assert 0 <= AUDIO.recognise("file", "a", data) <= 1


def test_what_mpg123_prints_stays_off_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    data = written(voice(seconds=2), RATE, "MP3")
    with AUDIO.quiet():
        AUDIO.read(data[: len(data) // 2])
    assert capfd.readouterr() == ("", "")
