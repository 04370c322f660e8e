"""How often the intervals of `headstart curve` at few labels cover the truth.

    python benchmarks/label_curve.py [SETS]

Sets are drawn from a law: classes lie in one or three clusters of unequal size. The truth of a draw
of labels is the accuracy on 3,000 further examples of the head that it gives. Printed is the share
of pairs (set, draw) where the interval of the set covers the truth of the draw, and the share of
sets where it covers the mean.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from headstart.judge.curve import label_curve
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels
from headstart.transfer.probe import Choice

FEW = (1, 2)
SHARES = np.array([0.6, 0.3, 0.1])
DIM = 30


@dataclass(frozen=True)
class World:
    """Classes at places of their own, each in clusters."""

    classes: int
    apart: float
    clusters: int

    def draw(self, rng: np.random.Generator, y: NDArray[np.int64]) -> NDArray[np.float32]:
        """Draw an example of each class named."""
        places = np.random.default_rng(1)
        centre = _unit(places.normal(size=(self.classes, 1, DIM)))
        cluster = _unit(places.normal(size=(self.classes, self.clusters, DIM)))
        shares = SHARES[: self.clusters] / SHARES[: self.clusters].sum()
        which = rng.choice(self.clusters, size=len(y), p=shares)
        means = self.apart * (centre + (cluster if self.clusters > 1 else 0))
        return (means[y, which] + rng.normal(size=(len(y), DIM))).astype(np.float32)

    def truths(self, per_class: int, draws: int = 200) -> NDArray[np.float64]:
        """Return the accuracy that each of many draws of so many labels gives."""
        rng = np.random.default_rng(9)
        seen, y = np.arange(3000) % self.classes, np.repeat(np.arange(self.classes), per_class)
        X, plain = self.draw(rng, seen), Choice("centroid", 0.0, 0.0, 1.0, [])
        heads = (plain.fit(self.draw(rng, y), y, self.classes) for _ in range(draws))
        return np.array([(head.logits(X).argmax(axis=1) == seen).mean() for head in heads])


def coverage(world: World, n: int, sets: int) -> dict[int, tuple[float, float, float]]:
    """By labels per class: share of draws and of means covered, and mean width."""
    truth = {m: world.truths(m) for m in FEW}
    found: dict[int, list[tuple[float, bool, float]]] = {m: [] for m in FEW}
    for s in range(sets):
        rng = np.random.default_rng(100 + s)
        y = rng.permutation(np.arange(n) % world.classes)
        labels = Labels(y, Classification.numbered(world.classes), None, False, s)
        for point in label_curve(world.draw(rng, y), {}, labels)["points"]:
            m, (low, high) = point["per_class"], point["transfer_ci95"]
            if m in truth:
                one = float(((low <= truth[m]) & (truth[m] <= high)).mean())
                found[m].append((one, low <= truth[m].mean() <= high, high - low))
    return {m: tuple(np.mean(rows, axis=0).tolist()) for m, rows in found.items()}


def _unit(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def main() -> None:
    """Print the shares for a few worlds."""
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    worlds = ((60, World(3, 4.0, 1)), (60, World(3, 4.0, 3)), (300, World(2, 5.0, 3)))
    with threadpool_limits(1):
        for n, world in worlds:
            for m, (one, mean, width) in coverage(world, n, sets).items():
                print(
                    f"{n} examples, {world}, {m} per class: covers {one:.3f} of draws, "
                    f"{mean:.3f} of means; {100 * width:.0f} points wide",
                    flush=True,
                )


if __name__ == "__main__":
    main()
