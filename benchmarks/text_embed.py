"""Sentences per CPU second: headstart's embedding pass against sentence-transformers' encode().

    pip install sentence-transformers
    python benchmarks/text_embed.py TEXTS.txt [--rounds 5]

TEXTS.txt has one text a line. Both use one thread and the same weights, in turn; the whole work
counts, tokenising included. The cosine between what both make of a text is printed beside.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from headstart.backbones import resolve
from headstart.backbones.embedded_texts import TEXTS
from headstart.data.items import Cells, Examples
from headstart.features.engines import Bench, Kitchen
from headstart.features.extract import extract
from headstart.features.store import FeatureStore
from headstart.machine import cache_folder
from headstart.modalities import modality


def main() -> None:
    """Run both in turn and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--most", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = options.texts.read_text("utf-8").splitlines()
    texts = [line for line in dict.fromkeys(lines) if line.strip()][: options.most]
    ref = resolve("minilm-l6")
    kitchen = Kitchen(cache_folder(), 1)
    timed = Bench(kitchen, ref).time_engines()
    print({name: f"{1000 * seconds:.1f} ms" for name, seconds in timed.items()})
    chosen = kitchen.engine(ref).name
    names = list(dict.fromkeys([chosen, "openvino-float32"]))
    engines = {name: kitchen.engine(ref, name=name) for name in names}
    peer = SentenceTransformer(str(TEXTS["minilm-l6"].path.parent), device="cpu")
    examples = Examples(tuple(texts), Cells(tuple(texts)), modality("text"))

    def ours(name: str) -> np.ndarray:
        with tempfile.TemporaryDirectory() as empty, FeatureStore(Path(empty)) as store:
            return extract(examples, [engines[name]], store, workers=1).vectors[0]

    runs = {name: lambda name=name: ours(name) for name in names}
    runs["sentence-transformers"] = lambda: peer.encode(texts, batch_size=32)
    found = {name: run() for name, run in runs.items()}  # warm
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _round in range(options.rounds):
        for name, run in runs.items():
            start = time.process_time()
            run()
            seconds[name].append(time.process_time() - start)
    theirs = found["sentence-transformers"]
    for name, times in seconds.items():
        own = found[name] / np.linalg.norm(found[name], axis=1, keepdims=True)
        ratio = statistics.median(
            t / o for t, o in zip(seconds["sentence-transformers"], times, strict=True)
        )
        rate, cosine = len(texts) / statistics.median(times), (own * theirs).sum(1).min()
        print(f"{name:24} {rate:7.1f} a CPU second, {ratio:.2f} times, cosine >= {cosine:.5f}")


if __name__ == "__main__":
    main()
