"""Solar cells: five random stratified 75/25 splits, as the data set's authors judged theirs.

    python benchmarks/elpv_splits.py [--size 224] [--unfreeze 6] [--blocks]

Deitsch et al. (2019), "Automatic classification of defective photovoltaic module cells in
electroluminescence images", report 88.42 % for a VGG-19 fine-tuned on a GPU and 82.44 % for an SVM.
With --blocks also four splits along the order of files, in which whole modules are held out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit

from headstart.choose.candidates import Candidate
from headstart.choose.workshop import Workshop
from headstart.machine import cache_folder, worker_count
from headstart.prepare.config import configure
from headstart.prepare.source import prepare
from headstart.tasks.splits import block_folds, pairs
from headstart.transfer.finetune import fit


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--size", type=int, default=224)
    ask.add_argument("--unfreeze", default="6")  # two stages
    ask.add_argument("--epochs", type=int, default=12)
    ask.add_argument("--mixup", type=float, default=0.0)
    ask.add_argument("--lr", type=float)
    ask.add_argument("--splits", type=int, default=5)
    ask.add_argument("--blocks", action="store_true")
    a = ask.parse_args()
    options = {
        "method": "finetune",
        "unfreeze": a.unfreeze,
        "epochs": a.epochs,
        "mixup": a.mixup,
        "lr": a.lr,
        "augment": "flips",
        "size": a.size,
    }
    config = configure("builtin:elpv", options)
    prepared = prepare(config, baseline=False)
    dataset, labels = prepared.dataset, prepared.labels
    workshop = Workshop(
        dataset.examples, prepared.features.hashes, prepared.features.vectors[0], labels,
        prepared.ref, prepared.engine, cache_folder(), worker_count(), "cpu",
    )  # fmt: skip
    candidate = Candidate(f"finetune {a.unfreeze}", "finetune", config.recipe, 1)
    plan, _ = workshop.plan(candidate, [])
    setting = workshop.setting(candidate, plan)
    print(f"n = {len(dataset)}, cut behind {plan.cut}, {plan.views.describe()}")
    done: dict[str, list[tuple[float, ...]]] = {}
    for kind, train, test in splits(labels.y, dataset.position, a.splits, a.blocks):
        start = time.perf_counter()
        probe = workshop.probe_head(train).logits(workshop.X[test]).argmax(axis=1)
        tuned = fit(setting, train, test, kind).logits[-1].argmax(axis=1)
        scores = tuple(float((p == labels.y[test]).mean()) for p in (probe, tuned))
        done.setdefault(kind, []).append(scores)
        seconds = time.perf_counter() - start
        print(f"{kind}: {said(scores)} ({seconds:.0f} s)", flush=True)
    for kind, found in done.items():
        mean, spread = np.mean(found, axis=0), np.std(found, axis=0, ddof=1)
        print(f"{kind}, mean of {len(found)}: {said(mean)}; standard deviation {said(spread)}")


def said(scores: Sequence[float]) -> str:
    names = ("probe", "fine-tuned")
    return ", ".join(f"{name} {score:.4f}" for name, score in zip(names, scores, strict=True))


def splits(
    y: np.ndarray, position: np.ndarray, count: int, blocks: bool
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    random = StratifiedShuffleSplit(count, test_size=0.25, random_state=0)
    for train, test in random.split(y, y):
        yield "random split", np.sort(train), np.sort(test)
    if blocks:
        for train, test in pairs(block_folds(position, 4)):
            yield "block of neighbours", train, test


if __name__ == "__main__":
    main()
