"""How often does the verdict claim something where there is nothing?

Copies a two-class image folder (72 images, say), permutes which file is in which class, and asks
for the verdict of the usual cross-validation; 20 times and more. An honest verdict says "cannot
tell" nearly always.

    python benchmarks/null_verdicts.py FOLDER --times 20
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import headstart as hs


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("folder", type=Path, help="a folder of class folders")
    ask.add_argument("--times", type=int, default=20)
    a = ask.parse_args()
    files = sorted(p for p in a.folder.glob("*/*") if p.is_file())
    classes = [p.parent.name for p in files]
    decisions: Counter[str] = Counter()
    covered = 0
    with tempfile.TemporaryDirectory() as work:
        for seed in range(a.times):
            shuffled = classes.copy()
            random.Random(seed).shuffle(shuffled)
            data = Path(work) / f"permuted-{seed}"
            for number, (path, name) in enumerate(zip(files, shuffled, strict=True)):
                (data / name).mkdir(parents=True, exist_ok=True)
                shutil.copy(path, data / name / f"{number:04d}{path.suffix}")
            run = hs.train(data, out=Path(work) / f"run-{seed}", seed=seed)
            verdict, estimate = run.metrics["verdict"], run.metrics["estimate"]
            decisions[verdict["decision"]] += 1
            low, high = estimate["accuracy_ci95"]
            covered += low <= 0.5 <= high
            print(
                f"{seed:>3} {verdict['decision']:<12} gain {verdict['gain']:+.3f} "
                f"accuracy {estimate['accuracy']:.3f} [{low:.3f}, {high:.3f}]",
                flush=True,
            )
    rate = (decisions["helps"] + decisions["hurts"]) / a.times
    print(
        json.dumps(
            {
                "n": len(files),
                "times": a.times,
                **decisions,
                "false_rate": rate,
                "interval_covers_chance": covered / a.times,
            }
        )
    )


if __name__ == "__main__":
    main()
