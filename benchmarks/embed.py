"""Embedding photos end to end: headstart against the plain loop people write. A B A B, medians.

The plain loop is Pillow, torchvision transforms and torch in eager mode, with the same weights;
variants give it a DataLoader with one worker per core, and channels-last memory. Photos are made
from a folder of JPEGs by random crops, re-encoded at 500x375, so that all are different. Reading,
decoding, resizing and the forward pass are timed; imports and the one-time engine conversion are
not (they are printed apart). Every round of headstart starts with an empty feature cache.

    python benchmarks/embed.py PHOTOS --images 1000 --rounds 3
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision import transforms

from headstart.backbones import resolve
from headstart.data.items import Examples
from headstart.features.engines import Kitchen, cosine
from headstart.features.extract import extract
from headstart.features.store import FeatureStore
from headstart.machine import cache_folder, worker_count
from headstart.modalities import modality

IMAGE = modality("image")


def make_photos(source: Path, folder: Path, n: int) -> list[Path]:
    originals = sorted(p for p in source.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    rng = np.random.default_rng(0)
    files = []
    for i in range(n):
        with Image.open(originals[i % len(originals)]) as opened:
            image = opened.convert("RGB")
        width, height = image.size
        share = rng.uniform(0.7, 1.0)
        left, top = rng.uniform(0, 1 - share, 2) * (width, height)
        box = (left, top, left + share * width, top + share * height)
        files.append(folder / f"{i:05}.jpg")
        image.resize((500, 375), Image.Resampling.BICUBIC, box=box).save(files[-1], quality=90)
    return files


class Photos(torch.utils.data.Dataset):
    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.look = transforms.Compose(
            [
                transforms.Resize(256, transforms.InterpolationMode.BICUBIC),
                transforms.CenterCrop(224),
                transforms.ToTensor(),
                transforms.Normalize([0.5] * 3, [0.5] * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self.look(Image.open(self.files[i]).convert("RGB"))


def plain_loop(
    net: torch.nn.Module, files: list[Path], *, workers: int = 0, channels_last: bool = False
) -> np.ndarray:
    loader = torch.utils.data.DataLoader(Photos(files), batch_size=32, num_workers=workers)
    form = torch.channels_last if channels_last else torch.contiguous_format
    net = net.to(memory_format=form)
    with torch.inference_mode():
        return np.concatenate([net(x.to(memory_format=form)).numpy() for x in loader])


def rate(work: Callable[[], object], n: int) -> float:
    start = time.perf_counter()
    work()
    return n / (time.perf_counter() - start)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("photos", type=Path, help="a folder of JPEGs to make the photos from")
    ask.add_argument("--images", type=int, default=1000)
    ask.add_argument("--plain-images", type=int, default=200, help="the slow side's share")
    ask.add_argument("--rounds", type=int, default=3)
    a = ask.parse_args()
    workers = worker_count()
    start = time.perf_counter()
    engine = Kitchen(cache_folder(), workers).engine(resolve("efficientnet-lite0"))
    ready = time.perf_counter() - start
    net = resolve("efficientnet-lite0").load().net.eval()
    rates: dict[str, list[float]] = {
        "headstart": [],
        "plain": [],
        "plain + workers": [],
        "plain + workers + channels last": [],
    }
    with tempfile.TemporaryDirectory() as work:
        files = make_photos(a.photos, Path(work), a.images)
        few = files[: a.plain_images]

        examples = Examples.of_files(files, IMAGE)

        def ours(number: int) -> np.ndarray:
            with FeatureStore(Path(work) / f"cache-{number}") as store:
                return extract(examples, [engine], store, workers=workers).vectors[0]

        alike = float(cosine(ours(-1)[:64], plain_loop(net, files[:64])).min())  # warms up both
        for number in range(a.rounds):
            rates["headstart"].append(rate(lambda: ours(number), len(files)))  # noqa: B023
            rates["plain"].append(rate(lambda: plain_loop(net, few), len(few)))
            rates["plain + workers"].append(
                rate(lambda: plain_loop(net, few, workers=workers), len(few))
            )
            rates["plain + workers + channels last"].append(
                rate(lambda: plain_loop(net, few, workers=workers, channels_last=True), len(few))
            )
            print({k: round(v[-1], 1) for k, v in rates.items()}, flush=True)
    median = {name: statistics.median(values) for name, values in rates.items()}
    print(json.dumps({
        "engine": engine.name, "workers": workers, "images": a.images, "rounds": a.rounds,
        "engine_ready_s": round(ready, 2), "least_cosine": round(alike, 5),
        "images_per_s": {k: round(v, 1) for k, v in median.items()},
        "ratio": {k: round(median["headstart"] / v, 2) for k, v in median.items()},
    }))  # fmt: skip


if __name__ == "__main__":
    main()
