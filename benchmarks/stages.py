"""Where the time of a command goes: one row a stage, so that a stage that got slower is seen.

Each command runs as a process of its own, with an empty cache and then again, and tells its stages
by the events that any listener hears: preparing engines, extraction, judging, doubts, the page, and
the sweep over layers. What lies before the first event is the start of the program and its imports.
A new kind of data needs nothing here: its stages are told by the same events.

    python benchmarks/stages.py DATA [--rounds 3] [--commands train layers]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

Stages = dict[str, float]
START, END, WHOLE, MEMORY = "start and imports", "end of the program", "whole", "memory, MiB"


def told(command: str, data: str, out: Path) -> None:
    """Run a command in this process; print when each of its stages began, and the end."""
    import headstart

    began: list[tuple[float, str]] = []

    def hear(event: headstart.Event) -> None:
        if event.level == "progress" and (not began or began[-1][1] != event.stage):
            began.append((time.time(), event.stage))

    getattr(headstart, command)(data, out=out, on_event=hear)
    began.append((time.time(), END))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"began": began, "memory": peak}))


def measure(command: str, data: str, cache: Path, out: Path) -> Stages:
    start = time.time()
    done = subprocess.run(
        [sys.executable, __file__, data, "--told", command, "--out", str(out)],
        env={**os.environ, "HEADSTART_CACHE": str(cache), "HEADSTART_LANG": "en"},
        stdout=subprocess.PIPE,
        check=True,
    )
    over = time.time()
    said = json.loads(done.stdout.decode().strip().splitlines()[-1])
    marks = [(start, START), *said["began"], (over, WHOLE)]
    seconds: Stages = defaultdict(float)
    for (began, stage), (ended, _) in pairwise(marks):
        seconds[stage] += ended - began
    return {**seconds, WHOLE: over - start, MEMORY: said["memory"]}


def table(command: str, first: list[Stages], again: list[Stages]) -> str:
    """Write medians as a table."""
    rows = [f"| headstart {command} | First | Again |", "|---|---|---|"]
    for stage in dict.fromkeys(name for run in (*first, *again) for name in run):
        cells = [statistics.median(run.get(stage, 0.0) for run in runs) for runs in (first, again)]
        rows.append(
            f"| {stage} | " + " | ".join(f"{cell:.{cell < 100:d}f}" for cell in cells) + " |"
        )
    return "\n".join(rows)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("data")
    ask.add_argument("--rounds", type=int, default=3)
    ask.add_argument("--commands", nargs="+", default=["train", "layers"])
    ask.add_argument("--told", help=argparse.SUPPRESS)
    ask.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    a = ask.parse_args()
    if a.told:
        told(a.told, a.data, a.out)
        return
    for command in a.commands:
        runs: tuple[list[Stages], list[Stages]] = ([], [])
        with tempfile.TemporaryDirectory() as work:
            for number in range(a.rounds):
                cache = Path(work) / f"cache-{number}"
                for k, name in enumerate(("first", "again")):
                    out = Path(work) / f"{name}-{number}"
                    runs[k].append(measure(command, a.data, cache, out))
        print(table(command, *runs), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
