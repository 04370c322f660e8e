"""Recordings on a page: pictures that can be read, clips that play, pages that stay light."""

from __future__ import annotations

import io
import json
import shutil
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from headstart.modalities.audio.clip import Clip
from headstart.modalities.audio.digest import digest
from headstart.modalities.audio.look import Mels
from headstart.modalities.audio.parts import TimeParts
from headstart.modalities.audio.play import BYTES, FORMS, playable
from headstart.modalities.audio.show import ShowRecordings
from headstart.modalities.audio.spectrogram import BANDS, WIDTH, marked, spectrogram
from headstart.report import render
from headstart.report.shown import PLAYED, PLAYED_BYTES, quieten

SHOW, RATE = ShowRecordings(), 16_000


def tone(hertz: float, seconds: float = 1.0, rate: int = RATE) -> Clip:
    at = np.arange(round(seconds * rate)) / rate
    return Clip((0.5 * np.sin(2 * np.pi * hertz * at)).astype(np.float32), rate)


def noise(seconds: float, rate: int = RATE) -> Clip:
    draw = np.random.default_rng(0).standard_normal(round(seconds * rate))
    return Clip((0.1 * draw).astype(np.float32), rate)


def opened(uri: str) -> bytes:
    head, _comma, data = uri.partition(",")
    assert head.startswith("data:") and head.endswith(";base64")
    return b64decode(data)


def picture(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(opened(uri))).convert("RGB"), np.float32)


# ---- pictures ----------------------------------------------------------------------------------


def test_pitch_runs_up_and_time_runs_right():
    low, high = (spectrogram(tone(f)).mean(axis=1).argmax() for f in (300, 3000))
    assert low > high, "low pitch is at the bottom"
    late = np.concatenate([np.zeros(RATE, np.float32), tone(800).samples])
    half = spectrogram(Clip(late, RATE)).max(axis=0)
    middle = len(half) // 2
    assert half[: middle - 2].max() == 0 < half[middle + 2 :].min()


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 96_000])
def test_a_sound_has_its_place_at_every_rate(rate):
    here = int(spectrogram(tone(1000, rate=rate)).mean(axis=1).argmax())
    assert abs(here - int(spectrogram(tone(1000)).mean(axis=1).argmax())) <= 1


@pytest.mark.parametrize("n", [1, 2, 100, 8000, 16_000 * 300])
def test_any_length_gives_a_picture(n):
    seen = spectrogram(Clip(np.full(n, 0.1, np.float32), RATE))
    assert seen.shape[0] == BANDS and 1 <= seen.shape[1] <= WIDTH


def test_silence_is_black():
    assert spectrogram(Clip(np.zeros(RATE, np.float32), RATE)).max() == 0
    faint = Clip((1e-5 * np.random.default_rng(0).standard_normal(RATE)).astype("f4"), RATE)
    assert spectrogram(faint).max() < 128, "what nobody hears is no storm"


def test_marks_are_seen_over_their_time_and_below_it():
    weight = np.array([0, 1, 0, 0.5])
    image = np.asarray(marked(spectrogram(noise(1)), weight), np.float32)
    colour = np.ptp(image, axis=2)[:BANDS].mean(axis=0).reshape(4, -1).mean(axis=1)
    assert colour[0] == colour[2] == 0 < colour[3] < colour[1]
    tall = (image[BANDS:] != image[-1, 0]).any(axis=2).sum(axis=0).reshape(4, -1).mean(axis=1)
    assert tall[0] == tall[2] == 0 < tall[3] < tall[1]


# ---- clips -------------------------------------------------------------------------------------


def test_a_clip_plays_what_was_recorded():
    uri, seconds = playable(tone(440, 1.5, rate=8000))
    wave, rate = soundfile.read(io.BytesIO(opened(uri)), dtype="float32")
    assert seconds == pytest.approx(1.5) and len(wave) / rate == pytest.approx(1.5, abs=0.05)
    peak = np.abs(np.fft.rfft(wave[:rate])).argmax()
    assert abs(peak - 440) <= 2


@pytest.mark.parametrize("form", range(len(FORMS)))
def test_a_clip_is_small_whatever_is_installed(form, monkeypatch):
    monkeypatch.setattr("headstart.modalities.audio.play._form", lambda: form)
    for clip in (noise(0.02), noise(60, 44_100)):
        uri, seconds = playable(clip)
        assert len(uri) <= BYTES
        assert uri.startswith(f"data:audio/{FORMS[form][0]};")
        wave, rate = soundfile.read(io.BytesIO(opened(uri)))
        assert len(wave) / rate == pytest.approx(seconds, abs=0.1)


def test_records_are_small_and_plain():
    clip = noise(25)
    d = digest(clip)
    large, gone, point = SHOW.large(clip), SHOW.stand_in(d), SHOW.point(d)
    json.dumps([large, gone, point])
    assert large["seconds"] == 25 and 9 < large["played"] <= 10
    assert set(gone) == {"image", "seconds"} and set(point) == {"image"}
    assert len(large["image"]) < 20_000 and len(point["image"]) < 2500
    assert picture(point["image"]).shape == (40, 64, 3)


def test_an_explained_recording_has_its_picture_twice_and_plays():
    clip = noise(2)
    seen = TimeParts().of(clip, Mels())
    record = SHOW.marked(seen, np.linspace(0, 1, seen.parts))
    assert set(record) == {"image", "map", "audio", "seconds", "played"}


# ---- the page ----------------------------------------------------------------------------------


def test_a_page_plays_only_so_much():
    many = [{"audio": "data:x", "seconds": 1.0} for _ in range(PLAYED + 5)]
    quieten(many)
    assert sum("audio" in record for record in many) == PLAYED
    assert all("seconds" in record for record in many)
    heavy = [{"audio": "x" * (PLAYED_BYTES // 3)} for _ in range(9)]
    quieten(heavy)
    assert ["audio" in record for record in heavy] == [True] * 3 + [False] * 6


@pytest.fixture(scope="module")
def page(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose examples are recordings, as far as its page can tell."""
    folder = tmp_path_factory.mktemp("runs") / "heard"
    shutil.copytree(run_folder, folder)
    pictures = json.loads((folder / "pictures.json").read_text("utf-8"))
    seen = TimeParts().of(noise(12), Mels())
    shown, explained = SHOW.large(noise(12)), SHOW.marked(seen, np.linspace(0, 1, seen.parts))
    gone = SHOW.stand_in(digest(noise(12)))
    for shot in pictures["gallery"]["most_wrong"] + pictures["gallery"]["least_sure"]:
        shot.update(shown)
    pictures["gallery"]["least_sure"][-1].update(gone)
    del pictures["gallery"]["least_sure"][-1]["audio"]
    for pair in pictures["explanations"]:
        pair.update(explained, path='"><script>alert(1)</script>.wav')
    for dot in pictures["map"]["points"]:
        dot.update(SHOW.point(digest(noise(12))))
    (folder / "pictures.json").write_text(json.dumps(pictures))
    render(folder)
    return folder / "report.html"


def test_recordings_can_be_played_from_the_page(page: Path):
    source = page.read_text("utf-8")
    players = source.count("<audio ")
    assert players >= 12
    assert source.count('<audio controls preload="none" src="data:audio/') == players
    assert source.count('aria-label="Play: ') == players, "each says what it plays"
    assert "media-src data:" in source
    assert "12.0 s, the first 10.0 s to play" in source
    assert ">12.0 s</p>" in source, "what has gone has its length"
    assert source.count("<script") == source.count("</script>") == 1


def test_a_browser_plays_them_with_the_keyboard_one_at_a_time(page: Path):
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no browser")
    playwright = pytest.importorskip("playwright.sync_api")
    trouble: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
        )
        for width in (360, 1200):
            tab = browser.new_page(viewport={"width": width, "height": 800})
            tab.on("console", lambda message: trouble.append(message.text))
            tab.on("pageerror", lambda error: trouble.append(str(error)))
            tab.goto(page.as_uri())
            tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = 1)")
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            least = "Math.min(...[...document.querySelectorAll('audio')].map(a => a.clientWidth))"
            assert tab.evaluate(least) > 200, "there is room for the buttons"
            tab.evaluate("document.querySelectorAll('audio')[0].play()")
            tab.locator("audio").nth(1).focus()
            tab.keyboard.press("Space")
            tab.wait_for_function("!document.querySelectorAll('audio')[1].paused")
            tab.wait_for_function("document.querySelectorAll('audio')[0].paused")
            assert 9 < tab.evaluate("document.querySelectorAll('audio')[1].duration") < 12
        browser.close()
    assert trouble == []
