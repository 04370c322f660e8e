"""Are photos of something else noticed, and how often is an ordinary one called unfamiliar?

Trains each detector on four fifths of a data set and shows it the held-out fifth and every image of
every other data set: the area under the ROC curve, the share flagged at the detector's threshold,
and the share of held-out images flagged (over all five folds).

    python benchmarks/unfamiliar.py FOLDER FOLDER [FOLDER ...] [--few 20]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import roc_auc_score

from headstart.judge.calibration import false_alarms
from headstart.prepare.config import configure
from headstart.prepare.source import prepare
from headstart.tasks.splits import pairs, stratified_folds
from headstart.transfer.familiar import Familiarity


def unit(X):  # noqa: ANN001, ANN201
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def class_mean_cosine(X, y, K):  # noqa: ANN001, ANN201
    mean = X.mean(axis=0)
    centres = unit(np.stack([unit(X - mean)[y == c].sum(axis=0) for c in range(K)]))
    return lambda Q: (unit(Q - mean) @ centres.T).max(axis=1)


def neighbours(k: int):  # noqa: ANN201
    """Sun et al. (2022), "Out-of-distribution detection with deep nearest neighbors"."""

    def fit(X, y, K):  # noqa: ANN001, ANN202
        bank = unit(X)
        return lambda Q: np.sort(unit(Q) @ bank.T, axis=1)[:, -min(k, len(bank))]

    return fit


def mahalanobis(*, scaled: bool, relative: bool = False):  # noqa: ANN201
    """Lee et al. (2018); relative: Ren et al. (2021), arXiv:2106.09022."""

    def fit(X, y, K):  # noqa: ANN001, ANN202
        scale = unit if scaled else np.asarray
        X = scale(X)
        means = np.stack([X[y == c].mean(axis=0) for c in range(K)])
        overall = X.mean(axis=0)
        within = np.linalg.inv(ledoit_wolf(X - means[y], assume_centered=True)[0])
        whole = np.linalg.inv(ledoit_wolf(X)[0])

        def score(Q):  # noqa: ANN001, ANN202
            far = np.min([quadratic(scale(Q) - m, within) for m in means], axis=0)
            return (quadratic(scale(Q) - overall, whole) if relative else 0) - far

        return score

    return fit


def quadratic(D, P):  # noqa: ANN001, ANN201
    return np.einsum("nd,nd->n", D @ P, D)


DETECTORS = {
    "class-mean cosine": class_mean_cosine,
    "1st neighbour": neighbours(1),
    "5th neighbour": neighbours(5),
    "10th neighbour": neighbours(10),
    "Mahalanobis": mahalanobis(scaled=False),
    "Mahalanobis, unit length": mahalanobis(scaled=True),
    "relative Mahalanobis": mahalanobis(scaled=False, relative=True),
    "relative, unit length": mahalanobis(scaled=True, relative=True),
    "headstart": lambda X, y, K: Familiarity.fit(X, y, K).scores,
}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("data", nargs="+")
    ask.add_argument("--few", type=int, default=20, help="also train on so few images, 10 times")
    a = ask.parse_args()
    sets = {name(source): load(source) for source in a.data}
    areas = {kind: compare(sets, fit) for kind, fit in DETECTORS.items()}
    print("Area under the ROC curve, held-out fifth against every image of the other set")
    for kind, found in areas.items():
        values = list(found.values())
        low = ", ".join(f"{p[0]} > {p[1]} {v:.3f}" for p, v in found.items() if v < 0.9)
        print(f"  {kind:<26} mean {np.mean(values):.3f} worst {min(values):.3f}", end="  ")
        print(low if low.count(">") <= 6 else f"{low.count('>')} of {len(values)} pairs below 0.9")
    print("headstart: flagged of held-out images (95 % interval), and of the other sets")
    for own, (X, y, K) in sets.items():
        folds = pairs(stratified_folds(y, None, 5, np.random.default_rng(0)))
        alarm = false_alarms(X, y, K, folds)
        detector = Familiarity.fit(X[folds[0][0]], y[folds[0][0]], K)
        low, high = alarm.rate_ci95
        print(f"  {own:<24} {alarm.rate:.4f} ({low:.4f} to {high:.4f})", end="")
        others = {o: detector.is_unfamiliar(sets[o][0]).mean() for o in sets if o != own}
        print("  " + ", ".join(f"{o} {share:.2f}" for o, share in others.items()))
    rates = [few(X, y, a.few, seed) for X, y, _ in sets.values() for seed in range(10)]
    print(f"Trained on {a.few} images: {np.mean(rates):.3f} of the others flagged", end="")
    print(f" (one in n + 1 would be {1 / (a.few + 1):.3f})")


def name(source: str) -> str:
    return source if ":" in source else "/".join(Path(source).parts[-2:])


def load(source: str):  # noqa: ANN201
    ready = prepare(configure(source, {}), baseline=False)
    X = ready.features.vectors[0].astype(np.float64)
    return X, ready.labels.y, ready.labels.n_classes


def compare(sets, fit):  # noqa: ANN001, ANN201
    found = {}
    for own, (X, y, K) in sets.items():
        train, held = pairs(stratified_folds(y, None, 5, np.random.default_rng(0)))[0]
        score = fit(X[train], y[train], K)
        ordinary = score(X[held])
        for other in sets:
            if other != own:
                strange = score(sets[other][0])
                truth = np.repeat([1, 0], [len(ordinary), len(strange)])
                found[own, other] = roc_auc_score(truth, np.concatenate([ordinary, strange]))
    return found


def few(X, y, n: int, seed: int) -> float:  # noqa: ANN001
    order = np.random.default_rng(seed).permutation(len(X))
    _, labels = np.unique(y[order[:n]], return_inverse=True)
    detector = Familiarity.fit(X[order[:n]], labels, labels.max() + 1)
    return float(detector.is_unfamiliar(X[order[n:]]).mean())


if __name__ == "__main__":
    main()
