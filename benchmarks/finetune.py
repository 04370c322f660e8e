"""A step of training on cached activations against a step of training the whole network.

    python benchmarks/finetune.py [--backbone efficientnet-lite0] [--unfreeze last-stage]

The same network, the same batch size, one process, in turn (A B A B); images per second, medians.
The third row is the frozen prefix run again in every step, as without a cache. The last one is
training on cached activations in bfloat16.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable

import numpy as np
import torch

from headstart.backbones import resolve
from headstart.backbones.cutting import Prefix, cut_before, suffix, unfrozen
from headstart.machine import worker_count
from headstart.transfer.checkpoint import Forgetful
from headstart.transfer.finetune import zero_head
from headstart.transfer.loop import Loop
from headstart.transfer.network import Network
from headstart.transfer.objective import CrossEntropy
from headstart.transfer.recipe import Recipe

BATCH, STEPS = 32, 2


class Noise:
    def __init__(self, x: np.ndarray) -> None:
        self.x = x

    def plain(self, rows: np.ndarray) -> np.ndarray:
        return self.x[rows]

    def varied(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.x[rows]


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--backbone", default="efficientnet-lite0")
    ask.add_argument("--unfreeze", default="last-stage")
    ask.add_argument("--rounds", type=int, default=3)
    a = ask.parse_args()
    backbone = resolve(a.backbone).load()
    blocks = unfrozen(backbone, a.unfreeze)
    cut = cut_before(backbone, blocks[0])
    assert cut is not None, "this network cannot be cut there"
    n, side = BATCH * STEPS, backbone.card.look.size
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (n, side, side, 3), np.uint8)
    maps = rng.standard_normal((n, *Prefix(backbone, cut).shape), np.float32)
    whole = [name for name, _ in backbone.blocks()]
    ways: dict[str, Callable[[], float]] = {
        "cached activations": training(suffix(backbone, cut), blocks, maps, backbone.card.dim),
        "whole network": training(backbone, whole, pixels, backbone.card.dim),
        "frozen part run every step": training(backbone, blocks, pixels, backbone.card.dim),
        "cached activations, bfloat16": training(
            suffix(backbone, cut), blocks, maps, backbone.card.dim, "bfloat16"
        ),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(a.rounds):
        for name, work in ways.items():
            found[name].append(n / work())
    base = float(np.median(found["whole network"]))
    print(f"{backbone.card.name}, {a.unfreeze}, cut behind {cut}, {worker_count()} cores")
    for name, rates in found.items():
        rate = float(np.median(rates))
        print(f"{name:30} {rate:8.1f} images/s   {rate / base:5.1f} x")


def training(
    body: torch.nn.Module, blocks: list[str], x: np.ndarray, dim: int, precision: str = "float32"
) -> Callable[[], float]:
    body = copy.deepcopy(body)
    inner = getattr(body, "net", body)
    recipe = Recipe(epochs=1, batch_size=BATCH, precision=precision)
    named = [(name, inner.get_submodule(name)) for name in blocks]
    network = Network(body, named, zero_head(dim, 2), recipe)
    rows, none = np.arange(len(x)), np.zeros(0, np.int64)
    goal = CrossEntropy(0.0, None, [], False, None)

    def work() -> float:
        loop = Loop(network, Noise(x), rows % 2, goal, recipe, rows, none, 0, Forgetful(),
                    workers=worker_count())  # fmt: skip
        start = time.perf_counter()
        loop.run()
        return time.perf_counter() - start

    work()
    return work


if __name__ == "__main__":
    main()
