"""Texts with few labels: TF-IDF, the probe, and both mixed, on held-out texts.

    python benchmarks/text.py DATA [--sets sst2,waimai,chnsenticorp] [--draws 10] [--labels 8,64]

DATA holds ``sst2/train.tsv`` and ``test.tsv`` (text, tab, label), and
``chinese/waimai_10k/waimai_10k.csv`` and ``chinese/ChnSentiCorp_htl_all/ChnSentiCorp_htl_all.csv``
(label,review). Every draw takes so many labels of each class at random, 0 takes all there are; of
SST-2 the given test set is held out, of the others 800 texts drawn anew. What a method chooses, it
chooses inside the draw. Printed are mean and standard deviation of the accuracy over draws; test
sets are balanced, so it is the balanced accuracy too. Whole sets, with folds and a verdict, are for
``headstart train``.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from headstart.backbones import resolve
from headstart.data.items import Examples, Memory
from headstart.features.engines import Kitchen
from headstart.features.extract import extract
from headstart.features.store import FeatureStore
from headstart.machine import cache_folder, worker_count
from headstart.modalities import modality
from headstart.modalities.text.baselines import CHARACTERS, WORDS
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels, Stream
from headstart.transfer.choosing import choose
from headstart.transfer.pair import Pair

MOST = 2400
"""Texts of a set without a test set that are embedded at most."""
HELD = 800
LABELS = {"sst2": (8, 64), "waimai": (50, 200), "chnsenticorp": (50, 200)}
CHINESE = {"waimai": "waimai_10k", "chnsenticorp": "ChnSentiCorp_htl_all"}
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Set:
    """Texts of two classes, known by vectors and by counts; ``n_train`` of them to learn from.

    With an ``n_train`` of 0 every draw holds out ``HELD`` texts of its own.
    """

    vectors: NDArray[np.float32]
    rivals: dict[str, Pair]
    y: Ints
    n_train: int

    def draw(self, per_class: int, seed: int) -> tuple[Ints, Ints]:
        """Draw rows to learn from, and rows to score."""
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(self.y))
        pool, held = order[HELD:], order[:HELD]
        if self.n_train:
            pool, held = order[order < self.n_train], np.arange(self.n_train, len(self.y))
        most = per_class or len(pool)
        rows = np.concatenate([pool[self.y[pool] == c][:most] for c in (0, 1)])
        return rng.permutation(rows), held


def spaces(known: Set) -> dict[str, object]:
    """Return what each method learns from, by name."""
    return {
        "TF-IDF of words": known.rivals[WORDS].counts,
        "TF-IDF of characters": known.rivals[CHARACTERS].counts,
        "probe": known.vectors,
        "mix": known.rivals[CHARACTERS],
    }


def accuracy(X: object, y: Ints, rows: Ints, held: Ints, seed: int) -> float:
    """Choose and fit on some rows, score on others."""
    labels = Labels(y, Classification.numbered(2), None, False, seed)
    few, folds = labels.choosing(rows, Stream.MODEL_HEAD)
    choice = choose(X, labels, few, folds)  # type: ignore[arg-type]
    head = choice.fit(X[rows], y[rows], 2, exact=True)  # type: ignore[index]
    return float((head.logits(X[held]).argmax(axis=1) == y[held]).mean())  # type: ignore[index]


def read(data: Path, name: str) -> tuple[list[str], Ints, int]:
    """Read a set: texts, labels, and how many of them are its training part."""
    if name == "sst2":
        parts = [
            [line.split("\t") for line in (data / "sst2" / f"{part}.tsv").open(encoding="utf-8")]
            for part in ("train", "test")
        ]
        rows = [(text, int(label)) for part in parts for text, label in part]
        return [t for t, _ in rows], np.array([y for _, y in rows]), len(parts[0])
    path = data / "chinese" / CHINESE[name] / f"{CHINESE[name]}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        found = {row["review"]: int(row["label"]) for row in csv.DictReader(file) if row["review"]}
    y = np.array(list(found.values()))
    rng = np.random.default_rng(0)
    own = [rng.permutation(np.flatnonzero(y == c))[: MOST // 2] for c in (0, 1)]
    rows = np.sort(np.concatenate(own)).tolist()
    texts = list(found)
    return [texts[i] for i in rows], y[rows], 0


def known(texts: list[str], y: Ints, n_train: int) -> Set:
    """Embed and count texts; vectors come from the cache the second time."""
    text = modality("text")
    items = Memory(tuple(t.encode() for t in texts), kind="cell")
    examples = Examples(tuple(map(str, range(len(texts)))), items, text)
    with FeatureStore(cache_folder()) as store:
        digests = extract(examples, [], store, workers=worker_count()).digests
        kitchen = Kitchen(cache_folder(), worker_count())
        engine = kitchen.engine(resolve(text.backbone(lambda: digests)))
        found = extract(examples, [engine], store, workers=worker_count())
    vectors = found.vectors[0]
    pairs = {name: Pair.of(text, name, vectors, digests) for name in (WORDS, CHARACTERS)}
    return Set(vectors, pairs, y, n_train)


def table(
    known: Set, per_class: tuple[int, ...], draws: int, say: Callable[[str], None] = print
) -> None:
    """Print a line for every method and number of labels."""
    for many in per_class:
        for name, X in spaces(known).items():
            scores = [accuracy(X, known.y, *known.draw(many, seed), seed) for seed in range(draws)]
            spread = np.std(scores, ddof=1) if draws > 1 else 0.0
            say(f"{many:6} a class  {name:22} {np.mean(scores):.3f} (sd {spread:.3f})")


def main() -> None:
    """Read, embed, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default=",".join(LABELS))
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--labels", help="of each class, with commas; default: by the set")
    asked = parser.parse_args()
    for name in asked.sets.split(","):
        per_class = tuple(map(int, asked.labels.split(","))) if asked.labels else LABELS[name]
        print(name)
        with threadpool_limits(1):
            table(known(*read(asked.data, name)), per_class, asked.draws)


if __name__ == "__main__":
    main()
