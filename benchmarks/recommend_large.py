"""Recommending from ten million drawn interactions: seconds and memory of the whole command.

    python benchmarks/recommend_large.py [--rows 10000000] [--users 200000] [--items 50000]

Users have one of 50 tastes and choose popular items of it more often (Zipf); times are drawn. The
log is written as Parquet to a temporary folder, and `headstart recommend` runs on it as a process
of its own, whose seconds, CPU seconds and largest memory are printed.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

TASTES = 50


def write(path: Path, rows: int, users: int, items: int) -> None:
    """Draw a log."""
    rng = np.random.default_rng(0)
    user = rng.integers(0, users, rows)
    place = (items // TASTES * rng.random(rows) ** 3).astype(np.int64)
    own = place * TASTES + user % TASTES
    anything = rng.integers(0, items, rows)
    item = np.where(rng.random(rows) < 0.7, own, anything)
    when = rng.integers(1_600_000_000, 1_700_000_000, rows)
    table = pa.table({"user_id": user, "item_id": item, "timestamp": when})
    parquet.write_table(table, path)


def main() -> None:
    """Draw, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--items", type=int, default=50_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.parquet"
        write(log, given.rows, given.users, given.items)
        began = time.perf_counter()
        line = [sys.executable, "-m", "headstart", "recommend", str(log), "--out", f"{folder}/run"]
        subprocess.run(line, check=True)
        seconds = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"{given.rows:,} rows, {given.items:,} items: {seconds:.0f} s, "
            f"{used.ru_utime + used.ru_stime:.0f} CPU s, {used.ru_maxrss / 1024:,.0f} MiB"
        )


if __name__ == "__main__":
    main()
