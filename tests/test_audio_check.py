"""What the checks of recordings find, and what is told of how they were made."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import soxr

from headstart.findings import Finding
from headstart.judge.shortcuts import find_shortcuts
from headstart.language import use
from headstart.modalities.audio import AudioModality
from headstart.modalities.audio import read as reading
from headstart.modalities.audio.look import Mels
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels
from headstart.testing import check_modality
from recordings import RATE, voice, written

AUDIO = AudioModality()
FINE = [written(voice(k)) for k in range(4)]


def found(*files: bytes) -> dict[str, Finding]:
    digests = [AUDIO.digest(AUDIO.read(data)) for data in files]
    refs = [f"词/{k}.wav" for k in range(len(files))]
    return {f.kind: f for f in AUDIO.check(digests, refs, Mels())}


def test_recordings_meet_the_contract() -> None:
    check_modality(
        AUDIO,
        Mels(),
        [
            *FINE[:2],
            written(voice(5, 0.4, 8_000), 8_000, "FLAC"),
            written(voice(6, 2.7), RATE, "OGG"),
            written(voice(7), RATE, "MP3"),
            written(np.zeros((900, 2), np.float32)),
        ],
    )


def test_nothing_is_found_in_what_is_fine() -> None:
    assert found(*FINE) == {}


def test_silence_is_warned_of() -> None:
    silent = written(np.zeros(RATE, np.float32))
    one = found(*FINE, silent)["silence"]
    assert one.severity == "warning" and "词/4.wav" in one.message
    assert found(silent, silent)["silence"].message.startswith("2 recordings are silent")
    half = np.concatenate([voice(), np.zeros(RATE, np.float32)])
    assert "silence" not in found(written(half))


def test_missing_ends_are_warned_of_with_how_much_is_there() -> None:
    data = written(voice(seconds=2))
    one = found(*FINE, data[: len(data) // 2])["truncated"]
    assert one.severity == "warning" and "词/4.wav: 1.00 of 2.00 seconds" in one.message
    ogg = written(voice(seconds=3), RATE, "OGG")
    assert "词/0.wav" in found(ogg[: len(ogg) * 3 // 4])["truncated"].message
    assert found(data[: len(data) - 200]) == {}  # 6 ms are no loss


def test_what_is_not_read_of_a_long_file_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_SECONDS", 1)
    assert set(found(written(voice(seconds=1.5)))) == {"cut"}


def test_what_the_network_does_not_hear_of_a_long_recording_is_said() -> None:
    digests = [AUDIO.digest(AUDIO.read(written(voice(seconds=s)))) for s in (2, 3)]
    (one,) = AUDIO.check(digests, ["a", "b"], Mels(seconds=1, most=2))
    assert one.kind == "cut" and one.figures["files"] == ["b"]
    assert "longer than the 0.0333 minutes" in one.message
    assert AUDIO.check(digests, ["a", "b"], Mels()) == []


def test_channels_that_cancel_each_other_are_said() -> None:
    one = found(written(np.stack([voice(), -voice()], axis=1)))
    assert set(one) == {"channels"} and "loudest" in one["channels"].message


def test_values_beyond_full_scale_and_no_numbers_are_said() -> None:
    assert "up to 3.6" in found(written(9 * voice(), subtype="FLOAT"))["beyond"].message
    broken = voice()
    broken[:5] = np.nan
    assert found(written(broken, subtype="FLOAT"))["numbers"].severity == "warning"


def test_clipping_is_said() -> None:
    assert set(found(written(np.clip(9 * voice(), -1, 1)))) == {"clipped"}
    assert found(written(voice() / np.abs(voice()).max())) == {}


def test_several_rates_are_said_with_how_many_have_each() -> None:
    phone = written(voice(rate=8_000), 8_000)
    message = found(*FINE, phone)["rates"].message
    assert "16,000 Hz (4), 8,000 Hz (1)" in message and "4,000 Hz" in message


@pytest.fixture
def in_chinese() -> Iterator[None]:
    use("zh")
    yield
    use("en")


def test_checks_speak_chinese(in_chinese: None) -> None:
    silent = written(np.zeros(RATE, np.float32))
    found(*FINE, silent, silent[:9_000])  # no message fails to be filled


# ---- circumstances -----------------------------------------------------------------------------


def labels(y: list[int]) -> Labels:
    return Labels(np.array(y), Classification(("a", "b")), None, False, 0)


def shortcuts(files: list[bytes], y: list[int]) -> list[str]:
    told = [AUDIO.circumstances(AUDIO.digest(AUDIO.read(data))) for data in files]
    return [s.name for s in find_shortcuts(told, labels(y), of_content=AUDIO.of_content)]


def test_a_rate_a_format_or_a_length_that_tells_the_class_is_warned_of() -> None:
    y = [k % 2 for k in range(40)]
    sounds = [voice(k, 0.2 + 0.001 * (k % 7)) for k in range(40)]
    plain = [written(x) for x in sounds]
    assert shortcuts(plain, y) == []
    rates = [
        written(soxr.resample(x, RATE, 8_000), 8_000) if k else d
        for x, d, k in zip(sounds, plain, y, strict=True)
    ]
    assert "sampling rate" in shortcuts(rates, y)
    formats = [
        written(x, RATE, "FLAC") if k else d for x, d, k in zip(sounds, plain, y, strict=True)
    ]
    assert "file format" in shortcuts(formats, y)
    longer = [written(np.tile(x, 3)) if k else d for x, d, k in zip(sounds, plain, y, strict=True)]
    assert "length in seconds" in shortcuts(longer, y)


def test_8_khz_sources_among_16_khz_ones_are_told_by_their_highest_frequency() -> None:
    """The rates are equal, but one class came from a telephone."""
    y = [k % 2 for k in range(40)]
    rng = np.random.default_rng(0)
    files = []
    for k in y:
        x = (0.1 * rng.standard_normal(4_000)).astype(np.float32)
        if k:
            x = soxr.resample(soxr.resample(x, RATE, 8_000), 8_000, RATE)
        files.append(written(x))
    assert "highest frequency" in shortcuts(files, y)


def test_circumstances_are_those_of_the_file() -> None:
    d = AUDIO.digest(AUDIO.read(written(voice(rate=8_000), 8_000, "WAV", "ULAW")))
    told = AUDIO.circumstances(d)
    assert (told["sampling rate"], told["length in seconds"]) == (8_000, 1)
    assert (told["file format"], told["encoding of the sound"]) == ("WAV", "ULAW")
    assert told["number of channels"] == 1 and set(AUDIO.of_content) < set(told)


def test_what_holds_nothing_to_hear_is_told() -> None:
    """A few words for ``predict``; what is soft and even but no noise floor stays without."""
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)

    def told(samples: np.ndarray) -> str:
        return AUDIO.blank(AUDIO.digest(AUDIO.read(written(samples))))

    assert told(np.zeros(RATE, np.float32)) == "silence from beginning to end"
    assert told(0.003 * noise) == told(0.0015 * noise) == "nothing but soft, even noise"
    assert told(0.03 * noise) == told(voice()) == told(0.03 * voice()) == ""
