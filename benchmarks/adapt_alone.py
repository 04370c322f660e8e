"""What becomes of a model that adapts without its source: by set, over many draws.

    python benchmarks/adapt_alone.py --pacs FOLDER --digits FOLDER --texts DATA [--no-elpv]
        [--seeds 8] [--first 0]

Draws pairs of a labelled source and a target as ``adapt_choices.py`` does (which says what the
folders hold), of each domain with itself too, in two halves; 1,200 reviews of hotels and of
takeaway meals (``DATA/chinese``) and solar cells also with their classes as frequent as they are
there. A probe is fitted to the source, ``select_source_free`` chooses as ``headstart adapt RUN
TARGET`` does, and only then the target's labels are looked at. Printed are the mean gain over the
model as it is, and how many draws lose more than one and more than five points.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import adapt
import adapt_choices
from headstart.adaptation.sourcefree import SourceFree, select_source_free
from headstart.transfer.probe import fit_probe

NATURAL = ("elpv", "texts")
"""Sets that are drawn from as they are, too."""
ROWS, SIZES = 600, (30, 100)
Features = tuple[np.ndarray, np.ndarray]  # X (n, dim), y (n,)


def main() -> None:
    """Draw, choose and count."""
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--pacs", type=Path)
    ask.add_argument("--digits", type=Path)
    ask.add_argument("--texts", type=Path)
    ask.add_argument("--no-elpv", action="store_true")
    ask.add_argument("--seeds", type=int, default=8)
    ask.add_argument("--first", type=int, default=0)
    a = ask.parse_args()
    a.emoji = None
    sets = dict(adapt_choices.domains_of(a))
    if a.texts:
        with tempfile.TemporaryDirectory() as scratch:
            drawn = adapt.reviews(a.texts, Path(scratch), 0, 2 * ROWS)
            names = ("hotels", "takeaway")
            sets["texts"] = {n: wide(adapt.features(p)) for n, p in zip(names, drawn, strict=True)}
    gains: dict[str, list[float]] = defaultdict(list)
    for seed in range(a.first, a.first + a.seeds):
        for name, *pair in draws(sets, np.random.default_rng([seed, 5])):
            gains[name].append(gain(*pair, seed=seed))
    for name, found in gains.items():
        one = np.array(found)
        print(f"{name:14} {len(one):4} draws, gain {one.mean():+.3f}, worse by more than a point "
              f"{(one < -0.01).sum()}, by more than five {(one < -0.05).sum()}")  # fmt: skip


def wide(features: Features) -> Features:
    return features[0].astype(float), features[1]


def draws(
    sets: dict[str, dict[str, Features]], rng: np.random.Generator
) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Give a set's name, then source and target with their labels."""
    for name, domains in sets.items():
        for s, t in itertools.product(domains, repeat=2):
            called = f"{name}, halves" if s == t else name
            if name in NATURAL:
                yield called, *as_they_are(domains[s], domains[t], rng, halves=s == t)
            for size in SIZES:
                drawn = adapt_choices.draw(domains[s], domains[t], size, rng, halves=s == t)
                yield called, *drawn[:4]


def as_they_are(
    source: Features, target: Features, rng: np.random.Generator, *, halves: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw rows whatever their class."""
    own = adapt_choices.some(np.arange(len(source[1])), min(ROWS, len(source[1]) // 2), rng)
    others = np.arange(len(target[1]))
    others = adapt_choices.some(np.setdiff1d(others, own) if halves else others, ROWS, rng)
    return source[0][own], source[1][own], target[0][others], target[1][others]


def gain(Xs: np.ndarray, ys: np.ndarray, Xt: np.ndarray, yt: np.ndarray, *, seed: int) -> float:
    """Choose without the source; return what that gains on the target."""
    K, rng = int(ys.max()) + 1, np.random.default_rng(seed)
    order = rng.permutation(len(ys))
    order = order[np.argsort(ys[order], kind="stable")]
    fold = np.arange(len(ys)) % 5
    folds = [(order[fold != f], order[fold == f]) for f in range(5)]
    with threadpool_limits(1):
        model, _choice = fit_probe(Xs, ys, tuple(map(str, range(K))), folds, rivals=False)
        assert model.moments is not None
        found = select_source_free(SourceFree(model.head, model.moments, Xt, model.temperature))
    before, after = (h.logits(Xt).argmax(axis=1) for h in (model.head, found.head))
    return float((after == yt).mean() - (before == yt).mean())


if __name__ == "__main__":
    main()
