"""Peak memory of the main job on many 12-megapixel photos, as the count grows.

Draws JPEGs of 4000x3000 (crops of one large smooth field, each different), trains on the first
1,000 and on all of them, each in a process of its own with an empty cache, and prints the peak
resident memory the operating system accounted for.

    python benchmarks/memory.py --images 10000 [--folder KEEP]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

PEAK = """
import resource, sys
from headstart.cli import run
status = run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


def draw_photos(folder: Path, n: int) -> None:
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (96, 128, 3), np.uint8))
    field = coarse.resize((8000, 6000), Image.Resampling.BICUBIC)
    for i in range(n):
        path = folder / ("left", "right")[i % 2] / f"{i:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        left = int(rng.integers(0, 2000)) + 2000 * (i % 2)
        top = int(rng.integers(0, 3000))
        if not path.exists():
            field.crop((left, top, left + 4000, top + 3000)).save(path, quality=80)


def measure(folder: Path, n: int, work: Path) -> dict[str, float]:
    part = work / f"first-{n}"
    for path in sorted(folder.glob("*/*.jpg"), key=lambda p: p.name)[:n]:
        link = part / path.parent.name / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.resolve())
    command = [sys.executable, "-c", PEAK, "train", str(part), "--out", str(work / f"run-{n}")]
    cache = {**os.environ, "HEADSTART_CACHE": str(work / f"cache-{n}")}
    start = time.perf_counter()
    done = subprocess.run(command, env=cache, capture_output=True, text=True, check=True)
    peak = int(done.stderr.strip().splitlines()[-1]) / 1024
    return {"images": n, "peak_mib": round(peak), "seconds": round(time.perf_counter() - start)}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--images", type=int, default=10_000)
    ask.add_argument("--folder", type=Path, help="where to keep the photos (3 GB for 10,000)")
    ask.add_argument("--draw-only", action="store_true")
    a = ask.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = a.folder or Path(scratch) / "photos"
        draw_photos(folder, a.images)
        if not a.draw_only:
            for n in sorted({min(1000, a.images), a.images}):
                print(json.dumps(measure(folder, n, Path(scratch))), flush=True)


if __name__ == "__main__":
    main()
