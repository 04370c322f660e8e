"""Kill a training at random moments, resume it each time, and compare with one left in peace.

    python benchmarks/kill_and_resume.py DATA [--times 10] [options of headstart train]

Prints the moments, the accuracy of both runs, whether the predictions are the same bytes, and what
is left beside the run folder.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("data", type=Path)
    ask.add_argument("--times", type=int, default=10)
    a, options = ask.parse_known_args()
    train = [sys.executable, "-m", "headstart", "train", str(a.data.resolve()), "--out", "run"]
    train += ["--method", "finetune", *options]
    with tempfile.TemporaryDirectory() as folder:
        quiet, hunted = Path(folder) / "quiet", Path(folder) / "hunted"
        quiet.mkdir()
        hunted.mkdir()
        start = time.monotonic()
        subprocess.run(train, cwd=quiet, check=True, capture_output=True)
        whole = time.monotonic() - start
        rng = np.random.default_rng(0)
        kills = 0
        while kills < a.times:
            running = subprocess.Popen([*train, "--resume"], cwd=hunted, stderr=subprocess.DEVNULL)
            try:
                running.wait(timeout=(moment := float(2 + rng.uniform(0, 0.25) * whole)))
                print("it finished before it could be killed")
                break
            except subprocess.TimeoutExpired:
                running.send_signal(signal.SIGKILL)
                running.wait()
                kills += 1
                print(f"kill {kills} after {moment:.1f} s", flush=True)
        if not (hunted / "run").exists():
            subprocess.run([*train, "--resume"], cwd=hunted, check=True, capture_output=True)
        found = [json.loads((d / "run" / "metrics.json").read_text()) for d in (quiet, hunted)]
        same = len({(d / "run" / "predictions.csv").read_bytes() for d in (quiet, hunted)}) == 1
        print(f"accuracy in peace {found[0]['estimate']['accuracy']:.4f}, "
              f"hunted {found[1]['estimate']['accuracy']:.4f}; predictions the same bytes: {same}; "
              f"left in the folder: {sorted(p.name for p in hunted.iterdir())}")  # fmt: skip


if __name__ == "__main__":
    main()
