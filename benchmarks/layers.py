"""Accuracy of every layer, and of all layers combined against the last one, on the same folds.

Embeddings come from the cache after the first time. A losing case is printed like any other.

    python benchmarks/layers.py DATA [DATA ...] --backbone efficientnet-lite0
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from headstart.backbones import resolve
from headstart.backbones.stages import Stages, StagesRef, macs
from headstart.choose.layers import study
from headstart.features.engines import Kitchen
from headstart.features.extract import extract
from headstart.features.store import FeatureStore
from headstart.judge.estimate import Plan, plan
from headstart.machine import cache_folder, worker_count
from headstart.prepare.config import Config
from headstart.prepare.source import prepare
from headstart.tasks.labels import Labels, Stream


def folds_of(labels: Labels, is_test: np.ndarray, repeats: int) -> Plan:
    if not repeats:
        return plan(labels, is_test)
    rows = np.arange(len(labels.y))
    folds = [pair for r in range(repeats) for pair in labels.folds(rows, 5, Stream.ESTIMATE, r)]
    return Plan(f"nested stratified cross-validation, {repeats} x 5 folds", folds, repeats)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("data", nargs="+")
    ask.add_argument("--backbone", default="efficientnet-lite0")
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument(
        "--repeats", type=int, default=0,
        help="times 5 folds over all examples, a test set's too; 0: the product's own protocol",
    )  # fmt: skip
    ask.add_argument("--no-combination", action="store_true")
    a = ask.parse_args()
    ref, workers = resolve(a.backbone), worker_count()
    backbone = ref.load()
    depth, stages = macs(backbone), Stages(backbone)
    for data in a.data:
        prepared = prepare(
            Config(data, backbone=a.backbone, seed=a.seed, device="cpu"), baseline=False
        )
        dataset, labels = prepared.dataset, prepared.labels
        start = time.perf_counter()
        engine = Kitchen(cache_folder(), workers).engine(StagesRef(ref), name=prepared.engine.name)
        with FeatureStore(cache_folder()) as store:
            X = extract(dataset.examples, [engine], store, workers=workers).vectors[0]
        embedded = time.perf_counter() - start
        own, plain = X[:, -stages.dims[-1] :], prepared.features.vectors[0]
        apart = float(np.abs(own - plain).max() / np.abs(plain).max())
        start = time.perf_counter()
        found = study(
            stages.names, stages.dims, X, labels, folds_of(labels, dataset.is_test, a.repeats),
            [depth[name] for name in stages.names], stages.shapes,
            combine=not a.no_combination, workers=workers,
        )  # fmt: skip
        table = found.to_json(data=str(data), classes=list(dataset.classes), backbone=str(ref))
        print(f"\n{data}: {table['n']} examples, {len(dataset.classes)} classes, {found.protocol}")
        print(f"{'layer':12} {'dim':>5} {'depth':>6} {'MB/1000':>8}  accuracy            behind")
        for row in table["layers"]:
            low, high = (100 * x for x in row["accuracy_ci95"])
            less, more = (100 * x for x in row["behind_ci95"])
            print(
                f"{row['name']:12} {row['dim']:5} {row['depth']:6.1%} "
                f"{row['cache_mb_per_1000']:8.1f}  {row['accuracy']:6.1%} [{low:5.1f}, {high:5.1f}]"
                f"  {100 * row['behind']:5.1f} [{less:5.1f}, {more:5.1f}]"
                f"{'  tie' if row['tie'] else ''}"
            )
        print(found.advice)
        seconds = time.perf_counter() - start
        print(json.dumps({
            "data": str(data), "kind": found.kind, "combined": table["combined"],
            "embedding_apart": round(apart, 6), "embed_s": round(embedded, 1),
            "study_s": round(seconds, 1),
        }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
