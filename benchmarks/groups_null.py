"""How often does the judge see a difference between equals, where rows come in groups?

    python benchmarks/groups_null.py [--replicates 600]

Two sets of features are drawn that tell the classes equally well; every group (a speaker, a
patient) moves its classes in its own way. A linear model on each is judged with groups held out,
five folds, by the test of ``headstart train``, and by the same test without the correction for
training rows that folds share. Printed is how often each claims a difference, which should be at
most 5 times in 100.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from headstart.judge.verdict import from_answers

CASES = ((6, 100, 10, 0.6), (6, 100, 10, 1.2), (10, 60, 5, 1.0), (20, 30, 5, 1.0), (6, 100, 2, 1.5))
"""Groups, rows of each, classes, and how far groups move them."""
DIM, FOLDS, RIDGE = 10, 5, 10.0
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def features(y: Ints, groups: Ints, K: int, moved: float, rng: np.random.Generator) -> Floats:
    """Draw features (n, DIM): classes equally far apart, moved by group, and noise."""
    turn = np.linalg.qr(rng.normal(size=(DIM, DIM)))[0]
    centres = 3 * np.eye(K, DIM) @ turn
    own = moved * rng.normal(size=(groups.max() + 1, K, DIM))
    whole = moved * rng.normal(size=(groups.max() + 1, 1, DIM))
    return centres[y] + (own + whole)[groups, y] + 2 * rng.normal(size=(len(y), DIM))


def right(X: Floats, y: Ints, groups: Ints, parts: list[Ints]) -> Floats:
    """Say of every row whether ridge regression names it, its groups held out."""
    found = np.zeros(len(y))
    for part in parts:
        held = np.isin(groups, part)
        A, Y = X[~held], np.eye(y.max() + 1)[y[~held]]
        mean = A.mean(axis=0)
        W = np.linalg.solve((A - mean).T @ (A - mean) + RIDGE * np.eye(DIM), (A - mean).T @ Y)
        found[held] = ((X[held] - mean) @ W + Y.mean(axis=0)).argmax(axis=1) == y[held]
    return found


def plain(won: Floats, groups: Ints) -> float:
    """Test the mean over groups as if folds shared nothing: p."""
    G, mean = int(groups.max()) + 1, won.mean()
    sums = np.bincount(groups, (won - mean) / len(won))
    error = np.sqrt(np.square(sums).sum() * G / (G - 1))
    return float(2 * stdtr(G - 1, -abs(mean) / max(error, 1e-12)))


def main() -> None:
    """Draw, judge, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=600)
    count = parser.parse_args().replicates
    for G, rows, K, moved in CASES:
        rng, claims = np.random.default_rng(0), np.zeros(2)
        groups = np.repeat(np.arange(G), rows)
        for _ in range(count):
            y = np.concatenate([rng.permutation(np.arange(rows) % K) for _ in range(G)])
            parts = np.array_split(rng.permutation(G), FOLDS)
            one, other = (
                right(features(y, groups, K, moved, rng), y, groups, parts) for _ in range(2)
            )
            judged = from_answers((one - other)[None], FOLDS, groups=groups)
            claims += judged.p < 0.05, plain(one - other, groups) < 0.05
        judge, without = claims / count
        drawn = f"{G} groups of {rows}, {K} classes, moved by {moved}"
        print(f"{drawn}: {judge:.3f}; uncorrected {without:.3f}")


if __name__ == "__main__":
    main()
