"""The whole main job against what a user would run instead, as whole processes. A B A B, medians.

Of headstart also: the time until score and verdict are on the screen, which the rest of the run,
its doubts, pictures and page, does not delay.

Each peer is a script called as ``python SCRIPT DATA --train train --valid val`` that prints one
JSON line with ``accuracy`` and ``seconds``; give fastai's or your own. Imports are counted. Every
round of headstart starts with an empty cache, so the conversion of the network, both forward
passes (pretrained and re-initialised), the verdict and the report are all in its time.

    python benchmarks/main_job.py DATA --peer peer_fastai.py --peer peer_timm_sklearn.py
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def headstart(data: Path, cache: Path, out: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "headstart", "train", str(data), "--out", str(out), "--json"]
    answered = 0.0
    with tempfile.TemporaryFile("w+") as document:
        start = time.perf_counter()
        with subprocess.Popen(
            command,
            env={**os.environ, "HEADSTART_CACHE": str(cache), "HEADSTART_LANG": "en"},
            stdout=document,
            stderr=subprocess.PIPE,
            text=True,
        ) as run:
            for line in run.stderr or ():
                if line.startswith("Verdict:"):
                    answered = time.perf_counter() - start
        seconds = time.perf_counter() - start
        document.seek(0)
        said = json.load(document)
    return {
        "accuracy": said["estimate"]["accuracy"],
        "answered": answered,
        "seconds": seconds,
        "embedding": said["timing"]["embed_s"],
    }


def peer(script: Path, data: Path, python: str) -> dict[str, float]:
    command = [python, "-W", "ignore", str(script), str(data), "--train", "train", "--valid", "val"]
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    said = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return {"accuracy": said["accuracy"], "seconds": time.perf_counter() - start}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("data", type=Path, help="a folder with train/ and val/")
    ask.add_argument("--peer", type=Path, action="append", default=[], help="a peer's script")
    ask.add_argument("--python", default=sys.executable, help="the interpreter of the peers")
    ask.add_argument("--rounds", type=int, default=3)
    a = ask.parse_args()
    rows: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as work:
        for number in range(a.rounds):
            cache, out = Path(work) / f"cache-{number}", Path(work) / f"run-{number}"
            rows.setdefault("headstart, empty cache", []).append(headstart(a.data, cache, out))
            again = headstart(a.data, cache, out.with_name(f"again-{number}"))
            rows.setdefault("headstart, again", []).append(again)
            for script in a.peer:
                rows.setdefault(script.stem, []).append(peer(script, a.data, a.python))
            print({k: v[-1] for k, v in rows.items()}, flush=True)
    median = {
        name: {key: round(statistics.median(r[key] for r in found), 3) for key in found[0]}
        for name, found in rows.items()
    }
    ratios = {
        ours: {
            name: round(statistics.median(r["seconds"] for r in found) / m["seconds"], 2)
            for name, found in rows.items()
        }
        for ours, m in median.items()
        if ours.startswith("headstart")
    }
    print(json.dumps({"rounds": a.rounds, "median": median, "times_slower": ratios}, indent=1))


if __name__ == "__main__":
    main()
