"""Digits of one collection read by a network that has labels of another: MNIST, USPS, MNIST-M.

    python benchmarks/adapt_digits.py [../shared/data/digits] [--pairs MNIST-USPS ...]

The folder holds t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz (MNIST's 10,000 test
images), usps_16x16.npz (x_train, y_train, x_test, y_test) and mnist_m_test_6000.npz (x, y).

A small network (two convolutions, LeNet's) is trained from random weights on the source's labels,
alone and with each objective, by the product's own ``adapt_network_of``. A tenth of the source is
held out. Every image is brought to 28 x 28 pixels, as published; both domains are moved by up to
two pixels, turned and scaled a little. Two columns of accuracy: on the target images that were
seen in training (without labels), and on others that never were. MNIST-M image i is drawn over
MNIST test image i, so the source is the 4,000 that are not in it.

The choices see no target label. "chosen" is the product's own (``adaptation.select``), on the
embeddings of the network that was trained on the source alone. "InfoMax" is what the literature
would do: of the methods at most two points worse on held-out source rows than the best, the one
whose calibrated answers carry most information. "oracle" is the best by the target's labels.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from headstart.adaptation.domains import Domains
from headstart.adaptation.finetune import (
    SOURCE_ONLY,
    UNTRAINED,
    AdaptedNetwork,
    TargetInputs,
    adapt_network_of,
)
from headstart.adaptation.scores import information
from headstart.adaptation.select import choose
from headstart.backbones.vision import VisionBackbone, wrap
from headstart.modalities.image.look import Preprocessing
from headstart.transfer.finetune import Setting, probabilities, zero_head
from headstart.transfer.parts import Rows
from headstart.transfer.probe import fit_temperature
from headstart.transfer.recipe import defaults

SIDE = 28
METHODS = (SOURCE_ONLY, "DANN", "CDAN+E", "DAN", "Deep CORAL", "MCC", "SHOT-IM")
EPOCHS = {"MNIST-USPS": 5, "USPS-MNIST": 6, "MNIST-MNIST-M": 12}
SEEN = {"USPS-MNIST": 7000, "MNIST-MNIST-M": 5000}  # of USPS its own training part
WORSE = 0.02  # on held-out source rows


@dataclass(frozen=True)
class Digits:
    """Images with labels: uint8 (n, 28, 28, 3), int64 (n,)."""

    x: np.ndarray
    y: np.ndarray

    def __getitem__(self, rows: slice) -> Digits:
        return Digits(self.x[rows], self.y[rows])

    def plain(self, rows: np.ndarray) -> np.ndarray:
        return self.x[rows]

    def varied(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Move by up to two pixels, turn by up to 11 degrees, scale by up to 15 %."""
        turn, wide, high, right, down = rng.uniform(-1, 1, (5, len(rows))) * [
            [0.2], [0.15], [0.15], [2 * 2 / SIDE], [2 * 2 / SIDE]
        ]  # fmt: skip
        across = np.stack([(1 + wide) * np.cos(turn), -np.sin(turn), right], axis=1)
        along = np.stack([np.sin(turn), (1 + high) * np.cos(turn), down], axis=1)
        maps = torch.from_numpy(np.stack([across, along], axis=1).astype(np.float32))
        pixels = torch.from_numpy(self.x[rows]).permute(0, 3, 1, 2).float()
        grid = F.affine_grid(maps, list(pixels.shape), align_corners=False)
        seen = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
        return np.ascontiguousarray(seen.permute(0, 2, 3, 1).round().byte().numpy())


def pairs(folder: Path) -> Iterator[tuple[str, Digits, Digits, Digits]]:
    """Yield name, source, target seen in training, target never seen."""
    mnist = Digits(
        sized(idx(folder / "t10k-images-idx3-ubyte.gz", 16).reshape(-1, SIDE, SIDE)),
        idx(folder / "t10k-labels-idx1-ubyte.gz", 8).astype(np.int64),
    )
    with np.load(folder / "usps_16x16.npz") as usps:
        seen, rest = (
            Digits(sized(usps[f"x_{part}"]), usps[f"y_{part}"].astype(np.int64))
            for part in ("train", "test")
        )
    with np.load(folder / "mnist_m_test_6000.npz") as mixed:
        coloured = Digits(sized(mixed["x"]), mixed["y"].astype(np.int64))
    yield "MNIST-USPS", mnist, seen, rest
    n = SEEN["USPS-MNIST"]
    yield "USPS-MNIST", seen, mnist[:n], mnist[n:]
    n = SEEN["MNIST-MNIST-M"]
    yield "MNIST-MNIST-M", mnist[len(coloured.y) :], coloured[:n], coloured[n:]


def idx(path: Path, header: int) -> np.ndarray:
    """Read what follows the header of an IDX file."""
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8)[header:]


def sized(x: np.ndarray) -> np.ndarray:
    """Bring images (n, h, w) or (n, h, w, 3) to uint8 (n, 28, 28, 3)."""
    coloured = x if x.ndim == 4 else np.repeat(x[..., None], 3, axis=3)
    pixels = torch.from_numpy(coloured.copy()).permute(0, 3, 1, 2).float()
    small = F.interpolate(pixels, (SIDE, SIDE), mode="bilinear", antialias=True)
    return np.ascontiguousarray(small.permute(0, 2, 3, 1).round().byte().numpy())


def lenet(seed: int) -> VisionBackbone:
    """Two convolutions and a hidden layer of 256, each with batch norm."""

    def block(*layers: nn.Module) -> nn.Sequential:
        return nn.Sequential(*layers)

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            block(nn.Conv2d(3, 20, 5), nn.MaxPool2d(2), nn.BatchNorm2d(20), nn.ReLU()),
            block(nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.BatchNorm2d(50), nn.ReLU()),
            block(nn.Flatten(), nn.Linear(800, 256), nn.BatchNorm1d(256), nn.ReLU()),
        )
    look = Preprocessing(SIDE, SIDE, (0.5,) * 3, (0.5,) * 3, "bilinear")
    return wrap(
        net, name="LeNet", architecture="LeNet", preprocessing=look, licence="", source="random"
    )


def chosen(results: dict[str, AdaptedNetwork], source: Digits, rows: Rows, held: Rows) -> str:
    """Name what the product takes, without any label of the target."""
    plain = results[SOURCE_ONLY]
    domains = Domains(
        plain.tuned.features.astype(float), source.y[rows], plain.target_features.astype(float), 10
    )
    trials = [r.trial(source.y[held]) for r in results.values()]
    name = choose(domains, trials, shift_found=True).chosen
    return next(r.name for r, t in zip(results.values(), trials, strict=True) if t.name == name)


def informed(results: dict[str, AdaptedNetwork], y: np.ndarray) -> str:
    """Name what InfoMax takes; y are the classes of the held-out source rows."""
    right = {name: accuracy(r.source_logits, y) for name, r in results.items()}
    fair = [name for name in results if right[name] >= max(right.values()) - WORSE]
    return max(fair, key=lambda name: told(results[name], y))


def told(r: AdaptedNetwork, y: np.ndarray) -> float:
    """Information in the answers for the target, calibrated on held-out source rows."""
    return information(probabilities(r.target_logits, fit_temperature(r.source_logits, y)))


def run(name: str, source: Digits, seen: Digits, unseen: Digits, a: argparse.Namespace) -> None:
    """Adapt by every method and print the table of one pair."""
    rng = np.random.default_rng(a.seed)
    order = rng.permutation(len(source.y))
    held, rows = np.sort(order[: len(order) // 10]), np.sort(order[len(order) // 10 :])
    backbone = lenet(a.seed)
    blocks = [block for block, _ in backbone.blocks()]
    dim = backbone.card.dim
    setting = Setting(
        name, defaults("scratch"), backbone, blocks, None, source, np.zeros((0, dim), np.float32),
        source.y, 10, lambda _: zero_head(dim, 10), seed=a.seed,
    )  # fmt: skip
    schedule = replace(UNTRAINED, epochs=a.epochs or EPOCHS[name])
    print(f"\n{name}: {len(rows)} labelled, {len(seen.y)} not, {len(unseen.y)} never seen")
    print(f"{'method':14}   source  target  unseen    info  seconds")
    results: dict[str, AdaptedNetwork] = {}
    found: dict[str, tuple[float, float]] = {}
    for method in a.methods:
        r = results[method] = adapt_network_of(
            setting, TargetInputs(seen, len(seen.y)), method, rows, held, schedule=schedule
        )
        found[method] = accuracy(r.target_logits, seen.y), accuracy(answers(r, unseen), unseen.y)
        row = (accuracy(r.source_logits, source.y[held]), *found[method])
        numbers = "".join(f"{value:8.3f}" for value in (*row, told(r, source.y[held])))
        print(f"{method:14}{numbers} {r.seconds:8.0f}  {r.trouble}".rstrip(), flush=True)
    y = source.y[held]
    best = max(found, key=lambda method: found[method][0])
    ways = ("chosen", chosen(results, source, rows, held)), ("InfoMax", informed(results, y))
    for who, method in (*ways, ("oracle", best)):
        print(f"{who:22}{found[method][0]:8.3f}{found[method][1]:8.3f}  {method}")


def answers(r: AdaptedNetwork, images: Digits) -> np.ndarray:
    """Answer for images that training never saw, by the model as it would be saved."""
    with torch.inference_mode():
        parts = torch.from_numpy(images.x).split(500)
        X = torch.cat([r.tuned.backbone(part) for part in parts]).double().numpy()
    return r.tuned.head.logits(X)


def accuracy(logits: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean(logits.argmax(axis=1) == y))


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    default = Path(__file__).parents[1] / "../shared/data/digits"
    ask.add_argument("folder", type=Path, nargs="?", default=default)
    ask.add_argument("--pairs", nargs="+", default=list(EPOCHS))
    ask.add_argument("--methods", nargs="+", default=list(METHODS))
    ask.add_argument("--epochs", type=int, help="default: 5, 6 and 12")
    ask.add_argument("--seed", type=int, default=0)
    a = ask.parse_args()
    torch.set_num_threads(1)
    for name, *domains in pairs(a.folder):
        if name in a.pairs:
            run(name, *domains, a)


if __name__ == "__main__":
    main()
