"""Is the embedded backbone loaded and preprocessed rightly? Top-1 on ImageNet pictures.

FOLDER holds pictures whose file names begin with their ImageNet-1k class index
(``065_n01751748_sea_snake.JPEG``). Below 0.88 on 200 such pictures the preprocessing is wrong.

    python benchmarks/imagenet_top1.py FOLDER [--backbone efficientnet-lite0]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from headstart.backbones import resolve
from headstart.data.items import Examples
from headstart.features.engines import Kitchen
from headstart.features.extract import extract
from headstart.features.store import FeatureStore
from headstart.machine import cache_folder, worker_count
from headstart.modalities import modality

IMAGE = modality("image")


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("folder", type=Path)
    ask.add_argument("--backbone", default="efficientnet-lite0")
    a = ask.parse_args()
    files = sorted(p for p in a.folder.iterdir() if p.name[:3].isdigit())
    truth = torch.tensor([int(p.name.partition("_")[0]) for p in files])
    ref = resolve(a.backbone)
    engine = Kitchen(cache_folder(), worker_count()).engine(ref)
    with FeatureStore(cache_folder()) as store:
        examples = Examples.of_files(files, IMAGE)
        vectors = extract(examples, [engine], store, workers=worker_count()).vectors[0]
    head = ref.load().source_head
    with torch.inference_mode():
        predicted = head(torch.from_numpy(vectors)).argmax(dim=1)
    top1 = float((predicted == truth).float().mean())
    print(json.dumps({"backbone": str(ref), "engine": engine.name, "n": len(files), "top1": top1}))


if __name__ == "__main__":
    main()
