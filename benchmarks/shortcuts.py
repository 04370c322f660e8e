"""What do circumstances tell of the classes of real sets, and how often is chance taken for it?

For each set: how well every circumstance alone names the class (balanced accuracy), which of them
would be warned of beside a model of 95 %, and how often any is found once the labels are dealt anew
and the model is at chance, so that the size of an effect holds nothing back: 1 % is promised.

    python benchmarks/shortcuts.py FOLDER [FOLDER ...] builtin:elpv --dealt 300
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from headstart.data.sources import open_source
from headstart.features.extract import extract
from headstart.features.store import FeatureStore
from headstart.judge.shortcuts import _independent, _levels, _score, find_shortcuts, names_alike
from headstart.modalities.image import ImageModality
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels

MODEL = 0.95


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--dealt", type=int, default=300)
    asked = parser.parse_args()
    images = ImageModality()
    for name in asked.sets:
        with tempfile.TemporaryDirectory() as cache, FeatureStore(Path(cache)) as store:
            dataset = open_source(name, cache_dir=Path(cache))
            read = extract(dataset.examples, [], store, workers=2)
        groups = images.copies(read.hashes, read.digests).component
        labels = Labels(dataset.labels, Classification(dataset.classes), groups, False, 0)
        names = names_alike(dataset.refs, dataset.classes, dataset.labels)
        told = [
            {**images.circumstances(d), "file name": n}
            for d, n in zip(read.digests, names, strict=True)
        ]
        rows, y = _independent(labels)
        alone = {
            circumstance: _score(level, y)
            for circumstance, level in _levels([told[i] for i in rows], labels.n_classes).items()
        }
        best = ", ".join(f"{n} {s:.1%}" for n, s in sorted(alone.items(), key=lambda i: -i[1])[:4])
        warned = find_shortcuts(told, labels, MODEL, of_content=images.of_content)
        chance, rng = 1 / labels.n_classes, np.random.default_rng(0)
        alarms = sum(
            bool(find_shortcuts(told, replace(labels, y=rng.permutation(labels.y)), chance + 1e-6))
            for _ in range(asked.dealt)
        )
        print(f"{name}: {len(dataset)} images, chance {chance:.1%}; {best}")
        print(f"  warned of: {[s.name for s in warned]}; found in {alarms} of {asked.dealt} dealt")


if __name__ == "__main__":
    main()
