"""How often do tests on repeated cross-validation claim a difference between equals?

Two models of equal true accuracy on independent features, judged on the same 10 x 5 folds of 72
examples; over many data sets the share of claims at 5 % should be 5 %.

    python benchmarks/null_tests.py --data-sets 300
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from scipy.stats import t

from headstart.data.splits import pairs, stratified_folds
from headstart.judge.intervals import corrected_t


def fold_accuracies(X: np.ndarray, y: np.ndarray, folds: list) -> np.ndarray:
    """Nearest class mean, fold by fold."""
    found = []
    for train, held in folds:
        means = np.stack([X[train][y[train] == c].mean(axis=0) for c in (0, 1)])
        apart = ((X[held][:, None] - means) ** 2).sum(axis=2)
        found.append(np.mean(apart.argmin(axis=1) == y[held]))
    return np.array(found)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--data-sets", type=int, default=300)
    ask.add_argument("--n", type=int, default=72)
    ask.add_argument("--distance", type=float, default=1.35, help="between class means; 75 %%")
    a = ask.parse_args()
    claims = {"plain t-test": 0, "corrected resampled t-test": 0}
    for seed in range(a.data_sets):
        rng = np.random.default_rng(seed)
        y = np.arange(a.n) % 2
        first, second = (rng.normal(size=(a.n, 5)) for _ in range(2))
        for X in (first, second):
            X[:, 0] += a.distance * y
        folds = [f for _ in range(10) for f in pairs(stratified_folds(y, None, 5, rng))]
        d = fold_accuracies(first, y, folds) - fold_accuracies(second, y, folds)
        plain = abs(d.mean()) / (d.std(ddof=1) / np.sqrt(len(d)))
        mean, se, df = corrected_t(d, 1 / 4)
        claims["plain t-test"] += plain > t.ppf(0.975, len(d) - 1)
        claims["corrected resampled t-test"] += abs(mean) / se > t.ppf(0.975, df)
    rates = {name: round(float(count) / a.data_sets, 3) for name, count in claims.items()}
    print(json.dumps({"n": a.n, "data_sets": a.data_sets, "claims": rates}))


if __name__ == "__main__":
    main()
