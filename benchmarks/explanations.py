"""Do the maps of the report mark what the model goes by?

Fits a probe on half of each dataset and explains held-out images by three slopes: of the class's
log-odds (what headstart uses), of its logit against the runner-up's, and against the mean of all
others. Covers the marked fifth, and as much elsewhere, and compares how far the belief in the class
falls: a good map makes the first fall deep and the second little.

    python benchmarks/explanations.py FOLDER [FOLDER ...] [--backbone NAME] [--sheet maps.png]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

from headstart.backbones import resolve
from headstart.data.sources import open_source
from headstart.features.engines import Kitchen
from headstart.features.extract import extract
from headstart.features.store import FeatureStore
from headstart.judge import explain as ex
from headstart.judge.maps import Slope, mapper
from headstart.machine import cache_folder, worker_count
from headstart.modalities.image.show import overlay
from headstart.transfer import FittedModel
from headstart.transfer.heads import HEADS, LinearHead
from headstart.transfer.logistic import softmax


def against_runner_up(model: FittedModel, target: int) -> Slope:
    """Slope of the class's logit less that of the next best."""

    def slope(x: np.ndarray) -> np.ndarray:
        logits = model.head.logits(x[None].astype(float))[0]
        logits[target] = -np.inf
        return model.head.slope(x, target) - model.head.slope(x, int(logits.argmax()))

    return slope


def against_mean(model: FittedModel, target: int) -> Slope:
    """Slope of the class's logit less the mean of the others."""

    def slope(x: np.ndarray) -> np.ndarray:
        others = [c for c in range(len(model.classes)) if c != target]
        mean = np.mean([model.head.slope(x, c) for c in others], axis=0)
        return model.head.slope(x, target) - mean

    return slope


SLOPES = {"log-odds": ex._log_odds_slope, "runner-up": against_runner_up, "mean": against_mean}


def fitted(kind: str, X: np.ndarray, y: np.ndarray, classes: tuple[str, ...]) -> FittedModel:
    """Fit a head of a kind; logistic regression by scikit-learn."""
    if kind != "logistic":
        return FittedModel("probe", HEADS[kind].fit(X, y, len(classes)), 1.0, classes)
    from sklearn.linear_model import LogisticRegression

    centre, spread = X.mean(axis=0), X.std()
    found = LogisticRegression(C=0.01, max_iter=500).fit((X - centre) / spread, y)
    W, b = found.coef_.T / spread, found.intercept_
    if len(classes) == 2:
        W, b = np.hstack([-W / 2, W / 2]), np.array([-b[0] / 2, b[0] / 2])
    return FittedModel("probe", LinearHead(W, b - centre @ W), 1.0, classes)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("data", nargs="+")
    ask.add_argument("--backbone", default="efficientnet-lite0")
    ask.add_argument("--images", type=int, default=48)
    ask.add_argument("--heads", nargs="+", default=["logistic"])
    ask.add_argument("--sheet", type=Path, help="draw the first maps of every dataset")
    a = ask.parse_args()
    cache, ref, drawn = cache_folder(), resolve(a.backbone), []
    kitchen = Kitchen(cache, worker_count())
    engine = kitchen.engine(ref)
    network = mapper(ref, engine, kitchen)
    if network is None:
        raise SystemExit(f"{ref} has no maps.")
    print(f"{ref} by {engine.name}, exact: {network.exact}")
    for source in a.data:
        dataset = open_source(source, cache_dir=cache)
        with FeatureStore(cache) as store:
            X = extract(dataset.examples, [engine], store, workers=worker_count()).vectors[0]
        order = np.random.default_rng(0).permutation(len(X))
        train, held = np.split(order, [len(order) // 2])
        for kind in a.heads:
            model = fitted(kind, X[train], dataset.labels[train], dataset.classes)
            proba = softmax(model.head.logits(X[held].astype(float)))
            picks = [int(held[i]) for i, _ in ex.choose(proba, dataset.labels[held], a.images)]
            right = (proba.argmax(axis=1) == dataset.labels[held]).mean()
            print(f"{source} {kind}: {len(held)} held out, {right:.1%} right")
            for name, slope in SLOPES.items():
                ex._log_odds_slope = slope
                start = time.perf_counter()
                found = ex.explain(dataset.examples, picks, model, network)
                figures = ex.integrity(found, model, network, dataset.modality)
                seconds = time.perf_counter() - start
                assert figures is not None
                print(
                    f"    {name:<10} {len(found)} maps: covered {figures['covered_drop']:.3f}, "
                    f"elsewhere {figures['elsewhere_drop']:.3f}, p {figures['p']:.1e}, "
                    f"{seconds:.1f} s"
                )
                if name == "log-odds":
                    drawn += [np.hstack([_small(e), overlay(e.seen, e.weight)]) for e in found[:6]]
            ex._log_odds_slope = SLOPES["log-odds"]
    if a.sheet:
        rows = [np.hstack(drawn[i : i + 3]) for i in range(0, len(drawn) - 2, 3)]
        Image.fromarray(np.vstack(rows)).save(a.sheet)


def _small(e: ex.Explanation) -> Image.Image:
    return Image.fromarray(e.seen)


if __name__ == "__main__":
    main()
