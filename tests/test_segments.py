"""Segments: a row of a table is a stretch of a recording, read by seeking."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from headstart.data.inputs import expand
from headstart.data.items import Files, Stretches, place, written
from headstart.data.sources import open_source
from headstart.errors import DataError
from headstart.modalities import Timed, UnreadableError, modality
from headstart.testing import check_items

RATE = 8000


def hour(path: Path, seconds: float = 6.0, seed: int = 0, **how) -> np.ndarray:
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, int(seconds * RATE))
    soundfile.write(path, samples, RATE, **how)
    return samples


def table(folder: Path, head: str, *rows: str) -> Path:
    path = folder / "t.csv"
    path.write_text("\n".join([head, *rows]) + "\n", "utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for k in range(4):
        hour(tmp_path / f"m{k}.wav", seed=k)
    return tmp_path


ROWS = [f"m{k}.wav,{s},{s + 1.5},{'ab'[s % 2]}" for k in range(4) for s in (0, 1, 2, 3)]


def test_each_row_is_a_stretch_of_a_recording(folder, tmp_path):
    found = open_source(table(folder, "path,start,end,label", *ROWS), cache_dir=tmp_path / "c")
    items = found.examples.items
    assert found.modality.name == "audio"
    assert isinstance(items, Stretches)
    assert found.refs[1] == "m0.wav [1.0–2.5 s]"
    samples, rate = soundfile.read(io.BytesIO(items.data(1)))
    whole, _ = soundfile.read(folder / "m0.wav")
    assert rate == RATE
    np.testing.assert_array_equal(samples, whole[RATE : int(2.5 * RATE)])
    check_items(items)
    said = " ".join(str(f.message) for f in found.findings)
    assert "every example is a stretch of a file, from columns 'start' and 'end'" in said


def test_a_stretch_is_hashed_by_what_it_is(folder):
    timed = modality("audio")
    assert isinstance(timed, Timed)
    cut = [timed.cut(folder / "m0.wav", 1, 2) for _ in range(2)]
    assert cut[0] == cut[1]
    shas = {hashlib.sha256(timed.cut(folder / "m0.wav", t, t + 1)).digest() for t in range(5)}
    assert len(shas) == 5
    half = Stretches((folder / "m0.wav",) * 2, ((0, 1), (1, 2)), timed)
    assert place(half, 0) != place(half, 1)


def test_of_a_long_file_only_the_stretch_is_read(tmp_path, monkeypatch):
    hour(tmp_path / "long.wav", 300)
    read = []
    whole = soundfile.SoundFile.read

    def counted(self, frames=-1, **how):
        read.append(frames)
        return whole(self, frames, **how)

    monkeypatch.setattr(soundfile.SoundFile, "read", counted)
    modality("audio").cut(tmp_path / "long.wav", 299, 300)
    assert read == [RATE]


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("file,start_s,end_s,label", "m{k}.wav,1,2,{y}"),
        ("audio,begin,stop,label", "m{k}.wav,0:01,0:00:02,{y}"),
        ("wav,offset,duration,label", "m{k}.wav,1,1,{y}"),
        ("wav,onset,offset,label", "m{k}.wav,1,2,{y}"),
        ("wav,start,duration,label", "m{k}.wav,1,1.0,{y}"),
    ],
)
def test_usual_names_of_columns(folder, tmp_path, head, row):
    rows = [row.format(k=k, y="ab"[k % 2]) for k in range(4)]
    items = open_source(table(folder, head, *rows), cache_dir=tmp_path / "c").examples.items
    assert isinstance(items, Stretches)
    assert items.times == ((1.0, 2.0),) * 4


def test_other_columns_are_named_and_files_taken_whole(folder, tmp_path):
    odd = table(folder, "clip,from,to,label", *ROWS)
    named = open_source(odd, x="clip,from,to", cache_dir=tmp_path / "c")
    assert isinstance(named.examples.items, Stretches)
    one_each = [f"m{k}.wav,0,1,{'ab'[k % 2]}" for k in range(4)]
    whole = open_source(table(folder, "clip,start,end,label", *one_each), x="clip",
                        cache_dir=tmp_path / "c")  # fmt: skip
    assert isinstance(whole.examples.items, Files)
    said = " ".join(str(f.message) for f in whole.findings)
    assert "were not used" in said
    assert "--x clip,start,end" in said


def test_a_duration_alone_means_nothing(folder, tmp_path):
    rows = [f"m{k}.wav,6.0,{'ab'[k % 2]}" for k in range(4)]
    found = open_source(table(folder, "path,duration,label", *rows), cache_dir=tmp_path / "c")
    assert isinstance(found.examples.items, Files)


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("3", "2", "does not end after it starts in 1 of 17 rows: row 18 (3.0 to 2.0 s)"),
        ("2", "2", "does not end after it starts"),
        ("-1", "2", "before the start of the file in column 'start' in 1 of 17 rows: row 18 '-1'"),
        ("0", "9", "ends after its file does in 1 of 17 rows: row 18 (to 9.0 s; m0.wav is 6.0 s"),
        ("7", "9", "ends after its file does"),
        ("soon", "2", "no time in column 'start' in 1 of 17 rows: row 18 'soon'"),
        ("", "2", "nothing in column 'start' in 1 of 17 rows: row 18"),
        ("1", "inf", "no time in column 'end'"),
    ],
)
def test_what_is_wrong_is_named(folder, tmp_path, start, end, said):
    bad = table(folder, "path,start,end,label", *ROWS, f"m0.wav,{start},{end},a")
    with pytest.raises(DataError) as caught:
        open_source(bad, cache_dir=tmp_path / "c")
    assert said in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("column", ["start", "end"])
def test_one_of_the_two_is_missing(folder, tmp_path, column):
    rows = [f"m{k}.wav,1,{'ab'[k % 2]}" for k in range(4)]
    with pytest.raises(DataError, match="but no column says where it"):
        open_source(table(folder, f"path,{column},label", *rows), cache_dir=tmp_path / "c")


def test_one_stretch_with_two_labels_is_refused_and_repeats_count_once(folder, tmp_path):
    twice = table(folder, "path,start,end,label", *ROWS, ROWS[0])
    assert len(open_source(twice, cache_dir=tmp_path / "c")) == 16
    with pytest.raises(DataError, match="another label for the same file"):
        open_source(table(folder, "path,start,end,label", *ROWS, "m0.wav,0,1.5,b"),
                    cache_dir=tmp_path / "c")  # fmt: skip


def test_a_missing_file_and_one_that_is_no_recording_are_unreadable(folder):
    (folder / "bad.wav").write_text("no sound")
    timed = modality("audio")
    with pytest.raises(FileNotFoundError):
        timed.cut(folder / "none.wav", 0, 1)
    with pytest.raises(UnreadableError):
        timed.cut(folder / "bad.wav", 0, 1)


def test_stretches_of_one_recording_stay_together(folder, tmp_path):
    found = open_source(table(folder, "path,start,end,label", *ROWS), cache_dir=tmp_path / "c")
    assert found.groups is not None
    assert len(set(found.groups)) == 4
    assert any("one side of every split" in str(f.message) for f in found.findings)


def test_stretches_of_two_recordings_cannot(folder, tmp_path):
    found = open_source(table(folder, "path,start,end,label", *ROWS[:8]), cache_dir=tmp_path / "c")
    assert found.groups is None
    warned = [f for f in found.findings if f.kind == "groups"]
    assert warned[0].severity == "warning"


def test_a_column_of_groups_goes_before_the_recording(folder, tmp_path):
    rows = [f"{row},s{i % 3}" for i, row in enumerate(ROWS)]
    found = open_source(table(folder, "path,start,end,label,speaker", *rows), groups="speaker",
                        cache_dir=tmp_path / "c")  # fmt: skip
    assert set(found.groups) == {"s0", "s1", "s2"}


def test_inputs_are_cut_as_training_data_are(folder, tmp_path):
    path = table(folder, "path,start,end", "m0.wav,1,2", "m1.wav,0,1")
    found = expand([path], modality("audio"))
    assert found.refs == ("m0.wav [1.0–2.0 s]", "m1.wav [0.0–1.0 s]")
    assert len(soundfile.read(io.BytesIO(found.items.data(0)))[0]) == RATE
    assert isinstance(expand([path], modality("audio"), x="path").items, Files)
    row = written(found, 0)
    assert (row["start"], row["end"]) == (1.0, 2.0)
    with (tmp_path / "again.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, row)
        out.writeheader()
        out.writerow(row)
    assert expand([tmp_path / "again.csv"], modality("audio")).places() == found.places()[:1]
