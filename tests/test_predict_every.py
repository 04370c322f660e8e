"""predict --every: a long recording as a table of times, in bounded memory."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc

import numpy as np
import pytest
import soundfile

from headstart import train
from headstart.cli import run as run_command
from headstart.errors import ConfigError, DataError
from headstart.modalities import UnreadableError, modality
from headstart.options import length, span
from sounds import RATE, clips, tone, toys


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    """A model that tells low tones from high ones, and a recording that changes at 2 s."""
    folder = tmp_path_factory.mktemp("every")
    rng = np.random.default_rng(1)
    long = np.concatenate([tone(300, 2, rng), tone(2500, 2.2, rng)])
    soundfile.write(folder / "long.wav", long, RATE)
    with toys():
        done = train(clips(folder / "tones"), out=folder / "run", modality="toy")
        yield done, folder


def test_a_long_recording_becomes_a_table_of_times(world):
    done, folder = world
    found = done.predict(folder / "long.wav", every=0.5)
    assert [(p.start, p.end) for p in found[:2]] == [(0.0, 0.5), (0.5, 1.0)]
    assert [p.predicted for p in found] == ["low"] * 4 + ["high"] * 4
    assert found[-1].end == pytest.approx(4.2)  # 0.2 s were left over: they belong to the last
    assert all(p.path == str(folder / "long.wav") for p in found)
    row = done.rows(found)[0]
    assert list(row)[:5] == ["path", "start", "end", "predicted", "confidence"]
    assert "start" not in done.rows(done.predict(folder / "long.wav"))[0]


def test_a_stretch_is_answered_as_a_clip_of_its_own(world):
    done, folder = world
    samples, _ = soundfile.read(folder / "long.wav")
    soundfile.write(folder / "cut.wav", samples[RATE : 2 * RATE], RATE)
    (alone,) = done.predict(folder / "cut.wav")
    within = done.predict(folder / "long.wav", every=1.0)[1]
    assert within.confidence == pytest.approx(alone.confidence, abs=1e-6)


def test_csv_jsonl_and_json(world, capsys):
    done, folder = world
    call = ["predict", str(done.folder), str(folder / "long.wav"), "--every", "1s"]
    assert run_command(call) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["start"], row["end"]) for row in rows][:2] == [("0.0", "1.0"), ("1.0", "2.0")]
    assert set(rows[0]) >= {"p:low", "p:high"}
    assert run_command([*call, "--out", str(folder / "t.jsonl")]) == 0
    lines = (folder / "t.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["predicted"] for line in lines] == ["low"] * 2 + ["high"] * 2
    capsys.readouterr()
    assert run_command([*call, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["predictions"]) == 4


def test_what_cannot_be_read_is_a_row_of_its_own(world):
    done, folder = world
    (folder / "bad.wav").write_text("no sound")
    found = done.predict([folder / "long.wav", folder / "bad.wav"], every=2.0)
    assert [bool(p.error) for p in found] == [False, False, True]
    with pytest.raises(DataError):
        done.predict(folder / "none.wav", every=2.0)


def test_bytes_in_memory_are_cut_too(world):
    done, folder = world
    found = done.predict((folder / "long.wav").read_bytes(), every=2.0)
    assert [p.predicted for p in found] == ["low", "high"]


def test_what_has_no_time_refuses(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "rows.npz", X=rng.normal(size=(40, 3)), y=np.arange(40) % 2)
    done = train(tmp_path / "rows.npz", out=tmp_path / "run")
    with pytest.raises(ConfigError, match="rows do not run over time"):
        done.predict(rng.normal(size=(2, 3)), every=1.0)


@pytest.mark.parametrize("every", [0.0, -1.0, 0.01, float("inf"), float("nan")])
def test_no_length_of_a_stretch(world, every):
    done, folder = world
    with pytest.raises(ConfigError, match="no length of a stretch"):
        done.predict(folder / "long.wav", every=every)


def test_every_beside_adapt_refuses(world):
    done, folder = world
    with pytest.raises(ConfigError, match="bit by bit"):
        done.predict(folder / "long.wav", every=1.0, adapt="statistics")


def test_lengths_are_read():
    assert [span(t) for t in ("1s", "0.5s", "500ms", "1min", "2m", "1h", "3")] == [
        *(1.0, 0.5, 0.5, 60.0, 120.0, 3600.0, 3.0)
    ]
    with pytest.raises(ConfigError, match="--every 'soon' is no time"):
        length("soon")


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_stretches_cover_the_file_once(tmp_path, suffix):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (int(3.7 * RATE), 2))
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, samples, RATE)
    whole, _ = soundfile.read(path, dtype="float32")
    found = list(modality("audio").stretches(path, 1.0))
    assert [(start, end) for start, end, _data in found] == [(0, 1), (1, 2), (2, 3), (3, 3.7)]
    joined = np.concatenate([soundfile.read(io.BytesIO(d), dtype="float32")[0] for *_t, d in found])
    np.testing.assert_array_equal(joined, whole)
    short = list(modality("audio").stretches(path, 10.0))
    assert [(start, end) for start, end, _data in short] == [(0, 3.7)]
    with pytest.raises(UnreadableError):
        (tmp_path / "b.wav").write_text("no sound")
        list(modality("audio").stretches(tmp_path / "b.wav", 1.0))


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "M4A (AAC), which is not read here: convert it"),
        (b"a line of words\n", "a text, not a recording"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG, not a recording"),
        (b"", "empty file"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "not a recording that can be read, or damaged"),
    ],
)
def test_a_file_to_be_cut_is_refused_with_the_reason_of_a_whole_one(tmp_path, head, said):
    (tmp_path / "a.wav").write_bytes(head)
    for file in (tmp_path / "a.wav", io.BytesIO(head)):
        with pytest.raises(UnreadableError) as whole:
            list(modality("audio").stretches(file, 1.0))
        assert said in str(whole.value)
    with pytest.raises(UnreadableError) as cut:
        modality("audio").read(head)
    assert str(cut.value) == str(whole.value)


def test_memory_does_not_grow_with_the_file(tmp_path):
    rng = np.random.default_rng(0)
    peaks = []
    for minutes in (1, 6):
        path = tmp_path / f"{minutes}.wav"
        soundfile.write(path, rng.uniform(-0.5, 0.5, minutes * 60 * RATE), RATE)
        tracemalloc.start()
        assert sum(1 for _ in modality("audio").stretches(path, 1.0)) == 60 * minutes
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
