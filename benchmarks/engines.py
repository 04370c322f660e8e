"""Every engine on real images: speed of one image per pass, and agreement with torch float32.

python benchmarks/engines.py FOLDER [FOLDER ...]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from headstart.backbones import resolve
from headstart.data.items import Examples
from headstart.features.engines import CPU_ENGINES, Bench, Kitchen, cosine
from headstart.features.extract import extract
from headstart.features.store import FeatureStore
from headstart.machine import cache_folder, worker_count
from headstart.modalities import modality

IMAGE = modality("image")


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("folders", type=Path, nargs="+")
    ask.add_argument("--images", type=int, default=40, help="of each folder, evenly spaced")
    a = ask.parse_args()
    workers = worker_count()
    bench = Bench(Kitchen(cache_folder(), workers), resolve("efficientnet-lite0"))
    for folder in a.folders:
        everything = sorted(p for p in folder.rglob("*") if p.is_file())
        files = everything[:: max(1, len(everything) // a.images)][: a.images]
        examples = Examples.of_files(files, IMAGE)
        vectors, rates = {}, {}
        for name in sorted(CPU_ENGINES, key=lambda n: n != "torch-float32"):
            with tempfile.TemporaryDirectory() as work, FeatureStore(Path(work)) as store:
                engine = bench.make(name)
                extract(examples.take(range(4)), [engine], store, workers=workers)  # warm-up
                start = time.perf_counter()
                vectors[name] = extract(examples, [engine], store, workers=workers).vectors[0]
                rates[name] = (len(files) - 4) / (time.perf_counter() - start)
        reference = vectors["torch-float32"]
        for name in CPU_ENGINES:
            agreement = cosine(vectors[name], reference)
            row = {"folder": folder.name, "engine": name, "images_per_s": round(rates[name], 1)}
            print(json.dumps({**row, "least_cosine": round(float(agreement.min()), 5)}))


if __name__ == "__main__":
    main()
