"""An interrupted prediction goes on where it was, and ends in the same file, byte for byte."""

from __future__ import annotations

import csv
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import headstart as hs
from headstart.data import pieces
from headstart.errors import ArtifactError, ConfigError
from headstart.features.store import FeatureStore
from headstart.folder import rows as formats
from headstart.folder.files import write_rows
from headstart.folder.partial import JOURNAL, ROWS, begun, folder_of, rows_kept
from sounds import RATE, clips, tone, toys

SUFFIXES = (".csv", ".jsonl", ".parquet")
IDENTITY = {
    "headstart": "1",
    "model": "m",
    "inputs": "i",
    "n": 40,
    "options": {"--every": None},
    "columns": ["path"],
    "language": "en",
}
KILLED = """
import os, signal, sys
from headstart.cli import run
from headstart.data import pieces
from headstart.folder import partial
pieces.SIZE, keep, left = 7, partial._keep, int(sys.argv[1])
def dying(opened, written):
    global left
    left -= 1
    if left == 0:
        opened.write(written[: len(written) // 2])
        opened.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    keep(opened, written)
partial._keep = dying
sys.exit(run(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 rows of numbers, some of which cannot be read."""
    path, rng = tmp_path_factory.mktemp("new") / "new.csv", np.random.default_rng(0)
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["a", "b", "c", "d"])
        for i in range(100):
            row = [*rng.normal(i % 2, 0.5, 4).round(3)]
            writer.writerow([*row[:3], "1e300"] if i % 30 == 3 else row)
    return path


def stopped_after(n: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let Ctrl-C be pressed when ``n`` parts are answered."""
    whole = hs.Run.in_parts

    def broken(self: hs.Run, *given: Any, **how: Any) -> Iterator[Any]:
        yield from itertools.islice(whole(self, *given, **how), n)
        raise KeyboardInterrupt

    monkeypatch.setattr(hs.Run, "in_parts", broken)


@pytest.mark.skipif(os.name == "nt", reason="there is no kill -9")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_kill_9_anywhere_costs_nothing(
    headstart, row_run: Path, table: Path, tmp_path: Path, monkeypatch, suffix: str
) -> None:
    monkeypatch.setattr(pieces, "SIZE", 7)
    whole, out = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    said = headstart("predict", row_run, table, "--out", whole).err
    assert "4 of 100 inputs cannot be read" in said
    rng = random.Random(suffix)
    for resume in ([], ["--resume"], ["--resume"]):  # 15 parts are 30 writes, and one before
        call = ["predict", str(row_run), str(table), "--out", str(out), *resume]
        died = subprocess.run(
            [sys.executable, "-c", KILLED, str(rng.randrange(1, 11)), *call], check=False
        )
        assert died.returncode == -signal.SIGKILL
        assert not out.exists()
    again = headstart("predict", row_run, table, "--out", out, "--resume")
    assert "4 of 100 inputs cannot be read" in again.err
    assert out.read_bytes() == whole.read_bytes()
    assert not folder_of(out).exists()


def test_texts_pictures_and_times_go_on_too(
    headstart, text_run: Path, run_folder: Path, photos: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(pieces, "SIZE", 8)
    texts = tmp_path / "texts.csv"
    lines = [f"the food was {('good', 'bad')[i % 2]} {i % 9}" for i in range(30)]
    texts.write_text("text\n" + "\n".join(lines) + "\n", "utf-8")
    (tmp_path / "more").mkdir()
    shutil.copy(next(photos.rglob("*.png")), tmp_path / "more" / "a.png")
    (tmp_path / "more" / "b.png").write_text("no picture")
    for run, inputs in ((text_run, [texts]), (run_folder, [photos, tmp_path / "more"])):
        headstart("predict", run, *inputs, "--out", tmp_path / "whole.csv")
        with monkeypatch.context() as patch:
            stopped_after(2, patch)
            done = headstart("predict", run, *inputs, "--out", tmp_path / "out.csv")
            assert done.status == 130
            assert "Stopped. 16 predictions are kept: the same command with --resume" in done.err
            assert done.err.count("Stopped") == 1
        assert rows_kept(tmp_path / "out.csv") == 16
        headstart("predict", run, *inputs, "--out", tmp_path / "out.csv", "--resume")
        assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_what_the_cache_took_before_a_kill_changes_no_digit(
    headstart, text_run: Path, tmp_path: Path, monkeypatch
) -> None:
    """Texts go through a network in packs, and a vector's last digits know its pack."""
    monkeypatch.setattr("headstart.run.worker_count", lambda: 1)
    rng, texts = random.Random(0), tmp_path / "texts.csv"
    words = ["food", "room", "very", "slow", "fast", "good", "bad"]
    lines = [" ".join([*rng.choices(words, k=rng.randrange(40)), str(i)]) for i in range(400)]
    texts.write_text("text\n" + "\n".join(lines) + "\n", "utf-8")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "one"))
    headstart("predict", text_run, texts, "--out", tmp_path / "whole.csv")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "other"))
    put, kept = FeatureStore.put, []

    def dying(self: FeatureStore, items: list[tuple[str, bytes]]) -> None:
        if len(kept) == 3:
            raise KeyboardInterrupt
        kept.append(len(items))
        put(self, items)

    with monkeypatch.context() as patch:
        patch.setattr(FeatureStore, "put", dying)
        assert headstart("predict", text_run, texts, "--out", tmp_path / "out.csv").status == 130
    # of 100 texts at a time a digest and a vector each: what went through a network together
    assert [n % 200 for n in kept] == [0, 0, 0]
    headstart("predict", text_run, texts, "--out", tmp_path / "out.csv", "--resume")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_stretches_of_time_go_on_too(headstart, tmp_path: Path, monkeypatch) -> None:
    rng = np.random.default_rng(1)
    monkeypatch.setattr("headstart.data.timeline.MOST", 4)
    soundfile.write(tmp_path / "long.wav", tone(300, 6, rng), RATE)
    (tmp_path / "bad.wav").write_text("no sound")
    with toys():
        run = hs.train(clips(tmp_path / "tones"), out=tmp_path / "run", modality="toy").folder
        call = ["predict", run, tmp_path / "long.wav", tmp_path / "bad.wav", "--every", "0.5s"]
        headstart(*call, "--out", tmp_path / "whole.parquet")
        with monkeypatch.context() as patch:
            stopped_after(2, patch)
            headstart(*call, "--out", tmp_path / "out.parquet")
        headstart(*call[:-1], "1s", "--out", tmp_path / "out.parquet", "--resume").refused(
            "--every was 0.5, now 1.0"
        )
        headstart(*call, "--out", tmp_path / "out.parquet", "--resume")
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.schema.field("start").type == pa.float64()
    assert found.num_rows == 13
    assert found["error"].to_pylist()[-1] != ""


def test_what_is_another_prediction_is_refused_in_words(
    headstart, row_run: Path, table: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(pieces, "SIZE", 7)
    mine, out = tmp_path / "mine.csv", tmp_path / "out.csv"
    shutil.copy(table, mine)
    with monkeypatch.context() as patch:
        stopped_after(3, patch)
        assert headstart("predict", row_run, mine, "--out", out).status == 130
    kept = (folder_of(out) / ROWS).read_bytes()
    with mine.open("a", encoding="utf-8") as opened:
        opened.write("1,2,3,4\n")
    again = ["predict", row_run, mine, "--out", out, "--resume"]
    headstart(*again).refused("the inputs are others, or were changed (100 then, 101 now)")
    shutil.copy(table, mine)
    other = tmp_path / "other"
    shutil.copytree(row_run, other)
    told = json.loads((other / "model" / "model.json").read_text("utf-8"))
    from headstart.folder.model import _checksum

    told["licence"] = "another"
    told["checksum"] = _checksum(told)
    (other / "model" / "model.json").write_text(json.dumps(told), "utf-8")
    headstart("predict", other, mine, "--out", out, "--resume").refused("the model is another one")
    chinese = headstart(*again, "--lang", "zh")
    assert chinese.status == 2
    assert "en" in chinese.err
    assert (folder_of(out) / ROWS).read_bytes() == kept  # who is refused loses nothing
    headstart("--lang", "en", *again)
    assert out.exists()


def test_without_resume_what_was_kept_is_replaced(
    headstart, row_run: Path, table: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(pieces, "SIZE", 7)
    call = ["predict", row_run, table, "--out", tmp_path / "out.jsonl"]
    with monkeypatch.context() as patch:
        stopped_after(3, patch)
        headstart(*call)
    done = headstart(*call)
    assert "Interrupted predictions are discarded" in done.err
    anew = headstart(*call, "--resume")
    assert "There are no interrupted predictions to resume" in anew.err
    assert len((tmp_path / "out.jsonl").read_text("utf-8").splitlines()) == 100


def test_nothing_is_kept_where_nothing_was_answered(
    headstart, row_run: Path, table: Path, tmp_path: Path, monkeypatch
) -> None:
    stopped_after(0, monkeypatch)
    done = headstart("predict", row_run, table, "--out", tmp_path / "out.csv")
    assert (done.status, list(tmp_path.glob(".headstart*"))) == (130, [])
    assert "the same command goes on from there" in done.err


def test_where_it_cannot_be_resumed(headstart, row_run: Path, table: Path, tmp_path: Path) -> None:
    call = ["predict", row_run, table, "--resume"]
    headstart(*call).refused("there is no --out")
    headstart(*call, "--out", "a.csv", "--adapt", "statistics").refused("for all inputs at once")
    headstart(*call, "--out", "a.csv", "--json").refused("not with --json beside it")
    headstart(*call[:3], "--out", "a.txt").refused("neither .csv nor .jsonl nor .parquet")


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with begun(tmp_path / "a.csv", IDENTITY) as partial:
        partial.add([{"path": "x"}], {})
        with (
            pytest.raises(ConfigError, match="Another headstart is writing"),
            begun(tmp_path / "a.csv", IDENTITY),
        ):
            pass
        partial.finish(["path"])
    assert (tmp_path / "a.csv").read_text() == "path\nx\n"


def test_a_parquet_file_has_types_and_row_groups(
    headstart, row_run: Path, table: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(formats, "GROUP_ROWS", 30)
    monkeypatch.setattr(pieces, "SIZE", 8)
    headstart("predict", row_run, table, "--out", tmp_path / "a.parquet")
    headstart("predict", row_run, table, "--out", tmp_path / "a.jsonl")
    read = pq.ParquetFile(tmp_path / "a.parquet")
    assert [read.metadata.row_group(k).num_rows for k in range(4)] == [24, 24, 24, 28]
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
    assert read.read().to_pylist() == rows
    headstart("predict", row_run, table, "--json", "--out", tmp_path / "b.parquet").json()
    assert pq.read_table(tmp_path / "b.parquet").to_pylist() == rows


def test_names_that_are_no_text_and_no_rows(tmp_path: Path) -> None:
    write_rows([{"path": "caf\udce9", "confidence": None}], tmp_path / "a.parquet")
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == [
        {"path": "caf\\udce9", "confidence": None}
    ]
    for suffix, held in ((".csv", b"path\r\n"), (".jsonl", b"")):
        with begun(tmp_path / f"b{suffix}", IDENTITY) as partial:
            partial.finish(["path"])
        assert (tmp_path / f"b{suffix}").read_bytes() == held
    with begun(tmp_path / "b.parquet", IDENTITY) as partial:
        partial.finish(["path"])
    assert pq.read_table(tmp_path / "b.parquet").column_names == ["path"]


# ---- whatever is cut off or changed, the file is right or is refused ----------------------------


def part(k: int) -> list[dict[str, Any]]:
    return [{"path": f"{k}.{i}", "predicted": "=é\n", "confidence": 0.1 * k} for i in range(k % 4)]


def written(out: Path, parts: int, *, resume: bool = False, until: int | None = None) -> None:
    """Write 8 parts, or stop before one; check that what is remembered fits."""
    with begun(out, IDENTITY, resume=resume) as partial:
        assert partial.done.state == ({"k": partial.done.parts - 1} if partial.done.parts else {})
        for k in range(partial.done.parts, parts):
            if k == until:
                return
            partial.add(part(k), {"k": k})
        partial.finish(["path", "predicted", "confidence"])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    suffix=st.sampled_from(SUFFIXES),
    until=st.integers(1, 8),
    at=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    harm=st.sampled_from(["cut", "longer", "flipped", "none"]),
    where=st.sampled_from([ROWS, JOURNAL]),
)
def test_no_wrong_file_comes_of_what_is_left(
    tmp_path: Path, suffix: str, until: int, at: tuple[float, float], harm: str, where: str
) -> None:
    whole, out = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    shutil.rmtree(folder_of(out), ignore_errors=True)
    written(whole, 8)
    written(out, 8, until=until)
    kept = folder_of(out) / where
    if harm != "none" and kept.exists():
        held = bytearray(kept.read_bytes())
        place = min(int(at[0] * len(held)), len(held) - 1)
        if harm == "cut":
            del held[place:]
        elif harm == "longer":
            held += bytes(held[place:]) + b"\0"
        elif held:
            held[place] ^= 1 + int(at[1] * 254)
        kept.write_bytes(held)
    try:
        written(out, 8, resume=True)
    except ArtifactError:
        assert harm in ("flipped", "longer")  # what is only cut off is never lost
        assert harm == "flipped" or where == JOURNAL
        written(out, 8)
    assert out.read_bytes() == whole.read_bytes()
    with suppress(FileNotFoundError):
        out.unlink()
