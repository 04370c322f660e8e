"""Named entities: the probe and fine-tuning against rivals without transfer, on files you have.

    python benchmarks/tagging.py FILE --train 300 1000 --test 500 [--methods probe finetune]

FILE is any file of tagged sentences that `headstart train` reads. So many sentences are drawn to
learn from, and others to test on; the same for every method. What came out is in
docs/measurements.md, with where the files came from.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

import headstart as hs
from headstart.machine import cache_folder
from headstart.tagging.read import read_tagged
from headstart.tagging.sentences import Sentence


def write(path: Path, sentences: list[Sentence]) -> None:
    with path.open("w", encoding="utf-8") as out:
        for one in sentences:
            rows = zip(one.tokens, one.tags, strict=True)
            out.write("".join(f"{token}\t{tag}\n" for token, tag in rows) + "\n")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("file", type=Path)
    asked.add_argument("--train", type=int, nargs="+", default=[300, 1000])
    asked.add_argument("--test", type=int, default=500)
    asked.add_argument("--methods", nargs="+", default=["probe", "finetune"])
    asked.add_argument("--seed", type=int, default=0)
    given = asked.parse_args()

    known = list(read_tagged(given.file, "utf-8", cache_folder()).sentences)
    order = np.random.default_rng(given.seed).permutation(len(known))
    test = [known[i] for i in order[: given.test]]
    with tempfile.TemporaryDirectory() as room:
        for n in given.train:
            folder = Path(room) / f"{n}"
            folder.mkdir()
            write(folder / "test.conll", test)
            write(folder / "train.conll", [known[i] for i in order[given.test :][:n]])
            for method in given.methods:
                began = time.process_time()
                run = hs.train(folder, method=method, out=Path(room) / f"{n}-{method}")
                took = time.process_time() - began
                found = run.metrics
                e, v = found["estimate"], found["verdict"]
                print(
                    f"{n:>6} {method:<9} F1 {e['f1']:.3f} ({e['f1_ci95'][0]:.3f} to "
                    f"{e['f1_ci95'][1]:.3f})  words {e['token_accuracy']:.3f}  layer "
                    f"{found['layer']}  {took:.0f} CPU s  {v['decision']} {v['gain']:+.3f}"
                )
            for row in found["baselines"]:
                print(f"{n:>6} {row['name']:<34} F1 {row['f1'] or 0:.3f}", flush=True)


if __name__ == "__main__":
    main()
