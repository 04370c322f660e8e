"""The feature cache: shared, bounded, unbreakable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headstart.features.store import FeatureStore
from headstart.machine import cache_folder

WRITER = """
import sys
from pathlib import Path
from headstart.features.store import FeatureStore
folder, tag, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = FeatureStore(folder)
for i in range(count):
    store.put([(f"{tag}:{i}:{j}", f"{tag}{i}{j}".encode() * 200) for j in range(8)])
    if i == 3:
        print("writing", flush=True)
assert not store.trouble, store.trouble
"""


def test_what_is_put_is_got_back_by_another_store(tmp_path: Path) -> None:
    with FeatureStore(tmp_path) as store:
        store.put([("a", b"1"), ("b", b"\x00\xff")])
    with FeatureStore(tmp_path) as store:
        assert (store.get("a"), store.get("b"), store.get("c")) == (b"1", b"\x00\xff", None)
        assert store.summary().entries == 2


def test_first_value_of_a_key_stays(tmp_path: Path) -> None:
    with FeatureStore(tmp_path) as store:
        store.put([("a", b"1")])
        store.put([("a", b"2"), ("b", b"3")])
        assert (store.get("a"), store.get("b")) == (b"1", b"3")


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), tag, "40"])
        for tag in ("x", "y")
    ]
    assert [w.wait(timeout=60) for w in writers] == [0, 0]
    with FeatureStore(tmp_path) as store:
        assert store.summary().entries == 2 * 40 * 8
        assert store.get("x:39:7") == b"x397" * 200


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is a POSIX signal")
def test_kill_9_leaves_whole_transactions_only(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path), "k", "100000"], stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"writing\n"
    time.sleep(0.05)
    writer.send_signal(signal.SIGKILL)
    writer.wait(timeout=10)
    writer.stdout.close()
    with FeatureStore(tmp_path) as store:
        entries = store.summary().entries
        assert entries >= 4 * 8
        assert entries % 8 == 0, "a transaction of 8 was half-written"
        assert store.get("k:0:0") == b"k00" * 200
        store.put([("new", b"works")])
        assert store.get("new") == b"works"


def test_full_disk_puts_the_cache_out_of_use_without_an_error(tmp_path: Path) -> None:
    with FeatureStore(tmp_path) as store:
        store.put([("small", b"x")])
        pages = store._here().execute("PRAGMA page_count").fetchone()[0]
        store._here().execute(f"PRAGMA max_page_count = {pages + 2}")
        store.put([(f"k{i}", b"y" * 4000) for i in range(50)])
        assert "full" in store.trouble
        assert store.get("small") is None
        store.put([("more", b"z")])
    with FeatureStore(tmp_path) as store:
        assert store.get("small") == b"x"
        assert store.get("k0") is None


def test_a_damaged_file_is_started_anew(tmp_path: Path) -> None:
    (tmp_path / "features.sqlite").write_bytes(b"this is no database" * 1000)
    with FeatureStore(tmp_path) as store:
        assert not store.trouble
        store.put([("a", b"1")])
        assert store.get("a") == b"1"


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with FeatureStore(tmp_path / "file" / "cache") as store:
        assert store.trouble
        assert store.get("a") is None
        store.put([("a", b"1")])
        assert store.summary().entries == 0


def test_the_oldest_go_first_and_the_file_shrinks(tmp_path: Path) -> None:
    with FeatureStore(tmp_path) as store:
        for i in range(200):
            store.put([(f"{i:03}", os.urandom(8000))])
        before = store._size()
    with FeatureStore(tmp_path, max_bytes=before // 2) as store:
        assert store.get("000") is None
        assert store.get("199") is not None
        assert store._size() <= before // 2


def test_threads_have_connections_of_their_own(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with FeatureStore(tmp_path) as store:
        store.put([(str(i), str(i).encode()) for i in range(100)])
        with ThreadPoolExecutor(4) as pool:
            values = list(pool.map(lambda i: store.get(str(i)), range(100)))
        assert values == [str(i).encode() for i in range(100)]


def test_environment_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("HEADSTART_CACHE")
    assert "headstart" in cache_folder().parts
